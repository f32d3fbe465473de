"""Tests of one sample or of pairs by signs and signed ranks: Wilcoxon, sign.

One invariant: the estimate beside the test is the one whose interval inverts that test
(Hodges & Lehmann 1963), so that both speak of the same thing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clustered_ranks import SignedRanks
from gnomon_plugins.statistics._clusters import of_clusters, share_quantile, share_test
from gnomon_plugins.statistics._ranks import order_statistic, rank_biserial_interval
from gnomon_plugins.statistics._tails import Alternative, log10_of, normal_tail

if TYPE_CHECKING:
    import numpy as np

_EXACT_PAIRS = 50


def _signed_rank_quantile(n: int, level: float) -> tuple[float, float]:
    """Half-width, in counts of Walsh averages, of the interval that inverts the signed-rank test.

    Returns:
        The count that lies above the upper end, and the standard error of W under the null.
    """
    import numpy as np

    error = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    total = n * (n + 1) // 2
    if n > _EXACT_PAIRS:
        return total / 2 - effects.normal_quantile(level) * error, error
    counts = np.zeros(total + 1)
    counts[0] = 1
    for rank in range(1, n + 1):
        counts[rank:] += counts[:-rank].copy()
    below = np.cumsum(counts) / 2.0**n
    return float(np.searchsorted(below, (1 - level) / 2, side="right")) - 0.5, error


@attrs.frozen(kw_only=True)
class Wilcoxon:
    """Wilcoxon's signed-rank test of a score against a value, or of paired differences.

    The p-value is exact for up to 50 values without zeros and ties, else normal with the correction
    for ties. For clustered rows whole clusters' signs are turned (Rosner, Glynn & Lee 2006): all ways
    are counted for up to 12 clusters, else the normal form is used. Values equal to ``against`` are left out. The estimate is the pseudo-median
    (Hodges–Lehmann); the effect is the matched rank-biserial correlation.

    Example::

        [[statistic]]
        use = "wilcoxon"
        of = ["with-context", "without-context"]

    Attributes:
        between: Label column that tells first from second; two scores in ``of``, or one score against
            a fixed value, without it.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares.
        against: The pseudo-median under the null hypothesis.
        alternative: ``greater``: the values, or first − second, are greater than ``against``.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "wilcoxon"
    quantities: ClassVar[tuple[str, ...]] = ("pseudo-median", "rank-biserial")
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The pseudo-median with its test; refuses when no value differs from ``against``."""
        import numpy as np
        from scipy import stats

        what = "a signed-rank test"
        differences, words, note, kept = groups.differences(
            table, self.between, self.levels, self.paired_by, need=2, what=what
        )
        differences = differences - self.against
        nonzero = differences[np.abs(differences) > common.SMALLEST_SD]
        n = len(nonzero)
        if n == 0:
            raise gnomon.StatisticError(
                f"all {common.plural(len(differences), 'value')} of {words} equal {self.against:g}; "
                f"{what} needs values that differ from it"
            )
        units = common.units(kept, self.cluster, what=what)
        if units.codes is not None:
            return self._clustered(differences, units, words, note)
        magnitudes = np.abs(nonzero)
        tied = len(np.unique(magnitudes)) < n
        exact = n <= _EXACT_PAIRS and not tied
        tested = stats.wilcoxon(
            nonzero, alternative=self.alternative, method="exact" if exact else "asymptotic"
        )
        ranks = stats.rankdata(magnitudes)
        positive, total = float(ranks[nonzero > 0].sum()), n * (n + 1) / 2
        p, log10_p = float(tested.pvalue), log10_of(float(tested.pvalue))
        if not exact:
            p, log10_p = normal_tail(self._z(ranks, positive), self.alternative)
        ordered = np.sort(differences)
        quantile, _ = _signed_rank_quantile(len(differences), self.level)
        walsh = len(differences) * (len(differences) + 1) / 2

        def above(point: float) -> float:
            return _walsh_above(ordered, point)

        ends = [
            self.against + order_statistic(above, ordered[0] - 1, ordered[-1] + 1, rank)
            for rank in (walsh - quantile, walsh / 2, quantile)
        ]
        r = 2 * positive / total - 1
        error = math.sqrt((2 * n**3 + 3 * n**2 + n) / 6) / total
        low, high = rank_biserial_interval(r, error, self.level)
        return gnomon.Estimate(
            quantity="pseudo-median",
            value=ends[1],
            low=ends[0],
            high=ends[2],
            level=self.level,
            test="W+",
            test_value=positive,
            p=p,
            log10_p=log10_p,
            effect="rank-biserial",
            effect_value=r,
            effect_low=low,
            effect_high=high,
            n=len(differences),
            method=f"Wilcoxon signed-rank test of {words}, {'exact' if exact else 'normal with ties'}"
            f", {self.alternative}, {units.words}",
            note=note,
            detail={"zeros": len(differences) - n},
        )

    def _clustered(
        self, differences: np.ndarray, units: common.Units, words: str, note: str | None
    ) -> gnomon.Estimate:
        import numpy as np

        assert units.codes is not None
        signed = SignedRanks(values=differences, codes=units.codes, count=units.count)
        sums, total = signed.sums()
        if not sums.any():
            raise gnomon.StatisticError(
                f"the signed ranks of every cluster of {units.column!r} cancel out, so there is no "
                "error for a signed-rank test"
            )
        p, log10_p = signed.test(self.alternative)
        ordered = np.sort(differences)
        centre = order_statistic(
            lambda point: _walsh_above(ordered, point),
            ordered[0] - 1,
            ordered[-1] + 1,
            len(differences) * (len(differences) + 1) / 4,
        )
        low, high = signed.interval(self.level)
        r = float(sums.sum()) / total
        ends = rank_biserial_interval(r, math.sqrt(float(sums @ sums)) / total, self.level)
        form = f"all {2**units.count} turns of clusters' signs" if signed.exact else "normal"
        few = None if low is not None else f"too few clusters for an interval at {self.level:g}"
        return gnomon.Estimate(
            quantity="pseudo-median",
            value=self.against + float(centre),
            low=None if low is None else self.against + low,
            high=None if high is None else self.against + high,
            level=self.level,
            test="W+",
            test_value=(total + float(sums.sum())) / 2,
            p=p,
            log10_p=log10_p,
            effect="rank-biserial",
            effect_value=r,
            effect_low=ends[0],
            effect_high=ends[1],
            n=len(differences),
            method=f"Wilcoxon signed-rank test of {words}, {form}, {self.alternative}, {units.words}",
            note="; ".join(filter(None, (note, few))) or None,
            detail={
                "zeros": int((np.abs(differences) <= common.SMALLEST_SD).sum()),
                "clusters": units.count,
            },
        )

    @staticmethod
    def _z(ranks: np.ndarray, positive: float) -> float:
        return (positive - float(ranks.sum()) / 2) / math.sqrt(float(ranks @ ranks) / 4)


def _walsh_above(ordered: np.ndarray, point: float) -> float:
    """How many Walsh averages (x_i + x_j)/2, i ≤ j, lie above a point; O(n log n)."""
    import numpy as np

    partners = len(ordered) - np.searchsorted(ordered, 2 * point - ordered, side="right")
    return (float(partners.sum()) + float((ordered > point).sum())) / 2


@attrs.frozen(kw_only=True)
class Sign:
    """The sign test: the share of values above ``against`` among those that differ from it.

    Independent rows: exact, with the interval of Clopper & Pearson. Clustered rows: the score test
    for as many rows as the clustered ones are worth (Rao & Scott 1992), with t on G − 1 degrees of
    freedom and Wilson's interval, which inverts it.

    Example::

        [[statistic]]
        use = "sign"
        of = "score"
        between = "prompt"
        paired_by = ["item"]

    Attributes:
        between: Label column that tells first from second; two scores in ``of``, or one score against
            a fixed value, without it.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares.
        against: The median under the null hypothesis.
        alternative: ``greater``: the values, or first − second, are greater than ``against``.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "sign"
    quantities: ClassVar[tuple[str, ...]] = ("share-above", "g")
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The share above with its test; refuses when no value differs from ``against``."""
        import numpy as np
        from scipy import stats

        what = "a sign test"
        differences, words, note, kept = groups.differences(
            table, self.between, self.levels, self.paired_by, need=1, what=what
        )
        differences = differences - self.against
        above = int((differences > common.SMALLEST_SD).sum())
        n = above + int((differences < -common.SMALLEST_SD).sum())
        if n == 0:
            raise gnomon.StatisticError(
                f"all {common.plural(len(differences), 'value')} of {words} equal {self.against:g}; "
                f"{what} needs values that differ from it"
            )
        units = common.units(kept, self.cluster, what=what)
        if units.codes is None:
            p = float(stats.binomtest(above, n, 0.5, alternative=self.alternative).pvalue)
            log10_p = effects.log10_binomial(above, n, 0.5, self.alternative, p)
            low, high = effects.clopper_pearson(above, n, self.level)
            form = "exact sign test", "Clopper-Pearson interval"
        else:
            apart = np.abs(differences) > common.SMALLEST_SD
            ones = (differences[apart] > 0).astype(float)
            _, codes = np.unique(units.codes[apart], return_inverse=True)
            effective, df = of_clusters(ones, codes, units, what=what)
            _, p, log10_p = share_test(above / n, 0.5, effective, df, self.alternative)
            quantile = share_quantile(self.level, df)
            low, high = effects.wilson(above / n * effective, effective, quantile)
            form = "sign test", "score test and Wilson interval"
        return gnomon.Estimate(
            quantity="share-above",
            value=above / n,
            low=low,
            high=high,
            level=self.level,
            test="S",
            test_value=above,
            p=p,
            log10_p=log10_p,
            effect="g",
            effect_value=above / n - 0.5,
            effect_low=low - 0.5,
            effect_high=high - 0.5,
            n=n,
            method=f"{form[0]} of {words}, {self.alternative}, {form[1]}, {units.words}",
            note=note,
            detail={"zeros": len(differences) - n},
        )
