"""``as-scored``: what the scorer itself found for one unit, in the table of results.

One invariant: nothing is computed. Some scores are tests of their own, with a p-value for a single item;
here value and p become one estimate per unit, so that a correction can run over the family of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

from gnomon import Estimate, StatisticError, Table

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class AsScored:
    """One estimate for the one row of each group: the first score of ``of``, with others beside it.

    Every score that is named must be in ``of``. ``by`` must leave one row in each group.

    Example::

        [[statistic]]
        use = "as-scored"
        of = ["weat", "weat.p"]
        by = ["item"]
        quantity = "d"
        p = "weat.p"

    Attributes:
        quantity: What the first score is called in the results, such as ``d``.
        p: The score that holds its p-value.
        low: The score that holds the lower end of its interval.
        high: The score that holds the upper end of its interval.
        level: The level of that interval.
        test: What the test statistic is called.
        test_value: The score that holds it.
        n: The score that holds the number of units it rests on.
        method: What is said of how it was found.
    """

    name: ClassVar[str] = "as-scored"

    quantity: str = "value"
    p: str | None = None
    low: str | None = None
    high: str | None = None
    level: float | None = None
    test: str | None = None
    test_value: str | None = None
    n: str | None = None
    method: str = "as scored"

    def __attrs_post_init__(self) -> None:
        if self.level is not None and not 0 < self.level < 1:
            raise ValueError(f"'level' lies between 0 and 1, such as 0.95; it is {self.level:g}")
        if (self.low is None) != (self.high is None):
            raise ValueError("'low' and 'high' go together")
        if (self.test is None) != (self.test_value is None):
            raise ValueError("'test' and 'test_value' go together")

    def estimate(self, table: Table, rng: np.random.Generator) -> Estimate:
        """The row as an estimate.

        Raises:
            StatisticError: There are several rows, or the first score is missing.
        """
        if len(table) != 1:
            raise StatisticError(
                f"{len(table)} rows; 'as-scored' shows one unit at a time, so 'by' must single it "
                'out, such as by = ["item"]'
            )
        value = self._read(table, table.of[0])
        if value is None:
            status = str(table.statuses[table.of[0]][0])
            raise StatisticError(
                f"{table.of[0]!r} has the status {status!r}; the view 'failures' says why"
            )
        p = self._read(table, self.p)
        if p is not None and not 0 <= p <= 1:
            raise StatisticError(f"the score {self.p!r} is {p:g}, which is no p-value")
        n = self._read(table, self.n)
        named = (self.p, self.low, self.high, self.test_value, self.n)
        others = [name for name in table.of[1:] if name not in named]
        return Estimate(
            quantity=self.quantity,
            value=value,
            low=self._read(table, self.low),
            high=self._read(table, self.high),
            level=self.level,
            test=self.test,
            test_value=self._read(table, self.test_value),
            p=p,
            log10_p=math.log10(p) if p else None,
            n=1 if n is None else round(n),
            method=self.method,
            detail={name: self._read(table, name) for name in others},
        )

    def truth(self, table: Table) -> float:
        """The expected score of the one row."""
        return float(table.values[0]) if len(table) == 1 else math.nan

    @staticmethod
    def _read(table: Table, name: str | None) -> float | None:
        if name is None:
            return None
        value = float(table.score(name)[0])
        return None if math.isnan(value) else value
