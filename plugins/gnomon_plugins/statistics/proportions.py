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
from gnomon_plugins.statistics._tails import Alternative, chi2_tail, log10_of

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class Binomial:
    """The share of ones against a fixed share; exact binomial test with Cohen's h.

    Example::

        [[statistic]]
        use = "binomial"
        of = "correct"
        against = 0.25
        alternative = "greater"

    Attributes:
        against: The share under the null hypothesis.
        alternative: ``greater``: the share is greater than ``against``.
        interval: ``wilson``, or ``clopper-pearson`` for one that never covers too little.
        level: Confidence level of the interval.
    """

    name: ClassVar[str] = "binomial"
    against: float = attrs.field(default=0.5, validator=common.between_0_and_1)
    alternative: Alternative = "two-sided"
    interval: Literal["wilson", "clopper-pearson"] = "wilson"
    level: float = attrs.field(default=0.95, validator=common.between_0_and_1)

    def estimate(self, table: gnomon.Table, rng: np.random.Generator) -> gnomon.Estimate:
        """The share with its test; refuses values other than 0 and 1."""
        from scipy import stats

        what = "a binomial test"
        kept = common.present(table, table.of[:1], need=1, what=what)
        values = common.binary(kept.values, repr(table.of[0]), what=what)
        n, ones = len(values), int(values.sum())
        p = float(stats.binomtest(ones, n, self.against, alternative=self.alternative).pvalue)
        if self.interval == "wilson":
            low, high = effects.wilson(ones, n, effects.normal_quantile(self.level))
        else:
            low, high = effects.clopper_pearson(ones, n, self.level)

        def h(share: float) -> float:
            return 2 * math.asin(math.sqrt(share)) - 2 * math.asin(math.sqrt(self.against))

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
            effect_value=h(ones / n),
            effect_low=h(low),
            effect_high=h(high),
            n=n,
            method=f"exact binomial test, {self.alternative}, {self.interval} interval, "
            f"{common.unit(None)}",
            detail={"against": self.against},
        )

    def truth(self, table: gnomon.Table) -> float:
        """The mean of the expected scores."""
        return common.mean_of_present(table)


@attrs.frozen(kw_only=True)
class McNemar:
    """The difference of two paired shares, first minus second; McNemar's test.

    The interval of the difference is Agresti & Min's (2005: half a pair added to each cell); the
    effect is the odds ratio of the discordant pairs with the exact conditional interval.

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
            when one of the four counts is below 25, else chi-square.
        level: Confidence level of the intervals.
    """

    name: ClassVar[str] = "mcnemar"
    between: str | None = None
    levels: tuple[str, str] | None = attrs.field(default=None, validator=common.two_different)
    paired_by: tuple[str, ...] = ("item",)
    form: Literal["mid-p", "exact", "chi-square", "by-size"] = "mid-p"
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
        both = int((first * second).sum())
        form = self.form
        if form == "by-size":
            form = "exact" if min(*only, both, n - both - discordant) < 25 else "chi-square"
        value, p, log10_p = self._test(only, form)
        centre = (only[0] - only[1]) / (n + 2)
        variance = (discordant + 1) / (n + 2) - centre**2
        reach = effects.normal_quantile(self.level) * math.sqrt(variance / (n + 2))
        low, high = effects.clopper_pearson(only[0], discordant, self.level)
        ratio, ratio_low, ratio_high = (
            share / (1 - share) if share < 1 else None
            for share in (only[0] / discordant, low, high)
        )
        note = groups.unpaired_note(found)
        if ratio is None:
            note = "; ".join(
                filter(
                    None,
                    [note, f"no pair has only {found.names[1]}: the odds ratio is without bound"],
                )
            )
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
            method=f"McNemar's test of {found.names[0]} - {found.names[1]}, {form}, two-sided",
            note=note,
            detail={
                "both": both,
                f"only {found.names[0]}": only[0],
                f"only {found.names[1]}": only[1],
                "neither": int(((1 - first) * (1 - second)).sum()),
            },
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
