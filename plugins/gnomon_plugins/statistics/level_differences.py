"""Every level of a factor against one of them, or against the rest.

One invariant: each difference is the one that the paired, the two-sample or McNemar's test gives for the two
levels alone; nothing is pooled over levels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.corrections.family import BenjaminiHochberg, BenjaminiYekutieli, Holm
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clusters import standard_error
from gnomon_plugins.statistics.proportions import McNemar
from gnomon_plugins.statistics.t_tests import TPaired, TWelch

if TYPE_CHECKING:
    import numpy as np

REST = "the rest"
_ADJUST = {one.name: one() for one in (Holm, BenjaminiHochberg, BenjaminiYekutieli)}
Adjustment = Literal["none", "holm", "benjamini-hochberg", "benjamini-yekutieli"]


def _levels(table: gnomon.Table, between: str, reference: str | None, what: str) -> list[str]:
    """The levels that are compared, in order; the reference is not among them."""
    import numpy as np

    there = [str(name) for name in np.unique(table.label(between))]
    if len(there) < 2:
        found = repr(there[0]) if there else "none"
        raise gnomon.StatisticError(f"{what} needs at least 2 levels of {between!r}, found {found}")
    if reference is not None and reference not in there:
        raise gnomon.StatisticError(
            f"{between!r} has no level {reference!r} here; there are: {', '.join(there)}"
        )
    return [name for name in there if name != reference]


def _paired(
    block: LevelDifferences | SignificantShare,
    levels: tuple[str, str],
    *,
    binary: bool,
    level: float = 0.95,
) -> McNemar | TPaired:
    """The paired test of two levels, with the options of the block: McNemar's for scores of 0 and 1."""
    shared: dict[str, Any] = {
        "between": block.between,
        "levels": levels,
        "paired_by": block.paired_by,
        "cluster": block.cluster,
        "level": level,
    }
    return McNemar(form="by-size", **shared) if binary else TPaired(**shared)


