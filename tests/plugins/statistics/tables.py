"""Tables from arrays, and what the tests of statistics share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

import gnomon


def table(
    *columns: Iterable[float], of: Sequence[str] | None = None, **labels: Iterable[Any]
) -> gnomon.Table:
    """Scores named x, y, z, … (or as ``of`` says) and label columns; NaN is a missing score."""
    names = tuple(of) if of else tuple("xyzuvwabcdefgh"[: len(columns)])
    scores = {
        name: np.asarray(list(column), dtype=float)
        for name, column in zip(names, columns, strict=True)
    }
    count = len(next(iter(scores.values())))
    texts = {"item": np.array([f"i{row}" for row in range(count)])}
    texts |= {name: np.array([str(value) for value in column]) for name, column in labels.items()}
    return gnomon.Table(
        scores=scores,
        statuses={
            name: np.where(np.isnan(column), "refused", "ok") for name, column in scores.items()
        },
        labels=texts,
        of=names,
    )


def rng(seed: int = 0) -> np.random.Generator:
    """A generator for a test."""
    return np.random.default_rng(seed)


def one(statistic: Any, data: gnomon.Table, seed: int = 0) -> gnomon.Estimate:
    """The only estimate of a statistic."""
    made = statistic.estimate(data, rng(seed))
    if isinstance(made, gnomon.Estimate):
        return made
    (only,) = made
    return only


def many(statistic: Any, data: gnomon.Table, seed: int = 0) -> dict[str, gnomon.Estimate]:
    """The estimates of a statistic by quantity."""
    made = statistic.estimate(data, rng(seed))
    made = [made] if isinstance(made, gnomon.Estimate) else list(made)
    return {estimate.quantity: estimate for estimate in made}


def refusal(statistic: Any, data: gnomon.Table) -> str:
    """The sentence with which a statistic refuses."""
    with pytest.raises(gnomon.StatisticError) as caught:
        statistic.estimate(data, rng())
    return str(caught.value)


def assert_null_rate(rejections: int, sets: int, *, low: float = 0.04, high: float = 0.06) -> None:
    """The share of null data sets rejected at .05 lies in the band."""
    rate = rejections / sets
    assert low <= rate <= high, f"{rejections} of {sets} null data sets rejected ({rate:.4f})"


def assert_coverage(
    draw: Callable[[np.random.Generator], tuple[gnomon.Estimate, float]], sets: int, seed: int = 1
) -> None:
    """The 95 % interval holds the truth in 93 to 97 % of data sets."""
    generator = rng(seed)
    held = 0
    for _ in range(sets):
        estimate, truth = draw(generator)
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= truth <= estimate.high
    assert 0.93 <= held / sets <= 0.97, f"{held} of {sets} intervals hold the truth"


def assert_uniform(p_values: Sequence[float]) -> None:
    """P-values of null data sets are uniform (Kolmogorov's test at .001)."""
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
