"""The bootstrap: equal to scipy's intervals, right units, coverage, speed."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tables import one, refusal, rng, table

from gnomon_plugins.statistics.bootstrap import Bootstrap


@pytest.mark.parametrize("interval", ["bca", "percentile"])
@pytest.mark.parametrize("seed", range(20))
def test_close_to_scipy(seed, interval):
    """With 20,000 resamples both ends are within resampling noise of scipy.stats.bootstrap."""
    x = rng(seed).exponential(size=30)
    theirs = stats.bootstrap(
        (x,), np.mean, method=interval.replace("bca", "BCa"), n_resamples=20_000, rng=rng(seed)
    )
    made = one(Bootstrap(interval=interval, resamples=20_000), table(x))
    assert (made.low, made.high) == pytest.approx(
        tuple(theirs.confidence_interval), abs=0.2 * theirs.standard_error
    )
    assert made.error == pytest.approx(theirs.standard_error, rel=0.03)


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("difference", lambda x, y: np.mean(x - y)),
        ("ratio", lambda x, y: np.mean(x) / np.mean(y)),
        ("correlation", lambda x, y: np.corrcoef(x, y)[0, 1]),
    ],
)
@pytest.mark.parametrize("seed", range(20))
def test_quantities_of_two_scores(seed, quantity, value):
    """The value equals its formula; the interval that of resampling rows one by one."""
    generator = rng(seed)
    x = generator.normal(3, 1, size=25)
    y = 0.5 * x + generator.normal(2, 1, size=25)
    made = one(Bootstrap(quantity=quantity, interval="percentile", resamples=4_000), table(x, y))
    assert made.value == pytest.approx(value(x, y))
    slow = []
    for _ in range(1_500):
        rows = generator.integers(0, 25, size=25)
        slow.append(value(x[rows], y[rows]))
    assert (made.low, made.high) == pytest.approx(
        tuple(np.quantile(slow, [0.025, 0.975])), abs=0.35 * np.std(slow)
    )


@pytest.mark.parametrize("quantity", ["sd", "d"])
def test_quantities_of_one_score(quantity):
    """sd and d equal their formulas."""
    x = rng(1).normal(2, 3, size=40)
    expected = x.std(ddof=1) if quantity == "sd" else x.mean() / x.std(ddof=1)
    made = one(Bootstrap(quantity=quantity), table(x))
    assert made.value == pytest.approx(expected)
    assert made.low < expected < made.high


def test_difference_of_groups():
    """The difference of two groups, with an error near that of Welch."""
    x, y = rng(2).normal(1, 2, size=80), rng(3).normal(0, 1, size=60)
    data = table([*x, *y], arm=["a"] * 80 + ["b"] * 60)
    made = one(Bootstrap(quantity="difference", between="arm"), data)
    assert made.value == pytest.approx(x.mean() - y.mean())
    assert made.error == pytest.approx(math.sqrt(x.var() / 80 + y.var() / 60), rel=0.1)


def test_cluster_error_is_that_of_the_clusters():
    """Rows copied five times within clusters give the interval of the uncopied rows."""
    x = rng(4).normal(size=40)
    copied = table(np.repeat(x, 5), g=np.repeat(np.arange(100, 140), 5))
    clustered, plain = one(Bootstrap(cluster="g"), copied), one(Bootstrap(), table(x))
    assert (clustered.low, clustered.high) == pytest.approx((plain.low, plain.high))
    assert clustered.detail["units"] == 40


def test_crossed_clusters_see_both_sources():
    """Users × items: the crossed error is near sqrt(Vu/U + Vi/I + Ve/UI), which users alone miss."""
    generator = rng(5)
    users, items = 40, 32
    y = (
        generator.normal(0, 0.5, size=(users, 1))
        + generator.normal(0, 1.0, size=(1, items))
        + generator.normal(0, 1.0, size=(users, items))
    )
    data = table(
        y.ravel(), user=np.repeat(np.arange(users), items), item=np.tile(np.arange(items), users)
    )
    both = one(Bootstrap(cluster="user", crossed_with="item", interval="percentile"), data)
    alone = one(Bootstrap(cluster="user", interval="percentile"), data)
    effects = y.mean(axis=1).var() / users + y.mean(axis=0).var() / items
    assert both.error == pytest.approx(math.sqrt(effects), rel=0.15)
    assert alone.error < both.error / 2


def test_p_of_the_centred_bootstrap():
    """p is the share of resamples as far from the estimate as the estimate is from the null."""
    x = rng(6).normal(0.3, 1, size=50)
    made = one(Bootstrap(against=0.0), table(x))
    normal = 2 * stats.norm.sf(x.mean() / (x.std() / math.sqrt(50)))
    assert made.p == pytest.approx(normal, abs=0.02)
    assert one(Bootstrap(), table(x)).p is None


def test_law_school():
    """Efron & Tibshirani's 15 law schools: r = .776, bootstrap error near .13, BCa below percentile."""
    lsat = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
    gpa = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]
    data = table(lsat, gpa)
    made = one(Bootstrap(quantity="correlation", resamples=20_000), data)
    percentile = one(
        Bootstrap(quantity="correlation", interval="percentile", resamples=20_000), data
    )
    assert made.value == pytest.approx(0.776, abs=5e-4)
    assert made.error == pytest.approx(0.133, abs=0.01)
    assert made.low < percentile.low
    assert made.high < percentile.high


