"""The sum over items of what their answers count: a position on an axis.

One invariant: an item counts once however often it was asked, by the mean of its answers; what was not
answered is counted and adds what the option says, never a silent something.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class WeightedTotal:
    """offset + Σ over items of the mean score / divisor, with the items that have no answer counted.

    With two answers or more to every item there is an interval for the answers' own variation, the
    items being what they are (Welch–Satterthwaite). It says nothing of other items.

    Example::

        [[statistic]]
        use = "weighted-total"
        of = "x"
        by = ["persona"]
        divisor = 8.0
        offset = 0.38

    Attributes:
        unit: Label column of the items.
        offset: Where nobody who answered nothing stands.
        divisor: The sum is divided by it.
        missing: What an item without any answer adds to the sum before it is divided.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "weighted-total"
    quantities: ClassVar[tuple[str, ...]] = ("total",)
    unit: str = "item"
    offset: float = attrs.field(default=0.0, validator=common.finite)
    divisor: float = attrs.field(default=1.0, validator=common.positive)
    missing: float = attrs.field(default=0.0, validator=common.finite)
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The position; refuses a table in which nothing was answered at all."""
        import numpy as np
        from scipy import stats

        asked = len(np.unique(table.label(self.unit))) if len(table) else 0
        kept = common.present(table, table.of[:1], need=1, what="a weighted total")
        values = kept.values
        codes, count = common.clusters(kept, self.unit, need=1, what="a weighted total")
        sizes = np.bincount(codes)
        means = np.bincount(codes, weights=values) / sizes
        unanswered = asked - count
        total = float(means.sum()) + self.missing * unanswered
        made = gnomon.Estimate(
            quantity="total",
            value=self.offset + total / self.divisor,
            n=asked,
            method=f"{self.offset:g} + sum over {self.unit} of mean scores / {self.divisor:g}",
            note=f"{common.plural(unanswered, self.unit)} of {asked} without an answer"
            if unanswered
            else None,
            detail={"answers": len(values), "unanswered": unanswered},
        )
        if sizes.min() < 2:
            return made
        squares = np.bincount(codes, weights=(values - means[codes]) ** 2)
        shares = squares / (sizes - 1) / sizes
        error = math.sqrt(float(shares.sum())) / self.divisor
        if error < common.SMALLEST_SD:
            return made
        df = float(shares.sum() ** 2 / (shares**2 / (sizes - 1)).sum())
        reach = float(stats.t.isf((1 - self.level) / 2, df)) * error
        assert made.value is not None
        return attrs.evolve(
            made,
            low=made.value - reach,
            high=made.value + reach,
            level=self.level,
            error=error,
            df=df,
        )
