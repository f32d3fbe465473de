"""Standard errors of rows that are not independent.

One invariant: with clusters of one row each the result is that of independent rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics._tails import t_tail

if TYPE_CHECKING:
    import numpy as np

    from gnomon_plugins.statistics._groups import Two
    from gnomon_plugins.statistics._tails import Alternative


def standard_error(values: np.ndarray, codes: np.ndarray | None) -> tuple[float, int]:
    """Standard error of a mean and its degrees of freedom.

    Args:
        values: Shape (rows,).
        codes: Cluster numbers of shape (rows,), or None for independent rows.

    With clusters: sqrt(G/(G−1) Σ_g (Σ_i∈g (x_i − mean))²) / n with G − 1 degrees of freedom
    (Liang & Zeger 1986, with the G/(G−1) factor of Stata). Clusters of equal size give exactly the t
    test on the cluster means.
    """
    import numpy as np

    residuals = values - values.mean()
    sums = residuals if codes is None else np.bincount(codes, weights=residuals)
    groups_ = len(sums)
    return math.sqrt(groups_ / (groups_ - 1) * float(sums @ sums)) / len(values), groups_ - 1


def effective_rows(ones: np.ndarray, codes: np.ndarray | None) -> tuple[float, float]:
    """How many independent rows a share of clustered rows is worth, and its degrees of freedom.

    n over the design effect of the clusters, at most n (Dean & Pagano 2015); where all rows agree the
    clusters count as rows. Independent rows are worth themselves, with infinite degrees of freedom.

    Args:
        ones: 0 or 1, of shape (rows,).
        codes: Cluster numbers of shape (rows,), or None for independent rows.
    """
    n, share = len(ones), float(ones.mean())
    if codes is None:
        return float(n), math.inf
    error, df = standard_error(ones, codes)
    if share in (0, 1):
        return float(df + 1), df
    effective = share * (1 - share) / error**2 if error > 0 else n
    return float(min(effective, n)), df


def of_clusters(
    ones: np.ndarray, codes: np.ndarray, units: common.Units, *, what: str
) -> tuple[float, float]:
    """Effective rows and degrees of freedom of a share of some of the rows.

    Raises:
        StatisticError: These rows are of one cluster.
    """
    if int(codes.max()) == 0:
        raise gnomon.StatisticError(
            f"the rows that {what} rests on are all of one cluster of {units.column!r}; it needs at "
            "least 2"
        )
    return effective_rows(ones, codes)


def share_quantile(level: float, df: float) -> float:
    """The two-sided quantile for a share: normal for independent rows, else t."""
    from scipy import special

    upper = (1 + level) / 2
    return float(special.ndtri(upper) if math.isinf(df) else special.stdtrit(df, upper))


def share_test(
    share: float, against: float, effective: float, df: float, alternative: Alternative
) -> tuple[float, float, float]:
    """The score test of a clustered share, which Wilson's interval inverts: t, p and its logarithm."""
    t = (share - against) / math.sqrt(against * (1 - against) / effective)
    return t, *t_tail(t, df, alternative)


def clustered_error(
    two: Two, cluster: str | None, *, what: str
) -> tuple[float, float, common.Units] | None:
    """Standard error of a difference of means for clustered rows, with its degrees of freedom.

    Clusters within groups: the sum of the two cluster-robust variances, with Satterthwaite's degrees
    of freedom on G₁ − 1 and G₂ − 1. Clusters across groups: the influence of every row on the
    difference, summed by cluster, with G − 1. None when rows are independent.

    Raises:
        StatisticError: Fewer than two clusters, in a group or altogether.
    """
    import numpy as np

    units = both_units(two, cluster, what=what)
    if units.codes is None:
        return None
    samples, sides = (two.first, two.second), np.split(units.codes, [len(two.first)])
    if np.isin(sides[0], sides[1]).any():
        influence = np.concatenate(
            [
                sign * (values - values.mean()) / len(values)
                for sign, values in zip((1, -1), samples, strict=True)
            ]
        )
        sums = np.bincount(units.codes, weights=influence)
        variance = units.count / (units.count - 1) * float(sums @ sums)
        if variance < common.SMALLEST_SD**2:
            raise gnomon.StatisticError(_same_means(str(units.column), what))
        return math.sqrt(variance), units.count - 1, units
    shares, dfs = [], []
    for name, codes, values in zip(two.names, sides, samples, strict=True):
        count = len(np.unique(codes))
        if count < 2:
            raise gnomon.StatisticError(
                f"{what} clustered by {units.column!r} needs at least 2 clusters within {name!r}, and "
                "there is 1"
            )
        sums = np.bincount(codes, weights=values - values.mean())
        shares.append(count / (count - 1) * float(sums @ sums) / len(values) ** 2)
        dfs.append(count - 1)
    total = sum(shares)
    if total < common.SMALLEST_SD**2:
        raise gnomon.StatisticError(_same_means(str(units.column), what))
    df = total**2 / sum(share**2 / own for share, own in zip(shares, dfs, strict=True))
    return math.sqrt(total), df, units


def both_units(two: Two, cluster: str | None, *, what: str, need: int = 2) -> common.Units:
    """The clusters of the rows of both samples, the first sample's rows first."""
    return common.units(both_tables(two), cluster, need=need, what=what)


def both_tables(two: Two) -> gnomon.Table:
    """The label columns of both samples' rows, the first sample's first."""
    import attrs
    import numpy as np

    shared = [name for name in two.first_table.labels if name in two.second_table.labels]
    return attrs.evolve(
        two.first_table,
        scores={},
        statuses={},
        labels={
            name: np.concatenate([two.first_table.label(name), two.second_table.label(name)])
            for name in shared
        },
    )


def _same_means(cluster: str, what: str) -> str:
    return (
        f"the clusters of {cluster!r} do not differ in their means, so there is no standard error "
        f"for {what}"
    )


def cluster_means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The mean of each cluster, of shape (clusters,)."""
    import numpy as np

    means: np.ndarray = np.bincount(codes, weights=values) / np.bincount(codes)
    return means


def unclustered(two: Two, cluster: str | None, *, what: str) -> tuple[Two, common.Units]:
    """Two samples of cluster means; as they are where rows are independent.

    Raises:
        StatisticError: A cluster lies in both samples, which makes them pairs.
    """
    import attrs
    import numpy as np

    units = both_units(two, cluster, what=what)
    if units.codes is None:
        return two, units
    sides = np.split(units.codes, [len(two.first)])
    shared = np.intersect1d(sides[0], sides[1])
    if len(shared):
        name = str(both_tables(two).coded(str(units.column))[0][shared[0]])
        raise gnomon.StatisticError(
            f"{units.column!r} = {name!r} occurs in both {two.names[0]!r} and {two.names[1]!r}; "
            f"for {what} of such clusters name {units.column!r} in 'paired_by'"
            + ("" if cluster else ", or set cluster = 'none' to take rows as independent")
        )
    means = [
        cluster_means(values, np.unique(codes, return_inverse=True)[1])
        for values, codes in zip((two.first, two.second), sides, strict=True)
    ]
    return attrs.evolve(two, first=means[0], second=means[1]), units
