"""The scorer ``my-thing``: reads one number off a reply.

One invariant: a reply that states no number, or several, is unparsed; nothing is guessed and nothing raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

import attrs
import gnomon

# A digit that stands alone: no part of 12, of 1.5, of -3 or of a word.
_NUMBER = re.compile(r"(?<![\w.,-])[0-9]{1,6}(?![\w]|[.,][0-9])")


@attrs.frozen(kw_only=True)
class MyThing:
    """The whole number that a reply states, when it lies between two bounds.

    The docstring is the help that ``gnomon describe scorer my-thing`` shows. Say here what the number means,
    its unit and range, and where the rule comes from.

    Example::

        [[score]]
        use = "my-thing"
        low = 1
        high = 7

    Attributes:
        low: The least number that counts as an answer.
        high: The greatest number that counts as an answer.
    """

    name: ClassVar[str] = "my-thing"
    # Names of further scores, "my-thing.part"; this scorer has none.
    parts: ClassVar[tuple[str, ...]] = ()

    low: int = 0
    high: int = 10

    def __attrs_post_init__(self) -> None:
        # An option that makes no sense is refused here; the sentence is shown with its place in the spec.
        if not self.low < self.high:
            raise ValueError(f"'low' is {self.low} and 'high' {self.high}; low is the smaller")

    def score(self, record: gnomon.TrialRecord) -> gnomon.Score:
        """The number, or no number with the status ``unparsed``."""
        numbers = {int(found) for found in _NUMBER.findall(record.last.text)}
        if len(numbers) != 1:
            return gnomon.Score(name=self.name, value=None, status="unparsed")
        (number,) = numbers
        if not self.low <= number <= self.high:
            return gnomon.Score(name=self.name, value=None, status="unparsed")
        # 'detail' keeps what the number was made of; it is stored as JSON.
        return gnomon.Score(name=self.name, value=float(number), detail={"stated": number})

    def plant(
        self, ask: gnomon.Ask, trial: gnomon.Trial, wanted: gnomon.Wanted  # noqa: ARG002 - the form of all scorers
    ) -> gnomon.Planted | None:  # fmt: skip
        """An answer whose score is the middle of the range + the wanted effect, on average.

        With this method ``gnomon validate`` can try every measure that uses the scorer on planted respondents.
        """
        if ask.role != "subject" or ask.kind != "chat":
            return None
        middle = (self.low + self.high) / 2
        reach = middle - self.low
        expected = middle + wanted.within(-reach, reach, f"a number from {self.low} to {self.high}")
        lower = int(expected)
        number = lower + (wanted.seed.uniform() < expected - lower)
        return gnomon.Planted(str(number), expected)


@gnomon.hookimpl
def register_scorers() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
