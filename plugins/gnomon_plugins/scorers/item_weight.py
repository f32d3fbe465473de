"""``item-weight``: what an answer counts on a dimension, by the item's own table of weights.

One invariant: an answer without a place on the scale has no weight; it does not count 0.
"""

from __future__ import annotations

import math
from typing import ClassVar

import attrs

from gnomon import Score, TrialRecord, did_you_mean
from gnomon_plugins.scorers._fields import likeliest, present, reply_of, texts
from gnomon_plugins.scorers.likert import Likert


@attrs.frozen(kw_only=True)
class ItemWeight:
    """The number that the item's table gives to the chosen point of a rating scale.

    The answer is read as the scorer ``likert`` reads it. For questionnaires whose items count unequally,
    such as one that places people on two axes; ``weighted-total`` makes a position of the weights.

    Example::

        [[score]]
        use = "item-weight"
        points = ["strongly disagree", "disagree", "agree", "strongly agree"]
        weights = ["x_sd", "x_d", "x_a", "x_sa"]

    Attributes:
        points: The scale's points in words, lowest first.
        weights: Fields of the item with the number for each point, in the same order.
        reply: The name of the reply to read; the trial's last reply unless given.
        labels: As in ``likert``: a list field that gives what else stands for each point.
    """

    name: ClassVar[str] = "item-weight"
    parts: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    points: tuple[str, ...]
    weights: tuple[str, ...]
    reply: str | None = None
    labels: str | None = None
    _reader: Likert = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if len(self.weights) != len(self.points):
            raise ValueError(
                f"'weights' names a field for each of the {len(self.points)} points, "
                f"but there are {len(self.weights)}"
            )
        reader = Likert(points=self.points, reply=self.reply, labels=self.labels, first=0)
        object.__setattr__(self, "_reader", reader)

    def score(self, record: TrialRecord) -> Score:
        """The weight of the point; a reply to ``choose`` is its likeliest point, a tie none."""
        read = self._reader.score(_decided(record, self.reply))
        if read.value is None:
            return attrs.evolve(read, name=self.name)
        numbers = []
        for name in self.weights:
            if not present(record.trial, name):
                fields = record.trial.fields
                reason = f"the trial has no field {name!r}{did_you_mean(name, fields)}"
                return Score(name=self.name, value=None, status="error", detail={"reason": reason})
            numbers.append(_number(texts(record.trial, [name])[0]))
        value = numbers[round(read.value)]
        if not math.isfinite(value):
            reason = f"a weight among {', '.join(self.weights)} is no finite number"
            return Score(name=self.name, value=None, status="error", detail={"reason": reason})
        return Score(name=self.name, value=value, status=read.status)

    def hint(self, record: TrialRecord) -> str:
        """What would have been read."""
        return self._reader.hint(record)


def _decided(record: TrialRecord, name: str | None) -> TrialRecord:
    """The record with the likeliest option in place of probabilities."""
    reply = reply_of(record, name)
    if isinstance(reply, str) or not reply.probabilities:
        return record
    said = attrs.evolve(reply, text=likeliest(reply.probabilities) or "", probabilities=None)
    exchanges = tuple(
        attrs.evolve(one, reply=said) if one.reply is reply else one for one in record.exchanges
    )
    return attrs.evolve(record, exchanges=exchanges)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
