"""A results database in Python: frames of what is in it, and SQL.

One invariant: it reads. Each frame is one moment of the database, however much a run writes meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from gnomon.errors import StoreError, UsageError, did_you_mean, listing
from gnomon.frames.making import library, make
from gnomon.frames.selecting import Names, Numbers, check_scored, runs_of, score_names
from gnomon.frames.spreading import SPREADABLE
from gnomon.frames.spreading import spread as spread_out
from gnomon.store import provenance, querying, tidy
from gnomon.store.dictionary import DICTIONARY
from gnomon.store.opening import open_reading

_SPREAD = ("levels", "groups", "group", "draws")
_SHOWN = 100


def open(path: str | os.PathLike[str]) -> Database:  # noqa: A001 -- used as gnomon.open
    """Open a results database for reading.

    Args:
        path: The file.

    Raises:
        StoreError: It cannot be opened; the sentence says why and what to do.
    """
    return Database(Path(path))


class Database:
    """Results as tidy frames: one row is one trial, ask, score or estimate.

    Columns are those of the views, explained by ``describe`` in the words of the store's dictionary. Columns
    of JSON are spread into one column for each level, group and draw; where the name of one is taken, it is
    called ``levels.NAME``, ``groups.NAME`` or ``draws.NAME``. ``measure``, ``run``, ``model`` and ``score``
    take one name or several. Every frame is of pandas unless ``frame="polars"``.

    Use ``gnomon.open``; it is a context manager, and closes itself when it is forgotten.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: sqlite3.Connection | None = open_reading(path.resolve())
        self._queries: sqlite3.Connection | None = None

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a database that was closed can be opened again."""
        for connection in (self._open, self._queries):
            if connection is not None:
                connection.close()
        self._open = self._queries = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            raise StoreError(f"{self.path} was closed; open it again with gnomon.open")
        return self._open

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # One transaction for all the queries of a frame, so that they see the same rows.
        connection = self._connection
        connection.execute("BEGIN")
        try:
            yield connection
        except sqlite3.DatabaseError as error:
            raise StoreError(f"the database {self.path} cannot be read: {error}") from None
        finally:
            connection.rollback()

    # -- frames ----------------------------------------------------------------------------------

    def runs(
        self,
        measure: Names = None,
        *,
        run: Numbers = None,
        model: Names = None,
        frame: str = "pandas",
    ) -> Any:
        """Every run with its measure, model and spec."""
        return self._view("runs", measure, run, model, None, (), frame)

    def trials(
        self,
        measure: Names = None,
        *,
        run: Numbers = None,
        model: Names = None,
        spread: Collection[str] = _SPREAD,
        frame: str = "pandas",
    ) -> Any:
        """Every trial with its last prompt and reply; ``spread`` may name ``fields`` too."""
        return self._view("trials", measure, run, model, None, spread, frame)

    def conversations(
        self,
        measure: Names = None,
        *,
        run: Numbers = None,
        model: Names = None,
        frame: str = "pandas",
    ) -> Any:
        """Every ask with its whole conversation and its reply."""
        return self._view("conversations", measure, run, model, None, (), frame)

    def failures(
        self,
        measure: Names = None,
        *,
        run: Numbers = None,
        model: Names = None,
        frame: str = "pandas",
    ) -> Any:
        """Every attempt without an answer, and every missing score, with the reason."""
        return self._view("failures", measure, run, model, None, (), frame)

    def results(
        self,
        measure: Names = None,
        *,
        run: Numbers = None,
        model: Names = None,
        score: Names = None,
        spread: Collection[str] = _SPREAD,
        frame: str = "pandas",
    ) -> Any:
        """Every estimate of the newest scoring pass of its run; ``spread`` may name ``detail`` too."""
        return self._view("results", measure, run, model, score, spread, frame)

    def scores(
        self,
        measure: Names = None,
        *,
        run: Numbers = None,
        model: Names = None,
        score: Names = None,
        spread: Collection[str] = _SPREAD,
        draws: bool = False,
        detail: bool = False,
        frame: str = "pandas",
    ) -> Any:
        """Every score of the newest scoring pass of its run, missing ones with the reason.

        Args:
            measure: Only of these measures.
            run: Only of these runs.
            model: Only of these models, as ``BACKEND:MODEL``.
            score: Only scores of these names.
            spread: Columns of JSON to spread: levels, groups and draws unless given.
            draws: Have the draws of each trial, which takes some seconds for a million.
            detail: Have the column ``detail``, which takes as long to read as all the others. It stays
                JSON unless ``spread`` names it.
            frame: ``pandas`` or ``polars``.

        Raises:
            StoreError: There is no such measure, run, model or score, or the run has no scores.
        """
        _check_spread(spread)
        made_by = library(frame)
        with self._reading() as connection:
            runs = runs_of(connection, self.path, measure=measure, run=run, model=model)
            names = score_names(connection, self.path, score)
            if run is not None:
                check_scored(connection, runs or ())
            columns = tidy.scores(connection, runs, names, draws=draws, detail=detail)
        return make(spread_out(columns, spread), made_by)

    def _view(
        self,
        name: str,
        measure: Names,
        run: Numbers,
        model: Names,
        score: Names,
        spread: Collection[str],
        frame: str,
    ) -> Any:
        _check_spread(spread)
        made_by = library(frame)
        with self._reading() as connection:
            runs = runs_of(connection, self.path, measure=measure, run=run, model=model)
            names = score_names(connection, self.path, score)
            where = {
                column: values
                for column, values in (("run", runs), ("of", names))
                if values is not None
            }
            columns = tidy.view(connection, name, where)
        return make(spread_out(columns, spread), made_by)

    def sql(
        self, query: str, params: Sequence[Any] | Mapping[str, Any] = (), *, frame: str = "pandas"
    ) -> Any:
        """What a query gives. It may read and nothing else; ``?`` and ``:name`` stand for parameters.

        Raises:
            StoreError: The query is refused or wrong; the sentence says what is.
        """
        made_by = library(frame)
        if self._queries is None:
            _ = self._connection
            self._queries = open_reading(self.path.resolve())
            querying.protect(self._queries)
        names, rows = querying.run_query(self._queries, self.path, query, params)
        double = [name for place, name in enumerate(names) if name in names[:place]]
        if double:
            raise StoreError(
                f"the query gives two columns the name {double[0]!r}; name one of them with AS"
            )
        held = list(zip(*rows, strict=True)) or [()] * len(names)
        columns = {
            name: tidy.Column("any", values) for name, values in zip(names, held, strict=True)
        }
        return make(columns, made_by)

    # -- what there is ---------------------------------------------------------------------------

    def describe(self, name: str = "scores", *, frame: str = "pandas") -> Any:
        """What each column of a view or table means, with its unit and values.

        Raises:
            UsageError: There is no such view or table.
        """
        if name not in DICTIONARY:
            raise UsageError(
                f"there is no table or view {name!r}{did_you_mean(name, DICTIONARY)}; there are: "
                f"{listing(DICTIONARY)}"
            )
        made_by = library(frame)
        with self._reading() as connection:
            types = tidy.types(connection, name)
        rows = [(column, types[column], DICTIONARY[name][column]) for column in types]
        held = list(zip(*rows, strict=True))
        heads = ("column", "type", "meaning")
        return make(
            {head: tidy.Column("text", values) for head, values in zip(heads, held, strict=True)},
            made_by,
        )

    def __repr__(self) -> str:
        if self._open is None:
            return f"<gnomon database {self.path}, closed>"
        with self._reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM run").fetchone()
        return f"<gnomon database {self.path}: {count} {'run' if count == 1 else 'runs'}>"

    def _repr_html_(self) -> str:
        """The runs as a table for a notebook. Names come from files and models, so all is escaped."""
        if self._open is None:
            return f"<p>{escape(repr(self))}</p>"
        with self._reading() as connection:
            rows = provenance.runs(connection)
        heads = ("run", "measure", "version", "model", "format", "finished", "started_at")
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(str(row[head]))}</td>' for head in heads)}</tr>"
            for row in rows[-_SHOWN:]
        )
        left = len(rows) - _SHOWN
        more = f"<p>and {left} earlier {'run' if left == 1 else 'runs'}</p>" if left > 0 else ""
        return (
            f"<p>{escape(repr(self))}</p><table><thead><tr>"
            f"{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead><tbody>{body}</tbody></table>"
            f"{more}"
        )


def _check_spread(wanted: Collection[str]) -> None:
    if isinstance(wanted, str):
        raise UsageError(f"spread takes several names, such as [{wanted!r}]; it got {wanted!r}")
    for name in wanted:
        if name not in SPREADABLE:
            raise UsageError(
                f"{name!r} is no column that can be spread{did_you_mean(name, SPREADABLE)}; these can: "
                f"{listing(SPREADABLE)}"
            )
