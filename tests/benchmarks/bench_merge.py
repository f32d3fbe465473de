"""Trials per second and peak memory of ``gnomon merge``, beside a plain copy of the files by SQLite.

    python tests/benchmarks/bench_merge.py [TRIALS]

Two databases of so many scripted trials each are merged into a new one, and a second time.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1])]

from long_runs import _MEASURED, whole_run  # noqa: E402 - found on the path set above


def gnomon(*words: str) -> tuple[float, float]:
    """Seconds and peak MiB of a command."""
    reading, writing = os.pipe()
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _MEASURED, *words],
        check=True,
        capture_output=True,
        pass_fds=(writing,),
        env={**os.environ, "MEASURED_FD": str(writing)},
    )
    seconds = time.perf_counter() - began
    os.close(writing)
    peak = int(os.read(reading, 100)) / 1024
    os.close(reading)
    return seconds, peak


def copied(path: Path, target: Path) -> float:
    """Seconds that SQLite takes to copy a database page by page."""
    began = time.perf_counter()
    with sqlite3.connect(path) as source, sqlite3.connect(target) as into:
        source.backup(into)
    source.close()
    into.close()
    return time.perf_counter() - began


def main() -> None:
    """Print rates and ratios."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = []
        for number in range(2):
            whole_run(
                folder / str(number), trials, "scripted:fill", "--seed", str(number), timeout=900
            )
            sources.append(folder / str(number) / "long.db")
        target = folder / "all.db"
        plain = sum(copied(path, folder / f"copy-{path.parent.name}.db") for path in sources)
        words = ("merge", *map(str, sources), "--into", str(target))
        first, peak = gnomon(*words)
        again, _ = gnomon(*words)
        print(
            f"merging 2 x {trials:,} trials: {2 * trials / first:,.0f} trials/s, {first / plain:.1f} times a "
            f"plain copy, peak {peak:.0f} MiB; again {2 * trials / again:,.0f} trials/s; "
            f"{target.stat().st_size / sum(path.stat().st_size for path in sources):.2f} of the sources' bytes"
        )


if __name__ == "__main__":
    main()
