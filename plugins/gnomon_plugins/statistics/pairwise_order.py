"""``pairwise-order``: an order made of comparisons in pairs, held against an order from outside.

One invariant: what is compared has one strength, the mean over its comparisons, whichever side it stood on.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics.correlations import Spearman

if TYPE_CHECKING:
    import numpy as np

LEAST = 3


@attrs.frozen(kw_only=True)
class PairwiseOrder:
    """Spearman's correlation between the strength of what was compared and a number it has from outside.

    ``of`` names three scores: how far the left one of a pair was preferred (0 to 1), and the outside number
    of the left and of the right one. The strength is the mean preference over all comparisons; a missing
    comparison is left out and noted. The unit is what was compared: its comparisons are averaged, so rows
    have no clusters beyond it. The detail has Kendall's coefficient of consistence (Kendall & Babington
    Smith, 1940): 1 when no three of them go in a circle, 0 when as many do as can; where every two were
    compared and no preference is even.

    Example::

        [[statistic]]
        use = "pairwise-order"
        of = ["choice", "human-one", "human-two"]
        by = ["story"]

    Attributes:
        left: Label column that names the left one.
        right: Label column that names the right one.
        whole: Count each comparison as won or lost (an even one half), as published results do.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "pairwise-order"

    left: str = "left"
    right: str = "right"
    whole: bool = False
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """ρ over what was compared; refuses fewer than 3 of them, or an order without differences."""
        import numpy as np

        what = "an order from comparisons"
        if len(table.of) != 3:
            raise gnomon.StatisticError(
                f"{what} is made from 3 scores (the preference and the outside number of either side), "
                f"and 'of' names {len(table.of)}"
            )
        kept = common.present(table, table.of, need=LEAST, what=what)
        preference, *outside = (kept.score(name) for name in kept.of)
        if preference.min() < 0 or preference.max() > 1:
            raise gnomon.StatisticError(
                f"a preference lies between 0 and 1, and {kept.of[0]!r} goes from {preference.min():g} "
                f"to {preference.max():g}"
            )
        if self.whole:
            preference = (np.sign(preference - 0.5) + 1) / 2
        names = np.unique([kept.label(self.left), kept.label(self.right)])
        left, right = (np.searchsorted(names, kept.label(side)) for side in (self.left, self.right))
        strength = _mean_by(np.r_[left, right], np.r_[preference, 1 - preference], len(names))
        reference = self._reference(names, np.r_[left, right], np.r_[outside[0], outside[1]])
        made = Spearman(level=self.level).estimate(
            gnomon.Table(
                scores={"strength": strength, "reference": reference},
                statuses={},
                labels={"item": names},
                of=("strength", "reference"),
            ),
            rng,
        )
        lost = len(table) - len(kept)
        missing = f"{common.plural(lost, 'comparison')} of {len(table)} missing" if lost else ""
        return attrs.evolve(
            made,
            method=(
                f"Spearman correlation over {len(names)} compared, "
                f"{'comparisons won' if self.whole else 'mean preference'} in {len(kept)} comparisons"
            ),
            detail={
                "comparisons": len(kept),
                "consistence": _consistence(left, right, preference, len(names)),
            },
            note="; ".join(filter(None, [missing, made.note])) or None,
        )

    def _reference(self, names: np.ndarray, codes: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The outside number of each; one and the same in all its comparisons.

        Raises:
            StatisticError: One has two different numbers.
        """
        import numpy as np

        means = _mean_by(codes, values, len(names))
        off = np.abs(values - means[codes]) > 1e-9
        if off.any():
            raise gnomon.StatisticError(
                f"{str(names[codes[off][0]])!r} has different outside numbers in its comparisons"
            )
        return means


def _mean_by(codes: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    import numpy as np

    sums: np.ndarray = np.bincount(codes, values, count) / np.bincount(codes, minlength=count)
    return sums


def _consistence(
    left: np.ndarray, right: np.ndarray, preference: np.ndarray, count: int
) -> float | None:
    """1 - 24 d / (n^3 - n) for odd n, 1 - 24 d / (n^3 - 4n) for even n, d circles of three."""
    import numpy as np

    sums, times = np.zeros((count, count)), np.zeros((count, count))
    np.add.at(sums, (left, right), preference)
    np.add.at(sums, (right, left), 1 - preference)
    np.add.at(times, (left, right), 1)
    np.add.at(times, (right, left), 1)
    pairs = list(itertools.combinations(range(count), 2))
    if any(times[i, j] == 0 or abs(sums[i, j] / times[i, j] - 0.5) < 1e-12 for i, j in pairs):
        return None
    wins = (sums > times / 2).sum(axis=1)
    circles = count * (count - 1) * (2 * count - 1) / 12 - float((wins**2).sum()) / 2
    return 1 - 24 * circles / (count**3 - count * (1 if count % 2 else 4))
