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

    Args:
        row_codes: The table's row of each row of scores.
        column_codes: Its column.
        clusters: Cluster numbers.
        count: Number of clusters G.
    """
    import numpy as np

    n = len(row_codes)
    sides = []
    spreads = []
    for codes in (row_codes, column_codes):
        shares = np.bincount(codes) / n
        sides.append((codes[:, None] == np.arange(len(shares) - 1)) - shares[:-1])
        spreads.append(np.diag(shares[:-1]) - np.outer(shares[:-1], shares[:-1]))
    residuals = (sides[0][:, :, None] * sides[1][:, None, :]).reshape(n, -1)
    sums = np.column_stack(
        [np.bincount(clusters, weights=term, minlength=count) for term in residuals.T]
    )
    # About their mean: a table that is off independence is no sign of clusters that differ.
    sums = sums - sums.mean(axis=0)
    covariance = count / (count - 1) * sums.T @ sums
    independent = n * np.kron(spreads[0], spreads[1])
    effects = np.linalg.eigvals(np.linalg.solve(independent, covariance)).real.clip(min=0)
    total = float(effects.sum())
    if not total > 1e-12:
        return None
    df = total**2 / float((effects**2).sum())
    return DesignEffect(mean=total / len(effects), df1=df, df2=df * (count - 1))


def log_odds_error(
    row_codes: np.ndarray, column_codes: np.ndarray, clusters: np.ndarray, cells: np.ndarray
) -> float:
    """Cluster-robust standard error of the logarithm of a 2 × 2 table's odds ratio."""
    import numpy as np

    signs = np.array([[1.0, -1.0], [-1.0, 1.0]])
    influence = (signs / cells)[row_codes, column_codes]
    sums = np.bincount(clusters, weights=influence)
    return math.sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums))
