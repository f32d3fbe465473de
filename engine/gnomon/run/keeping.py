"""Items that are made once and used in every repeat.

One invariant: whoever asks is given the items of the source, in its order, each time from the first; only so many
are kept in memory, and a source of more is asked anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gnomon.records import Item

MOST = 2_000
"""Items that are kept; a source of more is read again in every repeat, as slowly as it was the first time."""


class Kept:
    """A source's items, made when they are first needed and not again while they are few.

    One pass after another: a pass that was left before its end is not gone on with once another has begun.

    Args:
        make: Makes the items anew.
    """

    def __init__(self, make: Callable[[], Iterable[Item]]) -> None:
        self._make = make
        self._items: list[Item] = []
        self._rest: Iterator[Item] | None = None

    def __call__(self) -> Iterator[Item]:
        """All items, from the first."""
        if self._rest is None:
            self._rest = iter(self._make())
        rest = self._rest
        yield from self._items
        try:
            for item in rest:
                if self._rest is not None and len(self._items) < MOST:
                    self._items.append(item)
                else:
                    self._rest, self._items = None, []
                yield item
        except Exception:
            # What the source gave before it failed is not all of it.
            self._rest, self._items = None, []
            raise
