"""``gnomon power``."""

from __future__ import annotations

from typing import Any

import attrs
import click

from gnomon.cli.common import json_option, print_json
from gnomon.cli.validate import check_planting, setting_from, simulation_options
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED


@click.command("power")
@click.argument("measure")
@click.option(
    "--effect", type=float, required=True, help="The effect to find, in units of the score."
)
@click.option(
    "--power",
    "target",
    type=float,
    default=0.8,
    show_default=True,
    help="The power wanted.",
)
@click.option("--statistic", help="Label of the statistic; the measure's main one unless given.")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="The most repeats to try.",
)
@click.option("--model", metavar="BACKEND:MODEL", help="Also say what the run would cost.")
@simulation_options
@json_option
@click.pass_context
def command(ctx: click.Context, /, measure: str, **options: Any) -> None:
    """Say how many repeats or items a measure needs to find an effect, by simulation.

    The measure's own design and test are simulated on planted respondents; where the statistic has an
    exact formula its power is shown beside. The exit code is 1 when the most repeats tried are too few.

    \b
    gnomon power implicit-bias --effect 0.05
    """
    from gnomon.run.plan import make_plan
    from gnomon.simulation import power_of

    check_planting(options)
    catalogue, setting = setting_from(measure, options)
    report = power_of(
        setting,
        effect=options["effect"],
        noise=options["noise"],
        target=options["target"],
        alpha=options["alpha"],
        runs=options["runs"],
        most=options["most"],
        statistic=options["statistic"],
    )
    request = attrs.evolve(setting.request, repeats=report.repeats or report.most)
    prices = {}
    if options["model"] is not None:
        from gnomon.modelname import make_backend

        price = getattr(make_backend(catalogue, options["model"]), "price", None)
        prices["subject"] = price() if price is not None else None
    plan = make_plan(request, "free", prices)
    if options["as_json"]:
        loads = {role: attrs.asdict(load) for role, load in plan.roles.items()}
        print_json({**attrs.asdict(report), "trials": plan.trials, "roles": loads})
    else:
        _print_report(report, plan)
    ctx.exit(EXIT_DONE if report.repeats is not None else EXIT_VIOLATED)


def _print_report(report: Any, plan: Any) -> None:
    click.echo(
        f"{report.measure}, {report.statistic}: effect {report.effect:g} (noise {report.noise:g}), "
        f"alpha {report.alpha:g}, {report.runs} simulated runs"
    )
    for one in report.tried:
        exact = "" if one.exact is None else f"; exact formula {100 * one.exact:.1f} %"
        click.echo(
            f"  {one.repeats} repeats x {one.items} items (n {one.units:.0f}): power "
            f"{100 * one.power:.1f} ± {100 * one.error:.1f} %{exact}"
        )
    if report.repeats is None:
        click.echo(
            f"power {report.target:.0%} is not reached with {report.most} repeats (--most)",
            err=True,
        )
        return
    click.echo(f"power {report.target:.0%} needs {report.repeats} repeats of all items")
    if report.items is not None:
        click.echo(f"at the measure's own repeats {report.items} items are enough")
    for role, load in plan.roles.items():
        cost = "cost unknown" if load.cost is None else f"cost about {load.cost:.4f} $"
        click.echo(
            f"  {role}: {load.asks} asks, about {load.tokens_in} tokens in, "
            f"{load.tokens_out_low} to {load.tokens_out_high} out, {cost}"
        )
