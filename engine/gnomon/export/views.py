"""A view for people as one file: what is looked at, not what is imported again.

One invariant: the columns are those of the view, and a name that is asked for and not there is a sentence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import attrs

from gnomon.export.archive import streamed
from gnomon.export.files import write_rows
from gnomon.export.moment import moment
from gnomon.frames.selecting import check_scored, runs_of
from gnomon.store import tidy

_TYPES = {"integer": "INTEGER", "real": "REAL", "text": "TEXT", "any": "ANY"}


@attrs.frozen(kw_only=True)
class Chosen:
    """Which runs are exported; all that are in the database unless something is said.

    Attributes:
        runs: Numbers of runs.
        measures: Measures.
        models: Models, as ``BACKEND:MODEL``.
    """

    runs: Sequence[int] = ()
    measures: Sequence[str] = ()
    models: Sequence[str] = ()

    @property
    def anything(self) -> bool:
        """Whether something is said."""
        return bool(self.runs or self.measures or self.models)

    def of(self, connection: sqlite3.Connection, path: Path) -> list[int] | None:
        """The numbers, None for all; see ``runs_of``."""
        return runs_of(
            connection,
            path,
            measure=self.measures or None,
            run=self.runs or None,
            model=self.models or None,
        )


def export_view(database: Path, view: str, form: str, out: IO[bytes], chosen: Chosen) -> int:
    """Write the rows of a view; returns how many there were.

    Args:
        database: The database.
        view: One of ``tidy.VIEWS``.
        form: ``csv``, ``jsonl`` or ``parquet``.
        out: Where to.
        chosen: Of which runs.

    Raises:
        StoreError: The database cannot be read, has no runs, or none of those that are asked for.
        UsageError: What the form needs is not installed.
    """
    with moment(database) as connection:
        runs = chosen.of(connection, database)
        if view == "scores" and chosen.runs:
            check_scored(connection, chosen.runs)
        columns = {name: _TYPES[type_] for name, type_ in tidy.types(connection, view).items()}
        if (view, form) == ("scores", "parquet"):
            from gnomon.export.parquet import ROWS, write_parts

            # As columns from the start, which is three times as quick as row by row.
            parts = tidy.score_parts(connection, runs, detail=True, stretch=ROWS)
            return write_parts(out, columns, parts)
        rows = tidy.rows_of(connection, view, {} if runs is None else {"run": runs})
        return write_rows(form, out, columns, streamed(rows))
