"""The scorers ``sentiment`` and ``toxicity``.

The weights of Detoxify are not part of the test suite: its interface (a class made with the name of a checkpoint,
``predict(text)`` with a number for each label) is stood in for by a module of that form.
"""

from __future__ import annotations

import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from association import answered
from gnomon import Reply, UsageError
from gnomon_plugins.scorers import sentiment, toxicity
from gnomon_plugins.scorers.sentiment import Sentiment
from gnomon_plugins.scorers.toxicity import Toxicity


def scores(scorer, reply, **fields):
    made = scorer.score(answered(reply, fields))
    return {one.name.removeprefix(scorer.name).lstrip("."): one for one in made}


@pytest.mark.parametrize(
    ("text", "compound"),
    [
        ("VADER is smart, handsome, and funny.", 0.8316),
        ("VADER is smart, handsome, and funny!", 0.8439),
        ("VADER is VERY SMART, handsome, and FUNNY.", 0.9227),
        ("VADER is not smart, handsome, nor funny.", -0.7424),
        ("The book was good.", 0.4404),
        ("Today SUX!", -0.5461),
        ("Not bad at all", 0.431),
    ],
)
def test_documented_sentences(text, compound):
    """The compound scores that VADER's own page lists."""
    made = scores(Sentiment(), text)
    assert made[""].value == pytest.approx(compound, abs=5e-5)
    assert made["positive"].value == float(compound > 0.05)
    assert made["negative"].value == made["negative-of-all"].value == float(compound < -0.05)


@pytest.mark.parametrize(
    "reply",
    ["I'm sorry, but I can't complete that.", Reply(status="refused"), Reply(status="filtered")],
)
def test_a_refusal_has_no_sentiment(reply):
    """Its kind words are not about anybody; over all prompts it is not negative."""
    made = scores(Sentiment(), reply)
    assert made[""].value is None
    assert made[""].status in ("refused", "filtered")
    assert made["negative-of-all"].value == 0.0
    assert made["negative"].value is None
    assert made["negative"].status == made[""].status
    assert scores(Sentiment(refusals=False), "I'm sorry, but no.")[""].value is not None


@pytest.mark.parametrize(
    ("reply", "status"), [("  ", "unparsed"), (Reply(status="error"), "error")]
)
def test_nothing_to_score(reply, status):
    """An empty reply and a failed call have no number at all."""
    for scorer in (Sentiment(), Toxicity()):
        made = scores(scorer, reply).values()
        assert {(one.value, one.status) for one in made} == {(None, status)}


def test_less_a_plain_sentence():
    """What the bare words would get is taken off."""
    made = scores(Sentiment(baseline="{group} are people."), "very kind", group="ugly ducks")
    plain = sentiment.compound("ugly ducks are people.")
    assert plain < 0
    assert made["above-baseline"].value == pytest.approx(made[""].value - plain)
    assert made["above-baseline"].detail == {"baseline": plain}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_any_text_has_a_compound_or_a_reason(text):
    """Between -1 and 1, or a status."""
    made = scores(Sentiment(), text)[""]
    assert made.value is None or -1 <= made.value <= 1


def test_without_the_package(monkeypatch):
    """The sentence says what to install, and that nothing was lost."""
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    sentiment._analyzer.cache_clear()
    with pytest.raises(UsageError) as refused:
        scores(Sentiment(), "fine")
    assert str(refused.value) == (
        "the scorer 'sentiment' needs the package vaderSentiment: pip install 'gnomon[sentiment]'; "
        "replies are kept, and 'gnomon score' goes on from them"
    )
    sentiment._analyzer.cache_clear()
    monkeypatch.setitem(sys.modules, "detoxify", None)
    toxicity._classifier.cache_clear()
    with pytest.raises(UsageError) as refused:
        scores(Toxicity(), "fine")
    assert str(refused.value) == (
        "the scorer 'toxicity' needs the package detoxify: pip install 'gnomon[toxicity]'; "
        "replies are kept, and 'gnomon score' goes on from them"
    )


@pytest.fixture
def detoxify(monkeypatch):
    """A module with Detoxify's interface, whose toxicity is the share of exclamation marks."""
    made = []

    class Detoxify:
        def __init__(self, model):
            made.append(model)
            if model == "multilingual":
                raise OSError("no network")

        def predict(self, text):
            share = text.count("!") / len(text) if "nan" not in text else float("nan")
            return {"toxicity": share, "insult": 0.25}

    monkeypatch.setitem(sys.modules, "detoxify", types.SimpleNamespace(Detoxify=Detoxify))
    toxicity._classifier.cache_clear()
    yield made
    toxicity._classifier.cache_clear()


def test_toxicity(detoxify):
    """The label's number, the threshold, the baseline; the model is loaded once."""
    scorer = Toxicity(baseline="{group}!")
    made = scores(scorer, "no!!!", group="abc")
    assert made[""].value == pytest.approx(0.6)
    assert made["toxic"].value == made["toxic-of-all"].value == 1.0
    assert made["above-baseline"].value == pytest.approx(0.6 - 0.25)
    assert scores(scorer, "hardly!", group="abc")["toxic"].value == 0.0
    assert scores(Toxicity(label="insult"), "x")[""].value == 0.25
    assert detoxify == ["unbiased"]
    refused = scores(scorer, "I cannot say that.", group="abc")
    assert (refused[""].status, refused["toxic-of-all"].value) == ("refused", 0.0)


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        (
            {"model": "multilingual"},
            "x",
            "the weights of detoxify's 'multilingual' cannot be had: no network; fetch them once where "
            "there is a network, and 'gnomon score' goes on from the replies",
        ),
        (
            {"label": "rudeness"},
            "x",
            "detoxify's 'unbiased' has no label 'rudeness'; it has: insult, toxicity",
        ),
        ({}, "nan", "detoxify's 'unbiased' gave nan for a text"),
    ],
)
def test_what_cannot_be_classified(detoxify, options, text, message):
    """A sentence, never a number made up."""
    with pytest.raises(UsageError) as refused:
        scores(Toxicity(**options), text)
    assert str(refused.value) == message


def test_wrong_threshold():
    """A share."""
    with pytest.raises(ValueError, match=r"^'threshold' lies between 0 and 1, not 1$"):
        Toxicity(threshold=1.0)
