"""``yes-no``: 1 for yes, 0 for no, and nothing for anything else.

One invariant: an answer that does not begin or end with a plain yes or no has no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from gnomon import Ask, Choose, Planted, Reply, Score, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._codes import check_yes_and_no, meant
from gnomon_plugins.scorers._fields import reply_of
from gnomon_plugins.scorers._pairs import excerpt, plain


@attrs.frozen(kw_only=True)
class YesNo:
    """Reads yes or no off a reply: its first word, or its last line.

    A reply to an ask of kind ``choose`` gives the probability of the yes options instead, among
    yes and no together. An answer that begins with one and ends with the other is unparsed.

    Example::

        [[score]]
        use = "yes-no"
        yes = ["yes", "true"]
        no = ["no", "false"]

    Attributes:
        reply: The name of the reply to read; the trial's last reply unless given.
        yes: Words that mean yes.
        no: Words that mean no.
    """

    name: ClassVar[str] = "yes-no"
    parts: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    reply: str | None = None
    yes: tuple[str, ...] = ("yes",)
    no: tuple[str, ...] = ("no",)

    def __attrs_post_init__(self) -> None:
        check_yes_and_no(self.yes, self.no)

    def score(self, record: TrialRecord) -> Score:
        """1, 0 or no number; for ``choose`` a probability in [0, 1]."""
        reply = reply_of(record, self.reply)
        if isinstance(reply, str):
            return Score(name=self.name, value=None, status=reply)
        codes = {plain(word): 1.0 for word in self.yes} | {plain(word): 0.0 for word in self.no}
        if reply.probabilities is not None:
            return self._of_options(reply.probabilities, codes)
        said = meant(reply.text, codes)
        if said is None:
            detail = {"answer": excerpt(reply.text)}
            return Score(name=self.name, value=None, status="unparsed", detail=detail)
        return Score(name=self.name, value=said, status=reply.status)

    def hint(self, record: TrialRecord) -> str:  # noqa: ARG002 - the form of all scorers
        """What would have been read."""
        words = " or ".join((" / ".join(self.yes), " / ".join(self.no)))
        return f"{words}, as the first word or as the whole last line"

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:  # noqa: ARG002 - the form of all scorers
        """Yes with probability 0.5 + effect; for ``choose``, that probability.

        Raises:
            UsageError: The effect is beyond -0.5 or 0.5.
        """
        if ask.role != "subject" or self.reply not in (None, ask.name):
            return None
        effect = wanted.within(-0.5, 0.5, "a share of yes")
        yes, no = self.yes[0], self.no[0]
        chance = min(1.0, max(0.0, 0.5 + effect + wanted.pull(yes, no, ask)))
        if isinstance(ask, Choose):
            reply = Reply(text=yes, probabilities={yes: chance, no: 1 - chance}, exact=True)
            return Planted(reply, 0.5 + effect)
        if ask.kind != "chat":
            return None
        return Planted(yes if wanted.seed.uniform() < chance else no, 0.5 + effect)

    def _of_options(self, probabilities: Mapping[str, float], codes: dict[str, float]) -> Score:
        # "yes" and "Yes" may both be options; both are a yes.
        known = [
            (codes[plain(word)], p) for word, p in probabilities.items() if plain(word) in codes
        ]
        total = sum(p for _, p in known)
        detail = {"probabilities": dict(probabilities)}
        if total <= 0:
            return Score(name=self.name, value=None, status="unparsed", detail=detail)
        share = sum(code * p for code, p in known) / total
        return Score(name=self.name, value=share, detail=detail)
