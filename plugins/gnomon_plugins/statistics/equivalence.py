"""Evidence for the absence of an effect: equivalence by two one-sided tests, and the Bayes factor.

One invariant: equivalence at level α is the statement that the interval at 1 − 2α lies within the
bounds; the p-value and that interval never contradict each other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clusters import cluster_means, unclustered
from gnomon_plugins.statistics._tails import t_tail
from gnomon_plugins.statistics.t_tests import TOneSample, TPaired, TWelch

if TYPE_CHECKING:
    import numpy as np


def t_test_for(
    table: gnomon.Table,
    rng: np.random.Generator,
    *,
    between: str | None,
    levels: tuple[str, str] | None,
    paired_by: tuple[str, ...],
    against: float = 0.0,
    cluster: str | None = None,
    equal_variances: bool = False,
    level: float,
) -> gnomon.Estimate:
    """The t test that fits the data: one sample, pairs, or two groups."""
    if between is not None and not paired_by:
        return TWelch(
            between=between,
            levels=levels,
            against=against,
            cluster=cluster,
            equal_variances=equal_variances,
            level=level,
        ).estimate(table, rng)
    if between is None and len(table.of) == 1:
        return TOneSample(against=against, cluster=cluster, level=level).estimate(table, rng)
    return TPaired(
        between=between,
        levels=levels,
        paired_by=paired_by or ("item",),
        against=against,
        cluster=cluster,
        level=level,
    ).estimate(table, rng)


@attrs.frozen(kw_only=True)
class Equivalence:
    """Two one-sided t tests: is a mean, or a difference of means, within bounds?

    Schuirmann (1987). p is the greater of the two one-sided p-values; below α the effect lies within the bounds. The
    interval is the one at ``1 − 2 (1 − level)``, which then lies within them too.

    Example::

        [[statistic]]
        use = "equivalence"
        of = "accuracy"
        between = "dialect"
        bounds = [-0.05, 0.05]

    Attributes:
        bounds: Lower and upper bound of what counts as no effect.
        scale: ``raw``: bounds in the unit of the score; ``d``: in standard deviations (of the values,
            of the differences, or pooled), as estimated.
        between: Label column that tells first from second.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares; without them ``between`` tells independent groups apart.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: 1 − α of the two tests.
    """

    name: ClassVar[str] = "equivalence"
    bounds: tuple[float, float]
    scale: Literal["raw", "d"] = "raw"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ()
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds are {list(self.bounds)!r}; the first is below the second")
        if self.level <= 0.5:
            raise ValueError(f"level is {self.level:g}; two one-sided tests need one above 0.5")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean or difference with the equivalence test; refuses what the t test refuses."""
        made = t_test_for(
            table,
            rng,
            between=self.between,
            levels=self.levels,
            paired_by=self.paired_by,
            cluster=self.cluster,
            level=2 * self.level - 1,
        )
        assert made.value is not None
        assert made.error is not None
        assert made.df is not None
        assert made.effect_value is not None
        unit = made.value / made.effect_value if self.scale == "d" and made.effect_value else 1.0
        if self.scale == "d" and not made.effect_value:
            raise gnomon.StatisticError(
                "the effect is exactly 0, so its standard deviation cannot be read off it; give the "
                "bounds on the raw scale"
            )
        bounds = self.bounds[0] * unit, self.bounds[1] * unit
        above = (made.value - bounds[0]) / made.error
        below = (made.value - bounds[1]) / made.error
        tests = (
            (above, *t_tail(above, made.df, "greater")),
            (below, *t_tail(below, made.df, "less")),
        )
        t, p, log10_p = max(tests, key=lambda test: test[2])
        inside = p < 1 - self.level
        return attrs.evolve(
            made,
            test_value=t,
            p=p,
            log10_p=log10_p,
            method=f"two one-sided tests within {bounds[0]:g} and {bounds[1]:g}, {made.method}",
            detail={
                **made.detail,
                "lower bound": bounds[0],
                "upper bound": bounds[1],
                "equivalent": inside,
            },
        )


