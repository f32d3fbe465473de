"""Items that are made once and used in every repeat."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from gnomon import Item, SourceError
from gnomon.run import keeping
from gnomon.run.keeping import Kept


class Source:
    """So many items, and how often they were made."""

    def __init__(self, count: int) -> None:
        self.count, self.made = count, 0

    def __call__(self) -> Iterator[Item]:
        self.made += 1
        for number in range(self.count):
            yield Item(f"i{number}")


@given(
    count=st.integers(0, 7),
    most=st.integers(1, 7),
    taken=st.lists(st.integers(0, 8), min_size=1, max_size=6),
)
def test_every_pass_is_given_the_items_from_the_first(
    count: int, most: int, taken: list[int]
) -> None:
    """However far each pass goes; and the source is asked once where it has no more than are kept."""
    source = Source(count)
    items = Kept(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping, "MOST", most)
        for number in taken:
            assert [item.key for item in islice(items(), number)] == [
                f"i{at}" for at in range(min(number, count))
            ]
    if count <= most:
        assert source.made <= 1
    else:
        assert source.made <= len(taken)


def test_a_source_that_failed_is_asked_again() -> None:
    """What it gave before is never taken for all of it."""

    def make() -> Iterator[Item]:
        yield Item("i0")
        raise SourceError("the second row is broken")

    items = Kept(make)
    for _ in range(2):
        with pytest.raises(SourceError, match="the second row is broken"):
            list(items())


def test_a_run_reads_its_items_once(tmp_path: Path) -> None:
    """Whatever the number of repeats: the count of trials and all repeats use the same items."""
    readings: list[int] = []

    class Told(tiny.Words):
        name = "told-words"

        def items(self, around: object) -> Iterator[Item]:
            readings.append(1)
            return super().items(around)

    text = tiny.SPEC.replace("tiny-words", "told-words")
    once = tiny.run_tiny(tmp_path, text, extra=(Told,), repeats=1, database="one.db")
    first, readings[:] = len(readings), []
    often = tiny.run_tiny(tmp_path, text, extra=(Told,), repeats=6, database="six.db")
    assert (once.tally.done, often.tally.done) == (6, 36)
    assert len(readings) == first
