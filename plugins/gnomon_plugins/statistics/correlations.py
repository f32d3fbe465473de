"""Correlations of two scores: Pearson, Spearman, Kendall.

One invariant: a row counts only when both scores are present, and neither may be constant.
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._tails import Alternative, log10_of, normal_tail, t_tail

if TYPE_CHECKING:
    import numpy as np

_EXACT_RANKS = 7


PERFECT = 1 - 1e-12
"""Beyond this a correlation is ±1 but for rounding, and its t would be noise."""


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
        note = note or "the rows lie on a line without error, so there is no test"
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


def _clustered(
    x: np.ndarray,
    y: np.ndarray,
    table: gnomon.Table,
    cluster: str,
    *,
    level: float,
    alternative: Alternative,
    quantity: str,
    what: str,
    kind: str,
) -> gnomon.Estimate:
    """A correlation whose error, on Fisher's scale, is the jackknife over clusters, with G − 1."""
    import numpy as np
    from scipy import special

    codes, count = common.clusters(table, cluster, need=3, what=f"{what} clustered by {cluster!r}")
    x, y = ((v - v.mean()) / v.std() for v in (x, y))
    r = float(x @ y) / len(x)
    terms = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    sums = np.column_stack([np.bincount(codes, weights=term) for term in terms.T])
    n, sx, sy, sxx, syy, sxy = (sums.sum(axis=0) - sums).T
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (sxy - sx * sy / n) / np.sqrt((sxx - sx**2 / n) * (syy - sy**2 / n))
        z = np.arctanh(without)
    scaled = math.sqrt((count - 1) / count * float(((z - z.mean()) ** 2).sum()))
    if abs(r) > PERFECT or not math.isfinite(scaled) or scaled < common.SMALLEST_SD:
        raise gnomon.StatisticError(
            f"without one of the clusters of {cluster!r} the correlation is not defined, or it is the "
            f"same without any of them (r = {r:.6g}), so there is no standard error for {what}"
        )
    t = math.atanh(r) / scaled
    p, log10_p = t_tail(t, count - 1, alternative)
    reach = float(special.stdtrit(count - 1, (1 + level) / 2)) * scaled
    low, high = math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)
    return gnomon.Estimate(
        quantity=quantity,
        value=r,
        low=low,
        high=high,
        level=level,
        error=scaled * (1 - r * r),
        test="t",
        test_value=t,
        df=count - 1,
        p=p,
        log10_p=log10_p,
        effect="r",
        effect_value=r,
        effect_low=low,
        effect_high=high,
        n=len(x),
        method=f"{kind}, {alternative}, {common.unit(cluster, count)}, jackknife of Fisher's z",
        detail={"clusters": count},
    )


