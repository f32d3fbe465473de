"""A small run to store: facts, trials, asks and replies that the tests of the store share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from gnomon import Ask, Chat, Decoding, Item, Message, Reply, Score, Trial
from gnomon.store import RoleFacts, RunFacts, Store, reply_key

SUBJECT = RoleFacts(role="subject", backend="scripted", model="answers", options={"seed": 1})

FACTS = RunFacts(
    measure="tiny",
    title="A tiny measure",
    version=1,
    spec_text='measure = "tiny"\n',
    seed=7,
    repeats=2,
    roles={"subject": SUBJECT},
    plan={"only": {"instruction": ["plain"]}},
    command=("gnomon", "run", "tiny"),
    versions={"python": "3.11", "gnomon": "0.1.0"},
    plugins=(("scorers", "length", "gnomon", "0.1.0", '{"unit":"words"}'),),
)


def trial_of(ordinal: int, **changes: Any) -> Trial:
    item = changes.pop("item", None) or Item(
        f"item-{ordinal % 3}",
        {"words": ("salt", "pepper"), "number": ordinal % 3},
        {"category": "spice"},
        gold="salt",
    )
    levels = {"instruction": "plain"}
    draws = {"order": ("a", "b"), "shown": ("pepper", "salt"), "first": "Ada"}
    fields = {
        **item.groups,
        **item.fields,
        **levels,
        "wording": "Say",
        "shown": "pepper; salt",
        "first": "Ada",
    }
    return attrs.evolve(Trial(ordinal, item, levels, ordinal // 3, draws, fields), **changes)


def chat_of(trial: Trial, text: str | None = None, **changes: Any) -> Chat:
    prompt = f"question {trial.ordinal}" if text is None else text
    ask = Chat(
        messages=(Message("user", prompt),),
        decoding=Decoding(temperature=0.5, max_tokens=20),
        trial=trial,
    )
    return attrs.evolve(ask, **changes)


def key_of(ask: Ask, repeat: int = 0, role: RoleFacts = SUBJECT) -> bytes:
    return reply_key(
        ask,
        backend=role.backend,
        model=role.model,
        options=role.options,
        identity=role.identity,
        repeat=repeat,
    )


def administer(
    store: Store,
    run: int,
    trial: Trial,
    *turns: tuple[Ask, Reply],
    scoring: int | None = None,
    value: float = 1.0,
    finish: bool = True,
) -> int:
    """Store a trial as the run loop does; one plain question and answer unless turns are given."""
    item_id = store.add_item(trial.item)
    trial_id = store.add_trial(run, item_id, trial)
    for position, (ask, reply) in enumerate(
        turns or ((chat_of(trial), Reply(text=f"answer {trial.ordinal}", seconds=0.25)),)
    ):
        key = key_of(ask, trial.repeat)
        found = store.find_reply(key)
        reply_id = found.id if found else store.add_reply(key, ask, reply, attempt=1)
        store.add_ask(
            run,
            trial_id,
            item_id,
            position,
            ask,
            key,
            reply_id,
            cached=found is not None,
            phase="trial",
        )
    if scoring is not None:
        store.add_scores(
            run, scoring, [Score(name="length", value=value)], scorer="length", trial_id=trial_id
        )
    if finish:
        store.finish_trial(trial_id)
    store.tick()
    return trial_id


def small_run(path: Path, trials: int = 6) -> int:
    """A database with one finished and scored run; its number."""
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        scoring = store.begin_scoring(run)
        for ordinal in range(trials):
            administer(store, run, trial_of(ordinal), scoring=scoring, value=float(ordinal))
    return run


def rows(store: Store, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return list(store.query(sql, parameters)[1])
