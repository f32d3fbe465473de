"""The difference between two runs of one measure, paired, and what pairing gained.

One invariant: paired and unpaired test are of the same rows and the same difference; only what is held to
be independent differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clusters import clustered_error
from gnomon_plugins.statistics._tails import t_tail
from gnomon_plugins.statistics.t_tests import t_of_mean

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class RunDifference:
    """The mean of one run minus that of another, over rows of the same item and condition.

    Three rows. ``difference``: Student's t of the paired differences with errors clustered by item and
    G − 1 degrees of freedom for G items. ``difference-unpaired``: Welch's t of the same rows as though the
    runs had had different items, clustered by item within each run. ``error-ratio``: standard error of the
    unpaired over that of the paired difference; its square says how many times the items an unpaired
    comparison would have needed. It is below 1 where items rank differently in the two runs.

    Example::

        [[statistic]]
        use = "run-difference"
        of = "association-d"
        levels = ["3", "4"]
        paired_by = ["item", "variation", "repeat"]

    Attributes:
        levels: The two runs, first minus second; the two there are unless given.
        paired_by: Columns that a pair shares; several values of one unit in one run are averaged.
        between: Label column that tells the runs apart.
        cluster: Label column whose pairs are not independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "run-difference"
    compares: ClassVar[bool] = True
    quantities: ClassVar[tuple[str, ...]] = (
        "difference",
        "d-z",
        "difference-unpaired",
        "error-ratio",
    )
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    between: str = "run"
    cluster: str = "item"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Rows as above; refuses fewer than 2 pairs. Differences that are all equal, or of one item, have
        their mean and the reason why there is no test.
        """
        what = "a comparison of two runs"
        found = groups.pairs(table, self.between, self.levels, self.paired_by, need=2, what=what)
        first, second = found.names
        differences = found.first - found.second
        try:
            paired = t_of_mean(
                differences,
                found.table,
                name=f"the difference {self.between} {first} - {self.between} {second}",
                against=0.0,
                alternative="two-sided",
                level=self.level,
                cluster=self.cluster,
                quantity="difference",
                effect="d-z",
                what=what,
                method=f"paired t test of {self.between} {first} - {self.between} {second}, paired by "
                f"{', '.join(self.paired_by)}",
            )
        except gnomon.StatisticError as error:
            # That two runs differ by the same everywhere, or not at all, is known without a test.
            mean = float(differences.mean())
            note = "; ".join(filter(None, (f"no test: {error}", groups.unpaired_note(found))))
            return [
                gnomon.Estimate(quantity="difference", value=mean, n=len(differences), note=note)
            ]
        paired = attrs.evolve(paired, note=groups.unpaired_note(found))
        try:
            unpaired = self._unpaired(found, what)
        except gnomon.StatisticError as error:
            note = "; ".join(filter(None, (paired.note, f"no unpaired test: {error}")))
            return [attrs.evolve(paired, note=note)]
        assert paired.error is not None
        assert unpaired.error is not None
        ratio = gnomon.Estimate(
            quantity="error-ratio",
            value=unpaired.error / paired.error,
            n=paired.n,
            method="standard error of the unpaired over that of the paired difference",
            detail={"items_worth": (unpaired.error / paired.error) ** 2},
        )
        return [paired, unpaired, ratio]

    def _unpaired(self, found: groups.Pairs, what: str) -> gnomon.Estimate:
        import numpy as np

        halves = [
            attrs.evolve(
                found.table,
                labels={
                    self.cluster: np.char.add(f"{side} ", found.table.label(self.cluster)),
                },
            )
            for side in ("first", "second")
        ]
        two = groups.Two(
            first=found.first,
            second=found.second,
            names=found.names,
            first_table=halves[0],
            second_table=halves[1],
        )
        clustered = clustered_error(two, self.cluster, what=what)
        if clustered is None:
            raise gnomon.StatisticError("its items are not told apart")
        error, df, units = clustered
        difference = float(found.first.mean() - found.second.mean())
        p, log10_p = t_tail(difference / error, df, "two-sided")
        reach = effects.t_quantile(self.level, df) * error
        return gnomon.Estimate(
            quantity="difference-unpaired",
            value=difference,
            low=difference - reach,
            high=difference + reach,
            level=self.level,
            error=error,
            test="t",
            test_value=difference / error,
            df=df,
            p=p,
            log10_p=log10_p,
            n=2 * len(found.first),
            method=f"Welch's t test, two-sided, {units.words}",
        )
