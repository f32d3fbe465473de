"""Internal consistency of a scale: Cronbach's α, McDonald's ω, split halves; and test–retest.

One invariant: columns are items and rows are those who answered; an item that runs against the rest is
named in the note, because it makes every coefficient of this family meaningless.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._jackknife import (
    fisher,
    jackknifed,
    log_of_error,
    of_clusters,
    resampled,
    without_each,
)
from gnomon_plugins.statistics._ratings import Ratings, left_out, ratings
from gnomon_plugins.statistics._tails import f_tail
from gnomon_plugins.statistics.correlations import Pearson
from gnomon_plugins.statistics.icc import Icc
from gnomon_plugins.statistics.t_tests import TPaired

if TYPE_CHECKING:
    import numpy as np


_OPPOSITE = 1e-9
"""So near to -1 a correlation of halves gives a reliability that is nothing but rounding."""


def _answers(
    table: gnomon.Table,
    unit: str | Sequence[str],
    part: str | None,
    *,
    need: int,
    items: int,
    what: str,
) -> tuple[Ratings, str | None]:
    """Answers of shape (units, items), and notes; no item is constant."""
    found = ratings(table, unit, part, complete=True, need=need, what=what, noun="item")
    matrix, names = found.matrix, found.names
    if len(names) < items:
        raise gnomon.StatisticError(
            f"{what} needs at least {items} items, and there are {len(names)}"
        )
    for name, column in zip(names, matrix.T, strict=True):
        common.varied(column, f"item {name!r}", what=what)
    against = [name for name, r in item_total(matrix, names).items() if r < 0]
    warning = None
    if against:
        warning = (
            f"{common.plural(len(against), 'item')} with a negative item-total correlation: "
            f"{', '.join(against)}; reverse-keyed items must be turned first"
        )
    return found, "; ".join(filter(None, [warning, left_out(found.lost)])) or None


def item_total(matrix: np.ndarray, names: list[str]) -> dict[str, float]:
    """The correlation of each item with the sum of the others; 0 where that sum is constant."""
    import numpy as np

    total = matrix.sum(axis=1)
    out = {}
    for name, column in zip(names, matrix.T, strict=True):
        rest = total - column
        constant = float(rest.std()) < common.SMALLEST_SD
        out[name] = 0.0 if constant else float(np.corrcoef(column, rest)[0, 1])
    return out


def cronbach(matrix: np.ndarray) -> float:
    """Cronbach's (1951) α of answers of shape (units, items); NaN where the sums do not vary."""
    k = int(matrix.shape[1])
    total = float(matrix.sum(axis=1).var(ddof=1))
    if total < common.SMALLEST_SD**2:
        return math.nan
    # No more than 1 but for rounding, as where the items are the same.
    return min(1.0, k / (k - 1) * (1 - float(matrix.var(axis=0, ddof=1).sum()) / total))


