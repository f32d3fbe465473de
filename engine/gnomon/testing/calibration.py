"""How often a statistic is wrong, by simulation: the test that a formula cannot pass by looking right.

One invariant: both figures come from data sets drawn under names of one seed, so that a test that calls
them passes or fails always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gnomon.errors import StatisticError
from gnomon.records import Estimate
from gnomon.seeds import Seed
from gnomon.table import Table

if TYPE_CHECKING:
    import numpy as np

Draw = Callable[["np.random.Generator"], Table]
"""Draws one data set."""


def _estimates(statistic: Any, draw: Draw, data_sets: int, seed: int) -> Iterator[Estimate]:
    for number in range(data_sets):
        at = Seed(seed).child("data set", number)
        made = statistic.estimate(draw(at.child("data").numpy()), at.child("statistic").numpy())
        yield made if isinstance(made, Estimate) else next(iter(made))


def rejection_rate(
    statistic: Any, draw: Draw, *, alpha: float = 0.05, data_sets: int = 2000, seed: int = 1
) -> float:
    """The share of data sets in which p is below alpha; drawn under the null, the type-I error.

    With 2,000 data sets and a true rate of .05 it lies between .035 and .065 in 999 of 1,000 tests.

    Raises:
        StatisticError: The statistic gives no p-value.
    """
    rejected = 0
    for one in _estimates(statistic, draw, data_sets, seed):
        if one.p is None:
            raise StatisticError(
                f"the statistic {statistic.name!r} gives no p-value to be calibrated"
            )
        rejected += one.p < alpha
    return rejected / data_sets


def coverage(
    statistic: Any, draw: Draw, truth: float, *, data_sets: int = 2000, seed: int = 1
) -> float:
    """The share of data sets whose interval holds the true value.

    Raises:
        StatisticError: The statistic gives no interval.
    """
    held = 0
    for one in _estimates(statistic, draw, data_sets, seed):
        if one.low is None or one.high is None:
            raise StatisticError(f"the statistic {statistic.name!r} gives no interval")
        held += one.low <= truth <= one.high
    return held / data_sets
