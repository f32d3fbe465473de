"""How fast measures are validated: the whole pipeline, in two processes.

    python tests/benchmarks/bench_validate.py [RUNS]

Prints simulated runs per second, and the seconds that 1,000 simulated runs of ``implicit-bias`` with 168
trials each (21 stereotypes, 4 variations, 2 repeats) take; the aim is less than 60.
"""

from __future__ import annotations

import os
import sys
import time

from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.run import RunRequest
from gnomon.simulation import Workplace, setting_of, validate

CONDITIONS = 10
AIM = 60.0


def main(runs: int = 1000) -> None:
    catalogue = Catalogue()
    spec = load(catalogue.find_measure("implicit-bias"), catalogue)
    setting = setting_of(RunRequest(spec=spec, roles={}, repeats=2), catalogue)
    wall, own = time.perf_counter(), os.times()
    report = validate(Workplace(setting=setting, processes=2), runs=runs // CONDITIONS)
    wall, now = time.perf_counter() - wall, os.times()
    used = sum(now[:4]) - sum(own[:4])
    print(
        f"{report.simulated} simulated runs of 168 trials: {wall:.1f} s, "
        f"{report.simulated / wall:.1f} runs/s, {168 * report.simulated / wall:,.0f} trials/s"
    )
    print(f"processor time {used:.1f} s, {wall * 2 / used:.2f} times of which two cores were open")
    print(f"1,000 runs: {wall * 1000 / report.simulated:.1f} s, aim {AIM:g} s")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
