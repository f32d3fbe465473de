"""Intraclass correlations.

One invariant: all six forms come from one two-way table of mean squares, so that they agree with each
other on the same ratings.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics._jackknife import log_of_error, of_clusters, without_each
from gnomon_plugins.statistics._ratings import left_out, ratings
from gnomon_plugins.statistics._tails import f_tail

if TYPE_CHECKING:
    import numpy as np

Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
_FORMS: tuple[Form, ...] = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")


@attrs.frozen
class Squares:
    """Mean squares of a complete two-way table of n units by k raters.

    Attributes:
        n, k: Units and raters.
        rows, columns, error, within: Mean squares between units, between raters, of the residual,
            and within units.
    """

    n: int
    k: int
    rows: float
    columns: float
    error: float
    within: float


def mean_squares(matrix: np.ndarray) -> Squares:
    """Mean squares of a matrix of shape (units, raters)."""
    n, k = matrix.shape
    grand = matrix.mean()
    rows = k * float(((matrix.mean(axis=1) - grand) ** 2).sum())
    columns = n * float(((matrix.mean(axis=0) - grand) ** 2).sum())
    total = float(((matrix - grand) ** 2).sum())
    return Squares(
        n=n,
        k=k,
        rows=rows / (n - 1),
        columns=columns / (k - 1),
        error=max(0.0, total - rows - columns) / ((n - 1) * (k - 1)),
        within=(total - rows) / (n * (k - 1)),
    )


def value_of(form: Form, s: Squares) -> float:
    """The coefficient of one form; NaN where its denominator is 0, as where all units have one mean."""
    average = form.endswith("k")
    noise = s.within if form[0] == "1" else s.error
    raters = (s.columns - s.error) / s.n if form[0] == "2" else 0.0
    whole = s.rows + (raters if average else (s.k - 1) * noise + s.k * raters)
    largest = max(s.rows, s.columns, noise)
    return (s.rows - noise) / whole if abs(whole) > 1e-14 * largest else math.nan


@attrs.frozen(kw_only=True)
class Icc:
    """Intraclass correlations of several raters: one estimate for each form (Shrout & Fleiss 1979).

    ``1``: each unit has its own raters; ``2``: the raters are a sample, and agreement is meant;
    ``3``: these very raters, and consistency is meant. ``,1``: one rater's reliability; ``,k``: that of
    their mean. Intervals are the F-based ones of Shrout & Fleiss, and for form 2 McGraw & Wong's
    (1996). For clustered units interval and test come from the jackknife over clusters, on the scale of
    log(1 − ICC). Units that lack a rating are left out. A low coefficient may mean that the units hardly
    differ: report agreement too.

    Example::

        [[statistic]]
        use = "icc"
        of = "rubric-score"
        unit = "item"
        rater = "grader"
        forms = ["2,1", "2,k"]

    Attributes:
        unit: Label column of the units, with ``rater``.
        rater: Label column of the raters; without it the scores in ``of`` are the raters.
        forms: Which forms to give.
        cluster: Label column whose units are not independent; the design's unless given, ``none``
            to take units as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "icc"
    reliability: ClassVar[bool] = True
    unit: str = "item"
    rater: str | None = None
    forms: tuple[Form, ...] = _FORMS
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def __attrs_post_init__(self) -> None:
        for form in self.forms:
            if form not in _FORMS:
                raise ValueError(f"there is no form {form!r}; there are: {'; '.join(_FORMS)}")

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> list[gnomon.Estimate]:
        """The forms asked for, each with F; refuses ratings that do not differ."""
        what = "an intraclass correlation"
        found = ratings(table, self.unit, self.rater, complete=True, what=what)
        matrix = found.matrix
        if float(matrix.std()) < common.SMALLEST_SD:
            raise gnomon.StatisticError(
                f"all {matrix.size} ratings are equal ({matrix[0, 0]:.6g}); {what} needs ratings that "
                "differ"
            )
        units = common.units(found.table, self.cluster, need=3, what=what)
        squares = mean_squares(matrix)
        made = [self._one(form, squares, units.words, left_out(found.lost)) for form in self.forms]
        if units.codes is None:
            return made
        return [
            self._of_clusters(form, one, matrix, units)
            for form, one in zip(self.forms, made, strict=True)
        ]

    def _of_clusters(
        self, form: Form, made: gnomon.Estimate, matrix: np.ndarray, units: common.Units
    ) -> gnomon.Estimate:
        def value(rows: np.ndarray) -> float:
            return value_of(form, mean_squares(rows))

        without = without_each(value, matrix, units)
        what = "an intraclass correlation"
        return of_clusters(made, without, units, level=self.level, scale=log_of_error(), what=what)

    def _one(self, form: Form, s: Squares, words: str, note: str | None) -> gnomon.Estimate:
        n, k = s.n, s.k
        model = form[0]
        noise = s.within if model == "1" else s.error
        if noise < 1e-14 * max(s.rows, s.columns, 1e-300):
            raise gnomon.StatisticError(
                f"the raters agree {'up to a constant' if model != '1' else 'in full'} on every unit, "
                f"so ICC({form}) has no error to estimate"
            )
        df1, df2 = n - 1, n * (k - 1) if model == "1" else (n - 1) * (k - 1)
        f = s.rows / noise
        p, log10_p = f_tail(f, df1, df2)
        value = value_of(form, s)
        if math.isnan(value):
            raise gnomon.StatisticError(
                f"the means of the units do not differ, so ICC({form}) is without bound"
            )
        low, high = self._interval(form, s, f, df1, df2)
        if not low <= high:
            # Below -1/(k - 1) for one rater, the coefficient for k raters has passed its pole.
            note = "; ".join(
                filter(None, [note, "the interval has no lower end, so none is given"])
            )
        return gnomon.Estimate(
            quantity=f"icc({form})",
            value=value,
            low=low if low <= high else None,
            high=high if low <= high else None,
            level=self.level,
            test="F",
            test_value=f,
            df=df1,
            df2=df2,
            p=p,
            log10_p=log10_p,
            n=n,
            method=f"ICC({form}) of {k} raters, "
            f"{'F-based' if words.startswith('rows') else 'jackknife'} interval, {words}",
            note=note,
            detail={
                "raters": k,
                "mean square units": s.rows,
                "mean square raters": s.columns,
                "mean square error": s.error,
                "mean square within": s.within,
            },
        )

    def _interval(
        self, form: Form, s: Squares, f: float, df1: int, df2: int
    ) -> tuple[float, float]:
        from scipy import special

        k, tail = s.k, (1 - self.level) / 2
        if form[0] == "2":
            single = self._agreement(s, tail)
            if form == "2,1":
                return single
            poles = [1 + (k - 1) * end for end in single]
            low, high = (
                k * end / pole if pole else math.nan
                for end, pole in zip(single, poles, strict=True)
            )
            return low, high
        lower = f / float(special.fdtri(df1, df2, 1 - tail))
        upper = f * float(special.fdtri(df2, df1, 1 - tail))
        if form.endswith("k"):
            return 1 - 1 / lower, 1 - 1 / upper
        return (lower - 1) / (lower + k - 1), (upper - 1) / (upper + k - 1)

    @staticmethod
    def _agreement(s: Squares, tail: float) -> tuple[float, float]:
        """McGraw & Wong's (1996, table 7) interval of ICC(2,1), with Satterthwaite's degrees.

        NaN where neither the means of units nor those of raters differ, which leaves it no degrees.
        """
        from scipy import special

        n, k = s.n, s.k
        icc = (s.rows - s.error) / (s.rows + (k - 1) * s.error + k * (s.columns - s.error) / n)
        if icc >= 1:
            return icc, icc
        a = k * icc / (n * (1 - icc))
        b = 1 + k * icc * (n - 1) / (n * (1 - icc))
        shares = (a * s.columns) ** 2 / (k - 1) + (b * s.error) ** 2 / ((n - 1) * (k - 1))
        if not shares > 0:
            return math.nan, math.nan
        df = (a * s.columns + b * s.error) ** 2 / shares
        noise = k * s.columns + (k * n - k - n) * s.error
        lower = float(special.fdtri(n - 1, df, 1 - tail))
        upper = float(special.fdtri(df, n - 1, 1 - tail))
        return (
            n * (s.rows - lower * s.error) / (lower * noise + n * s.rows),
            n * (upper * s.rows - s.error) / (noise + n * upper * s.rows),
        )
