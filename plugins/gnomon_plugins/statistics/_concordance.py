"""Concordant less discordant pairs, row by row, without looking at every pair.

One invariant: the numbers are those of counting all pairs, whatever is tied; the time is that of sorting
log n times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_FEW = 64
"""Up to this many rows all pairs are looked at."""


def balance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each row the number of rows concordant with it less those discordant, of shape (rows,)."""
    import numpy as np

    if len(x) <= _FEW:
        signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
        made: np.ndarray = signs.sum(axis=1)
        return made
    _, a = np.unique(x, return_inverse=True)
    _, b = np.unique(y, return_inverse=True)
    up, down = _dominated(a, b) + _dominated(-a, -b), _dominated(a, -b) + _dominated(-a, b)
    difference: np.ndarray = (up - down).astype(float)
    return difference


def untied(x: np.ndarray) -> np.ndarray:
    """For each row the number of rows with another value."""
    import numpy as np

    _, codes, counts = np.unique(x, return_inverse=True, return_counts=True)
    made: np.ndarray = (len(x) - counts[codes]).astype(float)
    return made


def _dominated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For each row the number of rows that are less in both."""
    import numpy as np

    n = len(a)
    b = b - b.min()
    # Ties in a by falling b, so that no row of equal a stands before with a lesser b.
    order = np.lexsort((-b, a))
    ranked, out = b[order], np.zeros(n, dtype=np.int64)
    span, width = int(ranked.max()) + 1, 1
    places = np.arange(n)
    while width < n:
        block = places // width
        left = block % 2 == 0
        keys = np.sort((block[left] // 2) * span + ranked[left])
        right = ~left
        pair = block[right] // 2
        starts = np.searchsorted(keys, pair * span)
        out[right] += np.searchsorted(keys, pair * span + ranked[right]) - starts
        width *= 2
    made = np.empty(n, dtype=np.int64)
    made[order] = out
    return made
