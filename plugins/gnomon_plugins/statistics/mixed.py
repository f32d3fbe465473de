"""Mixed models with one grouping: linear, and logistic.

One invariant: fixed effects are conditional on the group, as in lme4; a variance at its bound of 0 is
said in the note, never hidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _design as design
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics._logit import fit_logit
from gnomon_plugins.statistics._predictors import Data, check_reference, gather
from gnomon_plugins.statistics._quadrature import fit_random_intercept
from gnomon_plugins.statistics._tails import normal_tail, t_tail

if TYPE_CHECKING:
    import numpy as np

_NO_VARIANCE = 1e-6
"""A variance between groups below this share of the residual one is 0."""


@attrs.frozen(kw_only=True, eq=False)
class _Fit:
    """What is used of a fit.

    Attributes:
        coefficients: Fixed effects.
        errors: Their standard errors.
        covariance: Of the random effects.
        residual: Residual variance.
        log_likelihood: The restricted one.
        converged: Whether the maximum was found.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    covariance: np.ndarray
    residual: float
    log_likelihood: float
    converged: bool


def _fitted(data: Data, codes: np.ndarray, random: np.ndarray, what: str, count: int) -> _Fit:
    """The fit by restricted maximum likelihood; refuses what is not determined."""
    import warnings

    import numpy as np
    from statsmodels.regression.mixed_linear_model import MixedLM

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Whether it converged, and whether a variance is 0, is looked at below.
        warnings.simplefilter("ignore")
        try:
            fit = MixedLM(data.y, data.x, groups=codes, exog_re=random).fit(reml=True)
        except np.linalg.LinAlgError:
            if random.shape[1] == 1:
                return _without_variance(data)
            raise gnomon.StatisticError(
                f"{what} could not be fitted: its random effects are not determined by "
                f"{common.plural(count, 'group')}; leave out slopes"
            ) from None
    covariance = np.atleast_2d(fit.cov_re)
    if random.shape[1] == 1 and float(covariance[0, 0]) < _NO_VARIANCE * float(fit.scale):
        return _without_variance(data)
    return _Fit(
        coefficients=np.asarray(fit.fe_params, dtype=float),
        errors=np.asarray(fit.bse_fe, dtype=float),
        covariance=covariance,
        residual=float(fit.scale),
        log_likelihood=float(fit.llf),
        converged=bool(fit.converged),
    )


def _without_variance(data: Data) -> _Fit:
    """The fit in which the groups' variance is 0: least squares, where a search has no footing.

    The restricted log-likelihood is −½((n − k)(1 + ln 2πs²) + ln|X'X|) with s² = RSS/(n − k)
    (Harville 1974).
    """
    import numpy as np

    n, k = data.x.shape
    residual = design.residual_squares(data.x, data.y) / (n - k)
    squares = data.x.T @ data.x
    coefficients, *_ = np.linalg.lstsq(data.x, data.y, rcond=None)
    volume = float(np.linalg.slogdet(squares)[1])
    return _Fit(
        coefficients=coefficients,
        errors=np.sqrt(residual * np.diag(np.linalg.inv(squares))),
        covariance=np.zeros((1, 1)),
        residual=residual,
        log_likelihood=-((n - k) * (1 + math.log(2 * math.pi * residual)) + volume) / 2,
        converged=True,
    )


def _grouped(data: Data, column: str, what: str) -> tuple[np.ndarray, int]:
    import numpy as np

    codes, count = common.clusters(
        data.table, column, need=3, what=f"{what} with groups {column!r}"
    )
    if int(np.bincount(codes).max()) < 2:
        raise gnomon.StatisticError(
            f"every {column!r} has one row, so {what} cannot tell the groups from the error"
        )
    return codes, count


def _varies_within(column: np.ndarray, codes: np.ndarray) -> bool:
    import numpy as np

    means = np.bincount(codes, weights=column) / np.bincount(codes)
    return bool(np.abs(column - means[codes]).max() > 1e-9 * np.abs(column).max())


