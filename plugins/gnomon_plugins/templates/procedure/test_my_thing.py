"""The procedure my-thing: what it asks, and the contract that every procedure keeps."""

from __future__ import annotations

from pathlib import Path

import gnomon
import gnomon.testing
import pytest

from my_thing import MyThing

HERE = Path(__file__).parent
TURNS = (gnomon.Turn(user="Is {claim}?"),)


def asked(procedure: MyThing, *replies: str) -> list[str]:
    """The last message of each ask when these are the replies."""
    asking = procedure.administer(gnomon.testing.trial(claim="glass a liquid"), TURNS)
    asks = [next(asking)]
    for text in replies[:-1]:
        asks.append(asking.send(gnomon.Reply(text=text)))
    with pytest.raises(StopIteration):
        asking.send(gnomon.Reply(text=replies[-1]))
    return [ask.messages[-1].content for ask in asks]


def test_it_doubts_the_last_answer() -> None:
    """The doubt follows the answer, as often as was asked for."""
    assert asked(MyThing(doubt="Sure?"), "Yes", "No") == ["Is glass a liquid?", "Sure?"]
    assert asked(MyThing(doubt="Sure?", times=2), "Yes", "No", "Yes")[1:] == ["Sure?", "Sure?"]


def test_it_keeps_the_contract() -> None:
    """Documented, light to import, and it comes to an end whatever is answered."""
    gnomon.testing.assert_conforms(MyThing)


def test_a_measure_with_it_holds() -> None:
    """Planted respondents are found; a bias for a word is what is measured here."""
    gnomon.testing.assert_measure(
        HERE / "my-thing-example.toml", plugins=[HERE / "my_thing.py"], excused=["label bias"]
    )