@attrs.frozen(kw_only=True)
class BayesFactor:
    """The JZS Bayes factor of a t test: how much likelier the data are with an effect than without.

    A Cauchy prior on the standardised effect and Jeffreys' prior on the variance (Rouder et al. 2009,
    eq. 1). Clustered rows are averaged by cluster first, so that the clusters are the units. The value is
    BF10: above 1 for an effect, below 1 for none. The interval and the effect are those of the t test;
    there is no p-value.

    Example::

        [[statistic]]
        use = "bayes-factor"
        of = "score"
        between = "group"

    Attributes:
        prior: Width r of the Cauchy prior.
        between: Label column that tells first from second.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares; without them ``between`` tells independent groups apart.
        against: The mean under the null hypothesis, without ``between``.
        cluster: Label column whose rows are averaged into one unit; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the effect's interval.
    """

    name: ClassVar[str] = "bayes-factor"
    prior: float = attrs.field(default=math.sqrt(0.5), validator=common.positive)
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ()
    against: float = attrs.field(default=0.0, validator=common.finite)
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def _told(self) -> dict[str, Any]:
        return {"cluster": common.INDEPENDENT, "level": self.level}

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """BF10 with d; refuses what the t test refuses."""
        what = "a Bayes factor"
        apart = self.between is not None and not self.paired_by
        if apart:
            two = groups.two_samples(table, self.between, self.levels, need=2, what=what)
            two, units = unclustered(two, self.cluster, what=what)
            table = _grouped(two)
            size = len(two.first) * len(two.second) / (len(two.first) + len(two.second))
            test: TWelch | TOneSample = TWelch(
                between="group", levels=_SIDES, equal_variances=True, **self._told()
            )
            method = f"Student's t test of {two.names[0]} - {two.names[1]}"
        else:
            values, words, note, kept = groups.differences(
                table, self.between, self.levels, self.paired_by or ("item",), need=2, what=what
            )
            units = common.units(kept, self.cluster, what=what)
            if units.codes is not None:
                values = cluster_means(values, units.codes)
            size = float(len(values))
            test = TOneSample(against=self.against, **self._told())
            table = _alone(values)
            method = f"t test of {words}"
        made = test.estimate(table, rng)
        if not apart:
            made = attrs.evolve(
                made, effect="d" if words.startswith("'") else "d-z", note=note or made.note
            )
        assert made.test_value is not None
        assert made.df is not None
        log_factor = log_jzs(made.test_value, size, made.df, self.prior)
        bounded = abs(log_factor) < 700
        return gnomon.Estimate(
            quantity="bf10",
            value=math.exp(min(log_factor, 700.0)),
            level=self.level,
            test="t",
            test_value=made.test_value,
            df=made.df,
            effect=made.effect,
            effect_value=made.effect_value,
            effect_low=made.effect_low,
            effect_high=made.effect_high,
            n=made.n,
            method=f"JZS Bayes factor, Cauchy prior of width {self.prior:.4g}, {method}, two-sided, "
            f"{units.words}",
            note=made.note if bounded else "the factor is beyond the range of a float; see log10",
            detail={"log10": log_factor / math.log(10)},
        )


_SIDES = ("first", "second")


def _alone(values: np.ndarray) -> gnomon.Table:
    """Independent values as a table."""
    import numpy as np

    return gnomon.Table(
        scores={"value": values},
        statuses={"value": np.full(len(values), "ok")},
        labels={},
        of=("value",),
        design=(),
    )


def _grouped(two: groups.Two) -> gnomon.Table:
    """Two samples of independent values as a table."""
    import numpy as np

    table = _alone(np.concatenate([two.first, two.second]))
    sides = np.repeat(_SIDES, [len(two.first), len(two.second)])
    return attrs.evolve(table, labels={"group": sides})


def log_jzs(t: float, size: float, df: float, prior: float) -> float:
    """Natural logarithm of the JZS Bayes factor.

    Args:
        t: The t statistic.
        size: n of one sample, or n₁ n₂ / (n₁ + n₂).
        df: Degrees of freedom.
        prior: Width of the Cauchy prior.

    The integral over g ~ inverse-gamma(1/2, prior²/2) is taken in log g around its highest point.
    """
    import numpy as np
    from scipy import integrate, optimize

    def log_height(u: float) -> float:
        # The integrand and dg = g du, with g = exp(u).
        g = math.exp(u)
        scale = 1 + size * g
        return (
            -0.5 * math.log(scale)
            - (df + 1) / 2 * math.log1p(t * t / (scale * df))
            + math.log(prior / math.sqrt(2 * math.pi))
            - 0.5 * u
            - prior**2 / (2 * g)
        )

    top = float(
        optimize.minimize_scalar(lambda u: -log_height(u), bounds=(-30, 60), method="bounded").x
    )
    peak = log_height(top)
    area, _ = integrate.quad(
        lambda u: math.exp(log_height(u) - peak), top - 40, top + 80, points=[top], limit=400
    )
    return float(peak + np.log(area)) + (df + 1) / 2 * math.log1p(t * t / df)
