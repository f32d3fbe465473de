"""``stated-number``: a number that the reply states, such as a percentage.

One invariant: where two different numbers stand, or one outside the range or with a comma in it, none is read.
"""

from __future__ import annotations

import math
import re
from typing import ClassVar

import attrs

from gnomon import Ask, Planted, Score, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._fields import reply_of, toward
from gnomon_plugins.scorers._pairs import excerpt

_COMMA = re.compile(r"\d,\d")
# A dash before a digit is a sign only where no word or digit stands before it.
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d{1,15}(?:\.\d{1,15})?(?![\w]|[.,]\d)")
_EMPHASIS = re.compile(r"(?<!\w)_+|_+(?!\w)")
_LONGEST = 20_000


@attrs.frozen(kw_only=True)
class StatedNumber:
    """Reads the number off a reply: the only one in it, or the only one in its last line.

    Digits with an optional sign and decimal point. A text with a comma between two digits, which may
    stand for thousands or for decimals, is not read. A per cent sign behind a number does not matter.

    Example::

        [[score]]
        use = "stated-number"
        divide = 100.0
        toward = "ev_difference"

    Attributes:
        low: The least number that may be meant.
        high: The greatest.
        divide: The score is the number divided by this, such as 100 for percentages.
        reply: The name of the reply to read; the trial's last reply unless given.
        toward: A field whose sign says in which direction a planted effect goes; upward unless given. It
            changes no score.
    """

    name: ClassVar[str] = "stated-number"
    parts: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    low: float = 0.0
    high: float = 100.0
    divide: float = 1.0
    reply: str | None = None
    toward: str | None = None

    def __attrs_post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"'low' must be below 'high', both finite; they are {self.low:g} and {self.high:g}"
            )
        if not (math.isfinite(self.divide) and self.divide > 0):
            raise ValueError(f"'divide' must be above 0, not {self.divide:g}")

    def score(self, record: TrialRecord) -> Score:
        """The number divided by ``divide``, or none."""
        reply = reply_of(record, self.reply)
        if isinstance(reply, str):
            return Score(name=self.name, value=None, status=reply)
        said = _EMPHASIS.sub("", reply.text[-_LONGEST:])
        lines = [line for line in said.splitlines() if line.strip()]
        for text in (" ".join(lines), lines[-1] if lines else ""):
            if _COMMA.search(text):
                continue
            found = {float(one.replace("−", "-")) for one in _NUMBER.findall(text)}
            if len(found) == 1 and self.low <= min(found) <= self.high:
                return Score(name=self.name, value=found.pop() / self.divide, status=reply.status)
        detail = {"answer": excerpt(reply.text)}
        return Score(name=self.name, value=None, status="unparsed", detail=detail)

    def hint(self, record: TrialRecord) -> str:  # noqa: ARG002 - the form of all scorers
        """What would have been read."""
        return (
            f"one number from {self.low:g} to {self.high:g}, alone in the reply or in its last line"
        )

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """The middle of the range + effect, to whole numbers.

        Raises:
            UsageError: That lies outside the range.
        """
        if ask.role != "subject" or ask.kind != "chat" or self.reply not in (None, ask.name):
            return None
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2 / self.divide
        way = toward(trial, self.toward)
        effect = wanted.within(-half, half, "a number") * way
        # Rounded up or down by chance, so that it is right on average.
        exact = middle + effect * self.divide
        whole = math.floor(exact) + (wanted.seed.uniform() < exact - math.floor(exact))
        planned = (middle + wanted.planned * way * self.divide) / self.divide
        return Planted(f"{whole:d}", planned)
