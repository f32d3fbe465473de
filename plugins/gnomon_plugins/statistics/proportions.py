"""Tests of shares: binomial, and McNemar's for pairs.

One invariant: only 0 and 1 are counted; anything else is refused rather than rounded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _effects as effects
from gnomon_plugins.statistics import _groups as groups
from gnomon_plugins.statistics._clusters import (
    effective_rows,
    of_clusters,
    share_quantile,
    share_test,
    standard_error,
)
from gnomon_plugins.statistics._tails import Alternative, chi2_tail, log10_of, t_tail

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class Binomial:
    """The share of ones against a fixed share; exact binomial test with Cohen's h.

    For clustered rows: the score test for as many rows as the clustered ones are worth (Rao & Scott
    1992), with t on G − 1 degrees of freedom, and Wilson's interval, which inverts it.

    Example::

        [[statistic]]
        use = "binomial"
        of = "correct"
        against = 0.25
        alternative = "greater"

    Attributes:
        against: The share under the null hypothesis.
        alternative: ``greater``: the share is greater than ``against``.
        interval: ``wilson``, or ``clopper-pearson`` for one that never covers too little (independent
            rows only).
        cluster: Label column whose rows are not independent; the design's unless given, ``none``
            to take rows as independent.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "binomial"
    quantities: ClassVar[tuple[str, ...]] = ("proportion", "h")
    against: float = attrs.field(default=0.5, validator=common.between_0_and_1)
    alternative: Alternative = "two-sided"
    interval: Literal["wilson", "clopper-pearson"] = "wilson"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The share with its test; refuses values other than 0 and 1."""
        from scipy import stats

        what = "a binomial test"
        kept = common.present(table, table.of[:1], need=1, what=what)
        values = common.binary(kept.values, repr(table.of[0]), what=what)
        n, ones = len(values), int(values.sum())
        units = common.units(kept, self.cluster, what=what)
        if units.codes is not None:
            return self._clustered(values, units, what)
        p = float(stats.binomtest(ones, n, self.against, alternative=self.alternative).pvalue)
        if self.interval == "wilson":
            low, high = effects.wilson(ones, n, effects.normal_quantile(self.level))
        else:
            low, high = effects.clopper_pearson(ones, n, self.level)

        return gnomon.Estimate(
            quantity="proportion",
            value=ones / n,
            low=low,
            high=high,
            level=self.level,
            test="successes",
            test_value=ones,
            p=p,
            log10_p=effects.log10_binomial(ones, n, self.against, self.alternative, p),
            effect="h",
            effect_value=self._h(ones / n),
            effect_low=self._h(low),
            effect_high=self._h(high),
            n=n,
            method=f"exact binomial test, {self.alternative}, {self.interval} interval, {units.words}",
            detail={"against": self.against},
        )

    def _h(self, share: float) -> float:
        """Cohen's h against the share under the null hypothesis."""
        return 2 * math.asin(math.sqrt(share)) - 2 * math.asin(math.sqrt(self.against))

    def _clustered(self, values: np.ndarray, units: common.Units, what: str) -> gnomon.Estimate:
        if self.interval != "wilson":
            raise gnomon.StatisticError(
                f"the interval {self.interval!r} is for independent rows, and these are of "
                f"{common.plural(units.count, 'cluster')} of {units.column!r}; leave out 'interval', or "
                "set cluster = 'none' to take rows as independent"
            )
        assert units.codes is not None
        share = float(values.mean())
        effective, df = of_clusters(values, units.codes, units, what=what)
        t, p, log10_p = share_test(share, self.against, effective, df, self.alternative)
        low, high = effects.wilson(share * effective, effective, share_quantile(self.level, df))
        return gnomon.Estimate(
            quantity="proportion",
            value=share,
            low=low,
            high=high,
            level=self.level,
            test="t",
            test_value=t,
            df=df,
            p=p,
            log10_p=log10_p,
            effect="h",
            effect_value=self._h(share),
            effect_low=self._h(low),
            effect_high=self._h(high),
            n=len(values),
            method=f"score test of a share, {self.alternative}, Wilson interval, {units.words}",
            detail={"against": self.against, "effective n": effective},
        )

    def truth(self, table: gnomon.Table) -> float:
        """The mean of the expected scores."""
        return common.mean_of_present(table)


