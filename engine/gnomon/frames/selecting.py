"""Which rows are asked for: measures, runs, models and scores by name.

One invariant: a name that is not in the database is a sentence with the nearest one, never an empty frame.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from operator import index
from pathlib import Path
from typing import Any, TypeAlias

from gnomon.errors import StoreError, UsageError, did_you_mean, listing

Names: TypeAlias = str | Iterable[str] | None
"""One name, several, or None for all."""
Numbers: TypeAlias = int | Iterable[int] | None
"""One run, several, or None for all."""


def several(wanted: Names | Numbers) -> list[Any] | None:
    """The names as a list."""
    if wanted is None:
        return None
    if isinstance(wanted, str):
        return [wanted]
    if isinstance(wanted, Iterable):
        return list(wanted)
    return [wanted]


def _numbers(wanted: Numbers) -> list[int] | None:
    given = several(wanted)
    try:
        return None if given is None else [index(number) for number in given]
    except TypeError:
        raise UsageError(f"a run is given by its number; it got {wanted!r}") from None


def runs_of(
    connection: sqlite3.Connection,
    path: Path,
    *,
    measure: Names = None,
    run: Numbers = None,
    model: Names = None,
) -> list[int] | None:
    """Numbers of the runs that are wanted, None for all.

    Raises:
        StoreError: There is no such measure, run or model, or no run has all that is asked.
    """
    wanted = {"measure": several(measure), "run": _numbers(run), "model": several(model)}
    if all(names is None for names in wanted.values()):
        return None
    runs = connection.execute("SELECT measure, run, model FROM runs ORDER BY run").fetchall()
    for place, (kind, names) in enumerate(wanted.items()):
        known = list(dict.fromkeys(row[place] for row in runs))
        for name in names or ():
            if name not in known:
                raise StoreError(_unknown(kind, name, known, path))
    found = [
        row[1]
        for row in runs
        if all(names is None or row[place] in names for place, names in enumerate(wanted.values()))
    ]
    if not found:
        said = "; ".join(
            f"{kind} {', '.join(map(str, names))}"
            for kind, names in wanted.items()
            if names is not None
        )
        raise StoreError(f"no run in {path} has all of: {said}; 'gnomon list runs' shows them")
    return found


def _unknown(kind: str, name: object, known: Sequence[object], path: Path) -> str:
    if kind == "run":
        there = ", ".join(map(str, known)) or "none"
        return f"there is no run {name} in {path}; there are: {there}"
    names = [str(one) for one in known if one is not None]
    return (
        f"there is no {kind} {name!r} in {path}{did_you_mean(str(name), names)}; "
        f"there are: {listing(names)}"
    )


def score_names(connection: sqlite3.Connection, path: Path, score: Names) -> list[str] | None:
    """Names of the scores that are wanted, None for all.

    Raises:
        StoreError: There is no such score.
    """
    names = several(score)
    if names is not None:
        known = [name for (name,) in connection.execute("SELECT DISTINCT name FROM score_name")]
        for name in names:
            if name not in known:
                raise StoreError(_unknown("score", name, known, path))
    return names


def check_scored(connection: sqlite3.Connection, run_ids: Iterable[int]) -> None:
    """Say so when a run that was asked for by its number has no scores.

    Raises:
        StoreError: It has none.
    """
    for number in run_ids:
        row = connection.execute(
            "SELECT 1 FROM scoring JOIN score ON score.scoring_id = scoring.id "
            "WHERE scoring.run_id = ? LIMIT 1",
            (number,),
        ).fetchone()
        if row is None:
            raise StoreError(
                f"run {number} has no scores yet; they come while it runs, and 'gnomon score {number}' "
                "scores what is stored"
            )
