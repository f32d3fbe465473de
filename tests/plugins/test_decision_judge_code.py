"""The scorer ``judge-code``: what the judge is asked, and what its answer counts for."""

from __future__ import annotations

import re

import pytest

from gnomon import (
    Chat,
    Constraint,
    Decoding,
    Exchange,
    Item,
    Message,
    Reply,
    SourceError,
    TemplateError,
    Trial,
    TrialRecord,
    Turn,
)
from gnomon_plugins.scorers.judge_code import JudgeCode

OPTIONS = {
    "of": "choice",
    "version": "7",
    "prompt": "Who got the {thing} in: {choice}? {ann} or {bob}?",
    "codes": {"{ann}": 1.0, "{bob}": 0.0},
    "missing": {"neither": "unparsed", "declined": "refused"},
}
FIELDS = {"thing": "rake", "ann": "Ann", "bob": "Bob {x}"}


def record(reply="Ann it is.", format_="free", fields=FIELDS, later=None):
    trial = Trial(0, Item("x"), {}, 0, {}, fields, format_)
    given = reply if isinstance(reply, Reply) else Reply(text=reply)
    exchanges = [Exchange(Chat(name="choice", messages=()), given)]
    if later is not None:
        exchanges.append(Exchange(Chat(name="later", messages=()), later))
    return TrialRecord(trial, tuple(exchanges))


def judged(answer, given=None, **options):
    """The ask, or None when the judge was not asked, and the score."""
    generator = JudgeCode(**{**OPTIONS, **options}).score(given or record())
    try:
        ask = next(generator)
    except StopIteration as ended:
        return None, ended.value
    with pytest.raises(StopIteration) as ended:
        generator.send(answer if isinstance(answer, Reply) else Reply(text=answer))
    return ask, ended.value.value


def test_what_the_judge_is_asked():
    """One greedy chat in the judge's role: system, examples, and the prompt with fields and replies."""
    ask, _ = judged("Ann", system="Be exact.", examples=("Q: {thing}", "A"), max_tokens=5)
    assert ask == Chat(
        role="judge",
        name="choice-code",
        messages=(
            Message("system", "Be exact."),
            Message("user", "Q: rake"),
            Message("assistant", "A"),
            Message("user", "Who got the rake in: Ann it is.? Ann or Bob {x}?"),
        ),
        decoding=Decoding(temperature=0.0, max_tokens=5),
    )


def test_another_role():
    """The role is an option."""
    ask, _ = judged("Ann", role="second-judge")
    assert ask.role == "second-judge"


@pytest.mark.parametrize(
    ("held", "format_", "constrained"),
    [
        ("constrained", "free", False),
        ("constrained", "constrained", True),
        ("always", "free", True),
        ("never", "constrained", False),
    ],
)
def test_the_judge_can_be_held_to_its_words(held, format_, constrained):
    """A constraint allows the words of codes and missing, and nothing else."""
    ask, _ = judged("Ann", record(format_=format_), held=held)
    words = Constraint(pattern=(("Ann", "Bob {x}", "neither", "declined"),))
    assert ask.constraint == (words if constrained else None)


@pytest.mark.parametrize(
    ("answer", "value", "code"),
    [
        ("Ann", 1.0, "ann"),
        ("ann.", 1.0, "ann"),
        ("**Ann**", 1.0, "ann"),
        (' "Ann" \n', 1.0, "ann"),
        ("Bob {x}", 0.0, "bob x"),
        ("Answer: Ann", 1.0, "ann"),
        ("The text gives the rake to her.\nAnn", 1.0, "ann"),
        ("Let me see: the rake.\n\nFinal answer: **Ann**.", 1.0, "ann"),
    ],
)
def test_words_with_a_number(answer, value, code):
    """A word of the codes is its number; the detail has the words, the code and the version."""
    _, made = judged(answer)
    assert (made.name, made.value, made.status) == ("judge-code", value, "ok")
    assert made.detail == {"judge": answer, "version": "7", "code": code}


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [("Neither.", "unparsed", "neither"), ("declined", "refused", "declined")],
)
def test_words_without_a_number(answer, status, code):
    """Undecided and refused are told apart, and neither is a number."""
    _, made = judged(answer)
    assert (made.value, made.status, made.detail["code"]) == (None, status, code)


@pytest.mark.parametrize(
    "answer",
    ["", "Both", "Ann or Bob {x}", "Ann got it.", "It is not Ann", "Ann\nI am not sure.", "\x00"],
)
def test_answers_out_of_format(answer):
    """Whatever is not exactly one of the words is unparsed, and has no code."""
    _, made = judged(answer)
    assert (made.value, made.status) == (None, "unparsed")
    assert "code" not in made.detail


def test_a_judge_that_fails():
    """A judge's refusal is no refusal of the subject."""
    _, made = judged(Reply(status="refused", text="Ann"))
    assert (made.value, made.status) == (None, "unparsed")
    assert made.detail["judge_status"] == "refused"


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
def test_nothing_to_judge(status):
    """A reply that did not come has its own status, and the judge is not asked."""
    ask, made = judged("Ann", record(Reply(status=status)))
    assert ask is None
    assert (made.value, made.status) == (None, status)


def test_a_trial_that_ended_early():
    """The status of the reply at which the trial ended is the score's."""
    ask, made = judged("Ann", record(Reply(status="filtered")), of="later")
    assert ask is None
    assert (made.value, made.status) == (None, "filtered")


def test_later_failures_do_not_matter():
    """The judged reply is judged although a later one failed."""
    _, made = judged("Ann", record(later=Reply(status="refused")))
    assert made.value == 1.0


def test_a_truncated_reply_is_marked():
    """The number of a truncated reply carries that status."""
    _, made = judged("Ann", record(Reply(status="truncated", text="An")))
    assert (made.value, made.status) == (1.0, "truncated")


def test_replies_are_no_templates():
    """Braces in a reply reach the judge as they are."""
    ask, _ = judged("Ann", record("{thing}"))
    assert "in: {thing}?" in ask.messages[-1].content


def test_words_that_come_out_the_same():
    """Two words for two things must differ in every trial."""
    with pytest.raises(SourceError) as error:
        judged("Ann", record(fields={**FIELDS, "bob": "ANN"}))
    assert str(error.value) == "the judge's word 'ANN' stands for two things at once"


def test_a_slot_without_a_field():
    """A template that names what is not there is an error in a sentence."""
    with pytest.raises(TemplateError) as error:
        judged("Ann", prompt="Who got the {thang}?")
    assert str(error.value) == (
        "the slot {thang} has no field (did you mean 'thing'?); there are: ann, bob, choice, thing"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codes": {}}, "'codes' is empty; give each word of the judge its number"),
        (
            {"examples": ("one",)},
            "'examples' are pairs of question and answer, but there are 1 texts",
        ),
        ({"max_tokens": 0}, "'max_tokens' must be at least 1, not 0"),
    ],
)
def test_options_are_checked(options, message):
    """An option that cannot work is refused in a sentence."""
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        JudgeCode(**{**OPTIONS, **options})
    assert str(error.value) == message


def test_the_judged_reply_must_be_asked_for():
    """A spec whose turns bring no such reply is faulty; the nearest name is shown."""

    class Keys:
        turn = (Turn(user="?", name="choices"), Turn(user="?", assistant="!", name="choice"))

    assert list(JudgeCode(**OPTIONS).check(Keys)) == [
        "'of' names the reply 'choice' (did you mean 'choices'?), which no turn brings; "
        "there are: choices"
    ]
