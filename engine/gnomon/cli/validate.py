"""``gnomon validate``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import click

from gnomon.cli import terminal
from gnomon.cli.common import file_option as measure_file_option
from gnomon.cli.common import (
    files_of,
    json_option,
    load_measure,
    only_of,
    pairs,
    plan_options,
    plugin_option,
    print_json,
)
from gnomon.cli.tables import Column, Table, write
from gnomon.cli.values import AtLeast, Between, NotBelow, Number
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED, UsageError

if TYPE_CHECKING:
    from gnomon.simulation import Finding, Report


def simulation_options(function: Any) -> Any:
    """The options that say what is simulated; shared by ``validate`` and ``power``."""
    for option in reversed(
        [
            click.option(
                "--noise",
                type=NotBelow(0),
                default=0.1,
                show_default=True,
                help="Standard deviation of the effect from trial to trial.",
            ),
            click.option(
                "--runs",
                type=AtLeast(2),
                default=200,
                show_default=True,
                help="Simulated runs of each kind.",
            ),
            click.option(
                "--alpha",
                type=Between(0, 1),
                default=0.05,
                show_default=True,
                help="Level of the tests.",
            ),
            *plan_options,
            click.option(
                "--role",
                "roles",
                multiple=True,
                metavar="ROLE=MODEL",
                help="A model in a role that would be planted.",
            ),
            measure_file_option,
            plugin_option,
        ]
    ):
        function = option(function)
    return function


def check_planting(options: dict[str, Any]) -> None:
    """The effect and the noise are numbers that can be planted."""
    for name in ("effect", "noise"):
        if not math.isfinite(options[name]):
            raise UsageError(f"--{name} is a finite number; it is {options[name]}")


def setting_from(measure: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """The catalogue, and the setting that the options describe."""
    from gnomon.run import RunRequest
    from gnomon.run.checks import check_request
    from gnomon.simulation import setting_of

    files = files_of(options["files"])
    catalogue, spec = load_measure(measure, options["plugin_files"], files)
    request = RunRequest(
        spec=spec,
        roles=pairs(options["roles"], "--role"),
        seed=options["seed"],
        repeats=options["repeats"],
        limit=options["limit"],
        only=only_of(options["only"]),
        files=files,
    )
    check_request(request)
    return catalogue, setting_of(request, catalogue)


@click.command("validate")
@click.argument("measure")
@click.option(
    "--effect",
    type=Number(),
    default=0.3,
    show_default=True,
    help="The effect to plant, in units of the score.",
)
@simulation_options
@click.option(
    "--processes",
    type=AtLeast(1),
    default=2,
    show_default=True,
    help="Processes that simulate.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, /, measure: str, **options: Any) -> None:
    """Try a measure on planted respondents: does it find what is there, and nothing else?

    Prompts are rendered, replies are parsed and scored, and the measure's own statistics computed, on
    respondents with a known effect and with none; without a nuisance, and with refusals, replies out of
    form, a bias for the option shown first, a bias for a label, and a judge who misreads, in turn. The
    exit code is 1 when a statistic finds what is not there, misses its true value or its coverage.

    \b
    gnomon validate implicit-bias --effect 0.3 --runs 100
    """
    from gnomon.simulation import Workplace, validate

    if options["effect"] == 0:
        raise UsageError("--effect must not be 0; no effect is always tried as well")
    check_planting(options)
    _, setting = setting_from(measure, options)
    report = validate(
        Workplace(
            setting=setting,
            plugin_files=options["plugin_files"],
            processes=options["processes"],
        ),
        effect=options["effect"],
        noise=options["noise"],
        runs=options["runs"],
        alpha=options["alpha"],
    )
    if options["as_json"]:
        print_json({**attrs.asdict(report), "breaking": report.breaking, "failed": report.failed})
    else:
        _print_report(report)
    ctx.exit(EXIT_VIOLATED if report.failed else EXIT_DONE)


def _rate(rate: Any, *, percent: bool = True) -> str:
    if rate is None:
        return "–"
    return f"{100 * rate.value:.1f} ± {100 * rate.error:.1f}" if percent else f"{rate.value:+.3f}"


def _row(found: Finding) -> tuple[str, ...]:
    return (
        found.nuisance,
        found.statistic + ("" if found.groups == 1 else f" ({found.groups})"),
        "–" if found.units is None else f"{found.units:.0f}",
        _rate(found.type_1),
        _rate(found.bias, percent=False),
        _rate(found.coverage),
        _rate(found.power),
        "fault" if found.faults else ("ok" if found.judged else "–"),
    )


def _print_report(report: Report) -> None:
    terminal.relate(
        f"{report.measure}: {report.simulated} simulated runs, {report.runs} of each kind, planted "
        f"effect {report.effect:g} (noise {report.noise:g})"
    )
    head = ("nuisance", "statistic", "n", "type I %", "bias", "coverage %", "power %", "")
    # What is only described, with nothing known of its true value, has nothing to show here.
    rows = [_row(one) for one in report.findings if one.type_1 is not None or one.bias is not None]
    named = [
        ("" if place and rows[place - 1][0] == row[0] else row[0], *row[1:])
        for place, row in enumerate(rows)
    ]
    columns = tuple(
        Column(name, right=2 <= place <= 6, gives="no" if place >= 2 else "wrap")
        for place, name in enumerate(head)
    )
    unsure = any(not one.judged and not one.faults for one in report.findings)
    notes = ("–: not judged, for it rests on too few units or tests nothing",) if unsure else ()
    write(None, [Table(columns=columns, rows=tuple(named), notes=notes)], list, empty="")
    for found in report.findings:
        for fault in found.faults:
            terminal.relate(f"{found.nuisance}: {found.statistic} {fault}")
    broken = [name for name in report.breaking if name != "none"]
    if report.failed:
        terminal.relate("the measure fails")
    elif not any(one.judged for one in report.findings):
        terminal.relate(
            "nothing was judged: give more --runs, or --repeats for statistics of more units"
        )
    elif broken:
        terminal.relate(f"the measure holds; {', '.join(broken)} change what it finds")
    else:
        terminal.relate("the measure holds")
