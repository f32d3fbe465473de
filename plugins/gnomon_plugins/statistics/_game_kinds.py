"""Two kinds of games: every subset of the parts was asked, or random orders in which they join.

One invariant: whatever is missing is said in the note, and an interval is told only where something varied.
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

RESAMPLES = 2000


@attrs.frozen(kw_only=True)
class Value:
    """A number with its standard error, degrees of freedom and interval, where there are any."""

    value: float
    error: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    detail: Mapping[str, float] = attrs.field(factory=dict)


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
        return with_interval(value, drawn @ coefficients.T, idle, level)

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
        return with_interval(value, drawn @ self.added, idle, level)

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


def with_interval(value: float, drawn: np.ndarray, idle: Sequence[int], level: float) -> Value:
    import numpy as np

    sums = abs(drawn)
    shares = sums[:, list(idle)].sum(axis=1) / sums.sum(axis=1)
    low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return Value(value=value, error=float(shares.std(ddof=1)), low=float(low), high=float(high))
