"""The report of a million scores, and the first pages of a server on them.

Run as ``python tests/benchmarks/bench_report.py [SCORES]``. The database is a real run of a shipped measure on planted
respondents, its trials, asks and scores repeated until there are as many scores as wanted. Goals: the report in
under 20 s and 5 MB, the first page served in under 1 s, every other page that is not sorted or counted anew in
under 2 s.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

GNOMON = [sys.executable, "-u", "-c", "from gnomon.cli import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
MODELS = ("planted:effect=0.3?noise=0.3&refusals=0.02&errors=0.02", "planted:effect=0.15?noise=0.2")


def gnomon(*words: str) -> None:
    subprocess.run([*GNOMON, *words], check=True, capture_output=True, env=ENVIRONMENT)


def grow(path: Path, scores: int) -> int:
    """Repeat what is stored until there are so many scores; returns how many there are."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    trials, asks, have = (
        database.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        for table in ("trial", "ask", "score")
    )
    tops = dict(database.execute("SELECT run_id, max(ordinal) + 1 FROM trial GROUP BY run_id"))
    (repeats,) = database.execute("SELECT max(repeat) + 1 FROM trial").fetchone()
    database.create_function("top", 1, tops.__getitem__)
    for k in range(1, max(1, scores // have)):
        database.execute(
            f"INSERT INTO trial SELECT id + {k * trials}, run_id, ordinal + {k} * top(run_id), item_id, "
            f"condition_id, repeat + {k * repeats}, draws, finished FROM trial WHERE id <= {trials}"
        )
        database.execute(
            f"INSERT INTO ask SELECT id + {k * asks}, run_id, trial_id + {k * trials}, item_id, phase, "
            "position, form_id, sample, seed, system_id, prompt_id, messages, reply_id, cached "
            f"FROM ask WHERE id <= {asks}"
        )
        database.execute(
            f"INSERT INTO score SELECT id + {k * have}, scoring_id, trial_id + {k * trials}, item_id, "
            f"name_id, value, status, detail FROM score WHERE id <= {have}"
        )
    database.commit()
    (made,) = database.execute("SELECT count(*) FROM score").fetchone()
    database.close()
    return int(made)


def report(path: Path, out: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    gnomon("report", str(path), "-o", str(out))
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"report: {took:.1f} s ({spent:.1f} s of processor), {out.stat().st_size / 1e6:.2f} MB",
        flush=True,
    )


def serve(path: Path) -> None:
    began = time.perf_counter()
    started = subprocess.Popen(
        [*GNOMON, "serve", str(path), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        assert started.stdout is not None
        address = started.stdout.readline().split(" is at ")[1].split(" ")[0]
        print(f"serve: ready after {time.perf_counter() - began:.2f} s")
        stem = path.stem
        pages = (
            "first page", "", "first page again", "", "all tables", stem, "results", f"{stem}/results",
            "scores", f"{stem}/scores", "scores sorted", f"{stem}/scores?_sort_desc=value",
            "scores counted", f"{stem}/scores?_facet=model",
            "trials", f"{stem}/trials", "one trial", "-/trial/7", "failures", f"{stem}/failures",
            "what was found", f"{stem}/what-was-found", "what is missing", f"{stem}/what-is-missing",
            "items", f"{stem}/which-items-score-most", "wording", f"{stem}/does-the-wording-matter",
        )  # fmt: skip
        for name, page in zip(pages[::2], pages[1::2], strict=True):
            began = time.perf_counter()
            with urllib.request.urlopen(address + page) as answer:
                answer.read()
            print(f"  {name:<18}{time.perf_counter() - began:7.3f} s", flush=True)
    finally:
        started.terminate()
        started.wait()


def main(scores: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.db"
        models = [word for model in MODELS for word in ("--model", model)]
        repeats = "20" if scores >= 100_000 else "2"
        gnomon("run", "implicit-bias", *models, "--repeats", repeats, "--db", str(path), "--quiet")
        print(f"{grow(path, scores):,} scores, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        report(path, Path(folder) / "report.html")
        serve(path)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
