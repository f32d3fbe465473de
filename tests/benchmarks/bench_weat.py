"""P-values of a 25 + 25 WEAT: a million sampled partitions, and all 1.26e14 of them bracketed.

    python tests/benchmarks/bench_weat.py [--draws N] [--rounds N] [--wefe PYTHON]

In each round the leanest numpy (the faster of two ways) and ours draw the same number of partitions in
turn, so that a busy machine slows both; the medians' ratio is printed, and above 1.5 the exit code is 1.
``--wefe`` names the Python of an environment with WEFE 1.0.1, whose own p-value on vectors of 300
dimensions is then timed for comparison.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Callable

import numpy as np

from gnomon_plugins._association import partition_test

WORDS = 25
CHUNK = 20_000

WEFE = """
import time, warnings
warnings.simplefilter("ignore")
import numpy as np
from gensim.models import KeyedVectors
from wefe.metrics import WEAT
from wefe.query import Query
from wefe.word_embedding_model import WordEmbeddingModel
rng = np.random.default_rng(1)
sets = [[f"{name}{i}" for i in range(25)] for name in "xyab"]
words = [word for one in sets for word in one]
vectors = KeyedVectors(300)
vectors.add_vectors(words, rng.normal(size=(100, 300)).astype(np.float32))
query, model = Query(sets[:2], sets[2:], ["x", "y"], ["a", "b"]), WordEmbeddingModel(vectors)
began = time.perf_counter()
WEAT().run_query(query, model, calculate_p_value=True, p_value_iterations=100)
print((time.perf_counter() - began) / 100)
"""


def lean_partition(s: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    """The 25 smallest of 50 random numbers say who is in the first set."""
    seen, hits = s[:WORDS].sum(), 0
    for start in range(0, draws, CHUNK):
        keys = rng.random((min(CHUNK, draws - start), len(s)), dtype=np.float32)
        chosen = np.argpartition(keys, WORDS, axis=1)[:, :WORDS]
        hits += int((s[chosen].sum(axis=1) >= seen).sum())
    return (hits + 1) / (draws + 1)


def lean_permuted(s: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    """Shuffled copies of the associations themselves."""
    seen, hits = s[:WORDS].sum(), 0
    for start in range(0, draws, CHUNK):
        rows = np.tile(s, (min(CHUNK, draws - start), 1))
        rng.permuted(rows, axis=1, out=rows)
        hits += int((rows[:, :WORDS].sum(axis=1) >= seen).sum())
    return (hits + 1) / (draws + 1)


def ours(s: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    """The shipped sampler, with both p-values and their intervals."""
    return partition_test(s[:WORDS], s[WORDS:], method="sampled", draws=draws, rng=rng).p


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wefe", metavar="PYTHON")
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    s = rng.normal(size=2 * WORDS) * 0.05
    s[:WORDS] += 0.02
    ways = {"argpartition": lean_partition, "permuted": lean_permuted, "gnomon": ours}
    found = {name: way(s, 10_000, np.random.default_rng(2)) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            times[name].append(seconds(lambda way=way: way(s, given.draws, rng)))
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, value in middle.items():
        print(
            f"{name:13} {value:7.3f} s for {given.draws:,} partitions (p of 10,000: {found[name]:.4f})"
        )
    leanest = min(middle["argpartition"], middle["permuted"])
    ratio = middle["gnomon"] / leanest
    print(f"gnomon / leanest numpy: {ratio:.2f} (at most 1.5)")
    bounded = partition_test(s[:WORDS], s[WORDS:])
    took = statistics.median(
        seconds(lambda: partition_test(s[:WORDS], s[WORDS:])) for _ in range(given.rounds)
    )
    print(
        f"all {bounded.partitions:,} partitions: p in [{bounded.p_low:.6g}, {bounded.p_high:.6g}] "
        f"in {took:.3f} s"
    )
    if given.wefe:
        done = subprocess.run([given.wefe, "-c", WEFE], capture_output=True, text=True, check=True)
        one = float(done.stdout.split()[-1])
        print(
            f"WEFE: {1000 * one:.1f} ms for one partition, {one * given.draws / middle['gnomon']:,.0f} "
            "times as long as gnomon"
        )
    return int(ratio > 1.5)


if __name__ == "__main__":
    raise SystemExit(main())
