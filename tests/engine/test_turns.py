"""From a turn and a trial to an ask: the same trial always asks the same thing."""

from __future__ import annotations

import pytest

from gnomon import (
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    Hidden,
    Item,
    Loglik,
    Message,
    Need,
    TemplateError,
    Trial,
    Turn,
    ask_of,
    said,
)
from gnomon.spec import DecodingKeys, TurnConstraint
from gnomon.turns import needs_of, turns_for

WORDS = ("kind", "cruel")


def trial(format_: str = "free", **fields: object) -> Trial:
    given = {"word": "cat", "words": WORDS, "left": "A", "right": "B", **fields}
    return Trial(ordinal=0, item=Item(key="i"), levels={"tone": "x"}, repeat=0,
                 draws={"words": WORDS}, fields=given, format=format_)  # fmt: skip


def test_a_turn_becomes_messages_in_order() -> None:
    """System, then user; a prefill is a last assistant message."""
    turn = Turn(system="Be {word}.", user="Say {left}.", prefill="{right}", name="said")
    assert ask_of(turn, trial()) == Chat(
        name="said",
        messages=(
            Message("system", "Be cat."),
            Message("user", "Say A."),
            Message("assistant", "B"),
        ),
    )


def test_history_comes_first_unless_fresh() -> None:
    """A conversation goes on; ``fresh`` starts a new one."""
    history = (Message("user", "before"), Message("assistant", "yes"))
    assert ask_of(Turn(user="now"), trial(), history).messages == (*history, Message("user", "now"))
    fresh = ask_of(Turn(user="now", fresh=True), trial(), history)
    assert fresh.messages == (Message("user", "now"),)


def test_assistant_messages_are_said_not_asked() -> None:
    """A scripted assistant message is part of the conversation."""
    turn = Turn(user="hi {word}", assistant="hello {left}")
    assert said(turn, trial(), trial().fields) == (
        Message("user", "hi cat"),
        Message("assistant", "hello A"),
    )


def test_the_turns_decoding_overrides_the_specs() -> None:
    """Key by key; what neither sets stays the provider's default."""
    turn = Turn(user="x", decoding=DecodingKeys(temperature=0.0, stop=("\n",)))
    ask = ask_of(turn, trial(), decoding=Decoding(temperature=1.0, max_tokens=5))
    assert ask.decoding == Decoding(temperature=0.0, max_tokens=5, stop=("\n",))


def test_choose_spreads_lists() -> None:
    """A lone slot of a list stands for all its values; other options are templates."""
    turn = Turn(kind="choose", user="?", options=("{words}", "neither {word}", "{left}"))
    assert ask_of(turn, trial()) == Choose(
        messages=(Message("user", "?"),), options=("kind", "cruel", "neither cat", "A")
    )


def test_the_other_kinds_have_their_records() -> None:
    """embed, hidden and loglik."""
    assert ask_of(Turn(kind="embed", texts=("{words}",)), trial()) == Embed(texts=WORDS)
    assert ask_of(
        Turn(kind="hidden", texts=("a {word}",), layers=(3,), pooling="last"), trial()
    ) == Hidden(texts=("a cat",), layers=(3,), pooling="last")
    assert ask_of(Turn(kind="loglik", user="Once {word}", text="upon {left}"), trial()) == Loglik(
        context="Once cat", text="upon A"
    )


def test_a_constraint_waits_for_its_format() -> None:
    """``constrained`` holds in runs of that format only, with a user message of its own."""
    turn = Turn(user="Answer freely.", constraint=TurnConstraint(options=("{left}", "{right}"), user="A or B?"))  # fmt: skip
    free = ask_of(turn, trial())
    assert (free.constraint, free.messages[0].content) == (None, "Answer freely.")
    held = ask_of(turn, trial("constrained"))
    assert held.constraint == Constraint(pattern=(("A", "B"),))
    assert held.messages[0].content == "A or B?"


def test_always_holds_in_every_format() -> None:
    """``when = "always"``."""
    turn = Turn(user="x", constraint=TurnConstraint(when="always", regex="[0-9]"))
    assert ask_of(turn, trial()).constraint == Constraint(regex="[0-9]")


def test_one_line_for_each_value() -> None:
    """``each`` makes one line per value, in the drawn order."""
    turn = Turn(
        user="x",
        constraint=TurnConstraint(options=("{left}", "{right}"), each="words", line="{each} - "),
    )
    assert ask_of(turn, trial("constrained")).constraint == Constraint(
        pattern=("kind - ", ("A", "B"), "\ncruel - ", ("A", "B"))
    )


@pytest.mark.parametrize(
    ("each", "message"),
    [
        ("word", "'each' names 'word', which is not a list"),
        (
            "wrds",
            "the slot {wrds} has no field (did you mean 'words'?); there are: left, right, word, words",
        ),
    ],
)
def test_each_needs_a_list(each: str, message: str) -> None:
    """What is no list, and what is not there."""
    turn = Turn(user="x", constraint=TurnConstraint(options=("{left}",), each=each))
    with pytest.raises(TemplateError) as caught:
        ask_of(turn, trial("constrained"))
    assert str(caught.value) == message


def test_hostile_fields_reach_the_ask_as_text() -> None:
    """Model output used in a later turn cannot act as a template or as a list."""
    ask = ask_of(Turn(user="You said: {reply}"), trial(), fields={"reply": "{word} {{x}} {0}"})
    assert ask.messages[0].content == "You said: {word} {{x}} {0}"


def test_needs_follow_the_format_and_the_turns() -> None:
    """What is checked before the first call: each need once."""
    turns = (
        Turn(user="x", prefill="A"),
        Turn(user="y", constraint=TurnConstraint(grammar="root ::= 'a'")),
        Turn(user="y", constraint=TurnConstraint(grammar="root ::= 'a'")),
        Turn(kind="choose", options=("a",), role="judge", decoding=DecodingKeys(logprobs=5)),
        Turn(assistant="said"),
    )
    free = needs_of(turns, DecodingKeys(logprobs=2), "free")
    assert free == (
        Need(kind="chat", logprobs=2, prefill=True),
        Need(kind="chat", logprobs=2),
        Need(kind="choose", role="judge", logprobs=5),
    )
    held = needs_of(turns, DecodingKeys(), "constrained")
    assert held[1] == Need(kind="chat", constraint="grammar")


def test_turns_are_kept_by_level() -> None:
    """``only`` with one level, with several, and without."""
    turns = (Turn(only={"tone": "x"}), Turn(only={"tone": ("y", "z")}), Turn())
    assert turns_for(turns, trial()) == (turns[0], turns[2])
