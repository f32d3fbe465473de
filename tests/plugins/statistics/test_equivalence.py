"""Equivalence and the Bayes factor: equal to pingouin, published values, size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from tables import assert_null_rate, one, refusal, rng, table

from gnomon_plugins.statistics.equivalence import BayesFactor, Equivalence, log_jzs


def long(x, y):
    return table([*x, *y], arm=["a"] * len(x) + ["b"] * len(y))


@pytest.mark.parametrize("seed", range(20))
def test_equivalence_equals_two_t_tests(seed):
    """p is the greater of two one-sided t tests by scipy, for pairs and for groups; the 90 % interval
    lies within the bounds exactly when p is below .05."""
    x, y = rng(seed).normal(size=(2, 25))
    for made, test in (
        (
            one(Equivalence(bounds=(-0.5, 0.6)), table(x, y)),
            stats.ttest_rel,
        ),
        (
            one(Equivalence(bounds=(-0.5, 0.6), between="arm"), long(x, y)),
            lambda a, b, **k: stats.ttest_ind(a, b, equal_var=False, **k),
        ),
    ):
        expected = max(
            test(x + 0.5, y, alternative="greater").pvalue,
            test(x - 0.6, y, alternative="less").pvalue,
        )
        assert made.p == pytest.approx(expected)
        assert made.detail["equivalent"] == (made.p < 0.05)
        assert (made.low > -0.5 and made.high < 0.6) == (made.p < 0.05)
        assert made.level == pytest.approx(0.9)


@pytest.mark.parametrize("seed", range(5))
def test_equivalence_equals_pingouin(seed):
    """The paired form equals pingouin.tost."""
    import pingouin

    x, y = rng(seed).normal(size=(2, 15))
    theirs = pingouin.tost(x, y, bound=0.8, paired=True)
    made = one(Equivalence(bounds=(-0.8, 0.8)), table(x, y))
    assert made.p == pytest.approx(float(theirs.filter(like="p").iloc[0, 0]))


def test_bounds_in_standard_deviations():
    """Bounds on the scale of d are the raw bounds times the standard deviation."""
    x = rng(3).normal(0.1, 4, size=50)
    in_d = one(Equivalence(bounds=(-0.5, 0.5), scale="d"), table(x))
    raw = x.std(ddof=1) / 2
    assert in_d.p == pytest.approx(one(Equivalence(bounds=(-raw, raw)), table(x)).p)


@given(seed=st.integers(0, 200), scale=st.sampled_from([0.1, 20.0]))
def test_equivalence_scales_and_swaps(seed, scale):
    """The unit does not matter when the bounds are in it; groups swapped turn the bounds."""
    x, y = rng(seed).normal(size=(2, 9))
    before = one(Equivalence(bounds=(-1, 2), between="arm"), long(x, y))
    scaled = one(Equivalence(bounds=(-scale, 2 * scale), between="arm"), long(x * scale, y * scale))
    swapped = one(Equivalence(bounds=(-2, 1), between="arm", levels=("b", "a")), long(x, y))
    assert scaled.p == pytest.approx(before.p, rel=1e-6)
    assert swapped.p == pytest.approx(before.p, rel=1e-6)


@pytest.mark.parametrize(
    ("t", "size", "df", "factor"),
    [(3.5, 10.0, 38, 26.743), (3.5, 20.0, 19, 17.185)],
)
def test_published_bayes_factors(t, size, df, factor):
    """t = 3.5 with two groups of 20, and with 20 pairs, at r = .707 (as in R's BayesFactor)."""
    assert math.exp(log_jzs(t, size, df, math.sqrt(0.5))) == pytest.approx(factor, abs=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_bayes_factor_equals_the_integral_over_effects(seed):
    """The factor equals the marginal likelihood of t under a Cauchy prior on d over that at 0."""
    x = rng(seed).normal(0.3, 1, size=12)
    made = one(BayesFactor(prior=1.0), table(x))
    t = stats.ttest_1samp(x, 0).statistic
    marginal, _ = integrate.quad(
        lambda d: stats.nct.pdf(t, 11, d * math.sqrt(12)) * stats.cauchy.pdf(d), -8, 8, limit=300
    )
    assert made.value == pytest.approx(marginal / stats.t.pdf(t, 11), rel=2e-3)
    assert made.p is None


@pytest.mark.parametrize("seed", range(5))
def test_bayes_factor_equals_pingouin(seed):
    """Two groups, pairs and one sample equal pingouin.bayesfactor_ttest."""
    import pingouin

    x, y = rng(seed).normal(size=(2, 14))
    for made, t, sizes, paired in (
        (
            one(BayesFactor(between="arm"), long(x, y)),
            stats.ttest_ind(x, y).statistic,
            (14, 14),
            False,
        ),
        (one(BayesFactor(), table(x, y)), stats.ttest_rel(x, y).statistic, (14, 14), True),
        (one(BayesFactor(), table(x)), stats.ttest_1samp(x, 0).statistic, (14,), False),
    ):
        theirs = float(pingouin.bayesfactor_ttest(t, *sizes, paired=paired))
        assert made.value == pytest.approx(theirs, rel=2e-3)


def test_bayes_factor_beyond_floats():
    """A factor beyond a float keeps its logarithm and says so."""
    x = 5 + rng(1).normal(0, 0.001, size=400)
    made = one(BayesFactor(), table(x))
    assert made.detail["log10"] > 700
    assert made.note == "the factor is beyond the range of a float; see log10"
    assert math.isfinite(made.value)


@pytest.mark.parametrize(
    ("statistic", "data", "sentence"),
    [
        (
            Equivalence(bounds=(-1, 1)),
            table([2.0, 2.0]),
            "all 2 values of 'x' are equal (2); a one-sample t test needs values that differ",
        ),
        (
            BayesFactor(),
            table([2.0]),
            "a Bayes factor needs at least 2 values of 'x', and there is 1",
        ),
        (
            Equivalence(bounds=(-1, 1), scale="d"),
            table([-1.0, 1.0]),
            "the effect is exactly 0, so its standard deviation cannot be read off it; give the "
            "bounds on the raw scale",
        ),
        (BayesFactor(), table([math.nan]), "the only value of 'x' is missing"),
        (
            Equivalence(bounds=(-1, 1), cluster="g"),
            table([1, 2], g=["a", "a"]),
            "a one-sample t test clustered by 'g' needs at least 2 clusters, and all 2 rows have the "
            "same 'g' ('a')",
        ),
    ],
)
def test_refusals(statistic, data, sentence):
    """What the t test refuses is refused."""
    assert refusal(statistic, data) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Equivalence(bounds=(1, -1)), "bounds are [1, -1]; the first is below the second"),
        (
            lambda: Equivalence(bounds=(-1, 1), level=0.4),
            "level is 0.4; two one-sided tests need one above 0.5",
        ),
        (lambda: BayesFactor(prior=0), "prior is 0; it is above 0"),
    ],
)
def test_wrong_options(make, sentence):
    """Options out of range are refused when the spec is loaded."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        make()
    assert str(caught.value) == sentence


@pytest.mark.slow
def test_size_at_the_bound():
    """An effect exactly at a bound is called equivalent in 4 to 6 % of 3,000 data sets."""
    x = rng(91).normal(0.5, 1, size=(3_000, 50))
    made = [one(Equivalence(bounds=(-0.5, 0.5)), table(row)) for row in x]
    assert_null_rate(int(np.sum([e.p < 0.05 for e in made])), 3_000)
