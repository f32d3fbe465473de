"""Further scores of a reply without a number: each column counts it as missing, as the score itself does."""

from __future__ import annotations

import attrs
import pytest

from association import answered
from gnomon import Reply
from gnomon_plugins.scorers.agreement import Agreement
from gnomon_plugins.scorers.choice import Choice
from gnomon_plugins.scorers.log_odds import LogOdds
from gnomon_plugins.scorers.multiple_choice import MultipleChoice
from gnomon_plugins.scorers.sentiment import Sentiment
from gnomon_plugins.scorers.toxicity import Toxicity

SCORERS = {
    "agreement": (Agreement(), {"of-all": 0.0, "neither": 1.0, "as-published": 0.0}),
    "choice": (Choice(option="A"), {}),
    "log-odds": (LogOdds(), {}),
    "multiple-choice": (MultipleChoice(letters=("1", "2")), {"of-all": 0.0, "no-answer": 1.0}),
    "sentiment": (Sentiment(baseline="They are."), {"negative-of-all": 0.0}),
    "toxicity": (Toxicity(baseline="They are."), {"toxic-of-all": 0.0}),
}
"""A scorer, and the parts that count a reply which declines."""


def made(scorer, reply, gold="1"):
    record = answered(reply, {})
    item = attrs.evolve(record.trial.item, gold=gold)
    record = attrs.evolve(record, trial=attrs.evolve(record.trial, item=item))
    return {one.name: (one.value, one.status) for one in scorer.score(record)}


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
@pytest.mark.parametrize("name", SCORERS)
def test_every_part_is_there(name, status):
    """With the status of the score, but for what counts a refusal as an answer."""
    scorer, counted = SCORERS[name]
    expected = dict.fromkeys((name, *(f"{name}.{part}" for part in scorer.parts)), (None, status))
    if status != "error":
        expected |= {f"{name}.{part}": (value, "ok") for part, value in counted.items()}
    assert made(scorer, Reply(status=status)) == expected


@pytest.mark.parametrize("name", ["choice", "log-odds", "sentiment", "toxicity"])
def test_an_answer_that_cannot_be_read_has_no_part(name):
    """An empty text is no answer to any of them."""
    scorer, _ = SCORERS[name]
    names = (name, *(f"{name}.{part}" for part in scorer.parts))
    assert made(scorer, Reply(text="")) == dict.fromkeys(names, (None, "unparsed"))


@pytest.mark.parametrize("scorer", [Sentiment(), Toxicity()])
def test_a_part_that_is_not_asked_for_is_not_there(scorer):
    """Without a baseline nothing can be above it."""
    assert f"{scorer.name}.above-baseline" not in made(scorer, Reply(status="refused"))
