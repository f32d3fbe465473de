"""Analysis of variance: equal to scipy, statsmodels and pingouin, invariances, calibration."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tables import assert_null_rate, many, one, refusal, rng, table

from gnomon_plugins.statistics.anova import Anova, AnovaTwoWay


def unbalanced(seed):
    """60 rows in 2 × 3 cells of different sizes, none empty."""
    generator = rng(seed)
    first = [*"aabbab", *generator.choice(["a", "b"], size=54, p=[0.3, 0.7])]
    second = [*"pqrpqr"[:3], *"pqr", *generator.choice(["p", "q", "r"], size=54)]
    first[:6], second[:6] = list("aaabbb"), list("pqrpqr")
    y = generator.normal(size=60) + (np.array(first) == "a") * 0.7
    return y, first, second


@pytest.mark.parametrize("seed", range(20))
def test_one_way_equals_scipy_and_pingouin(seed):
    """F and p equal scipy.stats.f_oneway; Welch's form equals pingouin's."""
    import pingouin

    generator = rng(seed)
    samples = [generator.normal(k / 3, 1 + k, size=5 + 2 * k) for k in range(3 + seed % 3)]
    groups = np.repeat(np.arange(len(samples)), [*map(len, samples)])
    data = table(np.concatenate(samples), g=groups)
    theirs = stats.f_oneway(*samples)
    made = one(Anova(between="g"), data)
    assert (made.test_value, made.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    # Below its mean F has an interval that ends under the estimate, at 0.
    assert made.low <= made.value
    assert made.value <= made.high or made.test_value < 1
    frame = pd.DataFrame({"y": np.concatenate(samples), "g": groups})
    welch = pingouin.welch_anova(data=frame, dv="y", between="g").iloc[0]
    made = one(Anova(between="g", equal_variances=False), data)
    assert (made.test_value, made.df, made.df2) == pytest.approx(
        (welch["F"], welch["ddof1"], welch["ddof2"])
    )


@pytest.mark.parametrize("squares", ["II", "III"])
@pytest.mark.parametrize("seed", range(20))
def test_two_way_equals_statsmodels(seed, squares):
    """F, df and p of unbalanced data equal statsmodels' type II and type III."""
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    y, first, second = unbalanced(seed)
    frame = pd.DataFrame({"y": y, "a": first, "b": second})
    fit = ols("y ~ C(a, Sum) * C(b, Sum)", frame).fit()
    theirs = anova_lm(fit, typ=2 if squares == "II" else 3)
    made = many(AnovaTwoWay(factors=("a", "b"), squares=squares), table(y, a=first, b=second))
    for ours, name in (
        ("a", "C(a, Sum)"),
        ("b", "C(b, Sum)"),
        ("a x b", "C(a, Sum):C(b, Sum)"),
    ):
        row = theirs.loc[name]
        assert (made[ours].test_value, made[ours].df, made[ours].p) == pytest.approx(
            (row["F"], row["df"], row["PR(>F)"])
        )


def test_tooth_growth_shares():
    """Two groups: F is the square of the pooled t, and eta² is t²/(t² + df)."""
    x, y = rng(1).normal(size=(2, 14))
    t = stats.ttest_ind(x, y).statistic
    made = one(Anova(between="g"), table([*x, *y], g=[0] * 14 + [1] * 14))
    assert made.test_value == pytest.approx(t * t)
    assert made.value == pytest.approx(t * t / (t * t + 26))


def test_fisher_interval_inverts_noncentral_f():
    """At the ends of the interval the observed F lies at the 2.5 % points of the noncentral F."""
    generator = rng(2)
    made = one(
        Anova(between="g"),
        table(generator.normal(size=60) + np.repeat([0, 1, 0], 20), g=np.repeat([0, 1, 2], 20)),
    )
    ends = [60 * end / (1 - end) for end in (made.low, made.high)]
    assert [stats.ncf.cdf(made.test_value, 2, 57, nc) for nc in ends] == pytest.approx(
        [0.975, 0.025], abs=1e-6
    )


