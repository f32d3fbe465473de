"""``shapley``: how much each part of a prompt adds to a score.

One invariant: the parts' values sum to the score of the whole prompt less that of the prompt without any
part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins._subsets import NOTHING, names_of
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics._game_kinds import DrawnGame, ExactGame, Value
from gnomon_plugins.statistics._games import game_of
from gnomon_plugins.statistics._tails import t_tail

if TYPE_CHECKING:
    import numpy as np

ALL = "all parts"
IDLE = "idle parts"


@attrs.frozen(kw_only=True)
class Shapley:
    """Shapley values of the parts of a prompt (the source ``prompt-parts`` makes the subsets).

    With all subsets the values are exact given the scores; an interval and a test are told when each subset
    was asked several times (``repeats``), and are of that sampling alone. With random orders the value is
    the mean of what a part adds when it joins, with the t interval over orders; for a score within [0, 1]
    the detail has Hoeffding's bound too, which needs no normality. The first estimate is of the ``leading``
    part; further ones are of the other parts, of all parts together (the score of the whole prompt less
    that of the empty one) and, with ``idle``, of the share of the attribution that goes to parts without
    content for the decision: sum of their absolute values over the sum of all (the "token noise" of
    Mohammadi, 2024, arXiv:2404.01332).

    A subset that was refused leaves the values of the additive game nearest to the others (kernel
    regression), with a note; with more than half of the subsets missing there is no attribution.

    The unit is the subset of parts in a cell of ``over``, which the design makes; there are no clusters
    beyond it.

    Example::

        [[statistic]]
        use = "shapley"
        of = "choice"
        by = ["vignette", "absent"]
        over = ["order"]
        idle = ["greeting"]

    Attributes:
        shown: Label column with the parts that are shown, joined by a plus; a dash for none.
        permutation: Label column with the number of the random order; empty where all subsets are there.
        over: Columns whose levels are averaged with equal weight before anything else, such as the order
            of options.
        leading: The part that comes first, and that planted effects go to.
        idle: Parts that say nothing of the decision; those that a vignette does not have are passed over.
        pairs: Also the interaction of each two parts (all subsets needed).
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "shapley"

    shown: str = "shown"
    permutation: str = "permutation"
    over: tuple[str, ...] = ()
    leading: str | None = None
    idle: tuple[str, ...] = ()
    pairs: bool = False
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """The attribution of each part; refuses when too many subsets of the parts have no score."""
        game = self._game(table)
        values = game.values()
        made = [self._made("shapley", part, values[part], game) for part in self._order(game.parts)]
        made.append(self._made("total", ALL, game.total(), game))
        idle = [game.parts.index(part) for part in self.idle if part in game.parts]
        if idle:
            made.append(self._made("idle-share", IDLE, game.share(idle, self.level, rng), game))
        if self.pairs:
            made.extend(
                self._made("interaction", f"{first} x {second}", value, game)
                for (first, second), value in game.pairs().items()
            )
        return made

    def truth(self, table: gnomon.Table) -> Mapping[tuple[str, ...], float]:
        """Part → its value in the game of the expected scores."""
        game = self._game(table)
        values: dict[tuple[str, ...], float] = {
            (part,): one.value for part, one in game.values().items()
        }
        return {**values, (ALL,): game.total().value}

    def contrast(self, labels: Mapping[str, str]) -> float | None:
        """Half the effect with the leading part, minus half without: its Shapley value is the effect."""
        if self.leading is None:
            return None
        return 0.5 if self.leading in names_of(labels.get(self.shown, NOTHING)) else -0.5

    def _game(self, table: gnomon.Table) -> ExactGame | DrawnGame:
        common.present(table, table.of[:1], need=2, what="a Shapley attribution")
        return game_of(table, self.shown, self.permutation, self.over, self.level)

    def _order(self, parts: Sequence[str]) -> list[str]:
        if self.leading is None or self.leading not in parts:
            return list(parts)
        return [self.leading, *(part for part in parts if part != self.leading)]

    def _made(
        self, quantity: str, part: str, one: Value, game: ExactGame | DrawnGame
    ) -> gnomon.Estimate:
        made = gnomon.Estimate(
            quantity=quantity,
            value=one.value,
            low=one.low,
            high=one.high,
            level=None if one.low is None else self.level,
            error=one.error,
            group={"part": part},
            n=game.rows,
            method=game.method,
            note=game.note,
            detail={"parts": len(game.parts), **one.detail},
        )
        if one.df is None or one.error is None:
            return made
        from scipy import stats

        reach = float(stats.t.isf((1 - self.level) / 2, one.df)) * one.error
        made = attrs.evolve(made, low=one.value - reach, high=one.value + reach, level=self.level)
        if one.error < common.SMALLEST_SD:
            return made
        t = one.value / one.error
        p, log10_p = t_tail(t, one.df)
        return attrs.evolve(made, test="t", test_value=t, df=one.df, p=p, log10_p=log10_p)
