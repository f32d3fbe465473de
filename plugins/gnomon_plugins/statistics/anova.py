"""Analysis of variance, one-way and two-way.

One invariant: a share of variance and its interval come from the same noncentrality λ of F, as
λ / (λ + n) (Steiger 2004), so that the interval holds 0 exactly when F is within its central range.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _design as design
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clustered_ranks import share_interval, wald
from gnomon_plugins.statistics._tails import f_tail

if TYPE_CHECKING:
    import numpy as np


def _of_f(
    f: float,
    df1: float,
    df2: float,
    n: int,
    level: float,
    *,
    omega: float,
    eta: float,
    quantity: str,
    plain: float | None,
    method: str,
    detail: dict[str, float],
) -> gnomon.Estimate:
    """An estimate of a share of variance; ``plain`` is the F of independent rows where f is clustered."""
    p, log10_p = f_tail(f, df1, df2)
    ends = share_interval(f, df1, df2, f if plain is None else plain, n, level)
    return gnomon.Estimate(
        quantity=quantity,
        value=eta,
        low=ends[0],
        high=ends[1],
        level=level,
        test="F",
        test_value=f,
        df=df1,
        df2=df2,
        p=p,
        log10_p=log10_p,
        effect="omega-squared",
        effect_value=max(0.0, omega),
        effect_low=ends[0],
        effect_high=ends[1],
        n=n,
        method=method,
        detail=detail,
    )


def _clustered(
    x: np.ndarray, y: np.ndarray, own: slice, units: common.Units, what: str
) -> tuple[float, float, float]:
    """Cluster-robust F and its degrees of freedom.

    Raises:
        StatisticError: There are no more clusters than effects, or they do not differ.
    """
    assert units.codes is not None
    found = wald(x, y, units.codes, units.count, own)
    if found is None:
        effects_ = len(range(*own.indices(x.shape[1])))
        raise gnomon.StatisticError(
            f"{what} with {common.plural(effects_, 'effect')} to test needs more than {effects_} clusters "
            f"that differ, and {units.column!r} has {units.count}"
        )
    return found


@attrs.frozen(kw_only=True)
class Anova:
    """One-way analysis of variance between the groups of a label column; eta² and omega².

    For clustered rows the means are compared with cluster-robust errors, which do without equal variances
    too, by Hotelling's F on k − 1 and G − k + 1 degrees of freedom; the interval is that of its
    noncentrality on the scale of independent rows.

    Example::

        [[statistic]]
        use = "anova"
        of = "score"
        between = "template"

    Attributes:
        between: Label column of the groups.
        equal_variances: False for Welch's (1951) test, which does without equal variances.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "anova"
    quantities: ClassVar[tuple[str, ...]] = ("eta-squared", "omega-squared")
    between: str
    equal_variances: bool = True
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """Eta² with F; refuses one group, or groups without spread."""
        import numpy as np

        what = "an analysis of variance"
        samples = groups.several(
            table, self.between, need=1 if self.equal_variances else 2, what=what
        )
        sizes = np.array([len(values) for _, values in samples], dtype=float)
        means = np.array([values.mean() for _, values in samples])
        n, k = int(sizes.sum()), len(samples)
        within = float(sum(((values - values.mean()) ** 2).sum() for _, values in samples))
        between = float(sizes @ (means - sizes @ means / n) ** 2)
        if n <= k or math.sqrt(within / (n - k)) < common.SMALLEST_SD:
            raise gnomon.StatisticError(
                f"no group of {self.between!r} varies within itself; {what} needs values that differ "
                "within a group"
            )
        mean_square = within / (n - k)
        omega = (between - (k - 1) * mean_square) / (between + within + mean_square)
        kept = common.present(table, table.of[:1], need=3, what=what)
        units = common.units(kept, self.cluster, what=what)
        plain = between / (k - 1) / mean_square
        test = None
        if units.codes is not None:
            coded = design.sum_coded(kept, self.between, what=what)
            x = np.hstack([np.ones((n, 1)), coded])
            test = _clustered(x, kept.values, slice(1, None), units, what)
            f, df2, kind = test[0], test[2], "one-way analysis"
        elif self.equal_variances:
            f, df2, kind = between / (k - 1) / mean_square, float(n - k), "one-way analysis"
        else:
            f, df2 = self._welch(samples, sizes, means, what)
            kind = "Welch's one-way analysis"
        return _of_f(
            f,
            k - 1,
            df2,
            n,
            self.level,
            omega=omega,
            eta=between / (between + within),
            quantity="eta-squared",
            plain=None if test is None else plain,
            method=f"{kind} of variance between {self.between}, {units.words}",
            detail={f"mean {name}": float(values.mean()) for name, values in samples},
        )

    def _welch(
        self, samples: list[tuple[str, np.ndarray]], sizes: np.ndarray, means: np.ndarray, what: str
    ) -> tuple[float, float]:
        import numpy as np

        k = len(sizes)
        weights = np.array(
            [
                len(values) / common.varied(values, f"group {name!r}", what=what) ** 2
                for name, values in samples
            ]
        )
        total = weights.sum()
        unequal = float(((1 - weights / total) ** 2 / (sizes - 1)).sum())
        numerator = float(weights @ (means - weights @ means / total) ** 2) / (k - 1)
        f = numerator / (1 + 2 * (k - 2) / (k**2 - 1) * unequal)
        return f, (k**2 - 1) / (3 * unequal)


