"""Games read off a table of scores: every subset of the parts, or random orders of them.

One invariant: a subset's value is the mean over the cells that are averaged (such as the two orders of the
options), each with equal weight; a subset that lacks a score in one of them has no value, and what is said of
the game then says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import attrs

import gnomon
from gnomon_plugins.statistics._coalitions import interactions, kernel_weights, weights

if TYPE_CHECKING:
    import numpy as np

NOTHING = "-"
JOIN = "+"
RESAMPLES = 2000
MOST_PARTS = 16
LEAST_PARTS = 2
LEAST_ORDERS = 2
MOST_LACKING = 0.5
"""Subsets that may lack a score. With more of them the nearest additive game says little of this one."""
ENDS = (
    "the subset of no part or that of all parts has no score, and a Shapley attribution needs both: it "
    "divides their difference"
)


@attrs.frozen(kw_only=True)
class Value:
    """A number with its standard error, degrees of freedom and interval, where there are any."""

    value: float
    error: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    detail: Mapping[str, float] = attrs.field(factory=dict)


def names_of(shown: str) -> frozenset[str]:
    """The parts that a label such as ``price+time`` names."""
    return frozenset() if shown == NOTHING else frozenset(shown.split(JOIN))


@attrs.frozen
class _Cell:
    """One subset in one cell of ``over``: mean, variance of the mean, degrees of freedom."""

    mean: float
    variance: float
    df: int


def _cells(
    values: np.ndarray, keys: Sequence[tuple[str, str]], over: Sequence[tuple[str, ...]]
) -> dict[tuple[str, str], list[_Cell]]:
    """(order, subset) → its cells, in the order of the levels; only subsets that have them all."""
    grouped: dict[tuple[str, str], dict[tuple[str, ...], list[float]]] = {}
    for value, key, cell in zip(values.tolist(), keys, over, strict=True):
        if not math.isnan(value):
            grouped.setdefault(key, {}).setdefault(cell, []).append(value)
    levels = sorted(set(over))
    return {
        key: [_cell(cells[level]) for level in levels]
        for key, cells in grouped.items()
        if len(cells) == len(levels)
    }


def _cell(values: Sequence[float]) -> _Cell:
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return _Cell(mean, 0.0, 0)
    return _Cell(mean, math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n, n - 1)


@attrs.frozen
class ExactGame:
    """All subsets of the parts, or nearly all.

    Attributes:
        parts: Names of the parts, sorted.
        masks: (subsets,) the subsets that have a value, ascending, their parts as bits.
        v: (subsets,) values.
        variances: (subsets, cells) variances of the cells' means.
        df: (subsets, cells) their degrees of freedom; 0 where a cell was asked once.
        rows: Scores it rests on.
    """

    parts: tuple[str, ...]
    masks: np.ndarray
    v: np.ndarray
    variances: np.ndarray
    df: np.ndarray
    rows: int

    @property
    def lacking(self) -> int:
        """Subsets without a value."""
        return (1 << len(self.parts)) - len(self.masks)

    def _weights(self) -> np.ndarray:
        if not self.lacking:
            return weights(len(self.parts))
        try:
            return kernel_weights(len(self.parts), self.masks)
        except ValueError:
            raise gnomon.StatisticError(
                f"{self.lacking} of the {1 << len(self.parts)} subsets have no score, and the others do "
                "not tell the parts apart"
            ) from None

    @property
    def replicated(self) -> bool:
        """Whether every cell was asked more than once, so that sampling error can be told."""
        return bool((self.df > 0).all())

    def values(self) -> dict[str, Value]:
        """Part → its Shapley value."""
        return {
            part: self._linear(row) for part, row in zip(self.parts, self._weights(), strict=True)
        }

    def total(self) -> Value:
        """The value of all parts less that of none."""
        import numpy as np

        row = np.zeros(len(self.v))
        row[0], row[-1] = -1.0, 1.0
        return self._linear(row)

    def _linear(self, coefficients: np.ndarray) -> Value:
        """A weighted sum of the subsets' values; degrees of freedom after Satterthwaite (1946)."""
        value = float(coefficients @ self.v)
        if not self.replicated:
            return Value(value=value)
        cells = self.variances.shape[1]
        shares = (coefficients[:, None] / cells) ** 2 * self.variances
        variance = float(shares.sum())
        df = variance**2 / float((shares**2 / self.df).sum()) if variance > 0 else None
        return Value(value=value, error=math.sqrt(variance), df=df)

    def share(self, idle: Sequence[int], level: float, rng: np.random.Generator) -> Value:
        """Share of the attribution that goes to some parts; interval by normal draws of the scores."""
        coefficients = self._weights()
        value = share_of(coefficients @ self.v, idle)
        if not self.replicated:
            return Value(value=value)
        cells = self.variances.shape[1]
        spread = (self.variances.sum(axis=1) ** 0.5) / cells
        drawn = self.v + rng.standard_normal((RESAMPLES, len(self.v))) * spread
        return _with_interval(value, drawn @ coefficients.T, idle, level)

    def pairs(self) -> dict[tuple[str, str], Value]:
        """Interaction of each two parts.

        Raises:
            StatisticError: A subset has no value.
        """
        if self.lacking:
            raise gnomon.StatisticError(
                f"interactions need all subsets of the parts, and {self.lacking} of "
                f"{1 << len(self.parts)} have no score; leave out 'pairs'"
            )
        made = interactions(self.v, len(self.parts))
        indices = combinations(range(len(self.parts)), 2)
        return {(self.parts[i], self.parts[j]): Value(value=float(made[i, j])) for i, j in indices}

    @property
    def method(self) -> str:
        """How the values were found."""
        told = (
            "intervals of the repeated asking of each subset"
            if self.replicated
            else "each subset asked once, so no sampling error can be told"
        )
        how = "exact Shapley values" if not self.lacking else "Shapley values by kernel regression"
        return f"{how} over {len(self.v)} subsets of {len(self.parts)} parts; {told}"

    @property
    def note(self) -> str | None:
        """What is missing."""
        if not self.lacking:
            return None
        return (
            f"{self.lacking} of {1 << len(self.parts)} subsets lack a score; the values are those of the "
            "additive game nearest to the others"
        )


