"""Opening a converted table of 400,000 × 100 vectors: time, resident memory, and look-ups per second.

    python tests/benchmarks/bench_vectors.py [WORDS] [DIMENSIONS]

A text file is made and converted once; the table is then opened in a fresh process that has numpy already.
Above 0.2 s or 50 MiB the exit code is 1.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gnomon_plugins.backends.vectors import Vectors

OPEN = """
import os, resource, sys, time
import numpy
from gnomon import Embed
from gnomon_plugins.backends.vectors import Vectors

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

before, began = resident(), time.perf_counter()
backend = Vectors(model=sys.argv[1], cache=sys.argv[2])
backend.prepare(print)
backend.identity
opened, held = time.perf_counter() - began, resident() - before
texts = tuple(f"word{number * 37 % int(sys.argv[3])}" for number in range(10_000))
began = time.perf_counter()
reply = backend.ask(Embed(texts=texts))
assert not reply.missing
print(opened, held, len(texts) / (time.perf_counter() - began))
"""


def main() -> int:
    words = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    dimensions = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as made:
        path, cache = Path(made) / "vectors.txt", Path(made) / "cache"
        rng = np.random.default_rng(1)
        with path.open("w", encoding="utf-8") as file:
            for number in range(words):
                row = rng.integers(-99_999, 99_999, dimensions) / 100_000
                file.write(f"word{number} {' '.join(map(str, row.tolist()))}\n")
        began = time.perf_counter()
        Vectors(model=str(path), cache=str(cache)).prepare(print)
        print(
            f"converting {path.stat().st_size / 2**20:.0f} MiB of text: {time.perf_counter() - began:.1f} s"
        )
        found = [
            [
                float(value)
                for value in subprocess.run(
                    [sys.executable, "-c", OPEN, str(path), str(cache), str(words)],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.split()
            ]
            for _ in range(5)
        ]
    opened, held, rate = (sorted(column)[2] for column in zip(*found, strict=True))
    print(
        f"opening {words:,} x {dimensions}: {opened:.3f} s (at most 0.2), {held:.1f} MiB (at most 50)"
    )
    print(f"look-ups: {rate:,.0f} words per second")
    return int(opened > 0.2 or held > 50)


if __name__ == "__main__":
    raise SystemExit(main())
