"""Effects of a design: against textbook tests, a mixed model, and planted components."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tables import many, refusal, rng, table

import gnomon
from gnomon_plugins.statistics.design_effects import DesignEffects

BOTH = DesignEffects(factors=("tone", "order"))


def crossed(
    generator: np.random.Generator,
    *,
    items: int = 20,
    repeats: int = 3,
    effect: float = 0.4,
    of_item: float = 0.7,
    of_cell: float = 0.5,
    of_repeat: float = 1.0,
    mean: float = 1.0,
) -> gnomon.Table:
    """Items × 3 tones × 2 orders × repeats with normal components and effects −e, 0, e of tone."""
    item, tone, order, repeat = (
        axis.ravel()
        for axis in np.meshgrid(
            np.arange(items), np.arange(3), np.arange(2), np.arange(repeats), indexing="ij"
        )
    )
    y = (
        mean
        + effect * (tone - 1)
        + generator.normal(0, of_item, items)[item]
        + generator.normal(0, of_cell, (items, 3, 2))[item, tone, order]
        + generator.normal(0, of_repeat, len(item))
    )
    return table(y, item=item, tone=tone, order=order, repeat=repeat)


@pytest.mark.parametrize("seed", range(20))
def test_two_levels_are_the_paired_t_test_over_items(seed: int) -> None:
    """For a balanced design the effect of a two-level factor is the paired t test of item means."""
    data = crossed(rng(seed))
    found = many(BOTH, data)
    means = np.zeros((20, 2))
    for item in range(20):
        for order in range(2):
            rows = (data.label("item") == str(item)) & (data.label("order") == str(order))
            means[item, order] = data.values[rows].mean()
    wanted = stats.ttest_rel(means[:, 1], means[:, 0])
    made = found["deviation[order=1]"]
    assert made.test_value == pytest.approx(wanted.statistic)
    assert made.p == pytest.approx(wanted.pvalue)
    assert found["range[order]"].p == pytest.approx(wanted.pvalue)
    assert found["range[order]"].test_value == pytest.approx(wanted.statistic**2)


@pytest.mark.parametrize("seed", range(20))
def test_components_of_a_balanced_design_are_those_of_restricted_likelihood(seed: int) -> None:
    """Item and repeat variance equal REML's where the design is balanced and both are positive."""
    import statsmodels.formula.api as smf

    data = crossed(rng(seed), items=12, repeats=1, of_cell=0.0)
    found = many(DesignEffects(factors=("tone", "order")), data)
    frame = {"y": data.values, **{name: data.label(name) for name in ("item", "tone", "order")}}
    with warnings.catch_warnings():
        # statsmodels warns of convergence on its way to the optimum.
        warnings.simplefilter("ignore")
        fit = smf.mixedlm("y ~ tone * order", frame, groups=frame["item"]).fit(
            reml=True, method="powell"
        )
    assert found["share[item]"].detail["variance"] == pytest.approx(
        float(np.asarray(fit.cov_re)[0, 0]), rel=1e-3, abs=1e-4
    )
    assert found["share[item × condition and repeat]"].detail["variance"] == pytest.approx(
        fit.scale, rel=1e-3
    )


def test_components_are_unbiased_when_rows_are_missing() -> None:
    """A third of the rows at random away: the mean over data sets is the planted value."""
    generator = rng(3)
    totals = dict.fromkeys(("item", "item × condition", "repeat", "tone"), 0.0)
    sets = 120
    for _ in range(sets):
        data = crossed(generator)
        data = data.rows(generator.uniform(size=len(data)) < 2 / 3)
        for source in totals:
            variance = many(BOTH, data)[f"share[{source}]"].detail["variance"]
            totals[source] += variance / sets
    assert totals["item"] == pytest.approx(0.49, abs=0.06)
    assert totals["item × condition"] == pytest.approx(0.25, abs=0.05)
    assert totals["repeat"] == pytest.approx(1.0, abs=0.04)
    assert totals["tone"] == pytest.approx(0.16 * 2 / 3, abs=0.02)


@pytest.mark.slow
def test_intervals_of_shares_hold_the_planted_share() -> None:
    """Coverage of the 95 % intervals over 600 balanced data sets lies in 93 to 97 %, or above for shares of 0."""
    generator = rng(5)
    truth = {"tone": 0.16 * 2 / 3, "item": 0.49, "item × condition": 0.25, "repeat": 1.0}
    total = sum(truth.values())
    held = dict.fromkeys(truth, 0)
    sets = 600
    for _ in range(sets):
        found = many(BOTH, crossed(generator))
        for source, variance in truth.items():
            made = found[f"share[{source}]"]
            assert made.low is not None
            assert made.high is not None
            held[source] += made.low <= variance / total <= made.high
    for source, count in held.items():
        assert 0.93 <= count / sets <= 0.975, (source, count / sets)


