"""A source of one's own."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import attrs

import gnomon


@attrs.frozen(kw_only=True)
class Months:
    """The months of a year.

    Example::

        [stimuli]
        use = "months"

    Attributes:
        count: How many, from January on.
    """

    name: ClassVar[str] = "months"
    count: int = 12

    def items(self, around: gnomon.Surroundings) -> Iterator[gnomon.Item]:
        """One item a month."""
        for number in range(1, self.count + 1):
            yield gnomon.Item(f"month-{number:02}", fields={"number": number})


@gnomon.hookimpl
def register_sources() -> Iterable[type]:
    """What this module offers."""
    return [Months]
