"""What the design did to a score: factors' main effects, shares of variance, and whether the sign holds.

One invariant: the item is the unit. Effects are tested over items, so that a wording is said to matter only
when it does so from item to item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _components as components
from gnomon_plugins.statistics._clustered_ranks import hotelling
from gnomon_plugins.statistics._clusters import standard_error
from gnomon_plugins.statistics._design import levels_of, sum_coded
from gnomon_plugins.statistics._effects import t_quantile
from gnomon_plugins.statistics._tails import f_tail, t_tail

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class DesignEffects:
    """How far a score depends on the factors of the design: wording, order, label.

    Four kinds of row. ``range``: greatest minus least mean over a factor's levels, with the test that all
    are equal. ``deviation``: a level's mean minus the mean over levels. ``share``: share of the variance by
    factor, item and repeat. ``sign-stability``: in which share of the factor cells the conclusion holds.

    Main effects are those of a least-squares fit with all factors, errors clustered by item: t with G − 1
    degrees of freedom for G items, and Hotelling's F with (levels − 1, G − levels + 1); with every item
    equally often under every level these are the paired t test over items and the multivariate test of
    repeated measures. p-values are not corrected over factors.

    Shares come from variance components by the method of moments: exact (the analysis of variance) for
    balanced designs, Henderson's method III otherwise. A factor counts with the variance of its level
    means, corrected for noise. Intervals are generalized ones (Weerahandi 1993) under normal errors, each
    sum of squares a scaled χ²: close in balanced designs, approximate in others and for 0/1 scores.

    The sign of a cell holds when it is the sign of the mean over all rows; the second figure counts cells
    whose interval, clustered by item, also lies wholly on that side.

    Example::

        [[statistic]]
        use = "design-effects"
        of = "association-d"
        factors = ["variation", "label_order"]

    Attributes:
        factors: Label columns of the design.
        item: Label column of the items.
        against: The value from which the sign is counted.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "design-effects"
    effects: ClassVar[bool] = True
    factors: tuple[str, ...]
    item: str = "item"
    against: float = attrs.field(default=0.0, validator=common.finite)
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if not self.factors or len(set(self.factors)) != len(self.factors):
            raise ValueError(
                f"factors is {list(self.factors)!r}; it names one or several different columns"
            )

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Rows as above; refuses a constant score, one item, and factors of which none has two levels."""
        what = "an analysis of the design"
        kept = common.present(table, table.of[:1], need=3, what=what)
        common.varied(kept.values, repr(table.of[0]), what=what)
        items, count = common.clusters(kept, self.item, need=2, what=what)
        coded: dict[str, np.ndarray] = {}
        refused: list[gnomon.Estimate] = []
        for factor in self.factors:
            try:
                columns = sum_coded(kept, factor, what="a main effect")
                self._separate(coded, factor, columns)
                coded[factor] = columns
            except gnomon.StatisticError as error:
                refused.append(self._refusal(factor, str(error)))
        if not coded:
            raise gnomon.StatisticError("; ".join(row.note or "" for row in refused))
        out = list(self._main_effects(kept, coded, items, count)) + refused
        out.extend(self._shares(kept, coded, items, rng))
        out.extend(self._stability(kept, list(coded)))
        return out

    def _unit(self, count: int) -> str:
        return f"clustered by {self.item} ({common.plural(count, 'cluster')})"

    def _refusal(self, factor: str, reason: str) -> gnomon.Estimate:
        return gnomon.Estimate(
            quantity=f"range[{factor}]",
            value=None,
            method="main effect",
            note=reason,
            group={"factor": factor},
        )

    def _separate(self, coded: dict[str, Any], factor: str, columns: np.ndarray) -> None:
        import numpy as np

        before = np.hstack([np.ones((len(columns), 1)), *coded.values()])
        both = np.hstack([before, columns])
        if components.basis(both).shape[1] < before.shape[1] + columns.shape[1]:
            raise gnomon.StatisticError(
                f"{factor!r} cannot be told apart from {' and '.join(map(repr, coded))}: "
                "their levels go together in these rows"
            )

    def _main_effects(
        self, table: gnomon.Table, coded: dict[str, np.ndarray], items: np.ndarray, count: int
    ) -> Iterator[gnomon.Estimate]:
        import numpy as np

        design = np.hstack([np.ones((len(table), 1)), *coded.values()])
        bread = np.linalg.inv(design.T @ design)
        beta = bread @ design.T @ table.values
        scores = np.zeros((count, design.shape[1]))
        np.add.at(scores, items, design * (table.values - design @ beta)[:, None])
        covariance = count / (count - 1) * bread @ scores.T @ scores @ bread
        at = 1
        levels: list[gnomon.Estimate] = []
        for factor, columns in coded.items():
            names, codes = levels_of(table, factor, what="a main effect")
            own = slice(at, at + columns.shape[1])
            at += columns.shape[1]
            spread = np.vstack([np.eye(len(names) - 1), -np.ones(len(names) - 1)])
            effects = spread @ beta[own]
            errors = np.sqrt(np.diag(spread @ covariance[own, own] @ spread.T).clip(min=0))
            yield self._range(factor, effects, beta[own], covariance[own, own], len(table), count)
            for index, name in enumerate(names):
                rows = int((codes == index).sum())
                levels.append(
                    self._level(
                        factor, name, float(effects[index]), float(errors[index]), rows, count
                    )
                )
        yield from levels

    def _range(
        self,
        factor: str,
        effects: np.ndarray,
        beta: np.ndarray,
        covariance: np.ndarray,
        rows: int,
        count: int,
    ) -> gnomon.Estimate:
        q = len(beta)
        method = f"greatest minus least mean; F of equal levels, {self._unit(count)}"
        made = gnomon.Estimate(
            quantity=f"range[{factor}]",
            value=float(effects.max() - effects.min()),
            n=rows,
            method=method,
            group={"factor": factor},
        )
        if count <= q:
            return attrs.evolve(
                made,
                note=f"no test: {q + 1} levels need more than {q} items, and there are {count}",
            )
        found = hotelling(beta, covariance, count)
        if found is None:
            return attrs.evolve(made, note="no test: the difference is the same for every item")
        f = found[0]
        p, log10_p = f_tail(f, q, count - q)
        return attrs.evolve(
            made,
            test="F",
            test_value=f,
            df=q,
            df2=count - q,
            p=p,
            log10_p=log10_p,
        )

    def _level(
        self, factor: str, name: str, effect: float, error: float, rows: int, count: int
    ) -> gnomon.Estimate:

        made = gnomon.Estimate(
            quantity=f"deviation[{factor}={name}]",
            value=effect,
            n=rows,
            method=f"mean of the level minus mean of the levels, {self._unit(count)}",
            group={"factor": factor, "level": name},
        )
        if error < common.SMALLEST_SD:
            return attrs.evolve(made, note="no interval: the deviation is the same for every item")
        p, log10_p = t_tail(effect / error, count - 1, "two-sided")
        reach = t_quantile(self.level, count - 1) * error
        return attrs.evolve(
            made,
            low=effect - reach,
            high=effect + reach,
            level=self.level,
            error=error,
            test="t",
            test_value=effect / error,
            df=count - 1,
            p=p,
            log10_p=log10_p,
        )

    def _conditions(self, table: gnomon.Table, factors: list[str]) -> np.ndarray:
        import numpy as np

        codes = np.zeros(len(table), dtype=np.int64)
        for factor in factors:
            _, own = table.coded(factor)
            _, codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)
        return codes

    def _shares(
        self,
        table: gnomon.Table,
        coded: dict[str, np.ndarray],
        items: np.ndarray,
        rng: np.random.Generator,
    ) -> Iterator[gnomon.Estimate]:
        names = ("interactions of factors", self.item, f"{self.item} × condition", "repeat")
        method = "variance components by the method of moments"
        try:
            found = components.shares_of(
                table.values,
                items,
                self._conditions(table, list(coded)),
                coded,
                rng,
                level=self.level,
                names=names,
            )
        except gnomon.StatisticError as error:
            yield gnomon.Estimate(
                quantity="share",
                value=None,
                method=method,
                note=str(error),
                group={"source": "all"},
            )
            return
        method += (
            " (balanced: analysis of variance)"
            if found.balanced
            else " (unbalanced: Henderson III)"
        )
        for source, share in found.shares.items():
            yield gnomon.Estimate(
                quantity=f"share[{source}]",
                value=share,
                low=found.low[source],
                high=found.high[source],
                level=self.level,
                n=len(table),
                method=method,
                group={"source": source},
                detail={"variance": found.components[source]},
            )

    def _stability(self, table: gnomon.Table, factors: list[str]) -> Iterator[gnomon.Estimate]:
        import numpy as np

        side = float(np.sign(table.values.mean() - self.against))
        method = f"sign of cell means against {self.against:g}, cells of {' × '.join(factors)}"
        held = sure = cells = reversed_ = 0
        for _, part in table.groups(factors):
            cells += 1
            mean = float(part.values.mean()) - self.against
            held += side != 0 and np.sign(mean) == side
            reach = self._reach(part)
            if reach is not None and abs(mean) > reach:
                sure += np.sign(mean) == side
                reversed_ += np.sign(mean) == -side
        for conclusion, number in (("sign", held), ("sign, interval beyond it", sure)):
            yield gnomon.Estimate(
                quantity=f"sign-stability[{conclusion}]",
                value=number / cells,
                n=cells,
                method=method,
                group={"conclusion": conclusion},
                note=f"the interval of {reversed_} of {cells} cells lies on the other side"
                if reversed_
                else None,
                detail={"cells": cells, "held": int(number), "reversed": int(reversed_)},
            )

    def _reach(self, part: gnomon.Table) -> float | None:
        """Half the width of a cell's interval, None with fewer than two items or no spread."""
        names, codes = part.coded(self.item)
        if len(names) < 2:
            return None
        error, df = standard_error(part.values, codes)
        return t_quantile(self.level, df) * error
