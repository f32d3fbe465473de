"""The procedure ``turns``: what is asked next, given what was answered before."""

from __future__ import annotations

import pytest

from gnomon import Chat, Choose, Decoding, Item, Message, Reply, TemplateError, Trial, Turn
from gnomon.spec import DecodingKeys, TurnConstraint
from gnomon_plugins.procedures.turns import Turns


def trial(format_="free", levels=None, **fields):
    levels = levels or {}
    return Trial(0, Item("x", fields=fields), levels, 0, {}, {**fields, **levels}, format_)


def administer(turns, answers, given=None):
    """All that is yielded, each an ask or a list of asks, when these are the answers."""
    generator = Turns().administer(given or trial(), turns)
    asked = []
    try:
        sent = None
        waiting = iter(answers)
        while True:
            yielded = generator.send(sent)
            asked.append(yielded)
            answer = next(waiting)
            sent = (
                [to_reply(one) for one in answer] if isinstance(answer, list) else to_reply(answer)
            )
    except StopIteration:
        return asked


def to_reply(answer):
    return answer if isinstance(answer, Reply) else Reply(text=answer)


def talk(ask):
    return [(message.role, message.content) for message in ask.messages]


def test_one_turn():
    """One turn is one ask with the template filled in."""
    (ask,) = administer([Turn(system="Be brief.", user="Say {word}.")], ["tea"], trial(word="tea"))
    assert ask == Chat(messages=(Message("system", "Be brief."), Message("user", "Say tea.")))


def test_the_conversation_grows():
    """Each turn sees what was said before it, and can name earlier replies."""
    turns = [
        Turn(user="One?", name="first"),
        Turn(user="Two, after {first}?", name="second"),
        Turn(user="Three?"),
    ]
    *_, last = administer(turns, ["uno", "dos", "tres"])
    assert talk(last) == [
        ("user", "One?"),
        ("assistant", "uno"),
        ("user", "Two, after uno?"),
        ("assistant", "dos"),
        ("user", "Three?"),
    ]


def test_a_reply_is_no_template():
    """Braces in a reply are shown as they came."""
    _, second = administer([Turn(user="Go.", name="a"), Turn(user="You said: {a}")], ["{word}", ""])
    assert talk(second)[-1] == ("user", "You said: {word}")


def test_only_for_some_levels():
    """Turns for other levels are left out, for one level or several."""
    turns = [
        Turn(user="A", only={"wording": "a"}),
        Turn(user="B", only={"wording": ("b", "c")}),
        Turn(user="all"),
    ]
    asked = administer(turns, ["", ""], trial(levels={"wording": "c"}))
    assert [talk(ask)[-1] for ask in asked] == [("user", "B"), ("user", "all")]


def test_scripted_turns():
    """An assistant turn goes into the conversation with its user message, and nobody is asked."""
    turns = [Turn(user="2 + 2?", assistant="4 {mark}"), Turn(user="3 + 3?")]
    (ask,) = administer(turns, ["6"], trial(mark="!"))
    assert talk(ask) == [("user", "2 + 2?"), ("assistant", "4 !"), ("user", "3 + 3?")]


def test_fresh_turns():
    """A fresh turn starts over; later turns go on from there; fields stay known."""
    turns = [
        Turn(user="One?", name="one"),
        Turn(user="New: {one}", fresh=True),
        Turn(user="More?"),
    ]
    _, second, third = administer(turns, ["a", "b", "c"])
    assert talk(second) == [("user", "New: a")]
    assert talk(third) == [("user", "New: a"), ("assistant", "b"), ("user", "More?")]


def test_roles_have_conversations_of_their_own():
    """A judge sees its own turns only; the subject does not see the judge."""
    turns = [
        Turn(user="Tell.", name="tale"),
        Turn(user="Grade: {tale}", role="judge", name="grade"),
        Turn(user="Go on."),
        Turn(user="Again.", role="judge"),
    ]
    asked = administer(turns, ["a tale", "good", "more", "bad"])
    assert [ask.role for ask in asked] == ["subject", "judge", "subject", "judge"]
    assert talk(asked[1]) == [("user", "Grade: a tale")]
    assert talk(asked[2]) == [("user", "Tell."), ("assistant", "a tale"), ("user", "Go on.")]
    assert talk(asked[3]) == [
        ("user", "Grade: a tale"),
        ("assistant", "good"),
        ("user", "Again."),
    ]