@attrs.frozen(kw_only=True)
class CronbachAlpha:
    """Cronbach's α with Feldt's (1965) interval and item-total correlations.

    The test is F = 1/(1 − α) against α = 0. For clustered units interval and test come from the jackknife
    over clusters, on the scale of log(1 − α). The detail holds each item's correlation with the rest and
    α without it; items with a negative one are named in the note.

    Example::

        [[statistic]]
        use = "cronbach-alpha"
        of = "answer"
        unit = "persona"
        part = "item"

    Attributes:
        unit: Label column of those who answered, with ``part``; several for their combinations.
        part: Label column of the items; without it the scores in ``of`` are the items.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "cronbach-alpha"
    reliability: ClassVar[bool] = True
    unit: str | tuple[str, ...] = "repeat"
    part: str | None = None
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """α with F; refuses one item, constant items, and sums that do not vary."""
        import numpy as np
        from scipy import special

        what = "Cronbach's alpha"
        found, note = _answers(table, self.unit, self.part, need=2, items=2, what=what)
        matrix, names = found.matrix, found.names
        units = common.units(found.table, self.cluster, need=3, what=what)
        n, k = matrix.shape
        alpha = cronbach(matrix)
        if math.isnan(alpha):
            raise gnomon.StatisticError(
                f"all {n} sums over the items are equal, so {what} is without bound; items that cancel "
                "each other out measure nothing together"
            )
        df1, df2 = n - 1, (n - 1) * (k - 1)
        tail = (1 - self.level) / 2
        detail: dict[str, object] = {"item-total": item_total(matrix, names)}
        if k > 2:
            shorter = {name: cronbach(np.delete(matrix, j, axis=1)) for j, name in enumerate(names)}
            detail["alpha without"] = {
                name: alpha for name, alpha in shorter.items() if not math.isnan(alpha)
            }
        made = gnomon.Estimate(
            quantity="alpha",
            value=alpha,
            low=1 - (1 - alpha) * float(special.fdtri(df1, df2, 1 - tail)),
            high=1 - (1 - alpha) * float(special.fdtri(df1, df2, tail)),
            level=self.level,
            n=n,
            method=f"Cronbach's alpha of {k} items, "
            f"{'jackknife' if units.count else 'Feldt'} interval, {units.words}",
            note=note,
            detail=detail,
        )
        if 1 - alpha < 1e-12:
            return attrs.evolve(made, note="the items are the same but for a constant: no error")
        if units.codes is not None:
            without = without_each(cronbach, matrix, units)
            return of_clusters(
                made, without, units, level=self.level, scale=log_of_error(), what=what
            )
        f = 1 / (1 - alpha)
        p, log10_p = f_tail(f, df1, df2)
        return attrs.evolve(made, test="F", test_value=f, df=df1, df2=df2, p=p, log10_p=log10_p)


def one_factor(covariance: np.ndarray, steps: int = 500) -> np.ndarray:
    """Loadings of one factor that best fit the covariances off the diagonal (least squares; minres).

    Args:
        covariance: Shape (..., items, items); several matrices are fitted at once.
        steps: Most rounds of updating one loading after another (Harman & Jones 1966).
    """
    import numpy as np

    k = covariance.shape[-1]
    loadings: np.ndarray
    values, vectors = np.linalg.eigh(covariance)
    loadings = vectors[..., -1] * np.sqrt(values[..., -1:].clip(min=1e-300))
    loadings = loadings * np.where(loadings.sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    for _ in range(steps):
        before = loadings.copy()
        for i in range(k):
            others = np.arange(k) != i
            rest = loadings[..., others]
            loadings[..., i] = (covariance[..., i, others] * rest).sum(axis=-1) / (
                (rest**2).sum(axis=-1).clip(min=1e-300)
            )
        if np.abs(loadings - before).max() < 1e-10 * np.abs(loadings).max():
            break
    return loadings


def omega_of(covariance: np.ndarray) -> np.ndarray:
    """ω = (Σλ)² / ((Σλ)² + Σψ), shape (...)."""
    import numpy as np

    loadings = one_factor(covariance)
    common_ = loadings.sum(axis=-1) ** 2
    unique = (np.diagonal(covariance, axis1=-2, axis2=-1) - loadings**2).clip(min=0).sum(axis=-1)
    omega: np.ndarray = common_ / (common_ + unique)
    return omega


@attrs.frozen(kw_only=True)
class McdonaldOmega:
    """McDonald's ω (total) of one factor, with item-total correlations.

    Loadings are least squares on the covariances (minres); the interval is the percentile bootstrap
    over units, or over clusters of units.

    Example::

        [[statistic]]
        use = "mcdonald-omega"
        of = "answer"
        unit = "persona"
        part = "item"

    Attributes:
        unit: Label column of those who answered, with ``part``; several for their combinations.
        part: Label column of the items; without it the scores in ``of`` are the items.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        resamples: Bootstrap resamples.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "mcdonald-omega"
    quantities: ClassVar[tuple[str, ...]] = ("omega",)
    reliability: ClassVar[bool] = True
    unit: str | tuple[str, ...] = "repeat"
    part: str | None = None
    cluster: str | None = None
    resamples: int = attrs.field(default=500, validator=common.at_least(100))
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """ω with its interval; refuses fewer than 3 items or 4 units."""
        import numpy as np

        what = "McDonald's omega"
        found, note = _answers(table, self.unit, self.part, need=4, items=3, what=what)
        matrix, names = found.matrix, found.names
        units = common.units(found.table, self.cluster, need=3, what=what)
        n, k = matrix.shape
        covariance = np.cov(matrix, rowvar=False)
        loadings = one_factor(covariance)
        centred = matrix - matrix.mean(axis=0)
        products = (centred[:, :, None] * centred[:, None, :]).reshape(n, -1)
        weights = resampled(units, n, self.resamples, rng)
        sizes = weights.sum(axis=1, keepdims=True)
        means = weights @ centred / sizes
        drawn = (weights @ products / sizes).reshape(-1, k, k) - means[:, :, None] * means[
            :, None, :
        ]
        some = np.diagonal(drawn, axis1=1, axis2=2).min(axis=1) > 1e-12
        omegas = omega_of(drawn[some])
        low, high = np.quantile(omegas, [(1 - self.level) / 2, (1 + self.level) / 2])
        if (loadings**2 > np.diag(covariance)).any():
            heywood = "an item's loading exceeds its variance (Heywood case)"
            note = "; ".join(filter(None, [note, heywood]))
        return gnomon.Estimate(
            quantity="omega",
            value=float(omega_of(covariance)),
            low=float(low),
            high=float(high),
            level=self.level,
            error=float(omegas.std(ddof=1)),
            n=n,
            method=f"McDonald's omega of {k} items, one factor by least squares, percentile bootstrap "
            f"of {self.resamples} resamples, {units.words}",
            note=note,
            detail={
                "loadings": dict(zip(names, map(float, loadings), strict=True)),
                "item-total": item_total(matrix, names),
            },
        )


