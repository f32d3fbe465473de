"""``choice``: the probability that one option is chosen, and its log-odds.

One invariant: the option whose probability is told is the same thing in every trial, whatever its letter or
its place in that trial.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import attrs

from gnomon import Ask, Choose, Planted, Reply, Score, ScoreStatus, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._codes import meant
from gnomon_plugins.scorers._fields import reply_of, texts, toward
from gnomon_plugins.scorers._pairs import excerpt, plain


@attrs.frozen(kw_only=True)
class Choice:
    """The probability of one option, read off a reply to a ``choose`` ask.

    Give the option as it is written (``option``), or the name of the field or draw that says which it is
    in this trial (``field``), as where offers change places and letters go with the place. The part
    ``logit`` is ln(p / (1 - p)), for analyses in which effects add; ``coverage`` is the probability that
    the model gave to all options together before they were made to sum to 1, where it is known; ``chosen`` is
    1 when the option is more probable than every other, otherwise 0. A reply in words is read too when ``options`` says what could be answered: p is then 1 or 0.

    Example::

        [[score]]
        use = "choice"
        field = "letter_one"

    Attributes:
        option: The option, as written.
        field: A field or draw whose value is the option.
        options: What could be answered, for replies in words.
        reply: The name of the reply to read; the trial's last reply unless given.
        toward: A field whose sign says in which direction a planted effect goes, such as a difference in
            value; towards the option unless given. It changes no score.
        floor: p is kept this far from 0 and 1 for the log-odds, which have no end there.
    """

    name: ClassVar[str] = "choice"
    parts: ClassVar[tuple[str, ...]] = ("logit", "chosen", "coverage")
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    option: str | None = None
    field: str | None = None
    options: tuple[str, ...] = ()
    reply: str | None = None
    toward: str | None = None
    floor: float = 1e-6

    def __attrs_post_init__(self) -> None:
        if (self.option is None) == (self.field is None):
            raise ValueError("exactly one of 'option' and 'field' says which option is meant")
        if not 0 < self.floor < 0.5:
            raise ValueError(f"'floor' lies between 0 and 0.5, such as 1e-6; it is {self.floor:g}")
        if self.option is not None and self.options and self.option not in self.options:
            raise ValueError(f"'option' is {self.option!r}, which is not among 'options'")

    def score(self, record: TrialRecord) -> Iterable[Score]:
        """P in [0, 1], its log-odds and the coverage, or the reason why there is none."""
        reply = reply_of(record, self.reply)
        if isinstance(reply, str):
            return self._none(reply)
        wanted = self._wanted(record.trial)
        if reply.probabilities is None:
            return self._of_words(reply, wanted)
        known: dict[str, float] = {}
        for text, p in reply.probabilities.items():
            # "yes" and "Yes" may both be options; they are one answer.
            known[plain(text)] = known.get(plain(text), 0.0) + p
        total = sum(known.values())
        if plain(wanted) not in known or total <= 0:
            return self._none("unparsed", wanted=wanted, probabilities=dict(reply.probabilities))
        others = max((p for text, p in known.items() if text != plain(wanted)), default=0.0)
        return self._scores(
            known[plain(wanted)] / total, chosen=known[plain(wanted)] > others, reply=reply
        )

    def hint(self, record: TrialRecord) -> str:
        """What would have been read."""
        if not self.options:
            return f"a probability for {self._wanted(record.trial)}, which only an ask of kind choose has"
        return f"one of {', '.join(self.options)}, as the first word or as the whole last line"

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """The option with probability 0.5 + effect; for a reply in words, so often.

        Raises:
            UsageError: The effect is beyond -0.5 or 0.5.
        """
        if ask.role != "subject" or self.reply not in (None, ask.name):
            return None
        given = ask.options if isinstance(ask, Choose) else self.options
        option = self._wanted(trial)
        others = tuple(text for text in given if plain(text) != plain(option))
        if not others or len(others) == len(given):
            return None
        effect = wanted.within(-0.5, 0.5, "the probability of an option")
        effect *= toward(trial, self.toward)
        chance = min(1.0, max(0.0, 0.5 + effect + wanted.pull(option, others[0], ask)))
        if isinstance(ask, Choose):
            shares = dict.fromkeys(others, (1 - chance) / len(others)) | {option: chance}
            shares = {text: shares[text] for text in given}
            return Planted(Reply(text=option, probabilities=shares, exact=True), 0.5 + effect)
        chosen = option if wanted.seed.uniform() < chance else wanted.seed.pick(others)
        return Planted(chosen, 0.5 + effect)

    def _wanted(self, trial: Trial) -> str:
        if self.option is not None:
            return self.option
        assert self.field is not None
        return texts(trial, (self.field,))[0]

    def _of_words(self, reply: Reply, wanted: str) -> list[Score]:
        known = {plain(text): plain(text) for text in self.options}
        if known and plain(wanted) not in known:
            return self._none("error", reason=f"{wanted!r} is not among the options")
        said = meant(reply.text, known)
        if said is None:
            return self._none("unparsed", answer=excerpt(reply.text))
        hit = said == plain(wanted)
        return self._scores(float(hit), chosen=hit, reply=reply)

    def _scores(self, p: float, *, chosen: bool, reply: Reply) -> list[Score]:
        inside = min(1 - self.floor, max(self.floor, p))
        detail = {} if inside == p else {"p": p, "floor": self.floor}
        made = [
            Score(name=self.name, value=p, status=reply.status),
            Score(
                name=f"{self.name}.logit",
                value=math.log(inside / (1 - inside)),
                status=reply.status,
                detail=detail,
            ),
            Score(name=f"{self.name}.chosen", value=float(chosen), status=reply.status),
        ]
        if reply.coverage is not None:
            made.append(Score(name=f"{self.name}.coverage", value=reply.coverage))
        return made

    def _none(self, status: ScoreStatus, **detail: object) -> list[Score]:
        names = (self.name, *(f"{self.name}.{part}" for part in self.parts))
        return [Score(name=one, value=None, status=status, detail=detail) for one in names]
