"""Plain estimates without a test: a mean, and a share.

One invariant: the estimate is given whenever there is a value at all; what is wanting for an interval is
said in the note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._clusters import (
    effective_rows,
    share_quantile,
    standard_error,
)

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class Mean:
    """The mean of a score with Student's t interval; no test.

    Example::

        [[statistic]]
        use = "mean"
        of = "judge-score"
        by = ["model"]
        cluster = "item"

    Attributes:
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent. With clusters the interval is cluster-robust.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "mean"
    quantities: ClassVar[tuple[str, ...]] = ("mean",)
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean; the interval is left out, with a note, where the values do not vary."""
        kept = common.present(table, table.of[:1], need=1, what="a mean")
        values = kept.values
        mean = float(values.mean())
        made = gnomon.Estimate(quantity="mean", value=mean, n=len(values), method="mean")
        if len(values) == 1:
            return attrs.evolve(made, note="one value has no interval")
        units = common.units(kept, self.cluster, need=1, what="a mean")
        if units.count == 1:
            return attrs.evolve(made, note=f"one cluster of {units.column!r} has no interval")
        error, df = standard_error(values, units.codes)
        if error < common.SMALLEST_SD:
            equal = "values are equal" if units.codes is None else "clusters have equal means"
            return attrs.evolve(made, note=f"all {equal}, so there is no interval")
        reach = effects.t_quantile(self.level, df) * error
        return attrs.evolve(
            made,
            low=mean - reach,
            high=mean + reach,
            level=self.level,
            error=error,
            df=df,
            method=f"mean with t interval, {units.words}",
            detail={"sd": float(values.std(ddof=1))},
        )

    def truth(self, table: gnomon.Table) -> float:
        """The mean of the expected scores."""
        return common.mean_of_present(table)


@attrs.frozen(kw_only=True)
class Proportion:
    """The share of values that equal 1, with Wilson's interval; no test.

    With clusters Wilson's interval is made for the effective number of rows, n divided by the
    design effect of the clusters, and with the t quantile of G − 1 degrees of freedom (Dean & Pagano
    2015). Where all rows agree the clusters count as rows.

    Example::

        [[statistic]]
        use = "proportion"
        of = "refused"
        by = ["category"]

    Attributes:
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "proportion"
    quantities: ClassVar[tuple[str, ...]] = ("proportion",)
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The share, with a note when values other than 0 and 1 occur."""
        import numpy as np

        what = "a proportion"
        kept = common.present(table, table.of[:1], need=1, what=what)
        ones = (kept.values == 1).astype(float)
        n, share = len(ones), float(ones.mean())
        units = common.units(kept, self.cluster, what=what)
        effective, df = effective_rows(ones, units.codes)
        low, high = effects.wilson(share * effective, effective, share_quantile(self.level, df))
        other = int((~np.isin(kept.values, (0.0, 1.0))).sum())
        return gnomon.Estimate(
            quantity="proportion",
            value=share,
            low=low,
            high=high,
            level=self.level,
            n=n,
            method=f"share of values equal to 1, Wilson interval, {units.words}",
            note=f"{common.plural(other, 'value')} other than 0 and 1" if other else None,
            detail={"ones": int(ones.sum())} | ({"effective n": effective} if units.count else {}),
        )

    def truth(self, table: gnomon.Table) -> float:
        """The mean of the expected scores, for scores of 0 and 1."""
        return common.mean_of_present(table)
