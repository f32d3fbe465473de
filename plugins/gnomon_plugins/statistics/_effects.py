"""Effect sizes and their exact intervals.

One invariant: an interval is found by inverting the distribution of the test statistic under the
alternative (Steiger & Fouladi 1997), so that it excludes 0 exactly when the two-sided test at the same
level rejects.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gnomon_plugins.statistics._tails import Alternative

_FAR = 1e8
"""Noncentralities beyond which the limit of the distribution is used."""


def noncentral_t_interval(t: float, df: float, level: float) -> tuple[float, float]:
    """Interval of the noncentrality of t.

    Args:
        t: Observed t.
        df: Degrees of freedom.
        level: Confidence level in (0, 1).

    Returns:
        The two noncentralities under which ``t`` lies at the upper and the lower quantile. Where t
        is beyond the range of the noncentral distribution (|t| > 1000), the large-sample form with
        variance 1 + t²/(2 df) is used.
    """
    from scipy import special

    tail = (1 - level) / 2
    spread = math.sqrt(1 + t * t / (2 * df))
    reach = float(special.ndtri(1 - tail)) * spread
    if abs(t) > 1000:
        return t - reach, t + reach

    def cdf(noncentrality: float) -> float:
        exact = float(special.nctdtr(df, noncentrality, t))
        if not math.isnan(exact):
            return exact
        # Far in a tail the library gives NaN; the normal form (Abramowitz & Stegun, 26.7.10) does not.
        return float(special.ndtr((t * (1 - 1 / (4 * df)) - noncentrality) / spread))

    return _invert(cdf, 1 - tail, t, reach), _invert(cdf, tail, t, reach)


def _invert(cdf: Callable[[float], float], target: float, centre: float, reach: float) -> float:
    """Where a falling function of the noncentrality equals the target."""
    from scipy import optimize

    low = high = centre
    while cdf(low) < target:
        low -= reach
    while cdf(high) > target:
        high += reach
    return float(optimize.brentq(lambda nc: cdf(nc) - target, low, high, xtol=1e-12, rtol=1e-12))


def noncentral_interval(value: float, df1: float, df2: float, level: float) -> tuple[float, float]:
    """Interval of a noncentrality that cannot be negative.

    Args:
        value: Observed F; or observed chi-square, with infinite ``df2``.
        df1: Its degrees of freedom.
        df2: Those of F's denominator.
        level: Confidence level in (0, 1).
    """
    from scipy import special

    is_f = math.isfinite(df2)
    centre, tail = value * df1 if is_f else value, (1 - level) / 2
    if centre > _FAR:
        # So far out the chance of the numerator no longer matters, and the library gives NaN.
        if is_f:
            low, high = (centre * float(special.chdtri(df2, p)) / df2 for p in (1 - tail, tail))
            return low, high
        reach = normal_quantile(level)
        return (math.sqrt(centre) - reach) ** 2, (math.sqrt(centre) + reach) ** 2

    def cdf(noncentrality: float) -> float:
        """The chance of a smaller statistic; it falls with the noncentrality."""
        if is_f:
            return float(special.ncfdtr(df1, df2, noncentrality, value))
        return float(special.chndtr(value, df1, noncentrality))

    step = 2 * math.sqrt(max(centre, 1.0)) + 1

    def end(target: float) -> float:
        from scipy import optimize

        if cdf(0.0) <= target:
            return 0.0
        high = max(centre, 1.0)
        while cdf(high) > target:
            high += step
        return float(optimize.brentq(lambda nc: cdf(nc) - target, 0.0, high, xtol=1e-10))

    return end(1 - tail), end(tail)


def exponential(log: float) -> float | None:
    """The exponential of a number, such as an odds ratio; None where no 64-bit number is so large."""
    return math.exp(log) if log < 700 else None


def hedges_factor(df: float) -> float:
    """The exact small-sample factor J that makes g = J d unbiased (Hedges 1981, eq. 6e)."""
    if df <= 1:
        return 0.0
    return math.exp(math.lgamma(df / 2) - 0.5 * math.log(df / 2) - math.lgamma((df - 1) / 2))


def fisher_interval(r: float, variance: float, level: float) -> tuple[float, float]:
    """Interval of a correlation through Fisher's z.

    Args:
        r: The correlation.
        variance: Variance of z, such as 1 / (n − 3).
        level: Confidence level in (0, 1).
    """
    if abs(r) >= 1:
        return r, r
    reach = normal_quantile(level) * math.sqrt(variance)
    return math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)


def wilson(successes: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's (1927) score interval of a proportion, for a quantile ``z`` such as 1.96."""
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Rounding must not push the end off the exact 0 or 1.
    return (0.0 if successes == 0 else middle - reach), (1.0 if successes == n else middle + reach)


def clopper_pearson(successes: int, n: int, level: float) -> tuple[float, float]:
    """Clopper & Pearson's (1934) exact interval of a proportion."""
    from scipy import special

    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, n - successes + 1, tail))
    high = (
        1.0 if successes == n else float(special.betaincinv(successes + 1, n - successes, 1 - tail))
    )
    return low, high


def t_quantile(level: float, df: float) -> float:
    """How many standard errors a two-sided interval of Student's t reaches to each side.

    Of ``scipy.special``: ``scipy.stats`` takes a second and fifty megabytes to import.
    """
    from scipy import special

    return -float(special.stdtrit(df, (1 - level) / 2))


def normal_quantile(level: float) -> float:
    """The two-sided standard normal quantile of a level: 1.96 for 0.95."""
    from scipy import special

    return float(special.ndtri((1 + level) / 2))


def log10_binomial(
    successes: int, n: int, share: float, alternative: Alternative, p: float
) -> float:
    """Base-10 logarithm of an exact binomial p-value, also where it underflows.

    There the two-sided value is twice the smaller tail, capped at 1, which for a share of one half is
    the exact test itself.
    """
    if p > 1e-280:
        return math.log10(p)
    from scipy import special

    def tail(first: int, trials: int, chance: float) -> float:
        # The largest term and its neighbours; further ones fall off geometrically.
        logs = [
            special.gammaln(trials + 1)
            - special.gammaln(k + 1)
            - special.gammaln(trials - k + 1)
            + k * math.log(chance)
            + (trials - k) * math.log1p(-chance)
            for k in range(first, min(trials, first + 2000) + 1)
        ]
        return float(special.logsumexp(logs)) / math.log(10)

    upper = tail(successes, n, share)
    lower = tail(n - successes, n, 1 - share)
    if alternative == "greater":
        return upper
    if alternative == "less":
        return lower
    return min(upper, lower) + math.log10(2)
