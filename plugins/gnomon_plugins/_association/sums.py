"""How many subsets of a given size have a sum at or beyond a threshold.

One invariant: values are whole numbers of a fixed unit, so sums and comparisons are exact. A partition
of N words into sets of n and N - n is one n-subset, and every statistic of the test rises with the
subset's sum. Two ways of counting all C(N, n) of them without listing them:

``Halves``  meet in the middle (Horowitz & Sahni, 1974): the sums of all subsets of either half, sorted by
            size class, and for each size split the pairs beyond the threshold. Exact. Cost 2^(N/2).
``Grid``    dynamic programming over sums rounded to a grid. The rounding error of every word is known, so
            the errors of a subset lie between the sum of the n smallest and that of the n largest;
            counting beyond the thresholds moved by these two gives a lower and an upper bound. Cost N²·grid.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Count(NamedTuple):
    """Bounds on a number of subsets; equal when it is exact."""

    low: float
    high: float


def halves_work(words: int, size: int) -> int:
    """How many subset sums ``Halves`` holds for the larger half."""
    half = (words + 1) // 2
    return sum(math.comb(half, j) for j in range(min(half, size) + 1))


class Halves:
    """Exact counts by meeting in the middle.

    Args:
        units: Values in whole units, int64 of shape (words,).
        size: Words in the subset.
    """

    def __init__(self, units: np.ndarray, size: int) -> None:
        half = len(units) // 2
        self._size = size
        self._left = _sums_by_size(units[:half], size)
        self._right = _sums_by_size(units[half:], size)

    def at_least(self, threshold: int) -> Count:
        """Subsets whose sum is the threshold or more."""
        import numpy as np

        count = 0
        for j, left in enumerate(self._left):
            if not 0 <= self._size - j < len(self._right):
                continue
            right = self._right[self._size - j]
            # Both ascend, so that the look-ups walk through ``right`` once.
            found = np.searchsorted(right, threshold - left[::-1], side="left")
            count += len(left) * len(right) - int(found.sum())
        return Count(count, count)

    def at_most(self, threshold: int) -> Count:
        """Subsets whose sum is the threshold or less."""
        import numpy as np

        count = 0
        for j, left in enumerate(self._left):
            if not 0 <= self._size - j < len(self._right):
                continue
            right = self._right[self._size - j]
            count += int(np.searchsorted(right, threshold - left[::-1], side="right").sum())
        return Count(count, count)


def _sums_by_size(units: np.ndarray, most: int) -> list[np.ndarray]:
    """Sorted sums of all subsets, one array per subset size up to ``most``."""
    import numpy as np

    sums = [np.zeros(1, dtype=np.int64)]
    for value in units:
        longer = [sums[0]]
        for j in range(1, min(len(sums), most) + 1):
            extended = sums[j - 1] + value
            longer.append(np.concatenate([sums[j], extended]) if j < len(sums) else extended)
        sums = longer
    for column in sums:
        column.sort()
    return sums


class Grid:
    """Bounds by dynamic programming over rounded sums.

    Counts are kept as float64: every step adds or multiplies non-negative numbers, so the relative
    error is at most the number of steps in a row times 2^-53; ``slack`` widens the bounds by more than
    that.

    Args:
        units: Values in whole units, int64 of shape (words,).
        size: Words in the subset.
        cells: About how many grid cells the range of sums is cut into.
    """

    slack = 1e-12

    def __init__(self, units: np.ndarray, size: int, cells: int) -> None:
        import numpy as np

        # A constant added to every value moves every sum of ``size`` values alike.
        self._base = int(units.min()) * size
        shifted = units - units.min()
        self._step = max(1, -(-int(shifted.sum()) // cells))
        rounded = (shifted + self._step // 2) // self._step
        errors = np.sort(shifted - rounded * self._step)
        self._least = int(errors[:size].sum())
        self._most = int(errors[len(errors) - size :].sum())
        self._size = size
        # Alternating over the sorted values gives halves of like range.
        rounded = np.sort(rounded)
        self._left = _histograms(rounded[::2], size)
        self._right = _histograms(rounded[1::2], size)

    def at_least(self, threshold: int) -> Count:
        """Subsets whose sum is the threshold or more."""
        threshold -= self._base
        return Count(
            self._beyond(-((self._least - threshold) // self._step)) * (1 - self.slack),
            self._beyond(-((self._most - threshold) // self._step)) * (1 + self.slack),
        )

    def at_most(self, threshold: int) -> Count:
        """Subsets whose sum is the threshold or less."""
        threshold -= self._base
        return Count(
            self._within((threshold - self._most) // self._step) * (1 - self.slack),
            self._within((threshold - self._least) // self._step) * (1 + self.slack),
        )

    def _beyond(self, cell: int) -> float:
        """Subsets whose rounded sum is ``cell`` or more."""
        total = 0.0
        for left, right in self._pairs():
            tail = right[::-1].cumsum()[::-1]
            # left[i] goes with right cells of at least cell - i.
            whole = max(0, cell)
            total += float(left[whole:].sum()) * float(tail[0])
            first = max(0, cell - len(tail) + 1)
            part = left[first : min(whole, len(left))]
            total += float(part @ tail[cell - first - len(part) + 1 : cell - first + 1][::-1])
        return total

    def _within(self, cell: int) -> float:
        """Subsets whose rounded sum is ``cell`` or less."""
        total = 0.0
        if cell < 0:
            return total
        for left, right in self._pairs():
            head = right.cumsum()
            # left[i] goes with right cells of at most cell - i.
            part = left[: cell + 1]
            whole = max(0, cell - len(head) + 1)
            total += float(part[:whole].sum()) * float(head[-1])
            part = part[whole:]
            last = cell - whole
            total += float(part @ head[last - len(part) + 1 : last + 1][::-1])
        return total

    def _pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (self._left[j], self._right[self._size - j])
            for j in range(len(self._left))
            if 0 <= self._size - j < len(self._right)
        ]


def _histograms(rounded: np.ndarray, most: int) -> np.ndarray:
    """Number of subsets by size and rounded sum, shape (sizes, cells); sizes up to ``most``."""
    import numpy as np

    sizes = min(len(rounded), most)
    counts = np.zeros((sizes + 1, int(rounded.sum()) + 1))
    counts[0, 0] = 1.0
    # ``rounded`` ascends, so sums of j of the first words lie between the first j and the last j of them.
    below = np.concatenate([[0], rounded.cumsum()])
    for taken, cell in enumerate(int(value) for value in rounded):
        for j in range(min(taken + 1, sizes), 0, -1):
            least, greatest = int(below[j - 1]), int(below[taken] - below[taken - j + 1])
            counts[j, least + cell : greatest + cell + 1] += counts[j - 1, least : greatest + 1]
    return counts
