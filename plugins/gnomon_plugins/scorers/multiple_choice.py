"""``multiple-choice``: is the letter that a worked-out answer ends with the right one?

One invariant: an answer without a letter is told apart from a wrong letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

import attrs

from gnomon import Ask, Planted, Reply, Score, Trial, TrialRecord, Wanted, listing
from gnomon_plugins.scorers._codes import meant
from gnomon_plugins.scorers._fields import likeliest, reply_of, without
from gnomon_plugins.scorers._pairs import excerpt

_STATED = re.compile(r"(?:answer|choice|option)\s*(?:is|was|:|would be)\s*:?", re.IGNORECASE)
_ANSWER_IS = re.compile(r"answer is:?\s*([^\n]*)", re.IGNORECASE)
_STATEMENT = re.compile(r"answer is:?\s*", re.IGNORECASE)
_TAIL = 4_000
"""Characters at the end of a reply that are looked at: a statement stands there."""


@attrs.frozen(kw_only=True)
class MultipleChoice:
    """1 for the right letter, 0 for a wrong one, and no number where no letter is given.

    ``strict`` reads what stands on the line behind the last "answer is", its full stops taken away, and
    in it the first single letter in brackets. ``published`` is the rule in the code of Gupta et al.
    (2024): the last *line* with "answer is", read behind its first one, and where these words do not
    occur the first such letter anywhere, which may be an option that is only spoken of. ``lenient``
    goes on where ``strict`` finds nothing: a bare letter behind the last "answer is", "answer:" or "option is", then a letter that the reply
    begins or ends with. A letter that is not offered is none. A reply to ``choose`` is its likeliest
    option; a tie is none.

    Further scores: ``.of-all``, 1 for right and 0 for everything else that was answered, as the paper
    counts; and ``.no-answer``, 1 when no letter is given, a refusal among them. A call that failed has
    no score, nor has an item whose gold answer is none of the letters: no reply to it is wrong.

    Example::

        [[score]]
        use = "multiple-choice"
        reading = "lenient"

    Attributes:
        reply: The name of the reply to read; the trial's last reply unless given.
        letters: The letters that are offered.
        reading: ``strict``, ``published`` or ``lenient``.
    """

    name: ClassVar[str] = "multiple-choice"
    parts: ClassVar[tuple[str, ...]] = ("of-all", "no-answer")
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")
    counts: ClassVar[tuple[str, ...]] = ("refused", "filtered")

    reply: str | None = None
    letters: tuple[str, ...] = ("A", "B", "C", "D")
    reading: Literal["strict", "published", "lenient"] = "strict"

    def __attrs_post_init__(self) -> None:
        wrong = [one for one in self.letters if len(one) != 1 or not one.isalnum()]
        if wrong:
            raise ValueError(f"'letters' are single letters or digits, not {wrong[0]!r}")
        if len({one.upper() for one in self.letters}) < max(2, len(self.letters)):
            raise ValueError("'letters' needs at least two letters, each once")

    def score(self, record: TrialRecord) -> list[Score]:
        """The three scores, or the status of a reply that did not come."""
        return list(self._each(record))

    def _each(self, record: TrialRecord) -> Iterator[Score]:
        reply = reply_of(record, self.reply)
        if isinstance(reply, str) and reply not in ("refused", "filtered"):
            yield from without(self.name, self.parts, reply)
            return
        gold = self._gold(record.trial)
        if gold is None:
            given = record.trial.item.gold
            what = "no gold answer" if given is None else f"the gold answer {given!r}"
            reason = f"the item has {what}, which has to be one of: {listing(self.letters)}"
            yield from without(self.name, self.parts, "error", reason=reason)
            return
        letter = None if isinstance(reply, str) else self.letter(reply)
        if letter is None:
            status = reply if isinstance(reply, str) else "unparsed"
            text = "" if isinstance(reply, str) else reply.text[-120:]
            detail = {"answer": excerpt(text)}
            yield Score(name=self.name, value=None, status=status, detail=detail)
        else:
            yield Score(name=self.name, value=float(letter == gold), detail={"letter": letter})
        yield Score(name=f"{self.name}.of-all", value=float(letter == gold))
        yield Score(name=f"{self.name}.no-answer", value=float(letter is None))

    def hint(self, record: TrialRecord) -> str:  # noqa: ARG002 - the form of all scorers
        """What would have been read."""
        return (
            f'a reply that ends with "the answer is (X)", X being one of {", ".join(self.letters)}'
        )

    def letter(self, reply: Reply) -> str | None:
        """The letter of a reply, in upper case; None for none."""
        if reply.probabilities:
            option = likeliest(reply.probabilities)
            return None if option is None else self._offered(option)
        text = reply.text[-_TAIL:]
        if self.reading == "published":
            # A line with several "answer is" is read behind its first one, as the authors' code does.
            lines = _ANSWER_IS.findall(reply.text)
            return self._bracketed(lines[-1] if lines else reply.text)
        letter = self._strictly(text)
        return self._leniently(text) if letter is None and self.reading == "lenient" else letter

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """The right letter with probability 0.5 + effect, else a wrong one.

        Raises:
            UsageError: The effect is beyond -0.5 or 0.5.
        """
        if ask.role != "subject" or self.reply not in (None, ask.name) or ask.kind != "chat":
            return None
        effect = wanted.within(-0.5, 0.5, "a share of right answers")
        gold = self._gold(trial)
        if gold is None:
            return None
        others = [one for one in self.letters if one.upper() != gold]
        chance = min(1.0, max(0.0, 0.5 + effect + wanted.pull(f"({gold})", f"({others[0]})", ask)))
        chosen = gold if wanted.seed.uniform() < chance else wanted.seed.pick(others)
        text = f"I thought about it. So the answer is ({chosen})."
        return Planted(text, 0.5 + effect, parts={"of-all": 0.5 + effect, "no-answer": 0.0})

    def _gold(self, trial: Trial) -> str | None:
        """The right letter, in upper case; None where the item has none of those offered."""
        gold = str(trial.item.gold).strip().upper()
        return gold if gold in {one.upper() for one in self.letters} else None

    def _strictly(self, text: str) -> str | None:
        starts = [found.end() for found in _STATEMENT.finditer(text)]
        if not starts:
            return None
        return self._bracketed(text[starts[-1] :].partition("\n")[0])

    def _bracketed(self, text: str) -> str | None:
        letter = re.search(r"\((\w)\)", text.replace(".", ""))
        return None if letter is None else self._offered(letter.group(1))

    def _leniently(self, text: str) -> str | None:
        stated = None
        for stated in _STATED.finditer(text):  # noqa: B007 - the last one counts
            pass
        if stated is not None:
            # A small letter before a word may be an article: "the answer is a matter of taste".
            letter = re.match(r"[\s*_\"'(\[]*([a-z](?!\s+\w)|[^\Wa-z])(?!\w)", text[stated.end() :])
            if letter is not None and (offered := self._offered(letter.group(1))) is not None:
                return offered
        return meant(text, {one.casefold(): one.upper() for one in self.letters})

    def _offered(self, letter: str) -> str | None:
        bare = letter.strip(" ().:*\"'").upper()
        return bare if bare in {one.upper() for one in self.letters} else None
