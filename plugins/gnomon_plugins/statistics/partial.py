"""Correlations with other variables held constant: partial, semi-partial, compositional.

One invariant: every partialled-out variable takes one degree of freedom, from the test and from the
interval alike.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _design as design
from gnomon_plugins.statistics._compositions import inverse_of_log_ratios
from gnomon_plugins.statistics._correlating import inverse, of_clusters, of_r
from gnomon_plugins.statistics._jackknife import left_out
from gnomon_plugins.statistics._tails import Alternative

if TYPE_CHECKING:
    import numpy as np


def _residual_correlation(
    table: gnomon.Table,
    factors: tuple[str, ...],
    *,
    ranks: bool,
    both: bool,
    level: float,
    alternative: Alternative,
    cluster: str | None,
    what: str,
    kind: str,
) -> gnomon.Estimate:
    import numpy as np
    from scipy import stats

    if len(table.of) < 2 or (len(table.of) == 2 and not factors):
        raise gnomon.StatisticError(
            f"{what} needs two scores and what to hold constant: further scores in 'of', or label "
            f"columns in 'with_factors' (found {common.plural(len(table.of), 'score')})"
        )
    kept = common.present(table, table.of, need=4, what=what)
    columns = [kept.score(name) for name in kept.of]
    for name, column in zip(kept.of, columns, strict=True):
        common.varied(column, repr(name), what=what)
    if ranks:
        columns = [stats.rankdata(column) for column in columns]
    matrix, _ = design.matrix(
        kept, dict(zip(kept.of[2:], columns[2:], strict=True)), factors, {}, what=what
    )
    held = matrix.shape[1] - 1
    n, df = len(kept), len(kept) - 2 - held
    if df < 1:
        raise gnomon.StatisticError(
            f"{what} that holds {common.plural(held, 'variable')} constant needs at least {3 + held} "
            f"rows, and there are {n}"
        )
    residuals = [design.residuals(matrix, column) for column in columns[:2]]
    first = residuals[0] if both else columns[0]
    sides = (first, residuals[1])
    for name, column, side in zip(kept.of, columns, sides, strict=False):
        if float(side.std()) < 1e-9 * float(column.std()):
            raise gnomon.StatisticError(
                f"{name!r} is a linear combination of what is held constant, so nothing is left of "
                f"it to correlate"
            )
    r = max(-1.0, min(1.0, float(np.corrcoef(*sides)[0, 1])))
    method = (
        f"{kind} of {kept.of[0]} and {kept.of[1]}{' on ranks' if ranks else ''}, holding "
        f"{', '.join([*kept.of[2:], *factors])} constant"
    )
    units = common.units(kept, cluster, need=3, what=what)
    if units.codes is not None:
        without = _without(
            np.column_stack([columns[0], columns[1], matrix[:, 1:]]), units, both=both
        )
        made = of_clusters(
            r,
            without,
            units,
            n=n,
            level=level,
            alternative=alternative,
            quantity="r",
            what=what,
            kind=method,
        )
        return attrs.evolve(made, detail={**made.detail, "held constant": held})
    return of_r(
        r,
        df,
        n=n,
        level=level,
        alternative=alternative,
        variance=inverse(n - held - 3),
        method=f"{method}, {alternative}, {units.words}",
        detail={"held constant": held},
    )


def covariances_without(columns: np.ndarray, units: common.Units) -> np.ndarray:
    """The covariances (divisor n) of some columns without each cluster, of shape (clusters, k, k)."""
    import numpy as np

    assert units.codes is not None
    centred = columns - columns.mean(axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    n = left_out(np.ones(len(centred)), units.codes, units.count)
    means = left_out(centred, units.codes, units.count) / n[:, None]
    made: np.ndarray = (
        left_out(products, units.codes, units.count) / n[:, None, None]
        - means[:, :, None] * means[:, None, :]
    )
    return made


def _without(columns: np.ndarray, units: common.Units, *, both: bool) -> np.ndarray:
    """The (semi-)partial correlation of the first two columns without each cluster."""
    import numpy as np

    covariances = covariances_without(columns / columns.std(axis=0), units)
    held = covariances[:, 2:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        # What is held constant may be constant without a cluster, such as a level that it alone has.
        slopes = np.linalg.pinv(held, rcond=1e-10, hermitian=True) @ covariances[:, 2:, :2]
        left = covariances[:, :2, :2] - np.swapaxes(covariances[:, 2:, :2], 1, 2) @ slopes
        first = left[:, 0, 0] if both else covariances[:, 0, 0]
        made: np.ndarray = left[:, 0, 1] / np.sqrt(first * left[:, 1, 1])
    return made


@attrs.frozen(kw_only=True)
class PartialCorrelation:
    """The correlation of the first two scores with all further scores and factors held constant.

    For clustered rows the error is the jackknife over clusters, and t has G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "partial-correlation"
        of = ["bias", "capability", "length"]

    Attributes:
        with_factors: Label columns held constant too.
        ranks: Correlate ranks (Spearman's partial correlation).
        alternative: ``greater``: the correlation is positive.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "partial-correlation"
    with_factors: tuple[str, ...] = ()
    ranks: bool = False
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """R with its t test; refuses too few rows and scores that nothing is left of."""
        return _residual_correlation(
            table,
            self.with_factors,
            ranks=self.ranks,
            both=True,
            level=self.level,
            alternative=self.alternative,
            cluster=self.cluster,
            what="a partial correlation",
            kind="partial correlation",
        )


@attrs.frozen(kw_only=True)
class SemipartialCorrelation:
    """The correlation of the first score with what is left of the second when the rest is taken out.

    Its square is the share of the first score's variance that the second explains beyond the rest.
    For clustered rows the error is the jackknife over clusters, and t has G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "semipartial-correlation"
        of = ["bias", "capability", "length"]

    Attributes:
        with_factors: Label columns taken out too.
        ranks: Correlate ranks.
        alternative: ``greater``: the correlation is positive.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "semipartial-correlation"
    with_factors: tuple[str, ...] = ()
    ranks: bool = False
    alternative: Alternative = "two-sided"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """R with its t test; refuses too few rows and scores that nothing is left of."""
        return _residual_correlation(
            table,
            self.with_factors,
            ranks=self.ranks,
            both=False,
            level=self.level,
            alternative=self.alternative,
            cluster=self.cluster,
            what="a semi-partial correlation",
            kind="semi-partial correlation",
        )


def _parts_without(logs: np.ndarray, units: common.Units) -> np.ndarray:
    """The partial correlations of the parts without each cluster, of shape (clusters, parts, parts)."""
    import numpy as np

    covariances = covariances_without(logs - logs.mean(axis=1, keepdims=True), units)
    inverted = np.linalg.pinv(covariances, rcond=1e-9, hermitian=True)
    scale = np.sqrt(np.diagonal(inverted, axis1=1, axis2=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        made: np.ndarray = -inverted / scale[:, :, None] / scale[:, None, :]
    return made


@attrs.frozen(kw_only=True)
class CompositionalPartialCorrelation:
    """Partial correlations of the parts of a composition: one estimate for each pair of scores.

    The scores in ``of`` are positive parts of a whole (shares of topics, probabilities of options).
    With Γ⁻ the pseudo-inverse of the covariance of the centred log-ratios, r_ij = −g_ij / √(g_ii g_jj)
    (Erb 2020). It needs no reference part and does not depend on how rows are scaled. t has
    n − D + 1 degrees of freedom for D parts. Independent parts have r = 1/(D − 1), not 0. For clustered
    rows the error is the jackknife over clusters, and t has G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "compositional-partial-correlation"
        of = ["p-a", "p-b", "p-c", "p-d"]

    Attributes:
        shrinkage: Shrink the covariance of log parts (Schäfer & Strimmer 2005) for few rows or many
            parts; r is then an estimate without a test.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "compositional-partial-correlation"
    shrinkage: bool = False
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """R of every pair of parts; refuses zeros, fewer than 3 parts, and too few rows."""
        import numpy as np

        what = "a compositional partial correlation"
        names = table.of
        parts = len(names)
        if parts < 3:
            raise gnomon.StatisticError(
                f"{what} needs at least 3 parts in 'of', and there {'is' if parts == 1 else 'are'} "
                f"{parts}"
            )
        need = 3 if self.shrinkage else parts + 1
        kept = common.present(table, names, need=need, what=what)
        _positive(kept)
        logs = np.log(np.column_stack([kept.score(name) for name in names]))
        inverted, shrunk = inverse_of_log_ratios(logs, shrink=self.shrinkage, what=what)
        scale = np.sqrt(np.diag(inverted))
        units = common.units(kept, self.cluster, need=3, what=what)
        without = None if units.codes is None or self.shrinkage else _parts_without(logs, units)
        out = []
        for i, j in combinations(range(parts), 2):
            r = max(-1.0, min(1.0, float(-inverted[i, j] / scale[i] / scale[j])))
            own = None if without is None else without[:, i, j]
            made = self._pair(r, own, len(kept), parts, units)
            variances = {f"partial variance {names[k]}": float(1 / inverted[k, k]) for k in (i, j)}
            detail = {**made.detail, **variances, **shrunk}
            quantity = f"{names[i]} with {names[j]}"
            out.append(attrs.evolve(made, quantity=quantity, detail=detail))
        return out

    def _pair(
        self, r: float, without: np.ndarray | None, n: int, parts: int, units: common.Units
    ) -> gnomon.Estimate:
        """The correlation of one pair of parts, shrunk, of clusters, or of independent rows."""
        method = f"partial correlation of {parts} parts of a composition"
        if self.shrinkage:
            shrunk = f"{method}, shrunk"
            return gnomon.Estimate(
                quantity="r", value=r, n=n, effect="r", effect_value=r, method=shrunk
            )
        if without is not None:
            return of_clusters(
                r,
                without,
                units,
                n=n,
                level=self.level,
                alternative="two-sided",
                quantity="r",
                what="a compositional partial correlation",
                kind=method,
            )
        df = n - parts + 1
        return of_r(
            r,
            df,
            n=n,
            level=self.level,
            alternative="two-sided",
            variance=inverse(df - 1),
            method=f"{method}, two-sided, {units.words}",
        )


def _positive(table: gnomon.Table) -> None:
    """Refuse parts that are 0 or less."""
    for name in table.of:
        zeros = int((table.score(name) <= 0).sum())
        if zeros:
            raise gnomon.StatisticError(
                f"part {name!r} has {common.plural(zeros, 'value')} that "
                f"{'is' if zeros == 1 else 'are'} not positive, and a log-ratio needs positive "
                "parts; replace zeros first and say how"
            )
