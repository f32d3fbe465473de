"""The columnar table of scores that a statistic sees.

One invariant: a row is one unit (a trial, or an item for item scores); a missing score is NaN with a
status that says why, and is never dropped before the statistic has seen it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from gnomon.errors import StatisticError, did_you_mean, listing

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True, eq=False)
class Table:
    """Scores and labels, one array per column, all of one length.

    Attributes:
        scores: Score name → float64 values of shape (rows,), NaN where missing.
        statuses: Score name → status strings of shape (rows,), in the order of ``scores``.
        labels: Column → strings of shape (rows,): ``item``, ``repeat``, ``model``, factors, groups.
        of: The score names the statistic was asked for, in order.
        design: What the design says about dependence: the label columns that repeat within a row's
            unit. ``item`` unless the design has more.
    """

    scores: Mapping[str, np.ndarray]
    statuses: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    of: tuple[str, ...]
    design: Sequence[str] = ("item",)

    def __len__(self) -> int:
        return len(next(iter(self.labels.values()))) if self.labels else len(self.values)

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

    def rows(self, keep: np.ndarray) -> Table:
        """The table of some rows: a boolean mask, or positions (which may repeat)."""
        return attrs.evolve(
            self,
            scores={name: column[keep] for name, column in self.scores.items()},
            statuses={name: column[keep] for name, column in self.statuses.items()},
            labels={name: column[keep] for name, column in self.labels.items()},
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
        columns = [self.label(name) for name in by]
        codes = np.zeros(len(self), dtype=np.int64)
        for column in columns:
            _, inverse = np.unique(column, return_inverse=True)
            codes = codes * (int(inverse.max(initial=0)) + 1) + inverse
            # Numbered anew each time, for the product of many columns would leave 64 bits.
            _, codes = np.unique(codes, return_inverse=True)
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        bounds = np.searchsorted(inverse[order], np.arange(len(first) + 1))
        for group in np.argsort(first, kind="stable"):
            keep = order[bounds[group] : bounds[group + 1]]
            yield (
                {name: str(column[first[group]]) for name, column in zip(by, columns, strict=True)},
                self.rows(keep),
            )

    def counts(self) -> Mapping[str, int]:
        """How many rows have each status, over the scores asked for; the first that is not ok counts."""
        import numpy as np

        worst = np.full(len(self), "ok", dtype=object)
        for name in reversed(self.of):
            status = self.statuses[name]
            worst = np.where(status != "ok", status, worst)
        names, numbers = np.unique(worst.astype(str), return_counts=True)
        return {str(name): int(number) for name, number in zip(names, numbers, strict=True)}