@pytest.mark.slow
def test_main_effects_are_calibrated_under_the_null() -> None:
    """Over 2,000 data sets without an effect, both factors are called significant 4 to 6 % of the time."""
    generator = rng(7)
    rejected = {"tone": 0, "order": 0}
    for _ in range(2000):
        found = many(BOTH, crossed(generator, effect=0.0, repeats=2))
        for factor in rejected:
            p = found[f"range[{factor}]"].p
            assert p is not None
            rejected[factor] += p < 0.05
    for factor, count in rejected.items():
        assert 0.04 <= count / 2000 <= 0.06, (factor, count)


def test_sign_stability_counts_cells() -> None:
    """One tone whose mean is on the other side: two of its six cells do not hold, and are sure of it."""
    data = crossed(rng(1), effect=0.0, of_item=0.1, of_cell=0.0, of_repeat=0.2)
    values = np.where(data.label("tone") == "2", data.values - 2, data.values)
    found = many(BOTH, table(values, **{name: data.label(name) for name in data.labels}))
    made = found["sign-stability[sign]"]
    assert made.value == pytest.approx(4 / 6)
    assert made.detail == {"cells": 6, "held": 4, "reversed": 2}
    assert made.note == "the interval of 2 of 6 cells lies on the other side"
    assert found["sign-stability[sign, interval beyond it]"].value == pytest.approx(4 / 6)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_and_scale_change_no_share_and_no_test(seed: int, shift: float, scale: float) -> None:
    """Shares and tests are the same for scores in another unit and from another zero."""
    data = crossed(rng(seed), items=6, repeats=2)
    other = table(data.values * scale + shift, **{name: data.label(name) for name in data.labels})
    first, second = many(BOTH, data), many(BOTH, other)
    for name, made in first.items():
        if name.startswith("share["):
            assert second[name].value == pytest.approx(made.value, abs=1e-6)
        if made.test is not None:
            assert second[name].test_value == pytest.approx(made.test_value, rel=1e-4, abs=1e-6)


def test_row_order_changes_nothing() -> None:
    """The same rows shuffled give the same rows of estimates."""
    data = crossed(rng(2))
    shuffled = data.rows(rng(9).permutation(len(data)))
    first, second = many(BOTH, data), many(BOTH, shuffled)
    assert first.keys() == second.keys()
    for name, made in first.items():
        assert second[name].value == pytest.approx(made.value, abs=1e-9)


def test_one_level_is_said_and_the_others_are_analysed() -> None:
    """A factor of which one level was run has a row with the reason."""
    data = crossed(rng(1))
    data = data.rows(data.label("tone") == "1")
    found = many(BOTH, data)
    assert found["range[tone]"].value is None
    assert found["range[tone]"].note == (
        "a main effect needs at least 2 levels of 'tone', and all 120 rows have '1'"
    )
    assert found["range[order]"].p is not None


def test_factors_that_go_together_are_said() -> None:
    """Two factors whose levels always coincide cannot be told apart."""
    data = crossed(rng(1))
    same = table(
        data.values, item=data.label("item"), tone=data.label("tone"), order=data.label("tone")
    )
    assert many(BOTH, same)["range[order]"].note == (
        "'order' cannot be told apart from 'tone': their levels go together in these rows"
    )


def test_refusals() -> None:
    """Nothing to analyse: the reason."""
    data = crossed(rng(1))
    labels = {name: data.label(name) for name in data.labels}
    assert refusal(BOTH, table(np.ones(len(data)), **labels)) == (
        "all 360 values of 'x' are equal (1); an analysis of the design needs values that differ"
    )
    assert refusal(BOTH, data.rows(data.label("item") == "0")) == (
        "an analysis of the design needs at least 2 clusters, and all 18 rows have the same 'item' "
        "('0')"
    )
    assert refusal(DesignEffects(factors=("tone",)), data.rows(data.label("tone") == "0")) == (
        "a main effect needs at least 2 levels of 'tone', and all 120 rows have '0'"
    )
    few = data.rows((data.label("repeat") == "0") & (data.label("order") == "0")).rows(
        np.array([0, 1, 5])
    )
    made = many(DesignEffects(factors=("tone",)), few)
    assert made["share"].note == (
        "3 rows of 2 items under 3 conditions leave nothing to tell items from noise; more repeats "
        "or more items are needed"
    )
    with pytest.raises(ValueError, match="it names one or several different columns"):
        DesignEffects(factors=())
