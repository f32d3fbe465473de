"""The measure ``big-five-stability``: its items, its forms, and what known respondents score."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import pytest

from administered import SPECS, measure, results, trials
from gnomon import Table
from gnomon_plugins.statistics.consistency import CronbachAlpha
from gnomon_plugins.statistics.rank_sums import MannWhitney

POINTS = [
    "very inaccurate",
    "moderately inaccurate",
    "neither accurate nor inaccurate",
    "moderately accurate",
    "very accurate",
]


def test_items():
    """Ten statements of each trait, each once, with both keys in every trait."""
    with (SPECS / "data" / "big-five-stability.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["trait"] for row in rows) == dict.fromkeys(
        ("extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness"), 10
    )
    assert len({row["statement"] for row in rows}) == 50
    keys = Counter((row["trait"], row["keyed"]) for row in rows)
    assert {trait: keys[trait, "-"] for trait, _ in keys} == {
        "extraversion": 5,
        "agreeableness": 4,
        "conscientiousness": 4,
        "neuroticism": 2,
        "openness": 3,
    }


def answer(trial, place):
    """The answer at a place of the scale, lowest first, in the form asked for."""
    words = trial.fields["words"]
    shown = words.index(POINTS[place])
    return {
        "by-letters": "ABCDE"[shown],
        "by-digits": str(shown + 1),
        "by-phrases": POINTS[place],
    }[trial.levels["template"]]


@pytest.mark.parametrize("place", range(5))
def test_the_same_answer_has_the_same_score_in_every_form(place):
    """Whatever stands for a point on the page, it counts alike, and reverse-keyed items are turned."""
    spec = measure("big-five-stability")
    for record, made in results(spec, lambda ask, trial: answer(trial, place), repeats=1):
        reverse = record.trial.item.groups["keyed"] == "-"
        assert made["answer"].value == (5 - place if reverse else 1 + place), record.trial


def test_the_prompt_shows_the_order():
    """What is shown first in the prompt is the first of the stored order."""
    made = Counter()
    for trial in trials(measure("big-five-stability")):
        words = trial.fields["words"]
        made[trial.levels["template"], trial.levels["order"]] += 1
        assert words[0] == (POINTS[0] if trial.levels["order"] == "rising" else POINTS[-1])
        assert trial.fields["by_letter"].startswith(f"A. {words[0]}")
        assert trial.fields["by_number"].startswith(f"1 = {words[0]}")
    assert set(made.values()) == {50}


def test_always_the_first_option_has_the_greatest_asymmetry():
    """The null model of the card: the first option always moves every statement from end to end."""
    far = {}
    first = {"by-letters": "A", "by-digits": "1"}
    for record, made in results(
        measure("big-five-stability"),
        lambda ask, trial: first.get(trial.levels["template"], trial.fields["words"][0]),
        repeats=1,
    ):
        trial = record.trial
        far.setdefault((trial.item.key, trial.levels["template"]), []).append(made["answer"].value)
    assert {abs(a - b) for a, b in far.values()} == {4.0}


@pytest.mark.parametrize(
    "text", ["As an AI I have no personality.", "", "6", "F", "accurate", "A or B", "3 or 4"]
)
def test_replies_that_choose_nothing(text):
    """A refusal in words, an option that is not there and two options are unparsed, never the middle."""
    spec = measure("big-five-stability")
    for number, (_, made) in enumerate(results(spec, lambda ask, trial: text, repeats=1)):
        assert (made["answer"].value, made["answer"].status) == (None, "unparsed")
        if number == 5:
            return


def test_worked_example_of_the_test():
    """U is 73.5 with p .0740541, two-sided, corrected for ties and continuity."""
    a = [3, 4, 2, 5, 1, 3, 4, 4, 2, 5]
    b = [2, 2, 1, 4, 1, 3, 2, 1, 2, 4]
    table = Table(
        scores={"s": np.array(a + b, dtype=float)},
        statuses={"s": np.array(["ok"] * 20)},
        labels={"form": np.array(["a"] * 10 + ["b"] * 10)},
        of=("s",),
    )
    made = MannWhitney(between="form", cluster="none").estimate(table, np.random.default_rng(1))
    assert made.test_value == 73.5
    assert made.p == pytest.approx(0.0740541, abs=1e-6)


def test_units_of_several_columns():
    """Alpha over the combinations of two columns is alpha over one column that spells them."""
    draw = np.random.default_rng(2)
    units = [(form, order) for form in "xyz" for order in "ab" for _ in range(4)]
    labels = {
        "form": np.array([form for form, _ in units]),
        "order": np.array([order for _, order in units]),
        "whole": np.array([form + order for form, order in units]),
        "part": np.array([str(n % 4) for n in range(len(units))]),
    }
    trait = np.repeat(draw.normal(size=6), 4)
    table = Table(
        scores={"s": trait + 0.5 * draw.normal(size=24)},
        statuses={"s": np.array(["ok"] * 24)},
        labels=labels,
        of=("s",),
    )
    one, other = (
        CronbachAlpha(unit=unit, part="part", cluster="none").estimate(table, draw)
        for unit in (("form", "order"), "whole")
    )
    assert one.value == pytest.approx(other.value)
    assert one.n == other.n == 6