@attrs.frozen(kw_only=True)
class LevelDifferences:
    """For each level of a factor: its mean less that of a reference level, or of all other rows.

    With ``paired_by`` the two are matched: values of one unit at one level are averaged, and the mean
    of the differences is tested by t, cluster-robust with ``cluster``; or, for scores of 0 and 1, by
    McNemar's test. Without it rows of different levels are independent samples (Welch's t). In a full
    balanced factorial the differences are the fixed effects of a linear model.

    With ``relative`` the effect size of a difference is its share of the reference's mean, with a t
    interval of the linearised ratio (paired data only; none where the reference's mean is not above 0).

    Example::

        [[statistic]]
        use = "level-differences"
        of = "logit"
        between = "race"
        reference = "white"
        paired_by = ["item", "age", "gender"]
        cluster = "item"
        correction = "holm"

    Attributes:
        between: Label column of the levels.
        reference: The level the others are compared with; all other rows together unless given.
        paired_by: Columns that a pair shares; none for independent samples.
        cluster: Label column whose pairs, or rows, are not independent; the design's unless given,
            ``none`` to take them as independent.
        test: ``t``, or ``mcnemar`` for paired scores of 0 and 1 (exact when one of the four counts is
            below 25, else χ² with the continuity correction).
        relative: The effect size is the difference relative to the reference's mean.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "level-differences"
    quantities: ClassVar[tuple[str, ...]] = (
        "difference",
        "d-z",
        "d",
        "odds-ratio",
        "relative-difference",
    )
    between: str
    reference: str | None = None
    paired_by: tuple[str, ...] = ()
    cluster: str | None = None
    test: Literal["t", "mcnemar"] = "t"
    relative: bool = False
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if self.test == "mcnemar" and not self.paired_by:
            raise ValueError("test = 'mcnemar' is of pairs: name their columns in 'paired_by'")
        if self.relative and not self.paired_by:
            raise ValueError("'relative' is for paired data: name the columns in 'paired_by'")
        if self.paired_by and self.reference is None:
            raise ValueError("pairs need a level to be paired with: name it in 'reference'")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """One difference for each level, with its test; a level that has none says why."""
        what = "a comparison of levels"
        kept = common.present(table, table.of[:1], need=2, what=what)
        out: list[gnomon.Estimate] = []
        for level in _levels(kept, self.between, self.reference, what):
            try:
                made = self._difference(kept, level, rng)
            except gnomon.StatisticError as refused:
                made = gnomon.Estimate(
                    quantity="difference", value=None, note=f"no estimate: {refused}"
                )
            out.append(attrs.evolve(made, group={self.between: level}))
        return out

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that tells which level an estimate is of."""
        return (self.between,)

    def contrast(self, labels: Mapping[str, str]) -> float | None:
        """Half the effect in every level but the reference, minus half in the reference."""
        if self.reference is None:
            return None
        found = labels.get(self.between)
        return 0.0 if found is None else -0.5 if found == self.reference else 0.5

    def truth(self, table: gnomon.Table) -> Mapping[tuple[str, ...], float]:
        """The differences of the expected scores, by level."""
        kept = table.complete()
        out: dict[tuple[str, ...], float] = {}
        for level in _levels(kept, self.between, self.reference, "a comparison of levels"):
            if self.paired_by:
                first, second, _ = self._pairs(kept, level, need=1)
                value = float((first - second).mean())
            else:
                is_level, against = self._sides(kept, level)
                value = float(kept.values[is_level].mean() - kept.values[against].mean())
            out[level,] = value
        return out

    def _difference(
        self, table: gnomon.Table, level: str, rng: np.random.Generator
    ) -> gnomon.Estimate:
        if self.paired_by:
            assert self.reference is not None
            test: McNemar | TPaired | TWelch = _paired(
                self, (level, self.reference), binary=self.test == "mcnemar", level=self.level
            )
        else:
            is_level, against = self._sides(table, level)
            keep = is_level | against
            table = _relabelled(table, self.between, is_level, level, self.reference or REST)
            table = table.rows(keep)
            test = TWelch(
                between=self.between,
                levels=(level, self.reference or REST),
                cluster=self.cluster,
                level=self.level,
            )
        made = attrs.evolve(test.estimate(table, rng), quantity="difference")
        return self._relative(made, table, level) if self.relative else made

    def _sides(self, table: gnomon.Table, level: str) -> tuple[np.ndarray, np.ndarray]:
        """Which rows are of the level, and which it is compared with."""
        column = table.label(self.between)
        is_level = column == level
        return is_level, ~is_level if self.reference is None else column == self.reference

    def _pairs(
        self, table: gnomon.Table, level: str, *, need: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Matched values, and the cluster numbers of the pairs."""
        assert self.reference is not None
        what = "a comparison of levels"
        found = groups.pairs(
            table,
            self.between,
            (level, self.reference),
            self.paired_by,
            need=need,
            what=what,
        )
        codes = common.units(found.table, self.cluster, need=min(need, 2), what=what).codes
        return found.first, found.second, codes

    def _relative(self, made: gnomon.Estimate, table: gnomon.Table, level: str) -> gnomon.Estimate:
        """The estimate with the difference over the reference's mean as its effect."""
        from scipy import stats

        assert self.reference is not None
        first, second, codes = self._pairs(table, level, need=2)
        base = float(second.mean())
        if base <= 0:
            note = f"the mean of {self.reference!r} is {base:g}: nothing is relative to it"
            note = "; ".join(filter(None, [made.note, note]))
            return attrs.evolve(
                made, effect=None, effect_value=None, effect_low=None, effect_high=None, note=note
            )
        ratio = float(first.mean()) / base
        # The ratio's influence in each pair, to first order.
        error, df = standard_error((first - ratio * second) / base, codes)
        reach = float(stats.t.isf((1 - self.level) / 2, df)) * error
        return attrs.evolve(
            made,
            effect="relative-difference",
            effect_value=ratio - 1,
            effect_low=ratio - 1 - reach,
            effect_high=ratio - 1 + reach,
        )


def _relabelled(
    table: gnomon.Table, column: str, mask: np.ndarray, name: str, rest: str
) -> gnomon.Table:
    """The table with a label column of two values."""
    import numpy as np

    labels = {one: table.label(one) for one in table.labels}
    return attrs.evolve(table, labels={**labels, column: np.where(mask, name, rest)})


@attrs.frozen(kw_only=True)
class SignificantShare:
    """In how many areas does a level fall significantly below, or above, the reference?

    Within each area (a label column such as a data set) every level is held against the reference on
    the same units: by McNemar's test for scores of 0 and 1, by the paired t test for others. The
    p-values of all levels and areas are one family and are corrected together here. Given are, for
    each level, the share of areas with a significant difference in that direction, and over all the
    share of levels with at least one. An area without pairs that differ counts as not significant.

    Example::

        [[statistic]]
        use = "significant-share"
        of = "right.of-all"
        between = "persona"
        reference = "a-human"
        within = "subject"
        adjust = "benjamini-hochberg"

    Attributes:
        between: Label column of the levels.
        reference: The level the others are compared with.
        within: Label column of the areas.
        paired_by: Columns that a pair shares.
        cluster: Label column whose pairs are not independent; the design's unless given, ``none``
            to take pairs as independent.
        direction: ``below`` or ``above`` the reference.
        adjust: Correction over all tests of the table; ``none`` for none.
        alpha: A corrected p below it is significant.
    """

    name: ClassVar[str] = "significant-share"
    between: str
    reference: str
    within: str
    paired_by: tuple[str, ...] = ("item",)
    cluster: str | None = None
    direction: Literal["below", "above"] = "below"
    adjust: Adjustment = "benjamini-hochberg"
    alpha: float = attrs.field(default=0.05, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """The share for each level, and the share of levels that have any."""
        import numpy as np

        what = "a share of significant differences"
        kept = common.present(table, table.of[:1], need=2, what=what)
        levels = _levels(kept, self.between, self.reference, what)
        sign = -1 if self.direction == "below" else 1
        found: list[tuple[str, str, float, float]] = []
        for area, part in kept.groups([self.within]):
            for level in levels:
                difference, p = self._test(part, level, rng)
                found.append((level, area[self.within], difference, p))
        p_values = np.array([p for *_, p in found])
        if self.adjust != "none":
            p_values = _ADJUST[self.adjust].adjust(p_values)
        is_found = [
            p < self.alpha and sign * difference > 0
            for p, (_, _, difference, _) in zip(p_values, found, strict=True)
        ]
        method = (
            f"share of {self.within} with a significant difference {self.direction} "
            f"{self.reference}, alpha {self.alpha:g}, correction {self.adjust} over "
            f"{common.plural(len(found), 'test')}"
        )
        hits = {
            level: [area for (one, area, *_), hit in zip(found, is_found, strict=True)
                    if hit and one == level]
            for level in levels
        }  # fmt: skip
        areas = len(found) // len(levels)
        out = [
            gnomon.Estimate(
                quantity=f"share-of-{self.within}",
                value=len(hits[level]) / areas,
                n=areas,
                method=method,
                group={self.between: level},
                detail={"where": sorted(hits[level])},
            )
            for level in levels
        ]
        any_ = [level for level in levels if hits[level]]
        return [
            *out,
            gnomon.Estimate(
                quantity=f"share-of-{self.between}",
                value=len(any_) / len(levels),
                n=len(levels),
                method=method,
                group={self.between: "any"},
                detail={"which": any_},
            ),
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that tells which level an estimate is of."""
        return (self.between,)

    def _test(
        self, table: gnomon.Table, level: str, rng: np.random.Generator
    ) -> tuple[float, float]:
        """The difference and its uncorrected p; p is 1 where nothing differs or can be paired."""
        import numpy as np

        is_binary = bool(np.isin(table.values, (0.0, 1.0)).all())
        test = _paired(self, (level, self.reference), binary=is_binary)
        try:
            made = test.estimate(table, rng)
        except gnomon.StatisticError:
            return 0.0, 1.0
        if made.value is None or made.p is None or not math.isfinite(made.p):
            return 0.0, 1.0
        return made.value, made.p