@given(seed=st.integers(0, 500), scale=st.sampled_from([0.01, 3.0]), shift=st.integers(-5, 5))
def test_invariances(seed, scale, shift):
    """Unit, origin, names and the order of rows change no F."""
    y, first, second = unbalanced(seed)
    order = rng(seed).permutation(60)
    names = {"a": "z", "b": "m", "p": "3", "q": "1", "r": "2"}
    before = many(AnovaTwoWay(factors=("a", "b")), table(y, a=first, b=second))
    after = many(
        AnovaTwoWay(factors=("a", "b")),
        table(
            (y * scale + shift)[order],
            a=[names[first[k]] for k in order],
            b=[names[second[k]] for k in order],
        ),
    )
    for name, estimate in before.items():
        assert after[name].test_value == pytest.approx(estimate.test_value, rel=1e-6, abs=1e-9)


def test_null_calibration():
    """2,000 null data sets of 3 × 10: the one-way test and Welch's reject 4 to 6 %."""
    generator = rng(41)
    rejected = np.zeros(2)
    groups = np.arange(30) % 3
    for _ in range(2_000):
        data = table(generator.normal(size=30), g=groups)
        rejected += [
            one(Anova(between="g"), data).p < 0.05,
            one(Anova(between="g", equal_variances=False), data).p < 0.05,
        ]
    for count in rejected:
        assert_null_rate(count, 2_000)


@pytest.mark.slow
def test_null_calibration_of_two_way():
    """2,000 null data sets of unbalanced 2 × 3 cells: every quantity rejects 4 to 6 %."""
    generator = rng(42)
    rejected = np.zeros(3)
    _, first, second = unbalanced(1)
    for _ in range(2_500):
        data = table(generator.normal(size=60), a=first, b=second)
        made = AnovaTwoWay(factors=("a", "b")).estimate(data, generator)
        rejected += [estimate.p < 0.05 for estimate in made]
    for count in rejected:
        assert_null_rate(count, 2_500)


BAD = {
    "one group": (
        Anova(between="g"),
        table([1, 2, 3], g=["a"] * 3),
        "an analysis of variance compares groups, and all 3 rows have the same 'g' ('a')",
    ),
    "no spread within": (
        Anova(between="g"),
        table([1, 1, 2, 2], g=["a", "a", "b", "b"]),
        "no group of 'g' varies within itself; an analysis of variance needs values that differ "
        "within a group",
    ),
    "constant": (
        Anova(between="g"),
        table([1, 1, 1, 1], g=["a", "a", "b", "b"]),
        "all 4 values of 'x' are equal (1); an analysis of variance needs values that differ",
    ),
    "welch constant group": (
        Anova(between="g", equal_variances=False),
        table([1, 1, 2, 3], g=["a", "a", "b", "b"]),
        "all 2 values of group 'a' are equal (1); an analysis of variance needs values that differ",
    ),
    "welch single": (
        Anova(between="g", equal_variances=False),
        table([1, 2, 3], g=["a", "b", "b"]),
        "g = 'a': an analysis of variance needs at least 2 values of 'x', and there is 1",
    ),
    "one level": (
        AnovaTwoWay(factors=("g", "h")),
        table([1, 2, 3, 4], g=["a"] * 4, h=["p", "q"] * 2),
        "a two-way analysis of variance needs at least 2 levels of 'g', and all 4 rows have 'a'",
    ),
    "empty cell": (
        AnovaTwoWay(factors=("g", "h")),
        table([1, 2, 3, 4], g=["a", "a", "b", "b"], h=["p", "q", "p", "p"]),
        "a two-way analysis of variance needs a value in every cell, and 1 of 4 cells of 'g' x 'h' "
        "are empty",
    ),
    "one a cell": (
        AnovaTwoWay(factors=("g", "h")),
        table([1, 2, 3, 4], g=["a", "a", "b", "b"], h=["p", "q"] * 2),
        "no cell of 'g' x 'h' varies within itself; a two-way analysis of variance needs several "
        "values that differ in a cell",
    ),
    "missing": (
        Anova(between="g"),
        table([math.nan] * 3, g="abc"),
        "all 3 values of 'x' are missing",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What has no variance to analyse is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence
