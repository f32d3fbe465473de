"""Permutation tests: equal to exhaustive counting, valid under the null, intervals that invert."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tables import assert_null_rate, one, refusal, rng, table

from gnomon_plugins.statistics.permutation import Permutation

SIDES = ("two-sided", "less", "greater")


def long(x, y):
    return table([*x, *y], arm=["a"] * len(x) + ["b"] * len(y))


def mean_difference(x, y, axis):
    return x.mean(axis=axis) - y.mean(axis=axis)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_exact_equals_scipy(seed, side):
    """With few arrangements all are counted, as scipy.stats.permutation_test does, ties included."""
    x, y = rng(seed).normal(size=(2, 5))
    if seed % 2:
        x, y = np.round(x * 2), np.round(y * 2)
        y[0] += 1
    free = stats.permutation_test(
        (x, y), mean_difference, vectorized=True, alternative=side, n_resamples=math.inf
    )
    made = one(Permutation(between="arm", alternative=side), long(x, y))
    assert (made.p, made.detail["arrangements"]) == (pytest.approx(free.pvalue), 252)
    paired = stats.permutation_test(
        (x, y),
        mean_difference,
        vectorized=True,
        alternative=side,
        permutation_type="samples",
        n_resamples=math.inf,
    )
    made = one(Permutation(alternative=side), table(x, y))
    assert (made.p, made.detail["arrangements"]) == (pytest.approx(paired.pvalue), 32)


@pytest.mark.parametrize("seed", range(20))
def test_intervals_invert_the_test(seed):
    """A value inside the interval is not rejected by the exact test at .05, one outside is."""
    x, y = rng(seed).normal(size=(2, 7))
    signs, groups = one(Permutation(), table(x)), one(Permutation(between="arm"), long(x, y))
    for point in rng(seed + 50).uniform(-2, 2, size=10):
        p = one(Permutation(against=point), table(x)).p
        assert (signs.low <= point < signs.high) == (p > 0.05)
        p = one(Permutation(between="arm", against=point), long(x, y)).p
        assert (groups.low <= point < groups.high) == (p > 0.05)


def test_darwins_maize():
    """Fisher (1935, §21) on Darwin's 15 pairs: 863 of 32,768 sign arrangements give a sum at least as
    great, 1,726 two-sided: p = .05267."""
    differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    made = one(Permutation(resamples=40_000), table(differences))
    assert made.p == pytest.approx(1726 / 32768)
    assert made.detail["arrangements"] == 32768


def test_sampled_is_near_exact_and_counts_what_was_seen():
    """Drawn arrangements give (b + 1)/(m + 1): near the exact p, and never 0."""
    x = rng(1).normal(0.5, 1, size=12)
    exact = one(Permutation(resamples=5_000), table(x))
    drawn = one(Permutation(resamples=4_000), table(x))
    assert "all 4096 arrangements" in exact.method
    assert "4000 arrangements drawn" in drawn.method
    assert drawn.p == pytest.approx(exact.p, abs=0.02)
    far = one(Permutation(resamples=999), table(rng(2).normal(50, 1, size=40)))
    assert far.p == pytest.approx(2 / 1000)
    assert far.log10_p == pytest.approx(math.log10(2 / 1000))


def test_same_seed_same_result():
    """The draws come from the generator given."""
    data = long(*rng(3).normal(size=(2, 30)))
    statistic = Permutation(between="arm", resamples=500)
    assert one(statistic, data, seed=5) == one(statistic, data, seed=5)
    assert one(statistic, data, seed=5).p != one(statistic, data, seed=6).p


def test_clusters_are_the_units():
    """Rows of a cluster are averaged: the test is that of the cluster means."""
    generator = rng(4)
    means = generator.normal(size=8)
    x = np.repeat(means, 3) + np.tile([-1, 0, 1], 8)
    made = one(Permutation(cluster="g"), table(x, g=np.repeat(np.arange(8), 3)))
    assert made.p == one(Permutation(), table(means)).p
    assert made.n == 8
    two = table(x, g=np.repeat(np.arange(8), 3), arm=np.repeat(["a", "b"], 12))
    grouped = one(Permutation(between="arm", cluster="g"), two)
    assert grouped.p == one(Permutation(between="arm"), long(means[:4], means[4:])).p


def test_association_by_enumeration():
    """WEAT-like: 3 against 3 values, every equal partition listed by hand."""
    values = [0.3, 0.1, 0.25, -0.2, 0.05, -0.1]
    seen = sum(values[:3])
    count = sum(sum(values[i] for i in c) >= seen - 1e-12 for c in combinations(range(6), 3))
    made = one(Permutation(between="arm", alternative="greater"), long(values[:3], values[3:]))
    assert made.p == pytest.approx(count / 20)
    assert made.note == "only 20 arrangements exist, too few for an interval at 0.95"
    assert (made.low, made.high) == (None, None)


@given(seed=st.integers(0, 300), scale=st.sampled_from([0.01, 40.0]), shift=st.integers(-9, 9))
def test_invariances(seed, scale, shift):
    """Unit and origin change no p; groups swapped turn the sides; the order of rows is nothing."""
    x, y = rng(seed).normal(size=(2, 5))
    before = one(Permutation(between="arm", alternative="greater"), long(x, y))
    moved = one(
        Permutation(between="arm", alternative="greater"),
        long((x + shift)[::-1] * scale, (y + shift) * scale),
    )
    assert moved.p == before.p
    swapped = one(Permutation(between="arm", alternative="less", levels=("b", "a")), long(x, y))
    assert swapped.p == before.p
    assert swapped.value == pytest.approx(-before.value)


def test_exact_size():
    """Turning the signs of any data in all ways gives each p its share: at most 5 % below .05."""
    x = np.abs(rng(6).normal(size=6)) + 0.1
    p = [one(Permutation(), table(x * signs)).p for signs in product((-1, 1), repeat=6)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.03)


BAD = {
    "constant": (
        Permutation(),
        table([2.0, 2.0]),
        "all 2 values of 'x' are equal (2); a permutation test needs values that differ",
    ),
    "one": (Permutation(), table([2.0]), "a permutation test needs at least 2 values of 'x', and there is 1"),
    "two units": (
        Permutation(between="arm"),
        long([1], [2]),
        "a permutation test of two groups needs at least 3 units, and there are 2",
    ),
    "cluster in both": (
        Permutation(between="arm", cluster="g"),
        table([1, 2, 3, 4], arm=["a", "a", "b", "b"], g=["p", "q", "p", "r"]),
        "'g' = 'p' occurs in both 'a' and 'b'; for a permutation test of such clusters name 'g' in "
        "'paired_by'",
    ),
    "one cluster": (
        Permutation(cluster="g"),
        table([1, 2, 3], g=["p"] * 3),
        "a permutation test clustered by 'g' needs at least 2 clusters, and all 3 rows have the same "
        "'g' ('p')",
    ),
    "infinite": (
        Permutation(),
        table([1, -math.inf]),
        "score 'x' has 1 infinite value among 2; a permutation test needs finite numbers",
    ),
    "missing": (Permutation(), table([math.nan, math.nan]), "all 2 values of 'x' are missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What cannot be rearranged is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


def test_wrong_options():
    """paired_by alone, and too few resamples, are refused when the spec is loaded."""
    for options, sentence in (
        (
            {"paired_by": ("item",)},
            "paired_by matches the two sides of 'between'; name that column too",
        ),
        ({"resamples": 10}, "resamples is 10; it is at least 99"),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
            Permutation(**options)
        assert str(caught.value) == sentence


@pytest.mark.slow
def test_null_calibration():
    """2,000 null data sets: signs of 15 skewless values and 10 against 12, 399 drawn arrangements:
    4 to 6 % rejected."""
    generator = rng(71)
    rejected = np.zeros(2)
    for _ in range(2_000):
        x, y = generator.laplace(size=15), generator.exponential(size=22)
        rejected += [
            Permutation(resamples=399).estimate(table(x), generator).p <= 0.05,
            Permutation(between="arm", resamples=399).estimate(long(y[:10], y[10:]), generator).p
            <= 0.05,
        ]
    for count in rejected:
        assert_null_rate(count, 2_000)
