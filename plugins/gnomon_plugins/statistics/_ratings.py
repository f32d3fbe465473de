"""Ratings as a matrix of units by raters.

One invariant: a cell holds one number or NaN; two ratings of one unit by one rater are refused rather
than averaged.

Two ways are open to every reliability statistic: several scores in ``of`` (each row a unit, each score a
rater or item), or one score with ``unit`` and ``rater``, label columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True, eq=False)
class Ratings:
    """Ratings of shape (units, raters).

    Attributes:
        matrix: The ratings.
        names: The raters' names.
        lost: How many units were left out for want of ratings.
        table: One row per unit, for cluster columns: what is the same in all rows of a unit.
    """

    matrix: np.ndarray
    names: list[str]
    lost: int
    table: gnomon.Table


def ratings(
    table: gnomon.Table,
    unit: str | Sequence[str],
    rater: str | None,
    *,
    complete: bool,
    need: int = 2,
    what: str,
    noun: str = "rater",
) -> Ratings:
    """The matrix of ratings.

    Args:
        table: The rows.
        unit: Label column of the units, or several whose combinations are the units, when one score is
            rated by several.
        rater: Label column of the raters; None when the scores in ``of`` are the raters.
        complete: Leave out units that lack a rating.
        need: Fewest units.
        what: The statistic in words, with its article.
        noun: What a column is called in errors.

    Raises:
        StatisticError: There is one rater, a cell is filled twice, or too few units are left.
    """
    import numpy as np

    if rater is None:
        names = list(table.of)
        if len(names) < 2:
            raise gnomon.StatisticError(
                f"{what} needs at least 2 {noun}s: name several scores in 'of', or one score and the "
                f"label columns 'unit' and 'rater' (found {common.plural(len(names), 'score')})"
            )
        matrix = np.column_stack(
            [common.bounded(table.score(name), name, what=what) for name in names]
        )
        of_units = table
    else:
        kept = common.present(table, table.of[:1], need=2, what=what)
        names = [str(name) for name in kept.coded(rater)[0]]
        if len(names) < 2:
            raise gnomon.StatisticError(
                f"{what} needs at least 2 {noun}s, and all {common.plural(len(kept), 'row')} have the "
                f"same {rater!r} ({names[0]!r})"
            )
        units, rows = _combined(kept, (unit,) if isinstance(unit, str) else unit)
        _, columns = kept.coded(rater)
        counts = np.zeros((len(units), len(names)), dtype=np.int64)
        np.add.at(counts, (rows, columns), 1)
        if counts.max() > 1:
            row, column = (int(index) for index in np.argwhere(counts > 1)[0])
            raise gnomon.StatisticError(
                f"{what} needs one rating of each unit by each {noun}, and {_named(unit)} = "
                f"{str(units[row])!r} has {counts[row, column]} by {rater} = {names[column]!r}; keep "
                "one with 'where', or score the item as a whole"
            )
        matrix = np.full(counts.shape, np.nan)
        matrix[rows, columns] = kept.values
        of_units = _units(kept, rows, len(units))
    before = len(matrix)
    given = (~np.isnan(matrix)).sum(axis=1)
    keep = given == len(names) if complete else given >= 2
    matrix = matrix[keep]
    if len(matrix) < need:
        amount = "all" if complete else "two or more"
        raise gnomon.StatisticError(
            f"{what} needs at least {common.plural(need, 'unit')} with {amount} ratings, and "
            f"{len(matrix)} of {before} {'has' if len(matrix) == 1 else 'have'} them"
        )
    lost = before - len(matrix)
    return Ratings(matrix=matrix, names=names, lost=lost, table=of_units.rows(keep))


def _units(table: gnomon.Table, codes: np.ndarray, count: int) -> gnomon.Table:
    """One row per unit, with the columns that are the same in all rows of a unit."""
    import numpy as np

    first = np.full(count, len(table), dtype=np.int64)
    np.minimum.at(first, codes, np.arange(len(table)))
    labels = {}
    for name in table.labels:
        texts, places = table.coded(name)
        if (places[first][codes] == places).all():
            labels[name] = texts[places[first]]
    return attrs.evolve(table.rows(first), labels=labels)


def left_out(count: int) -> str | None:
    """A note on units without enough ratings."""
    return f"{common.plural(count, 'unit')} left out for want of ratings" if count else None


def _named(unit: str | Sequence[str]) -> str:
    return unit if isinstance(unit, str) else " and ".join(unit)


def _combined(table: gnomon.Table, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The combinations of columns that occur, as texts, and for each row the position of its own."""
    import numpy as np

    if len(columns) == 1:
        return table.coded(columns[0])
    parts = [table.label(name).tolist() for name in columns]
    texts, codes = np.unique(
        np.array([" / ".join(row) for row in zip(*parts, strict=True)]), return_inverse=True
    )
    return texts, codes
