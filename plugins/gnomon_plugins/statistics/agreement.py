"""Agreement of raters beyond chance: Cohen's and Fleiss' κ, Krippendorff's α.

One invariant: agreement expected by chance comes from the very ratings judged; where all of them are
one category it is certain, and the coefficient is refused rather than called 0 or 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._jackknife import left_out as without_each
from gnomon_plugins.statistics._jackknife import of_clusters, resampled
from gnomon_plugins.statistics._ratings import left_out, ratings
from gnomon_plugins.statistics._tails import normal_tail

if TYPE_CHECKING:
    import numpy as np


def _categories(matrix: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """The distinct ratings, and for each unit how often each was given, of shape (units, categories)."""
    import numpy as np

    names = np.unique(matrix[~np.isnan(matrix)])
    if len(names) < 2:
        raise gnomon.StatisticError(
            f"all ratings are {names[0]:g}, so agreement beyond chance is not defined; {what} needs "
            "at least 2 categories in use"
        )
    return names, (matrix[:, :, None] == names).sum(axis=1)


def _gwet(counts: np.ndarray) -> tuple[float, float]:
    """Observed agreement of pairs, and Gwet's (2008) AC1, which a prevalent category does not lower."""
    raters = counts.sum(axis=1, keepdims=True)
    observed = float(((counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))[:, 0]).mean())
    shares = (counts / raters).mean(axis=0)
    expected = float((shares * (1 - shares)).sum()) / (len(shares) - 1)
    return observed, (observed - expected) / (1 - expected)


