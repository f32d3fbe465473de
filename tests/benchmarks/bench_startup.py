"""Start-up: ``gnomon --help`` and ``gnomon list`` against ``sqlite-utils --help``.

    python tests/benchmarks/bench_startup.py [ROUNDS]

Each round runs the three commands in turn, so that a busy machine slows all of them; medians of the
processor's time are compared. Ratios above 1.0 end with exit code 1. Where the time goes: ``python -X importtime -m gnomon list``.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

BIN = Path(sysconfig.get_path("scripts"))
BASELINE = ("sqlite-utils", "--help")
OURS = (("gnomon", "--help"), ("gnomon", "list"))


def seconds(command: tuple[str, ...]) -> float:
    """Processor time of one run, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(BIN / command[0]), *command[1:]], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians(rounds: int) -> dict[tuple[str, ...], float]:
    """Median seconds of each command over alternating runs, the first round not counted."""
    times: dict[tuple[str, ...], list[float]] = {command: [] for command in (BASELINE, *OURS)}
    for number in range(rounds + 1):
        for command, taken in times.items():
            once = seconds(command)
            if number:
                taken.append(once)
    return {command: statistics.median(taken) for command, taken in times.items()}


def main() -> int:
    """Print medians and ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    found = medians(rounds)
    worst = 0.0
    for command, taken in found.items():
        ratio = taken / found[BASELINE]
        worst = max(worst, ratio)
        print(f"{' '.join(command):<22}{taken * 1000:7.0f} ms   ratio {ratio:.2f}")
    return 0 if worst <= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
