"""``gnomon failures``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from gnomon.cli.common import database_option, no_runs, of_measure, plugin_option
from gnomon.cli.tables import Column, Form, Table, form_options, write
from gnomon.cli.values import AtLeast, Run

if TYPE_CHECKING:
    from gnomon.run import failing

SHOWN = 200
"""Most characters of a reply in a table."""
LONG = 160
"""A reply that is longer has more than its form shows."""


@click.command("failures")
@click.argument("runs", nargs=-1, type=Run(), metavar="[RUN]...")
@database_option
@click.option("--measure", help="Only this measure.")
@click.option("--score", "scores", multiple=True, help="Only this score. May be given again.")
@click.option(
    "--top",
    type=AtLeast(1),
    default=10,
    show_default=True,
    help="How many forms of each kind are shown.",
)
@plugin_option
@form_options
def command(
    runs: tuple[int, ...],
    database: Path,
    measure: str | None,
    scores: tuple[str, ...],
    top: int,
    plugin_files: tuple[Path, ...],
    form: Form | None,
) -> None:
    """Show the commonest replies that could not be read, and what would have been; refusals and errors.

    Replies are put together by their form: without case, dress and numbers, and with the trial's own words
    replaced by their names. Beside each stands what the scorer says it reads, or the nearest reply that
    was read. 'gnomon show TRIAL' shows one as a whole.

    \b
    gnomon failures
    gnomon failures 3 --score association-d --top 20
    """
    from gnomon.catalogue import Catalogue
    from gnomon.run.failing import Form as Replies
    from gnomon.run.failing import explained, failed_calls, forms_of
    from gnomon.run.naming import scores_there
    from gnomon.run.states import states_of
    from gnomon.store import Store

    catalogue = Catalogue(files=plugin_files)
    tables: list[Table] = []
    rows: list[failing.Form] = []
    with Store.open(database) as store:
        states = of_measure(states_of(store, runs), measure, database)
        chosen = [state.run for state in states]
        there = scores_there(store, chosen, scores if chosen else ())
        for run_id in chosen:
            if scores and not there[run_id]:
                continue
            for group in _by_kind(forms_of(store, run_id, catalogue, there[run_id])):
                shown = explained(store, group[:top], catalogue)
                rows += shown
                tables.append(_table(shown, group))
        calls = failed_calls(store, chosen) if chosen and not scores else []
        for group in _by_kind(calls):
            rows += group[:top]
            tables.append(_table(group[:top], group))
    empty = "every score has a number and every call an answer" if chosen else no_runs(database)
    heads = [field.name for field in attrs.fields(Replies)]
    write(form, tables, lambda: [attrs.asdict(row) for row in rows], empty=empty, heads=heads)


def _by_kind(forms: Sequence[failing.Form]) -> list[list[failing.Form]]:
    groups: dict[tuple[object, ...], list[failing.Form]] = {}
    for one in forms:
        groups.setdefault((one.run, one.score, one.status), []).append(one)
    return list(groups.values())


def _table(shown: Sequence[failing.Form], group: Sequence[failing.Form]) -> Table:
    """One run, score and status."""
    first = group[0]
    total = sum(one.count for one in group)
    rest = group[len(shown) :]
    what = f"{first.measure} · {first.model} · run {first.run}"
    if first.run is None:
        what = "calls that belong to no run"
    if first.score:
        title = f"{first.score}: {total} of {first.of} scores {first.status}"
    else:
        title = f"calls: {total} {first.status}"
    explained = first.status == "unparsed"
    columns = [
        Column("n", right=True),
        Column("trial", right=True),
        Column("reply" if first.score else "reason", gives="wrap"),
        *([Column("would be read", gives="wrap")] if explained else []),
    ]
    rows = tuple(
        (
            str(one.count),
            "" if one.trial is None else str(one.trial),
            _form(one),
            *([_would(one)] if explained else []),
        )
        for one in shown
    )
    notes = []
    if rest:
        replies = sum(one.count for one in rest)
        notes.append(f"and {len(rest)} further forms of {replies} replies; --top shows more")
    return Table(above=(what,), title=title, columns=tuple(columns), rows=rows, notes=tuple(notes))


def _would(one: failing.Form) -> str:
    if one.trial is None:
        return ""
    if one.hint is not None:
        return _short(one.hint)
    return f"as this was: {_short(one.nearest)}" if one.nearest else "no reply was read"


def _form(one: failing.Form) -> str:
    shown = one.form or "(empty)"
    return shown if len(one.example) <= LONG else f"{shown}… ({len(one.example):,} characters)"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
