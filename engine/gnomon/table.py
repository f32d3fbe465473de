"""The columnar table of scores that a statistic sees.

One invariant: a row is one unit (a trial, or an item for item scores); a missing score is NaN with a
status that says why, and is never dropped before the statistic has seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from gnomon.errors import StatisticError, did_you_mean, listing

if TYPE_CHECKING:
    import numpy as np


class Texts(Mapping[str, "np.ndarray"]):
    """Columns of texts that are spelled out only when they are asked for.

    A column of a million labels is as a rule a handful of texts; spelled out it takes a hundred bytes a
    row, as codes four.

    Args:
        columns: Column → a function that gives its texts and, for each row, the position of its text
            among them. It is called at most once.
        rows: Positions of the rows that are here, in order; all unless given.
    """

    def __init__(
        self,
        columns: Mapping[str, Callable[[], tuple[np.ndarray, np.ndarray]]],
        rows: np.ndarray | None = None,
    ) -> None:
        self._columns = columns
        self._rows = rows
        self._coded: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        texts, codes = self.coded(name)
        column: np.ndarray = texts[codes]
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def coded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The distinct texts of a column, sorted, and for each row the position of its text."""
        import numpy as np

        if name not in self._coded:
            given, codes = self._columns[name]()
            texts, places = np.unique(given, return_inverse=True)
            smallest = np.min_scalar_type(max(len(texts) - 1, 0))
            self._coded[name] = (texts, places.astype(smallest)[codes])
        texts, codes = self._coded[name]
        return texts, codes if self._rows is None else codes[self._rows]

    def rows(self, keep: np.ndarray) -> Texts:
        """Some rows: a boolean mask, or positions (which may repeat)."""
        import numpy as np

        if self._rows is not None:
            keep = self._rows[keep]
        elif keep.dtype == bool:
            keep = np.flatnonzero(keep)
        made = Texts(self._columns, keep)
        # Shared, so that a column is read once for all groups.
        made._coded = self._coded
        return made


def numbered(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct numbers, sorted, and for each row the position of its number among them (int32).

    As ``numpy.unique`` with its inverse, without sorting where the numbers lie close together, which
    row numbers and codes do: a quarter of the memory and of the time.
    """
    import numpy as np

    if not len(numbers):
        return numbers, np.zeros(0, np.int32)
    low = int(numbers.min())
    span = int(numbers.max()) - low + 1
    if span > 4 * len(numbers) + 1024:
        distinct, codes = np.unique(numbers, return_inverse=True)
        return distinct, codes.astype(np.int32)
    there = np.zeros(span, dtype=bool)
    shifted = numbers - low
    there[shifted] = True
    places = np.cumsum(there, dtype=np.int32) - 1
    return (np.flatnonzero(there) + low).astype(numbers.dtype), places[shifted]


def _coded(columns: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    if isinstance(columns, Texts):
        return columns.coded(name)
    texts, codes = np.unique(columns[name], return_inverse=True)
    return texts, codes


def _rows(columns: Mapping[str, np.ndarray], keep: np.ndarray) -> Mapping[str, np.ndarray]:
    if isinstance(columns, Texts):
        return columns.rows(keep)
    return {name: column[keep] for name, column in columns.items()}


@attrs.frozen(kw_only=True, eq=False)
class Table:
    """Scores and labels, one array per column, all of one length.

    Attributes:
        scores: Score name → float64 values of shape (rows,), NaN where missing.
        statuses: Score name → status strings of shape (rows,), in the order of ``scores``.
        labels: Column → strings of shape (rows,): ``item``, ``repeat``, ``model``, factors, groups.
        of: The score names the statistic was asked for, in order.
        design: What the design says about dependence: label columns whose rows are not independent
            (``[design] cluster``). A statistic that is not told its clusters uses the first of
            them in which rows repeat.
    """

    scores: Mapping[str, np.ndarray]
    statuses: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    of: tuple[str, ...]
    design: Sequence[str] = ("item",)

    def __len__(self) -> int:
        columns = self.scores or self.labels
        return len(next(iter(columns.values()))) if columns else 0

    @property
    def values(self) -> np.ndarray:
        """The first score asked for, missing ones included as NaN."""
        return self.score(self.of[0])

    def score(self, name: str) -> np.ndarray:
        """A score's values.

        Raises:
            StatisticError: There is no such score.
        """
        try:
            return self.scores[name]
        except KeyError:
            raise StatisticError(
                f"there is no score {name!r}{did_you_mean(name, self.scores)}; "
                f"there are: {listing(self.scores)}"
            ) from None

    def label(self, name: str) -> np.ndarray:
        """A label column.

        Raises:
            StatisticError: There is no such column.
        """
        try:
            return self.labels[name]
        except KeyError:
            raise StatisticError(
                f"there is no column {name!r}{did_you_mean(name, self.labels)}; "
                f"there are: {listing(self.labels)}"
            ) from None

    def coded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The distinct labels of a column here, sorted, and for each row the position of its own.

        Raises:
            StatisticError: There is no such column.
        """
        if name not in self.labels:
            self.label(name)
        texts, codes = _coded(self.labels, name)
        here, places = numbered(codes)
        return texts[here], places

    def rows(self, keep: np.ndarray) -> Table:
        """The table of some rows: a boolean mask, or positions (which may repeat)."""
        return attrs.evolve(
            self,
            scores={name: column[keep] for name, column in self.scores.items()},
            statuses=_rows(self.statuses, keep),
            labels=_rows(self.labels, keep),
        )

    def complete(self) -> Table:
        """The rows in which every score asked for is present."""
        import numpy as np

        keep = np.ones(len(self), dtype=bool)
        for name in self.of:
            keep &= ~np.isnan(self.score(name))
        return self.rows(keep)

    def groups(self, by: Sequence[str]) -> Iterator[tuple[Mapping[str, str], Table]]:
        """Sub-tables for each combination of the columns that occurs, in order of appearance."""
        import numpy as np

        if not by:
            yield {}, self
            return
        for name in by:
            if name not in self.labels:
                self.label(name)
        columns = [_coded(self.labels, name) for name in by]
        codes = np.zeros(len(self), dtype=np.int32)
        for texts, column in columns:
            # Numbered anew each time, for the product of many columns would leave 64 bits.
            few = (int(codes.max(initial=0)) + 1) * len(texts) < 1 << 31
            codes = codes.astype(np.int32 if few else np.int64, copy=False) * len(texts) + column
            _, codes = numbered(codes)
        sizes = np.bincount(codes)
        order = np.argsort(codes, kind="stable").astype(np.int32)
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        first = order[bounds[:-1]]
        del codes
        for group in np.argsort(first, kind="stable"):
            keep = order[bounds[group] : bounds[group + 1]]
            yield (
                {
                    name: str(texts[column[first[group]]])
                    for name, (texts, column) in zip(by, columns, strict=True)
                },
                self.rows(keep),
            )

    def counts(self) -> Mapping[str, int]:
        """How many rows have each status, over the scores asked for; the first that is not ok counts."""
        import numpy as np

        known = {"ok": 0}
        worst = np.zeros(len(self), dtype=np.int8)
        for name in reversed(self.of):
            texts, codes = _coded(self.statuses, name)
            places = [known.setdefault(str(text), len(known)) for text in texts]
            status = np.array(places or [0], dtype=np.int8)[codes]
            worst = np.where(status != 0, status, worst)
        numbers = np.bincount(worst, minlength=len(known)).tolist()
        return {name: numbers[known[name]] for name in sorted(known) if numbers[known[name]]}
