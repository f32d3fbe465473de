"""Checks of plugins that may ask: sources, procedures and scorers.

One invariant: whatever is answered, the generator comes to an end and no exception leaves it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from gnomon.errors import SourceError
from gnomon.records import SCORE_STATUSES, Ask, Item, ItemRecord, Reply, Score, TrialRecord
from gnomon.spec import Turn
from gnomon.testing.conformance import Check, Subject
from gnomon.testing.corpus import REPLIES, hostile
from gnomon.testing.values import around, record, trial

_MOST_ASKS = 1000
_MOST_ITEMS = 2000


def _driven(made: Any, reply: Reply) -> tuple[list[Ask], Any]:
    """Everything a generator asks when each ask gets the same reply, and what it returns."""
    if not hasattr(made, "send"):
        return [], made
    asked: list[Ask] = []
    try:
        step = next(made)
        while True:
            several = not isinstance(step, Ask)
            asks = list(step) if several else [step]
            asked.extend(asks)
            if len(asked) > _MOST_ASKS:
                raise RuntimeError(f"it asked {_MOST_ASKS} times and did not end")
            step = made.send([reply] * len(asks) if several else reply)
    except StopIteration as end:
        return asked, end.value


# -- sources -------------------------------------------------------------------------------------


def source_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of a source."""
    return (
        Check("its items are the same each time", lambda: _same_items(subject)),
        Check("its items are well formed", lambda: _well_formed(subject)),
        Check("a missing file is a sentence", lambda: _missing_file(subject)),
    )


def _items(subject: Subject, seed: int = 1) -> list[Item]:
    """The first items; asks of a source are answered with a plain text."""
    given = around(subject.folder or ".", seed)
    made: Iterator[Any] = iter(subject.make().items(given))
    out: list[Item] = []
    reply = None
    while len(out) < _MOST_ITEMS:
        try:
            step = made.send(reply) if hasattr(made, "send") else next(made)
        except StopIteration:
            break
        reply = Reply(text="A plain answer.") if isinstance(step, Ask) else None
        if isinstance(step, Item):
            out.append(step)
    return out


def _same_items(subject: Subject) -> Iterable[str]:
    first, second = _items(subject), _items(subject)
    if first != second:
        yield (
            f"{subject.who} gives other items the second time; draw only from 'around.seed', by name"
        )
    if not first:
        yield f"{subject.who} gives no item; give 'options' and 'folder' with which it does"


def _well_formed(subject: Subject) -> Iterable[str]:
    items = _items(subject)
    seen: set[str] = set()
    for item in items:
        if not isinstance(item.key, str) or not item.key:
            yield f"the key {item.key!r} is not a text"
        if item.key in seen:
            yield f"two items have the key {item.key!r}"
        seen.add(item.key)
        for name, value in item.fields.items():
            if isinstance(value, tuple) and all(isinstance(part, str) for part in value):
                continue
            if not isinstance(value, str | int | float | bool):
                yield f"the field {name!r} of {item.key!r} is {value!r}; it may be a text, a number, true or false, or a tuple of texts"
        for name, text in item.groups.items():
            if not isinstance(text, str):
                yield f"the group {name!r} of {item.key!r} is {text!r}; it may be a text only"


def _missing_file(subject: Subject) -> Iterable[str]:
    """Without its folder a source either needs none, or says what it misses."""
    import tempfile

    with tempfile.TemporaryDirectory() as empty:
        try:
            _items(attrs.evolve(subject, folder=Path(empty)))
        except SourceError:
            return
        except OSError as error:
            yield f"it raises {type(error).__name__}: {error}; read files with 'around.folder.text(NAME)'"


# -- procedures ----------------------------------------------------------------------------------


def procedure_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of a procedure."""
    return (
        Check("it comes to an end whatever is answered", lambda: _ends(subject)),
        Check("it asks the same when it is answered the same", lambda: _same_asks(subject)),
    )


_TURNS = (Turn(user="What do you say?"), Turn(name="second", user="And what of {reply}?"))


def _administered(subject: Subject, reply: Reply) -> list[Ask]:
    turns = _TURNS if getattr(subject.cls, "remembers", True) else _TURNS[:1]
    asked, _ = _driven(subject.make().administer(subject.trial or trial(), turns), reply)
    return asked


def _ends(subject: Subject) -> Iterable[str]:
    for name, reply in REPLIES.items():
        try:
            asked = _administered(subject, reply)
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
            yield f"on the reply {name!r}: it raises {type(error).__name__}: {str(error)[:200]}"
            continue
        if not asked:
            yield f"on the reply {name!r}: it asks nothing"


def _same_asks(subject: Subject) -> Iterable[str]:
    reply = Reply(text="A plain answer.")
    if _administered(subject, reply) != _administered(subject, reply):
        yield (
            "it asks otherwise the second time; what it asks may depend on the trial and on earlier "
            "replies only, so that a stored reply can stand in for a call"
        )


# -- scorers -------------------------------------------------------------------------------------


def scorer_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of a scorer."""
    return (
        Check("hostile replies get a status, not an exception", lambda: _hostile(subject)),
        Check("the same trial has the same score", lambda: _same_scores(subject)),
        Check("a judge who writes nonsense gets a status", lambda: _judged(subject)),
        Check("what would have been read is said in words", lambda: _hinted(subject)),
    )


