"""What every correlation of two scores is made into: an estimate with its test and its interval.

One invariant: both come from one scale, Fisher's z, for independent rows and for clusters; a correlation of
±1 has neither.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._jackknife import fisher, jackknifed
from gnomon_plugins.statistics._tails import Alternative, t_tail

if TYPE_CHECKING:
    import numpy as np

PERFECT = 1 - 1e-12
"""Beyond this a correlation is ±1 but for rounding, and its t would be noise."""
ON_A_LINE = "the rows lie on a line without error, so there is no test"


def two_scores(table: gnomon.Table, *, need: int, what: str) -> gnomon.Table:
    """The rows in which both scores of ``of`` are present; neither is constant.

    Raises:
        StatisticError: ``of`` does not name two scores, or they cannot be correlated.
    """
    if len(table.of) != 2:
        raise gnomon.StatisticError(
            f"{what} needs two scores in 'of' (found {common.plural(len(table.of), 'score')})"
        )
    kept = common.present(table, table.of, need=need, what=what)
    for name in table.of:
        common.varied(kept.score(name), repr(name), what=what)
    return kept


def of_r(
    r: float,
    df: float,
    *,
    n: int,
    level: float,
    alternative: Alternative,
    variance: float,
    quantity: str = "r",
    method: str,
    note: str | None = None,
    detail: dict[str, float] | None = None,
) -> gnomon.Estimate:
    """A correlation with its t test and its interval through Fisher's z.

    Args:
        r: The correlation.
        df: Degrees of freedom of t = r sqrt(df / (1 − r²)).
        n: Rows.
        level: Confidence level.
        alternative: The side of the test.
        variance: Variance of z; infinite or negative where there are too few rows for an interval.
        quantity: Name of the estimate.
        method: Its method.
        note: A warning.
        detail: Further numbers.
    """
    t: float | None = None
    p: float | None = None
    log10_p: float | None = None
    if abs(r) > PERFECT:
        r = math.copysign(1.0, r)
        note = note or ON_A_LINE
    else:
        t = r * math.sqrt(df / (1 - r * r))
        p, log10_p = t_tail(t, df, alternative)
    low: float | None = None
    high: float | None = None
    if abs(r) < 1 and 0 < variance < math.inf:
        low, high = effects.fisher_interval(r, variance, level)
    elif abs(r) < 1:
        note = note or "too few rows for an interval through Fisher's z"
    return gnomon.Estimate(
        quantity=quantity,
        value=r,
        low=low,
        high=high,
        level=level,
        test="t",
        test_value=t,
        df=df,
        p=p,
        log10_p=log10_p,
        effect="r",
        effect_value=r,
        effect_low=low,
        effect_high=high,
        n=n,
        method=method,
        note=note,
        detail=detail or {},
    )


def inverse(rows: float) -> float:
    """1 / rows, or infinity where no rows are left."""
    return 1 / rows if rows > 0 else math.inf


def of_clusters(
    value: float,
    without: np.ndarray,
    units: common.Units,
    *,
    n: int,
    level: float,
    alternative: Alternative,
    quantity: str,
    effect: str = "r",
    what: str,
    kind: str,
) -> gnomon.Estimate:
    """A correlation whose error, on Fisher's scale, is the jackknife over clusters, with G − 1.

    Args:
        value: The correlation.
        without: The correlation without each cluster.
        units: The clusters.
        n: Rows.
        level: Confidence level.
        alternative: The side of the test.
        quantity: Name of the estimate.
        effect: Name of the effect size.
        what: The statistic in words.
        kind: The statistic as its method calls it.
    """
    method = f"{kind}, {alternative}, {units.words}, jackknife of Fisher's z"
    if abs(value) > PERFECT:
        return gnomon.Estimate(
            quantity=quantity,
            value=math.copysign(1.0, value),
            effect=effect,
            effect_value=math.copysign(1.0, value),
            n=n,
            method=method,
            note=ON_A_LINE,
            detail={"clusters": units.count},
        )
    made = jackknifed(
        value, without, units, scale=fisher(), level=level, alternative=alternative, what=what
    )
    return gnomon.Estimate(
        quantity=quantity,
        value=value,
        low=made.low,
        high=made.high,
        level=level,
        error=made.error,
        test="t",
        test_value=made.t,
        df=made.df,
        p=made.p,
        log10_p=made.log10_p,
        effect=effect,
        effect_value=value,
        effect_low=made.low,
        effect_high=made.high,
        n=n,
        method=method,
        detail={"clusters": units.count},
    )
