"""The scorer ``likert``: which point of the scale an answer is, and which way it counts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association import answered
from gnomon import Chat, Choose, Item, Message, Reply, Seed, Trial, TrialRecord, UsageError, Wanted
from gnomon_plugins.scorers.likert import Likert

POINTS = ("strongly disagree", "disagree", "neither agree nor disagree", "agree", "strongly agree")


def score(reply, fields=None, **options):
    return Likert(points=POINTS, **options).score(answered(reply, fields or {}))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("agree", 4.0),
        ("Strongly agree.", 5.0),
        ("**Disagree**", 2.0),
        ("Neither agree nor disagree", 3.0),
        ("Agree, since people are mostly kind.", 4.0),
        ("It depends on the day.\nAnswer: strongly disagree", 1.0),
    ],
)
def test_points_in_words(text, value):
    """The first words, or the last line, are the answer; the longest point wins over its end."""
    assert (score(text).value, score(text).status) == (value, "ok")


@pytest.mark.parametrize(
    "text", ["", "I agree", "I cannot agree", "agreeable", "7", "Agree.\nDisagree.", "\ud800"]
)
def test_no_point(text):
    """Anything else has no number; the beginning of the answer is kept."""
    made = score(text)
    assert (made.value, made.status) == (None, "unparsed")
    made.detail["answer"].encode("utf-8")


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
def test_no_usable_reply_is_a_status(status):
    """What was not answered keeps the reply's status."""
    made = score(Reply(status=status, text="agree"))
    assert (made.value, made.status) == (None, status)


@pytest.mark.parametrize("key", ["-", "−", "Reverse", "reversed"])
def test_reverse_keyed_items_are_turned(key):
    """5 becomes 1, the middle stays; an item keyed otherwise, or not at all, is left alone."""
    assert score("strongly agree", {"key": key}, keyed="key").value == 1.0
    assert score("neither agree nor disagree", {"key": key}, keyed="key").value == 3.0
    assert score("strongly agree", {"key": "+"}, keyed="key").value == 5.0
    assert score("strongly agree", {}, keyed="key").value == 5.0


def test_the_key_may_be_a_group():
    """A column for ``by`` keys an item too."""
    trial = Trial(0, Item("x", groups={"key": "-"}), {}, 0, {}, {})
    record = TrialRecord(trial, answered("agree", {}).exchanges)
    assert Likert(points=POINTS, keyed="key").score(record).value == 2.0


def test_letters_on_the_page():
    """A label stands for its point in this trial only."""
    falling = {"letter": ("E", "D", "C", "B", "A")}
    assert score("(A)", falling, labels="letter").value == 5.0
    assert score("B. agree", falling, labels="letter").value == 4.0
    assert score("A", {}, labels="letter").status == "unparsed"


@pytest.mark.parametrize(
    "text", ["4 - agree", "4, agree", "4) Agree", "(4) agree", "Agree (4)", "agree/4", "4.\nAgree"]
)
def test_a_label_and_its_point_are_one_answer(text):
    """Both say the same, however they are joined."""
    rising = {"number": ("1", "2", "3", "4", "5")}
    assert (score(text, rising, labels="number").value) == 4.0


@pytest.mark.parametrize("text", ["4 - disagree", "2 or 3", "3/5", "4\nDisagree"])
def test_a_label_of_one_point_and_the_words_of_another_are_none(text):
    """Nothing says which of the two was meant."""
    rising = {"number": ("1", "2", "3", "4", "5")}
    assert score(text, rising, labels="number").status == "unparsed"


def test_an_article_is_no_letter():
    """A sentence that begins with "A" has not chosen A; a letter with a mark or its point behind it has."""
    rising = {"letter": ("A", "B", "C", "D", "E")}
    assert score("A little bit of everything.", rising, labels="letter").status == "unparsed"
    for text in ("A: I do not", "a) because", "(A) because", "A strongly disagree", "Answer: a"):
        assert score(text, rising, labels="letter").value == 1.0, text


@given(st.permutations(POINTS), st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_probabilities_give_the_mean_point(order, weights):
    """Whatever order the options are shown in; keyed in reverse, the mean is turned."""
    total = sum(weights)
    shares = {point: w / total for point, w in zip(order, weights, strict=True)}
    mean = sum((POINTS.index(point) + 1) * p for point, p in shares.items())
    reply = Reply(text=order[0], probabilities=shares)
    assert score(reply).value == pytest.approx(mean)
    assert score(reply, {"key": "-"}, keyed="key").value == pytest.approx(6 - mean)


def test_probabilities_of_nothing_known():
    """Options that are no points have no number."""
    assert score(Reply(probabilities={"a": 0.5, "b": 0.5})).status == "unparsed"


@given(
    st.floats(-1.9, 1.9), st.sampled_from(["+", "-"]), st.sampled_from([POINTS, POINTS[::-1]]), st.integers(0, 9)
)  # fmt: skip
def test_what_is_planted_is_found(effect, key, shown, seed):
    """The planted answer scores one of the two points around middle + effect; chosen, exactly that."""
    scorer = Likert(points=POINTS, keyed="key")
    trial = Trial(0, Item("x", fields={"key": key}), {}, 0, {}, {"key": key})
    wanted = Wanted(
        effect=effect, planned=effect, order_bias=0, label_bias=0, misread=False, seed=Seed(seed)
    )
    message = Message("user", f"Say one of: {', '.join(shown)}.")
    said = scorer.plant(Chat(messages=(message,)), trial, wanted)
    assert said.expected == pytest.approx(3 + effect)
    assert abs(scorer.score(answered(said.reply, {"key": key})).value - (3 + effect)) <= 1
    chosen = scorer.plant(Choose(messages=(message,), options=shown), trial, wanted)
    found = scorer.score(answered(chosen.reply, {"key": key})).value
    assert found == pytest.approx(3 + effect)


def test_an_effect_beyond_the_scale_is_refused():
    """A sentence names the range."""
    wanted = Wanted(effect=3, planned=3, order_bias=0, label_bias=0, misread=False, seed=Seed(1))
    sentence = (
        "an effect of 3 cannot be planted in a scale of 5 points: it has to lie between -2 and 2"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        Likert(points=POINTS).plant(Chat(messages=()), Trial(0, Item("x"), {}, 0, {}, {}), wanted)


@pytest.mark.parametrize("points", [(), ("agree",), ("agree", "Agree!")])
def test_points_are_checked(points):
    """One point is no scale, and two of equal words cannot be told apart."""
    sentence = "'points' needs at least two points, each in words of its own"
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        Likert(points=points)
