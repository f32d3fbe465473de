"""Replies scored per second by ``association-d``, on one core.

    python tests/benchmarks/bench_scoring.py [ROUNDS]

The replies are the published ones of GPT-4o where they are at hand (../shared/data or
GNOMON_SHARED_DATA), otherwise made-up ones of the same form. The comparison is the leanest loop that
could read them at all: split into lines, split each line, look both parts up. Ends with exit code 1 below
20,000 replies per second.
"""

from __future__ import annotations

import csv
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from association import answered, stimuli
from gnomon import TrialRecord
from gnomon_plugins.scorers.association_d import AssociationD
from shared_data import shared_data

GOAL = 20_000
SCORER = AssociationD(vocabulary="item")


def record(stereotype: str, reply: str) -> TrialRecord:
    lists = stimuli_once[stereotype]
    words = [*lists["positive"], *lists["negative"]]
    random.shuffle(words)
    return answered(reply, lists, words=tuple(words))


stimuli_once = stimuli()


def published(data: Path) -> list[TrialRecord]:
    out = []
    for path in sorted((data / "published" / "bai-2024" / "gpt4o").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            out.extend(record(row["category"], row["0"]) for row in csv.DictReader(file))
    return out


def made_up() -> list[TrialRecord]:
    out = []
    for stereotype, lists in stimuli_once.items():
        words = [*lists["positive"], *lists["negative"]]
        for _ in range(50):
            labels = (random.choice(lists["default"]), random.choice(lists["stigma"]))
            lines = [f"{word} - {random.choice(labels)}" for word in words]
            out.append(record(stereotype, "\n".join(lines)))
    return out


def lean(records: list[TrialRecord]) -> int:
    """Lines read by a bare loop without checks, polarity, detail or scores."""
    read = 0
    for one in records:
        fields = one.trial.fields
        words = {str(word).lower() for word in fields["words"]}
        labels = {label.lower() for name in ("default", "stigma") for label in fields[name]}
        for line in one.last.text.lower().split("\n"):
            word, _, label = line.strip().partition(" - ")
            read += word in words and label in labels
    return read


def ours(records: list[TrialRecord]) -> int:
    return sum(score.value is not None for one in records for score in SCORER.score(one))


def per_second(work: Callable[[list[TrialRecord]], int], records: list[TrialRecord]) -> float:
    began = time.process_time()
    work(records)
    return len(records) / (time.process_time() - began)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    data = shared_data()
    records = made_up() if data is None else published(data)
    kind = "made-up" if data is None else "published"
    # Both in turn, so that a busy machine slows both; the best round of each is the least disturbed.
    speeds = [(per_second(ours, records), per_second(lean, records)) for _ in range(rounds)]
    best, bare = (max(column) for column in zip(*speeds, strict=True))
    print(f"association-d on {len(records)} {kind} replies: {best:,.0f} per second")
    print(f"bare loop: {bare:,.0f} per second; ratio {best / bare:.2f}")
    print(f"goal: {GOAL:,} per second: {'met' if best >= GOAL else 'missed'}")
    return 0 if best >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