@attrs.frozen(kw_only=True)
class AnovaTwoWay:
    """Two-way analysis of variance with interaction: one estimate for each factor and for both.

    Each value is the partial eta² of its quantity, the effect its partial omega². For clustered rows
    the tests are cluster-robust, as in ``anova``.

    Example::

        [[statistic]]
        use = "anova-two-way"
        of = "score"
        factors = ["template", "label_order"]

    Attributes:
        factors: The two label columns.
        squares: ``II``: each factor after the other, the interaction after both. ``III``: each after
            all others, with effects coded to sum to zero. They are equal in balanced designs.
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "anova-two-way"
    factors: tuple[str, str] = attrs.field(validator=common.two_different)
    squares: Literal["II", "III"] = "II"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """Partial eta² with F for both factors and their interaction; refuses empty cells."""
        import numpy as np

        what = "a two-way analysis of variance"
        kept = common.present(table, table.of[:1], need=4, what=what)
        common.varied(kept.values, repr(table.of[0]), what=what)
        first, second = (design.sum_coded(kept, factor, what=what) for factor in self.factors)
        cells = len(np.unique(groups.unit_codes(kept, self.factors)[0]))
        full_cells = (first.shape[1] + 1) * (second.shape[1] + 1)
        if cells < full_cells:
            raise gnomon.StatisticError(
                f"{what} needs a value in every cell, and {full_cells - cells} of {full_cells} cells "
                f"of {self.factors[0]!r} x {self.factors[1]!r} are empty"
            )
        units = common.units(kept, self.cluster, what=what)
        both = (first[:, :, None] * second[:, None, :]).reshape(len(kept), -1)
        ones = np.ones((len(kept), 1))
        n, y = len(kept), kept.values
        parts = {self.factors[0]: first, self.factors[1]: second, " x ".join(self.factors): both}
        full = np.hstack([ones, first, second, both])
        residual, df2 = design.residual_squares(full, y), n - full.shape[1]
        if df2 < 1 or math.sqrt(residual / df2) < common.SMALLEST_SD:
            raise gnomon.StatisticError(
                f"no cell of {self.factors[0]!r} x {self.factors[1]!r} varies within itself; {what} "
                "needs several values that differ in a cell"
            )
        out = []
        for name, part in parts.items():
            others = [other for key, other in parts.items() if key != name]
            if self.squares == "II" and part is not both:
                others = [other for other in others if other is not both]
            reduced = np.hstack([ones, *others])
            square = design.residual_squares(reduced, y) - design.residual_squares(
                np.hstack([reduced, part]), y
            )
            square, df1, mean_square = max(square, 0.0), part.shape[1], residual / df2
            plain = square / df1 / mean_square
            test: tuple[float, float, float] = (plain, df1, df2)
            if units.codes is not None:
                x = np.hstack([reduced, part])
                test = _clustered(x, y, slice(reduced.shape[1], None), units, what)
            out.append(
                _of_f(
                    *test,
                    n,
                    self.level,
                    omega=(square - df1 * mean_square) / (square + (n - df1) * mean_square),
                    eta=square / (square + residual),
                    quantity=name,
                    plain=plain,
                    method=f"two-way analysis of variance, type {self.squares} squares, partial "
                    f"eta-squared, {units.words}",
                    detail={"sum of squares": square},
                )
            )
        return out
