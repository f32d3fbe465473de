"""Design matrices from label columns.

One invariant: the columns of a factor are in the order of its sorted levels, so that the same rows in
another order give the same coefficients.
"""

from __future__ import annotations

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
    import numpy as np

    names, codes = np.unique(table.label(factor), return_inverse=True)
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


def residual_squares(matrix: np.ndarray, y: np.ndarray) -> float:
    """The sum of squared residuals of a least-squares fit."""
    import numpy as np

    beta, *_ = np.linalg.lstsq(matrix, y, rcond=None)
    residuals = y - matrix @ beta
    return float(residuals @ residuals)
