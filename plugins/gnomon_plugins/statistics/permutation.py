"""Permutation tests: exact when there are few arrangements, else sampled.

One invariant: the observed arrangement is counted among the sampled ones, p = (b + 1)/(m + 1)
(Phipson & Smyth 2010), so that p is never 0 and the test never rejects too often.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clusters import cluster_means, unclustered
from gnomon_plugins.statistics._tails import Alternative

if TYPE_CHECKING:
    import numpy as np

_CELLS = 4_000_000
"""Most numbers held at once while sampling."""


@attrs.frozen(kw_only=True)
class Permutation:
    """A mean, or a difference of means, tested by rearranging the data.

    One score, or pairs (two scores in ``of``, or ``between`` with ``paired_by``): the signs of the
    values or differences are turned. ``between`` without ``paired_by``: values are dealt anew to the
    two groups. The rows of a cluster are averaged first and the averages are rearranged, so that
    the clusters are the units. All arrangements are counted when there are no more of
    them than ``resamples``. The interval holds the values that the same arrangements do not reject
    (Hartigan 1969).

    Example::

        [[statistic]]
        use = "permutation"
        of = "score"
        between = "group"
        cluster = "item"

    Attributes:
        between: Label column that tells first from second.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares; without them ``between`` tells independent groups apart.
        against: The mean, or the difference, under the null hypothesis.
        alternative: ``greater``: the mean, or first − second, is greater than ``against``.
        cluster: Label column whose rows are averaged into one unit; the design's unless given, ``none``
            to take rows as independent.
        resamples: Arrangements drawn; all are counted when there are no more than this.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "permutation"
    quantities: ClassVar[tuple[str, ...]] = ("mean", "mean-difference", "d", "d-z")
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ()
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    resamples: int = attrs.field(default=9_999, validator=common.at_least(99))
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if self.paired_by and self.between is None:
            raise ValueError("paired_by matches the two sides of 'between'; name that column too")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean or difference with its test; refuses fewer than 2 units and constant values."""
        if self.between is not None and not self.paired_by:
            return self._of_groups(table, rng)
        return self._of_signs(table, rng)

    def _of_signs(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        what = "a permutation test"
        if self.between is None and len(table.of) == 1:
            kept = common.present(table, table.of, need=2, what=what)
            values, words, note, quantity = kept.values, repr(table.of[0]), None, "mean"
        else:
            found = groups.pairs(
                table, self.between, self.levels, self.paired_by, need=2, what=what
            )
            values, kept, note = (
                found.first - found.second,
                found.table,
                groups.unpaired_note(found),
            )
            words, quantity = (
                f"the difference {found.names[0]} - {found.names[1]}",
                "mean-difference",
            )
        units = common.units(kept, self.cluster, what=what)
        if units.codes is not None:
            values = cluster_means(values, units.codes)
        spread = common.varied(values, words, what=what)
        n = len(values)
        exact = 2**n <= self.resamples if n < 60 else False
        ends, counted = _Tally(self.alternative), 0
        for signs in _all_signs(n) if exact else _drawn_signs(n, self.resamples, rng):
            turned = signs < 0
            # A turned set whose mean is at most θ is an arrangement at least as great as that seen.
            numbers, sums = turned.sum(axis=1), turned @ values
            ends.add(sums, numbers, self.against)
            counted += len(signs)
        low, high = ends.interval(self.level)
        mean = float(values.mean())
        t = (mean - self.against) / spread * math.sqrt(n)
        nc = effects.noncentral_t_interval(t, n - 1, self.level)
        p = ends.p(exact)
        return gnomon.Estimate(
            quantity=quantity,
            value=mean,
            low=low,
            high=high,
            level=self.level,
            test="mean",
            test_value=mean,
            p=p,
            log10_p=math.log10(p),
            effect="d" if quantity == "mean" else "d-z",
            effect_value=(mean - self.against) / spread,
            effect_low=nc[0] / math.sqrt(n),
            effect_high=nc[1] / math.sqrt(n),
            n=n,
            method=f"permutation test of {words} by turning signs, {_how(exact, counted)}, "
            f"{self.alternative}, {units.words}",
            note=note or _few(exact, counted, self.level),
            detail={"arrangements": counted},
        )

    def _of_groups(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        import numpy as np

        what = "a permutation test"
        two = groups.two_samples(table, self.between, self.levels, need=1, what=what)
        two, units = unclustered(two, self.cluster, what=what)
        n, m = len(two.first), len(two.second)
        if n + m < 3:
            raise gnomon.StatisticError(
                f"{what} of two groups needs at least 3 units, and there are 2"
            )
        pooled = groups.pooled_sd(two, what=what)
        both = np.concatenate([two.first, two.second])
        total = math.comb(n + m, n)
        exact = total <= self.resamples
        ends, counted = _Tally(self.alternative), 0
        first_sum = float(two.first.sum())
        for chosen in (
            _all_choices(n + m, n) if exact else _drawn_choices(n + m, n, self.resamples, rng)
        ):
            # As many values leave the first group as come into it from the second.
            came = (chosen >= n).sum(axis=1)
            change = first_sum - both[chosen].sum(axis=1)
            ends.add(change, came, self.against)
            counted += len(chosen)
        low, high = ends.interval(self.level)
        difference = float(two.first.mean() - two.second.mean())
        size = groups.standardized_difference(two, pooled, self.level, effect="d")
        p = ends.p(exact)
        return gnomon.Estimate(
            quantity="mean-difference",
            value=difference,
            low=low,
            high=high,
            level=self.level,
            test="mean difference",
            test_value=difference,
            p=p,
            log10_p=math.log10(p),
            effect="d",
            effect_value=size[0],
            effect_low=size[1],
            effect_high=size[2],
            n=n + m,
            method=f"permutation test of {two.names[0]} - {two.names[1]}, {_how(exact, counted)}, "
            f"{self.alternative}, {units.words}",
            note=_few(exact, counted, self.level),
            detail=groups.describe(two) | {"arrangements": counted},
        )


def _how(exact: bool, counted: int) -> str:
    return f"all {counted} arrangements" if exact else f"{counted} arrangements drawn"


def _few(exact: bool, counted: int, level: float) -> str | None:
    if exact and 2 / counted > 1 - level:
        return f"only {counted} arrangements exist, too few for an interval at {level:g}"
    return None


class _Tally:
    """Counts arrangements at least as great, and as small, as the one seen.

    An arrangement is described by how it differs from the one seen: ``change`` is the sum that left,
    ``moved`` how many units moved. For a null value θ it is at least as great as that seen when
    change ≤ θ · moved, and at least as small when change ≥ θ · moved.
    """

    def __init__(self, alternative: Alternative) -> None:
        self.alternative = alternative
        self.great = self.small = self.total = self.equal = 0
        self.typical: list[np.ndarray] = []

    def add(self, change: np.ndarray, moved: np.ndarray, against: float) -> None:
        import numpy as np

        # Of the unit of the score, whatever it is: equal sums differ by rounding.
        tolerance = 1e-10 * max(float(np.abs(change).max()), abs(against) * float(moved.max()))
        centred = change - against * moved
        self.great += int((centred <= tolerance).sum())
        self.small += int((centred >= -tolerance).sum())
        self.total += len(change)
        some = moved > 0
        self.typical.append(change[some] / moved[some])

    def p(self, exact: bool) -> float:
        extra = 0 if exact else 1
        great, small = (
            (count + extra) / (self.total + extra) for count in (self.great, self.small)
        )
        if self.alternative == "greater":
            return great
        return small if self.alternative == "less" else min(1.0, 2 * min(great, small))

    def interval(self, level: float) -> tuple[float | None, float | None]:
        """The order statistics between which θ is not rejected two-sided at 1 − level."""
        import numpy as np

        typical = np.sort(np.concatenate(self.typical))
        # The arrangement seen moves nothing and is at least as great whatever θ is.
        outside = math.floor((1 - level) / 2 * (len(typical) + 1) + 1e-9)
        if outside < 1:
            return None, None
        return float(typical[outside - 1]), float(typical[-outside])


def _all_signs(n: int) -> Iterator[np.ndarray]:
    import numpy as np

    yield 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)


def _drawn_signs(n: int, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for size in _chunks(n, count):
        yield 1 - 2 * rng.integers(0, 2, size=(size, n), dtype="int8")


def _all_choices(size: int, chosen: int) -> Iterator[np.ndarray]:
    import numpy as np

    yield np.array(list(combinations(range(size), chosen)))


def _drawn_choices(
    size: int, chosen: int, count: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    import numpy as np

    for rows in _chunks(size, count):
        yield np.argpartition(rng.random((rows, size)), chosen - 1, axis=1)[:, :chosen]


def _chunks(width: int, count: int) -> Iterator[int]:
    step = max(1, _CELLS // width)
    for start in range(0, count, step):
        yield min(step, count - start)
