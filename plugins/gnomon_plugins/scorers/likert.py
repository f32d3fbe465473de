"""``likert``: the place of an answer on a rating scale, reverse-keyed items turned.

One invariant: an answer that is not one of the scale's points, stated where an answer is stated, has no
number; it is never put in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from gnomon import Ask, Choose, Planted, Reply, Score, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._codes import meant
from gnomon_plugins.scorers._fields import present, reply_of, texts
from gnomon_plugins.scorers._pairs import excerpt, plain


@attrs.frozen(kw_only=True)
class Likert:
    """Reads a point of a rating scale off a reply: its first words, or its last line.

    The lowest point counts ``first``, each further one more. For an item that is keyed in reverse the
    scale is turned, so that a high score always means more of what the scale measures. A reply to an ask
    of kind ``choose`` gives the mean of the points, weighted by their probabilities.

    Example::

        [[score]]
        use = "likert"
        points = ["strongly disagree", "disagree", "neither", "agree", "strongly agree"]
        keyed = "keyed"

    Attributes:
        points: The scale's points in words, lowest first.
        reply: The name of the reply to read; the trial's last reply unless given.
        labels: A list field or draw, or several, that give for each point, lowest first, what else stands
            for it in this trial, such as its letter or number on the page.
        keyed: A field of the item that says how it is keyed; without it no item is turned.
        reverse: Values of that field that mean "keyed in reverse".
        first: What the lowest point counts.
    """

    name: ClassVar[str] = "likert"
    parts: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    points: tuple[str, ...]
    reply: str | None = None
    labels: str | tuple[str, ...] | None = None
    keyed: str | None = None
    reverse: tuple[str, ...] = ("-", "reverse", "reversed")
    first: int = 1

    def __attrs_post_init__(self) -> None:
        if len({plain(point) for point in self.points}) < max(2, len(self.points)):
            raise ValueError("'points' needs at least two points, each in words of its own")

    def score(self, record: TrialRecord) -> Score:
        """A number from ``first`` to ``first`` + points − 1, or none."""
        reply = reply_of(record, self.reply)
        if isinstance(reply, str):
            return Score(name=self.name, value=None, status=reply)
        known = self._known(record.trial)
        if reply.probabilities is not None:
            return self._of_options(reply.probabilities, known, record.trial)
        point = meant(reply.text, known)
        if point is None:
            detail = {"answer": excerpt(reply.text)}
            return Score(name=self.name, value=None, status="unparsed", detail=detail)
        value = self._turned(float(point), record.trial)
        return Score(name=self.name, value=value, status=reply.status)

    def hint(self, record: TrialRecord) -> str:
        """What would have been read."""
        points = ", ".join((*self.points, *self._labels(record.trial)))
        return f"one of {points}, as the first words or as the whole last line"

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """One of the two points around the middle of the scale + effect, in the direction of the key.

        Raises:
            UsageError: The effect leads off the scale.
        """
        if ask.role != "subject" or self.reply not in (None, ask.name):
            return None
        reach = (len(self.points) - 1) / 2
        effect = wanted.within(-reach, reach, f"a scale of {len(self.points)} points")
        sign = -1.0 if self._is_reversed(trial) else 1.0
        pull = wanted.pull(self.points[-1], self.points[0], ask) * reach
        # Positions from 0; biases act on the page, whichever way the item is keyed.
        place = min(2 * reach, max(0.0, reach + sign * effect + pull))
        lower = min(int(place), len(self.points) - 2)
        expected = self.first + reach + effect
        if isinstance(ask, Choose):
            names = self._spelled(trial, ask.options)
            if names is None:
                return None
            shares = dict.fromkeys(ask.options, 0.0)
            shares[names[lower]] = lower + 1 - place
            shares[names[lower + 1]] = place - lower
            best = max(shares, key=shares.__getitem__)
            return Planted(Reply(text=best, probabilities=shares, exact=True), expected)
        if ask.kind != "chat":
            return None
        upper = wanted.seed.uniform() < place - lower
        return Planted(self.points[lower + upper], expected)

    def _known(self, trial: Trial) -> dict[str, int]:
        known = {plain(point): self.first + place for place, point in enumerate(self.points)}
        for labels in self._label_lists(trial):
            for place, label in enumerate(labels):
                known.setdefault(plain(label), self.first + place)
        return known

    def _label_lists(self, trial: Trial) -> list[tuple[str, ...]]:
        names = (self.labels,) if isinstance(self.labels, str) else self.labels or ()
        return [texts(trial, [name])[: len(self.points)] for name in names if present(trial, name)]

    def _labels(self, trial: Trial) -> tuple[str, ...]:
        return tuple(label for labels in self._label_lists(trial) for label in labels)

    def _spelled(self, trial: Trial, options: tuple[str, ...]) -> list[str] | None:
        """For each point the option that stands for it; None when one has no option."""
        known = self._known(trial)
        by_value = {known.get(plain(option)): option for option in options}
        places = range(self.first, self.first + len(self.points))
        return [by_value[value] for value in places] if by_value.keys() >= set(places) else None

    def _is_reversed(self, trial: Trial) -> bool:
        if self.keyed is None:
            return False
        held = {**trial.item.groups, **trial.fields}.get(self.keyed, "")
        return _key(held) in {_key(value) for value in self.reverse}

    def _turned(self, value: float, trial: Trial) -> float:
        return 2 * self.first + len(self.points) - 1 - value if self._is_reversed(trial) else value

    def _of_options(
        self, probabilities: Mapping[str, float], known: dict[str, int], trial: Trial
    ) -> Score:
        shares = [
            (p, known[word])
            for option, p in probabilities.items()
            if (word := plain(option)) in known
        ]
        total = sum(p for p, _ in shares)
        detail = {"probabilities": dict(probabilities)}
        if not total > 0:
            return Score(name=self.name, value=None, status="unparsed", detail=detail)
        mean = sum(p * value for p, value in shares) / total
        return Score(name=self.name, value=self._turned(mean, trial), detail=detail)


def _key(value: object) -> str:
    """A key as it is compared: a minus sign is a hyphen."""
    return str(value).strip().casefold().replace("−", "-")
