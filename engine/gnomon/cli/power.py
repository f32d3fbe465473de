"""``gnomon power``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click

from gnomon.cli import terminal
from gnomon.cli.common import json_option, print_json
from gnomon.cli.tables import Column, Table, write
from gnomon.cli.validate import check_planting, setting_from, simulation_options
from gnomon.cli.values import AtLeast, Between, Number
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED, UsageError, counted

if TYPE_CHECKING:
    from gnomon.simulation.power import Power


@click.command("power")
@click.argument("measure")
@click.option(
    "--effect", type=Number(), required=True, help="The effect to find, in units of the score."
)
@click.option(
    "--power",
    "target",
    type=Between(0, 1),
    default=0.8,
    show_default=True,
    help="The power wanted.",
)
@click.option("--statistic", help="Label of the statistic; the measure's main one unless given.")
@click.option(
    "--most",
    type=AtLeast(1),
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
    from gnomon.run.plan import charges, make_plan
    from gnomon.simulation import power_of

    check_planting(options)
    if options["effect"] == 0:
        raise UsageError(
            "--effect must not be 0: what is not there is found as often as --alpha says"
        )
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
    backends = {}
    if options["model"] is not None:
        from gnomon.modelname import make_backend

        backends["subject"] = make_backend(catalogue, options["model"])
    plan = make_plan(request, "free", *charges(backends))
    if options["as_json"]:
        loads = {role: attrs.asdict(load) for role, load in plan.roles.items()}
        print_json({**attrs.asdict(report), "trials": plan.trials, "roles": loads})
    else:
        _print_report(report, plan)
    ctx.exit(EXIT_DONE if report.repeats is not None else EXIT_VIOLATED)


def _tried(tried: Sequence[Power]) -> Table:
    """Every size that was tried, and its power."""
    exact = any(one.exact is not None for one in tried)
    headings = ("repeats", "items", "n", "power %", "95% interval", *(["exact %"] if exact else []))
    rows = [
        (
            str(one.repeats),
            str(one.items),
            "none" if one.why else f"{one.units:.0f}",
            "no test" if one.why else f"{100 * one.power:.1f}",
            "" if one.why else f"[{100 * one.low:.1f}, {100 * one.high:.1f}]",
            *(["" if one.exact is None else f"{100 * one.exact:.1f}"] if exact else []),
        )
        for one in tried
    ]
    notes = [] if not exact else ["exact: by the statistic's own formula"]
    notes += [
        f"{one.repeats} × {one.items}: no test could be made: {one.why}" for one in tried if one.why
    ]
    columns = tuple(Column(heading, right=True) for heading in headings)
    return Table(columns=columns, rows=tuple(rows), notes=tuple(notes))


def _print_report(report: Any, plan: Any) -> None:
    terminal.relate(
        f"{report.measure}, {report.statistic}: effect {report.effect:g} (noise {report.noise:g}), "
        f"alpha {report.alpha:g}, {report.runs} simulated runs"
    )
    write(None, [_tried(report.tried)], list, empty="")
    if report.repeats is None:
        terminal.tell(
            f"power {report.target:.0%} is not reached with {counted(report.most, 'repeat')} (--most)",
            err=True,
        )
        return
    terminal.relate(
        f"power {report.target:.0%} needs {counted(report.repeats, 'repeat')} of all items"
    )
    if report.items is not None:
        are = "is" if report.items == 1 else "are"
        terminal.tell(f"at the measure's own repeats {counted(report.items, 'item')} {are} enough")
    for role, load in plan.roles.items():
        cost = "cost unknown" if load.cost is None else f"cost about {load.cost:.4f} $"
        terminal.relate(
            f"  {role}: {counted(load.asks, 'ask')}, about {load.tokens_in} tokens in, "
            f"{load.tokens_out_low} to {load.tokens_out_high} out, {cost}"
        )
