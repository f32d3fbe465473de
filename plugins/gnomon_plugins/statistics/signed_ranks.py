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
    for ties. Values equal to ``against`` are left out. The estimate is the pseudo-median
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
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "wilcoxon"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The pseudo-median with its test; refuses when no value differs from ``against``."""
        import numpy as np
        from scipy import stats

        what = "a signed-rank test"
        differences, words, note = groups.differences(
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
            f", {self.alternative}",
            note=note,
            detail={"zeros": len(differences) - n},
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
    """The sign test: the share of values above ``against`` among those that differ from it; exact.

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
        level: Confidence level of the interval (Clopper–Pearson).
    """

    name: ClassVar[str] = "sign"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The share above with its exact test; refuses when no value differs from ``against``."""
        from scipy import stats

        what = "a sign test"
        differences, words, note = groups.differences(
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
        p = float(stats.binomtest(above, n, 0.5, alternative=self.alternative).pvalue)
        low, high = effects.clopper_pearson(above, n, self.level)
        return gnomon.Estimate(
            quantity="share-above",
            value=above / n,
            low=low,
            high=high,
            level=self.level,
            test="S",
            test_value=above,
            p=p,
            log10_p=effects.log10_binomial(above, n, 0.5, self.alternative, p),
            effect="g",
            effect_value=above / n - 0.5,
            effect_low=low - 0.5,
            effect_high=high - 0.5,
            n=n,
            method=f"exact sign test of {words}, {self.alternative}, Clopper-Pearson interval",
            note=note,
            detail={"zeros": len(differences) - n},
        )
