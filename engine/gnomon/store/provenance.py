"""Runs, their bindings, plugins and sessions: where every number came from.

One invariant: no secret is stored. Options and command lines are cleaned here (``cleaning`` says of what), at the
only place through which they reach the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_hex
from types import TracebackType
from typing import Any

from gnomon.errors import StoreError
from gnomon.records import Estimate
from gnomon.store.cleaning import clean
from gnomon.store.keys import RoleFacts, RunFacts
from gnomon.store.reading import ESTIMATE_COLUMNS, Lookup, estimate_from_row
from gnomon.store.values import (
    from_json,
    json_or_none,
    list_from_json,
    object_from_json,
    readable,
    to_json,
)


class Transaction:
    """A transaction that turns errors of the database into sentences.

    Args:
        connection: A connection that writes.
        failure: Makes the sentence.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        failure: Callable[[sqlite3.Error], StoreError],
    ) -> None:
        self._connection = connection
        self._failure = failure

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as failed:
            error = failed
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise self._failure(error) from error


def now() -> str:
    """UTC time, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def begin(
    connection: sqlite3.Connection, facts: RunFacts, *, spec_id: int, fresh: bool
) -> tuple[int, int]:
    """Find or make the run, and make a session. Returns both numbers."""
    row = connection.execute(
        "SELECT id, versions FROM run WHERE key = ? ORDER BY id DESC LIMIT 1", (facts.key,)
    ).fetchone()
    if row is None or fresh:
        run_id = _new_run(connection, facts, spec_id)
        versions = None
    else:
        run_id = int(row[0])
        versions = json_or_none(facts.versions)
        versions = None if versions == row[1] else versions
    session = connection.execute(
        "INSERT INTO session (run_id, started_at, command, versions) VALUES (?, ?, ?, ?)",
        (run_id, now(), json_or_none(clean(facts.command)), versions),
    )
    assert session.lastrowid is not None
    return run_id, session.lastrowid


def _new_run(connection: sqlite3.Connection, facts: RunFacts, spec_id: int) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO measure (name, version, title, spec_id) VALUES (?, ?, ?, ?)",
        (facts.measure, facts.version, facts.title, spec_id),
    )
    (measure_id,) = connection.execute(
        "SELECT id FROM measure WHERE name = ? AND spec_id = ?", (facts.measure, spec_id)
    ).fetchone()
    made = connection.execute(
        "INSERT INTO run (uid, key, measure_id, seed, repeats, trial_limit, format, plan, command, "
        "versions, git_commit, git_dirty, executor, imported, started_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token_hex(16),
            facts.key,
            measure_id,
            facts.seed,
            facts.repeats,
            facts.limit,
            facts.format,
            json_or_none(facts.plan),
            json_or_none(clean(facts.command)),
            json_or_none(facts.versions),
            facts.git_commit,
            None if facts.git_dirty is None else int(facts.git_dirty),
            facts.executor,
            json_or_none(facts.imported),
            now(),
        ),
    )
    run_id = made.lastrowid
    assert run_id is not None
    connection.executemany(
        "INSERT INTO binding VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                run_id,
                name,
                role.backend,
                readable(role.model),
                json_or_none(clean(role.options)),
                json_or_none(role.identity),
            )
            for name, role in facts.roles.items()
        ],
    )
    connection.executemany(
        "INSERT INTO plugin VALUES (?, ?, ?, ?, ?, ?)",
        [
            (run_id, *plugin[:4], to_json(clean(from_json(plugin[4]))) if plugin[4] else None)
            for plugin in facts.plugins
        ],
    )
    return run_id


def end_session(
    connection: sqlite3.Connection,
    session_id: int,
    reason: str,
    counts: tuple[Any, ...],
    more: Mapping[str, Any],
) -> None:
    """Note how an invocation ended."""
    connection.execute(
        "UPDATE session SET ended_at = ?, reason = ?, calls = ?, cached = ?, seconds = ?, cost = ?, "
        "more = ? WHERE id = ?",
        (now(), readable(reason), *counts, json_or_none(more), session_id),
    )


def note_planned(connection: sqlite3.Connection, session_id: int, planned: int) -> None:
    """Note how many trials an invocation means to have finished."""
    connection.execute(
        "UPDATE session SET more = json_set(ifnull(more, '{}'), '$.planned', ?) WHERE id = ?",
        (planned, session_id),
    )


def note_lock(
    connection: sqlite3.Connection,
    session_id: int,
    run_id: int,
    text_id: int,
    differences: Sequence[str],
) -> None:
    """Note what a lock said of an invocation."""
    connection.execute(
        "INSERT INTO lock (session_id, run_id, text_id, label, differences) VALUES (?, ?, ?, ?, ?)",
        (
            session_id,
            run_id,
            text_id,
            "exploratory" if differences else "confirmatory",
            to_json(list(differences)) if differences else None,
        ),
    )


def locks(connection: sqlite3.Connection) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Run → label and everything that differed, over all its invocations."""
    found: dict[int, dict[str, None]] = {}
    for run_id, differences in connection.execute(
        "SELECT run_id, differences FROM lock ORDER BY id"
    ):
        held = found.setdefault(run_id, {})
        held.update(dict.fromkeys(from_json(differences) if differences else ()))
    return {
        run_id: ("exploratory" if held else "confirmatory", tuple(held))
        for run_id, held in found.items()
    }


