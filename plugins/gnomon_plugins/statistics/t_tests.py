"""Student's t: one sample, pairs, two samples; each also for clustered rows.

One invariant: with clusters the standard error comes from the sums of residuals per cluster and the
degrees of freedom from the number of clusters; with clusters of one row each, or none, the result is
the textbook test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clusters import both_units, clustered_error, standard_error
from gnomon_plugins.statistics._tails import Alternative, t_tail

if TYPE_CHECKING:
    import numpy as np


def t_of_mean(
    values: np.ndarray,
    table: gnomon.Table,
    *,
    name: str,
    against: float,
    alternative: Alternative,
    level: float,
    cluster: str | None,
    quantity: str,
    effect: str,
    what: str,
    method: str,
) -> gnomon.Estimate:
    """The t test that a mean equals a value, with Cohen's d and its noncentral-t interval."""
    spread = common.varied(values, name, what=what)
    units = common.units(table, cluster, what=what)
    error, df = standard_error(values, units.codes)
    if error < common.SMALLEST_SD:
        raise gnomon.StatisticError(
            f"all {units.count} clusters of {units.column!r} have the same mean of {name}, so there is no "
            f"standard error for {what}"
        )
    mean = float(values.mean())
    t = (mean - against) / error
    p, log10_p = t_tail(t, df, alternative)
    reach = effects.t_quantile(level, df) * error
    # The noncentrality is d times sd over standard error: sqrt(n) for independent rows.
    low, high = effects.noncentral_t_interval(t, df, level)
    return gnomon.Estimate(
        quantity=quantity,
        value=mean,
        low=mean - reach,
        high=mean + reach,
        level=level,
        error=error,
        test="t",
        test_value=t,
        df=df,
        p=p,
        log10_p=log10_p,
        effect=effect,
        effect_value=(mean - against) / spread,
        effect_low=low * error / spread,
        effect_high=high * error / spread,
        n=len(values),
        method=f"{method}, {alternative}, {units.words}",
        detail={"sd": spread, "against": against}
        | ({"clusters": units.count} if units.count else {}),
    )


@attrs.frozen(kw_only=True)
class TOneSample:
    """The mean of a score against a fixed value; Student's t with Cohen's d.

    The rows of one cluster may depend on each other: the standard error is
    cluster-robust and t has G − 1 degrees of freedom for G clusters. Fewer than about 20 clusters of
    very unequal sizes make it reject too often. The intervals of the mean (Student's t) and of d
    (noncentral t) are two-sided whatever the alternative.

    Example::

        [[statistic]]
        use = "t-one-sample"
        of = "association-d"
        by = ["stereotype"]
        cluster = "item"
        correction = "holm"

    Attributes:
        against: The mean under the null hypothesis.
        alternative: ``greater``: the mean is greater than ``against``.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "t-one-sample"
    quantities: ClassVar[tuple[str, ...]] = ("mean", "d")
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean with its test and d; refuses fewer than 2 values, or values that are all equal."""
        what = "a one-sample t test"
        kept = common.present(table, table.of[:1], need=2, what=what)
        return t_of_mean(
            kept.values,
            kept,
            name=repr(table.of[0]),
            against=self.against,
            alternative=self.alternative,
            level=self.level,
            cluster=self.cluster,
            quantity="mean",
            effect="d",
            what=what,
            method="one-sample t test",
        )

    def truth(self, table: gnomon.Table) -> float:
        """The mean of the expected scores."""
        return common.mean_of_present(table)

    def power(self, table: gnomon.Table, n: int, alpha: float) -> float | None:
        """Power of the two-sided test by the noncentral t, for the d of the table; None if clustered."""
        from scipy import special

        kept = common.present(table, table.of[:1], need=2, what="power")
        if not self._independent(kept, n) or self.alternative != "two-sided" or n < 2:
            return None
        spread = common.varied(kept.values, repr(table.of[0]), what="power")
        d = (float(kept.values.mean()) - self.against) / spread
        beyond = float(special.stdtrit(n - 1, 1 - alpha / 2))
        shift = d * math.sqrt(n)
        # So far out the noncentral distribution is no longer computed, and the power is 1.
        if abs(shift) - beyond > 30:
            return 1.0
        upper = 1 - float(special.nctdtr(n - 1, shift, beyond))
        return upper + float(special.nctdtr(n - 1, shift, -beyond))

    def _independent(self, table: gnomon.Table, n: int) -> bool:
        """Whether n rows of such a population are one per cluster, or taken as independent."""
        columns = [column for column in table.design if column in table.labels]
        if self.cluster is not None:
            return self.cluster == common.INDEPENDENT
        return all(n <= len(table.coded(column)[0]) for column in columns)


