"""Word sets of a trial as matrices, read off the reply to an ``embed`` ask.

One invariant: a word without a usable vector is left out by name and counted, never replaced; a set that
is left with too few words is a reason, not a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gnomon import Ask, Embed, Score, ScoreStatus, Trial, TrialRecord, did_you_mean
from gnomon_plugins._association import usable

if TYPE_CHECKING:
    import numpy as np


class NotScored(Exception):
    """There is no number; carries the status and what to say."""

    def __init__(self, status: ScoreStatus, reason: str, detail: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.status: ScoreStatus = status
        self.detail: Mapping[str, Any] = {"reason": reason, **detail}


@attrs.frozen(kw_only=True)
class Sets:
    """The vectors of several sets.

    Attributes:
        rows: Set → float64 matrix of shape (words with a vector, dimensions).
        coverage: Share of all words that have a usable vector, in (0, 1].
        detail: Sizes, and the words left out, by name.
    """

    rows: Mapping[str, np.ndarray]
    coverage: float
    detail: Mapping[str, Any]


def vectors_of(record: TrialRecord, reply: str | None) -> Mapping[str, Sequence[float]]:
    """Text → vector, as the model gave it; empty for a text it has none for.

    Raises:
        NotScored: The trial has no such reply, or one without vectors.
    """
    found = [
        exchange
        for exchange in record.exchanges
        if isinstance(exchange.ask, Embed) and reply in (None, exchange.ask.name)
    ]
    if not found:
        raise NotScored("error", "the trial has no reply to a turn of kind 'embed'", {})
    ask, answer = found[-1].ask, found[-1].reply
    assert isinstance(ask, Embed)
    if answer.status != "ok":
        raise NotScored(answer.status, f"the reply is {answer.status}", {})
    if answer.vectors is None or len(answer.vectors) != len(ask.texts):
        count = 0 if answer.vectors is None else len(answer.vectors)
        raise NotScored(
            "error", f"{len(ask.texts)} texts were asked for and {count} vectors came back", {}
        )
    return dict(zip(ask.texts, answer.vectors, strict=True))


def sets_of(
    record: TrialRecord,
    names: Mapping[str, str],
    *,
    reply: str | None,
    least: Mapping[str, int],
    by_word: bool = False,
) -> Sets:
    """The sets of a trial.

    Args:
        record: The trial.
        names: Set → the field that holds its texts, or the name of the turn whose replies they are.
        reply: Name of the embed turn; the last one unless given.
        least: Set → fewest usable vectors.
        by_word: The mean vector of all texts of a word stands for it; which word a text is of, the
            field ``FIELD_words`` says.

    Raises:
        NotScored: A field or a text is missing, the vectors differ in length, or a set is left with
            too few.
    """
    import numpy as np

    vectors = vectors_of(record, reply)
    rows: dict[str, list[np.ndarray]] = {}
    left_out: dict[str, dict[str, list[str]]] = {"missing": {}, "zero_or_not_finite": {}}
    units = 0
    for name, field in names.items():
        rows[name] = []
        for texts in _units(record, field, by_word=by_word):
            units += 1
            kept = []
            for text in texts:
                reason = _unfit(text, vectors, field)
                if reason is None:
                    kept.append(np.asarray(vectors[text], dtype=np.float64))
                else:
                    left_out[reason].setdefault(name, []).append(text)
            if kept:
                rows[name].append(_mean(kept))
    detail = {
        "sizes": {name: len(found) for name, found in rows.items()},
        **{reason: found for reason, found in left_out.items() if found},
    }
    _check_sizes(rows, least, detail)
    return Sets(
        rows={name: np.stack(found) for name, found in rows.items()},
        coverage=sum(len(found) for found in rows.values()) / units,
        detail=detail,
    )


def _units(record: TrialRecord, field: str, *, by_word: bool) -> Iterable[Sequence[str]]:
    """The texts of each unit: one text, or all texts of one word."""
    texts = _texts(record, field)
    if not by_word:
        return [(text,) for text in texts]
    words = _texts(record, f"{field}_words")
    if len(words) != len(texts):
        raise NotScored(
            "error", f"{field!r} has {len(texts)} texts, and {field}_words {len(words)} words", {}
        )
    out: dict[str, list[str]] = {}
    for word, text in zip(words, texts, strict=True):
        out.setdefault(word, []).append(text)
    return out.values()


def _unfit(text: str, vectors: Mapping[str, Sequence[float]], field: str) -> str | None:
    """Why a text has no usable vector; None when it has one."""
    if text not in vectors:
        raise NotScored(
            "error",
            f'the turn did not ask for {text!r} of {field!r}; its texts need "{{{field}}}"',
            {},
        )
    if not len(vectors[text]):
        return "missing"
    return None if usable(vectors[text]) else "zero_or_not_finite"


def planted_for(
    ask: Ask, trial: Trial, names: Sequence[str], *, reply: str | None, role: str
) -> dict[str, tuple[str, ...]] | None:
    """Field → its texts, when an ask is for the vectors of all of them; None when it is not.

    A field that the trial does not have is one that the model writes: its texts are those of
    ``written``.
    """
    if not isinstance(ask, Embed) or ask.role != role or reply not in (None, ask.name):
        return None
    found = {
        name: _shown(trial, name)
        if name in trial.fields
        else tuple(text for text in ask.texts if text.startswith(_begins(name)))
        for name in names
    }
    asked = set(ask.texts)
    complete = all(texts and asked.issuperset(texts) for texts in found.values())
    return found if complete else None


def written(ask: Ask, trial: Trial, names: Sequence[str]) -> str | None:
    """A text of its own for an ask whose reply is a field's text; None for any other ask."""
    if ask.kind != "chat" or ask.name not in names or ask.name in trial.fields:
        return None
    return f"{_begins(ask.name)} number {ask.sample + 1} of {trial.item.key}."


