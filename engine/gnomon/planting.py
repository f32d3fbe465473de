"""Planted respondents: answers whose expected score is known, so that a measure can be tried on them.

One invariant: a respondent is a function of its planting, its seed, the trial and the ask. It reads
the prompt that was really rendered (which option was shown first, what a judge was shown) and never the
score, so that a measure cannot pass by agreeing with itself.

The scorer knows what an answer has to look like; it writes one for a wanted effect (its optional method
``plant``). What can go wrong with any answer (a refusal, a reply in the wrong form) is done here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.errors import UsageError
from gnomon.records import Ask, Chat, Choose, Embed, Hidden, Loglik, Reply, Trial
from gnomon.seeds import Seed
from gnomon.spec import applies

if TYPE_CHECKING:
    from gnomon.spec import ScoreBlock, Spec

REFUSAL = "I would rather not answer that."
OFF_FORM = "That is hard to put into the form you ask for"
FILLER = "Nothing is planted in this answer."
SERVED = "planted"
_NORMAL = NormalDist()
_STEPS = 100
"""Effects are rounded to hundredths, so that expected scores can be worked out once each."""


def _share(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:  # noqa: ARG001 - attrs' signature
    if not 0 <= value <= 1:
        raise ValueError(f"'{attribute.name}' is a share between 0 and 1, not {value:g}")


def _bias(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:  # noqa: ARG001 - attrs' signature
    if not -1 <= value <= 1:
        raise ValueError(f"'{attribute.name}' must lie between -1 and 1, not {value:g}")


@attrs.frozen(kw_only=True)
class Planting:
    """What a planted respondent is like.

    Attributes:
        effect: How far the expected score lies from that of a respondent without the effect, in
            units of the score. Where a statistic of the measure compares levels, it is the
            difference between them.
        noise: Standard deviation of the effect from trial to trial.
        refusals: Share of answers that are refused, whatever is asked.
        errors: Share of answers out of form: each line is lost with probability one half, and at
            least one line is.
        order_bias: Shift of the probability of the option shown first.
        label_bias: Shift of the probability of the label that the respondent likes better, whatever
            it is put to; which one is fixed by the labels' texts.
        misreads: Share of a planted judge's readings that are wrong.
    """

    effect: float = 0.0
    noise: float = attrs.field(default=0.0)
    refusals: float = attrs.field(default=0.0, validator=_share)
    errors: float = attrs.field(default=0.0, validator=_share)
    order_bias: float = attrs.field(default=0.0, validator=_bias)
    label_bias: float = attrs.field(default=0.0, validator=_bias)
    misreads: float = attrs.field(default=0.0, validator=_share)

    def __attrs_post_init__(self) -> None:
        if not self.noise >= 0:
            raise ValueError(f"'noise' must be at least 0, not {self.noise:g}")
        if not abs(self.effect) < float("inf"):
            raise ValueError(f"'effect' must be a finite number, not {self.effect}")


@attrs.frozen(kw_only=True)
class Wanted:
    """What one answer is to be like; handed to a scorer's ``plant``.

    Attributes:
        effect: The effect of this trial, noise included.
        planned: The same without the noise.
        order_bias: As in ``Planting``.
        label_bias: As in ``Planting``.
        misread: The judge is to get it wrong.
        seed: Draws of this answer.
    """

    effect: float
    planned: float
    order_bias: float
    label_bias: float
    misread: bool
    seed: Seed

    def within(self, low: float, high: float, what: str) -> float:
        """The effect, noise cut off at the ends of the range.

        Raises:
            UsageError: The effect without the noise lies outside the range.
        """
        if not low <= self.planned <= high:
            raise UsageError(
                f"an effect of {self.planned:g} cannot be planted in {what}: "
                f"it has to lie between {low:g} and {high:g}"
            )
        return min(high, max(low, self.effect))

    def pull(self, option: str, other: str, ask: Ask) -> float:
        """Shift of the probability of ``option`` over ``other`` by its place and by its text.

        The place is read off the conversation as the model is shown it; options that do not both
        occur there have no order.
        """
        shift = 0.0
        if self.order_bias:
            text = shown(ask)
            places = (first_place(option, text), first_place(other, text))
            if None not in places and places[0] != places[1]:
                shift += self.order_bias * (1 if places[0] < places[1] else -1)  # type: ignore[operator]  # None was ruled out
        if self.label_bias:
            shift += self.label_bias * (1 if _liking(option) > _liking(other) else -1)
        return shift


@attrs.frozen
class Planted:
    """An answer with the score that is to be expected of such answers, nuisances left out.

    Attributes:
        reply: The answer.
        expected: Expected score; None when nothing can be said of it (a judge's answer).
        parts: Expected further scores, ``LABEL.part``, by part.
    """

    reply: str | Reply
    expected: float | None = None
    parts: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen
class Answer:
    """What a respondent gave.

    Attributes:
        reply: The reply, with what went wrong with it.
        score: The score that was planted; None for an answer in which nothing is.
        expected: The expected value of that score, and of its further scores, by name.
    """

    reply: Reply
    score: str | None = None
    expected: Mapping[str, float] = attrs.field(factory=dict)


def shown(ask: Ask) -> str:
    """All that the model is shown, as one text."""
    if isinstance(ask, Chat | Choose):
        options = ask.options if isinstance(ask, Choose) else ()
        return "\n".join([*(message.content for message in ask.messages), *options])
    return ""


@lru_cache(maxsize=4096)
def _whole(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def first_place(option: str, text: str) -> int | None:
    """Where an option occurs first as a whole word or phrase, in any case."""
    found = _whole(option).search(text)
    return None if found is None else found.start()


@lru_cache(maxsize=4096)
def _liking(label: str) -> bytes:
    return blake2b(label.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def plantable(spec: Spec) -> tuple[ScoreBlock, ...]:
    """The score blocks whose scorer can plant an answer."""
    return tuple(block for block in spec.scores if hasattr(block.use.plugin, "plant"))


def _weights(spec: Spec) -> Any:
    """The first statistic that compares levels says how much of the effect each level has."""
    for block in spec.statistics:
        contrast = getattr(block.use.plugin, "contrast", None)
        if contrast is not None and contrast({}) is not None:
            return contrast
    return None


class Respondent:
    """Answers a measure's asks as planted.

    Args:
        spec: The measure.
        planting: What the respondent is like.
        seed: Its draws.

    Raises:
        UsageError: No scorer of the measure can plant an answer.
    """

    def __init__(self, spec: Spec, planting: Planting, seed: Seed) -> None:
        self._blocks = plantable(spec)
        if not self._blocks:
            named = ", ".join(repr(block.use.name) for block in spec.scores) or "none"
            raise UsageError(
                f"nothing can be planted in the measure {spec.name!r}: none of its scorers ({named}) "
                "says how to write an answer; a scorer does so with a method 'plant'"
            )
        self._planting = planting
        self._seed = seed
        self._contrast = _weights(spec)

    def answer(self, ask: Ask, trial: Trial | None) -> Answer:
        """The answer to one ask of a trial; one in which nothing is planted has no score.

        Raises:
            UsageError: The effect cannot be planted in this score.
        """
        if trial is None:
            return Answer(filled(ask))
        for block in self._blocks:
            if not applies(block.keys.only, trial.levels):
                continue
            own = self._seed.child(block.label, ask.role, ask.name, ask.sample, trial.ordinal)
            planted = block.use.plugin.plant(ask, trial, self._wanted(ask, trial, own))
            if planted is not None:
                return self._answer(ask, block, planted, own)
        return Answer(filled(ask))

    def _wanted(self, ask: Ask, trial: Trial, own: Seed) -> Wanted:
        planting = self._planting
        planned = planting.effect
        if self._contrast is not None:
            weight = self._contrast({**trial.item.groups, **trial.levels})
            planned *= 0.0 if weight is None else weight
        effect = planned
        if planting.noise:
            # The uniform draw lies in [0, 1); its middle keeps the quantile finite.
            u = own.child("noise").uniform() + 2.0**-54
            effect += planting.noise * _NORMAL.inv_cdf(u)
            effect = round(effect * _STEPS) / _STEPS
        misread = bool(
            planting.misreads
            and ask.role != "subject"
            and own.child("misread").uniform() < planting.misreads
        )
        return Wanted(
            effect=effect,
            planned=planned,
            order_bias=planting.order_bias,
            label_bias=planting.label_bias,
            misread=misread,
            seed=own,
        )

    def _answer(self, ask: Ask, block: ScoreBlock, planted: Planted, own: Seed) -> Answer:
        reply = planted.reply
        if isinstance(reply, str):
            reply = Reply(text=reply, finish="stop", model=SERVED)
        expected = {f"{block.label}.{part}": value for part, value in planted.parts.items()}
        if planted.expected is not None:
            expected[block.label] = planted.expected
        if ask.role != "subject":
            return Answer(reply, block.label, expected)
        went_wrong = own.child("wrong")
        if self._planting.refusals and went_wrong.uniform() < self._planting.refusals:
            reply = Reply(status="refused", text=REFUSAL, model=SERVED)
        elif self._planting.errors and went_wrong.uniform() < self._planting.errors:
            # Vectors have no form that they could miss.
            if reply.vectors is None:
                reply = attrs.evolve(reply, text=_out_of_form(reply.text, went_wrong))
            if reply.probabilities is not None:
                reply = attrs.evolve(reply, probabilities=None, status="truncated")
        return Answer(reply, block.label, expected)


def _out_of_form(text: str, seed: Seed) -> str:
    lines = text.splitlines() or [""]
    lost = {seed.below(len(lines))} | {index for index in range(len(lines)) if seed.uniform() < 0.5}
    return "\n".join(OFF_FORM if index in lost else line for index, line in enumerate(lines))


def filled(ask: Ask) -> Reply:
    """A reply in which nothing is planted, in the form that was asked for."""
    if isinstance(ask, Choose):
        share = 1 / len(ask.options)
        return Reply(
            text=ask.options[0],
            probabilities=dict.fromkeys(ask.options, share),
            exact=True,
            model=SERVED,
        )
    if isinstance(ask, Embed | Hidden):
        return Reply(vectors=tuple((1.0,) for _ in ask.texts), model=SERVED)
    if isinstance(ask, Loglik):
        return Reply(tokens=(), model=SERVED)
    return Reply(text=FILLER, finish="stop", model=SERVED)
