"""The confidence sequence: against its definition, and under continuous looking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tables import one, refusal, rng, table

from gnomon_plugins.statistics.confidence_sequence import ConfidenceSequence, log_capital

EACH = ConfidenceSequence(lower=0.0, upper=1.0, unit="")


def by_hand(x: list[float], mean: float, alpha: float) -> float:
    """The hedged capital of one gambler, bet by bet."""
    up = down = 0.5
    total, squares, variance = 0.0, 0.0, 0.25
    for t, value in enumerate(x, start=1):
        bet = math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log(t + 1)))
        up *= 1 + min(bet, 0.5 / mean) * (value - mean)
        down *= 1 - min(bet, 0.5 / (1 - mean)) * (value - mean)
        total += value
        squares += (value - (0.5 + total) / (t + 1)) ** 2
        variance = (0.25 + squares) / (t + 1)
    return max(up, down)


@pytest.mark.parametrize("seed", range(20))
def test_capital_is_that_of_a_gambler_who_bets_step_by_step(seed: int) -> None:
    """The array form equals the recursion of the definition."""
    x = rng(seed).beta(2, 3, 40)
    for mean in (0.2, 0.4, 0.7):
        made = log_capital(x, np.array([mean]), 0.05)[-1, 0]
        assert made == pytest.approx(math.log(by_hand(x.tolist(), mean, 0.05)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["coin", "rare", "beta", "block"])
def test_error_stays_below_alpha_under_continuous_looking(kind: str) -> None:
    """Looking after each of 400 observations, at most 5 % of 2,000 null runs ever miss the mean."""
    generator = rng(11)
    mean, draw = {
        "coin": (0.5, lambda: generator.integers(0, 2, 400).astype(float)),
        "rare": (0.05, lambda: (generator.uniform(size=400) < 0.05).astype(float)),
        "beta": (0.4, lambda: generator.beta(2, 3, 400)),
        "block": (0.3, lambda: generator.binomial(12, 0.3, 400) / 12),
    }[kind]
    missed = sum(
        bool((log_capital(draw(), np.array([mean]), 0.05) >= math.log(20)).any())
        for _ in range(2000)
    )
    assert missed / 2000 <= 0.05


@pytest.mark.slow
def test_a_fixed_sample_interval_would_not_do() -> None:
    """The same looking with the t interval misses far more often: what the sequence is for."""
    generator = rng(12)
    missed = 0
    t = np.arange(1, 401)
    for _ in range(500):
        x = generator.uniform(size=400)
        means = np.cumsum(x) / t
        errors = np.sqrt((np.cumsum(x**2) / t - means**2).clip(min=0) / t)
        missed += bool((abs(means - 0.5) > 1.96 * errors)[10:].any())
    assert missed / 500 > 0.2


def test_the_interval_is_where_no_gambler_is_rich() -> None:
    """Both limits lie within a grid step of where the capital crosses 1/alpha."""
    x = rng(1).beta(5, 2, 60)
    made = one(EACH, table(x))
    assert made.low is not None
    assert made.high is not None
    for limit, inward in ((made.low, 1), (made.high, -1)):
        inner, outer = limit + inward * 0.0015, limit - inward * 0.0005
        capital = log_capital(x, np.array([inner, outer]), 1 - EACH.level)[-1]
        assert capital[0] < math.log(20) <= capital[1]
    assert made.low < x.mean() < made.high


def test_scores_in_other_bounds_are_scaled() -> None:
    """A Likert score from 1 to 5 has the interval of its share of the range."""
    x = rng(2).uniform(size=50)
    plain = one(EACH, table(x))
    likert = one(ConfidenceSequence(lower=1.0, upper=5.0, unit=""), table(1 + 4 * x))
    assert plain.low is not None
    assert plain.high is not None
    assert likert.low == pytest.approx(1 + 4 * plain.low)
    assert likert.high == pytest.approx(1 + 4 * plain.high)


def test_one_complete_repeat_is_one_observation() -> None:
    """Items differ; their mean over a repeat does not, and a repeat under way is left out."""
    x = np.tile([0.0, 1.0, 1.0], 10)
    data = table([*x, 0.0], repeat=[*np.repeat(np.arange(10), 3), 10])
    made = one(ConfidenceSequence(lower=0.0, upper=1.0), data)
    assert made.n == 10
    assert made.value == pytest.approx(2 / 3)
    assert made.method == (
        "betting confidence sequence for scores in 0 to 1, each complete repeat an observation"
    )


def test_refusals() -> None:
    """Bounds that do not hold, and too little to look at."""
    assert refusal(EACH, table([0.5, 1.5, 0.2])) == (
        "1 value of 'x' lies outside 0 to 1, such as 1.5; a confidence sequence needs bounds that hold"
    )
    assert refusal(ConfidenceSequence(lower=0.0, upper=1.0), table([0.0, 1.0], repeat=[0, 0])) == (
        "a confidence sequence needs at least 2 observations, and there is 1 (each complete repeat an "
        "observation)"
    )
    with pytest.raises(ValueError, match=r"^lower is 1 and upper 1; lower is the smaller$"):
        ConfidenceSequence(lower=1.0, upper=1.0)
