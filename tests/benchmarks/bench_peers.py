"""A whole run beside a whole evaluation of Inspect, against the same instant server, in the same minutes.

    pip install 'gnomon[http]' inspect-ai openai
    python tests/benchmarks/bench_peers.py [TRIALS] [--inspect PYTHON]

``--inspect`` names a Python that has Inspect, where this one has not. Both send the same questions with 50 at once,
store every reply and score it by its length. Both are timed from the first to the last instruction of their process, in
turns; what is to be read off is the ratio.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

from bench_run import AT_ONCE, ROUNDS, instant_server, middle, run_once

INSPECT = """\
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Target, mean, scorer
from inspect_ai.solver import TaskState, generate

TONES = ("plain", "polite")


@scorer(metrics=[mean()])
def length():
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=float(len(state.output.completion)))

    return score


def samples(count):
    for at in range(count):
        word, tone = at // 2 % 200, TONES[at % 2]
        kind = "odd" if word % 2 else "even"
        yield Sample(input=f"Say something {tone} about word{word}, the {kind} one.", target="")


task = Task(dataset=MemoryDataset([*samples(int(sys.argv[1]))]), solver=generate(), scorer=length())
(log,) = eval(
    task, model="openai-api/here/m", max_connections=int(sys.argv[2]), log_dir=sys.argv[3], display="none"
)
assert log.status == "success", log.error
assert log.results.completed_samples == int(sys.argv[1])
"""
"""The same questions as those of ``long_runs``."""


def timed(count: int, made: Callable[[], object]) -> tuple[float, float]:
    """Trials per second of the clock and of processor time, of what is done in processes of their own."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    made()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / (time.perf_counter() - began), count / spent


def inspect(python: str, url: str, trials: int) -> None:
    """An evaluation."""
    keys = {"HERE_BASE_URL": url, "HERE_API_KEY": "unused", "INSPECT_TELEMETRY": ""}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [python, "-c", INSPECT, str(trials), str(AT_ONCE), folder],
            check=True,
            env={**os.environ, **keys},
            cwd=folder,
        )


def main() -> None:
    """Print both rates and their ratio."""
    words = sys.argv[1:]
    python = words[words.index("--inspect") + 1] if "--inspect" in words else sys.executable
    numbers = [int(word) for word in words if word.isdigit()]
    trials = numbers[0] if numbers else 20_000
    # Inspect's rate does not rise with the number, and a tenth takes long enough.
    few = max(400, trials // 10)
    rounds = []
    with instant_server() as url:
        model = f"http:m?base_url={url}&connections={AT_ONCE}"
        for _ in range(ROUNDS):
            theirs = timed(few, partial(inspect, python, url, few))
            rounds.append((theirs, timed(trials, partial(run_once, trials, model))))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for at, what in enumerate(("by the clock", "by processor time")):
        other, mine = (middle([one[side][at] for one in rounds]) for side in (0, 1))
        ratio = middle([ours[at] / theirs[at] for theirs, ours in rounds])
        print(
            f"{what}: Inspect {other:,.0f} samples/s ({few:,} samples), gnomon {mine:,.0f} trials/s "
            f"({trials:,} trials), ratio {ratio:.0f}"
        )


if __name__ == "__main__":
    main()
