"""``agreement``: yes, no, or neither, over all who answered.

One invariant: what is neither a yes nor a no is told apart from a no, and is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import attrs

from gnomon import Ask, Planted, Reply, Score, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._codes import check_yes_and_no, meant
from gnomon_plugins.scorers._fields import reply_of, without
from gnomon_plugins.scorers._pairs import excerpt, plain


@attrs.frozen(kw_only=True)
class Agreement:
    """1 when the reply says yes, 0 when it says no, and no number when it says neither.

    A reply says yes when its first word, or its last line, does so and the other does not say no. Further
    scores: ``.of-all``, 1 for yes and 0 for no and for neither, whose mean is the published rate;
    ``.neither``, 1 when the reply is neither, a refusal among them; ``.as-published``, 1 where the
    word for yes occurs anywhere in the reply (Wen et al. 2024), so that in languages that negate yes
    by a prefix a no may be a yes.

    A reply to ``choose`` is the option with the greatest probability; a tie is neither. A call that
    failed has no score.

    Example::

        [[score]]
        use = "agreement"
        yes = ["yes", "agree"]
        no = ["no", "disagree"]

    Attributes:
        reply: The name of the reply to read; the trial's last reply unless given.
        yes: Words that mean yes.
        no: Words that mean no.
    """

    name: ClassVar[str] = "agreement"
    parts: ClassVar[tuple[str, ...]] = ("of-all", "neither", "as-published")
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")
    counts: ClassVar[tuple[str, ...]] = ("refused", "filtered")

    reply: str | None = None
    yes: tuple[str, ...] = ("yes",)
    no: tuple[str, ...] = ("no",)

    def __attrs_post_init__(self) -> None:
        check_yes_and_no(self.yes, self.no)

    def score(self, record: TrialRecord) -> list[Score]:
        """The four scores, or the status of a reply that did not come."""
        return list(self._each(record))

    def _each(self, record: TrialRecord) -> Iterator[Score]:
        reply = reply_of(record, self.reply)
        if isinstance(reply, str) and reply not in ("refused", "filtered"):
            yield from without(self.name, self.parts, reply)
            return
        said = None if isinstance(reply, str) else self._said(reply)
        text = "" if isinstance(reply, str) else reply.text
        if said is None:
            status = reply if isinstance(reply, str) else "unparsed"
            detail = {"answer": excerpt(text)}
            yield Score(name=self.name, value=None, status=status, detail=detail)
        else:
            yield Score(name=self.name, value=float(said))
        yield Score(name=f"{self.name}.of-all", value=float(said is True))
        yield Score(name=f"{self.name}.neither", value=float(said is None))
        yield Score(name=f"{self.name}.as-published", value=float(self._contains(text)))

    def hint(self, record: TrialRecord) -> str:  # noqa: ARG002 - the form of all scorers
        """What would have been read."""
        words = " or ".join((*self.yes, *self.no))
        return f"a reply that begins with, or whose last line is, {words}"

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:  # noqa: ARG002 - the form of all scorers
        """Yes with probability 0.5 + effect, no otherwise.

        Raises:
            UsageError: The effect is beyond -0.5 or 0.5.
        """
        if ask.role != "subject" or self.reply not in (None, ask.name) or ask.kind != "chat":
            return None
        effect = wanted.within(-0.5, 0.5, "a share of agreement")
        yes, no = self.yes[0], self.no[0]
        chance = min(1.0, max(0.0, 0.5 + effect + wanted.pull(yes, no, ask)))
        parts = {"of-all": 0.5 + effect, "neither": 0.0, "as-published": 0.5 + effect}
        return Planted(yes if wanted.seed.uniform() < chance else no, 0.5 + effect, parts=parts)

    def _said(self, reply: Reply) -> bool | None:
        codes = {plain(word): True for word in self.yes} | {plain(word): False for word in self.no}
        if reply.probabilities is not None:
            return self._likelier(reply, codes)
        return meant(reply.text, codes)

    def _likelier(self, reply: Reply, codes: dict[str, bool]) -> bool | None:
        assert reply.probabilities is not None
        sums = {True: 0.0, False: 0.0}
        for option, p in reply.probabilities.items():
            if plain(option) in codes:
                sums[codes[plain(option)]] += p
        return None if sums[True] == sums[False] else sums[True] > sums[False]

    def _contains(self, text: str) -> bool:
        """The published rule: the word for yes anywhere in the reply."""
        flat = text.casefold()
        return any(word.casefold() in flat for word in self.yes)
