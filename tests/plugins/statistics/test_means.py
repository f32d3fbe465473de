"""Plain means and shares: their intervals, and what they say when there is none."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from tables import one, refusal, rng, table

from gnomon_plugins.statistics.means import Mean, Proportion


@pytest.mark.parametrize("seed", range(20))
def test_mean_equals_scipy(seed):
    """The interval is scipy's t interval; missing values are left out."""
    x = rng(seed).normal(size=4 + seed)
    made = one(Mean(), table([*x, math.nan]))
    interval = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert (made.value, made.low, made.high) == pytest.approx(
        (x.mean(), interval.low, interval.high)
    )
    assert (made.n, made.p, made.effect) == (len(x), None, None)


@pytest.mark.parametrize(
    ("statistic", "data", "note"),
    [
        (Mean(), table([2.0]), "one value has no interval"),
        (Mean(), table([2.0, 2.0]), "all values are equal, so there is no interval"),
        (
            Mean(cluster="g"),
            table([1, 3], g=["a", "a"]),
            "one cluster of 'g' has no interval",
        ),
        (
            Mean(cluster="g"),
            table([1, 3, 1, 3], g=["a", "a", "b", "b"]),
            "all clusters have equal means, so there is no interval",
        ),
    ],
)
def test_mean_without_an_interval(statistic, data, note):
    """A mean that has no interval is still a mean, and says why."""
    made = one(statistic, data)
    assert made.value == 2.0
    assert (made.low, made.high, made.note) == (None, None, note)


@pytest.mark.parametrize("seed", range(20))
def test_proportion_equals_statsmodels(seed):
    """Wilson's interval equals statsmodels', at the ends too."""
    generator = rng(seed)
    n = int(generator.integers(1, 60))
    x = generator.random(n) < (0, 1, 0.1, 0.5)[seed % 4]
    made = one(Proportion(level=0.9), table(x.astype(float)))
    low, high = proportion_confint(int(x.sum()), n, alpha=0.1, method="wilson")
    assert (made.value, made.low, made.high) == pytest.approx((x.mean(), low, high), abs=1e-12)


def test_published_wilson():
    """43 of 100: .337333 to .527846."""
    made = one(Proportion(), table([1.0] * 43 + [0.0] * 57))
    assert (made.low, made.high) == pytest.approx((0.337333, 0.527846), abs=1e-6)


def test_proportion_counts_ones_and_tells_of_others():
    """Only values equal to 1 count; others than 0 and 1 are noted."""
    made = one(Proportion(), table([1, 1, 0, 0.5]))
    assert made.value == 0.5
    assert made.note == "1 value other than 0 and 1"


def test_clusters_widen_the_interval_of_a_share():
    """Rows that repeat in full are worth their number of clusters."""
    share = [1, 0, 0, 1, 0, 1, 1, 1, 0, 1] * 2
    plain = one(Proportion(), table(share))
    repeated = one(
        Proportion(cluster="g"), table(np.repeat(share, 5), g=np.repeat(np.arange(20), 5))
    )
    assert repeated.detail["effective n"] == pytest.approx(19)
    assert repeated.high - repeated.low > plain.high - plain.low


@pytest.mark.parametrize("statistic", [Mean(), Proportion()])
def test_refusals(statistic):
    """No value at all is refused."""
    what = f"a {statistic.name}"
    assert refusal(statistic, table([math.nan] * 2)) == "all 2 values of 'x' are missing"
    assert refusal(statistic, table([])) == f"{what} needs at least 1 row, and there is none"
    assert refusal(statistic, table([math.inf, -math.inf, 0])) == (
        f"score 'x' has 2 infinite values among 3; {what} needs finite numbers"
    )


def test_one_cluster_of_a_share():
    """A clustered share of one cluster is refused."""
    assert refusal(Proportion(cluster="g"), table([1, 0], g=["a", "a"])) == (
        "a proportion clustered by 'g' needs at least 2 clusters, and all 2 rows have the same 'g' "
        "('a')"
    )


@pytest.mark.slow
def test_coverage_of_clustered_share():
    """30 clusters of 4 to 10 rows whose shares differ: the interval holds .3 in 93 to 97 %."""
    generator = rng(5)
    held = 0
    for _ in range(2_000):
        sizes = generator.integers(4, 11, size=30)
        chances = generator.beta(1.5, 3.5, size=30)
        codes = np.repeat(np.arange(30), sizes)
        made = one(
            Proportion(cluster="g"),
            table(generator.random(len(codes)) < chances[codes], g=codes),
        )
        held += made.low <= 0.3 <= made.high
    assert 0.93 <= held / 2_000 <= 0.97
