"""Rank tests of clustered rows.

One invariant: the parameter is that of the test for independent rows, every row weighing the same; only its
error is that of clusters. With clusters of one row each a signed-rank test is the usual one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._tails import Alternative, log10_of, normal_tail

if TYPE_CHECKING:
    import numpy as np

    from gnomon_plugins.statistics._groups import Two

MOST_TURNED = 12
"""Up to this many clusters all ways of turning their signs are counted (4,096)."""


@attrs.frozen(kw_only=True, eq=False)
class SignedRanks:
    """Wilcoxon's signed ranks with whole clusters' signs turned (Rosner, Glynn & Lee 2006).

    Attributes:
        values: Values or differences, of shape (rows,).
        codes: Cluster numbers, of shape (rows,).
        count: Number of clusters.
    """

    values: np.ndarray
    codes: np.ndarray
    count: int

    def sums(self, point: float = 0.0) -> tuple[np.ndarray, float]:
        """Each cluster's sum of signed ranks about a point, and the sum of all ranks."""
        import numpy as np
        from scipy import stats

        away = self.values - point
        some = np.abs(away) > common.SMALLEST_SD
        ranks = stats.rankdata(np.abs(away[some]))
        sums = np.bincount(
            self.codes[some], weights=ranks * np.sign(away[some]), minlength=self.count
        )
        return sums, float(ranks.sum())

    @property
    def exact(self) -> bool:
        """Whether all ways of turning signs are counted."""
        return self.count <= MOST_TURNED

    def upper(self, point: float = 0.0) -> tuple[float, float]:
        """P(a sum at least as great as the one seen) and P(at most as great), under symmetry."""
        import numpy as np

        sums, _ = self.sums(point)
        seen = float(sums.sum())
        if self.exact:
            turned = (
                1 - 2 * ((np.arange(2**self.count)[:, None] >> np.arange(self.count)) & 1)
            ) @ (sums)
            edge = 1e-9 * max(1.0, float(np.abs(sums).sum()))
            return float((turned >= seen - edge).mean()), float((turned <= seen + edge).mean())
        spread = math.sqrt(float(sums @ sums))
        z = seen / spread if spread else 0.0
        return normal_tail(z, "greater")[0], normal_tail(z, "less")[0]

    def test(self, alternative: Alternative) -> tuple[float, float | None]:
        """The p-value and its base-10 logarithm."""
        if not self.exact:
            sums, _ = self.sums()
            return normal_tail(float(sums.sum()) / math.sqrt(float(sums @ sums)), alternative)
        great, small = self.upper()
        p = {"greater": great, "less": small, "two-sided": min(1.0, 2 * min(great, small))}[
            alternative
        ]
        return p, log10_of(p)

    def interval(self, level: float) -> tuple[float | None, float | None]:
        """The points that the two-sided test does not reject; None where it never rejects."""
        tail = (1 - level) / 2
        if self.exact and 2.0**-self.count > tail:
            return None, None
        low, high = float(self.values.min()) - 1, float(self.values.max()) + 1
        return (
            bisected(lambda point: self.upper(point)[0] > tail, low, high),
            bisected(lambda point: self.upper(point)[1] <= tail, low, high),
        )


def bisected(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The least point at which a condition that stays true once reached is true."""
    for _ in range(42):
        middle = (low + high) / 2
        if reached(middle):
            high = middle
        else:
            low = middle
    return (low + high) / 2


def placements(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each first value the share of second ones below it, for each second one that of first ones above.

    Ties count half. The mean of either is P(first > second) + P(equal)/2.
    """
    import numpy as np

    ordered, others = np.sort(second), np.sort(first)

    def below(values: np.ndarray, among: np.ndarray) -> np.ndarray:
        less = np.searchsorted(among, values, side="left")
        most = np.searchsorted(among, values, side="right")
        share: np.ndarray = (less + most) / (2 * len(among))
        return share

    return below(first, ordered), 1 - below(second, others)


def placed(two: Two, shift: float = 0.0) -> Two:
    """The samples' placements at a shift, as two samples for ``clustered_error``.

    The first holds each first value's placement, whose mean is P(first − shift > second) + P(equal)/2; the
    second the negative placements of the second values, so that the error of the difference of means is
    Obuchowski's (1997) error of that probability.
    """
    above, over = placements(two.first - shift, two.second)
    return attrs.evolve(two, first=above, second=-over)


def fisher_of(r: float, error: float, quantile: float) -> tuple[float, float]:
    """Interval of a rank-biserial correlation on Fisher's scale, from its own standard error."""
    if abs(r) >= 1:
        return r, r
    reach = quantile * error / (1 - r * r)
    return math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)


def wald(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, count: int, own: slice
) -> tuple[float, float, float] | None:
    """Cluster-robust test that some coefficients of a least-squares fit are 0.

    Args:
        x: Design matrix, of shape (rows, coefficients).
        y: Outcome, of shape (rows,).
        codes: Cluster numbers.
        count: Number of clusters G.
        own: The q coefficients.

    Returns:
        F = (G − q) / (q (G − 1)) · Wald, q and G − q (Hotelling); None where G ≤ q or the clusters do
        not differ.
    """
    import numpy as np

    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    left = x * (y - x @ beta)[:, None]
    scores = np.column_stack([np.bincount(codes, weights=term, minlength=count) for term in left.T])
    covariance = (count / (count - 1) * bread @ scores.T @ scores @ bread)[own, own]
    return hotelling(beta[own], covariance, count)


def hotelling(
    beta: np.ndarray, covariance: np.ndarray, count: int
) -> tuple[float, float, float] | None:
    """Hotelling's F that q coefficients are 0, with q and G − q degrees of freedom for G clusters.

    None where the clusters are too few, or do not differ in some direction.
    """
    import numpy as np

    q = len(beta)
    values = np.linalg.eigvalsh(covariance)
    if count <= q or values[0] < max(1e-12 * values[-1], common.SMALLEST_SD**2):
        return None
    statistic = float(beta @ np.linalg.solve(covariance, beta))
    return (count - q) / (q * (count - 1)) * statistic, float(q), float(count - q)


def share_interval(
    f: float, df1: float, df2: float, plain: float, n: int, level: float
) -> tuple[float, float]:
    """Interval of a share of variance from a cluster-robust F.

    The noncentrality interval of F is put on the scale of independent rows by the design effect, the
    ratio of the plain F (``plain``) to the cluster-robust one; λ then gives λ / (λ + n).
    """
    low, high = effects.noncentral_interval(f, df1, df2, level)
    scale = plain / f if f > 0 else 1.0
    return low * scale / (low * scale + n), high * scale / (high * scale + n)
