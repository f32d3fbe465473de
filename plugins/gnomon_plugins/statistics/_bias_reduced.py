"""Cluster-robust covariance of least squares that is right in small samples.

One invariant: were the rows independent with one variance, the covariance would be unbiased; its degrees of
freedom are those of the t that such a variance is nearest to.

The estimator is CR2 of Bell & McCaffrey (2002) with their Satterthwaite degrees of freedom for each
coefficient (also Pustejovsky & Tipton, 2018, doi:10.1080/07350015.2016.1247004, section 2): residuals of
cluster g are multiplied by A_g = (I - H_gg)^(-1/2), H the hat matrix. With B = (X'X)^-1 and Z_g = X_g B^(1/2)
all that is needed of A_g is A_g Z_g = Z_g (I - Z_g'Z_g)^(-1/2), so no matrix is larger than coefficients by
coefficients, however many rows a cluster has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    import numpy as np

_SINGULAR = 1e-9
"""A direction in which a cluster alone decides a coefficient has no residual and adds nothing."""


@attrs.frozen
class Robust:
    """Errors of the coefficients and the degrees of freedom of their t, of shape (coefficients,) each.

    A coefficient that single clusters decide has an error and degrees of freedom of 0.
    """

    errors: np.ndarray
    df: np.ndarray


def bias_reduced(x: np.ndarray, residuals: np.ndarray, codes: np.ndarray, count: int) -> Robust:
    """CR2 errors with Satterthwaite degrees of freedom.

    Args:
        x: Design of shape (rows, coefficients), of full rank.
        residuals: Of least squares, (rows,).
        codes: Cluster numbers from 0, (rows,).
        count: Clusters.
    """
    import numpy as np

    # (X'X)^(-1/2) by the singular values of X: those of X'X would lose half of the digits.
    _, values, vectors = np.linalg.svd(x, full_matrices=False)
    root = vectors.T @ np.diag(1 / values) @ vectors
    z = x @ root
    k = x.shape[1]
    # Z_g'Z_g and Z_g'e_g of every cluster.
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(count))
    products = np.einsum("ni,nj->nij", z[order], z[order])
    inner = np.add.reduceat(products, starts, axis=0)
    sums = np.add.reduceat((z * residuals[:, None])[order], starts, axis=0)
    adjust = _inverse_root(np.eye(k) - inner)
    scores = np.einsum("gij,gj->gi", adjust, sums)
    errors = np.sqrt(((scores @ root) ** 2).sum(axis=0))
    return Robust(errors, _degrees(inner, adjust, root))


def _inverse_root(matrices: np.ndarray) -> np.ndarray:
    """The symmetric inverse square root of each matrix, 0 in the directions it does not reach."""
    import numpy as np

    values, vectors = np.linalg.eigh(matrices)
    kept = values > _SINGULAR
    roots = np.where(kept, values.clip(min=_SINGULAR) ** -0.5, 0.0)
    made: np.ndarray = np.einsum("gij,gj,gkj->gik", vectors, roots, vectors)
    return made


def _degrees(inner: np.ndarray, adjust: np.ndarray, root: np.ndarray) -> np.ndarray:
    """(tr M)^2 / tr(M^2) with M_gh = [g = h] |u_g|^2 - w_g'w_h, for each coefficient.

    u_g = A_g Z_g b and w_g = Z_g'u_g, b the column of B^(1/2) of the coefficient.
    """
    import numpy as np

    out = np.empty(root.shape[1])
    for column, b in enumerate(root.T):
        v = np.einsum("gij,j->gi", adjust, b)
        w = np.einsum("gij,gj->gi", inner, v)
        lengths = np.einsum("gi,gi->g", v, w)
        crossed = w.T @ w
        squares = np.einsum("gi,gi->g", w, w)
        trace = lengths.sum() - squares.sum()
        second = (lengths**2).sum() - 2 * (lengths * squares).sum() + (crossed**2).sum()
        out[column] = trace**2 / second if second > 0 else 0.0
    return out
