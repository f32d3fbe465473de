"""Regression discontinuity: the jump of an outcome where a running variable passes a cut-off.

One invariant: the jump is the difference of two local lines at the cut-off, each fitted on its own
side; rows beyond the bandwidth have no say.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics._tails import t_tail

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class RegressionDiscontinuity:
    """The jump of ``of[0]`` where ``of[1]`` reaches the cut-off, by local linear regression.

    Errors are HC3, or cluster-robust. The effect is the jump over the standard deviation of the
    residuals. Without ``bandwidth`` it is 1.84 · sd · n^(−1/5) of the running variable, a rule of
    thumb: report the jump for half and twice of it as well (they are in the detail). The interval does
    not allow for curvature within the bandwidth.

    Example::

        [[statistic]]
        use = "regression-discontinuity"
        of = ["recall", "days-after-cutoff"]
        cutoff = 0
        bandwidth = 90

    Attributes:
        cutoff: Where treatment begins; rows at it are treated.
        bandwidth: How far from the cut-off a row may be.
        kernel: ``triangular`` weights fall to 0 at the bandwidth; ``uniform`` ones do not fall.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "regression-discontinuity"
    quantities: ClassVar[tuple[str, ...]] = ("jump", "d")
    cutoff: float = attrs.field(default=0.0, validator=common.finite)
    bandwidth: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(common.positive)
    )
    kernel: Literal["triangular", "uniform"] = "triangular"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The jump with its t test; refuses a side without at least 3 different positions."""
        from scipy import special

        what = "a regression discontinuity"
        if len(table.of) != 2:
            raise gnomon.StatisticError(
                f"{what} needs two scores in 'of', the outcome and the running variable (found "
                f"{common.plural(len(table.of), 'score')})"
            )
        kept = common.present(table, table.of, need=6, what=what)
        common.varied(kept.values, repr(table.of[0]), what=what)
        x = kept.score(table.of[1]) - self.cutoff
        spread = common.varied(x, repr(table.of[1]), what=what)
        width = self.bandwidth or 1.84 * spread * len(x) ** -0.2
        jump, error, df, n, noise, unit = self._fit(kept, x, width, what)
        t = jump / error
        p, log10_p = t_tail(t, df)
        reach = float(special.stdtrit(df, (1 + self.level) / 2)) * error
        detail: dict[str, float] = {"bandwidth": width}
        for factor, word in ((0.5, "half"), (2.0, "twice")):
            try:
                detail[f"jump at {word} the bandwidth"] = self._fit(kept, x, width * factor, what)[
                    0
                ]
            except gnomon.StatisticError:
                continue
        return gnomon.Estimate(
            quantity="jump",
            value=jump,
            low=jump - reach,
            high=jump + reach,
            level=self.level,
            error=error,
            test="t",
            test_value=t,
            df=df,
            p=p,
            log10_p=log10_p,
            effect="d",
            effect_value=jump / noise,
            effect_low=(jump - reach) / noise,
            effect_high=(jump + reach) / noise,
            n=n,
            method=f"local linear regression discontinuity at {self.cutoff:g}, {self.kernel} kernel, "
            f"bandwidth {width:.4g}, {unit}",
            detail=detail,
        )

    def _fit(
        self, table: gnomon.Table, x: np.ndarray, width: float, what: str
    ) -> tuple[float, float, float, int, float, str]:
        """Jump, error, df, rows, residual sd, and words for the unit."""
        import numpy as np
        from statsmodels.regression.linear_model import WLS

        distance = np.abs(x) / width
        near = distance < 1 if self.kernel == "triangular" else distance <= 1
        for side, name in ((x < 0, "below"), (x >= 0, "at or above")):
            found = len(np.unique(x[near & side]))
            if found < 3:
                raise gnomon.StatisticError(
                    f"{what} needs at least 3 different values of {table.of[1]!r} on each side of the "
                    f"cut-off, and within {width:.4g} {name} {self.cutoff:g} there "
                    f"{'is' if found == 1 else 'are'} {found}"
                )
        local = table.rows(near)
        position = x[near]
        treated = (position >= 0).astype(float)
        weights = 1 - distance[near] if self.kernel == "triangular" else np.ones(len(position))
        matrix = np.column_stack([np.ones(len(position)), treated, position, treated * position])
        options: dict[str, Any] = {"cov_type": "HC3"}
        units = common.units(local, self.cluster, need=3, what=what)
        unit, df = f"{units.words}, HC3 errors", len(position) - 4.0
        if units.codes is not None:
            options = {"cov_type": "cluster", "cov_kwds": {"groups": units.codes}}
            unit, df = units.words, units.count - 1.0
        with np.errstate(invalid="ignore"):
            # The variance of a jump that clusters leave no error for is 0 but for rounding, or below.
            fit = WLS(local.values, matrix, weights=weights).fit(**options)
            error = float(fit.bse[1])
        left = local.values - matrix @ fit.params
        noise = math.sqrt(float(left @ left) / (len(left) - 4))
        if noise < common.SMALLEST_SD * max(1.0, float(np.abs(local.values).max())):
            raise gnomon.StatisticError(
                f"{table.of[0]!r} lies on the two lines without error, so {what} has no error to test "
                "with"
            )
        if not error > common.SMALLEST_SD * float(np.abs(local.values).max()):
            raise gnomon.StatisticError(
                f"the clusters of {units.column!r} leave no error for the jump, so {what} has none to "
                "test with"
            )
        return float(fit.params[1]), error, df, len(position), noise, unit