@attrs.frozen(kw_only=True)
class CohenKappa:
    """Cohen's κ of two raters, plain or weighted, with its large-sample interval and test.

    The interval uses the variance of Fleiss, Cohen & Everitt (1969); the test the one under chance. For
    clustered units both come from the jackknife over clusters.
    The detail holds the share of agreement and Gwet's AC1, which stays high when one category prevails.

    Example::

        [[statistic]]
        use = "cohen-kappa"
        of = ["judge-verdict", "rule-verdict"]

    Attributes:
        unit: Label column of the units, with ``rater``.
        rater: Label column with two raters; without it the two scores in ``of`` are the raters.
        weights: ``linear`` or ``quadratic`` for ordered categories.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "cohen-kappa"
    quantities: ClassVar[tuple[str, ...]] = ("kappa",)
    reliability: ClassVar[bool] = True
    unit: str = "item"
    rater: str | None = None
    cluster: str | None = None
    weights: Literal["none", "linear", "quadratic"] = "none"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """κ with its test; refuses anything but two raters, and one category."""
        import numpy as np
        from statsmodels.stats.inter_rater import cohens_kappa

        what = "Cohen's kappa"
        found = ratings(table, self.unit, self.rater, complete=True, what=what)
        matrix, names = found.matrix, found.names
        if len(names) != 2:
            raise gnomon.StatisticError(
                f"{what} is for 2 raters, and there are {len(names)}; use fleiss-kappa or "
                "krippendorff-alpha"
            )
        categories, counts = _categories(matrix, what)
        square = np.zeros((len(categories), len(categories)))
        np.add.at(square, tuple(np.searchsorted(categories, matrix).T), 1)
        if np.count_nonzero(square.sum(axis=0)) == 1 or np.count_nonzero(square.sum(axis=1)) == 1:
            constant = names[int(np.count_nonzero(square.sum(axis=1)) != 1)]
            raise gnomon.StatisticError(
                f"{constant} gave every unit the same rating, so {what} is 0 whatever the other says; "
                "report the share of agreement"
            )
        units = common.units(found.table, self.cluster, need=3, what=what)
        # statsmodels divides by the standard error, which is 0 where no category is shared.
        with np.errstate(invalid="ignore", divide="ignore"):
            made = cohens_kappa(square, wt=None if self.weights == "none" else self.weights)
        if not float(made.var_kappa0) > 1e-15:
            raise gnomon.StatisticError(
                f"no rating was given by both raters often enough to agree by chance, so {what} has no "
                "standard error; are the ratings categories?"
            )
        kappa, error = float(made.kappa), math.sqrt(max(0.0, float(made.var_kappa)))
        z = kappa / math.sqrt(float(made.var_kappa0))
        p, log10_p = normal_tail(z)
        reach = effects.normal_quantile(self.level) * error
        observed, ac1 = _gwet(counts)
        notes = [
            left_out(found.lost),
            None if error > 0 else "full agreement: the interval has no width",
        ]
        estimate = gnomon.Estimate(
            quantity="kappa",
            value=kappa,
            low=kappa - reach,
            high=min(1.0, kappa + reach),
            level=self.level,
            error=error,
            test="z",
            test_value=z,
            p=p,
            log10_p=log10_p,
            n=len(matrix),
            method=f"Cohen's kappa of {names[0]} and {names[1]}, weights {self.weights}, "
            f"{'jackknife' if units.count else 'large-sample'} interval, {units.words}",
            note="; ".join(filter(None, notes)) or None,
            detail={"agreement": observed, "ac1": ac1},
        )
        if units.codes is None:
            return estimate
        placed = np.searchsorted(categories, matrix)
        cells = np.eye(len(categories) ** 2)[placed @ [len(categories), 1]]
        without = np.array(
            [
                self._kappa(part.reshape(square.shape))
                for part in without_each(cells, units.codes, units.count)
            ]
        )
        return of_clusters(estimate, without, units, level=self.level, what=what)

    def _kappa(self, square: np.ndarray) -> float:
        """κ of counts, 1 less the share of expected disagreement; NaN where none is expected."""
        import numpy as np

        places = np.arange(len(square))
        apart = np.abs(places[:, None] - places)
        weights = {"none": apart > 0, "linear": apart, "quadratic": apart**2}[self.weights]
        expected = float((np.outer(square.sum(axis=1), square.sum(axis=0)) * weights).sum())
        return (
            1 - float((square * weights).sum()) * square.sum() / expected if expected else math.nan
        )


@attrs.frozen(kw_only=True)
class FleissKappa:
    """Fleiss' κ of several raters for unordered categories.

    The interval is the jackknife over units; the test uses the variance under chance of Fleiss, Nee &
    Landis (1979). For clustered units both come from the jackknife over clusters. Units that lack a
    rating are left out.

    Example::

        [[statistic]]
        use = "fleiss-kappa"
        of = "label"
        rater = "judge"

    Attributes:
        unit: Label column of the units, with ``rater``.
        rater: Label column of the raters; without it the scores in ``of`` are the raters.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "fleiss-kappa"
    quantities: ClassVar[tuple[str, ...]] = ("kappa",)
    reliability: ClassVar[bool] = True
    unit: str = "item"
    rater: str | None = None
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """κ with its test; refuses one rater or one category."""
        import numpy as np
        from scipy import special

        what = "Fleiss' kappa"
        found = ratings(table, self.unit, self.rater, complete=True, need=3, what=what)
        matrix, names = found.matrix, found.names
        units = common.units(found.table, self.cluster, need=3, what=what)
        _, counts = _categories(matrix, what)
        n, k = matrix.shape
        agreed = (counts * (counts - 1)).sum(axis=1) / (k * (k - 1))

        def kappa(agreement: np.ndarray, shares: np.ndarray) -> np.ndarray:
            expected = (shares**2).sum(axis=-1)
            with np.errstate(divide="ignore", invalid="ignore"):
                value: np.ndarray = (agreement - expected) / (1 - expected)
            return value

        shares = counts.sum(axis=0) / (n * k)
        value = float(kappa(agreed.mean(), shares))
        without = kappa(
            (agreed.sum() - agreed) / (n - 1), (counts.sum(axis=0) - counts) / ((n - 1) * k)
        )
        without = without[np.isfinite(without)]
        error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
        rest = 1 - shares
        spread = float(shares @ rest)
        chance = (
            2 * (spread**2 - float((shares * rest * (rest - shares)).sum())) / (n * k * (k - 1))
        )
        z = value / (math.sqrt(chance) / spread)
        p, log10_p = normal_tail(z)
        reach = float(special.stdtrit(n - 1, (1 + self.level) / 2)) * error
        observed, ac1 = _gwet(counts)
        estimate = gnomon.Estimate(
            quantity="kappa",
            value=value,
            low=value - reach,
            high=min(1.0, value + reach),
            level=self.level,
            error=error,
            test="z",
            test_value=z,
            p=p,
            log10_p=log10_p,
            n=n,
            method=f"Fleiss' kappa of {len(names)} raters, jackknife interval, {units.words}",
            note=left_out(found.lost),
            detail={"agreement": observed, "ac1": ac1},
        )
        if units.codes is None:
            return estimate
        terms = np.column_stack([np.ones(n), agreed, counts])
        size, agreements, *chosen = without_each(terms, units.codes, units.count).T
        without = kappa(agreements / size, np.column_stack(chosen) / (size * k)[:, None])
        return of_clusters(estimate, without, units, level=self.level, what=what)


