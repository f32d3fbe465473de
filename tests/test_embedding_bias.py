"""The measure that takes the word lists of implicit-bias to word vectors."""

from __future__ import annotations

import math

import pytest

from administered import measure, results, trials
from gnomon import Ask, Embed, Reply, Trial


def leaning(sign: float):
    """Vectors in which the default group lies by the positive words (sign 1) or by the others (-1)."""

    def answer(ask: Ask, trial: Trial) -> Reply:
        assert isinstance(ask, Embed)
        sides: dict[str, float] = {}
        for name, angle in (
            ("default", 1),
            ("stigma", -1),
            ("positive", sign),
            ("negative", -sign),
        ):
            for position, word in enumerate(trial.item.fields[name]):
                sides[word] = 0.8 * angle + 0.01 * position
        vectors = [(math.cos(sides[word]), math.sin(sides[word])) for word in ask.texts]
        return Reply(vectors=tuple(vectors))

    return answer


def test_items_are_those_of_implicit_bias():
    """Both measures have the same keys and categories, so that they can be joined by stereotype."""

    def items(name: str) -> dict[str, dict[str, str]]:
        return {
            trial.item.key: dict(trial.item.groups) for trial in trials(measure(name), repeats=1)
        }

    assert items("embedding-bias") == items("implicit-bias")
    assert len(items("embedding-bias")) == 21


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_is_that_of_d(sign):
    """Positive where the stigmatised group lies by the negative words, as a positive D says."""
    made = [scores for _, scores in results(measure("embedding-bias"), leaning(sign))]
    assert len(made) == 21
    for scores in made:
        assert scores["embedding-bias"].value * sign > 0
        assert scores["embedding-bias.s"].value * sign > 0
        assert scores["embedding-bias.coverage"].value == 1


def test_one_label_each_says_no_more_than_the_sign():
    """With one label on each side d is 2 or -2 by its formula."""
    for record, scores in results(measure("embedding-bias"), leaning(1.0)):
        if len(record.trial.item.fields["default"]) == 1:
            assert scores["embedding-bias"].value == pytest.approx(2)