def begin_scoring(
    connection: sqlite3.Connection, run_id: int, *, provisional: bool, spec_id: int | None = None
) -> tuple[int, int]:
    """Make a scoring pass; returns its number in the table and in the run.

    A provisional pass has a negative number, so that nobody takes it for the newest.
    """
    drop_provisional(connection, run_id)
    (scoring,) = connection.execute(
        "SELECT coalesce(max(pass), 0) + 1 FROM scoring WHERE run_id = ?", (run_id,)
    ).fetchone()
    if provisional:
        scoring = -scoring
    made = connection.execute(
        "INSERT INTO scoring (run_id, pass, started_at, spec_id) VALUES (?, ?, ?, ?)",
        (run_id, scoring, now(), spec_id),
    )
    assert made.lastrowid is not None
    return made.lastrowid, int(scoring)


def drop_provisional(connection: sqlite3.Connection, run_id: int) -> None:
    """Take away a pass that was begun to score a run again and never completed."""
    left = "SELECT id FROM scoring WHERE run_id = ? AND pass < 0"
    for table in ("score", "estimate"):
        connection.execute(f"DELETE FROM {table} WHERE scoring_id IN ({left})", (run_id,))  # noqa: S608 - two names of our own
    connection.execute("DELETE FROM scoring WHERE run_id = ? AND pass < 0", (run_id,))


def runs(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Rows of the view ``runs`` without the spec, each with its number of finished trials."""
    names = (
        "run",
        "measure",
        "version",
        "title",
        "model",
        "format",
        "seed",
        "repeats",
        "trial_limit",
        "started_at",
        "command",
    )
    rows = connection.execute(f"SELECT {', '.join(names)} FROM runs ORDER BY run").fetchall()  # noqa: S608 -- names of our own
    out: list[dict[str, Any]] = []
    for row in rows:
        found = dict(zip(names, row, strict=True))
        found["command"] = list_from_json(found["command"])
        (begun,) = connection.execute(
            "SELECT count(*) FROM trial WHERE run_id = ?", (found["run"],)
        ).fetchone()
        (left,) = connection.execute(
            "SELECT count(*) FROM trial WHERE run_id = ? AND finished = 0", (found["run"],)
        ).fetchone()
        found["finished"] = begun - left
        out.append(found)
    return out


def facts(connection: sqlite3.Connection, run_id: int) -> RunFacts:
    """The facts of a run, secrets excepted.

    Raises:
        StoreError: There is no such run.
    """
    row = connection.execute(
        "SELECT measure.name, measure.title, measure.version, measure.spec_id, run.seed, "
        "run.repeats, run.trial_limit, run.format, run.plan, run.command, run.versions, "
        "run.git_commit, run.git_dirty, run.executor, run.imported "
        "FROM run JOIN measure ON measure.id = run.measure_id WHERE run.id = ?",
        # SQLite knows no greater number.
        (run_id if abs(run_id) < 2**63 else -1,),
    ).fetchone()
    if row is None:
        known = [str(number) for (number,) in connection.execute("SELECT id FROM run ORDER BY id")]
        raise StoreError(f"there is no run {run_id}; there are: {', '.join(known) or 'none'}")
    name, title, version, spec_id, seed, repeats, limit, format_, plan, command, versions = row[:11]
    commit, dirty, executor, imported = row[11:]
    return RunFacts(
        measure=name,
        title=title,
        version=version,
        spec_text=Lookup(connection).text(spec_id),
        seed=seed,
        repeats=repeats,
        limit=limit,
        format=format_,
        roles={
            role: RoleFacts(
                role=role,
                backend=backend,
                model=model,
                options=object_from_json(options),
                identity=object_from_json(identity),
            )
            for role, backend, model, options, identity in connection.execute(
                "SELECT role, backend, model, options, identity FROM binding WHERE run_id = ?",
                (run_id,),
            )
        },
        plan=object_from_json(plan),
        command=tuple(list_from_json(command)),
        versions=object_from_json(versions),
        plugins=tuple(
            (kind, plugin, distribution, release, options or "")
            for kind, plugin, distribution, release, options in connection.execute(
                "SELECT kind, name, distribution, version, options FROM plugin WHERE run_id = ?",
                (run_id,),
            )
        ),
        git_commit=commit,
        git_dirty=None if dirty is None else bool(dirty),
        executor=executor,
        imported=from_json(imported) if imported else None,
    )


def last_sessions(
    connection: sqlite3.Connection,
) -> dict[int, tuple[str | None, str | None, int | None]]:
    """Run → end, reason and planned trials of its last session; planned of the last that said so."""
    found: dict[int, tuple[str | None, str | None, int | None]] = {}
    for run_id, ended, reason, more in connection.execute(
        "SELECT run_id, ended_at, reason, more FROM session ORDER BY id"
    ):
        planned = object_from_json(more).get("planned")
        found[run_id] = (ended, reason, planned or found.get(run_id, (None, None, None))[2])
    return found


def estimates(
    connection: sqlite3.Connection, run_ids: Collection[int] | None = None
) -> Iterator[tuple[int, str, str, str, Estimate]]:
    """Run, measure, model, format and estimate, for the newest pass of every run, or of some."""
    chosen = None if run_ids is None else str(sorted(run_ids))
    rows = connection.execute(
        f"SELECT runs.run, runs.measure, runs.model, runs.format, {ESTIMATE_COLUMNS} "  # noqa: S608 -- names of our own
        "FROM estimate JOIN scoring ON scoring.id = estimate.scoring_id "
        "JOIN runs ON runs.run = scoring.run_id WHERE NOT EXISTS (SELECT 1 FROM scoring AS later "
        "WHERE later.run_id = scoring.run_id AND later.pass > scoring.pass) "
        "AND (?1 IS NULL OR scoring.run_id IN (SELECT value FROM json_each(?1))) "
        "ORDER BY runs.run, estimate.id",
        (chosen,),
    )
    for row in rows:
        yield row[0], row[1], row[2] or "", row[3], estimate_from_row(row[4:])
