"""The statistic ``my-thing``: a trimmed mean with a bootstrap interval.

One invariant: what is returned is finite; where there is nothing to say it refuses with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import attrs
import gnomon

if TYPE_CHECKING:
    # Heavy libraries are imported inside the method that needs them, so that help and lists stay quick.
    import numpy as np


@attrs.frozen(kw_only=True)
class MyThing:
    """The mean without the smallest and the largest values, with a percentile bootstrap interval.

    Rows are drawn with replacement, whole clusters where ``cluster`` is given. State the source of a formula
    here: author, year, equation (for this one: Wilcox, 2012, section 3.3).

    Example::

        [[statistic]]
        use = "my-thing"
        of = "score"
        cut = 0.2
        cluster = "item"

    Attributes:
        cut: Share of values that is cut off at each end.
        cluster: Label column whose rows are not independent; rows are independent unless given.
        level: Confidence level of the interval.
        draws: Bootstrap samples.
    """

    name: ClassVar[str] = "my-thing"

    cut: float = 0.1
    cluster: str | None = None
    level: float = 0.95
    draws: int = 1000

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.cut < 0.5:
            raise ValueError(f"'cut' is {self.cut:g}; it is at least 0 and below 0.5")
        if not 0 < self.level < 1:
            raise ValueError(f"'level' is {self.level:g}; it lies between 0 and 1, such as 0.95")
        if self.draws < 100:
            raise ValueError(f"'draws' is {self.draws}; it is at least 100")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """One group of rows at a time; ``rng`` is the only source of chance.

        Raises:
            StatisticError: Fewer than 5 values are present, one is infinite, or there is one cluster. The
                sentence is shown in the place of the number.
        """
        import numpy as np

        # Missing scores are NaN, with the reason in table.statuses; the run counts them in every table.
        kept = table.complete()
        values = kept.values
        if len(values) < 5:
            raise gnomon.StatisticError(
                f"a trimmed mean needs at least 5 values, and there are {len(values)}"
            )
        if not np.isfinite(values).all():
            raise gnomon.StatisticError("a trimmed mean needs finite values, and one is infinite")
        units = np.arange(len(values)).astype(str)
        if self.cluster is not None:
            units = kept.label(self.cluster)
        rows = [np.flatnonzero(units == name) for name in np.unique(units)]
        if len(rows) < 2:
            raise gnomon.StatisticError(
                f"a bootstrap over {self.cluster!r} needs at least 2 clusters, and there is 1"
            )
        drawn = np.empty(self.draws)
        for number in range(self.draws):
            picked = rng.integers(len(rows), size=len(rows))
            drawn[number] = self._trimmed(values[np.concatenate([rows[one] for one in picked])])
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2])
        unit = "rows independent" if self.cluster is None else f"clustered by {self.cluster}"
        return gnomon.Estimate(
            quantity="trimmed mean",
            value=self._trimmed(values),
            low=float(low),
            high=float(high),
            level=self.level,
            error=float(drawn.std(ddof=1)),
            n=len(values),
            # The exact name, with the options: what a reader has to know to do it again.
            method=f"{self.cut:g} trimmed mean, percentile bootstrap ({self.draws} draws), {unit}",
        )

    def _trimmed(self, values: np.ndarray) -> float:
        import numpy as np

        cut = int(self.cut * len(values))
        return float(np.sort(values)[cut : len(values) - cut].mean())

    def truth(self, table: gnomon.Table) -> float:
        """The value that the estimate is of, given expected scores: lets ``gnomon validate`` judge it."""
        return self._trimmed(table.complete().values)


@gnomon.hookimpl
def register_statistics() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
