"""``gnomon compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from gnomon.cli.common import database_option, junit_option, plugin_option
from gnomon.cli.tables import Form, form_options, write
from gnomon.cli.values import Between, Run
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED

if TYPE_CHECKING:
    from gnomon.run.comparing import Comparison
    from gnomon.run.conditions import Verdict


@click.command("compare")
@click.argument("first", type=Run(), metavar="RUN")
@click.argument("second", type=Run(), metavar="RUN")
@database_option
@click.option("--score", "scores", multiple=True, help="Compare this score. May be given again.")
@click.option(
    "--level",
    type=Between(0, 1),
    help="Confidence level of the intervals; 0.95 unless given.",
)
@click.option(
    "--fail-if",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Exit with 1 when this is so of a score. May be given again; one is enough.",
)
@junit_option
@plugin_option
@form_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    first: int,
    second: int,
    database: Path,
    scores: tuple[str, ...],
    level: float | None,
    conditions: tuple[str, ...],
    junit: Path | None,
    plugin_files: tuple[Path, ...],
    form: Form | None,
) -> None:
    """Compare two runs of one measure: first minus second, paired by item, condition and repeat.

    Pairs of one item are not independent, so the error is clustered by item. The test that an unpaired
    comparison would have made stands below, with the ratio of the standard errors. Scores are those of the
    measure's statistics unless named; p-values are not corrected over scores.

    A CONDITION compares a number of the comparison with one of yours: 'p < 0.05', '|difference| > 0.1',
    'low > 0', 'd-z.low > 0.2', with 'and' and 'or', and 'SCORE:' before it for one score. 'outside 0.1'
    is so unless the whole interval lies between -0.1 and 0.1: with --level 0.9 it is not so only where two
    one-sided tests at 0.05 say that the runs are the same within 0.1. What cannot be told, because no test could be made, counts as so.

    CSV has a row for each estimate, and in it as JSON the notes on the two runs ('notes') and what became of
    every CONDITION for the row's score ('conditions').

    \b
    gnomon compare 1 2
    gnomon compare 1 2 --score association-d --json
    gnomon compare 2 1 --fail-if "p < 0.01 and |difference| > 0.1" --junit moved.xml
    gnomon compare 2 1 --level 0.9 --fail-if "outside 0.1"
    """
    from gnomon.catalogue import Catalogue
    from gnomon.cli.checks import verdict_cases
    from gnomon.cli.junit import check_place, write_junit
    from gnomon.run.comparing import compare
    from gnomon.run.conditions import parse_condition, verdicts
    from gnomon.store import Store

    parsed = [parse_condition(text) for text in conditions]
    check_place(junit, database)
    with Store.open(database) as store:
        found = compare(store, first, second, Catalogue(files=plugin_files), scores, level=level)
    made = verdicts(parsed, found.estimates)
    _print(found, made, form)
    if junit is not None:
        suite = f"{found.measure}: run {first} minus run {second}"
        write_junit(junit, verdict_cases(suite, made))
    ctx.exit(EXIT_VIOLATED if any(verdict.fails for verdict in made) else EXIT_DONE)


def _print(found: Comparison, made: Sequence[Verdict], form: Form | None) -> None:
    from gnomon.cli.checks import verdict_table
    from gnomon.cli.estimates import estimate_tables, rows_of
    from gnomon.store import EstimateRow

    first, second = found.runs
    rows = rows_of(
        EstimateRow(
            run=first,
            measure=found.measure,
            model=" minus ".join(found.models),
            format=f"run {first} minus run {second},",
            estimate=estimate,
        )
        for estimate in found.estimates
    )
    tables = estimate_tables(rows, titles=False)
    title = (
        f"run {first} ({found.models[0]}) minus run {second} ({found.models[1]}), paired by "
        f"{', '.join(found.paired_by)}"
    )
    if tables:
        tables[0] = attrs.evolve(tables[0], above=(title,))
        tables[-1] = attrs.evolve(
            tables[-1], notes=(*tables[-1].notes, *(f"note: {note}" for note in found.notes))
        )
    if made:
        tables.append(verdict_table(made))
    plain = [
        {name: value for name, value in row.items() if name not in ("run", "model", "format")}
        for row in rows
    ]
    data: Any = plain
    if form == "csv":
        data = [_told(row, found, made) for row in plain]
    elif form == "json":
        data = {
            "measure": found.measure,
            "runs": found.runs,
            "models": found.models,
            "paired_by": found.paired_by,
            "notes": found.notes,
            "estimates": plain,
            "conditions": [_judged(verdict) for verdict in made],
        }
    write(
        form, tables, lambda: data, empty=f"{title}\nthe measure has no statistic; name a --score"
    )


def _told(row: dict[str, Any], found: Comparison, made: Sequence[Verdict]) -> dict[str, Any]:
    """A row that needs no table beside it: which runs it is of, the notes, and its score's conditions."""
    first, second = zip(found.runs, found.models, strict=True)
    return {
        "first_run": first[0],
        "first_model": first[1],
        "second_run": second[0],
        "second_model": second[1],
        **row,
        "paired_by": found.paired_by,
        "notes": found.notes,
        "conditions": [_judged(verdict) for verdict in made if verdict.score == row["of"]],
    }


def _judged(verdict: Verdict) -> dict[str, Any]:
    return {**attrs.asdict(verdict), "verdict": verdict.word}
