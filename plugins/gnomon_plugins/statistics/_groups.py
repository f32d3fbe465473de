"""How a statistic that compares finds what it compares.

One invariant: pairs are matched by what they share, never by their position in the table.

Two ways are open to every two-group statistic: two scores in ``of`` (each row holds both), or one score
and ``between``, a label column with two levels. Paired statistics match the latter by ``paired_by``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True, eq=False)
class Two:
    """Two samples.

    Attributes:
        first, second: Values, none missing.
        names: What they are called, for errors and methods.
        first_table, second_table: The rows they came from, for cluster columns.
    """

    first: np.ndarray
    second: np.ndarray
    names: tuple[str, str]
    first_table: gnomon.Table
    second_table: gnomon.Table


def level_names(
    table: gnomon.Table, between: str, levels: tuple[str, str] | None, what: str
) -> tuple[str, str]:
    """The two levels to compare, in order.

    Raises:
        StatisticError: The column does not have exactly two levels, or lacks one that was named.
    """
    there = [str(name) for name in table.coded(between)[0]]
    if levels is None:
        if len(there) != 2:
            raise gnomon.StatisticError(
                f"{what} compares two levels, and {between!r} has {len(there)}: "
                f"{', '.join(there)}; name two with 'levels', or keep two with 'where'"
            )
        return there[0], there[1]
    for level in levels:
        if level not in there:
            raise gnomon.StatisticError(
                f"{between!r} has no level {level!r} here; there are: {', '.join(there)}"
            )
    return levels


def two_samples(
    table: gnomon.Table,
    between: str | None,
    levels: tuple[str, str] | None,
    *,
    need: int,
    what: str,
) -> Two:
    """Two independent samples.

    Args:
        table: The rows.
        between: Label column that tells the samples apart; None when ``of`` names two scores.
        levels: The levels to compare, in order; needed when the column has more than two.
        need: Fewest values of each sample.
        what: The statistic in words, with its article.

    Raises:
        StatisticError: There are not two samples, or one is too small.
    """
    if between is None:
        if len(table.of) != 2:
            raise gnomon.StatisticError(
                f"{what} compares two samples: name two scores in 'of', or one score and a label "
                f"column in 'between' (found {common.plural(len(table.of), 'score')})"
            )
        halves = [common.present(table, [name], need=need, what=what) for name in table.of]
        first, second = (half.score(name) for half, name in zip(halves, table.of, strict=True))
        return Two(
            first=first,
            second=second,
            names=(table.of[0], table.of[1]),
            first_table=halves[0],
            second_table=halves[1],
        )
    names = level_names(table, between, levels, what)
    column = table.label(between)
    halves = []
    for name in names:
        try:
            halves.append(
                common.present(table.rows(column == name), table.of[:1], need=need, what=what)
            )
        except gnomon.StatisticError as error:
            raise gnomon.StatisticError(f"{between} = {name!r}: {error}") from None
    return Two(
        first=halves[0].values,
        second=halves[1].values,
        names=names,
        first_table=halves[0],
        second_table=halves[1],
    )


@attrs.frozen(kw_only=True, eq=False)
class Pairs:
    """Matched values.

    Attributes:
        first, second: Values of shape (pairs,), none missing.
        names: What they are called.
        table: One row per pair, for cluster columns. A column that differs within a pair is left out.
        unpaired: How many units had only one side.
    """

    first: np.ndarray
    second: np.ndarray
    names: tuple[str, str]
    table: gnomon.Table
    unpaired: int = 0


def pairs(
    table: gnomon.Table,
    between: str | None,
    levels: tuple[str, str] | None,
    paired_by: tuple[str, ...],
    *,
    need: int,
    what: str,
) -> Pairs:
    """Matched values: two scores of one row, or two levels of ``between`` matched by columns.

    Several values of one unit at one level are averaged.

    Raises:
        StatisticError: There is nothing to match, or too few pairs.
    """
    if between is None:
        if len(table.of) != 2:
            raise gnomon.StatisticError(
                f"{what} compares pairs: name two scores in 'of', or one score, a label column in "
                "'between' and the columns that match in 'paired_by' "
                f"(found {common.plural(len(table.of), 'score')})"
            )
        kept = common.present(table, table.of, need=need, what=what)
        return Pairs(
            first=kept.score(table.of[0]),
            second=kept.score(table.of[1]),
            names=(table.of[0], table.of[1]),
            table=kept,
        )
    return _matched(table, between, levels, paired_by, need=need, what=what)


def unit_codes(table: gnomon.Table, columns: tuple[str, ...]) -> tuple[np.ndarray, int]:
    """A number for each combination of the columns, and how many combinations there are."""
    import numpy as np

    codes = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        _, inverse = table.coded(column)
        _, codes = np.unique(
            codes * (int(inverse.max(initial=0)) + 1) + inverse, return_inverse=True
        )
    return codes, int(codes.max(initial=-1)) + 1


def _matched(
    table: gnomon.Table,
    between: str,
    levels: tuple[str, str] | None,
    paired_by: tuple[str, ...],
    *,
    need: int,
    what: str,
) -> Pairs:
    import numpy as np

    names = level_names(table, between, levels, what)
    kept = common.present(table, table.of[:1], need=1, what=what)
    side = kept.label(between)
    kept = kept.rows((side == names[0]) | (side == names[1]))
    codes, count = unit_codes(kept, paired_by)
    sums = np.zeros((2, count))
    numbers = np.zeros((2, count), dtype=np.int64)
    which = (kept.label(between) == names[1]).astype(np.int64)
    np.add.at(sums, (which, codes), kept.values)
    np.add.at(numbers, (which, codes), 1)
    both = (numbers > 0).all(axis=0)
    found = int(both.sum())
    if found < need:
        raise gnomon.StatisticError(
            f"{what} needs at least {common.plural(need, 'pair')}, and {found} of "
            f"{common.plural(count, 'unit')} of {' and '.join(map(repr, paired_by))} "
            f"{'has' if found == 1 else 'have'} a value at both {names[0]!r} and {names[1]!r}"
        )
    means = sums[:, both] / numbers[:, both]
    first_row = np.full(count, len(kept), dtype=np.int64)
    np.minimum.at(first_row, codes, np.arange(len(kept)))
    rows = kept.rows(first_row[both])
    constant = {
        name: column
        for name, column in rows.labels.items()
        if (kept.label(name)[first_row[codes]] == kept.label(name)).all()
    }
    return Pairs(
        first=means[0],
        second=means[1],
        names=names,
        table=attrs.evolve(rows, labels=constant),
        unpaired=count - found,
    )


def unpaired_note(found: Pairs) -> str | None:
    """A warning for units that had only one side."""
    if not found.unpaired:
        return None
    return f"{common.plural(found.unpaired, 'unit')} left out for want of the other side"


def describe(two: Two) -> dict[str, float]:
    """Number, mean and standard deviation of both samples."""
    out: dict[str, float] = {}
    for name, values in zip(two.names, (two.first, two.second), strict=True):
        out |= {f"n {name}": len(values), f"mean {name}": float(values.mean())}
        if len(values) > 1:
            out[f"sd {name}"] = float(values.std(ddof=1))
    return out


def pooled_sd(two: Two, *, what: str) -> float:
    """The pooled standard deviation.

    Raises:
        StatisticError: Neither sample varies.
    """
    n = len(two.first), len(two.second)
    # A sample of one adds nothing, where its variance would be 0 / 0.
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in (two.first, two.second))
    pooled = math.sqrt(squares / (n[0] + n[1] - 2))
    largest = max(float(abs(two.first).max()), float(abs(two.second).max()))
    if pooled < max(common.SMALLEST_SD, common.ROUNDING * largest):
        raise gnomon.StatisticError(
            f"all values of {two.names[0]} are equal ({two.first[0]:.6g}), and so are those of "
            f"{two.names[1]} ({two.second[0]:.6g}); {what} needs values that differ within a group"
        )
    return pooled


def standardized_difference(
    two: Two,
    pooled: float,
    level: float,
    *,
    effect: str,
    error: float | None = None,
    df: float | None = None,
) -> tuple[float, float, float]:
    """Cohen's d or Hedges' g of two samples, with the noncentral-t interval.

    Args:
        two: The samples.
        pooled: Their pooled standard deviation.
        level: Confidence level.
        effect: ``d`` or ``g``.
        error: Standard error of the difference, when not that of the pooled test.
        df: Its degrees of freedom.
    """
    n = len(two.first), len(two.second)
    df = n[0] + n[1] - 2 if df is None else df
    scale = math.sqrt(1 / n[0] + 1 / n[1]) if error is None else error / pooled
    d = float(two.first.mean() - two.second.mean()) / pooled
    low, high = effects.noncentral_t_interval(d / scale, df, level)
    factor = effects.hedges_factor(n[0] + n[1] - 2) if effect == "g" else 1.0
    return factor * d, factor * low * scale, factor * high * scale


def differences(
    table: gnomon.Table,
    between: str | None,
    levels: tuple[str, str] | None,
    paired_by: tuple[str, ...],
    *,
    need: int,
    what: str,
) -> tuple[np.ndarray, str, str | None, gnomon.Table]:
    """Values of one score, or the differences of pairs where there are two sides.

    Returns:
        The values, what they are in words, a note on units left out, and their rows.
    """
    if between is None and len(table.of) == 1:
        kept = common.present(table, table.of, need=need, what=what)
        return kept.values, repr(table.of[0]), None, kept
    found = pairs(table, between, levels, paired_by, need=need, what=what)
    words = f"the difference {found.names[0]} - {found.names[1]}"
    return found.first - found.second, words, unpaired_note(found), found.table


def several(
    table: gnomon.Table, between: str, *, need: int, what: str
) -> list[tuple[str, np.ndarray]]:
    """The values of the first score in each group, by the group's name in order.

    Raises:
        StatisticError: There is one group, a group is too small, or all values are equal.
    """
    import numpy as np

    kept = common.present(table, table.of[:1], need=3, what=what)
    column = kept.label(between)
    names = np.unique(column)
    if len(names) < 2:
        raise gnomon.StatisticError(
            f"{what} compares groups, and all {common.plural(len(kept), 'row')} have the same "
            f"{between!r} ({str(names[0])!r})"
        )
    common.varied(kept.values, repr(table.of[0]), what=what)
    out = [(str(name), kept.values[column == name]) for name in names]
    for name, values in out:
        if len(values) < need:
            raise gnomon.StatisticError(
                f"{between} = {name!r}: {what} needs at least {common.plural(need, 'value')} of "
                f"{table.of[0]!r}, and there is {len(values)}"
            )
    return out
