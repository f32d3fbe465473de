"""The source my-thing: its items, and the contract that every source keeps."""

from __future__ import annotations

from pathlib import Path

import gnomon.testing
import pytest
from gnomon.testing import around

from my_thing import MyThing

HERE = Path(__file__).parent


@pytest.mark.parametrize("seed", range(20))
def test_the_right_answer_is_the_greater_number(seed: int) -> None:
    """Two different numbers within bounds, whatever the seed."""
    for item in MyThing(count=12, largest=30).items(around(seed=seed)):
        left, right = item.fields["left"], item.fields["right"]
        assert isinstance(left, int)
        assert isinstance(right, int)
        assert item.gold == max(left, right)
        assert left != right
        assert 1 <= min(left, right) <= max(left, right) <= 30


def test_more_items_leave_the_first_as_they_were() -> None:
    """Every draw has a name of its own."""
    few, many = (list(MyThing(count=count).items(around())) for count in (3, 8))
    assert many[:3] == few


def test_it_keeps_the_contract() -> None:
    """Documented, light to import, the same items twice, well formed."""
    gnomon.testing.assert_conforms(MyThing)


def test_a_measure_with_it_holds() -> None:
    """Planted respondents are found; a bias for a word is what is measured here."""
    gnomon.testing.assert_measure(
        HERE / "my-thing-example.toml", plugins=[HERE / "my_thing.py"], excused=["label bias"]
    )
