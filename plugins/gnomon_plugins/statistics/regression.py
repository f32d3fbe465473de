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
from gnomon_plugins.statistics import _design as design
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._bias_reduced import bias_reduced
from gnomon_plugins.statistics._tails import chi2_tail, f_tail, normal_tail, t_tail

if TYPE_CHECKING:
    import numpy as np


_LARGE_LOGIT = 8.0
"""A fitted chance below 1 in 3,000 or above its complement: rare without separation, certain with it."""


@attrs.frozen(kw_only=True, eq=False)
class Data:
    """What a regression is fitted to.

    Attributes:
        table: The rows in which everything is present.
        y: The outcome, shape (rows,).
        x: The design matrix, shape (rows, coefficients).
        names: The coefficients' names.
    """

    table: gnomon.Table
    y: np.ndarray
    x: np.ndarray
    names: list[str]


def gather(
    table: gnomon.Table,
    factors: tuple[str, ...],
    references: Mapping[str, str],
    *,
    standardize: bool,
    what: str,
) -> Data:
    """Outcome ``of[0]``, predictors ``of[1:]`` and factors, complete rows only.

    Raises:
        StatisticError: There are fewer rows than coefficients need, or the predictors depend on
            each other.
    """
    kept = common.present(table, table.of, need=3, what=what)
    common.varied(kept.values, repr(table.of[0]), what=what)
    predictors = {name: kept.score(name) for name in table.of[1:]}
    if standardize:
        predictors = {
            name: (values - values.mean()) / common.varied(values, repr(name), what=what)
            for name, values in predictors.items()
        }
    x, names = design.matrix(kept, predictors, factors, references, what=what)
    if len(kept) <= x.shape[1]:
        raise gnomon.StatisticError(
            f"{what} with {common.plural(x.shape[1], 'coefficient')} needs more than {x.shape[1]} "
            f"rows, and there are {len(kept)}"
        )
    return Data(table=kept, y=kept.values, x=x, names=names)


def covariance_options(units: common.Units, robust: str) -> dict[str, Any]:
    """Statsmodels' options for the covariance."""
    if units.codes is None:
        return {} if robust == "none" else {"cov_type": robust}
    return {"cov_type": "cluster", "cov_kwds": {"groups": units.codes}}


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
        fit = OLS(data.y, data.x).fit(
            **({} if self.robust == "none" else {"cov_type": self.robust})
        )
        n, k = data.x.shape
        if float(fit.ssr) < 1e-20 * float(fit.centered_tss):
            raise gnomon.StatisticError(
                f"the predictors give {table.of[0]!r} exactly, so {what} has no error to test with"
            )
        errors = "" if self.robust == "none" else f", {self.robust} errors"
        spreads, degrees = fit.bse.tolist(), [float(n - k)] * k
        if units.codes is not None:
            made = bias_reduced(data.x, fit.resid, units.codes, units.count)
            spreads, degrees = made.errors.tolist(), made.df.tolist()
            errors = ", CR2 errors with Satterthwaite's degrees of freedom"
        method = f"least squares, {units.words}{errors}"
        out = []
        for name, value, spread, df in zip(data.names, fit.params, spreads, degrees, strict=True):
            beta = float(value)
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
        from scipy import special

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
        low, high = effects.noncentral_interval(
            lambda nc: float(special.ncfdtr(k - 1, n - k, nc, f)), f * (k - 1), self.level
        )
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


def check_reference(factors: tuple[str, ...], reference: Mapping[str, str]) -> None:
    """Refuse a reference level for what is no factor."""
    for name in reference:
        if name not in factors:
            raise ValueError(f"reference names {name!r}, which is not in with_factors")


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
        for name, value, error in zip(data.names, fit.params, fit.bse, strict=True):
            beta, spread = float(value), float(error)
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
                    effect_value=math.exp(beta),
                    effect_low=math.exp(low),
                    effect_high=math.exp(high),
                    n=len(data.y),
                    method=method,
                )
            )
        return [*out, self._whole(fit, data, method, tested=not clustered)]

    def _whole(self, fit: Any, data: Data, method: str, *, tested: bool) -> gnomon.Estimate:
        likelihood = float(fit.llf)
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
                "aic": float(fit.aic),
                "bic": float(fit.bic),
            },
        )
        if k == 1 or not tested:
            return made
        value = max(0.0, 2 * (likelihood - null))
        p, log10_p = chi2_tail(value, k - 1)
        return attrs.evolve(
            made, test="chi-square", test_value=value, df=k - 1, p=p, log10_p=log10_p
        )


def fit_logit(data: Data, options: dict[str, Any], outcome: str, *, what: str) -> Any:
    """Statsmodels' logit fit.

    Raises:
        StatisticError: The predictors separate the outcome, so that there is no maximum.
    """
    import warnings

    import numpy as np
    from statsmodels.discrete.discrete_model import Logit

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # What statsmodels warns of here is looked at below, with a sentence of its own.
        warnings.simplefilter("ignore")
        try:
            fit = Logit(data.y, data.x).fit(disp=0, maxiter=200, **options)
        except np.linalg.LinAlgError:
            fit = None
    strange = fit is None or not fit.mle_retvals["converged"]
    # A linear programme for each fit would cost more than the fit; separation shows in its size.
    if (strange or np.abs(data.x @ fit.params).max() > _LARGE_LOGIT) and separated(data.x, data.y):
        raise gnomon.StatisticError(
            f"the predictors tell {outcome!r} = 0 from {outcome!r} = 1 without error in some rows "
            f"(separation), so {what} has no finite maximum; leave a predictor out, or join levels"
        )
    if strange:
        raise gnomon.StatisticError(
            f"{what} did not converge in 200 steps; rescale the predictors with 'standardize'"
        )
    return fit


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
