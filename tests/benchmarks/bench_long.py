"""A long run: peak memory against a short one, resuming it, and scoring it again.

    python tests/benchmarks/bench_long.py [TRIALS] [--folder FOLDER]

A million scripted trials take some minutes. What is printed: peak memory of a run of 10,000 trials and of the
long one; seconds from the start of the same command, with the last trial still to do, to its first call;
trials a second that ``gnomon score`` scores again, of wall clock and of processor time.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1])]

from long_runs import whole_run  # noqa: E402 - found on the path set above

# The command as it is, with the time of its first call.
FIRST_CALL = """\
import sys, time
from gnomon.cli import main
from gnomon.run.budget import Budget

began = float(sys.argv.pop(1))
take = Budget.take

def first(self, calls):
    Budget.take = take
    print(f"first {time.time() - began:.3f} {time.process_time():.3f}", flush=True)
    return take(self, calls)

Budget.take = first
main()
"""


def gnomon(code: str, *arguments: str) -> str:
    """What a command prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    )
    return done.stdout


def take_away_the_last(database: Path) -> None:
    """Leave the run with one trial to do, whose reply is not there."""
    with sqlite3.connect(database) as connection:
        (trial,) = connection.execute("SELECT max(id) FROM trial").fetchone()
        (reply,) = connection.execute(
            "SELECT reply_id FROM ask WHERE trial_id = ?", (trial,)
        ).fetchone()
        connection.execute("DELETE FROM ask WHERE trial_id = ?", (trial,))
        connection.execute("DELETE FROM score WHERE trial_id = ?", (trial,))
        connection.execute("DELETE FROM reply WHERE id = ?", (reply,))
        connection.execute("UPDATE trial SET finished = 0 WHERE id = ?", (trial,))
    connection.close()


def main() -> None:
    """Print the figures."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    trials = numbers[0] if numbers else 1_000_000
    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[sys.argv.index("--folder") + 1]) if "--folder" in sys.argv else None
        if folder is None:
            folder = Path(made) / "long"
            short = whole_run(Path(made) / "short", 10_000, "scripted:fill")
            long = whole_run(folder, trials, "scripted:fill", timeout=6000)
            print(
                f"peak memory: 10,000 trials {short.peak:.0f} MiB, {trials:,} trials "
                f"{long.peak:.0f} MiB (difference {long.peak - short.peak:.0f}), {long.rate:,.0f} trials/s"
            )
        database, plugin = folder / "long.db", str(folder / "length.py")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        began = time.perf_counter()
        gnomon(
            "from gnomon.cli import main; main()",
            "score", "1", "--db", str(database), "--plugin", plugin,
        )  # fmt: skip
        wall = time.perf_counter() - began
        spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        print(
            f"scored again: {trials / wall:,.0f} trials/s, {trials / spent:,.0f} by processor time"
        )
        take_away_the_last(database)
        said = gnomon(
            FIRST_CALL, repr(time.time()), "run", str(folder / "long.toml"), "--plugin", plugin,
            "--model", "scripted:fill", "--db", str(database), "--json",
        )  # fmt: skip
        _, seconds, processor = said.splitlines()[0].split()
        calls = json.loads(said.partition("\n")[2])[0]["calls"]
        print(
            f"first call of {calls} after {float(seconds):.1f} s ({processor} s of processor time)"
        )


if __name__ == "__main__":
    main()
