"""How far apart two distributions of answers are, item by item.

One invariant: an answer that could not be read is a class of its own, so that a condition in which nothing is
said is not taken for agreement; a call that failed gave no answer and is in no class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._tails import log10_of

if TYPE_CHECKING:
    import numpy as np

_NONE = 0
_ANSWERED = ("ok", "truncated", "refused", "filtered", "unparsed")
"""Statuses of rows with an answer, be it one without a score."""


@attrs.frozen(kw_only=True)
class TotalVariation:
    """Mean over items of the total variation distance ½ Σ|p − q| between two levels of a factor.

    Scores are put into classes at ``cuts`` (none: each value is a class); answers without a score are one
    more class. Rows that failed (``error``), or that have no such score at all, are left out and noted.
    The distance of small samples is above 0 even where nothing differs, so the mean expected
    under exchange of the two levels is in the detail, and p is from permuting the levels within items.
    The interval is a bootstrap over items; for the raw distance, with its upward bias.

    Example::

        [[statistic]]
        use = "total-variation"
        of = "stance"
        between = "form"
        levels = ["closed-form", "open-form"]
        cuts = [2.5]

    Attributes:
        between: Label column that tells the two distributions apart.
        levels: The two levels; alphabetical unless given.
        unit: Label column of the items.
        cuts: Ends of classes, ascending; a score on a cut is of the class below.
        missing: Whether answers without a score are a class; else they are left out.
        resamples: Number of permutations, and of bootstrap resamples.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "total-variation"
    quantities: ClassVar[tuple[str, ...]] = ("total-variation",)
    between: str
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    unit: str = "item"
    cuts: tuple[float, ...] = ()
    missing: bool = True
    resamples: int = attrs.field(default=1_000, validator=common.at_least(100))
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if any(low >= high for low, high in zip(self.cuts, self.cuts[1:], strict=False)):
            raise ValueError(f"cuts are {list(self.cuts)}; they ascend")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean distance; refuses when no item has rows at both levels."""
        import numpy as np

        what = "a distance of distributions"
        first, second = groups.level_names(table, self.between, self.levels, what)
        column = table.label(self.between)
        table = table.rows((column == first) | (column == second))
        answered = np.isin(table.statuses[table.of[0]], _ANSWERED)
        lost = len(table) - int(answered.sum())
        note = f"{common.plural(lost, 'row')} of {len(table)} left out: failed" if lost else None
        table = table.rows(answered)
        classes = self._classes(table)
        keep = classes >= 0
        table, classes = table.rows(keep), classes[keep]
        side = table.label(self.between) == first
        names, codes = np.unique(table.label(self.unit), return_inverse=True)
        cells = _Cells(codes, classes, len(names))
        distances = cells.distances(side)
        both = np.isfinite(distances)
        count = int(both.sum())
        if count == 0:
            raise gnomon.StatisticError(
                f"{what} needs an {self.unit!r} with rows at both {first!r} and {second!r}, and there "
                "is none"
            )
        value = float(distances[both].mean())
        chance = np.array(
            [np.nanmean(cells.distances(cells.exchanged(side, rng))) for _ in range(self.resamples)]
        )
        p = (1 + int((chance >= value - 1e-12).sum())) / (1 + self.resamples)
        made = gnomon.Estimate(
            quantity="total-variation",
            value=value,
            p=p,
            log10_p=log10_of(p),
            n=count,
            method=f"mean over {self.unit} of the total variation distance of {first} and {second}, "
            f"{self.resamples} permutations within {self.unit}, one-sided",
            detail={
                "expected by chance": float(chance.mean()),
                "left out": len(names) - count,
                "classes": len(np.unique(classes)),
            },
            note=note,
        )
        if count < 2 or float(distances[both].std()) < common.SMALLEST_SD:
            alike = "no interval: the items' distances do not vary"
            return attrs.evolve(made, note="; ".join(filter(None, [note, alike])))
        drawn = distances[both][rng.integers(0, count, size=(self.resamples, count))].mean(axis=1)
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2])
        return attrs.evolve(made, low=float(low), high=float(high), level=self.level)

    def _classes(self, table: gnomon.Table) -> np.ndarray:
        """Class numbers of the rows: from 1, 0 for a row without a score, -1 for one left out."""
        import numpy as np

        values = table.score(table.of[0])
        if np.isinf(values).any():
            raise gnomon.StatisticError(
                f"score {table.of[0]!r} has infinite values; its classes are of finite numbers"
            )
        present = ~np.isnan(values)
        out = np.full(len(values), _NONE if self.missing else -1)
        if self.cuts:
            out[present] = 1 + np.searchsorted(np.asarray(self.cuts), values[present], side="left")
        else:
            out[present] = 1 + np.unique(values[present], return_inverse=True)[1]
        return out


class _Cells:
    """Rows by item and class."""

    def __init__(self, codes: np.ndarray, classes: np.ndarray, units: int) -> None:
        import numpy as np

        self._order = np.argsort(codes, kind="stable")
        self._codes = codes
        self._units = units
        self._width = int(classes.max(initial=0)) + 1
        self._cell = codes * self._width + classes

    def distances(self, side: np.ndarray) -> np.ndarray:
        """The distance of each item; NaN where it has one side only."""
        import numpy as np

        shares = []
        for rows in (side, ~side):
            counts = np.bincount(self._cell[rows], minlength=self._units * self._width)
            counts = counts.reshape(self._units, self._width)
            sizes = counts.sum(axis=1, keepdims=True)
            shares.append(
                np.divide(counts, sizes, where=sizes > 0, out=np.full(counts.shape, np.nan))
            )
        distances: np.ndarray = np.abs(shares[0] - shares[1]).sum(axis=1) / 2
        return distances

    def exchanged(self, side: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The sides permuted within each item."""
        import numpy as np

        shuffled = np.lexsort((rng.random(len(side)), self._codes))
        out = np.empty_like(side)
        out[shuffled] = side[self._order]
        return out