@attrs.frozen
class DrawnGame:
    """Random orders in which the parts join.

    Attributes:
        parts: Names of the parts, sorted.
        added: (orders, d) what each part adds in each order.
        ends: Value of no part and of all parts.
        bounded: Whether all scores lie within [0, 1].
        rows: Scores it rests on.
        level: Confidence level of Hoeffding's bound.
        lacking: Orders that were left out, for a subset of theirs has no score.
    """

    parts: tuple[str, ...]
    added: np.ndarray
    ends: tuple[float, float]
    bounded: bool
    rows: int
    level: float
    lacking: int

    def values(self) -> dict[str, Value]:
        """Part → mean of what it adds."""
        orders = len(self.added)
        means = self.added.mean(axis=0)
        errors = self.added.std(axis=0, ddof=1) / math.sqrt(orders)
        # What a part adds lies in [-1, 1] (Hoeffding, 1963, theorem 2, with a range of 2).
        reach = math.sqrt(2 * math.log(2 / (1 - self.level)) / orders)
        detail = {"hoeffding": reach} if self.bounded else {}
        return {
            part: Value(value=float(mean), error=float(error), df=orders - 1, detail=detail)
            for part, mean, error in zip(self.parts, means, errors, strict=True)
        }

    def total(self) -> Value:
        """The value of all parts less that of none, which no order changes."""
        return Value(value=self.ends[1] - self.ends[0])

    def share(self, idle: Sequence[int], level: float, rng: np.random.Generator) -> Value:
        """Share of the attribution that goes to some parts; interval by resampling the orders."""
        orders = len(self.added)
        value = share_of(self.added.mean(axis=0), idle)
        drawn = rng.multinomial(orders, [1 / orders] * orders, size=RESAMPLES) / orders
        return _with_interval(value, drawn @ self.added, idle, level)

    def pairs(self) -> dict[tuple[str, str], Value]:
        """Refused: an interaction needs all subsets.

        Raises:
            StatisticError: Always.
        """
        raise gnomon.StatisticError(
            f"interactions need all subsets of the parts, and of these {len(self.parts)} parts only "
            "random orders were asked; leave out 'pairs'"
        )

    @property
    def method(self) -> str:
        """How the values were found."""
        return (
            f"Shapley values of {len(self.parts)} parts, mean over {len(self.added)} random orders; "
            "t intervals over orders"
        )

    @property
    def note(self) -> str | None:
        """What is missing."""
        if not self.lacking:
            return None
        return (
            f"{self.lacking} of {self.lacking + len(self.added)} random orders were left out, for one of "
            "their subsets has no score"
        )


def share_of(values: np.ndarray, some: Sequence[int]) -> float:
    """Sum of absolute values of some over that of all.

    Raises:
        StatisticError: All values are 0.
    """
    whole = float(abs(values).sum())
    if whole < 1e-12:
        raise gnomon.StatisticError(
            "no part adds anything, so there is no attribution to take a share of"
        )
    return float(abs(values[list(some)]).sum()) / whole


def _with_interval(value: float, drawn: np.ndarray, idle: Sequence[int], level: float) -> Value:
    import numpy as np

    sums = abs(drawn)
    shares = sums[:, list(idle)].sum(axis=1) / sums.sum(axis=1)
    low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return Value(value=value, error=float(shares.std(ddof=1)), low=float(low), high=float(high))


