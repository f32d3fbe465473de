"""``gnomon show``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnomon.cli.common import database_option
from gnomon.cli.tables import Column, Form, Table, form_options, write
from gnomon.errors import UsageError, did_you_mean, listing

if TYPE_CHECKING:
    from gnomon.store import Store
    from gnomon.store.viewing import StoredTrial


@click.command("show")
@click.argument("which", metavar="TRIAL")
@database_option
@form_options
def command(which: str, database: Path, form: Form | None) -> None:
    """Show a trial: the whole conversation, and beside it what was read off it.

    TRIAL is its number, RUN:ORDINAL its place in a run's plan, or RUN:ITEM; of an item with several trials
    they are listed. What a model wrote is shown as text: control characters become signs.

    \b
    gnomon show 17
    gnomon show 1:0
    gnomon show 1:racism
    """
    from gnomon.cli.conversation import said_tables, trial_json, trial_text
    from gnomon.store import Store

    with Store.open(database) as store:
        found = find_trials(store, which, database)
        if len(found) > 1:
            stored = [one for number in found if (one := store.view.trial(number)) is not None]
            rows = [_row(trial) for trial in stored]
            write(form, [_listed(stored)], lambda: rows, empty="")
            return
        one = store.view.trial(found[0])
        assert one is not None
        run = next(run for run in store.runs() if run["run"] == one.run)
    if form is None:
        trial_text(one, run)
        return
    conversation, scores = said_tables(one, run)
    rows_of: Any = trial_json(one, run)
    if form == "csv":
        rows_of = [dict(zip(_heads(conversation), row, strict=True)) for row in conversation.rows]
    write(form, [conversation, scores], lambda: rows_of, empty="")


def find_trials(store: Store, which: str, database: Path) -> list[int]:
    """The numbers of the trials that are meant; at least one.

    Raises:
        UsageError: There is none; the sentence says what there is.
    """
    run_text, colon, rest = which.partition(":")
    # No database holds as many rows as 18 digits count, and SQLite knows no greater numbers.
    if not run_text.isdecimal() or len(run_text) > 18 or (colon and not rest):
        raise UsageError(
            f"{which!r} is no trial; give its number, RUN:ORDINAL or RUN:ITEM, such as 17 or 1:0"
        )
    view = store.view
    if not colon:
        if view.trial(int(run_text)) is None:
            raise UsageError(
                f"there is no trial {run_text} in {database}; the view 'trials' of 'gnomon query' "
                "has them all"
            )
        return [int(run_text)]
    run_id = int(run_text)
    facts = store.facts(run_id)
    of_item = view.trials_of_item(run_id, rest)
    if (
        rest.isdecimal()
        and len(rest) <= 18
        and (at := view.trial_at(run_id, int(rest))) is not None
    ):
        return [at]
    if of_item:
        return of_item
    keys = view.item_keys(run_id)
    what = "trial at place" if rest.isdecimal() else "trial of an item"
    shown = listing(keys, 20)
    raise UsageError(
        f"run {run_id} of {facts.measure!r} has no {what} {rest!r}{did_you_mean(rest, keys)}; "
        f"its items are: {shown}"
    )


def _heads(table: Table) -> list[str]:
    return [column.heading for column in table.columns]


def _row(one: StoredTrial) -> dict[str, Any]:
    """One trial of an item for programs: its levels and scores as columns, numbers in full."""
    trial = one.record.trial
    return {
        "trial": one.trial,
        "run": one.run,
        "ordinal": trial.ordinal,
        "item": trial.item.key,
        "repeat": trial.repeat,
        **trial.levels,
        **{score.name: score.value for score in one.scores},
        "statuses": {score.name: score.status for score in one.scores},
    }


def _listed(stored: list[StoredTrial]) -> Table:
    """The trials of an item, one a line."""
    from gnomon.telling import number

    first = stored[0]
    names = list(dict.fromkeys(score.name for one in stored for score in one.scores))
    rows = []
    for one in stored:
        trial = one.record.trial
        scores = {score.name: score for score in one.scores}
        rows.append(
            (
                str(one.trial),
                str(trial.ordinal),
                ", ".join(trial.levels.values()),
                str(trial.repeat),
                *_cells(names, scores, number),
            )
        )
    heads = _short(names) if len(names) <= SIDE_BY_SIDE else ["scores"]
    return Table(
        title=f"item {first.record.trial.item.key} · run {first.run}: {len(stored)} trials",
        columns=(
            Column("trial", right=True),
            Column("ordinal", right=True),
            Column(", ".join(first.record.trial.levels) or "levels", gives="wrap"),
            Column("repeat", right=True),
            *(Column(head, right=heads != ["scores"], gives="wrap") for head in heads),
        ),
        rows=tuple(rows),
        notes=("'gnomon show TRIAL' shows one as a whole",),
    )


SIDE_BY_SIDE = 4
"""Most scores that have a column each; more are told in one, so that a trial stays a row."""


def _short(names: list[str]) -> list[str]:
    """Names of scores as headings: a part of the score before it, such as ``d.parsed``, by its part alone."""
    heads = []
    whole = ""
    for name in names:
        start, dot, part = name.partition(".")
        heads.append(f".{part}" if dot and start == whole else name)
        whole = start
    return heads


def _cells(names: list[str], scores: Mapping[str, Any], number: Any) -> list[str]:
    cells = [_score(scores.get(name), number) for name in names]
    if len(names) <= SIDE_BY_SIDE:
        return cells
    told = zip(names, cells, strict=True)
    return ["; ".join(f"{name} {cell}" for name, cell in told if cell)]


def _score(score: Any, number: Any) -> str:
    if score is None:
        return ""
    return score.status if score.value is None else str(number(score.value))
