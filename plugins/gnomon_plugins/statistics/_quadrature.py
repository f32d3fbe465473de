"""Maximum likelihood of a logistic model with a random intercept.

One invariant: the likelihood of each group is integrated around its own highest point (adaptive
Gauss–Hermite quadrature; Pinheiro & Bates 1995), so that large groups are as exact as small ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

import gnomon

if TYPE_CHECKING:
    import numpy as np

_POINTS = 15
_LEAST_LOG_SD = -5.0
"""A standard deviation below exp(-5) changes no chance by more than .002 and is called 0."""


@attrs.frozen(eq=False)
class Fit:
    """A fitted model.

    Attributes:
        coefficients: Fixed effects, shape (coefficients,).
        errors: Their standard errors.
        sd: Standard deviation of the intercepts; 0 at the bound.
        log_likelihood: At the maximum.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    sd: float
    log_likelihood: float


def log_likelihood(
    coefficients: np.ndarray, sd: float, x: np.ndarray, y: np.ndarray, codes: np.ndarray
) -> float:
    """The log-likelihood with intercepts drawn from a normal of that standard deviation."""
    import numpy as np
    from scipy import special

    groups = int(codes.max()) + 1
    eta = x @ coefficients
    z = np.zeros(groups)
    for _ in range(50):
        chance = special.expit(eta + sd * z[codes])
        slope = sd * np.bincount(codes, weights=y - chance, minlength=groups) - z
        curve = sd**2 * np.bincount(codes, weights=chance * (1 - chance), minlength=groups) + 1
        step = slope / curve
        z = z + step
        if np.abs(step).max() < 1e-10:
            break
    points, weights = np.polynomial.hermite.hermgauss(_POINTS)
    width = np.sqrt(2 / curve)
    at = z[:, None] + width[:, None] * points
    logit = eta[:, None] + sd * at[codes]
    rows = y[:, None] * logit - np.logaddexp(0, logit)
    totals = np.column_stack(
        [np.bincount(codes, weights=column, minlength=groups) for column in rows.T]
    )
    heights = totals - at**2 / 2 + points**2 + np.log(weights)
    return float(
        (special.logsumexp(heights, axis=1) + np.log(width) - 0.5 * math.log(2 * math.pi)).sum()
    )


def fit_random_intercept(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, *, start: np.ndarray, what: str
) -> Fit:
    """Maximise the likelihood over the coefficients and the logarithm of the standard deviation.

    Raises:
        StatisticError: There is no maximum where the errors are defined.
    """
    import numpy as np
    from scipy import optimize
    from statsmodels.tools.numdiff import approx_hess

    def cost(theta: np.ndarray) -> float:
        return -log_likelihood(theta[:-1], math.exp(theta[-1]), x, y, codes)

    bounds = [(None, None)] * x.shape[1] + [(_LEAST_LOG_SD, 5.0)]
    found = optimize.minimize(
        cost,
        np.append(start, math.log(0.5)),
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-13, "gtol": 1e-7},
    )
    best = found.x
    bound = best[-1] < _LEAST_LOG_SD + 0.5
    if bound:
        hessian = approx_hess(best[:-1], lambda beta: cost(np.append(beta, _LEAST_LOG_SD)))
    else:
        hessian = approx_hess(best, cost)
    try:
        covariance = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        covariance = np.full((len(best), len(best)), np.nan)
    variances = np.diag(covariance)[: x.shape[1]]
    if not (np.isfinite(variances).all() and (variances > 0).all()):
        raise gnomon.StatisticError(
            f"{what} has no maximum with defined errors here; leave out predictors, or use "
            "logistic-regression with 'cluster'"
        )
    return Fit(
        coefficients=best[:-1],
        errors=np.sqrt(variances),
        sd=0.0 if bound else math.exp(best[-1]),
        log_likelihood=-float(found.fun),
    )
