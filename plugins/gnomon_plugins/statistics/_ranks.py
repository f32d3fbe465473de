"""Intervals that invert a rank test, and those of the rank-biserial correlation.

One invariant: an end of an interval is an order statistic of pairwise means or differences, found by
counting, so that a million rows need no million million pairs.
"""

from __future__ import annotations

from collections.abc import Callable

from gnomon_plugins.statistics import _effects as effects


def rank_biserial_interval(r: float, error: float, level: float) -> tuple[float, float]:
    """Through Fisher's z with the standard error under the null hypothesis (Kerby 2014)."""
    return effects.fisher_interval(r, error**2, level)


def order_statistic(above: Callable[[float], float], low: float, high: float, rank: float) -> float:
    """Where a falling count of values above a point passes ``rank``, by bisection."""
    for _ in range(100):
        middle = (low + high) / 2
        if above(middle) > rank:
            low = middle
        else:
            high = middle
    return (low + high) / 2
