"""Tests of counts in a table: chi-square, G, Fisher's exact.

One invariant: a table is made of the values of a score (its categories) against the levels of a label
column or the values of a second score; every row of scores is counted once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._rao_scott import design_effect, log_odds_error
from gnomon_plugins.statistics._tails import Alternative, chi2_tail, f_tail, log10_of

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True, eq=False)
class _Crossed:
    """A table of counts and the rows it was made of."""

    counts: np.ndarray
    rows: list[str]
    columns: list[str]
    row_codes: np.ndarray
    column_codes: np.ndarray
    table: gnomon.Table


def _crossed(
    table: gnomon.Table, between: str | None, levels: tuple[str, str] | None, what: str
) -> _Crossed:
    """The two variables of each row, with their names and counts."""
    import numpy as np

    names = table.of[:1] if between is not None else table.of
    if between is None and len(names) != 2:
        raise gnomon.StatisticError(
            f"{what} crosses two variables: name two scores in 'of', or one score and a label "
            f"column in 'between' (found {common.plural(len(names), 'score')})"
        )
    kept = common.present(table, names, need=2, what=what)
    if between is not None and levels is not None:
        there = [str(name) for name in np.unique(kept.label(between))]
        for name in levels:
            if name not in there:
                raise gnomon.StatisticError(
                    f"{between!r} has no level {name!r} here; there are: {', '.join(there)}"
                )
        kept = kept.rows(np.isin(kept.label(between), levels))
    rows = kept.label(between) if between is not None else kept.score(names[1])
    row_names, row_codes = np.unique(rows, return_inverse=True)
    column_names, column_codes = np.unique(kept.values, return_inverse=True)
    for found, name in ((row_names, between or names[-1]), (column_names, names[0])):
        if len(found) < 2:
            raise gnomon.StatisticError(
                f"{what} needs at least 2 different values of {name!r}, and all "
                f"{common.plural(len(kept), 'row')} have {_show(found[0])}"
            )
    counts = np.zeros((len(row_names), len(column_names)))
    np.add.at(counts, (row_codes, column_codes), 1)
    shown = [_show(name) for name in row_names]
    if levels is not None:
        order = [shown.index(level) for level in levels if level in shown]
        counts, shown = counts[order], [shown[index] for index in order]
        row_codes = np.argsort(order)[row_codes]
    return _Crossed(
        counts=counts,
        rows=shown,
        columns=[_show(name) for name in column_names],
        row_codes=row_codes,
        column_codes=column_codes,
        table=kept,
    )


def _show(value: object) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _odds_ratio(crossed: _Crossed, units: common.Units, level: float) -> tuple[float, float, float]:
    """Woolf's odds ratio and interval; with half added to each cell when one is empty (Haldane)."""
    from scipy import special

    counts = crossed.counts
    cells = counts + 0.5 if (counts == 0).any() else counts
    log = math.log(cells[0, 0] * cells[1, 1] / cells[0, 1] / cells[1, 0])
    if units.codes is None:
        reach = effects.normal_quantile(level) * math.sqrt(float((1 / cells).sum()))
    else:
        error = log_odds_error(crossed.row_codes, crossed.column_codes, units.codes, cells)
        reach = float(special.stdtrit(units.count - 1, (1 + level) / 2)) * error
    return math.exp(log), math.exp(log - reach), math.exp(log + reach)


def _detail(counts: np.ndarray, rows: list[str], columns: list[str]) -> dict[str, object]:
    return {
        row: {column: int(counts[i, j]) for j, column in enumerate(columns)}
        for i, row in enumerate(rows)
    }


