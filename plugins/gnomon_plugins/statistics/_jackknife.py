"""The jackknife over clusters: an estimate's error from what it becomes without each of them.

One invariant: a cluster is left out with all of its rows, and t has as many degrees of freedom as there are
clusters less one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics._tails import Alternative, t_tail

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class Scale:
    """The scale on which errors are taken to be normal.

    Attributes:
        to: From the estimate to the scale; vectorised.
        back: From the scale.
        slope: Derivative of ``back`` at a value of the estimate.
    """

    to: Callable[[np.ndarray], np.ndarray]
    back: Callable[[float], float]
    slope: Callable[[float], float]


def fisher() -> Scale:
    """Fisher's z, for correlations and coefficients of agreement."""
    import numpy as np

    return Scale(to=np.arctanh, back=math.tanh, slope=lambda value: 1 - value * value)


def log_of_error() -> Scale:
    """log(1 − α), for reliabilities that are 1 less a share of error (Bonett 2002)."""
    import numpy as np

    return Scale(
        to=lambda value: np.log(1 - value),
        back=lambda value: 1 - math.exp(value),
        slope=lambda value: value - 1,
    )


@attrs.frozen(kw_only=True)
class Jackknifed:
    """Standard error, interval and test against a value, all on one scale."""

    error: float
    low: float
    high: float
    t: float
    df: int
    p: float
    log10_p: float


def jackknifed(
    value: float,
    without: np.ndarray,
    units: common.Units,
    *,
    scale: Scale,
    level: float,
    alternative: Alternative = "two-sided",
    what: str,
) -> Jackknifed:
    """What the estimates without each cluster say of an estimate; the test is against 0.

    Args:
        value: The estimate from all rows.
        without: The estimate without each cluster, of shape (clusters,).
        units: The clusters.
        scale: Where errors are normal.
        level: Confidence level.
        alternative: The side of the test.
        what: The statistic in words, with its article.

    Raises:
        StatisticError: Without some cluster there is no estimate, or it is the same without any.
    """
    import numpy as np
    from scipy import special

    count = len(without)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = scale.to(np.asarray(without, dtype=float))
        centre = float(scale.to(np.array(value)))
        spread = math.sqrt((count - 1) / count * float(((scaled - scaled.mean()) ** 2).sum()))
    # Without a cluster the estimate moves by about 1/G of it; less than rounding is no movement.
    if not math.isfinite(centre) or not math.isfinite(spread) or spread < common.SMALLEST_SD:
        raise gnomon.StatisticError(
            f"without one of the clusters of {units.column!r} there is no estimate, or it is the same "
            f"without any of them ({value:.6g}), so there is no standard error for {what}"
        )
    t = (centre - float(scale.to(np.array(0.0)))) / spread
    if scale.slope(value) < 0:
        t = -t
    p, log10_p = t_tail(t, count - 1, alternative)
    reach = float(special.stdtrit(count - 1, (1 + level) / 2)) * spread
    ends = sorted((scale.back(centre - reach), scale.back(centre + reach)))
    return Jackknifed(
        error=spread * abs(scale.slope(value)),
        low=ends[0],
        high=ends[1],
        t=t,
        df=count - 1,
        p=p,
        log10_p=log10_p,
    )


def left_out(sums: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """The sum over all rows less that of each cluster, of shape (clusters, …), for terms (rows, …)."""
    import numpy as np

    flat = sums.reshape(len(sums), -1)
    by = np.column_stack([np.bincount(codes, weights=term, minlength=count) for term in flat.T])
    made: np.ndarray = (flat.sum(axis=0) - by).reshape(count, *sums.shape[1:])
    return made


def of_clusters(
    made: gnomon.Estimate,
    without: np.ndarray,
    units: common.Units,
    *,
    level: float,
    scale: Scale | None = None,
    what: str,
) -> gnomon.Estimate:
    """An estimate of independent units with the error, interval and test of clusters in their place."""
    assert made.value is not None
    found = jackknifed(made.value, without, units, scale=scale or fisher(), level=level, what=what)
    return attrs.evolve(
        made,
        low=found.low,
        high=found.high,
        level=level,
        error=found.error,
        test="t",
        test_value=found.t,
        df=found.df,
        df2=None,
        p=found.p,
        log10_p=found.log10_p,
        effect_low=None if made.effect is None else found.low,
        effect_high=None if made.effect is None else found.high,
        detail={**made.detail, "clusters": units.count},
    )


def without_each(
    of: Callable[[np.ndarray], float], rows: np.ndarray, units: common.Units
) -> np.ndarray:
    """A function of rows, computed without each cluster in turn; NaN where it is refused."""
    import numpy as np

    out = np.full(units.count, np.nan)
    for number in range(units.count):
        try:
            out[number] = of(rows[units.codes != number])
        except gnomon.StatisticError:
            continue
    return out


def resampled(
    units: common.Units, rows: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """How often each row is drawn in each resample, of shape (resamples, rows): whole clusters at once."""
    import numpy as np

    if units.codes is None:
        return rng.multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    chances = np.full(units.count, 1 / units.count)
    drawn: np.ndarray = rng.multinomial(units.count, chances, size=resamples)[:, units.codes]
    return drawn
