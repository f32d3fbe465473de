"""Rank tests: equal to scipy, their estimates by enumeration, invariances, calibration."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from tables import assert_null_rate, one, refusal, rng, table

from gnomon_plugins.statistics.rank_sums import Kruskal, MannWhitney
from gnomon_plugins.statistics.signed_ranks import Sign, Wilcoxon

SIDES = ("two-sided", "less", "greater")
untied = hnp.arrays(
    float, st.integers(4, 25), elements=st.integers(-3000, 3000).map(lambda k: k / 7), unique=True
)


def long(x, y):
    return table([*x, *y], arm=["a"] * len(x) + ["b"] * len(y))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_wilcoxon_equals_scipy(seed, side):
    """Exact without ties, normal with ties or more than 50 values, as scipy gives them."""
    generator = rng(seed)
    x = generator.normal(0.2, 1, size=(8, 30, 80, 25)[seed % 4])
    if seed % 4 == 3:
        x = np.round(x, 1)
    theirs = stats.wilcoxon(
        x[x != 0], alternative=side, method=("exact", "exact", "asymptotic", "asymptotic")[seed % 4]
    )
    made = one(Wilcoxon(alternative=side), table(x))
    assert made.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert made.log10_p == pytest.approx(math.log10(theirs.pvalue), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_pseudo_median_by_enumeration(seed):
    """The estimate is the median of all Walsh averages; its interval rejects exactly what the
    exact test rejects."""
    x = rng(seed).normal(size=9)
    made = one(Wilcoxon(), table(x))
    walsh = sorted((x[i] + x[j]) / 2 for i in range(9) for j in range(i + 1))
    assert made.value == pytest.approx(np.median(walsh), abs=1e-9)
    for point in rng(seed + 100).uniform(x.min(), x.max(), size=40):
        p = stats.wilcoxon(x - point, method="exact").pvalue
        assert (made.low < point < made.high) == (p > 0.05)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_mann_whitney_equals_scipy(seed, side):
    """Exact for a small group without ties, else normal, as scipy gives them."""
    generator = rng(seed)
    x, y = generator.normal(size=7 + seed % 2 * 20), generator.normal(0.4, 1, size=15)
    if seed % 4 > 1:
        x, y = np.round(x), np.round(y)
    exact = seed % 4 == 0
    theirs = stats.mannwhitneyu(x, y, alternative=side, method="exact" if exact else "asymptotic")
    made = one(MannWhitney(between="arm", alternative=side), long(x, y))
    assert (made.test_value, made.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_shift_by_enumeration(seed):
    """The estimate is the median of all differences; its interval rejects what the test rejects."""
    x, y = rng(seed).normal(size=(2, 7))
    made = one(MannWhitney(cluster="none"), table(x, y))
    assert made.value == pytest.approx(np.median(np.subtract.outer(x, y)), abs=1e-9)
    share = np.mean([a > b for a, b in product(x, y)])
    assert made.effect_value == pytest.approx(2 * share - 1)
    for point in rng(seed + 100).uniform(-3, 3, size=40):
        p = stats.mannwhitneyu(x - point, y, method="exact").pvalue
        assert (made.low < point < made.high) == (p > 0.05)


@pytest.mark.parametrize("seed", range(20))
def test_sign_equals_scipy(seed):
    """The sign test is the exact binomial test of the values that differ."""
    generator = rng(seed)
    x, y = generator.integers(0, 5, size=(2, 30)).astype(float)
    theirs = stats.binomtest(int((x > y).sum()), int((x != y).sum()), 0.5)
    made = one(Sign(), table(x, y))
    interval = theirs.proportion_ci(0.95, "exact")
    assert (made.p, made.low, made.high) == pytest.approx(
        (theirs.pvalue, interval.low, interval.high)
    )


@pytest.mark.parametrize("seed", range(20))
def test_kruskal_equals_scipy(seed):
    """H and p equal scipy's, ties included."""
    generator = rng(seed)
    samples = [np.round(generator.normal(k / 3, 1, size=6 + k), 1) for k in range(3 + seed % 2)]
    theirs = stats.kruskal(*samples)
    data = table(np.concatenate(samples), g=np.repeat(range(len(samples)), [*map(len, samples)]))
    made = one(Kruskal(between="g"), data)
    assert (made.test_value, made.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert made.low <= made.value <= made.high


def test_darwins_maize():
    """Darwin's 15 pairs of maize (Hettmansperger): W+ = 96, exact two-sided p = .0413; the rank sums
    with the ties of the published heights need the normal form."""
    crossed = [188, 96, 168, 176, 153, 172, 177, 163, 146, 173, 186, 168, 177, 184, 96]
    selfed = [139, 163, 160, 160, 147, 149, 149, 122, 132, 144, 130, 144, 102, 124, 144]
    made = one(Wilcoxon(), table(crossed, selfed))
    assert made.test_value == 96
    assert made.p == pytest.approx(0.0409, abs=1e-3)


@given(x=untied, scale=st.sampled_from([0.1, 1, 30]), shift=st.integers(-9, 9))
def test_wilcoxon_turns_and_moves(x, scale, shift):
    """Signs turned: the effect turns, p stays. Shift and scale move the estimate alike."""
    before = one(Wilcoxon(), table(x))
    turned = one(Wilcoxon(), table(-x))
    assert turned.p == pytest.approx(before.p)
    assert turned.effect_value == pytest.approx(-before.effect_value, abs=1e-12)
    moved = one(Wilcoxon(against=shift * scale), table((x + shift) * scale))
    assert moved.value == pytest.approx((before.value + shift) * scale, rel=1e-6, abs=1e-6)


@given(x=untied, y=untied)
def test_mann_whitney_sees_only_order(x, y):
    """Groups swapped: the effect turns. A rising transformation changes nothing but the shift."""
    before = one(MannWhitney(between="arm"), long(x, y))
    swapped = one(MannWhitney(between="arm", levels=("b", "a")), long(x, y))
    assert swapped.p == pytest.approx(before.p)
    assert swapped.effect_value == pytest.approx(-before.effect_value, abs=1e-12)
    bent = one(MannWhitney(between="arm"), long(np.cbrt(x), np.cbrt(y)))
    assert (bent.p, bent.effect_value) == pytest.approx((before.p, before.effect_value))


@given(x=untied, names=st.permutations(["p", "q", "r"]))
def test_kruskal_relabelled(x, names):
    """Renamed groups give the same test."""
    codes = np.arange(len(x)) % 3
    before = one(Kruskal(between="g"), table(x, g=codes))
    after = one(Kruskal(between="g"), table(x, g=[names[code] for code in codes]))
    assert (after.test_value, after.low) == pytest.approx((before.test_value, before.low))


BAD = {
    "all zero": (
        Wilcoxon(),
        table([0.0, 0.0, 0.0]),
        "all 3 values of 'x' equal 0; a signed-rank test needs values that differ from it",
    ),
    "equal pairs": (
        Sign(),
        table([1, 2], [1, 2]),
        "all 2 values of the difference x - y equal 0; a sign test needs values that differ from it",
    ),
    "constant": (
        MannWhitney(cluster="none"),
        table([1, 1, 1], [1, 1, 1]),
        "all 6 values of x and y are equal (1); a Mann-Whitney test needs values that differ",
    ),
    "one group": (
        Kruskal(between="g"),
        table([1, 2, 3], g=["a"] * 3),
        "a Kruskal-Wallis test compares groups, and all 3 rows have the same 'g' ('a')",
    ),
    "constant groups": (
        Kruskal(between="g"),
        table([1, 1, 1], g=["a", "b", "b"]),
        "all 3 values of 'x' are equal (1); a Kruskal-Wallis test needs values that differ",
    ),
    "one value": (
        Wilcoxon(),
        table([1.0]),
        "a signed-rank test needs at least 2 values of 'x', and there is 1",
    ),
    "missing": (Sign(), table([math.nan]), "the only value of 'x' is missing"),
    "infinite": (
        MannWhitney(cluster="none"),
        table([math.inf], [1]),
        "score 'x' has 1 infinite value among 1; a Mann-Whitney test needs finite numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What cannot be ranked is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.slow
def test_null_calibration():
    """Wilcoxon (n = 20, exact), Mann-Whitney (15 and 20, normal) and Kruskal (3 × 15) reject 4 to 6 %
    of 2,000 null data sets; the sign test (n = 21) at most 6 %: its exact p takes few values."""
    generator = rng(21)
    rejected = dict.fromkeys(("wilcoxon", "mann-whitney", "kruskal", "sign"), 0)
    for _ in range(2_000):
        x = generator.laplace(size=20)
        rejected["wilcoxon"] += one(Wilcoxon(), table(x)).p < 0.05
        rejected["sign"] += one(Sign(), table(generator.laplace(size=21))).p < 0.05
        two = long(x[:15], generator.laplace(size=20))
        rejected["mann-whitney"] += one(MannWhitney(between="arm"), two).p < 0.05
        three = table(generator.laplace(size=45), g=np.arange(45) % 3)
        rejected["kruskal"] += one(Kruskal(between="g"), three).p < 0.05
    assert_null_rate(rejected.pop("sign"), 2_000, low=0.0)
    for count in rejected.values():
        assert_null_rate(count, 2_000, low=0.037)


@pytest.mark.slow
def test_coverage_of_shift_and_pseudo_median():
    """Their intervals hold the truth in at least 93 %; exact ones a little more often than 95 %."""
    generator = rng(22)
    held = np.zeros(2)
    for _ in range(1_500):
        x, y = generator.normal(0.5, 1, size=12), generator.normal(0, 1, size=10)
        shift, median = (
            one(MannWhitney(cluster="none"), table(x, [*y, math.nan, math.nan])),
            one(Wilcoxon(), table(x)),
        )
        held += [shift.low <= 0.5 <= shift.high, median.low <= 0.5 <= median.high]
    assert (held / 1_500 >= 0.93).all()
    assert (held / 1_500 <= 0.975).all()
