"""A respondent with a known effect, for trying a measure before a model is asked.

One invariant: every reply says ``planted`` as the model that served it, and the model string that is
stored with the run says what was planted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Capability,
    Planting,
    Price,
    Reply,
    Respondent,
    Seed,
    did_you_mean,
    listing,
)

_EFFECT = ("d", "effect")
_OPTIONS = ("noise", "refusals", "errors", "order_bias", "label_bias", "misreads", "seed")


def _effect(model: str) -> float:
    """The effect that the part before the question mark names.

    Raises:
        ValueError: It names something else, or no number.
    """
    if model == "judge":
        return 0.0
    name, equals, number = model.rpartition("=")
    first = model.partition("=")[0]
    if equals and name not in _EFFECT:
        if first in _OPTIONS:
            raise ValueError(
                f"{first!r} is an option, and options follow a question mark: "
                f"planted:effect=0.3?{model}"
            )
        if "&" in model and first in _EFFECT:
            right = model.replace("&", "?", 1)
            raise ValueError(f"options follow a question mark: planted:{right}")
        raise ValueError(
            f"{first!r} is nothing that can be planted{did_you_mean(first, (*_EFFECT, 'judge'))}; "
            f"there are: effect (or d) and judge, and behind a question mark: {listing(_OPTIONS)}"
        )
    try:
        effect = float(number)
    except ValueError:
        effect = math.nan
    if not math.isfinite(effect):
        raise ValueError(
            f"{number!r} is no number to plant{did_you_mean(number, ('judge',))}; write "
            "planted:effect=0.3 for an effect of 0.3, or planted:judge for a judge of planted answers"
        )
    return effect


@attrs.frozen(kw_only=True)
class Planted:
    """Answers with a known effect, written by the scorers of the measure that is run.

    ``planted:d=0.5`` answers so that the expected score lies 0.5 above that of a respondent without
    the effect; ``planted:judge`` reads the decisions of such answers. Only measures with a scorer that
    can plant are answered; ``gnomon validate`` runs many such respondents.

    Example::

        gnomon run implicit-bias --model "planted:d=0.5?noise=0.1"

    Attributes:
        model: ``d=NUMBER`` (or ``effect=NUMBER``), or ``judge``.
        noise: Standard deviation of the effect from trial to trial.
        refusals: Share of answers that are refused.
        errors: Share of answers out of form.
        order_bias: Shift of the probability of the option shown first.
        label_bias: Shift of the probability of the label that is liked better.
        misreads: Share of a judge's readings that are wrong.
        seed: The respondent's own draws.
    """

    name: ClassVar[str] = "planted"
    by_trial: ClassVar[bool] = True
    may: ClassVar[Capability] = Capability(kinds={"chat", "choose", "embed"})

    model: str
    noise: float = 0.0
    refusals: float = 0.0
    errors: float = 0.0
    order_bias: float = 0.0
    label_bias: float = 0.0
    misreads: float = 0.0
    seed: int = 0
    _planting: Planting = attrs.field(init=False, eq=False, repr=False)
    _met: dict[str, Any] = attrs.field(init=False, eq=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        planting = Planting(
            effect=_effect(self.model),
            noise=self.noise,
            refusals=self.refusals,
            errors=self.errors,
            order_bias=self.order_bias,
            label_bias=self.label_bias,
            misreads=self.misreads,
        )
        object.__setattr__(self, "_planting", planting)

    @property
    def offers(self) -> Capability:
        """Chat, choose and embed, in the free format."""
        return attrs.evolve(self.may, blocking=False)

    @property
    def identity(self) -> Mapping[str, str]:
        """The measure whose scorers write the answers: other scorers write others."""
        spec = self._met.get("spec")
        return {} if spec is None else {"measure": sha256(spec.text.encode()).hexdigest()}

    def meet(self, spec: Any) -> None:
        """Learn which measure is run.

        Raises:
            UsageError: None of its scorers can plant an answer.
        """
        self._met["spec"] = spec
        self._met["respondent"] = Respondent(
            spec, self._planting, Seed(self.seed).child("planted", self.model)
        )

    def price(self) -> Price:
        """Nothing."""
        return Price(tokens_in=0.0, tokens_out=0.0)

    def ask(self, ask: Ask) -> Reply:
        """The planted answer.

        Raises:
            CallFailed: The backend is used without a measure.
        """
        respondent = self._met.get("respondent")
        if respondent is None:
            raise CallFailed(
                "planted answers need the measure they are for: meet(spec)", fatal=True
            )
        reply: Reply = respondent.answer(ask, ask.trial).reply
        return attrs.evolve(reply, cost=0.0, tokens_in=0, tokens_out=len(reply.text) // 4)
