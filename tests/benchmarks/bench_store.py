"""The store by itself: trials written, read and scored per second, and bytes on disk.

Run as ``python tests/benchmarks/bench_store.py [TRIALS] [ITEMS]``. Every trial has a prompt of about 700 bytes and
a reply of about 200 bytes of its own, ten draws, one ask and one score.
"""

from __future__ import annotations

import cProfile
import pstats
import random
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from gnomon import Chat, Decoding, Item, Message, Reply, Score, Trial
from gnomon.store import RoleFacts, RunFacts, Store, reply_key

WORDS = [f"word{number:04d}" for number in range(5000)]
DECODING = {"temperature": 0.7, "max_tokens": 300}


def facts() -> RunFacts:
    subject = RoleFacts(role="subject", backend="scripted", model="answers")
    return RunFacts(
        measure="bench",
        title="The store by itself",
        version=1,
        spec_text="measure = 'bench'",
        seed=1,
        repeats=1,
        roles={"subject": subject},
    )


def prepared(count: int, items: int, offset: int) -> list[tuple[Item, Trial, Chat, Reply]]:
    made = []
    rng = random.Random(offset)
    for ordinal in range(offset, offset + count):
        key = ordinal % items
        item = Item(
            f"item-{key}",
            {"target": f"target {key}", "attribute": "science"},
            {"category": f"category-{key % 7}"},
        )
        words = tuple(rng.sample(WORDS, 10))
        draws = {"words": words, "first": "Ben", "second": "Julia"}
        levels = {"instruction": ("plain", "role")[ordinal % 2], "label_order": "ab"}
        fields = {**item.groups, **item.fields, **levels, **draws}
        trial = Trial(ordinal, item, levels, ordinal // items, draws, fields)
        prompt = f"{ordinal} " + " ".join(rng.choices(WORDS, k=77))
        ask = Chat(messages=(Message("user", prompt),), decoding=Decoding(**DECODING), trial=trial)
        reply = Reply(
            text=" ".join(rng.choices(WORDS, k=22)),
            finish="stop",
            tokens_in=200,
            tokens_out=60,
            model="answers-2024",
            seconds=0.0123,
        )
        made.append((item, trial, ask, reply))
    return made


def write(
    store: Store, run: int, scoring: int, made: list[tuple[Item, Trial, Chat, Reply]]
) -> None:
    for item, trial, ask, reply in made:
        item_id = store.add_item(item)
        trial_id = store.add_trial(run, item_id, trial)
        key = reply_key(
            ask, backend="scripted", model="answers", options={}, identity={}, repeat=trial.repeat
        )
        assert store.find_reply(key) is None
        reply_id = store.add_reply(key, ask, reply, attempt=1)
        store.add_ask(run, trial_id, item_id, 0, ask, key, reply_id, cached=False, phase="trial")
        score = Score(name="association-d", value=0.25)
        store.add_scores(run, scoring, [score], scorer="association-d", trial_id=trial_id)
        store.finish_trial(trial_id)
        store.tick()


def rate(label: str, count: int, seconds: float) -> None:
    print(
        f"{label:<32}{count / seconds:>12,.0f}/s  {1e6 * seconds / count:8.1f} µs each", flush=True
    )


def main(trials: int = 100_000, items: int = 2_000, *, profile: bool = False) -> None:
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "bench.db"
    spent = 0.0
    content = 0
    profiler = cProfile.Profile()
    with Store.open(path, write=True) as store:
        run = store.begin_run(facts())
        scoring = store.begin_scoring(run)
        for offset in range(0, trials, 5_000):
            made = prepared(min(5_000, trials - offset), items, offset)
            content += sum(
                len(ask.messages[0].content) + len(reply.text) for _, _, ask, reply in made
            )
            if profile:
                profiler.enable()
            began = time.perf_counter()
            write(store, run, scoring, made)
            spent += time.perf_counter() - began
            profiler.disable()
        began = time.perf_counter()
    spent += time.perf_counter() - began
    rate("write, key included", trials, spent)
    size = path.stat().st_size
    print(
        f"{'bytes per trial':<32}{size / trials:>12,.0f}  = {size / content:.3f} × prompts and replies"
    )
    began = time.perf_counter()
    for _ in range(5):
        for _, _, ask, _ in made[:2000]:
            reply_key(ask, backend="scripted", model="answers", options={}, identity={}, repeat=0)
    rate("reply_key", 5 * len(made[:2000]), time.perf_counter() - began)
    with Store.open(path) as store:
        began = time.perf_counter()
        assert len(store.finished(run)) == trials
        rate("finished", trials, time.perf_counter() - began)
        began = time.perf_counter()
        read = sum(1 for _ in store.trial_records(run))
        assert read == trials
        rate("trial_records", trials, time.perf_counter() - began)
        began = time.perf_counter()
        assert sum(len(record.trials) for _, record in store.item_records(run)) == trials
        rate("item_records, by trial", trials, time.perf_counter() - began)
        for wanted in (None, ("item", "category", "instruction")):
            began = time.perf_counter()
            store.score_columns([run], ["association-d"], wanted)
            rate(
                f"score_columns {'all' if wanted is None else 'three'}",
                trials,
                time.perf_counter() - began,
            )
        began = time.perf_counter()
        assert store.verify() == []
        rate("verify", trials, time.perf_counter() - began)
        print("peak MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    for name, used, payload in sqlite3.connect(path).execute(
        "SELECT name, sum(pgsize), sum(payload) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 14"
    ):
        print(f"  {name:<24}{used / trials:8.1f} bytes/trial, {payload / used:5.0%} full")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    folder.cleanup()


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--profile"]
    main(*map(int, arguments), profile="--profile" in sys.argv)