def odds(share: float) -> float | None:
    """The odds of a share; None where they are without bound."""
    return share / (1 - share) if share < 1 else None


def _mcnemar_note(found: groups.Pairs, ratio: float | None) -> str | None:
    unbounded = f"no pair has only {found.names[1]}: the odds ratio is without bound"
    notes = [groups.unpaired_note(found), unbounded if ratio is None else None]
    return "; ".join(filter(None, notes)) or None


def _four(found: groups.Pairs) -> dict[str, int]:
    """The cells of the table of pairs."""
    first, second = found.first, found.second
    return {
        "both": int((first * second).sum()),
        f"only {found.names[0]}": int((first * (1 - second)).sum()),
        f"only {found.names[1]}": int((second * (1 - first)).sum()),
        "neither": int(((1 - first) * (1 - second)).sum()),
    }


@attrs.frozen(kw_only=True)
class McNemar:
    """The difference of two paired shares, first minus second; McNemar's test.

    The interval of the difference is Agresti & Min's (2005: half a pair added to each cell); the
    effect is the odds ratio of the discordant pairs with the exact conditional interval. For clustered
    pairs the difference has the error of Obuchowski (1998), the sums of differences by cluster, with t on
    G − 1 degrees of freedom, and the interval of the odds ratio is Wilson's for the discordant pairs'
    effective number.

    Example::

        [[statistic]]
        use = "mcnemar"
        of = "correct"
        between = "persona"
        levels = ["none", "physician"]
        paired_by = ["item", "repeat"]

    Attributes:
        between: Label column that tells first from second; two scores in ``of`` without it.
        levels: First and second level; alphabetical unless given.
        paired_by: Columns that a pair shares; there may be one value on each side.
        form: ``mid-p`` (Fagerland, Lydersen & Laake 2013; its size may pass the level by a
            little), ``exact``, ``chi-square`` with the continuity correction, or ``by-size``: exact
            when one of the four counts is below 25, else chi-square. The forms are of independent
            pairs; those of clusters are tested by t with Obuchowski's error.
        cluster: Label column whose pairs are not independent; the design's unless given, ``none``
            to take pairs as independent.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "mcnemar"
    quantities: ClassVar[tuple[str, ...]] = ("difference", "odds-ratio")
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    form: Literal["mid-p", "exact", "chi-square", "by-size"] = "mid-p"
    cluster: str | None = None
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The difference with its test; refuses when no pair is discordant."""
        what = "McNemar's test"
        found = groups.pairs(table, self.between, self.levels, self.paired_by, need=1, what=what)
        first, second = (
            common.binary(values, name, what=what)
            for values, name in zip((found.first, found.second), found.names, strict=True)
        )
        n = len(first)
        only = int((first * (1 - second)).sum()), int((second * (1 - first)).sum())
        discordant = sum(only)
        if discordant == 0:
            raise gnomon.StatisticError(
                f"{found.names[0]} and {found.names[1]} agree in all {common.plural(n, 'pair')}; "
                f"{what} needs pairs that differ"
            )
        units = common.units(found.table, self.cluster, what=what)
        if units.codes is not None:
            return self._clustered(found, first - second, units, what)
        form = self.form
        if form == "by-size":
            both = int((first * second).sum())
            form = "exact" if min(*only, both, n - both - discordant) < 25 else "chi-square"
        value, p, log10_p = self._test(only, form)
        centre = (only[0] - only[1]) / (n + 2)
        variance = (discordant + 1) / (n + 2) - centre**2
        reach = effects.normal_quantile(self.level) * math.sqrt(variance / (n + 2))
        low, high = effects.clopper_pearson(only[0], discordant, self.level)
        ratio, ratio_low, ratio_high = (odds(share) for share in (only[0] / discordant, low, high))
        return gnomon.Estimate(
            quantity="difference",
            value=(only[0] - only[1]) / n,
            low=max(-1.0, centre - reach),
            high=min(1.0, centre + reach),
            level=self.level,
            test="chi-square" if form == "chi-square" else "discordant",
            test_value=value,
            df=1 if form == "chi-square" else None,
            p=p,
            log10_p=log10_p,
            effect="odds-ratio",
            effect_value=ratio,
            effect_low=ratio_low,
            effect_high=ratio_high,
            n=n,
            method=f"McNemar's test of {found.names[0]} - {found.names[1]}, {form}, two-sided, "
            f"{units.words}",
            note=_mcnemar_note(found, ratio),
            detail=_four(found),
        )

    def _clustered(
        self, found: groups.Pairs, differences: np.ndarray, units: common.Units, what: str
    ) -> gnomon.Estimate:
        import numpy as np
        from scipy import special

        assert units.codes is not None
        if self.form not in ("mid-p", "by-size"):
            raise gnomon.StatisticError(
                f"the form {self.form!r} is for independent pairs, and these are of "
                f"{common.plural(units.count, 'cluster')} of {units.column!r}; leave out 'form', or set "
                "cluster = 'none' to take pairs as independent"
            )
        error, df = standard_error(differences, units.codes)
        if error < common.SMALLEST_SD:
            raise gnomon.StatisticError(
                f"all {units.count} clusters of {units.column!r} have the same difference of shares, so "
                f"there is no standard error for {what}"
            )
        n, difference = len(differences), float(differences.mean())
        p, log10_p = t_tail(difference / error, df, "two-sided")
        reach = float(special.stdtrit(df, (1 + self.level) / 2)) * error
        apart = differences != 0
        ones = (differences[apart] > 0).astype(float)
        _, codes = np.unique(units.codes[apart], return_inverse=True)
        share = float(ones.mean())
        ends: tuple[float, float] | None = None
        if codes.max() > 0:
            effective, own = effective_rows(ones, codes)
            ends = effects.wilson(share * effective, effective, share_quantile(self.level, own))
        ratio = odds(share)
        return gnomon.Estimate(
            quantity="difference",
            value=difference,
            low=max(-1.0, difference - reach),
            high=min(1.0, difference + reach),
            level=self.level,
            error=error,
            test="t",
            test_value=difference / error,
            df=df,
            p=p,
            log10_p=log10_p,
            effect="odds-ratio",
            effect_value=ratio,
            effect_low=None if ends is None else odds(ends[0]),
            effect_high=None if ends is None else odds(ends[1]),
            n=n,
            method=f"McNemar's test of {found.names[0]} - {found.names[1]}, Obuchowski's error, "
            f"two-sided, {units.words}",
            note=_mcnemar_note(found, ratio),
            detail=_four(found) | {"clusters": units.count},
        )

    def _test(self, only: tuple[int, int], form: str) -> tuple[float, float, float | None]:
        from scipy import stats

        discordant = sum(only)
        if form == "chi-square":
            value = max(abs(only[0] - only[1]) - 1, 0) ** 2 / discordant
            return value, *chi2_tail(value, 1)
        p = float(stats.binomtest(only[0], discordant, 0.5).pvalue)
        log10_p: float | None = effects.log10_binomial(only[0], discordant, 0.5, "two-sided", p)
        if form == "mid-p":
            # Outcomes as likely as the one seen count half; there are two unless the sides are equal.
            seen = float(stats.binom.pmf(min(only), discordant, 0.5))
            p = p - seen if only[0] != only[1] else 1 - seen / 2
            log10_p = log10_of(p)
        return float(only[0]), p, log10_p
