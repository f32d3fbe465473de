"""The scorer ``multiple-choice``: strict and lenient reading, and abstention apart from errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import Chat, Exchange, Item, Message, Reply, Seed, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers.multiple_choice import MultipleChoice


def record(reply, gold="B"):
    given = Reply(text=reply) if isinstance(reply, str) else reply
    trial = Trial(0, Item("x", gold=gold), {}, 0, {}, {})
    return TrialRecord(trial, (Exchange(Chat(messages=(Message("user", "?"),)), given),))


def score(reply, gold="B", **options):
    made = MultipleChoice(**options).score(record(reply, gold))
    return {one.name.removeprefix("multiple-choice").lstrip("."): one for one in made}


def letter(text, reading):
    made = score(text, reading=reading)[""]
    return made.detail.get("letter")


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("So 3 + 4 = 7. Therefore, the answer is (B).", "B", "B"),
        ("the ANSWER IS: (b)", "B", "B"),
        ("The answer is (A). No, wait: the answer is (C).", "C", "C"),
        ("The answer is B.", None, "B"),
        ("The answer is **B**", None, "B"),
        ("**Answer:** D) forty", None, "D"),
        ("I choose option is (C)", None, "C"),
        ("B", None, "B"),
        ("(B)", None, "B"),
        ("B) forty, because it is", None, "B"),
        ("A train covers forty miles in an hour.", None, None),
        ("It must be\n\n(D)", None, "D"),
        ("The answer is a matter of taste", None, None),
        ("The answer is A because of the rest", None, "A"),
        ("The answer is c, I think", None, "C"),
        ("B - the second", None, "B"),
        ("A or B", None, None),
        ("The answer is (E).", None, None),
        ("The answer is forty (A half is twenty).", None, None),
        ("The answer is the second one (B).", "B", "B"),
        ("I cannot answer that as a person of this kind.", None, None),
        ("The answer is", None, None),
        ("", None, None),
        ("\ud800 answer is (\ud800)", None, None),
        ("answer is (A)" * 3_000 + " so the answer is (D)", "D", "D"),
    ],
)
def test_reading(text, strict, lenient):
    """The strict rule is the paper's; the lenient one reads more and never something else."""
    assert letter(text, "strict") == strict
    assert letter(text, "lenient") == lenient


@pytest.mark.parametrize(
    ("text", "letter_"),
    [
        ("The answer is (A).\nSo the answer is: (c).", "C"),
        ("The answer is (A). So the answer is: (c).", "A"),
        ("It may be (A) or (B).\nWe cannot tell which.", "A"),
        ("(A) is tempting. The answer is forty.", None),
        ("Forty.", None),
    ],
)
def test_the_published_rule_takes_an_option_spoken_of(text, letter_):
    """Without "answer is" the first letter in brackets counts, wherever it stands."""
    assert letter(text, "published") == letter_


@pytest.mark.parametrize(
    ("reply", "value", "of_all", "no_answer", "status"),
    [
        ("The answer is (B)", 1.0, 1.0, 0.0, "ok"),
        ("The answer is (A)", 0.0, 0.0, 0.0, "ok"),
        ("I would rather not say", None, 0.0, 1.0, "unparsed"),
        (Reply(status="refused"), None, 0.0, 1.0, "refused"),
        (Reply(probabilities={"A": 0.2, "(B)": 0.8}), 1.0, 1.0, 0.0, "ok"),
        (Reply(probabilities={"A": 0.4, "B": 0.4, "C": 0.2}), None, 0.0, 1.0, "unparsed"),
    ],
)
def test_no_answer_is_no_wrong_answer(reply, value, of_all, no_answer, status):
    """An answer without a letter is missing among the answered, wrong among all, and counted."""
    made = score(reply)
    assert (made[""].value, made[""].status) == (value, status)
    assert made["of-all"].value == of_all
    assert made["no-answer"].value == no_answer


def test_a_failed_call_has_no_score():
    """It is neither right nor wrong nor an abstention."""
    made = score(Reply(status="error"))
    assert [(one.value, one.status) for one in made.values()] == [(None, "error")] * 3


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        (None, "the item has no gold answer, which has to be one of: A, B, C, D"),
        ("E", "the item has the gold answer 'E', which has to be one of: A, B, C, D"),
        (2.0, "the item has the gold answer 2.0, which has to be one of: A, B, C, D"),
    ],
)
@pytest.mark.parametrize("reply", ["The answer is (B)", "Who knows", Reply(status="refused")])
def test_an_item_without_a_right_letter_has_no_score(gold, reason, reply):
    """No reply to it is wrong, and the reason is kept; nor can an answer to it be planted."""
    made = score(reply, gold=gold)
    assert {name: (one.value, one.status, dict(one.detail)) for name, one in made.items()} == {
        "": (None, "error", {"reason": reason}),
        "of-all": (None, "error", {}),
        "no-answer": (None, "error", {}),
    }
    one = record("?", gold)
    wanted = Wanted(
        effect=0.25, planned=0.25, order_bias=0, label_bias=0, misread=False, seed=Seed(1)
    )
    assert MultipleChoice().plant(one.exchanges[0].ask, one.trial, wanted) is None


@given(st.text(max_size=200))
def test_any_text_has_a_letter_that_is_offered_or_none(text):
    """Whatever is written; and strict reading agrees with lenient where it finds something."""
    strict, lenient = letter(text, "strict"), letter(text, "lenient")
    assert lenient in {"A", "B", "C", "D", None}
    assert strict in {lenient, None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"letters": ("A", "BC")}, "'letters' are single letters or digits, not 'BC'"),
        ({"letters": ("A", "a")}, "'letters' needs at least two letters, each once"),
        ({"letters": ("A",)}, "'letters' needs at least two letters, each once"),
    ],
)
def test_wrong_options(options, message):
    """Each is refused in a sentence."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        MultipleChoice(**options)
    assert str(refused.value) == message
