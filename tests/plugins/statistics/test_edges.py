"""Rows with little in them: each statistic estimates what can be estimated, and says why where nothing can."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tables import many, one, refusal, rng, table

from gnomon_plugins.statistics.bootstrap import Bootstrap
from gnomon_plugins.statistics.consistency import CronbachAlpha, SplitHalf
from gnomon_plugins.statistics.contingency import ChiSquare
from gnomon_plugins.statistics.design_effects import DesignEffects
from gnomon_plugins.statistics.icc import Icc
from gnomon_plugins.statistics.permutation import Permutation
from gnomon_plugins.statistics.rank_sums import MannWhitney
from gnomon_plugins.statistics.regression import LinearRegression, LogisticRegression
from gnomon_plugins.statistics.t_tests import TOneSample


def test_a_value_too_large_to_be_squared_twice():
    """The sentence names the score, the value and the limit."""
    data = table([1.0, 2.0, -3e150])
    assert refusal(TOneSample(), data) == (
        "score 'x' has values as large as 3e+150; a one-sample t test needs numbers of at most 1e+75"
    )


def test_two_equal_values_have_no_order():
    """One value in each group, and both the same."""
    data = table([4.0, 4.0], side=["a", "b"])
    assert refusal(MannWhitney(between="side"), data) == (
        "all 2 values of a and b are equal (4); a Mann-Whitney test needs values that differ"
    )


def test_a_group_of_one_has_an_effect_size():
    """A single value has no variance of its own; d then rests on the other group's."""
    data = table([9.0, 1.0, 2.0, 3.0, 4.0], side=["a", "b", "b", "b", "b"])
    made = one(Permutation(between="side", cluster="none"), data)
    assert made.effect_value == pytest.approx((9 - 2.5) / np.std([1, 2, 3, 4], ddof=1))
    assert math.isfinite(made.effect_low)
    assert made.effect_low < made.effect_value < made.effect_high


def test_ratings_whose_means_do_not_differ():
    """Raters that differ and units that do not: average agreement has no denominator."""
    data = table([0.0, 1.0, 1.0], [2.0, 1.0, 1.0])
    assert refusal(Icc(forms=("2,k",)), data) == (
        "the means of the units do not differ, so ICC(2,k) is without bound"
    )


def test_ratings_without_units_or_raters_that_differ():
    """The coefficient stands, far below 0; there is nothing for an interval, which is said."""
    data = table([0.0, 1.0, 2.0], [2.0, 1.0, 0.0])
    made = one(Icc(forms=("2,1",)), data)
    assert made.value == pytest.approx(-3.0)
    assert (made.low, made.high) == (None, None)
    assert made.note == "the interval has no lower end, so none is given"


def test_halves_that_are_opposites():
    """Spearman and Brown's formula divides by nothing there."""
    x = np.arange(6.0)
    assert refusal(SplitHalf(halves="odd-even"), table(x, -x)) == (
        "the halves are each other's opposite (r = -1), so a split-half reliability is without bound; "
        "reverse-keyed items must be turned first"
    )


def test_halves_that_nearly_are_opposites():
    """The interval reaches the pole of the formula, and says that it has no lower end."""
    x = np.array([0.0, 1.0, 2.0, 3.0])
    made = one(SplitHalf(halves="odd-even"), table(x, -x + [0.0, 3e-4, 0.0, 1e-4]))
    assert made.low is None
    assert made.high is not None
    assert made.note is not None
    assert made.note.endswith("the interval has no lower end")


def test_items_that_are_the_same():
    """α is 1, and rounding does not turn its interval round."""
    x = [0.1, 0.7, 0.3, 0.2]
    made = one(CronbachAlpha(), table(x, x, x))
    assert made.value == pytest.approx(1.0)
    assert made.low <= made.high <= 1.0


def test_a_predictor_in_a_tiny_unit():
    """A probability of 1e-20 beside an intercept of 1 has the slope of its unit, not 0."""
    x = rng(1).normal(size=40)
    y = 2.0 * x + rng(2).normal(size=40)
    plain = many(LinearRegression(cluster="none"), table(y, x))
    tiny = many(LinearRegression(cluster="none"), table(y, x * 1e-20))
    assert tiny["y"].value == pytest.approx(plain["y"].value * 1e20, rel=1e-9)
    assert tiny["y"].error == pytest.approx(plain["y"].error * 1e20, rel=1e-9)
    assert tiny["y"].p == pytest.approx(plain["y"].p, rel=1e-6)
    blocks = [str(row % 8) for row in range(40)]
    clustered, small = (
        many(LinearRegression(cluster="block"), table(y, x * unit, block=blocks))["y"]
        for unit in (1.0, 1e-20)
    )
    assert small.error == pytest.approx(clustered.error * 1e20, rel=1e-9)
    assert small.df == pytest.approx(clustered.df, rel=1e-9)


def test_an_odds_ratio_too_large_for_a_number():
    """The coefficient stands; the odds ratio is left out with a sentence."""
    x = rng(3).normal(size=60)
    y = (rng(4).uniform(size=60) < 1 / (1 + np.exp(-x))).astype(float)
    made = many(LogisticRegression(cluster="none"), table(y, x * 1e-6))["y"]
    assert made.value > 1000
    assert made.effect_value is None
    assert made.note == (
        "the odds ratio for a whole unit of 'y' is too large for a number; set 'standardize', or use a "
        "smaller unit"
    )


def test_a_cluster_that_decides_a_coefficient():
    """The clusters leave no error for it, which is said and not divided by."""
    data = table(
        [1.0, 2.0, 1.0, 2.0, 4.0, 5.0],
        [0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
        block=["a", "a", "b", "b", "c", "c"],
    )
    sentence = (
        "without one of the clusters of 'block' there is no 'intercept', or its clusters leave no error, so "
        "a linear regression cannot test it"
    )
    assert refusal(LinearRegression(cluster="block"), data) == sentence


def test_a_factor_whose_clusters_leave_a_direction_without_error():
    """The ranges stand, the test is left out with the reason."""
    data = table(
        [0.0, 0.0, 1.0, 0.0, 1.0],
        side=["b", "b", "a", "a", "a"],
        three=["v", "w", "u", "v", "v"],
    )
    made = many(DesignEffects(factors=("side", "three")), data)
    assert made["range[three]"].value is not None
    assert made["range[three]"].p is None
    assert made["range[three]"].note == "no test: the difference is the same for every item"


def test_a_table_of_very_many_cells():
    """Two scores of hundreds of values are crossed and tested by clusters without a matrix of all cells."""
    first, second = rng(5).permutation(300), rng(6).permutation(300)
    blocks = [str(row % 20) for row in range(300)]
    made = one(ChiSquare(cluster="block"), table(first, second, block=blocks))
    assert made.value == pytest.approx(1.0)
    assert 0 <= made.p <= 1
    assert made.df == pytest.approx(19)


@pytest.mark.parametrize("unit", [1e-10, 1e10])
def test_the_unit_of_a_score_does_not_matter(unit):
    """A test by arrangements or resamples has the same p in any unit; ties are told from it by rounding alone."""
    values = rng(7).normal(0.5, 1.0, 12)
    sides = ["a", "b"] * 6
    for statistic in (
        Permutation(cluster="none"),
        Permutation(between="side", cluster="none"),
    ):
        plain, small = (one(statistic, table(values * u, side=sides)) for u in (1.0, unit))
        assert small.p == plain.p
    plain, small = (
        one(Bootstrap(against=0.2 * u, cluster="none"), table(values * u)) for u in (1.0, unit)
    )
    assert small.p == pytest.approx(plain.p, abs=1e-3)
