"""Regression discontinuity: equal to least squares with interactions, invariances, calibration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import assert_coverage, assert_null_rate, one, refusal, rng, table

from gnomon_plugins.statistics.discontinuity import RegressionDiscontinuity


def draw(generator, n=200, jump=0.0):
    x = generator.uniform(-1, 1, size=n)
    return 1 + 2 * x + jump * (x >= 0) + generator.normal(size=n), x


@pytest.mark.parametrize("kernel", ["uniform", "triangular"])
@pytest.mark.parametrize("seed", range(20))
def test_equals_two_weighted_lines(seed, kernel):
    """The jump is the difference of the intercepts of two lines fitted apart; its HC3 error is that
    of the two fits together, by the hat matrix."""
    y, x = draw(rng(seed), jump=0.8)
    made = one(RegressionDiscontinuity(bandwidth=0.6, kernel=kernel), table(y, x))
    ends, variance = [], 0.0
    for side in (x < 0, x >= 0):
        near = side & (np.abs(x) < 0.6)
        w = np.ones(near.sum()) if kernel == "uniform" else 1 - np.abs(x[near]) / 0.6
        design = np.column_stack([np.ones(near.sum()), x[near]])
        bread = np.linalg.inv((design * w[:, None]).T @ design)
        beta = bread @ (design * w[:, None]).T @ y[near]
        scaled = design * np.sqrt(w)[:, None]
        hat = ((scaled @ bread) * scaled).sum(axis=1)
        left = (y[near] - design @ beta) * np.sqrt(w) / (1 - hat)
        meat = (scaled * left[:, None]).T @ (scaled * left[:, None])
        ends.append(beta[0])
        variance += (bread @ meat @ bread)[0, 0]
    assert made.value == pytest.approx(ends[1] - ends[0])
    assert made.error == pytest.approx(math.sqrt(variance))
    assert made.n == int((np.abs(x) < 0.6).sum())


def test_known_jump_and_neighbouring_bandwidths():
    """A jump of 2 among 5,000 rows is found with every bandwidth that the detail lists."""
    y, x = draw(rng(1), n=5_000, jump=2.0)
    made = one(RegressionDiscontinuity(bandwidth=0.4), table(y, x))
    assert made.low < 2 < made.high
    for word in ("half", "twice"):
        assert made.detail[f"jump at {word} the bandwidth"] == pytest.approx(2, abs=0.4)


@given(seed=st.integers(0, 200), scale=st.sampled_from([0.1, 7.0]), shift=st.integers(-50, 50))
def test_invariances(seed, scale, shift):
    """Moving the cut-off with the running variable, or changing a unit, leaves t as it is; a line
    added to the outcome leaves the jump as it is."""
    y, x = draw(rng(seed), n=80)
    before = one(RegressionDiscontinuity(bandwidth=0.5), table(y, x))
    after = one(
        RegressionDiscontinuity(cutoff=shift, bandwidth=0.5 * scale),
        table(3 * y + 5 * x, x * scale + shift),
    )
    # A row within rounding of the cut-off may change sides; none is that near.
    assert after.test_value == pytest.approx(before.test_value, rel=1e-5, abs=1e-7)
    assert after.value == pytest.approx(3 * before.value, rel=1e-5, abs=1e-7)


BAD = {
    "one score": (
        RegressionDiscontinuity(),
        table([1, 2]),
        "a regression discontinuity needs two scores in 'of', the outcome and the running variable "
        "(found 1 score)",
    ),
    "one side": (
        RegressionDiscontinuity(bandwidth=10),
        table([1, 2, 3, 1, 2, 5], [1, 2, 3, 4, 5, 6]),
        "a regression discontinuity needs at least 3 different values of 'y' on each side of the "
        "cut-off, and within 10 below 0 there are 0",
    ),
    "constant": (
        RegressionDiscontinuity(),
        table([1] * 6, range(6)),
        "all 6 values of 'x' are equal (1); a regression discontinuity needs values that differ",
    ),
    "exact": (
        RegressionDiscontinuity(bandwidth=20),
        table([-3, -2, -1, 2, 3, 4, 5], [-3, -2, -1, 0, 1, 2, 3]),
        "'x' lies on the two lines without error, so a regression discontinuity has no error to test "
        "with",
    ),
    "one cluster": (
        RegressionDiscontinuity(bandwidth=20, cluster="g"),
        table([-3, -1, -1, 2, 3, 1, 5], [-3, -2, -1, 0, 1, 2, 3], g=["a"] * 7),
        "a regression discontinuity clustered by 'g' needs at least 3 clusters, and all 7 rows have "
        "the same 'g' ('a')",
    ),
    "few": (
        RegressionDiscontinuity(),
        table([1, 2], [1, 2]),
        "a regression discontinuity needs at least 6 values of 'x' and 'y', and there are 2",
    ),
    "infinite": (
        RegressionDiscontinuity(),
        table([1, 2], [1, math.inf]),
        "score 'y' has 1 infinite value among 2; a regression discontinuity needs finite numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What has no jump to estimate is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


def test_wrong_bandwidth():
    """A bandwidth of 0 is refused when the spec is loaded."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        RegressionDiscontinuity(bandwidth=0)
    assert str(caught.value) == "bandwidth is 0; it is above 0"


@pytest.mark.slow
def test_null_calibration_and_coverage():
    """No jump: 4 to 6 % of 2,000 rejected (n = 200, own bandwidth); a jump of 1 covered in 93 to 97 %."""
    generator = rng(111)
    rejected = 0
    for _ in range(2_000):
        rejected += one(RegressionDiscontinuity(bandwidth=0.8), table(*draw(generator))).p < 0.05
    assert_null_rate(rejected, 2_000)
    assert_coverage(
        lambda g: (one(RegressionDiscontinuity(), table(*draw(g, jump=1.0))), 1.0), 1_000
    )
