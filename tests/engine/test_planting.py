"""Planted respondents: what they are asked, they answer with the effect that was planted."""

from __future__ import annotations

import attrs
import pytest
from tiny import catalogue, write_spec

from gnomon import (
    Chat,
    Item,
    Message,
    Planting,
    Respondent,
    Seed,
    Trial,
    UsageError,
    Wanted,
)
from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.spec import Spec


def spec_of(measure: str) -> Spec:
    found = Catalogue()
    return load(found.find_measure(measure), found)


def wanted(**options: object) -> Wanted:
    given = {
        "effect": 0.0,
        "planned": 0.0,
        "order_bias": 0.0,
        "label_bias": 0.0,
        "misread": False,
        "seed": Seed(1),
    }
    return Wanted(**{**given, **options})  # type: ignore[arg-type]


def ask(text: str) -> Chat:
    return Chat(messages=(Message("user", text),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refusals": 1.5}, "'refusals' is a share between 0 and 1, not 1.5"),
        ({"errors": -0.1}, "'errors' is a share between 0 and 1, not -0.1"),
        ({"misreads": 2}, "'misreads' is a share between 0 and 1, not 2"),
        ({"order_bias": 3}, "'order_bias' must lie between -1 and 1, not 3"),
        ({"label_bias": -2}, "'label_bias' must lie between -1 and 1, not -2"),
        ({"noise": -1}, "'noise' must be at least 0, not -1"),
        ({"effect": float("inf")}, "'effect' must be a finite number, not inf"),
    ],
)
def test_a_planting_that_cannot_be_is_refused(options: dict[str, float], message: str) -> None:
    """Each number of a planting out of its range is named with the range."""
    with pytest.raises(ValueError, match=f"'{next(iter(options))}'") as refused:
        Planting(**options)
    assert str(refused.value) == message


def test_the_order_is_read_off_the_prompt() -> None:
    """The option shown first is pulled up, the other down; options that are not shown are not."""
    biased = wanted(order_bias=0.2)
    assert biased.pull("he", "she", ask("Take she or he.")) == -0.2
    assert biased.pull("she", "he", ask("Take she or he.")) == 0.2
    assert biased.pull("they", "he", ask("Take she or he.")) == 0.0


def test_a_label_is_liked_wherever_it_stands() -> None:
    """The label bias has the sign of the pair and none of the order."""
    biased = wanted(label_bias=0.2)
    pull = biased.pull("red", "blue", ask("red or blue"))
    assert abs(pull) == 0.2
    assert biased.pull("red", "blue", ask("blue or red")) == pull
    assert biased.pull("blue", "red", ask("blue or red")) == -pull


def test_an_effect_out_of_range_is_refused_and_noise_is_cut_off() -> None:
    """The effect asked for must be possible; what noise adds is held within the range."""
    assert wanted(effect=0.7, planned=0.4).within(-0.5, 0.5, "a share") == 0.5
    with pytest.raises(UsageError) as refused:
        wanted(effect=0.7, planned=0.7).within(-0.5, 0.5, "a share of yes")
    assert str(refused.value) == (
        "an effect of 0.7 cannot be planted in a share of yes: it has to lie between -0.5 and 0.5"
    )


def test_a_measure_without_a_planting_scorer_is_refused(tmp_path) -> None:
    """The sentence names the scorers and what one of them would need."""
    spec = load(write_spec(tmp_path), catalogue())
    with pytest.raises(UsageError) as refused:
        Respondent(spec, Planting(), Seed(1))
    assert str(refused.value) == (
        "nothing can be planted in the measure 'tiny': none of its scorers ('length') says how to "
        "write an answer; a scorer does so with a method 'plant'"
    )


def trial(ordinal: int) -> Trial:
    fields = {
        "words": ("agony", "joy"),
        "positive": ("joy",),
        "negative": ("agony",),
        "positive_synonym": ("joyful",),
        "negative_synonym": ("awful",),
        "label_default": "red",
        "label_stigma": "blue",
        "category": "colour",
    }
    item = Item(key="one", fields=fields, groups={"category": "colour"})
    draws = {"words": ("agony", "joy")}
    return Trial(ordinal, item, {"variation": "plain", "label_order": "ab"}, 0, draws, fields)


def test_a_respondent_is_a_function_of_its_seed_and_the_trial() -> None:
    """Asked twice it answers the same; another trial or seed is answered anew."""
    spec = spec_of("implicit-bias")
    planting = Planting(effect=0.2, noise=0.2, refusals=0.3, errors=0.3)
    first, again, other = (Respondent(spec, planting, Seed(seed)) for seed in (1, 1, 2))
    answers = [first.answer(ask("?"), trial(n)) for n in range(40)]
    assert answers == [again.answer(ask("?"), trial(n)) for n in range(40)]
    assert answers != [other.answer(ask("?"), trial(n)) for n in range(40)]
    assert len({answer.reply.text for answer in answers}) > 3


def test_refusals_and_errors_come_at_their_rates() -> None:
    """Of 2,000 answers so many are refused, and so many of the rest lose a line."""
    spec = spec_of("implicit-bias")
    respondent = Respondent(spec, Planting(refusals=0.25, errors=0.5), Seed(3))
    replies = [respondent.answer(ask("?"), trial(n)).reply for n in range(2000)]
    refused = sum(reply.status == "refused" for reply in replies)
    lost = sum("hard to put" in reply.text for reply in replies)
    assert abs(refused / 2000 - 0.25) < 0.04
    assert abs(lost / (2000 - refused) - 0.5) < 0.05


def test_the_expected_score_lies_the_effect_above_that_of_none() -> None:
    """Also with two words only, where the formula bends most."""
    spec = spec_of("implicit-bias")
    some, none = (
        Respondent(spec, Planting(effect=effect), Seed(3)).answer(ask("?"), trial(0))
        for effect in (0.5, 0.0)
    )
    assert some.score == "association-d"
    found = some.expected["association-d"] - none.expected["association-d"]
    assert found == pytest.approx(0.5, abs=1e-6)


def test_further_scores_have_expectations_of_their_own() -> None:
    """A scorer may say what its parts come to; they are known by their names in ``of``."""
    respondent = Respondent(spec_of("persona-reasoning"), Planting(effect=0.25), Seed(3))
    item = Item("x", gold="B")
    one = Trial(0, item, {"persona": "a-human", "instruction": "you-are"}, 0, {}, {})
    assert respondent.answer(ask("?"), one).expected == {
        "multiple-choice": 0.375,
        "multiple-choice.of-all": 0.375,
        "multiple-choice.no-answer": 0.0,
    }


def test_an_ask_of_no_trial_is_answered_with_nothing_planted() -> None:
    """There is no score and no expectation."""
    respondent = Respondent(spec_of("implicit-bias"), Planting(), Seed(3))
    answer = respondent.answer(ask("?"), None)
    assert attrs.astuple(answer)[1:] == (None, {})
