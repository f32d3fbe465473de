"""Scores that a reader names: which of the runs shown have them.

One invariant: a name that no run shown has is a sentence with the names that are there, never an empty table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.store import Store

SHOWN = 20
"""Most names in a sentence."""


def scores_there(
    store: Store, run_ids: Sequence[int], names: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """For each run, those of the named scores that it has; all of a run's scores are asked for only then.

    Raises:
        UsageError: A score that none of the runs has.
    """
    if not names:
        return dict.fromkeys(run_ids, ())
    held = {run_id: store.view.counts(run_id) for run_id in run_ids}
    known = {name for counts in held.values() for name in counts}
    for name in names:
        if name not in known:
            raise UsageError(
                f"{lacking(run_ids, f'score {name!r}')}{did_you_mean(name, known)}; "
                f"there are: {listing(known, SHOWN)}"
            )
    return {run_id: tuple(name for name in names if name in held[run_id]) for run_id in run_ids}


def lacking(run_ids: Sequence[int], what: str) -> str:
    """That none of some runs has something: ``run 3 has no …`` or ``none of the runs 3, 4 has a …``."""
    if len(run_ids) == 1:
        return f"run {run_ids[0]} has no {what}"
    return f"none of the runs {listing(map(str, run_ids), SHOWN, ordered=False)} has a {what}"


def of_scores(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """The estimates that are of one of the named scores, which runs have.

    Args:
        rows: Estimates, each with ``of``: its scores, joined by commas.
        names: The scores; all unless given.

    Raises:
        UsageError: There are estimates, and none of them is of a score that is named.
    """
    if not names:
        return list(rows)
    parts = [str(row["of"]).split(", ") for row in rows]
    known = {name for part in parts for name in part}
    for name in names:
        if rows and name not in known:
            raise UsageError(
                f"no statistic of the measure is of the score {name!r}; there are estimates of: "
                f"{listing(known, SHOWN)}; 'gnomon results --effects --score {name}' looks at it"
            )
    return [row for row, part in zip(rows, parts, strict=True) if set(part) & set(names)]