@attrs.frozen(kw_only=True)
class MixedLinear:
    """Linear mixed model: the first score on others and on factors, with random effects of one group.

    Restricted maximum likelihood (statsmodels' MixedLM). Degrees of freedom follow Pinheiro & Bates
    (2000): rows less groups for what varies within groups, groups for what does not, and groups less
    one for what has a random slope. In a full balanced factorial the fixed effects are the
    differences of group means.

    Example::

        [[statistic]]
        use = "mixed-linear"
        of = ["logit", "age"]
        with_factors = ["gender", "race"]
        reference = { gender = "male", race = "white" }
        standardize = true
        group = "item"

    Attributes:
        group: Label column of the random effects.
        slopes: Predictor scores whose slope differs by group.
        with_factors: Label columns, treatment coded.
        reference: Factor → the level the others are compared with; the first in order unless given.
        standardize: Predictor scores are put in standard deviations.
        without: Coefficients that are fitted and not reported, such as an ``intercept`` whose zero
            is no hypothesis.
        absolute: Give the mean of the absolute coefficients reported as well. Noise alone keeps it
            above 0, so it has no interval and is for comparing conditions of one design.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "mixed-linear"
    group: str = "item"
    slopes: tuple[str, ...] = ()
    with_factors: tuple[str, ...] = ()
    reference: Mapping[str, str] = attrs.field(factory=dict)
    standardize: bool = False
    without: tuple[str, ...] = ()
    absolute: bool = False
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        check_reference(self.with_factors, self.reference)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Coefficients with t tests, and the variance's share by group; refuses fewer than 3 groups."""
        import numpy as np

        what = "a linear mixed model"
        data = gather(
            table, self.with_factors, self.reference, standardize=self.standardize, what=what
        )
        for slope in self.slopes:
            if slope not in data.names[1:]:
                raise gnomon.StatisticError(
                    f"the slope {slope!r} is not among the predictors: {', '.join(data.names[1:])}"
                )
        codes, count = _grouped(data, self.group, what)
        random = data.x[:, [0, *(data.names.index(slope) for slope in self.slopes)]]
        if design.residual_squares(data.x, data.y) < 1e-20 * float(data.y @ data.y):
            raise gnomon.StatisticError(
                f"the predictors give {table.of[0]!r} exactly, so {what} has no error to test with"
            )
        fit = _fitted(data, codes, random, what, count)
        errors = fit.errors
        if not np.isfinite(errors).all() or not (errors > 0).all():
            raise gnomon.StatisticError(f"{what} has no standard errors here; leave out slopes")
        covariance, residual = fit.covariance, fit.residual
        notes = [] if fit.converged else ["the fit did not converge"]
        if float(np.linalg.eigvalsh(covariance)[0]) < _NO_VARIANCE * residual:
            notes.append(f"a variance between {self.group!r} is at its bound of 0")
        note = "; ".join(notes) or None
        method = f"linear mixed model by REML, random effects of {self.group} ({count} groups)" + (
            f" with slopes of {', '.join(self.slopes)}" if self.slopes else ""
        )
        dfs = self._degrees(data, codes, count)
        scale = math.sqrt(residual + float(covariance[0, 0]))
        rows = zip(data.names, fit.coefficients, errors, dfs, strict=True)
        out = [
            self._coefficient(
                name, (float(value), float(error)), df, scale, (len(data.y), method, note)
            )
            for name, value, error, df in rows
            if name not in self.without
        ]
        if self.absolute and out:
            out.append(
                gnomon.Estimate(
                    quantity="mean-absolute",
                    value=sum(abs(one.value or 0.0) for one in out) / len(out),
                    n=len(data.y),
                    method=f"{method}, mean of {common.plural(len(out), 'absolute coefficient')}",
                    note=note,
                )
            )
        between = float(covariance[0, 0])
        share = gnomon.Estimate(
            quantity=f"icc({self.group})",
            value=between / (between + residual),
            n=len(data.y),
            method=f"{method}, share of the intercepts' variance",
            note=note,
            detail={
                "variance between": between,
                "residual variance": residual,
                "log-likelihood": fit.log_likelihood,
                "covariance of random effects": covariance.tolist(),
            },
        )
        return [*out, share]

    def _coefficient(
        self,
        name: str,
        fitted: tuple[float, float],
        df: float,
        scale: float,
        rest: tuple[int, str, str | None],
    ) -> gnomon.Estimate:
        """One coefficient with its t test; ``scale`` is the standard deviation that d is in."""
        from scipy import special

        beta, error = fitted
        n, method, note = rest
        p, log10_p = t_tail(beta / error, df)
        reach = float(special.stdtrit(df, (1 + self.level) / 2)) * error
        return gnomon.Estimate(
            quantity=name,
            value=beta,
            low=beta - reach,
            high=beta + reach,
            level=self.level,
            error=error,
            test="t",
            test_value=beta / error,
            df=df,
            p=p,
            log10_p=log10_p,
            effect="d",
            effect_value=beta / scale,
            effect_low=(beta - reach) / scale,
            effect_high=(beta + reach) / scale,
            n=n,
            method=method,
            note=note,
        )

    def _degrees(self, data: Data, codes: np.ndarray, count: int) -> list[float]:
        within = [_varies_within(column, codes) for column in data.x.T]
        inner, outer = sum(within), len(within) - sum(within)
        return [
            float(max(1, count - 1))
            if name in self.slopes
            else float(max(1, len(data.y) - count - inner if varies else count - outer))
            for name, varies in zip(data.names, within, strict=True)
        ]


