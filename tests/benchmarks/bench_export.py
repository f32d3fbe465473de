"""A whole database out and in again, and one view, against reading the same rows with bare SQLite.

Run as ``python tests/benchmarks/bench_export.py [TRIALS]``; a trial has one score, so there are twice as many rows. Each
form has a process of its own, so that its peak of memory is its own; a tenth of the rows shows that it is flat.
"""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_frames import made

from gnomon.export.archive import export_all, streamed, tables
from gnomon.export.restore import restore
from gnomon.export.views import Chosen, export_view


def told(label: str, rows: int, began: tuple[float, float]) -> None:
    """Print seconds, rows a second of wall time and of processor time, and the peak of memory."""
    wall, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{label:<28}{wall:7.2f} s {rows / wall:>11,.0f} rows/s   {processor:6.2f} s of processor "
        f"{rows / processor:>11,.0f} rows/s   peak {peak} MiB",
        flush=True,
    )


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def one(what: str, path: Path) -> None:
    """One figure, in this process."""
    out = path.parent / f"out-{what}"
    if what == "bare fetch":
        connection = sqlite3.connect(path)
        began = now()
        rows = sum(
            len(batch)
            for table in tables(connection)
            for batch in streamed(connection.execute(f'SELECT * FROM "{table}"'))
        )
        told(what, rows, began)
        return
    if what.startswith("view"):
        began = now()
        with out.open("wb") as file:
            rows = export_view(path, "scores", what.split()[1], file, Chosen())
        told(what, rows, began)
        return
    if what == "parquet":
        # The library is imported once, whatever the number of rows.
        import pyarrow.parquet  # noqa: F401
    began = now()
    counts = export_all(path, what, out)
    rows = sum(counts.rows.values())
    told(f"{what}, out", rows, began)
    size = sum(file.stat().st_size for file in out.iterdir())
    began = now()
    restore(out, path.parent / "again.db")
    told(f"{what}, in", rows, began)
    print(f"{'':<28}{size / path.stat().st_size:.2f} × the bytes of the database")
    (path.parent / "again.db").unlink()
    shutil.rmtree(out)


def main(trials: int = 1_000_000) -> None:
    for count in (trials // 10, trials):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            made(path, count)
            print(f"{count:,} trials with a score each", flush=True)
            for what in ("bare fetch", "parquet", "jsonl", "csv", "view parquet"):
                subprocess.run([sys.executable, __file__, "--one", what, str(path)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
