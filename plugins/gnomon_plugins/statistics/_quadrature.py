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
) -> tuple[float, np.ndarray]:
    """The log-likelihood with intercepts drawn from a normal of that standard deviation.

    Args:
        coefficients: Fixed effects, shape (coefficients,).
        sd: Standard deviation of the intercepts.
        x: Design matrix, shape (rows, coefficients), rows in the order of their group.
        y: Outcomes of 0 and 1.
        codes: Group numbers from 0, rising, none left out.

    Returns:
        Its value, and its gradient by the coefficients and by the logarithm of ``sd``.
    """
    import numpy as np
    from scipy import special

    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    eta = x @ coefficients
    z = np.zeros(len(starts))
    for _ in range(50):
        chance = special.expit(eta + sd * z[codes])
        slope = sd * np.add.reduceat(y - chance, starts) - z
        curve = sd**2 * np.add.reduceat(chance * (1 - chance), starts) + 1
        step = slope / curve
        z = z + step
        if np.abs(step).max() < 1e-10:
            break
    points, weights = np.polynomial.hermite.hermgauss(_POINTS)
    width = np.sqrt(2 / curve)
    at = z[:, None] + width[:, None] * points
    logit = eta[:, None] + sd * at[codes]
    totals = np.add.reduceat(y[:, None] * logit - np.logaddexp(0, logit), starts, axis=0)
    heights = totals - at**2 / 2 + points**2 + np.log(weights)
    of_group = special.logsumexp(heights, axis=1)
    value = float((of_group + np.log(width) - 0.5 * math.log(2 * math.pi)).sum())
    # Fisher's identity: the gradient is that of the complete data, averaged over the intercepts.
    posterior = np.exp(heights - of_group[:, None])
    left = (y[:, None] - special.expit(logit)) * posterior[codes]
    by_sd = sd * float((left * at[codes]).sum())
    return value, np.append(x.T @ left.sum(axis=1), by_sd)


def fit_random_intercept(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, *, start: np.ndarray, what: str
) -> Fit:
    """Maximise the likelihood over the coefficients and the logarithm of the standard deviation.

    Raises:
        StatisticError: There is no maximum where the errors are defined.
    """
    import numpy as np
    from scipy import optimize
    from statsmodels.tools.numdiff import approx_fprime

    order = np.argsort(codes, kind="stable")
    x, y, codes = x[order], y[order], codes[order]

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_likelihood(theta[:-1], math.exp(theta[-1]), x, y, codes)
        return -value, -gradient

    found = optimize.minimize(
        cost,
        np.append(start, math.log(0.5)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * x.shape[1] + [(_LEAST_LOG_SD, 5.0)],
        options={"ftol": 1e-13, "gtol": 1e-7},
    )
    best = found.x
    bound = best[-1] < _LEAST_LOG_SD + 0.5
    free = len(best) - 1 if bound else len(best)

    def slope(part: np.ndarray) -> np.ndarray:
        return cost(np.append(part, best[free:]))[1][:free]

    hessian = approx_fprime(best[:free], slope, centered=True)
    try:
        covariance = np.linalg.inv((hessian + hessian.T) / 2)
    except np.linalg.LinAlgError:
        covariance = np.full((free, free), np.nan)
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
