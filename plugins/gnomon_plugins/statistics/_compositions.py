"""The inverse covariance of log-ratios of a composition.

One invariant: the result depends on ratios of parts only: any row may be multiplied by a positive
number, and no part is a reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gnomon

if TYPE_CHECKING:
    import numpy as np


def inverse_of_log_ratios(
    logs: np.ndarray, *, shrink: bool, what: str
) -> tuple[np.ndarray, dict[str, float]]:
    """The pseudo-inverse Γ⁻ of the covariance of centred log-ratios.

    Args:
        logs: Natural logarithms of the parts, of shape (rows, parts).
        shrink: Shrink the covariance of the logarithms of proportions first.
        what: The statistic in words, for the error.

    Returns:
        Γ⁻ of shape (parts, parts), and the intensities of shrinkage.

    Raises:
        StatisticError: A log-ratio is constant, or ratios are linearly dependent.
    """
    import numpy as np

    parts = logs.shape[1]
    centring = np.eye(parts) - 1 / parts
    detail: dict[str, float] = {}
    if shrink:
        proportions = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
        covariance, detail = shrunk_covariance(proportions)
        gamma = centring @ covariance @ centring
    else:
        gamma = np.cov(logs @ centring, rowvar=False)
    values, vectors = np.linalg.eigh(gamma)
    # One eigenvalue is 0 by construction; a second one would be a dependence among the ratios.
    if values[1] < 1e-10 * values[-1] or values[-1] < 1e-24:
        raise gnomon.StatisticError(
            f"the log-ratios of the {parts} parts are linearly dependent, so "
            f"there is no {what.removeprefix('a ')}"
        )
    kept = vectors[:, 1:]
    inverted: np.ndarray = (kept / values[1:]) @ kept.T
    return inverted, detail


def shrunk_covariance(values: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """Covariance with correlations shrunk towards 0 and variances towards their median.

    The intensities are the analytic ones of Schäfer & Strimmer (2005) and Opgen-Rhein & Strimmer
    (2007).

    Args:
        values: Shape (rows, variables).
    """
    import numpy as np

    n = len(values)
    centred = values - values.mean(axis=0)
    variances = centred.var(axis=0, ddof=1)
    factor = n / (n - 1) ** 3
    squares = centred**2
    of_variance = factor * ((squares - squares.mean(axis=0)) ** 2).sum(axis=0)
    target = np.median(variances)
    towards_median = _intensity(of_variance.sum(), ((variances - target) ** 2).sum())
    scaled = centred / np.sqrt(variances)
    products = scaled[:, :, None] * scaled[:, None, :]
    of_product = factor * ((products - products.mean(axis=0)) ** 2).sum(axis=0)
    correlations = np.corrcoef(values, rowvar=False)
    off = ~np.eye(values.shape[1], dtype=bool)
    towards_zero = _intensity(of_product[off].sum(), (correlations[off] ** 2).sum())
    shrunk = np.where(off, (1 - towards_zero) * correlations, 1.0)
    spread = np.sqrt(towards_median * target + (1 - towards_median) * variances)
    covariance: np.ndarray = shrunk * np.outer(spread, spread)
    return covariance, {"lambda correlations": towards_zero, "lambda variances": towards_median}


def _intensity(noise: float, signal: float) -> float:
    return float(min(1.0, max(0.0, noise / signal))) if signal > 0 else 1.0
