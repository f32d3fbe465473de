"""Tests of tables of counts for clustered rows (Rao & Scott 1984, second order).

One invariant: the statistic is Pearson's or the likelihood ratio of the rows as they are; only the
distribution it is held against is that of clusters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class DesignEffect:
    """How much more a table's statistic varies with clusters than with independent rows.

    Attributes:
        mean: Mean of the generalised design effects; 1 for independent rows.
        df1: Degrees of freedom by Satterthwaite, at most (rows − 1)(columns − 1).
        df2: The same times G − 1.
    """

    mean: float
    df1: float
    df2: float


def design_effect(
    row_codes: np.ndarray, column_codes: np.ndarray, clusters: np.ndarray, count: int
) -> DesignEffect | None:
    """The design effects of a test of independence; None where clusters do not differ.

    They are the eigenvalues of V₀⁻¹V, V₀ the covariance of the residuals O − E of independent rows and
    V the one estimated from their sums by cluster about the mean, with G/(G − 1). The statistic over their sum is
    referred to F on d and d (G − 1) degrees of freedom, d = (Σδ)²/Σδ² (Thomas & Rao 1987).

    With residuals over the root of the product of their shares V₀ is the identity, so both sums are
    read off the products of the clusters' sums, G × G, however many cells the table has.

    Args:
        row_codes: The table's row of each row of scores.
        column_codes: Its column.
        clusters: Cluster numbers.
        count: Number of clusters G.
    """
    import numpy as np

    n = len(row_codes)
    shares = [np.bincount(codes) / n for codes in (row_codes, column_codes)]
    rows, columns = map(len, shares)
    cells = (clusters.astype(np.int64) * rows + row_codes) * columns + column_codes
    counts = np.bincount(cells, minlength=count * rows * columns).reshape(count, rows, columns)
    # Over the rows of a cluster, the product of how far a row and a column are from their shares.
    apart = counts - shares[0][:, None] * counts.sum(axis=1, keepdims=True)
    sums = apart - apart.sum(axis=2, keepdims=True) * shares[1]
    # About their mean: a table that is off independence is no sign of clusters that differ.
    scaled = (sums - sums.mean(axis=0)) / np.sqrt(np.outer(*shares))
    flat = scaled.reshape(count, -1) * math.sqrt(count / (count - 1) / n)
    products = flat @ flat.T if count < flat.shape[1] else flat.T @ flat
    total = float(np.trace(products))
    if not total > 1e-12:
        return None
    df = total**2 / float((products**2).sum())
    return DesignEffect(mean=total / ((rows - 1) * (columns - 1)), df1=df, df2=df * (count - 1))


def log_odds_error(
    row_codes: np.ndarray, column_codes: np.ndarray, clusters: np.ndarray, cells: np.ndarray
) -> float:
    """Cluster-robust standard error of the logarithm of a 2 × 2 table's odds ratio."""
    import numpy as np

    signs = np.array([[1.0, -1.0], [-1.0, 1.0]])
    influence = (signs / cells)[row_codes, column_codes]
    sums = np.bincount(clusters, weights=influence)
    return math.sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums))