def test_samples_are_asked_at_once():
    """Several samples go out as one list, differ in their number only, and stay out of the talk."""
    turns = [Turn(user="Roll.", name="rolls", samples=3), Turn(user="You rolled {rolls}.")]
    rolls, after = administer(turns, [["1", "6", "4"], ""])
    assert [ask.sample for ask in rolls] == [0, 1, 2]
    assert len({ask.messages for ask in rolls}) == 1
    assert talk(after) == [("user", "You rolled 1, 6, 4.")]


def test_samples_that_fail():
    """Failed samples are left out of the field; when all fail the trial ends."""
    turns = [Turn(user="Roll.", name="rolls", samples=2), Turn(user="You rolled {rolls}.")]
    refused = Reply(status="refused")
    _, after = administer(turns, [[refused, "6"], ""])
    assert talk(after) == [("user", "You rolled 6.")]
    assert len(administer(turns, [[refused, refused]])) == 1


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
def test_a_failed_reply_ends_the_trial(status):
    """Nothing is asked on top of a reply that did not come."""
    turns = [Turn(user="One?"), Turn(user="Two?")]
    assert len(administer(turns, [Reply(status=status)])) == 1


def test_a_truncated_reply_is_built_on():
    """A cut-off reply is part of the conversation as it came."""
    turns = [Turn(user="One?"), Turn(user="Two?")]
    _, second = administer(turns, [Reply(status="truncated", text="u"), ""])
    assert talk(second)[1] == ("assistant", "u")


def test_prefill_is_part_of_what_was_said():
    """The model continues the prefill; the conversation then holds both, the field the reply."""
    turns = [Turn(user="Who?", prefill="It was ", name="who"), Turn(user="Why {who}?")]
    first, second = administer(turns, ["Ann", ""])
    assert talk(first)[-1] == ("assistant", "It was ")
    assert talk(second)[1:] == [("assistant", "It was Ann"), ("user", "Why Ann?")]


def test_choose_answers_with_the_likeliest_option():
    """For ``choose`` the likeliest option is what was said; of equal ones the first shown."""
    turns = [
        Turn(user="A or B?", kind="choose", options=("A", "B"), name="pick"),
        Turn(user="Why {pick}?"),
    ]
    for probabilities, option in (({"A": 0.2, "B": 0.8}, "B"), ({"A": 0.5, "B": 0.5}, "A")):
        first, second = administer(turns, [Reply(probabilities=probabilities), ""])
        assert isinstance(first, Choose)
        assert talk(second)[1:] == [("assistant", option), ("user", f"Why {option}?")]


def test_the_turn_says_how_replies_are_drawn():
    """The decoding of an ask is the turn's own."""
    (ask,) = administer(
        [Turn(user="?", decoding=DecodingKeys(temperature=0.0, max_tokens=5))], [""]
    )
    assert ask.decoding == Decoding(temperature=0.0, max_tokens=5)


def test_constrained_runs():
    """The constraint holds in constrained runs only, one line for each word in the order shown."""
    turn = Turn(
        user="Sort {words}.",
        constraint=TurnConstraint(each="words", line="{each} - ", options=("{a}", "{b}")),
    )
    given = {"words": ("joy", "war"), "a": "us", "b": "them"}
    (free,) = administer([turn], [""], trial(**given))
    (held,) = administer([turn], [""], trial("constrained", **given))
    assert free.constraint is None
    assert held.constraint.pattern == (
        "joy - ",
        ("us", "them"),
        "\nwar - ",
        ("us", "them"),
    )


def test_a_slot_without_a_field():
    """A template that names what is not there is an error in a sentence."""
    with pytest.raises(TemplateError) as error:
        administer([Turn(user="Say {wrod}.")], [""], trial(word="tea"))
    assert str(error.value) == (
        "the slot {wrod} has no field (did you mean 'word'?); there are: word"
    )
