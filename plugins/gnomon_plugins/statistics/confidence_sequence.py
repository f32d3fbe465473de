"""A confidence sequence: an interval for a mean that may be looked at after every observation.

One invariant: whatever is looked at, and whenever one stops, the probability that the interval ever missed
the mean is at most 1 − level.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common

if TYPE_CHECKING:
    import numpy as np

_GRID = 1001
_SHARE = 0.5
"""Most of the capital that one bet may lose (c of Waudby-Smith & Ramdas)."""


def log_capital(x: np.ndarray, means: np.ndarray, alpha: float) -> np.ndarray:
    """Log of the hedged capital after each observation, of one gambler for each candidate mean.

    Args:
        x: Observations in [0, 1], of shape (n,).
        means: Candidate means in (0, 1), of shape (m,).
        alpha: Error for which the bets are tuned.

    Returns:
        Shape (n, m). For the true mean its exponential is a nonnegative process of expectation at most 1,
        so that it ever reaches 1/alpha with probability at most alpha (Ville). Bets are the predictable
        plug-in of Waudby-Smith & Ramdas (2024), equations 24 to 26, half of the capital on either side.
    """
    import numpy as np

    t = np.arange(1, len(x) + 1)
    center = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - center) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    bet = np.sqrt(2 * math.log(2 / alpha) / (before * t * np.log1p(t)))[:, None]
    away = x[:, None] - means
    up = np.cumsum(np.log1p(np.minimum(bet, _SHARE / means) * away), axis=0)
    down = np.cumsum(np.log1p(-np.minimum(bet, _SHARE / (1 - means)) * away), axis=0)
    made: np.ndarray = np.maximum(up, down) - math.log(2)
    return made


@attrs.frozen(kw_only=True)
class ConfidenceSequence:
    """The mean of a bounded score with an interval that stays valid under continuous looking.

    The betting confidence sequence of Waudby-Smith & Ramdas (2024), for scores that cannot leave
    ``lower`` … ``upper``; nothing else is assumed of their distribution. It is wider than an interval for a
    fixed number of trials, the price of being allowed to stop at any time.

    What is assumed of the order: each observation has the same expectation given those before it. Plans
    are repeat-major (every item under every condition, then the next repeat), and items differ, so by
    default one observation is the mean over one complete repeat, and the interval is for the mean over
    these items and conditions. With ``unit = ""`` each trial is an observation: for plans in which items are
    drawn at random, not for fixed items in their order. Repeats that are not complete are left out.

    Example::

        [stop]
        use = "confidence-sequence"
        of = "refused"
        lower = 0.0
        upper = 1.0
        half_width = 0.05

    Attributes:
        lower: The least value that a score can have.
        upper: The greatest value that a score can have.
        unit: Label column whose rows are averaged into one observation; empty for none.
        level: Confidence level, over all times together.
    """

    name: ClassVar[str] = "confidence-sequence"
    quantities: ClassVar[tuple[str, ...]] = ("mean",)
    anytime: ClassVar[bool] = True
    lower: float = attrs.field(validator=common.finite)
    upper: float = attrs.field(validator=common.finite)
    unit: str = "repeat"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ValueError(
                f"lower is {self.lower:g} and upper {self.upper:g}; lower is the smaller"
            )

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The mean with its interval; refuses scores out of bounds and fewer than 2 observations."""
        import numpy as np

        what = "a confidence sequence"
        kept = common.present(table, table.of[:1], need=2, what=what)
        outside = kept.values[(kept.values < self.lower) | (kept.values > self.upper)]
        if len(outside):
            raise gnomon.StatisticError(
                f"{common.plural(len(outside), 'value')} of {table.of[0]!r} "
                f"{'lies' if len(outside) == 1 else 'lie'} outside {self.lower:g} to {self.upper:g}, such "
                f"as {outside[0]:g}; {what} needs bounds that hold"
            )
        observed, words = self._observations(table)
        if len(observed) < 2:
            raise gnomon.StatisticError(
                f"{what} needs at least 2 observations, and there {'is' if len(observed) == 1 else 'are'} "
                f"{len(observed)} ({words})"
            )
        span = self.upper - self.lower
        means = np.linspace(0, 1, _GRID + 2)[1:-1]
        x = (observed - self.lower) / span
        capital = log_capital(x, means, 1 - self.level)[-1]
        inside = np.flatnonzero(capital < -math.log(1 - self.level))
        if not len(inside):
            inside = np.array([int(capital.argmin())])
        # One step of the grid is added on either side, for the limit lies between two points.
        step = means[0]
        low, high = means[inside[0]] - step, means[inside[-1]] + step
        return gnomon.Estimate(
            quantity="mean",
            value=float(observed.mean()),
            low=self.lower + span * max(float(low), 0.0),
            high=self.lower + span * min(float(high), 1.0),
            level=self.level,
            n=len(observed),
            method=f"betting confidence sequence for scores in {self.lower:g} to {self.upper:g}, {words}",
        )

    def _observations(self, table: gnomon.Table) -> tuple[np.ndarray, str]:
        import numpy as np

        values = table.values
        if not self.unit:
            return values[~np.isnan(values)], "each trial an observation"
        _, first, codes = np.unique(table.label(self.unit), return_index=True, return_inverse=True)
        sizes = np.bincount(codes)
        held = np.bincount(codes, weights=~np.isnan(values))
        sums = np.bincount(codes, weights=np.nan_to_num(values))
        order = np.argsort(first, kind="stable")
        whole = order[(sizes[order] == sizes.max()) & (held[order] > 0)]
        return sums[whole] / held[whole], f"each complete {self.unit} an observation"
