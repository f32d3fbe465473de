"""Design matrices from label columns.

One invariant: the columns of a factor are in the order of its sorted levels, so that the same rows in
another order give the same coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import gnomon
from gnomon_plugins.statistics import _common as common

if TYPE_CHECKING:
    import numpy as np


def levels_of(table: gnomon.Table, factor: str, *, what: str) -> tuple[list[str], np.ndarray]:
    """The sorted levels of a factor and the level number of every row.

    Raises:
        StatisticError: There is one level only.
    """
    names, codes = table.coded(factor)
    if len(names) < 2:
        raise gnomon.StatisticError(
            f"{what} needs at least 2 levels of {factor!r}, and all "
            f"{common.plural(len(table), 'row')} have {str(names[0])!r}"
        )
    return [str(name) for name in names], codes


def sum_coded(table: gnomon.Table, factor: str, *, what: str) -> np.ndarray:
    """Effects of a factor that sum to zero, of shape (rows, levels − 1)."""
    import numpy as np

    names, codes = levels_of(table, factor, what=what)
    coding = np.vstack([np.eye(len(names) - 1), -np.ones(len(names) - 1)])
    coded: np.ndarray = coding[codes]
    return coded


def residuals(design: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a least-squares fit leaves of ``y``."""
    import numpy as np

    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    left: np.ndarray = y - design @ beta
    return left


def residual_squares(design: np.ndarray, y: np.ndarray) -> float:
    """The sum of squared residuals of a least-squares fit."""
    left = residuals(design, y)
    return float(left @ left)


def matrix(
    table: gnomon.Table,
    predictors: Mapping[str, np.ndarray],
    factors: Sequence[str],
    references: Mapping[str, str],
    *,
    what: str,
) -> tuple[np.ndarray, list[str]]:
    """Intercept, predictors and treatment-coded factors.

    Args:
        table: The rows, none missing.
        predictors: Name → values.
        factors: Label columns.
        references: Factor → the level the others are compared with; the first in order unless given.
        what: The statistic in words, for errors.

    Returns:
        The matrix of shape (rows, coefficients), and the names: ``intercept``, the predictors'
        names, and ``factor=level``.

    Raises:
        StatisticError: A column is constant, or is a linear combination of those before it.
    """
    import numpy as np

    columns = [np.ones(len(table))]
    names = ["intercept"]
    for name, values in predictors.items():
        columns.append(values)
        names.append(name)
    for factor in factors:
        levels, codes = levels_of(table, factor, what=what)
        reference = references.get(factor, levels[0])
        if reference not in levels:
            raise gnomon.StatisticError(
                f"{factor!r} has no level {reference!r} here; there are: {', '.join(levels)}"
            )
        for index, level in enumerate(levels):
            if level != reference:
                columns.append((codes == index).astype(float))
                names.append(f"{factor}={level}")
    made = np.column_stack(columns)
    _independent(made, names, what=what)
    return made, names


def _independent(design: np.ndarray, names: list[str], *, what: str) -> None:
    """Refuse a matrix whose columns depend on each other, naming the first that does."""
    import numpy as np

    scaled = design / np.sqrt((design**2).sum(axis=0)).clip(min=1e-300)
    if np.linalg.matrix_rank(scaled, tol=1e-9) == len(names):
        return
    for count in range(2, len(names) + 1):
        if np.linalg.matrix_rank(scaled[:, :count], tol=1e-9) < count:
            raise gnomon.StatisticError(
                f"{names[count - 1]!r} is a linear combination of "
                f"{', '.join(map(repr, names[: count - 1]))}; {what} needs predictors that differ"
            )
