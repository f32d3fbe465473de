"""The permutation test of an association: p-values over all partitions of the words.

One invariant: the reported p is never smaller than what the partitions support. Counted exactly, it is
the share itself; bounded, it is the upper bound; sampled, it is (b + 1) / (m + 1) (Phipson & Smyth, 2010).

The statistic is the difference of the two sets' means. For sets of one size it orders the partitions as
the published difference of sums S does; for other sizes S depends on a constant added to every value,
the difference of means does not. Its mean over all partitions is 0, which makes two-sided
plain: partitions at least as far from 0 as the observed one, on either side. Exchanging the two
sets, or the sign of all values, therefore exchanges the one-sided p and leaves the two-sided p.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import attrs

from gnomon_plugins._association.sampling import sampled_sums
from gnomon_plugins._association.sums import Count, Grid, Halves, halves_work

if TYPE_CHECKING:
    import numpy as np

Method = Literal["auto", "exact", "bounded", "sampled"]
Ties = Literal[">=", ">"]

UNITS = 48
"""Values are rounded to 2^-48 of the largest (a power of two at or above it)."""

TIE_UNITS = 1 << 10
"""Sums this near count as equal: 2^-38 of the largest value, far above the rounding of a cosine."""

EXACT_BY_ITSELF = 1 << 20
EXACT_AT_MOST = 1 << 26
BOUNDED_AT_MOST = 128
COARSE, FINE = 1 << 16, 1 << 20
"""Cells of the first grid, and of the finest."""
GRID_AT_MOST = 36_000_000
"""Counts that a grid may hold: 288 MB."""


@attrs.frozen(kw_only=True)
class PartitionTest:
    """What the partitions say.

    Attributes:
        p: Share of partitions in which the first set is at least as far above the second.
        p_low: Lower bound of that share; equals ``p`` when counted exactly.
        p_high: Upper bound of that share.
        two_sided: Share of partitions at least as far apart, either way.
        two_sided_low: Lower bound of it.
        two_sided_high: Upper bound of it.
        method: ``exact``, ``bounded`` or ``sampled``.
        bounds: What the bounds are.
        partitions: How many partitions there are.
        draws: How many were drawn; None when all were counted.
    """

    p: float
    p_low: float
    p_high: float
    two_sided: float
    two_sided_low: float
    two_sided_high: float
    method: Literal["exact", "bounded", "sampled"]
    bounds: str
    partitions: int
    draws: int | None = None


def partition_test(
    first: np.ndarray,
    second: np.ndarray,
    *,
    method: Method = "auto",
    ties: Ties = ">=",
    tolerance: float = 0.01,
    draws: int = 1_000_000,
    rng: np.random.Generator | None = None,
) -> PartitionTest:
    """Test whether the first set's values are larger, over all partitions into sets of these sizes.

    Args:
        first: Values of the first set, shape (words,).
        second: Values of the second set, shape (words,).
        method: ``exact`` counts every partition, ``bounded`` brackets the count, ``sampled`` draws.
            ``auto`` counts exactly up to about a million subset sums per half (20 + 20 words),
            brackets up to 128 words, and draws beyond that.
        ties: Whether a partition just as far as the observed one counts. ``>=`` includes the
            observed partition itself.
        tolerance: Wanted relative width of the bracket; the grid is made as fine as that needs, but no
            finer than a million cells and no larger than 288 MB.
        draws: Number of partitions drawn when sampling.
        rng: For sampling.

    Raises:
        ValueError: ``exact`` was asked for where it would need more than 2^26 subset sums.
    """
    import numpy as np

    size, words = len(first), len(first) + len(second)
    units = in_units(np.concatenate([first, second]))
    chosen = _choose(method, words, size)
    tails = _tails(units, size, ties)
    total = math.comb(words, size)
    if chosen == "sampled":
        if rng is None:
            raise ValueError("sampling partitions needs a random generator")
        return _sampled(units, size, tails, draws, rng)
    if chosen == "exact":
        one, two = _counted(Halves(units, size), tails, total)
    else:
        one, two = _bounded(units, size, tails, tolerance)
    return PartitionTest(
        p=min(1.0, one.high / total),
        p_low=one.low / total,
        p_high=min(1.0, one.high / total),
        two_sided=min(1.0, two.high / total),
        two_sided_low=min(1.0, two.low / total),
        two_sided_high=min(1.0, two.high / total),
        method=chosen,
        bounds="none needed" if chosen == "exact" else "certain, from the rounding of the grid",
        partitions=total,
    )


def in_units(values: np.ndarray) -> np.ndarray:
    """Values as whole numbers of 2^-48 of the power of two at or above the largest magnitude."""
    import numpy as np

    largest = float(np.abs(values).max(initial=0.0))
    _, exponent = math.frexp(largest)
    return np.asarray(np.rint(np.ldexp(values, UNITS - exponent)).astype(np.int64))


def _choose(method: Method, words: int, size: int) -> Literal["exact", "bounded", "sampled"]:
    work = min(halves_work(words, size), halves_work(words, words - size))
    if method == "exact" and work > EXACT_AT_MOST:
        raise ValueError(
            f"counting all partitions of {words} words into {size} and {words - size} exactly needs "
            f'{work:,} subset sums, more than {EXACT_AT_MOST:,}; use method = "bounded"'
        )
    if method != "auto":
        return method
    if work <= EXACT_BY_ITSELF:
        return "exact"
    return "bounded" if words <= BOUNDED_AT_MOST else "sampled"


@attrs.frozen
class _Tails:
    """Where the tails begin, as sums of the first set.

    Attributes:
        one: Least sum of the one-sided tail.
        upper: Least sum of the two-sided tail above.
        lower: Greatest sum of the two-sided tail below.
    """

    one: int
    upper: int
    lower: int


def _tails(units: np.ndarray, size: int, ties: Ties) -> _Tails:
    words, total, seen = len(units), int(units.sum()), int(units[:size].sum())
    # A tie within the tolerance counts or not as the rule says.
    margin = -TIE_UNITS if ties == ">=" else TIE_UNITS + 1
    # Times the number of words, the mean of the sum over partitions is a whole number.
    middle, away = size * total, abs(words * seen - size * total)
    return _Tails(
        one=seen + margin,
        upper=-((-(middle + away)) // words) + margin,
        lower=(middle - away) // words - margin,
    )


def _bounded(units: np.ndarray, size: int, tails: _Tails, tolerance: float) -> tuple[Count, Count]:
    """Bounds from a coarse grid and, where they are too wide, from one as fine as they call for."""
    total = math.comb(len(units), size)
    bounds = _counted(Grid(units, size, COARSE), tails, total)
    width = max(
        (tail.high / tail.low - 1 if tail.low else math.inf for tail in bounds if tail.high),
        default=0.0,
    )
    if width <= tolerance:
        return bounds
    # The width of the bracket goes with that of a cell.
    wanted = COARSE * min(width / tolerance, FINE / COARSE)
    most = min(FINE, GRID_AT_MOST // ((len(units) + 1) // 2 + 1))
    cells = min(1 << math.ceil(math.log2(wanted)), most)
    return _counted(Grid(units, size, cells), tails, total) if cells > COARSE else bounds


def _counted(sums: Halves | Grid, tails: _Tails, total: int) -> tuple[Count, Count]:
    one = sums.at_least(tails.one)
    if tails.upper <= tails.lower:
        return one, Count(total, total)
    above, below = sums.at_least(tails.upper), sums.at_most(tails.lower)
    return one, Count(above.low + below.low, above.high + below.high)


def _sampled(
    units: np.ndarray, size: int, tails: _Tails, draws: int, rng: np.random.Generator
) -> PartitionTest:
    from scipy.stats import beta

    one = two = 0
    for sums in sampled_sums(units, size, draws, rng):
        one += int((sums >= tails.one).sum())
        if tails.upper <= tails.lower:
            two += len(sums)
        else:
            two += int(((sums >= tails.upper) | (sums <= tails.lower)).sum())

    def interval(hits: int) -> tuple[float, float]:
        # Clopper & Pearson (1934).
        low = float(beta.ppf(0.005, hits, draws - hits + 1)) if hits else 0.0
        high = float(beta.ppf(0.995, hits + 1, draws - hits)) if hits < draws else 1.0
        return low, high

    p_low, p_high = interval(one)
    two_low, two_high = interval(two)
    return PartitionTest(
        p=(one + 1) / (draws + 1),
        p_low=p_low,
        p_high=p_high,
        two_sided=(two + 1) / (draws + 1),
        two_sided_low=two_low,
        two_sided_high=two_high,
        method="sampled",
        bounds="99 % interval of the sampling (Clopper-Pearson)",
        partitions=math.comb(len(units), size),
        draws=draws,
    )
