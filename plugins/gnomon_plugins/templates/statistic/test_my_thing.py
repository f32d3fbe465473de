"""The statistic my-thing: another implementation agrees, the interval keeps its level, the contract is kept."""

from __future__ import annotations

import gnomon
import gnomon.testing
import numpy as np
import pytest
from gnomon.testing import table
from scipy import stats

from my_thing import MyThing


@pytest.mark.parametrize("seed", range(20))
def test_scipy_agrees(seed: int) -> None:
    """On twenty data sets of different sizes and cuts."""
    rng = np.random.default_rng(seed)
    values = rng.standard_t(3, size=int(rng.integers(5, 80)))
    cut = float(rng.uniform(0, 0.4))
    made = MyThing(cut=cut, draws=100).estimate(table(list(values)), rng)
    assert made.value == pytest.approx(stats.trim_mean(values, cut))


def test_the_interval_keeps_its_level() -> None:
    """Of 200 data sets of 40 values, about 95 % of intervals hold the true mean (percentile: a little fewer)."""

    def draw(rng: np.random.Generator) -> gnomon.Table:
        return table(list(rng.normal(size=40)))

    held = gnomon.testing.coverage(MyThing(cut=0.1, draws=100), draw, 0.0, data_sets=200)
    assert 0.88 < held < 0.99


def test_shifting_the_scores_shifts_the_estimate() -> None:
    """And nothing else."""
    values = list(np.random.default_rng(1).normal(size=30))
    here, there = (
        MyThing().estimate(table([value + shift for value in values]), np.random.default_rng(2))
        for shift in (0.0, 5.0)
    )
    assert there.value == pytest.approx(here.value + 5)  # type: ignore[operator]  # neither is refused
    assert there.low == pytest.approx(here.low + 5)  # type: ignore[operator]  # as above


def test_too_few_values_are_refused() -> None:
    """With what was found and what is needed."""
    sentence = "^a trimmed mean needs at least 5 values, and there are 2$"
    with pytest.raises(gnomon.StatisticError, match=sentence):
        MyThing().estimate(table([1.0, 2.0, None]), np.random.default_rng(1))


def test_it_keeps_the_contract() -> None:
    """Documented, light to import, deterministic, and no NaN from any degenerate table."""
    gnomon.testing.assert_conforms(MyThing)
