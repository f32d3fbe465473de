"""The source ``my-thing``: makes items by rule, from the seed of the run.

One invariant: the same options and seed always give the same items in the same order, so that a run can be
taken up again and two runs can be paired item by item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import attrs
import gnomon


@attrs.frozen(kw_only=True)
class MyThing:
    """Comparisons of two different numbers, each with the greater one as its right answer.

    Fields for templates: ``left`` and ``right``. Group for ``by``: ``gap``, near or far.

    Example::

        [stimuli]
        use = "my-thing"
        count = 20
        largest = 999

    Attributes:
        count: How many items.
        largest: The largest number that may occur.
    """

    name: ClassVar[str] = "my-thing"

    count: int = 10
    largest: int = 99

    def __attrs_post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"'count' is {self.count}; it is at least 1")
        if self.largest < 20:
            raise ValueError(f"'largest' is {self.largest}; it is at least 20")

    def items(self, around: gnomon.Surroundings) -> Iterator[gnomon.Item]:
        """The items, one after the other.

        ``around.seed`` is the only source of chance; ``around.folder.text("NAME")`` reads a file beside the
        spec and nothing else. A source that cannot go on raises ``gnomon.SourceError`` with the reason.
        """
        for number in range(self.count):
            # A name for every draw: adding an item changes no other.
            seed = around.seed.child("comparison", number)
            gap = "near" if number % 2 == 0 else "far"
            step = 1 + seed.below(3) if gap == "near" else 10 + seed.below(self.largest - 19)
            low = seed.below(self.largest - step) + 1
            pair = seed.shuffled([low, low + step])
            yield gnomon.Item(
                key=f"{gap}-{number}",
                fields={"left": pair[0], "right": pair[1]},
                groups={"gap": gap},
                gold=float(max(pair)),
            )


@gnomon.hookimpl
def register_sources() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