def _of_independence(
    table: gnomon.Table,
    between: str | None,
    level: float,
    cluster: str | None,
    *,
    likelihood: bool,
    continuity: bool,
    what: str,
) -> gnomon.Estimate:
    from scipy import stats

    crossed = _crossed(table, between, None, what)
    counts, rows, columns = crossed.counts, crossed.rows, crossed.columns
    units = common.units(crossed.table, cluster, what=what)
    tested = stats.chi2_contingency(
        counts, correction=continuity, lambda_="log-likelihood" if likelihood else "pearson"
    )
    value, df, n = float(tested.statistic), int(tested.dof), int(counts.sum())
    p, log10_p = chi2_tail(value, df)
    scale = n * (min(counts.shape) - 1)
    low, high = effects.noncentral_interval(value, df, math.inf, level)
    made = gnomon.Estimate(quantity="cramers-v", value=None, df=df, p=p, log10_p=log10_p)
    if units.codes is not None:
        if continuity:
            raise gnomon.StatisticError(
                "Yates's correction is for independent rows; leave out 'continuity', or set cluster = "
                "'none' to take rows as independent"
            )
        made, low, high = _of_clusters(crossed, units, value, df, level, what)
    v = math.sqrt(min(1.0, value / scale))
    ends = math.sqrt(min(1.0, low / scale)), math.sqrt(min(1.0, high / scale))
    few = int((tested.expected_freq < 5).sum())
    effect, size = "cramers-v", (v, *ends)
    if counts.shape == (2, 2):
        effect, size = "odds-ratio", _odds_ratio(crossed, units, level)
    corrected = ", with Yates's correction" if continuity and counts.shape == (2, 2) else ""
    return attrs.evolve(
        made,
        value=v,
        low=ends[0],
        high=ends[1],
        level=level,
        test=made.test or ("G" if likelihood else "chi-square"),
        test_value=value if made.test_value is None else made.test_value,
        effect=effect,
        effect_value=size[0],
        effect_low=size[1],
        effect_high=size[2],
        n=n,
        method=f"{'G' if likelihood else 'chi-square'} test of independence, {len(rows)} x "
        f"{len(columns)}{corrected}{', second-order Rao-Scott' if units.count else ''}, {units.words}",
        note=f"{few} of {counts.size} cells expect fewer than 5; an exact test is safer"
        if few
        else None,
        detail={**_detail(counts, rows, columns), **made.detail},
    )


def _of_clusters(
    crossed: _Crossed, units: common.Units, value: float, df: int, level: float, what: str
) -> tuple[gnomon.Estimate, float, float]:
    """The test of clustered rows, and the interval of the noncentrality on the scale of the statistic."""
    assert units.codes is not None
    effect = design_effect(crossed.row_codes, crossed.column_codes, units.codes, units.count)
    if effect is None:
        raise gnomon.StatisticError(
            f"the clusters of {units.column!r} do not differ in their counts, so there is no standard "
            f"error for {what}"
        )
    f = value / (effect.mean * df)
    p, log10_p = f_tail(f, effect.df1, effect.df2)
    low, high = effects.noncentral_interval(f, effect.df1, effect.df2, level)
    # λ of F is that of d degrees of freedom; the statistic has df of them and the design effect.
    scale = effect.mean * df / effect.df1
    made = gnomon.Estimate(
        quantity="cramers-v",
        value=None,
        test="F",
        test_value=f,
        df=effect.df1,
        df2=effect.df2,
        p=p,
        log10_p=log10_p,
        detail={"clusters": units.count, "statistic": value, "design effect": effect.mean},
    )
    return made, low * scale, high * scale


@attrs.frozen(kw_only=True)
class ChiSquare:
    """Pearson's chi-square test that a score's categories do not depend on the groups; Cramér's V.

    The interval of V inverts the noncentral chi-square. For a 2 × 2 table the effect is the odds ratio
    of the higher value in the second level against the first, with Woolf's interval. For clustered rows
    the statistic over the design effects of the clusters is held against F (Rao & Scott 1984, second
    order; Thomas & Rao 1987), and the odds ratio has cluster-robust errors.

    Example::

        [[statistic]]
        use = "chi-square"
        of = "chosen-option"
        between = "model"

    Attributes:
        between: Label column of the groups; two scores in ``of`` without it.
        continuity: Yates's correction for a 2 × 2 table of independent rows.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "chi-square"
    between: str | None = None
    continuity: bool = False
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """Cramér's V with the test; refuses a variable of one value."""
        return _of_independence(
            table,
            self.between,
            self.level,
            self.cluster,
            likelihood=False,
            continuity=self.continuity,
            what="a chi-square test",
        )


