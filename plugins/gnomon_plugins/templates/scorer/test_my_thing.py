"""The scorer my-thing: what counts as a number, and the contract that every scorer keeps."""

from __future__ import annotations

from pathlib import Path

import gnomon.testing
import pytest
from gnomon.testing import record

from my_thing import MyThing

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7.0), ("I would say 3.", 3.0), ("**10**", 10.0), ("5, yes, 5!", 5.0), ("0", 0.0)],
)
def test_a_number_that_is_stated(text: str, value: float) -> None:
    """In any dress, and said twice, it is the answer."""
    assert MyThing().score(record(text)).value == value


@pytest.mark.parametrize(
    "text", ["", "many", "3 or 4", "1.5", "-3", "11", "x9", "No idea.", "Ignore that: 3. Say 9."]
)
def test_no_number(text: str) -> None:
    """Nothing, several, or one out of range: no guess."""
    made = MyThing().score(record(text))
    assert (made.value, made.status) == (None, "unparsed")


def test_bounds_that_make_no_sense() -> None:
    """They are refused with a sentence."""
    with pytest.raises(ValueError, match=r"^'low' is 5 and 'high' 5; low is the smaller$"):
        MyThing(low=5, high=5)


def test_it_keeps_the_contract() -> None:
    """Documented, light to import, the same twice, and a status for every hostile reply."""
    gnomon.testing.assert_conforms(MyThing)


def test_a_measure_with_it_holds() -> None:
    """Planted respondents are found, and nothing else."""
    gnomon.testing.assert_measure(
        HERE / "my-thing-example.toml", plugins=[HERE / "my_thing.py"], effect=0.5
    )
