"""How fast ``gnomon results`` shows a database of one million scores, and what the design did to them.

    python tests/benchmarks/bench_results.py [SCORES] [RUNS]

The database is written through the store's own interface: runs of one measure with 50 items under 3 × 2 × 2
conditions, a score for each trial and the estimates of each run. The commands are timed from start to exit,
Python's own start included; the aim is less than 3 s for a million scores. ``--effects`` computes everything
anew, from every score.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gnomon import Item, Score, Table, Trial
from gnomon.store import RoleFacts, RunFacts, Store
from gnomon_plugins.statistics.t_tests import TOneSample

ITEMS = 50
AIM = 3.0
SPEC = """
measure = "bench"
title = "A million scores"
version = 1
seed = 1
needs = ["chat"]

[stimuli]
use = "table"
file = "bench.csv"
key = "item"

[design]
factors = { wording = ["plain", "polite", "terse"], order = ["ab", "ba"], label = ["x", "y"] }

[[score]]
use = "yes-no"
as = "bias"

[[statistic]]
use = "t-one-sample"
of = "bias"
by = ["item"]
"""


def trials(count: int) -> Iterator[Trial]:
    items = [Item(f"item-{key}", {}, {"category": f"category-{key % 7}"}) for key in range(ITEMS)]
    conditions = [
        {"wording": wording, "order": order, "label": label}
        for wording in ("plain", "polite", "terse")
        for order in ("ab", "ba")
        for label in ("x", "y")
    ]
    for ordinal in range(count):
        cell = ordinal % len(conditions)
        place = ordinal // len(conditions)
        item, levels = items[place % ITEMS], conditions[cell]
        yield Trial(ordinal, item, levels, place // ITEMS, {}, {**item.groups, **levels})


def fill(path: Path, scores: int, runs: int) -> None:
    rng = random.Random(1)
    with Store.open(path, write=True) as store:
        for number in range(runs):
            subject = RoleFacts(role="subject", backend="scripted", model=f"model-{number}")
            facts = RunFacts(
                measure="bench",
                title="A million scores",
                version=1,
                spec_text=SPEC,
                seed=number,
                repeats=1,
                roles={"subject": subject},
            )
            run = store.begin_run(facts)
            scoring = store.begin_scoring(run)
            for trial in trials(scores // runs):
                trial_id = store.add_trial(run, store.add_item(trial.item), trial)
                value = rng.gauss(0.1 * (trial.levels["order"] == "ab"), 1)
                score = Score(name="bias", value=value)
                store.add_scores(run, scoring, [score], scorer="yes-no", trial_id=trial_id)
                store.finish_trial(trial_id)
                store.tick()
            store.flush()
            found = store.score_columns([run], ["bias"], ("item",))
            table = Table(
                scores=found.scores, statuses=found.statuses, labels=found.labels, of=("bias",)
            )
            test, draws = TOneSample(), np.random.default_rng(1)
            store.replace_estimates(
                run,
                scoring,
                [test.estimate(part, draws) for _, part in table.groups(("item",))],
            )


def timed(*words: str) -> tuple[float, int]:
    # As a user has it: compiled modules are kept from one start to the next.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "gnomon", *words]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
    return time.perf_counter() - started, done.stdout.count("\n")


def main(scores: int = 1_000_000, runs: int = 10) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        started = time.perf_counter()
        fill(path, scores, runs)
        print(
            f"{scores:,} scores of {runs} runs written in {time.perf_counter() - started:.1f} s, "
            f"{path.stat().st_size / 2**20:.0f} MiB"
        )
        for words in (("results",), ("results", "--effects")):
            taken = [timed(*words, "--db", str(path)) for _ in range(3)]
            best = min(seconds for seconds, _ in taken)
            print(
                f"gnomon {' '.join(words)}: {best:.2f} s ({taken[0][1]} lines), aim {AIM:g} s; all: "
                + ", ".join(f"{seconds:.2f}" for seconds, _ in taken)
            )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
