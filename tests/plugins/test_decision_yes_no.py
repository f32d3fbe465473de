"""The scorer ``yes-no``: what counts as yes, as no, and as neither."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association import answered
from gnomon import Reply
from gnomon_plugins.scorers.yes_no import YesNo


def score(reply, **options):
    return YesNo(**options).score(answered(reply, {}))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", 1.0),
        ("No", 0.0),
        ("Yes.", 1.0),
        ("**Yes**", 1.0),
        ('"no"', 0.0),
        ("Yes, because everyone is welcome.", 1.0),
        ("no - not on a Sunday", 0.0),
        ("Yes! No doubt about it.", 1.0),
        ("Answer: yes", 1.0),
        ("It is a fine idea.\nSo my answer is: no.", 0.0),
        ("\n\n  YES \n", 1.0),
        ("\u200fYes\u200e.", 1.0),
        ("It depends.\nyes。", 1.0),
        ("It depends.\nAnswer： no", 0.0),
    ],
)
def test_plain_answers(text, value):
    """The first word, or the last line, is the answer, in any dress."""
    assert (score(text).value, score(text).status) == (value, "ok")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Maybe",
        "I cannot say no to that",
        "Nobody",
        "yes-man",
        "Yes and no\nno",
        "Yes and no",
        "yes/no",
        "Yes, no, I am not sure.",
        "Yesterday",
        "\ud800",
    ],
)
def test_no_plain_answer(text):
    """Anything else has no number; the beginning of the answer is kept."""
    made = score(text)
    assert (made.value, made.status) == (None, "unparsed")
    made.detail["answer"].encode("utf-8")


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
def test_failed_replies(status):
    """A reply that failed keeps its status."""
    made = score(Reply(status=status, text="yes"))
    assert (made.value, made.status) == (None, status)


def test_truncated_replies():
    """A cut-off reply that begins with the answer has it, and is marked."""
    made = score(Reply(status="truncated", text="Yes, becau"))
    assert (made.value, made.status) == (1.0, "truncated")


def test_probabilities():
    """For ``choose`` the score is the share of yes among yes and no."""
    made = score(Reply(probabilities={"Yes": 0.3, "no": 0.1, "perhaps": 0.6}))
    assert made.value == pytest.approx(0.75)
    assert score(Reply(probabilities={"perhaps": 1.0})).status == "unparsed"


def test_spellings_of_one_answer_add_up():
    """``yes`` and ``Yes`` offered beside each other are one answer."""
    made = score(Reply(probabilities={"yes": 0.3, "Yes": 0.3, "no": 0.2, "No": 0.2}))
    assert made.value == pytest.approx(0.6)


def test_other_words():
    """The words can be those of another language or scale."""
    assert score("Ja, gern", yes=("ja",), no=("nein",)).value == 1.0
    assert score("I do not agree", yes=("I do",), no=("I do not",)).value == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"yes": ()}, "'yes' and 'no' need at least one word each"),
        ({"no": ("No", "YES")}, "'yes' is among the words for yes and for no"),
    ],
)
def test_options_are_checked(options, message):
    """Words that cannot work are refused in a sentence."""
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        YesNo(**options)
    assert str(error.value) == message


@given(st.text(st.characters(), max_size=200))
def test_garbage(text):
    """No text raises, and only 1 and 0 are ever read."""
    assert score(text).value in (None, 0.0, 1.0)
