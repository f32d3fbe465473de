"""The bootstrap: percentile and BCa intervals, of rows or of whole clusters.

One invariant: what is resampled is the unit of independence. A quantity is computed from sums over that
unit, so that a resample costs as much as there are units, not rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._moments import QUANTITIES, Moments, gather
from gnomon_plugins.statistics._tails import log10_of

if TYPE_CHECKING:
    import numpy as np

_CELLS = 8_000_000
_COUNTED = 4_000
"""Up to this many units a resample is a row of counts; beyond it, a list of positions."""

Quantity = Literal["mean", "sd", "d", "difference", "ratio", "correlation"]


@attrs.frozen(kw_only=True)
class Bootstrap:
    """A quantity with its bootstrap interval, and p from the bootstrap centred on the null value.

    Quantities of one score: ``mean``, ``sd``, ``d`` (mean over sd). Of two scores in ``of``:
    ``difference`` of their means within rows, ``ratio`` of their means, ``correlation``. Of one score
    and ``between``: ``difference`` of the means of two groups. Whole clusters are resampled; with ``crossed_with`` as well, both columns are resampled independently and a row counts
    the product of its two counts (Owen 2007), as for users × items.

    p is (1 + b)/(1 + B), b the resamples whose distance from the estimate reaches the distance of the
    estimate from ``against``.

    Example::

        [[statistic]]
        use = "bootstrap"
        of = "correct"
        cluster = "user"
        crossed_with = "item"
        interval = "percentile"
        resamples = 10000

    Attributes:
        quantity: What is estimated.
        interval: ``bca`` (Efron 1987; accelerated by the jackknife over units) or ``percentile``,
            which crossed clusters need.
        between: Label column that tells first from second for a difference of groups.
        levels: First and second level; alphabetical unless given.
        cluster: Label column of the units; the design's unless given, ``none`` to resample rows.
        crossed_with: A second label column, resampled independently of the first.
        against: The quantity under the null hypothesis; no test without it.
        resamples: Number of resamples.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "bootstrap"
    quantity: Quantity = "mean"
    interval: Literal["bca", "percentile"] = "bca"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    cluster: str | None = None
    crossed_with: str | None = None
    against: float | None = None
    resamples: int = attrs.field(default=2_000, validator=common.at_least(100))
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if self.crossed_with is not None and self.cluster is None:
            raise ValueError(
                "crossed_with names a second column of units; name the first in cluster"
            )
        if self.crossed_with is not None and self.interval == "bca":
            raise ValueError("crossed units have no BCa interval; set interval = 'percentile'")
        if self.between is not None and self.quantity != "difference":
            raise ValueError(
                f"between is for a difference of groups, not for quantity {self.quantity!r}"
            )

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The quantity with its interval; refuses one unit, and what does not vary over units."""
        import numpy as np

        what = "a bootstrap"
        names = self._names(table)
        if self.between is None:
            kept, side = common.present(table, names, need=2, what=what), None
        else:
            kept, side = self._sides(table, what)
        moments = QUANTITIES[self.quantity if side is None else "group-difference"]
        terms = gather(kept, names, side, moments)
        units = common.units(kept, self.cluster, what=what)
        drawn, sums = self._draw(kept, terms, moments, units, rng)
        value = float(moments.of(terms.sum(axis=0)[None, :])[0])
        lost = int((~np.isfinite(drawn)).sum())
        drawn = drawn[np.isfinite(drawn)]
        if not math.isfinite(value) or len(drawn) < 0.9 * self.resamples:
            raise gnomon.StatisticError(
                f"the {self.quantity} is not defined in {lost} of {self.resamples} resamples, so there "
                "is no interval; a score is constant in them, or a group is empty"
            )
        if float(drawn.std()) < common.SMALLEST_SD:
            raise gnomon.StatisticError(
                f"the {self.quantity} is the same ({value:.6g}) in every resample; {what} needs units "
                "that differ"
            )
        low, high = self._interval(drawn, value, sums, moments)
        p = None
        if self.against is not None:
            reach = abs(value - self.against)
            rounding = 1e-12 * max(abs(value), abs(self.against))
            p = (1 + int((np.abs(drawn - value) >= reach - rounding).sum())) / (1 + len(drawn))
        crossed = f" crossed with {self.crossed_with}" if self.crossed_with else ""
        return gnomon.Estimate(
            quantity=self.quantity,
            value=value,
            low=low,
            high=high,
            level=self.level,
            error=float(drawn.std(ddof=1)),
            p=p,
            log10_p=None if p is None else log10_of(p),
            n=len(kept),
            method=f"bootstrap of the {self.quantity}, {self.interval} interval, "
            f"{self.resamples} resamples, {units.words}{crossed}",
            note=f"{common.plural(lost, 'resample')} without a value left out" if lost else None,
            detail={"units": units.count or len(kept)}
            | ({} if p is None else {"against": self.against}),
        )

    def _names(self, table: gnomon.Table) -> tuple[str, ...]:
        need = (
            2
            if self.between is None and self.quantity in ("difference", "ratio", "correlation")
            else 1
        )
        if len(table.of) != need:
            hint = (
                ""
                if need == 1
                else ", or one score and 'between'" * (self.quantity == "difference")
            )
            raise gnomon.StatisticError(
                f"a bootstrap of the {self.quantity} needs {common.plural(need, 'score')} in 'of'{hint} "
                f"(found {len(table.of)})"
            )
        return table.of

    def _sides(self, table: gnomon.Table, what: str) -> tuple[gnomon.Table, np.ndarray]:
        assert self.between is not None
        kept = common.present(table, table.of, need=2, what=what)
        first, second = groups.level_names(kept, self.between, self.levels, what)
        column = kept.label(self.between)
        kept = kept.rows((column == first) | (column == second))
        return kept, kept.label(self.between) == first

    def _draw(
        self,
        table: gnomon.Table,
        terms: np.ndarray,
        moments: Moments,
        units: common.Units,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values of the quantity in resamples, and the sums of each unit."""
        import numpy as np

        sums = terms
        if units.codes is not None:
            codes, count = units.codes, units.count
            if self.crossed_with is not None:
                others, width = common.clusters(
                    table,
                    self.crossed_with,
                    need=2,
                    what=f"a bootstrap crossed with {self.crossed_with!r}",
                )
                shape = (count, width)
                drawn = _crossed(terms, (codes, others), shape, moments, self.resamples, rng)
                return drawn, terms
            sums = np.column_stack(
                [np.bincount(codes, weights=term, minlength=count) for term in terms.T]
            )
        values = [moments.of(resampled) for resampled in _resampled(sums, self.resamples, rng)]
        return np.concatenate(values), sums

    def _interval(
        self, drawn: np.ndarray, value: float, sums: np.ndarray, moments: Moments
    ) -> tuple[float, float]:
        import numpy as np
        from scipy import special

        tails = np.array([(1 - self.level) / 2, (1 + self.level) / 2])
        if self.interval == "bca":
            below = ((drawn < value).mean() + (drawn <= value).mean()) / 2
            bias = float(special.ndtri(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn))))
            without = moments.of(sums.sum(axis=0) - sums)
            gaps = np.nanmean(without) - without
            gaps = gaps[np.isfinite(gaps)]
            cubes = float((gaps**2).sum()) ** 1.5
            acceleration = float((gaps**3).sum()) / (6 * cubes) if cubes > 0 else 0.0
            shifted = bias + special.ndtri(tails)
            tails = special.ndtr(bias + shifted / (1 - acceleration * shifted))
        low, high = np.quantile(drawn, tails)
        return float(low), float(high)


def _resampled(sums: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Sums over units drawn with replacement, in blocks of shape (resamples, terms)."""
    import numpy as np

    units = len(sums)
    if units <= _COUNTED:
        chances = np.full(units, 1 / units)
        step = max(1, _CELLS // units)
        for start in range(0, count, step):
            yield rng.multinomial(units, chances, size=min(step, count - start)) @ sums
        return
    for _ in range(count):
        counts = np.bincount(rng.integers(0, units, size=units), minlength=units)
        yield (counts @ sums)[None, :]


def _crossed(
    terms: np.ndarray,
    codes: tuple[np.ndarray, np.ndarray],
    counts: tuple[int, int],
    moments: Moments,
    resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    import numpy as np

    cells = np.zeros((*counts, terms.shape[1]))
    np.add.at(cells, codes, terms)
    step = max(1, _CELLS // (counts[1] * terms.shape[1]))
    values = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        first, second = (
            rng.multinomial(count, np.full(count, 1 / count), size=size) for count in counts
        )
        rows = np.tensordot(first, cells, axes=1)
        values.append(moments.of(np.einsum("rj,rjt->rt", second, rows)))
    return np.concatenate(values)
