"""Linear and logistic regression with independent or clustered rows.

One invariant: one estimate for each coefficient, in the order of the predictors, and one for the whole
model; a model whose coefficients are not determined by the data is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._bias_reduced import bias_reduced
from gnomon_plugins.statistics._logit import LogitFit, fit_logit
from gnomon_plugins.statistics._predictors import (
    Data,
    check_reference,
    covariance_options,
    gather,
    unit_lengths,
)
from gnomon_plugins.statistics._tails import chi2_tail, f_tail, normal_tail, t_tail

if TYPE_CHECKING:
    import numpy as np


_LEAST_DF = 1e-6
"""Fewer degrees of freedom are rounding noise where there are none."""


@attrs.frozen(kw_only=True)
class LinearRegression:
    """Least squares: the first score on the other scores and on factors.

    One estimate for each coefficient, with the partial correlation as effect, and one for R² with F.
    For clustered rows the errors are CR2 with Satterthwaite's degrees of freedom (Bell & McCaffrey 2002),
    which hold for few and unequal clusters too.

    Example::

        [[statistic]]
        use = "linear-regression"
        of = ["logit", "age"]
        with_factors = ["gender", "race"]
        reference = { gender = "male", race = "white" }
        standardize = true
        cluster = "item"

    Attributes:
        with_factors: Label columns, treatment coded.
        reference: Factor → the level the others are compared with; the first in order unless given.
        standardize: Predictor scores (not factors, not the outcome) are put in standard deviations.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        robust: ``HC3``: errors that allow for unequal variances; for independent rows.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "linear-regression"
    with_factors: tuple[str, ...] = ()
    reference: Mapping[str, str] = attrs.field(factory=dict)
    standardize: bool = False
    cluster: str | None = None
    robust: Literal["none", "HC3"] = "none"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        check_reference(self.with_factors, self.reference)
        if self.robust != "none" and self.cluster not in (None, common.INDEPENDENT):
            raise ValueError("robust and cluster exclude each other; leave one out")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Coefficients with t tests and R² with F; refuses dependent predictors and a perfect fit."""
        import numpy as np
        from statsmodels.regression.linear_model import OLS

        what = "a linear regression"
        data = gather(
            table, self.with_factors, self.reference, standardize=self.standardize, what=what
        )
        units = common.units(data.table, self.cluster, what=what)
        if units.codes is not None and self.robust != "none":
            raise gnomon.StatisticError(
                f"{self.robust} errors are for independent rows, and these are of "
                f"{common.plural(units.count, 'cluster')} of {units.column!r}; leave out 'robust', or "
                "set cluster = 'none' to take rows as independent"
            )
        lengths = unit_lengths(data.x)
        x = data.x / lengths
        fit = OLS(data.y, x).fit(**({} if self.robust == "none" else {"cov_type": self.robust}))
        n, k = data.x.shape
        if float(fit.ssr) < 1e-20 * float(fit.centered_tss):
            raise gnomon.StatisticError(
                f"the predictors give {table.of[0]!r} exactly, so {what} has no error to test with"
            )
        errors = "" if self.robust == "none" else f", {self.robust} errors"
        spreads, degrees = fit.bse.tolist(), [float(n - k)] * k
        if units.codes is not None:
            made = bias_reduced(x, fit.resid, units.codes, units.count)
            spreads, degrees = made.errors.tolist(), made.df.tolist()
            for name, spread, df in zip(data.names, spreads, degrees, strict=True):
                if spread < common.SMALLEST_SD * float(np.linalg.norm(data.y)) or df < _LEAST_DF:
                    raise gnomon.StatisticError(
                        f"without one of the clusters of {units.column!r} there is no {name!r}, or its "
                        f"clusters leave no error, so {what} cannot test it"
                    )
            errors = ", CR2 errors with Satterthwaite's degrees of freedom"
        method = f"least squares, {units.words}{errors}"
        out = []
        for name, value, scaled, length, df in zip(
            data.names, fit.params, spreads, lengths.tolist(), degrees, strict=True
        ):
            beta, spread = float(value) / length, scaled / length
            quantile = effects.t_quantile(self.level, df)
            t = beta / spread
            p, log10_p = t_tail(t, df)
            ends = effects.noncentral_t_interval(t, df, self.level)
            out.append(
                gnomon.Estimate(
                    quantity=name,
                    value=beta,
                    low=beta - quantile * spread,
                    high=beta + quantile * spread,
                    level=self.level,
                    error=spread,
                    test="t",
                    test_value=t,
                    df=df,
                    p=p,
                    log10_p=log10_p,
                    effect="partial-r",
                    effect_value=_partial_r(t, df),
                    effect_low=_partial_r(ends[0], df),
                    effect_high=_partial_r(ends[1], df),
                    n=n,
                    method=method,
                )
            )
        tested = units.codes is None and self.robust == "none"
        return [*out, self._whole(fit, n, k, method, tested=tested)]

    def _whole(self, fit: Any, n: int, k: int, method: str, *, tested: bool) -> gnomon.Estimate:
        made = gnomon.Estimate(
            quantity="r-squared",
            value=float(fit.rsquared),
            level=self.level,
            n=n,
            method=method,
            effect="adjusted-r-squared",
            effect_value=float(fit.rsquared_adj),
            detail={
                "log-likelihood": float(fit.llf),
                "aic": float(fit.aic),
                "bic": float(fit.bic),
                "residual sd": math.sqrt(float(fit.scale)),
            },
        )
        if k == 1 or not tested:
            return made
        f = float(fit.fvalue)
        p, log10_p = f_tail(f, k - 1, n - k)
        low, high = effects.noncentral_interval(f, k - 1, n - k, self.level)
        return attrs.evolve(
            made,
            low=low / (low + n),
            high=high / (high + n),
            test="F",
            test_value=f,
            df=k - 1,
            df2=n - k,
            p=p,
            log10_p=log10_p,
        )


def _partial_r(t: float, df: float) -> float:
    return t / math.sqrt(t * t + df)


@attrs.frozen(kw_only=True)
class LogisticRegression:
    """Logistic regression of a 0/1 score on the other scores and on factors, by maximum likelihood.

    One estimate for each coefficient (on the logit scale) with its odds ratio as effect, and one for
    McFadden's pseudo-R² with the likelihood-ratio test, whose detail holds both log-likelihoods, AIC
    and BIC. Independent rows are tested by z; for clustered rows the errors are cluster-robust and
    tested by t with G − 1 degrees of freedom.

    Example::

        [[statistic]]
        use = "logistic-regression"
        of = ["decision", "association-d"]
        cluster = "item"

    Attributes:
        with_factors: Label columns, treatment coded.
        reference: Factor → the level the others are compared with; the first in order unless given.
        standardize: Predictor scores are put in standard deviations.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "logistic-regression"
    relates: ClassVar[str] = "prediction"
    outcomes: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    with_factors: tuple[str, ...] = ()
    reference: Mapping[str, str] = attrs.field(factory=dict)
    standardize: bool = False
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        check_reference(self.with_factors, self.reference)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Coefficients with tests, and pseudo-R²; refuses separated outcomes."""
        from scipy import special

        what = "a logistic regression"
        kept = common.present(table, table.of, need=3, what=what)
        common.binary(kept.values, repr(table.of[0]), what=what)
        data = gather(
            kept, self.with_factors, self.reference, standardize=self.standardize, what=what
        )
        units = common.units(data.table, self.cluster, what=what)
        fit = fit_logit(data, covariance_options(units, "none"), table.of[0], what=what)
        clustered = units.codes is not None
        df = units.count - 1 if clustered else None
        quantile = (
            effects.normal_quantile(self.level)
            if df is None
            else float(special.stdtrit(df, (1 + self.level) / 2))
        )
        method = f"logistic regression by maximum likelihood, {units.words}"
        out = []
        for name, value, error in zip(data.names, fit.params, fit.errors, strict=True):
            beta, spread = float(value), float(error)
            if not spread > 0:
                raise gnomon.StatisticError(
                    f"the clusters of {units.column!r} leave no error for {name!r}, so {what} cannot "
                    "test it"
                )
            z = beta / spread
            p, log10_p = normal_tail(z) if df is None else t_tail(z, df)
            low, high = beta - quantile * spread, beta + quantile * spread
            out.append(
                gnomon.Estimate(
                    quantity=name,
                    value=beta,
                    low=low,
                    high=high,
                    level=self.level,
                    error=spread,
                    test="t" if clustered else "z",
                    test_value=z,
                    df=df,
                    p=p,
                    log10_p=log10_p,
                    effect="odds-ratio",
                    effect_value=effects.exponential(beta),
                    effect_low=effects.exponential(low),
                    effect_high=effects.exponential(high),
                    n=len(data.y),
                    method=method,
                    note=None
                    if effects.exponential(high) is not None
                    else f"the odds ratio for a whole unit of {name!r} is too large for a number; "
                    "set 'standardize', or use a smaller unit",
                )
            )
        return [*out, self._whole(fit, data, method, tested=not clustered)]

    def _whole(self, fit: LogitFit, data: Data, method: str, *, tested: bool) -> gnomon.Estimate:
        likelihood = fit.likelihood
        # With an intercept alone the chance of 1 is the share of ones; statsmodels searches for it.
        shares = data.y.mean(), 1 - data.y.mean()
        null = len(data.y) * float(sum(share * math.log(share) for share in shares))
        k = data.x.shape[1]
        made = gnomon.Estimate(
            quantity="pseudo-r-squared",
            value=1 - likelihood / null,
            n=len(data.y),
            method=f"{method}, McFadden's pseudo-R-squared",
            detail={
                "log-likelihood": likelihood,
                "null log-likelihood": null,
                "aic": fit.aic,
                "bic": fit.bic,
            },
        )
        if k == 1 or not tested:
            return made
        value = max(0.0, 2 * (likelihood - null))
        p, log10_p = chi2_tail(value, k - 1)
        return attrs.evolve(
            made, test="chi-square", test_value=value, df=k - 1, p=p, log10_p=log10_p
        )