@settings(max_examples=30)
@given(seed=st.integers(0, 100), scale=st.sampled_from([0.01, 30.0]), shift=st.integers(-5, 5))
def test_invariances(seed, scale, shift):
    """The interval of a mean moves and scales with the data, under the same draws."""
    x = rng(seed).normal(size=15)
    before = one(Bootstrap(resamples=200), table(x))
    after = one(Bootstrap(resamples=200), table(x * scale + shift))
    assert after.low == pytest.approx(before.low * scale + shift, abs=1e-9)
    assert after.high == pytest.approx(before.high * scale + shift, abs=1e-9)


BAD = {
    "constant": (
        Bootstrap(),
        table([1.0, 1.0, 1.0]),
        "the mean is the same (1) in every resample; a bootstrap needs units that differ",
    ),
    "constant correlation": (
        Bootstrap(quantity="correlation"),
        table([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]),
        "the correlation is not defined in 2000 of 2000 resamples, so there is no interval; a score "
        "is constant in them, or a group is empty",
    ),
    "one score": (
        Bootstrap(quantity="ratio"),
        table([1, 2]),
        "a bootstrap of the ratio needs 2 scores in 'of' (found 1)",
    ),
    "one side": (
        Bootstrap(quantity="difference"),
        table([1, 2]),
        "a bootstrap of the difference needs 2 scores in 'of', or one score and 'between' (found 1)",
    ),
    "one cluster": (
        Bootstrap(cluster="g"),
        table([1, 2], g=["a", "a"]),
        "a bootstrap clustered by 'g' needs at least 2 clusters, and all 2 rows have the same 'g' "
        "('a')",
    ),
    "one": (Bootstrap(), table([1]), "a bootstrap needs at least 2 values of 'x', and there is 1"),
    "missing": (Bootstrap(), table([math.nan] * 2), "all 2 values of 'x' are missing"),
    "infinite": (
        Bootstrap(),
        table([1, math.inf]),
        "score 'x' has 1 infinite value among 2; a bootstrap needs finite numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What cannot be resampled is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"crossed_with": "item"},
            "crossed_with names a second column of units; name the first in cluster",
        ),
        (
            {"cluster": "user", "crossed_with": "item"},
            "crossed units have no BCa interval; set interval = 'percentile'",
        ),
        (
            {"between": "g"},
            "between is for a difference of groups, not for quantity 'mean'",
        ),
    ],
)
def test_wrong_options(options, sentence):
    """Options that do not fit together are refused when the spec is loaded."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        Bootstrap(**options)
    assert str(caught.value) == sentence


@pytest.mark.slow
def test_coverage_and_size_of_clusters():
    """25 clusters of 4: the BCa interval of the mean holds 0 in 92 to 96 % (the bootstrap of few units
    is a little short, by sqrt((G−1)/G) and the normal for the t quantile), rows alone far less."""
    generator = rng(81)
    codes = np.repeat(np.arange(25), 4)

    def share(cluster, sets):
        held = 0
        for _ in range(sets):
            x = np.repeat(generator.normal(size=25), 4) + generator.normal(size=100)
            made = Bootstrap(cluster=cluster, resamples=599).estimate(table(x, g=codes), generator)
            held += made.low <= 0 <= made.high
        return held / sets

    assert 0.92 <= share("g", 2_000) <= 0.96
    assert share(None, 300) < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["g", None])
def test_speed(cluster):
    """100,000 rows × 2,000 resamples of a mean take less than 20 s of the processor, by clusters and by rows."""
    data = table(rng(9).normal(size=100_000), g=np.arange(100_000) % 500)
    began = time.process_time()
    one(Bootstrap(cluster=cluster), data)
    assert time.process_time() - began < 20
