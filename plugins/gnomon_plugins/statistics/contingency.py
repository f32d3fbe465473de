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
from gnomon_plugins.statistics._tails import Alternative, chi2_tail, log10_of

if TYPE_CHECKING:
    import numpy as np


def _crossed(
    table: gnomon.Table, between: str | None, levels: tuple[str, str] | None, what: str
) -> tuple[np.ndarray, list[str], list[str]]:
    """Counts of shape (levels, categories), with the names of both."""
    import numpy as np

    names = table.of[:1] if between is not None else table.of
    if between is None and len(names) != 2:
        raise gnomon.StatisticError(
            f"{what} crosses two variables: name two scores in 'of', or one score and a label "
            f"column in 'between' (found {common.plural(len(names), 'score')})"
        )
    kept = common.present(table, names, need=2, what=what)
    if between is not None and levels is not None:
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
    return counts, shown, [_show(name) for name in column_names]


def _show(value: object) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _odds_ratio(counts: np.ndarray, level: float) -> tuple[float, float, float]:
    """Woolf's odds ratio and interval; with half added to each cell when one is empty (Haldane)."""
    cells = counts + 0.5 if (counts == 0).any() else counts
    log = math.log(cells[0, 0] * cells[1, 1] / cells[0, 1] / cells[1, 0])
    reach = effects.normal_quantile(level) * math.sqrt(float((1 / cells).sum()))
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
    *,
    likelihood: bool,
    continuity: bool,
    what: str,
) -> gnomon.Estimate:
    from scipy import special, stats

    counts, rows, columns = _crossed(table, between, None, what)
    tested = stats.chi2_contingency(
        counts, correction=continuity, lambda_="log-likelihood" if likelihood else "pearson"
    )
    value, df, n = float(tested.statistic), int(tested.dof), int(counts.sum())
    p, log10_p = chi2_tail(value, df)
    scale = n * (min(counts.shape) - 1)
    low, high = effects.noncentral_interval(
        lambda nc: float(special.chndtr(value, df, nc)), value, level
    )
    v = math.sqrt(min(1.0, value / scale))
    ends = math.sqrt(min(1.0, low / scale)), math.sqrt(min(1.0, high / scale))
    few = int((tested.expected_freq < 5).sum())
    effect, size = "cramers-v", (v, *ends)
    if counts.shape == (2, 2):
        effect, size = "odds-ratio", _odds_ratio(counts[::-1, ::-1], level)
    corrected = ", with Yates's correction" if continuity and counts.shape == (2, 2) else ""
    return gnomon.Estimate(
        quantity="cramers-v",
        value=v,
        low=ends[0],
        high=ends[1],
        level=level,
        test="G" if likelihood else "chi-square",
        test_value=value,
        df=df,
        p=p,
        log10_p=log10_p,
        effect=effect,
        effect_value=size[0],
        effect_low=size[1],
        effect_high=size[2],
        n=n,
        method=f"{'G' if likelihood else 'chi-square'} test of independence, {len(rows)} x "
        f"{len(columns)}{corrected}, {common.unit(None)}",
        note=f"{few} of {counts.size} cells expect fewer than 5; an exact test is safer"
        if few
        else None,
        detail=_detail(counts, rows, columns),
    )


@attrs.frozen(kw_only=True)
class ChiSquare:
    """Pearson's chi-square test that a score's categories do not depend on the groups; Cramér's V.

    The interval of V inverts the noncentral chi-square. For a 2 × 2 table the effect is the odds ratio
    of the higher value in the second level against the first, with Woolf's interval.

    Example::

        [[statistic]]
        use = "chi-square"
        of = "chosen-option"
        between = "model"

    Attributes:
        between: Label column of the groups; two scores in ``of`` without it.
        continuity: Yates's correction for a 2 × 2 table.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "chi-square"
    between: str | None = None
    continuity: bool = False
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """Cramér's V with the test; refuses a variable of one value."""
        return _of_independence(
            table,
            self.between,
            self.level,
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
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "g-test"
    between: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """Cramér's V with the test; refuses a variable of one value."""
        return _of_independence(
            table, self.between, self.level, likelihood=True, continuity=False, what="a G test"
        )


@attrs.frozen(kw_only=True)
class FisherExact:
    """Fisher's exact test of two shares: the share of the higher value, first level minus second.

    The interval of the difference is Newcombe's (1998, method 10); the effect is the conditional odds
    ratio with its exact interval.

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
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "fisher-exact"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    alternative: Alternative = "two-sided"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The difference of shares with its test; refuses anything but a 2 × 2 table."""
        import numpy as np
        from scipy import stats
        from scipy.stats import contingency

        what = "Fisher's exact test"
        counts, rows, columns = _crossed(table, self.between, self.levels, what)
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
            method=f"Fisher's exact test of {rows[0]} - {rows[1]}, {self.alternative}, "
            f"{common.unit(None)}",
            note=None if bounded else "a cell is empty: the odds ratio is without bound",
            detail=_detail(counts, rows, columns),
        )
