"""Logistic regression by maximum likelihood.

One invariant: a fit is that of the maximum; where the predictors separate the outcome there is none, and that
is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

import gnomon
from gnomon_plugins.statistics._predictors import Data, unit_lengths

if TYPE_CHECKING:
    import numpy as np

_LARGE_LOGIT = 8.0
"""A fitted chance below 1 in 3,000 or above its complement: rare without separation, certain with it."""


@attrs.frozen(kw_only=True, eq=False)
class LogitFit:
    """A logistic regression by maximum likelihood.

    Attributes:
        params: Coefficients on the logit scale, of shape (coefficients,).
        errors: Their standard errors.
        likelihood: The log-likelihood.
        aic: Akaike's criterion.
        bic: Schwarz's criterion.
    """

    params: np.ndarray
    errors: np.ndarray
    likelihood: float
    aic: float
    bic: float


def fit_logit(data: Data, options: dict[str, Any], outcome: str, *, what: str) -> LogitFit:
    """The fit, found with columns of unit length, so that no unit of a predictor keeps it from converging.

    Raises:
        StatisticError: The predictors separate the outcome, so that there is no maximum.
    """
    import warnings

    import numpy as np
    from statsmodels.discrete.discrete_model import Logit

    lengths = unit_lengths(data.x)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # What statsmodels warns of here is looked at below, with a sentence of its own.
        warnings.simplefilter("ignore")
        try:
            fit = Logit(data.y, data.x / lengths).fit(disp=0, maxiter=200, **options)
        except np.linalg.LinAlgError:
            fit = None
    strange = fit is None or not fit.mle_retvals["converged"]
    # A linear programme for each fit would cost more than the fit; separation shows in its size.
    if (strange or np.abs(fit.fittedvalues).max() > _LARGE_LOGIT) and separated(data.x, data.y):
        raise gnomon.StatisticError(
            f"the predictors tell {outcome!r} = 0 from {outcome!r} = 1 without error in some rows "
            f"(separation), so {what} has no finite maximum; leave a predictor out, or join levels"
        )
    if strange:
        raise gnomon.StatisticError(
            f"{what} did not converge in 200 steps; rescale the predictors with 'standardize'"
        )
    return LogitFit(
        params=fit.params / lengths,
        errors=fit.bse / lengths,
        likelihood=float(fit.llf),
        aic=float(fit.aic),
        bic=float(fit.bic),
    )


def separated(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether some combination of predictors is ≥ 0 where y is 1 and ≤ 0 where y is 0, and not all 0.

    Albert & Anderson's (1984) complete and quasi-complete separation, found by linear programming
    over the distinct rows.
    """
    import numpy as np
    from scipy import optimize

    signed = np.unique(np.where(y[:, None] == 1, x, -x), axis=0)
    scale = np.abs(signed).max(axis=0).clip(min=1e-300)
    signed = signed / scale
    found = optimize.linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        bounds=[(-1, 1)] * signed.shape[1],
        method="highs",
    )
    return bool(found.status == 0 and -found.fun > 1e-7)
