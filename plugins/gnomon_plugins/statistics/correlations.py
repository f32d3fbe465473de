"""Correlations of two scores: Pearson, Spearman, Kendall.

One invariant: a row counts only when both scores are present, and neither may be constant.
"""

from __future__ import annotations

import math
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._concordance import balance, untied
from gnomon_plugins.statistics._correlating import inverse, of_clusters, of_r, two_scores
from gnomon_plugins.statistics._jackknife import left_out
from gnomon_plugins.statistics._tails import Alternative, log10_of, normal_tail

if TYPE_CHECKING:
    import numpy as np

_EXACT_RANKS = 7


def _without(x: np.ndarray, y: np.ndarray, units: common.Units) -> tuple[float, np.ndarray]:
    """The product-moment correlation, and the same without each cluster."""
    import numpy as np

    assert units.codes is not None
    x, y = ((v - v.mean()) / v.std() for v in (x, y))
    terms = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    n, sx, sy, sxx, syy, sxy = left_out(terms, units.codes, units.count).T
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (sxy - sx * sy / n) / np.sqrt((sxx - sx**2 / n) * (syy - sy**2 / n))
    return float(x @ y) / len(x), without


@attrs.frozen(kw_only=True)
class Pearson:
    """Pearson's correlation of two scores, with the interval through Fisher's z.

    For clustered rows the error is the jackknife over clusters, and t has G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "pearson"
        of = ["association-d", "decision"]

    Attributes:
        alternative: ``greater``: the correlation is positive.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "pearson"
    quantities: ClassVar[tuple[str, ...]] = ("r",)
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
        units = common.units(kept, self.cluster, need=3, what=what)
        if units.codes is not None:
            return of_clusters(
                *_without(x, y, units),
                units,
                n=len(x),
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
            method=f"Pearson correlation, {self.alternative}, {units.words}",
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
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "spearman"
    quantities: ClassVar[tuple[str, ...]] = ("rho", "r")
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
        units = common.units(kept, self.cluster, need=3, what=what)
        if units.codes is not None:
            return of_clusters(
                *_without(x, y, units),
                units,
                n=len(x),
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
            method=f"Spearman correlation, {self.alternative}, {units.words}",
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
            method=made.method.replace("correlation", "correlation, exact", 1),
        )


def _tau_without(x: np.ndarray, y: np.ndarray, units: common.Units) -> tuple[float, np.ndarray]:
    """Kendall's τ-b, and the same without each cluster."""
    import numpy as np

    assert units.codes is not None
    rows = np.argsort(units.codes, kind="stable")
    starts = np.searchsorted(units.codes[rows], np.arange(units.count + 1))
    members = [rows[a:b] for a, b in pairwise(starts)]
    kept, whole = [], []
    # Twice the pairs: the balance of concordance, and the pairs that x or y tell apart.
    for count in (balance, lambda a, _: untied(a), lambda _, b: untied(b)):
        own = count(x, y)
        inside = np.array([count(x[some], y[some]).sum() for some in members])
        whole.append(own.sum())
        # A cluster's rows stand in pairs with each other twice, and with all others twice.
        kept.append(own.sum() - 2 * np.bincount(units.codes, weights=own) + inside)
    with np.errstate(divide="ignore", invalid="ignore"):
        return whole[0] / math.sqrt(whole[1] * whole[2]), kept[0] / np.sqrt(kept[1] * kept[2])


@attrs.frozen(kw_only=True)
class Kendall:
    """Kendall's τ-b of two scores.

    The p-value is exact for small samples without ties, else normal with ties; the interval goes
    through Fisher's z with the variance .437 / (n − 4) of Fieller, Hartley & Pearson (1957). For
    clustered rows both come from the jackknife over clusters, with G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "kendall"
        of = ["rank-by-model", "rank-by-people"]

    Attributes:
        alternative: ``greater``: the association is positive.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "kendall"
    quantities: ClassVar[tuple[str, ...]] = ("tau-b",)
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """τ-b with its test; refuses fewer than 3 rows or a constant score."""
        import numpy as np
        from scipy import stats

        what = "Kendall's correlation"
        kept = two_scores(table, need=3, what=what)
        x, y = (kept.score(name) for name in kept.of)
        n = len(x)
        units = common.units(kept, self.cluster, need=3, what=what)
        if units.codes is not None:
            return of_clusters(
                *_tau_without(x, y, units),
                units,
                n=n,
                level=self.level,
                alternative=self.alternative,
                quantity="tau-b",
                effect="tau-b",
                what=what,
                kind="Kendall's tau-b",
            )
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
            f"{self.alternative}, {units.words}",
            note=None if n > 4 else "too few rows for an interval through Fisher's z",
        )
