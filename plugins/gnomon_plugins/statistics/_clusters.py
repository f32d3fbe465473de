"""Standard errors of rows that are not independent.

One invariant: with clusters of one row each the result is that of independent rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import gnomon
from gnomon_plugins.statistics import _common as common

if TYPE_CHECKING:
    import numpy as np

    from gnomon_plugins.statistics._groups import Two


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


def clustered_error(two: Two, cluster: str, *, what: str) -> tuple[float, float, str]:
    """Standard error of a difference of means for clustered rows, its degrees of freedom, and words.

    Clusters within groups: the sum of the two cluster-robust variances, with Satterthwaite's degrees
    of freedom on G₁ − 1 and G₂ − 1. Clusters across groups: the influence of every row on the
    difference, summed by cluster, with G − 1.

    Raises:
        StatisticError: Fewer than two clusters, in a group or altogether.
    """
    import numpy as np

    labels = two.first_table.label(cluster), two.second_table.label(cluster)
    samples = two.first, two.second
    if not np.isin(labels[0], labels[1]).any():
        shares, dfs = [], []
        for name, half, values in zip(
            two.names, (two.first_table, two.second_table), samples, strict=True
        ):
            codes, count = common.clusters(
                half, cluster, need=2, what=f"{what} clustered by {cluster!r} within {name!r}"
            )
            sums = np.bincount(codes, weights=values - values.mean())
            shares.append(count / (count - 1) * float(sums @ sums) / len(values) ** 2)
            dfs.append(count - 1)
        total = sum(shares)
        if total < common.SMALLEST_SD**2:
            raise gnomon.StatisticError(_same_means(cluster, what))
        df = total**2 / sum(share**2 / own for share, own in zip(shares, dfs, strict=True))
        return math.sqrt(total), df, common.unit(cluster, sum(dfs) + 2)
    names, codes = np.unique(np.concatenate(labels), return_inverse=True)
    influence = np.concatenate(
        [
            sign * (values - values.mean()) / len(values)
            for sign, values in zip((1, -1), samples, strict=True)
        ]
    )
    if len(names) < 2:
        raise gnomon.StatisticError(
            f"{what} clustered by {cluster!r} needs at least 2 clusters, and all rows have the same "
            f"{cluster!r} ({str(names[0])!r})"
        )
    sums = np.bincount(codes, weights=influence)
    variance = len(names) / (len(names) - 1) * float(sums @ sums)
    if variance < common.SMALLEST_SD**2:
        raise gnomon.StatisticError(_same_means(cluster, what))
    return math.sqrt(variance), len(names) - 1, common.unit(cluster, len(names))


def _same_means(cluster: str, what: str) -> str:
    return (
        f"the clusters of {cluster!r} do not differ in their means, so there is no standard error "
        f"for {what}"
    )


def cluster_means(
    values: np.ndarray, table: gnomon.Table, cluster: str, *, need: int, what: str
) -> np.ndarray:
    """The mean of each cluster, of shape (clusters,)."""
    import numpy as np

    codes, _ = common.clusters(table, cluster, need=need, what=f"{what} clustered by {cluster!r}")
    means: np.ndarray = np.bincount(codes, weights=values) / np.bincount(codes)
    return means


def unclustered(two: Two, cluster: str, *, what: str) -> Two:
    """Two samples of cluster means.

    Raises:
        StatisticError: A cluster lies in both samples, which makes them pairs.
    """
    import attrs
    import numpy as np

    shared = np.intersect1d(two.first_table.label(cluster), two.second_table.label(cluster))
    if len(shared):
        raise gnomon.StatisticError(
            f"{cluster!r} = {str(shared[0])!r} occurs in both {two.names[0]!r} and {two.names[1]!r}; "
            f"for {what} of such clusters name {cluster!r} in 'paired_by' instead"
        )
    return attrs.evolve(
        two,
        first=cluster_means(two.first, two.first_table, cluster, need=1, what=what),
        second=cluster_means(two.second, two.second_table, cluster, need=1, what=what),
    )