def _begins(name: str) -> str:
    return f"This text is for {name},"


def _texts(record: TrialRecord, field: str) -> tuple[str, ...]:
    if record.trial.fields.get(field) is None:
        # What the model itself wrote in an earlier turn of that name.
        said = tuple(
            exchange.reply.text
            for exchange in record.exchanges
            if exchange.ask.name == field and exchange.reply.status in ("ok", "truncated")
        )
        if said:
            return said
        raise NotScored(
            "error",
            f"the trial has no field {field!r}{did_you_mean(field, record.trial.fields)}",
            {},
        )
    return _shown(record.trial, field)


def _shown(trial: Trial, field: str) -> tuple[str, ...]:
    value = trial.fields[field]
    return value if isinstance(value, tuple) else (str(value),)


def _mean(vectors: Sequence[np.ndarray]) -> np.ndarray:
    import numpy as np

    if len({len(vector) for vector in vectors}) > 1:
        raise NotScored("error", "the vectors of one word differ in length", {})
    return np.asarray(np.mean(vectors, axis=0))


def _check_sizes(
    rows: Mapping[str, Sequence[np.ndarray]], least: Mapping[str, int], detail: Mapping[str, Any]
) -> None:
    for name, found in rows.items():
        if len(found) < least[name]:
            vectors = "vector" if len(found) == 1 else "vectors"
            raise NotScored(
                "error",
                f"the set {name!r} has {len(found)} usable {vectors}; it needs at least {least[name]}",
                detail,
            )
    lengths = {len(vector) for found in rows.values() for vector in found}
    if len(lengths) > 1:
        raise NotScored("error", f"the vectors have different lengths: {sorted(lengths)}", detail)


def not_scored(name: str, parts: Sequence[str], reason: NotScored) -> list[Score]:
    """The score and all its parts, without a number, so that every column counts the failure."""
    first = Score(name=name, value=None, status=reason.status, detail=reason.detail)
    return [
        first,
        *(Score(name=f"{name}.{part}", value=None, status=reason.status) for part in parts),
    ]