def _hinted(subject: Subject) -> Iterable[str]:
    """Its optional ``hint``, of a reply that it cannot read."""
    hint = getattr(subject.make(), "hint", None)
    if hint is None:
        return
    said = hint(TrialRecord(subject.trial or trial(), record(Reply(text="?")).exchanges))
    if not isinstance(said, str) or len(said.split()) < 3:
        yield f"'hint' gives {said!r}; a few words say what a reply would have to be"


def _kind(subject: Subject) -> str:
    """The kind of ask whose replies it reads: that of its needs in no role of its own, or chat."""
    needs = getattr(subject.cls, "needs", ())
    return next((need.kind for need in needs if need.role == "subject"), "chat")


def _scored(subject: Subject, scorer: Any, reply: Reply, judge: Reply | None = None) -> list[Score]:
    given = TrialRecord(subject.trial or trial(), record(reply).exchanges)
    whole: Any = given
    if getattr(subject.cls, "over", "trial") == "item":
        whole = ItemRecord(given.trial.item, (given,))
    _, made = _driven(scorer.score(whole), judge or Reply(text="1"))
    return [made] if isinstance(made, Score) else list(made or ())


def _accepted(subject: Subject) -> Sequence[tuple[str, Reply]]:
    accepts = getattr(subject.cls, "accepts", ("ok",))
    kinds = dict.fromkeys((_kind(subject), "chat", "choose"))
    given = {f"{name} ({kind})": reply for kind in kinds for name, reply in hostile(kind).items()}
    return [(name, reply) for name, reply in given.items() if reply.status in accepts]


def _hostile(subject: Subject) -> Iterable[str]:
    scorer = subject.make()
    ordinary = _ordinary(subject, scorer)
    for name, reply in _accepted(subject):
        try:
            scores = _scored(subject, scorer, reply)
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
            yield f"on the reply {name!r}: it raises {type(error).__name__}: {str(error)[:200]}"
            continue
        if not scores:
            yield f"on the reply {name!r}: it gives no score; give one with the status 'unparsed'"
        for fault in _faults(subject, scores, reply, ordinary):
            yield f"on the reply {name!r}: {fault}"


def _ordinary(subject: Subject, scorer: Any) -> Sequence[Score]:
    """The scores of a reply with nothing wrong; none when it raises, which is said of the others."""
    try:
        return _scored(subject, scorer, Reply(text="A plain answer."))
    except Exception:  # noqa: BLE001 - as above
        return ()


def _faults(
    subject: Subject, scores: Sequence[Score], reply: Reply, ordinary: Sequence[Score] = ()
) -> Iterable[str]:
    parts = getattr(subject.cls, "parts", None)
    if isinstance(parts, property):
        parts = subject.make().parts
    own = subject.name
    counted = ("ok", "truncated", *getattr(subject.cls, "counts", ()))
    # A score that is not read off the reply (a column of the stimuli) is the same whatever was answered.
    usable = list(scores) == ordinary
    for place, score in enumerate(scores):
        if not isinstance(score, Score):
            yield f"it gives {score!r}, which is no Score"
            continue
        known = parts is None or score.name in {f"{own}.{part}" for part in parts}
        if (place == 0 and score.name != own) or (place and not known):
            yield f"it gives a score {score.name!r}; the first is {own!r}, further ones are declared in 'parts'"
        if score.status not in SCORE_STATUSES:
            yield f"the score {score.name!r} has the status {score.status!r}, which there is not"
        if score.value is not None and not math.isfinite(score.value):
            yield f"the score {score.name!r} is {score.value}"
        if score.value is not None and not usable and reply.status not in counted:
            yield f"the score {score.name!r} is {score.value:g} although the reply is {reply.status!r}"
        try:
            json.dumps(dict(score.detail), allow_nan=True).encode("utf-8")
        except (TypeError, ValueError) as error:
            yield f"the detail of {score.name!r} cannot be stored as JSON: {error}"


def _same_scores(subject: Subject) -> Iterable[str]:
    scorer = subject.make()
    for name, reply in _accepted(subject)[:12]:
        if _scored(subject, scorer, reply) != _scored(subject, scorer, reply):
            yield f"on the reply {name!r}: it gives another score the second time"


def _judged(subject: Subject) -> Iterable[str]:
    """Only scorers that ask are concerned; the reply judged is an ordinary one."""
    scorer = subject.make()
    made = scorer.score(record("A plain answer.")) if subject.trial is None else None
    if made is not None and not hasattr(made, "send"):
        return
    for name, reply in REPLIES.items():
        try:
            scores = _scored(subject, scorer, Reply(text="A plain answer."), reply)
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
            yield f"on the judge's reply {name!r}: it raises {type(error).__name__}: {str(error)[:200]}"
            continue
        for fault in _faults(subject, scores, Reply()):
            yield f"on the judge's reply {name!r}: {fault}"
