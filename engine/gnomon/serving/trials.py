"""One trial as a page: what was said in order, and beside it what was read off it.

One invariant: the page shows the trial whole; nothing of it is taken for markup, and only signs that a page may not
hold are replaced.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gnomon.report.wording import clean
from gnomon.store import Store
from gnomon.telling import everything, facts, number


def trial(path: Path, which: int) -> dict[str, Any] | None:
    """What the template ``trial.html`` shows; None when there is no such trial."""
    with Store.open(path) as store:
        one = store.view.trial(which)
        if one is None:
            return None
        run = next(run for run in store.runs() if run["run"] == one.run)
        place = one.record.trial.ordinal
        before, after = (store.view.trial_at(one.run, place + step) for step in (-1, 1))
    first_of_item = len(one.scores) - one.of_item
    return {
        "number": one.trial,
        "run": one.run,
        "measure": clean(run["measure"]),
        "model": clean(run["model"] or "no model"),
        "item": clean(one.record.trial.item.key),
        "before": before,
        "after": after,
        "facts": [(name, clean(held)) for name, held in facts(one)],
        "said": [
            {
                "who": clean(said.who),
                "text": clean(said.text),
                "more": clean(said.more),
                "weak": said.weak,
            }
            for said in everything(one)
        ],
        "scores": [
            {
                "name": clean(score.name),
                "of_item": at >= first_of_item,
                "value": _value(score.value, score.status),
                "detail": [
                    (clean(name), clean(_text(held))) for name, held in score.detail.items()
                ],
            }
            for at, score in enumerate(one.scores)
        ],
    }


def _value(value: float | None, status: str) -> str:
    if value is None:
        return status
    return number(value) if status == "ok" else f"{number(value)} ({status})"


def _text(held: object) -> str:
    return held if isinstance(held, str) else json.dumps(held, ensure_ascii=False)