@attrs.frozen(kw_only=True)
class KrippendorffAlpha:
    """Krippendorff's α for any number of raters, missing ratings, and any scale (2011).

    The interval is the percentile bootstrap over units, or over clusters of units, with the distances of
    the full sample.

    Example::

        [[statistic]]
        use = "krippendorff-alpha"
        of = ["rater-1", "rater-2", "rater-3"]
        scale = "ordinal"

    Attributes:
        unit: Label column of the units, with ``rater``.
        rater: Label column of the raters; without it the scores in ``of`` are the raters.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        scale: How far two ratings are from each other: ``nominal``, ``ordinal``, ``interval`` or
            ``ratio``.
        resamples: Bootstrap resamples.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "krippendorff-alpha"
    quantities: ClassVar[tuple[str, ...]] = ("alpha",)
    reliability: ClassVar[bool] = True
    unit: str = "item"
    rater: str | None = None
    cluster: str | None = None
    scale: Literal["nominal", "ordinal", "interval", "ratio"] = "nominal"
    resamples: int = attrs.field(default=1_000, validator=common.at_least(100))
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """α with its interval; refuses one category, and ratios of negative ratings."""
        import numpy as np

        what = "Krippendorff's alpha"
        found = ratings(table, self.unit, self.rater, complete=False, what=what)
        matrix, names = found.matrix, found.names
        units = common.units(found.table, self.cluster, what=what)
        values, counts = _categories(matrix, what)
        if self.scale == "ratio" and values[0] < 0:
            raise gnomon.StatisticError(
                f"{what} on a ratio scale needs ratings of at least 0, and one is {values[0]:g}"
            )
        distances = self._distances(values, counts.sum(axis=0))
        # A unit's disagreement: the mean distance of its pairs, weighted by its ratings.
        raters = counts.sum(axis=1)
        within = np.einsum("uc,ck,uk->u", counts, distances, counts) / (raters - 1)

        def alpha(disagreement: np.ndarray, marginals: np.ndarray) -> np.ndarray:
            total = marginals.sum(axis=-1)
            expected = np.einsum("...c,ck,...k->...", marginals, distances, marginals)
            with np.errstate(divide="ignore", invalid="ignore"):
                value: np.ndarray = 1 - (total - 1) * disagreement / expected
            return value

        value = float(alpha(within.sum(), counts.sum(axis=0).astype(float)))
        n = len(matrix)
        weights = resampled(units, n, self.resamples, rng)
        drawn = alpha(weights @ within, (weights @ counts).astype(float))
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2])
        return gnomon.Estimate(
            quantity="alpha",
            value=value,
            low=float(low),
            high=float(high),
            level=self.level,
            error=float(drawn.std(ddof=1)),
            n=n,
            method=f"Krippendorff's alpha of {len(names)} raters, {self.scale} scale, percentile "
            f"bootstrap of {self.resamples} resamples, {units.words}",
            note=left_out(found.lost),
            detail={"ratings": int(raters.sum())},
        )

    def _distances(self, values: np.ndarray, marginals: np.ndarray) -> np.ndarray:
        import numpy as np

        gaps = values[:, None] - values[None, :]
        if self.scale == "nominal":
            apart: np.ndarray = (gaps != 0).astype(float)
            return apart
        if self.scale == "interval":
            squared: np.ndarray = gaps**2
            return squared
        if self.scale == "ratio":
            sums = values[:, None] + values[None, :]
            ratio: np.ndarray = np.where(sums > 0, gaps / np.where(sums > 0, sums, 1), 0.0) ** 2
            return ratio
        middles = np.cumsum(marginals) - marginals / 2
        ranks: np.ndarray = (middles[:, None] - middles[None, :]) ** 2
        return ranks