@attrs.frozen(kw_only=True)
class TPaired:
    """The mean of paired differences, first minus second; Student's t with d of the differences.

    Pairs are the two scores of ``of`` within a row, or the two levels of ``between`` matched by
    ``paired_by`` (several values of one unit at one level are averaged first).

    Example::

        [[statistic]]
        use = "t-paired"
        of = "drop"
        between = "context"
        levels = ["full", "withheld"]
        paired_by = ["item"]

    Attributes:
        between: Label column that tells first from second.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares.
        against: The mean difference under the null hypothesis.
        alternative: ``greater``: first is greater than second.
        cluster: Label column whose pairs are not independent; the design's unless given, ``none``
            to take pairs as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "t-paired"
    quantities: ClassVar[tuple[str, ...]] = ("mean-difference", "d-z")
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean difference with its test and d; refuses fewer than 2 pairs or equal differences."""
        what = "a paired t test"
        found = groups.pairs(table, self.between, self.levels, self.paired_by, need=2, what=what)
        first, second = found.names
        made = t_of_mean(
            found.first - found.second,
            found.table,
            name=f"the difference {first} - {second}",
            against=self.against,
            alternative=self.alternative,
            level=self.level,
            cluster=self.cluster,
            quantity="mean-difference",
            effect="d-z",
            what=what,
            method=f"paired t test of {first} - {second}",
        )
        return attrs.evolve(made, note=groups.unpaired_note(found))

    def contrast(self, labels: Mapping[str, str]) -> float | None:
        """Half the effect in the first level and minus half in the second."""
        if self.between is None or self.levels is None:
            return None
        return {self.levels[0]: 0.5, self.levels[1]: -0.5}.get(labels.get(self.between, ""), 0.0)

    def truth(self, table: gnomon.Table) -> float:
        """The mean difference of the expected scores."""
        found = groups.pairs(
            table, self.between, self.levels, self.paired_by, need=1, what="a paired t test"
        )
        return float((found.first - found.second).mean())


@attrs.frozen(kw_only=True)
class TWelch:
    """The difference of two means, first minus second, without assuming equal variances.

    The effect is Cohen's d over the pooled standard deviation, or Hedges' g = J d with the exact J;
    its interval inverts the noncentral t of the pooled test (exact for equal variances). Clusters that lie within one group each give a variance per group and Satterthwaite's
    degrees of freedom on the numbers of clusters; clusters that occur in both groups give the
    cluster-robust error of the difference with G − 1.

    Example::

        [[statistic]]
        use = "t-welch"
        of = "accuracy"
        between = "training"
        levels = ["junk", "control"]
        effect = "g"

    Attributes:
        between: Label column that tells first from second; two scores in ``of`` without it.
        levels: First and second level; alphabetical unless given.
        effect: ``d`` or ``g``.
        equal_variances: Student's test with the pooled variance instead of Welch's; for independent
            rows only.
        against: The difference under the null hypothesis.
        alternative: ``greater``: first is greater than second.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "t-welch"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    effect: Literal["d", "g"] = "d"
    equal_variances: bool = False
    against: float = attrs.field(default=0.0, validator=common.finite)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if self.equal_variances and self.cluster not in (None, common.INDEPENDENT):
            raise ValueError("equal_variances and cluster exclude each other; leave one out")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The difference with its test and effect size; refuses groups of one or of no spread."""
        what = "a t test of two means"
        two = groups.two_samples(table, self.between, self.levels, need=2, what=what)
        pooled = groups.pooled_sd(two, what=what)
        error, df, units = self._error(two, what)
        difference = float(two.first.mean() - two.second.mean())
        t = (difference - self.against) / error
        p, log10_p = t_tail(t, df, self.alternative)
        reach = effects.t_quantile(self.level, df) * error
        size = groups.standardized_difference(
            two,
            pooled,
            self.level,
            effect=self.effect,
            error=error if units.count else None,
            df=df if units.count else None,
        )
        kind = "Student's" if self.equal_variances else "Welch's"
        return gnomon.Estimate(
            quantity="mean-difference",
            value=difference,
            low=difference - reach,
            high=difference + reach,
            level=self.level,
            error=error,
            test="t",
            test_value=t,
            df=df,
            p=p,
            log10_p=log10_p,
            effect=self.effect,
            effect_value=size[0],
            effect_low=size[1],
            effect_high=size[2],
            n=len(two.first) + len(two.second),
            method=f"{kind} t test of {two.names[0]} - {two.names[1]}, {self.alternative}, {units.words}",
            detail=groups.describe(two),
        )

    def _error(self, two: groups.Two, what: str) -> tuple[float, float, common.Units]:
        clustered = clustered_error(two, self.cluster, what=what)
        if clustered is not None and self.equal_variances:
            rows = common.plural(len(two.first) + len(two.second), "row")
            units = clustered[2]
            raise gnomon.StatisticError(
                f"a pooled variance is for independent rows, and {rows} are of "
                f"{common.plural(units.count, 'cluster')} of {units.column!r}; leave out "
                "'equal_variances', or set cluster = 'none' to take rows as independent"
            )
        if clustered is not None:
            return clustered
        units = both_units(two, self.cluster, what=what)
        n = len(two.first), len(two.second)
        variances = float(two.first.var(ddof=1)), float(two.second.var(ddof=1))
        if self.equal_variances:
            df = n[0] + n[1] - 2
            pooled = ((n[0] - 1) * variances[0] + (n[1] - 1) * variances[1]) / df
            return math.sqrt(pooled * (1 / n[0] + 1 / n[1])), df, units
        shares = variances[0] / n[0], variances[1] / n[1]
        df_welch = sum(shares) ** 2 / (shares[0] ** 2 / (n[0] - 1) + shares[1] ** 2 / (n[1] - 1))
        return math.sqrt(sum(shares)), df_welch, units