@attrs.frozen(kw_only=True)
class SplitHalf:
    """Split-half reliability: the correlation of half scores, stepped up by Spearman & Brown 2r/(1+r).

    For clustered units the interval of the half correlation is the jackknife over clusters.

    Example::

        [[statistic]]
        use = "split-half"
        of = "answer"
        unit = "persona"
        part = "item"
        halves = "random"

    Attributes:
        unit: Label column of those who answered, with ``part``.
        part: Label column of the items; without it the scores in ``of`` are the items.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        halves: ``odd-even`` items, or the mean over ``random`` halves.
        splits: Number of random halves.
        level: Confidence level of the interval (Fisher's z of the half correlation).
    """

    name: ClassVar[str] = "split-half"
    reliability: ClassVar[bool] = True
    unit: str = "repeat"
    part: str | None = None
    cluster: str | None = None
    halves: Literal["odd-even", "random"] = "odd-even"
    splits: int = attrs.field(default=500, validator=common.at_least(1))
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The stepped-up correlation; refuses fewer than 4 units and halves that do not vary."""
        import numpy as np

        what = "a split-half reliability"
        found, note = _answers(table, self.unit, self.part, need=4, items=2, what=what)
        matrix = found.matrix
        units = common.units(found.table, self.cluster, need=3, what=what)
        n, k = matrix.shape
        if self.halves == "odd-even":
            first = [np.arange(k) % 2 == 0]
        else:
            first = [rng.permutation(k) < (k + 1) // 2 for _ in range(self.splits)]

        def of_halves(rows: np.ndarray) -> float:
            correlations = []
            for half in first:
                sums = rows[:, half].sum(axis=1), rows[:, ~half].sum(axis=1)
                for side in sums:
                    common.varied(side, "a half", what=what)
                correlations.append(float(np.corrcoef(*sums)[0, 1]))
            # Averaged where correlations add up: on Fisher's scale.
            bounded = np.clip(correlations, -1 + 1e-12, 1 - 1e-12)
            return math.tanh(float(np.arctanh(bounded).mean()))

        r = of_halves(matrix)
        if units.codes is None:
            low, high = effects.fisher_interval(r, 1 / (n - 3), self.level)
        else:
            without = without_each(of_halves, matrix, units)
            spread = jackknifed(r, without, units, scale=fisher(), level=self.level, what=what)
            low, high = spread.low, spread.high

        if r < 0:
            note = "; ".join(filter(None, [note, "the halves run against each other (r < 0)"]))
        value, low_end, high_end = (_stepped(one) for one in (r, low, high))
        if value is None:
            raise gnomon.StatisticError(
                f"the halves are each other's opposite (r = -1), so {what} is without bound; "
                "reverse-keyed items must be turned first"
            )
        if low_end is None:
            note = "; ".join(filter(None, [note, "the interval has no lower end"]))
        return gnomon.Estimate(
            quantity="reliability",
            value=value,
            low=low_end,
            high=high_end,
            level=self.level,
            n=n,
            method=f"split-half reliability of {k} items, {self.halves} halves"
            f"{f' ({self.splits})' if self.halves == 'random' else ''}, Spearman-Brown, "
            f"{units.words}",
            note=note,
            detail={"half correlation": r},
        )


def _stepped(r: float) -> float | None:
    """Spearman & Brown's reliability of the whole from the correlation of halves; None where r is -1."""
    return 2 * r / (1 + r) if r > -1 + _OPPOSITE else None


@attrs.frozen(kw_only=True)
class TestRetest:
    """Test–retest reliability of two occasions: r, ICC(2,1) for agreement, and the mean change.

    Example::

        [[statistic]]
        use = "test-retest"
        of = "extraversion"
        between = "occasion"
        paired_by = ["persona"]

    Attributes:
        between: Label column of the two occasions; two scores in ``of`` without it.
        levels: First and second occasion; alphabetical unless given.
        paired_by: Columns that tell who was measured.
        cluster: Label column whose pairs are not independent; the design's unless given, ``none``
            to take pairs as independent.
        level: Confidence level of the intervals.
    """

    __test__: ClassVar[bool] = False
    name: ClassVar[str] = "test-retest"
    reliability: ClassVar[bool] = True
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """The three estimates; refuses fewer than 3 pairs and an occasion without differences."""
        what = "a test-retest reliability"
        found = groups.pairs(table, self.between, self.levels, self.paired_by, need=3, what=what)
        first, second = found.names
        pairs = attrs.evolve(
            found.table,
            scores={first: found.first, second: found.second},
            statuses=dict.fromkeys(found.names, found.table.statuses[table.of[0]]),
            of=found.names,
        )
        note = groups.unpaired_note(found)
        told: dict[str, Any] = {"cluster": self.cluster, "level": self.level}
        quantities: dict[str, Callable[[], gnomon.Estimate]] = {
            "r": lambda: Pearson(**told).estimate(pairs, rng),
            "icc(2,1)": lambda: Icc(forms=("2,1",), **told).estimate(pairs, rng)[0],
            "change": lambda: TPaired(**told).estimate(pairs, rng),
        }
        out = []
        for quantity, make in quantities.items():
            try:
                made = attrs.evolve(make(), quantity=quantity)
            except gnomon.StatisticError as refused:
                # One of the three may be refused where the others stand.
                made = gnomon.Estimate(quantity=quantity, value=None, note=str(refused))
            out.append(attrs.evolve(made, note=made.note or note))
        return out