@attrs.frozen(kw_only=True)
class Pearson:
    """Pearson's correlation of two scores, with the interval through Fisher's z.

    With ``cluster`` the error is the jackknife over clusters, and t has G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "pearson"
        of = ["association-d", "decision"]

    Attributes:
        alternative: ``greater``: the correlation is positive.
        cluster: Label column whose rows are not independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "pearson"
    relates: ClassVar[str] = "pair"
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """R with its t test; refuses fewer than 3 rows or a constant score."""
        import numpy as np

        what = "Pearson's correlation"
        kept = two_scores(table, need=3, what=what)
        x, y = (kept.score(name) for name in kept.of)
        if self.cluster is not None:
            return _clustered(
                x,
                y,
                kept,
                self.cluster,
                level=self.level,
                alternative=self.alternative,
                quantity="r",
                what=what,
                kind="Pearson correlation",
            )
        r = max(-1.0, min(1.0, float(np.corrcoef(x, y)[0, 1])))
        return of_r(
            r,
            len(x) - 2,
            n=len(x),
            level=self.level,
            alternative=self.alternative,
            variance=inverse(len(x) - 3),
            method=f"Pearson correlation, {self.alternative}, {common.unit(None)}",
        )


@attrs.frozen(kw_only=True)
class Spearman:
    """Spearman's rank correlation of two scores.

    The test is t on n − 2, or exact for up to 7 rows; the interval goes through Fisher's z with the variance
    (1 + ρ²/2) / (n − 3) of Bonett & Wright (2000).

    Example::

        [[statistic]]
        use = "spearman"
        of = ["score", "junk-share"]

    Attributes:
        alternative: ``greater``: the correlation is positive.
        cluster: Label column whose rows are not independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "spearman"
    relates: ClassVar[str] = "pair"
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """ρ with its t test; refuses fewer than 3 rows or a constant score."""
        import numpy as np
        from scipy import stats

        what = "Spearman's correlation"
        kept = two_scores(table, need=3, what=what)
        x, y = (stats.rankdata(kept.score(name)) for name in kept.of)
        if self.cluster is not None:
            return _clustered(
                x,
                y,
                kept,
                self.cluster,
                level=self.level,
                alternative=self.alternative,
                quantity="rho",
                what=what,
                kind="Spearman correlation",
            )
        rho = max(-1.0, min(1.0, float(np.corrcoef(x, y)[0, 1])))
        made = of_r(
            rho,
            len(x) - 2,
            n=len(x),
            level=self.level,
            alternative=self.alternative,
            variance=(1 + rho * rho / 2) * inverse(len(x) - 3),
            quantity="rho",
            method=f"Spearman correlation, {self.alternative}, {common.unit(None)}",
        )
        return made if len(x) > _EXACT_RANKS else self._exact(made, x, y)

    def _exact(self, made: gnomon.Estimate, x: np.ndarray, y: np.ndarray) -> gnomon.Estimate:
        """The same with the p-value counted over all orders of the second score."""
        import numpy as np

        sums = np.array(list(permutations(y))) @ x
        seen = float(x @ y)
        above = float((sums >= seen - 1e-9).mean())
        below = float((sums <= seen + 1e-9).mean())
        centre = len(x) * float(x.mean()) * float(y.mean())
        p = {
            "greater": above,
            "less": below,
            "two-sided": float((np.abs(sums - centre) >= abs(seen - centre) - 1e-9).mean()),
        }[self.alternative]
        return attrs.evolve(
            made,
            test=None,
            test_value=None,
            df=None,
            p=p,
            log10_p=log10_of(p),
            note="too few rows for an interval through Fisher's z" if made.low is None else None,
            method=f"Spearman correlation, exact, {self.alternative}, {common.unit(None)}",
        )


@attrs.frozen(kw_only=True)
class Kendall:
    """Kendall's τ-b of two scores.

    The p-value is exact for small samples without ties, else normal with ties; the interval goes
    through Fisher's z with the variance .437 / (n − 4) of Fieller, Hartley & Pearson (1957).

    Example::

        [[statistic]]
        use = "kendall"
        of = ["rank-by-model", "rank-by-people"]

    Attributes:
        alternative: ``greater``: the association is positive.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "kendall"
    alternative: Alternative = "two-sided"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """τ-b with its test; refuses fewer than 3 rows or a constant score."""
        import numpy as np
        from scipy import stats

        what = "Kendall's correlation"
        kept = two_scores(table, need=3, what=what)
        x, y = (kept.score(name) for name in kept.of)
        n = len(x)
        tied = len(np.unique(x)) < n or len(np.unique(y)) < n
        exact = not tied and n <= 50
        made = stats.kendalltau(
            x, y, alternative=self.alternative, method="exact" if exact else "asymptotic"
        )
        tau, p = float(made.statistic), float(made.pvalue)
        log10_p = log10_of(p)
        if log10_p is None:
            # Only the normal form can underflow; without ties its variance is 2(2n+5)/(9n(n-1)).
            log10_p = normal_tail(
                tau * math.sqrt(4.5 * n * (n - 1) / (2 * n + 5)), self.alternative
            )[1]
        low: float | None = None
        high: float | None = None
        if n > 4:
            low, high = effects.fisher_interval(tau, 0.437 / (n - 4), self.level)
        return gnomon.Estimate(
            quantity="tau-b",
            value=tau,
            low=low,
            high=high,
            level=self.level,
            p=p,
            log10_p=log10_p,
            effect="tau-b",
            effect_value=tau,
            effect_low=low,
            effect_high=high,
            n=n,
            method=f"Kendall's tau-b, {'exact' if exact else 'normal with ties'}, "
            f"{self.alternative}, {common.unit(None)}",
            note=None if n > 4 else "too few rows for an interval through Fisher's z",
        )