def game_of(
    table: gnomon.Table, shown: str, permutation: str, over: Sequence[str], level: float
) -> ExactGame | DrawnGame:
    """The game in a table of scores, missing ones included.

    Raises:
        StatisticError: Too much is missing, or the rows are not those of one game.
    """
    labels = table.label(shown).tolist()
    numbered = permutation in table.labels
    numbers = table.labels[permutation].tolist() if numbered else [""] * len(labels)
    columns = [table.label(name).tolist() for name in over]
    cells = list(zip(*columns, strict=True)) if columns else [()] * len(labels)
    found = _cells(table.values, list(zip(numbers, labels, strict=True)), cells)
    parts = tuple(sorted(frozenset().union(*(names_of(label) for label in set(labels)))))
    if len(parts) < LEAST_PARTS:
        raise gnomon.StatisticError(
            f"the rows of {shown!r} show {'no part' if not parts else 'one part only'}, and a Shapley "
            f"attribution needs at least {LEAST_PARTS}"
        )
    if any(numbers):
        return _drawn(table.values, found, parts, level)
    return _exact(found, parts)


def _exact(found: Mapping[tuple[str, str], Sequence[_Cell]], parts: tuple[str, ...]) -> ExactGame:
    import numpy as np

    if len(parts) > MOST_PARTS:
        raise gnomon.StatisticError(
            f"{len(parts)} parts have {2 ** len(parts)} subsets; with more than {MOST_PARTS} parts use "
            "random orders"
        )
    size = 1 << len(parts)
    masks = [sum(1 << parts.index(name) for name in names_of(shown)) for _, shown in found]
    if 0 not in masks or size - 1 not in masks:
        raise gnomon.StatisticError(ENDS)
    if len(masks) < (1 - MOST_LACKING) * size:
        raise gnomon.StatisticError(
            f"{size - len(masks)} of the {size} subsets of {len(parts)} parts have no score, and a "
            f"Shapley attribution needs at least {1 - MOST_LACKING:.0%} of them"
        )
    order = np.argsort(masks)
    cells = [list(found.values())[index] for index in order]
    return ExactGame(
        parts=parts,
        masks=np.array(masks)[order],
        v=np.array([[cell.mean for cell in row] for row in cells]).mean(axis=1),
        variances=np.array([[cell.variance for cell in row] for row in cells]),
        df=np.array([[cell.df for cell in row] for row in cells]),
        rows=sum(cell.df + 1 for row in cells for cell in row),
    )


def _drawn(
    scores: np.ndarray,
    found: Mapping[tuple[str, str], Sequence[_Cell]],
    parts: tuple[str, ...],
    level: float,
) -> DrawnGame:
    import numpy as np

    means = {key: math.fsum(cell.mean for cell in row) / len(row) for key, row in found.items()}
    ends = {names_of(shown): mean for (number, shown), mean in means.items() if not number}
    nobody, everybody = ends.get(frozenset()), ends.get(frozenset(parts))
    if nobody is None or everybody is None:
        raise gnomon.StatisticError(ENDS)
    orders: dict[str, dict[frozenset[str], float]] = {}
    for (number, shown), mean in means.items():
        if number:
            orders.setdefault(number, {})[names_of(shown)] = mean
    whole = [order for order in orders.values() if len(order) == len(parts) - 1]
    if len(whole) < LEAST_ORDERS:
        raise gnomon.StatisticError(
            f"{len(whole)} of {len(orders)} random orders have a score for all of their subsets, and a "
            f"Shapley attribution needs at least {LEAST_ORDERS}"
        )
    values = scores[~np.isnan(scores)]
    return DrawnGame(
        parts=parts,
        added=np.array([_joining(order, parts, nobody, everybody) for order in whole]),
        ends=(nobody, everybody),
        bounded=bool((values >= 0).all() and (values <= 1).all()),
        rows=sum(cell.df + 1 for row in found.values() for cell in row),
        level=level,
        lacking=len(orders) - len(whole),
    )


def _joining(
    order: Mapping[frozenset[str], float], parts: Sequence[str], nobody: float, everybody: float
) -> list[float]:
    added = dict.fromkeys(parts, 0.0)
    before, value = frozenset[str](), nobody
    for now, reached in [
        *sorted(order.items(), key=lambda one: len(one[0])),
        (frozenset(parts), everybody),
    ]:
        new = now - before
        if len(new) != 1 or len(now) != len(before) + 1:
            raise gnomon.StatisticError(
                "the subsets of a random order do not grow by one part at a time; 'permutation' must "
                "number the orders in which the parts joined"
            )
        added[next(iter(new))] = reached - value
        before, value = now, reached
    return list(added.values())