@attrs.frozen(kw_only=True)
class GTest:
    """The likelihood-ratio (G) test of independence; otherwise as ``chi-square``.

    Example::

        [[statistic]]
        use = "g-test"
        of = ["choice-a", "choice-b"]

    Attributes:
        between: Label column of the groups; two scores in ``of`` without it.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "g-test"
    between: str | None = None
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """Cramér's V with the test; refuses a variable of one value."""
        return _of_independence(
            table,
            self.between,
            self.level,
            self.cluster,
            likelihood=True,
            continuity=False,
            what="a G test",
        )


@attrs.frozen(kw_only=True)
class FisherExact:
    """Fisher's exact test of two shares: the share of the higher value, first level minus second.

    The interval of the difference is Newcombe's (1998, method 10); the effect is the conditional odds
    ratio with its exact interval. There is no form for clustered rows: given the margins, the test
    counts all tables as reachable by dealing single rows anew. It refuses them; ``chi-square`` allows
    for clusters.

    Example::

        [[statistic]]
        use = "fisher-exact"
        of = "refused"
        between = "group"
        levels = ["minority", "majority"]

    Attributes:
        between: Label column of the groups; two scores in ``of`` without it.
        levels: First and second level; alphabetical unless given.
        alternative: ``greater``: the share is greater in the first level.
        cluster: Only ``none``, to take rows as independent whatever the design has.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "fisher-exact"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    alternative: Alternative = "two-sided"
    cluster: str | None = attrs.field(default=None, validator=common.independent_or_none)
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The difference of shares with its test; refuses anything but a 2 × 2 table."""
        import numpy as np
        from scipy import stats
        from scipy.stats import contingency

        what = "Fisher's exact test"
        crossed = _crossed(table, self.between, self.levels, what)
        counts, rows, columns = crossed.counts, crossed.rows, crossed.columns
        words = common.only_independent(
            crossed.table, self.cluster, what=what, instead="'chi-square'"
        )
        if counts.shape != (2, 2):
            raise gnomon.StatisticError(
                f"{what} needs a table of 2 x 2, and this one is {len(rows)} x {len(columns)}; "
                "name two levels, or use chi-square"
            )
        cells = counts.astype(np.int64)[:, ::-1]
        p = float(stats.fisher_exact(cells, alternative=self.alternative).pvalue)
        ratio = contingency.odds_ratio(cells, kind="conditional")
        ends = ratio.confidence_interval(self.level)
        totals = cells.sum(axis=1)
        shares = cells[:, 0] / totals
        z = effects.normal_quantile(self.level)
        (low1, high1), (low2, high2) = (
            effects.wilson(int(ones), int(total), z)
            for ones, total in zip(cells[:, 0], totals, strict=True)
        )
        difference = float(shares[0] - shares[1])
        bounded = math.isfinite(ratio.statistic)
        return gnomon.Estimate(
            quantity="difference",
            value=difference,
            low=difference - math.hypot(shares[0] - low1, high2 - shares[1]),
            high=difference + math.hypot(high1 - shares[0], shares[1] - low2),
            level=self.level,
            p=p,
            log10_p=log10_of(p),
            effect="odds-ratio",
            effect_value=float(ratio.statistic) if bounded else None,
            effect_low=float(ends.low),
            effect_high=float(ends.high) if math.isfinite(ends.high) else None,
            n=int(cells.sum()),
            method=f"Fisher's exact test of {rows[0]} - {rows[1]}, {self.alternative}, {words}",
            note=None if bounded else "a cell is empty: the odds ratio is without bound",
            detail=_detail(counts, rows, columns),
        )
