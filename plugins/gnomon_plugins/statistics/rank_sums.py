"""Tests of groups by ranks: Mann–Whitney, Kruskal–Wallis.

One invariant: the shift beside the test is the one whose interval inverts that test
(Hodges & Lehmann 1963), so that both speak of the same thing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _design as design
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clustered_ranks import (
    bisected,
    fisher_of,
    placed,
    share_interval,
    wald,
)
from gnomon_plugins.statistics._clusters import both_units, clustered_error
from gnomon_plugins.statistics._ranks import order_statistic, rank_biserial_interval
from gnomon_plugins.statistics._tails import (
    Alternative,
    chi2_tail,
    f_tail,
    log10_of,
    normal_tail,
    t_tail,
)

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class MannWhitney:
    """Mann–Whitney U test of two groups.

    The p-value is exact for a group of up to 8 without ties, else normal with the corrections for
    ties and continuity. The estimate is the Hodges–Lehmann shift, first minus second; the effect is
    the rank-biserial correlation 2 P(first > second) + P(equal) − 1. For clustered rows the error of
    P(first > second) is Obuchowski's (1997), with t on G − 1 degrees of freedom where clusters lie in both
    groups and Satterthwaite's where each lies in one; the interval of the shift inverts that test.

    Example::

        [[statistic]]
        use = "mann-whitney"
        of = "rating"
        between = "author"
        levels = ["human", "model"]

    Attributes:
        between: Label column that tells first from second; two scores in ``of`` without it.
        levels: First and second level; alphabetical unless given.
        alternative: ``greater``: first is greater than second.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "mann-whitney"
    quantities: ClassVar[tuple[str, ...]] = ("shift", "rank-biserial")
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The shift with its test; refuses when all values are equal."""
        import numpy as np
        from scipy import stats

        what = "a Mann-Whitney test"
        two = groups.two_samples(table, self.between, self.levels, need=1, what=what)
        n, m = len(two.first), len(two.second)
        both = np.concatenate([two.first, two.second])
        common.varied(both, " and ".join(two.names), what=what)
        units = both_units(two, self.cluster, what=what)
        if units.codes is not None:
            return self._clustered(two, units, what)
        tied = len(np.unique(both)) < len(both)
        exact = min(n, m) <= 8 and not tied
        tested = stats.mannwhitneyu(
            two.first,
            two.second,
            alternative=self.alternative,
            method="exact" if exact else "asymptotic",
        )
        u = float(tested.statistic)
        p, log10_p = float(tested.pvalue), log10_of(float(tested.pvalue))
        _, ties = np.unique(both, return_counts=True)
        size = n + m
        spread = math.sqrt(
            n * m / 12 * (size + 1 - float((ties**3 - ties).sum()) / size / (size - 1))
        )
        if not exact:
            p, log10_p = _corrected_tail((u - n * m / 2), spread, self.alternative)
        first, second = np.sort(two.first), np.sort(two.second)

        def above(point: float) -> float:
            return float(np.searchsorted(second, first - point, side="left").sum())

        quantile = n * m / 2 - effects.normal_quantile(self.level) * math.sqrt(
            n * m * (size + 1) / 12
        )
        if exact:
            quantile = _exact_u_quantile(n, m, self.level)
        ends = [
            order_statistic(above, first[0] - second[-1] - 1, first[-1] - second[0] + 1, rank)
            for rank in (n * m - quantile, n * m / 2, quantile)
        ]
        r = 2 * u / (n * m) - 1
        low, high = rank_biserial_interval(r, math.sqrt((size + 1) / (3 * n * m)), self.level)
        return gnomon.Estimate(
            quantity="shift",
            value=ends[1],
            low=ends[0],
            high=ends[2],
            level=self.level,
            test="U",
            test_value=u,
            p=p,
            log10_p=log10_p,
            effect="rank-biserial",
            effect_value=r,
            effect_low=low,
            effect_high=high,
            n=size,
            method=f"Mann-Whitney U test of {two.names[0]} - {two.names[1]}, "
            f"{'exact' if exact else 'normal with ties and continuity'}, {self.alternative}, "
            f"{units.words}",
            detail=groups.describe(two),
        )

    def _clustered(self, two: groups.Two, units: common.Units, what: str) -> gnomon.Estimate:
        import numpy as np
        from scipy import special

        superior = float(placed(two).first.mean())
        if superior in (0.0, 1.0):
            over, under = two.names if superior else two.names[::-1]
            raise gnomon.StatisticError(
                f"every value of {over} is greater than every value of {under}, so there is no error "
                f"for {what} of clustered rows; use permutation"
            )

        def tested(shift: float) -> tuple[float, float, float]:
            """T, its degrees of freedom and the standard error of the probability at a shift."""
            at = placed(two, shift)
            share = float(at.first.mean())
            if share in (0.0, 1.0):
                return math.copysign(math.inf, share - 0.5), 1.0, 0.0
            found = clustered_error(at, self.cluster, what=what)
            assert found is not None
            return (share - 0.5) / found[0], found[1], found[0]

        t, df, error = tested(0.0)
        p, log10_p = t_tail(t, df, self.alternative)
        first, second = np.sort(two.first), np.sort(two.second)
        ends = first[0] - second[-1] - 1, first[-1] - second[0] + 1
        tail = (1 - self.level) / 2

        def not_above(shift: float, chance: float) -> bool:
            value, own_df, _ = tested(shift)
            return value < 0 if math.isinf(value) else float(special.stdtr(own_df, value)) <= chance

        def above(point: float) -> float:
            return float(np.searchsorted(second, first - point, side="left").sum())

        n = len(first) + len(second)
        quantile = float(special.stdtrit(df, 1 - tail))
        low, high = fisher_of(2 * superior - 1, 2 * error, quantile)
        return gnomon.Estimate(
            quantity="shift",
            value=order_statistic(above, *ends, len(first) * len(second) / 2),
            low=bisected(lambda shift: not_above(shift, 1 - tail), *ends),
            high=bisected(lambda shift: not_above(shift, tail), *ends),
            level=self.level,
            test="t",
            test_value=t,
            df=df,
            p=p,
            log10_p=log10_p,
            effect="rank-biserial",
            effect_value=2 * superior - 1,
            effect_low=low,
            effect_high=high,
            n=n,
            method=f"Mann-Whitney test of {two.names[0]} - {two.names[1]}, Obuchowski's error, "
            f"{self.alternative}, {units.words}",
            detail=groups.describe(two) | {"clusters": units.count},
        )


def _corrected_tail(
    distance: float, spread: float, alternative: Alternative
) -> tuple[float, float]:
    """Normal tail with the continuity correction towards the null."""
    if alternative == "two-sided":
        p, log10_p = normal_tail(max(abs(distance) - 0.5, 0.0) / spread, "two-sided")
        return min(p, 1.0), min(log10_p, 0.0)
    sign = 1 if alternative == "greater" else -1
    return normal_tail((distance - 0.5 * sign) / spread, alternative)


def _exact_u_quantile(n: int, m: int, level: float) -> float:
    """Count of differences above the upper end, from the exact distribution of U."""
    import numpy as np

    counts = np.zeros(n * m + 1)
    counts[0] = 1
    # The Gaussian binomial coefficient: multiply by (1 - q^(m+i)), divide by (1 - q^i).
    for i in range(1, n + 1):
        if m + i <= n * m:
            counts[m + i :] -= counts[: -(m + i)].copy()
        for k in range(i, n * m + 1):
            counts[k] += counts[k - i]
    below = np.cumsum(counts) / counts.sum()
    return float(np.searchsorted(below, (1 - level) / 2, side="right")) - 0.5


@attrs.frozen(kw_only=True)
class Kruskal:
    """Kruskal–Wallis test of several groups, corrected for ties, with epsilon-squared.

    The interval of epsilon-squared inverts the noncentral chi-square that H follows for large samples
    near the null. For clustered rows the mean ranks are compared with cluster-robust errors (Lumley &
    Scott 2013) by Hotelling's F on k − 1 and G − k + 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "kruskal"
        of = "rating"
        between = "condition"

    Attributes:
        between: Label column of the groups.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "kruskal"
    quantities: ClassVar[tuple[str, ...]] = ("epsilon-squared",)
    between: str
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """Epsilon-squared with the test; refuses one group, or values that are all equal."""
        from scipy import stats

        what = "a Kruskal-Wallis test"
        samples = groups.several(table, self.between, need=1, what=what)
        kept = common.present(table, table.of[:1], need=3, what=what)
        units = common.units(kept, self.cluster, what=what)
        values = [sample for _, sample in samples]
        n = sum(map(len, values))
        h = float(stats.kruskal(*values).statistic)
        df = len(values) - 1
        p, log10_p = chi2_tail(h, df)
        low, high = effects.noncentral_interval(h, df, math.inf, self.level)
        size = min(1.0, h / (n - 1))
        ends = min(1.0, low / (n - 1)), min(1.0, high / (n - 1))
        method = f"Kruskal-Wallis test between {self.between}, corrected for ties, {units.words}"
        made = gnomon.Estimate(
            quantity="epsilon-squared",
            value=size,
            low=ends[0],
            high=ends[1],
            level=self.level,
            test="H",
            test_value=h,
            df=df,
            p=p,
            log10_p=log10_p,
            effect="epsilon-squared",
            effect_value=size,
            effect_low=ends[0],
            effect_high=ends[1],
            n=n,
            method=method,
            detail={f"n {name}": len(sample) for name, sample in samples},
        )
        return made if units.codes is None else self._clustered(made, kept, units, what)

    def _clustered(
        self, made: gnomon.Estimate, table: gnomon.Table, units: common.Units, what: str
    ) -> gnomon.Estimate:
        import numpy as np
        from scipy import stats

        assert units.codes is not None
        assert made.test_value is not None
        assert made.df is not None
        x = np.hstack([np.ones((len(table), 1)), design.sum_coded(table, self.between, what=what)])
        ranks = stats.rankdata(table.values)
        found = wald(x, ranks, units.codes, units.count, slice(1, None))
        if found is None:
            raise gnomon.StatisticError(
                f"{what} of {int(made.df) + 1} groups needs more than {int(made.df)} clusters whose "
                f"ranks differ, and {units.column!r} has {units.count}"
            )
        f, df1, df2 = found
        p, log10_p = f_tail(f, df1, df2)
        ends = share_interval(f, df1, df2, made.test_value / df1, len(table), self.level)
        return attrs.evolve(
            made,
            low=ends[0],
            high=ends[1],
            test="F",
            test_value=f,
            df=df1,
            df2=df2,
            p=p,
            log10_p=log10_p,
            effect_low=ends[0],
            effect_high=ends[1],
            detail={**made.detail, "clusters": units.count, "H": made.test_value},
        )
