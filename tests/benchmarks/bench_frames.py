"""Frames of a large database, against asking the view and against reading a CSV of the same rows.

Run as ``python tests/benchmarks/bench_frames.py [SCORES]``. All figures are of one process and one file; what is to be
read off them is the ratio, for seconds are those of the machine.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

import gnomon
from gnomon.store import RoleFacts, RunFacts, Store

ITEMS = 2_000


def made(path: Path, scores: int) -> None:
    """A run of so many trials with one score each; every fiftieth is missing."""
    subject = RoleFacts(role="subject", backend="scripted", model="answers")
    with Store.open(path, write=True) as store:
        run = store.begin_run(
            RunFacts(
                measure="bench", title="Frames", version=1, spec_text="measure = 'bench'", seed=1,
                repeats=1, roles={"subject": subject},
            )
        )  # fmt: skip
        store.begin_scoring(run)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO score_name VALUES (1, 'association-d', 'association-d')")
        connection.executemany(
            "INSERT INTO item (id, hash, key, fields, groups) VALUES (?, ?, ?, '{}', ?)",
            (
                (n + 1, n.to_bytes(16, "big"), f"item-{n}", json.dumps({"category": f"c{n % 7}"}))
                for n in range(ITEMS)
            ),
        )
        connection.executemany(
            "INSERT INTO condition (id, hash, format, levels) VALUES (?, ?, 'free', ?)",
            (
                (
                    n + 1,
                    bytes([n]),
                    json.dumps({"tone": "ab"[n % 2], "order": ("ab", "ba")[n // 2]}),
                )
                for n in range(4)
            ),
        )
        connection.executemany(
            "INSERT INTO trial VALUES (?, 1, ?, ?, ?, ?, ?, 1)",
            (
                (n + 1, n, n % ITEMS + 1, n % 4 + 1, n // ITEMS, json.dumps({"first": "Ben"}))
                for n in range(scores)
            ),
        )
        connection.executemany(
            "INSERT INTO score VALUES (?, 1, ?, NULL, 1, ?, ?, NULL)",
            (
                (n + 1, n + 1, *((None, "unparsed") if n % 50 == 0 else (n % 997 / 996, "ok")))
                for n in range(scores)
            ),
        )
    connection.close()


def timed(label: str, rows: int, call: Callable[[], Any], base: float | None = None) -> float:
    """Run it, print seconds, rows a second, and the ratio to a base."""
    began, processor = time.perf_counter(), time.process_time()
    call()
    spent, processor = time.perf_counter() - began, time.process_time() - processor
    ratio = "" if base is None else f"  {base / spent:5.2f} × the speed of the bare fetch"
    print(
        f"{label:<34}{spent:8.2f} s ({processor:.2f} s of processor) {rows / spent:>12,.0f} rows/s{ratio}",
        flush=True,
    )
    return spent


def main(scores: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        made(path, scores)
        bare = sqlite3.connect(path)
        base = timed(
            "SELECT * FROM scores, fetchall",
            scores,
            lambda: bare.execute("SELECT * FROM scores").fetchall(),
        )
        bare.close()
        with gnomon.open(path) as db:
            timed("db.scores()", scores, db.scores, base)
            timed("db.scores(), polars", scores, lambda: db.scores(frame="polars"), base)
            timed("db.scores(draws=True)", scores, lambda: db.scores(draws=True), base)
            frame = db.scores()
        frame.to_csv(Path(folder) / "scores.csv", index=False)
        timed(
            "pandas.read_csv of the frame",
            scores,
            lambda: pd.read_csv(Path(folder) / "scores.csv"),
            base,
        )
        print(f"{'bytes a row in memory':<34}{frame.memory_usage(deep=True).sum() / scores:8.1f}")
        print("peak MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
