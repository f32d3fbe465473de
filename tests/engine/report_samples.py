"""Databases to report on: made through the store, so that any text can stand anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
from store_samples import FACTS, SUBJECT, chat_of, key_of

from gnomon import Estimate, Item, Reply, Score, Trial
from gnomon.store import RunFacts, Store

SPEC = """\
measure = "tiny"
title = "A tiny measure"
version = 1
seed = 7
about = "How long the answers are."

[design.factors]
tone = ["plain", "polite"]

[[score]]
use = "length"

[[statistic]]
use = "mean"
of = "length"
"""

# Each would do something if it were taken for HTML, a template, an expression or a formula.
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror=window.hacked=3>",
    "<svg onload=window.hacked=4><a href='javascript:window.hacked=5'>x</a></svg>",
    "'\"><iframe srcdoc='<script>parent.hacked=6</script>'></iframe>",
    "<style>*{display:none!important}</style>",
    "</style><script>window.hacked=7</script>",
    "</title><script>window.hacked=8</script>",
    "</pre></details><script>window.hacked=9</script>",
    "<!-- <script>window.hacked=10</script>",
    "]]><script>window.hacked=11</script>",
    "<math><mtext></mtext><script>window.hacked=12</script></math>",
    "<base href='https://example.invalid/'><link rel=stylesheet href=//example.invalid/x.css>",
    "<meta http-equiv=refresh content='0;url=https://example.invalid/'>",
    "{{ 7 * 191 }} {% for x in range(3) %}loop{% endfor %} {{ self.__class__ }}",
    "${7*191} #{7*191} <%= 7*191 %> {7*191!r}",
    "javascript:window.hacked=13",
    "=HYPERLINK(\"https://example.invalid\", \"x\")",
    "&lt;script&gt;window.hacked=14&lt;/script&gt; &amp;amp; &#60;b&#62;",
    "\" onfocus=window.hacked=15 autofocus x=\"",
    "datum.value + signal('x'); toString(data('table'))",
    "url(https://example.invalid/x.png)",
    "שלום \u202edlrow olleh\u202c مرحبا",
    "🧭👩🏽‍🔬 e\u0301 \u200b\ufeff",
    "O'Reilly says \"it's\" `fine` \\ back",
    "null\x00byte \x1b[31mred\x07 \ud800 lone",
)  # fmt: skip


def estimate(value: float | None, *, of: str = "length", **changes: object) -> Estimate:
    """An estimate as a statistic and the run leave it."""
    made = Estimate(
        quantity="mean",
        value=value,
        low=None if value is None else value - 1.5,
        high=None if value is None else value + 1.5,
        level=0.95,
        p=0.01,
        n=6,
        method="mean of a sample",
        statistic="average",
        of=of,
        counts={"ok": 6, "refused": 1},
    )
    return attrs.evolve(made, **changes)


def write_run(
    store: Store,
    *,
    facts: RunFacts = FACTS,
    items: Sequence[str] = ("a", "b", "c", "d"),
    groups: Sequence[str] = ("east", "west"),
    levels: Sequence[str] = ("plain", "polite"),
    repeats: int = 2,
    replies: Sequence[str] = ("fine", "well then", "oh"),
    refused: Sequence[str] = (),
    score: str = "length",
    estimates: bool = True,
    ended: bool = True,
) -> int:
    """One run with trials, scores and estimates; every text may be chosen."""
    run = store.begin_run(facts, fresh=True)
    scoring = store.begin_scoring(run)
    ordinal = 0
    unread = list(refused)
    for repeat in range(repeats):
        for place, key in enumerate(items):
            for level in levels:
                item = Item(key, {"word": key}, {"side": groups[place % len(groups)]})
                fields = {**item.groups, **item.fields, "tone": level}
                trial = Trial(ordinal, item, {"tone": level}, repeat, {}, fields)
                item_id = store.add_item(item)
                trial_id = store.add_trial(run, item_id, trial)
                ask = chat_of(trial, f"{level}: say something about {key} ({ordinal})")
                text = unread.pop(0) if unread else None
                reply = Reply(text=text or replies[ordinal % len(replies)])
                reply_id = store.add_reply(key_of(ask), ask, reply, attempt=1)
                store.add_ask(
                    run, trial_id, item_id, 0, ask, key_of(ask), reply_id,
                    cached=False, phase="trial",
                )  # fmt: skip
                made = (
                    Score(name=score, value=float(len(reply.text) + place))
                    if text is None
                    else Score(name=score, value=None, status="unparsed", detail={"saw": text})
                )
                store.add_scores(run, scoring, [made], scorer=score, trial_id=trial_id)
                store.finish_trial(trial_id)
                ordinal += 1
    if estimates:
        made_of = [estimate(5.0, of=score)]
        made_of += [
            estimate(
                3.0 + at,
                of=score,
                group={"side": group},
                statistic="by side",
                p_corrected=0.02,
                correction="holm",
                family="by side",
                family_size=len(groups),
            )
            for at, group in enumerate(groups)
        ]
        store.replace_estimates(run, scoring, made_of)
    if ended:
        store.close_session(run, reason="done", calls=ordinal, seconds=1.5, cost=0.25)
    store.flush()
    return run


def facts_of(model: str = "answers", **changes: object) -> RunFacts:
    """Facts with a model of that name."""
    roles = {"subject": attrs.evolve(SUBJECT, model=model)}
    return attrs.evolve(FACTS, spec_text=SPEC, roles=roles, **changes)


def sample(path: Path, models: Sequence[str] = ("one", "two")) -> Path:
    """A database with a run for each model."""
    with Store.open(path, write=True) as store:
        for model in models:
            write_run(store, facts=facts_of(model), refused=("no idea",))
    return path


def hostile(path: Path) -> Path:
    """A database whose every text is an attack: models, titles, items, groups, levels, scores, replies."""
    with Store.open(path, write=True) as store:
        for at in range(2):
            spec = SPEC.replace("How long the answers are.", "<script>window.hacked=20</script>")
            write_run(
                store,
                facts=attrs.evolve(
                    facts_of(f"{HOSTILE[at]}{HOSTILE[at + 2]}"),
                    title=HOSTILE[7],
                    measure=HOSTILE[14][:40],
                    spec_text=spec + f"# {HOSTILE[6]}\n",
                    command=HOSTILE[:5],
                    versions={HOSTILE[2]: HOSTILE[3]},
                ),
                items=HOSTILE,
                groups=HOSTILE,
                levels=HOSTILE[:3],
                repeats=2,
                replies=HOSTILE,
                refused=("long " * 2_000, *HOSTILE),
                score=HOSTILE[2],
            )
    return path
