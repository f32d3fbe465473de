"""Tail probabilities with their base-10 logarithms.

One invariant: the logarithm is finite for every finite test statistic, also where the probability
itself underflows to 0.

Where a tail is too small for a float, its logarithm is taken from the continued fraction of the
incomplete beta or gamma function (DLMF 8.17.22 and 8.9.2), evaluated by Lentz's method.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

Alternative = Literal["two-sided", "less", "greater"]

# Below this the probability is about to lose digits to underflow, and its logarithm is made directly.
_SMALL = 1e-280
_TINY = 1e-300


def _lentz(terms: Iterator[tuple[float, float]], start: float) -> float:
    value = start or _TINY
    c, d = value, 0.0
    for a, b in terms:
        d = b + a * d or _TINY
        c = b + a / c or _TINY
        d = 1.0 / d
        value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def log_betainc(a: float, b: float, x: float) -> float:
    """Natural logarithm of the regularised incomplete beta function I_x(a, b), for small I_x.

    Converges fast where x < (a + 1) / (a + b + 2), which holds for every tail small enough to
    underflow.
    """
    from scipy.special import betaln

    def terms() -> Iterator[tuple[float, float]]:
        yield 1.0, 1.0
        m = 0
        while m < 100_000:
            yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
            m += 1
            yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

    front = a * math.log(x) + b * math.log1p(-x) - math.log(a) - float(betaln(a, b))
    return front + math.log(_lentz(terms(), 0.0))


def log_gammaincc(a: float, x: float) -> float:
    """Natural logarithm of the regularised upper incomplete gamma function Q(a, x), for x > a + 1."""

    def terms() -> Iterator[tuple[float, float]]:
        yield 1.0, x + 1.0 - a
        for k in range(1, 100_000):
            yield -k * (k - a), x + 2 * k + 1.0 - a

    return a * math.log(x) - x - math.lgamma(a) + math.log(_lentz(terms(), 0.0))


def _both(p: float, log_p: float | None = None) -> tuple[float, float]:
    natural = math.log(p) if log_p is None else log_p
    return p, natural / math.log(10)


def _sided(
    upper: tuple[float, float], lower: tuple[float, float], alternative: Alternative
) -> tuple[float, float]:
    """P and log10 p from the two one-sided tails."""
    if alternative == "greater":
        return upper
    if alternative == "less":
        return lower
    p, log10_p = min(upper, lower, key=lambda tail: tail[1])
    return min(1.0, 2 * p), min(0.0, log10_p + math.log10(2))


def t_tail(value: float, df: float, alternative: Alternative = "two-sided") -> tuple[float, float]:
    """P and log10 p of Student's t."""
    from scipy import special

    def upper(t: float) -> tuple[float, float]:
        p = float(special.stdtr(df, -t))
        if p > _SMALL or t < 0:
            return _both(p)
        log_x = math.log(df) - 2 * math.log(t) - math.log1p(df / t / t)
        return _both(p, math.log(0.5) + log_betainc_of_log(df / 2, 0.5, log_x))

    return _sided(upper(value), upper(-value), alternative)


def log_betainc_of_log(a: float, b: float, log_x: float) -> float:
    """``log_betainc`` with x given by its logarithm, which may be below the range of a float."""
    from scipy.special import betaln

    x = math.exp(log_x)
    if x > _TINY:
        return log_betainc(a, b, x)
    return a * log_x - math.log(a) - float(betaln(a, b))


def normal_tail(value: float, alternative: Alternative = "two-sided") -> tuple[float, float]:
    """P and log10 p of a standard normal."""
    from scipy import special

    def upper(z: float) -> tuple[float, float]:
        return _both(float(special.ndtr(-z)), float(special.log_ndtr(-z)))

    return _sided(upper(value), upper(-value), alternative)


def f_tail(value: float, df1: float, df2: float) -> tuple[float, float]:
    """P and log10 p of the upper tail of F."""
    from scipy import special

    p = float(special.fdtrc(df1, df2, value))
    if p > _SMALL:
        return _both(p)
    log_x = math.log(df2) - math.log(df2 + df1 * value)
    return _both(p, log_betainc_of_log(df2 / 2, df1 / 2, log_x))


def chi2_tail(value: float, df: float) -> tuple[float, float]:
    """P and log10 p of the upper tail of chi-square."""
    from scipy import special

    p = float(special.chdtrc(df, value))
    return _both(p) if p > _SMALL else _both(p, log_gammaincc(df / 2, value / 2))


def log10_of(p: float) -> float | None:
    """Base-10 logarithm of an exact p-value, which is never 0 but for underflow."""
    return math.log10(p) if p > 0 else None
