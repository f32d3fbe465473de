"""Runs as logs of Inspect, which its viewer and ``read_eval_log`` open.

A log is a zip file with ``header.json``, ``summaries.json`` and one file for each sample (schema version 2). A
trial is a sample: its item and levels are the sample's id, its repeat the epoch. One invariant: a missing score
is Inspect's unscored value, NaN, with the reason; it is never a number. Scores of items and the calls of
judges have no place there and are left out.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from gnomon.errors import StoreError, UsageError
from gnomon.export.files import new_file
from gnomon.export.moment import moment
from gnomon.export.samples import Sample, sample_of
from gnomon.export.views import Chosen
from gnomon.store import provenance, reading
from gnomon.store.keys import RunFacts
from gnomon.store.values import object_from_json

SCHEMA = 2
_LONGEST_ID = 200


def export_logs(database: Path, folder: Path, chosen: Chosen) -> dict[Path, int]:
    """Write a log for each run.

    Args:
        database: The database; it may be written meanwhile.
        folder: Where to; it is made when there is none.
        chosen: Which runs.

    Returns:
        The logs, each with its number of samples.

    Raises:
        StoreError: The database cannot be read, has no runs, none of those that are asked for, or a run that
            was asked for has no finished trial.
        UsageError: The folder cannot be written.
    """
    with moment(database) as connection:
        wanted = chosen.of(connection, database)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder {folder} cannot be made: {error.strerror}") from None
        made: dict[Path, int] = {}
        for number, uid, started in connection.execute(
            "SELECT id, uid, started_at FROM run ORDER BY id"
        ).fetchall():
            if wanted is not None and number not in wanted:
                continue
            finished = len(reading.finished(connection, number))
            if not finished:
                if chosen.runs:
                    raise StoreError(
                        f"run {number} has no finished trial yet, so there is no log of it"
                    )
                continue
            log = _Log(connection, number, uid, started)
            path = folder / log.file_name
            log.write(path)
            made[path] = finished
    return made


class _Log:
    """The log of one run.

    Args:
        connection: A connection that reads one moment.
        run_id: The run.
        uid: Its name in every database.
        started: When it began.
    """

    def __init__(self, connection: sqlite3.Connection, run_id: int, uid: str, started: str) -> None:
        self._connection = connection
        self._run_id = run_id
        self._uid = uid
        self._started = started
        self._facts = provenance.facts(connection, run_id)
        self._scoring = connection.execute(
            "SELECT id FROM scoring WHERE run_id = ? AND pass > 0 ORDER BY pass DESC LIMIT 1",
            (run_id,),
        ).fetchone()
        self._epochs: dict[str, int] = {}
        self._usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}

    @property
    def file_name(self) -> str:
        """As Inspect names its logs: time, task, id."""
        # A database may come from a stranger, and nothing in it may choose another folder.
        parts = (self._started, self._facts.measure, self._uid)
        return f"{'_'.join(re.sub(r'[^A-Za-z0-9-]+', '-', part) for part in parts)}.eval"

    def write(self, path: Path) -> None:
        """Write it, one sample after another."""
        with (
            new_file(path) as out,
            tempfile.TemporaryFile() as summaries,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as log,
        ):
            count = 0
            for trial_id, record in reading.trial_records(self._connection, self._run_id):
                sample = sample_of(record, self._facts, self._scores(trial_id))
                name = self._named(sample)
                log.writestr(
                    f"samples/{name}.json",
                    _text(sample.full(f"{self._uid}-{record.trial.ordinal}")),
                )
                summaries.write((b",\n" if count else b"[") + _text(sample.summary()))
                for kind, number in sample.usage.items():
                    self._usage[kind] += number
                count += 1
            summaries.write(b"]")
            summaries.seek(0)
            with log.open("summaries.json", "w") as copy:
                shutil.copyfileobj(summaries, copy)
            log.writestr("header.json", _text(self._header(count)))

    def _named(self, sample: Sample) -> str:
        # Two trials of one id are two epochs of it, so no name is given twice.
        if len(sample.id) > _LONGEST_ID:
            short = blake2b(sample.id.encode(), digest_size=8).hexdigest()
            sample.id = f"{sample.id[:_LONGEST_ID]}… {short}"
        sample.epoch = self._epochs[sample.id] = self._epochs.get(sample.id, 0) + 1
        return f"{sample.id}_epoch_{sample.epoch}"

    def _scores(self, trial_id: int) -> list[tuple[str, float | None, str, dict[str, Any]]]:
        if self._scoring is None:
            return []
        rows = self._connection.execute(
            "SELECT score_name.name, value, status, detail FROM score "
            "JOIN score_name ON score_name.id = name_id WHERE scoring_id = ? AND trial_id = ?",
            (self._scoring[0], trial_id),
        )
        return [
            (name, value, status, object_from_json(detail)) for name, value, status, detail in rows
        ]

    # -- the header ------------------------------------------------------------------------------

    def _header(self, count: int) -> dict[str, Any]:
        facts = self._facts
        subject = facts.roles.get("subject")
        model = f"{subject.backend}/{subject.model}" if subject else "none/none"
        ended = self._connection.execute(
            "SELECT max(ended_at) FROM session WHERE run_id = ?", (self._run_id,)
        ).fetchone()[0]
        (begun,) = self._connection.execute(
            "SELECT count(*) FROM trial WHERE run_id = ?", (self._run_id,)
        ).fetchone()
        usage = {model: self._usage} if self._usage["total_tokens"] else {}
        return {
            "version": SCHEMA,
            "status": "success" if ended and begun == count else "started",
            "eval": self._spec(model, dict(subject.options) if subject else {}),
            "plan": {"name": "plan", "steps": [{"solver": "gnomon", "params": {}}], "config": {}},
            "results": {
                "total_samples": begun,
                "completed_samples": count,
                "scores": self._estimates(),
            },
            "stats": {
                "started_at": self._started,
                "completed_at": ended or "",
                "model_usage": usage,
            },
        } | ({} if facts.imported is None else {"metadata": {"imported": dict(facts.imported)}})

    def _spec(self, model: str, options: Mapping[str, Any]) -> dict[str, Any]:
        facts = self._facts
        scorers = [name for kind, name, *_ in facts.plugins if kind == "scorers"]
        spec: dict[str, Any] = {
            "eval_id": self._uid,
            "run_id": self._uid,
            "created": self._started,
            "task": facts.measure,
            "task_id": self._uid,
            "task_version": facts.version,
            "task_display_name": facts.title,
            "task_args": _arguments(facts),
            "dataset": {"name": facts.measure, "samples": len(self._epochs), "shuffled": False},
            "model": model,
            "model_args": options,
            "config": {"epochs": max(self._epochs.values(), default=1)},
            "packages": dict(facts.versions),
            "scorers": [{"name": name} for name in scorers],
            "metadata": {"gnomon_run": self._run_id, "gnomon_spec": facts.spec_text},
        }
        if facts.git_commit:
            spec["revision"] = {"type": "git", "origin": "", "commit": facts.git_commit}
            spec["revision"]["dirty"] = facts.git_dirty
        return spec

    def _estimates(self) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for run, _, _, _, estimate in provenance.estimates(self._connection):
            if run != self._run_id or estimate.value is None or not _finite(estimate.value):
                continue
            levels = ", ".join(f"{name} {level}" for name, level in estimate.group.items())
            name = f"{estimate.of} ({levels})" if levels else estimate.of
            score = found.setdefault(name, {"name": name, "scorer": estimate.of, "metrics": {}})
            label = f"{estimate.statistic} {estimate.quantity}"
            told = ("low", "high", "level", "error", "p", "p_corrected", "n", "method", "note")
            score["metrics"][label] = {
                "name": label,
                "value": estimate.value,
                "metadata": {
                    kind: getattr(estimate, kind)
                    for kind in told
                    if getattr(estimate, kind) is not None
                },
            }
        return list(found.values())


def _arguments(facts: RunFacts) -> dict[str, Any]:
    return {
        "seed": facts.seed,
        "repeats": facts.repeats,
        "limit": facts.limit,
        "format": facts.format,
        **{str(name): value for name, value in facts.plan.items()},
    }


def _finite(value: float) -> bool:
    return abs(value) != float("inf")


def _text(value: Any) -> bytes:
    """JSON as Inspect reads it: with NaN, and without the surrogates that are no characters."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
