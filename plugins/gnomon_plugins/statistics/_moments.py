"""Quantities that are functions of sums over rows.

One invariant: a quantity of many resamples at once is one array expression; where it is not defined (a
constant score, an empty group) it is NaN here and counted by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

import gnomon

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen
class Moments:
    """A quantity and the sums it needs.

    Attributes:
        terms: From the scores (and the side, 1 for first) to terms of shape (rows, k).
        value: From sums, k arrays of shape (resamples,), to values.
    """

    terms: Callable[..., Sequence[np.ndarray]]
    value: Callable[..., np.ndarray]

    def of(self, sums: np.ndarray) -> np.ndarray:
        """Values of shape (resamples,) for sums of shape (resamples, k)."""
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore"):
            return self.value(*sums.T)


def gather(
    table: gnomon.Table, names: Sequence[str], side: np.ndarray | None, moments: Moments
) -> np.ndarray:
    """The terms of every row, of shape (rows, k)."""
    import numpy as np

    columns = [table.score(name) for name in names]
    if side is not None:
        columns.append(side.astype(float))
    ones = np.ones(len(table))
    return np.column_stack(moments.terms(ones, *columns))


def _variance(n: np.ndarray, x: np.ndarray, xx: np.ndarray) -> np.ndarray:
    import numpy as np

    squares = xx - x * x / n
    return np.where(squares > 1e-12 * xx, squares / (n - 1), np.nan)


def _sd(n: np.ndarray, x: np.ndarray, xx: np.ndarray) -> np.ndarray:
    spread: np.ndarray = _variance(n, x, xx) ** 0.5
    return spread


def _correlation(
    n: np.ndarray, x: np.ndarray, y: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    r: np.ndarray = (xy - x * y / n) / (n - 1) / _sd(n, x, xx) / _sd(n, y, yy)
    return r


QUANTITIES: Mapping[str, Moments] = {
    "mean": Moments(lambda one, x: (one, x), lambda n, x: x / n),
    "sd": Moments(lambda one, x: (one, x, x * x), _sd),
    "d": Moments(lambda one, x: (one, x, x * x), lambda n, x, xx: x / n / _sd(n, x, xx)),
    "difference": Moments(lambda one, x, y: (one, x - y), lambda n, d: d / n),
    "ratio": Moments(lambda _, x, y: (x, y), lambda x, y: x / y),
    "correlation": Moments(
        lambda one, x, y: (one, x, y, x * x, y * y, x * y),
        _correlation,
    ),
    "group-difference": Moments(
        lambda one, x, side: (side, side * x, one - side, (one - side) * x),
        lambda n, x, m, y: x / n - y / m,
    ),
}
"""Name → how it is computed from sums."""