@attrs.frozen(kw_only=True)
class MixedLogistic:
    """Logistic mixed model of a 0/1 score with a random intercept of one group.

    Maximum likelihood by adaptive Gauss–Hermite quadrature with 15 points, the model of lme4's
    ``glmer(…, nAGQ = 15)``: coefficients are log odds within a group. For two crossed groups use
    ``bootstrap`` with ``crossed_with``.

    Example::

        [[statistic]]
        use = "mixed-logistic"
        of = ["correct", "dose"]
        with_factors = ["phase"]
        group = "user"

    Attributes:
        group: Label column of the random intercepts.
        with_factors: Label columns, treatment coded.
        reference: Factor → the level the others are compared with; the first in order unless given.
        standardize: Predictor scores are put in standard deviations.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "mixed-logistic"
    group: str = "item"
    with_factors: tuple[str, ...] = ()
    reference: Mapping[str, str] = attrs.field(factory=dict)
    standardize: bool = False
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        check_reference(self.with_factors, self.reference)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Coefficients with z tests and odds ratios, and the latent share of variance by group."""
        what = "a logistic mixed model"
        kept = common.present(table, table.of, need=3, what=what)
        common.binary(kept.values, repr(table.of[0]), what=what)
        data = gather(
            kept, self.with_factors, self.reference, standardize=self.standardize, what=what
        )
        codes, count = _grouped(data, self.group, what)
        plain = fit_logit(data, {}, table.of[0], what=what)
        fit = fit_random_intercept(data.x, data.y, codes, start=plain.params, what=what)
        quantile = effects.normal_quantile(self.level)
        method = (
            f"logistic mixed model by adaptive quadrature, random intercepts of {self.group} "
            f"({count} groups)"
        )
        note = f"the variance between {self.group!r} is at its bound of 0" if fit.sd == 0 else None
        out = []
        for name, value, spread in zip(data.names, fit.coefficients, fit.errors, strict=True):
            beta, error = float(value), float(spread)
            p, log10_p = normal_tail(beta / error)
            ends = beta - quantile * error, beta + quantile * error
            out.append(
                gnomon.Estimate(
                    quantity=name,
                    value=beta,
                    low=ends[0],
                    high=ends[1],
                    level=self.level,
                    error=error,
                    test="z",
                    test_value=beta / error,
                    p=p,
                    log10_p=log10_p,
                    effect="odds-ratio",
                    effect_value=effects.exponential(beta),
                    effect_low=effects.exponential(ends[0]),
                    effect_high=effects.exponential(ends[1]),
                    n=len(data.y),
                    method=method,
                    note=note,
                )
            )
        return [*out, self._share(fit, len(data.y), method, note)]

    def _share(self, fit: Any, n: int, method: str, note: str | None) -> gnomon.Estimate:
        return gnomon.Estimate(
            quantity=f"icc({self.group})",
            value=fit.sd**2 / (fit.sd**2 + math.pi**2 / 3),
            n=n,
            method=f"{method}, share of the latent variance",
            note=note,
            detail={"sd between": fit.sd, "log-likelihood": fit.log_likelihood},
        )
