"""The scorer ``log-odds``: from probabilities and from samples, and the published worked example."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association import answered
from gnomon import Ask, Chat, Exchange, Item, Message, Reply, Trial, TrialRecord
from gnomon_plugins.scorers.log_odds import LogOdds


def score(record, **options):
    return {one.name: one for one in LogOdds(**options).score(record)}


def chosen(coverage=None, status="ok", **probabilities):
    reply = Reply(status=status, probabilities=probabilities, coverage=coverage, exact=True)
    return answered(reply, {})


def sampled(*texts):
    trial = Trial(0, Item("x"), {}, 0, {}, {})
    ask: Ask = Chat(messages=(Message("user", "?"),))
    return TrialRecord(trial, tuple(Exchange(ask, Reply(text=text)) for text in texts))


def test_the_worked_example():
    """Mean log odds of a group less those of the baseline: the published 0.3527, renormalised or not."""
    baseline = [(0.1, 0.8), (0.2, 0.7), (0.3, 0.7), (0.4, 0.4), (0.5, 0.4)]
    group = [(0.2, 0.7), (0.1, 0.8), (0.5, 0.4), (0.6, 0.3), (0.5, 0.4)]

    def mean(pairs):
        return statistics.mean(score(chosen(yes=y, no=n))["log-odds"].value for y, n in pairs)

    assert mean(group) - mean(baseline) == pytest.approx(0.35271771845227184, abs=1e-15)


@given(st.floats(1e-3, 1), st.floats(1e-3, 1), st.floats(1e-2, 10))
def test_what_lay_on_other_answers_cancels(yes, no, factor):
    """The score is antisymmetric, and the same when both probabilities are multiplied."""
    value = score(chosen(yes=yes, no=no))["log-odds"].value
    assert score(chosen(yes=no, no=yes))["log-odds"].value == pytest.approx(-value, abs=1e-12)
    scaled = score(chosen(yes=yes * factor, no=no * factor))["log-odds"].value
    assert scaled == pytest.approx(value, abs=1e-9)


def test_spellings_are_one_answer():
    """Probabilities of yes and Yes add up; the mass and the side are told."""
    record = chosen(coverage=0.9, yes=0.1, Yes=0.5, no=0.3, No=0.1)
    made = score(record, first=("yes", "Yes"), second=("no", "No"))
    assert made["log-odds"].value == pytest.approx(math.log(0.6 / 0.4))
    assert made["log-odds.above"].value == 1.0
    assert made["log-odds.mass"].value == 0.9


def test_an_unlisted_answer_has_the_floor():
    """What a provider does not list is not impossible; the detail says that the floor was used."""
    made = score(chosen(yes=1.0, no=0.0), floor=0.01)["log-odds"]
    assert made.value == pytest.approx(math.log(100))
    assert made.detail["floored"] is True
    assert score(chosen(yes=0.5, no=0.5))["log-odds.above"].value == 0.5


def test_samples():
    """Four yes, one no and one neither of six: ln(4.5/1.5), and five sixths were read."""
    made = score(sampled("Yes.", "yes", "**Yes**", "Yes, of course", "no", "Not sure"))
    assert made["log-odds"].value == pytest.approx(math.log(3))
    assert made["log-odds.mass"].value == pytest.approx(5 / 6)
    assert made["log-odds"].detail == {"first": 4, "second": 1, "samples": 6}


@pytest.mark.parametrize(
    "record",
    [
        chosen(perhaps=1.0),
        chosen(yes=0.0, no=0.0),
        chosen(yes=float("nan"), no=0.5),
        chosen(yes=-0.1, no=0.5),
        sampled("", "I know nothing", "yes and no"),
    ],
)
def test_nothing_to_read(record):
    """Without either answer there is no number."""
    made = score(record)
    assert set(made) == {"log-odds", "log-odds.above", "log-odds.mass"}
    assert {(one.value, one.status) for one in made.values()} == {(None, "unparsed")}


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
def test_failed_replies(status):
    """A reply that failed keeps its status."""
    made = score(answered(Reply(status=status), {}))
    assert {(one.value, one.status) for one in made.values()} == {(None, status)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": ()}, "'first' and 'second' need at least one spelling each"),
        ({"second": ("Yes",)}, "'yes' is among the spellings of both answers"),
        ({"floor": 0.0}, "'floor' must lie between 0 and 0.5, not 0"),
    ],
)
def test_wrong_options(options, message):
    """Each is refused in a sentence."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        LogOdds(**options)
    assert str(refused.value) == message
