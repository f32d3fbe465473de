"""Does a measure find what was planted, and nothing else?

One invariant: every rate is reported with its Monte-Carlo standard error, and nothing fails for what chance
alone may do: a finding is a fault only when it lies beyond its tolerance by three such errors.

Terms. *Type-I error*: the share of simulated runs with an uncorrected p below alpha when no effect is
planted. Where the score of a respondent without the effect is not exactly the null value (a formula with a
correction term), that small shift is part of what is counted, as it is in a real run. *Bias*: mean estimate
minus the mean of the expected scores under the planted effect, in units of the score. *Coverage*: the share
of intervals that hold that true value. *Power*: the share of p below alpha under the planted effect.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from gnomon.planting import Planting, plantable
from gnomon.run.bindings import roles_of
from gnomon.seeds import Seed
from gnomon.simulation.many import Job, Outcome, Workplace, simulate_many
from gnomon.spec import Spec, StatisticBlock

if TYPE_CHECKING:
    import numpy as np

CLEAN = "none"
NUISANCES: Mapping[str, Mapping[str, float]] = {
    "refusals": {"refusals": 0.2},
    "format errors": {"errors": 0.2},
    "order bias": {"order_bias": 0.15},
    "label bias": {"label_bias": 0.15},
    "misreads": {"misreads": 0.1},
}
"""Nuisance → what it changes in the planting."""
EXCUSED = frozenset({"misreads"})
"""Nuisances that are shown and not held against a measure: a judge who misreads hides part of any effect."""
ERRORS = 3.0
LEAST_UNITS = 20
"""Statistics of fewer units are shown and not judged: of so few two-valued scores no interval holds."""


@attrs.frozen(kw_only=True)
class Tolerance:
    """How far a finding may be off before it is a fault.

    Attributes:
        rate: Type-I error above alpha, and coverage below its level, without a nuisance.
        nuisance: The same under a nuisance.
        bias: Bias as a share of the planted effect.
    """

    rate: float = 0.02
    nuisance: float = 0.05
    bias: float = 0.1


@attrs.frozen(kw_only=True)
class Rate:
    """A number from simulations with its Monte-Carlo standard error."""

    value: float
    error: float


@attrs.frozen(kw_only=True)
class Coverage(Rate):
    """Coverage with the level that was promised."""

    level: float


@attrs.frozen(kw_only=True)
class Finding:
    """What was found of one statistic under one nuisance.

    Attributes:
        nuisance: The nuisance; ``none`` without any.
        statistic: The label of the statistic's block.
        quantity: What it estimates.
        groups: Number of groups, over which the rates are means.
        units: Mean number of units of an estimate.
        truth: Mean true value under the planted effect.
        type_1: Type-I error.
        family_error: Share of runs in which any corrected p was below alpha with nothing planted.
        bias: Under the planted effect.
        bias_null: With nothing planted.
        coverage: Under the planted effect.
        power: Under the planted effect.
        refused: Share of estimates that the statistic refused under the planted effect.
        judged: Whether it is held against the measure: answers are planted in what it is computed from,
            there are units enough, and there is no nuisance or it tests something (where any does).
        faults: What is wrong, as sentences.
    """

    nuisance: str
    statistic: str
    quantity: str
    groups: int
    units: float | None
    truth: float | None
    type_1: Rate | None
    family_error: Rate | None
    bias: Rate | None
    bias_null: Rate | None
    coverage: Coverage | None
    power: Rate | None
    refused: float
    judged: bool
    faults: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Report:
    """What came of a validation.

    Attributes:
        measure: The measure.
        runs: Simulated runs per nuisance and effect.
        simulated: Simulated runs in all.
        effect: The planted effect.
        noise: Its standard deviation from trial to trial.
        alpha: The level of the tests.
        findings: One per nuisance and statistic.
    """

    measure: str
    runs: int
    simulated: int
    effect: float
    noise: float
    alpha: float
    findings: tuple[Finding, ...]

    @property
    def breaking(self) -> tuple[str, ...]:
        """The nuisances under which a judged statistic has a fault, ``none`` among them."""
        return tuple(dict.fromkeys(one.nuisance for one in self.findings if one.faults))

    @property
    def failed(self) -> bool:
        """A judged statistic has a fault under no nuisance, or one that is held against a measure."""
        return bool(set(self.breaking) - EXCUSED)


def validate(
    workplace: Workplace,
    *,
    effect: float = 0.3,
    noise: float = 0.1,
    runs: int = 200,
    alpha: float = 0.05,
    tolerance: Tolerance = Tolerance(),
) -> Report:
    """Try a measure on planted respondents, without and with each nuisance in turn.

    Args:
        workplace: The measure, and in how many processes.
        effect: The effect to plant, not 0.
        noise: Its standard deviation from trial to trial.
        runs: Simulated runs for each nuisance, with and without the effect.
        alpha: The level of the tests.
        tolerance: What is a fault.

    Raises:
        UsageError: Nothing can be planted in the measure, or not this effect.
    """
    request = workplace.setting.request
    spec = request.spec
    # The same seeds throughout, so that conditions differ in what was planted and not by chance.
    root = Seed(request.seed_used).child("simulation")
    seeds = [root.child(number).integer() for number in range(runs)]
    has_judge = set(roles_of(spec)) - {"subject"} - set(workplace.setting.backends)
    chosen: dict[str, Mapping[str, float]] = {CLEAN: {}} | {
        name: given for name, given in NUISANCES.items() if name != "misreads" or has_judge
    }
    conditions = [(name, planted) for name in chosen for planted in (0.0, effect)]
    jobs = [
        Job(planting=Planting(effect=planted, noise=noise, **chosen[name]), seed=seed)
        for name, planted in conditions
        for seed in seeds
    ]
    outcomes = simulate_many(workplace, jobs)
    of = {
        condition: outcomes[index * runs : (index + 1) * runs]
        for index, condition in enumerate(conditions)
    }
    judge = _Judge(spec, effect, alpha, tolerance, is_part=bool(request.only))
    findings = [
        finding
        for name in chosen
        for finding in judge.findings(name, of[name, 0.0], of[name, effect])
    ]
    return Report(
        measure=spec.name,
        runs=runs,
        simulated=len(jobs),
        effect=effect,
        noise=noise,
        alpha=alpha,
        findings=tuple(findings),
    )


class _Judge:
    """Makes findings of outcomes and says which are faults."""

    def __init__(
        self, spec: Spec, effect: float, alpha: float, tolerance: Tolerance, *, is_part: bool
    ) -> None:
        self._spec = spec
        self._is_part = is_part
        self._effect = effect
        self._alpha = alpha
        self._tolerance = tolerance

    def findings(
        self, nuisance: str, null: Sequence[list[Outcome]], planted: Sequence[list[Outcome]]
    ) -> Iterable[Finding]:
        has_tests = any(one.p is not None for run in null for one in run)
        for index, block in enumerate(self._spec.statistics):
            nothing = [[one for one in run if one.block == index] for run in null]
            something = [[one for one in run if one.block == index] for run in planted]
            seen = dict.fromkeys(one.quantity for run in something for one in run)
            quantities = [name for name in seen if name != "none"] or list(seen)
            for quantity in quantities:
                finding = self._finding(
                    nuisance,
                    block.label,
                    _Column(nothing, quantity),
                    _Column(something, quantity),
                )
                # What respondents cannot move says nothing of the measure: a relation among stimuli. And of
                # levels that are not administered nothing can be estimated.
                if not self._moved(block) or (self._is_part and finding.refused == 1):
                    finding = attrs.evolve(finding, judged=False)
                # A share or a mean that nothing is concluded from may follow a nuisance.
                if nuisance != CLEAN and has_tests and finding.type_1 is None:
                    finding = attrs.evolve(finding, judged=False)
                yield attrs.evolve(finding, faults=tuple(self._faults(finding)))

    def _moved(self, block: StatisticBlock) -> bool:
        labels = [one.label for one in plantable(self._spec)]
        return any(
            name == label or name.startswith(f"{label}.") for name in block.of for label in labels
        )

    def _finding(self, nuisance: str, label: str, null: _Column, planted: _Column) -> Finding:
        units = planted.units()
        return Finding(
            nuisance=nuisance,
            statistic=label,
            quantity=planted.quantity,
            groups=planted.groups,
            units=units,
            truth=planted.truth(),
            type_1=null.rejected(self._alpha),
            family_error=null.any_corrected(self._alpha),
            bias=planted.bias(),
            bias_null=null.bias(),
            coverage=planted.coverage(),
            power=planted.rejected(self._alpha),
            refused=planted.refused,
            judged=units is None or units >= LEAST_UNITS,
        )

    def _faults(self, found: Finding) -> Iterable[str]:
        if not found.judged:
            return
        slack = self._tolerance.rate if found.nuisance == CLEAN else self._tolerance.nuisance
        if found.type_1 is not None and _beyond(found.type_1, self._alpha + slack):
            yield (
                f"finds an effect in {_percent(found.type_1)} of runs in which there is none "
                f"(alpha is {self._alpha:.0%})"
            )
        largest = self._tolerance.bias * abs(self._effect)
        for bias, when in ((found.bias, "with"), (found.bias_null, "without")):
            if bias is not None and abs(bias.value) - ERRORS * bias.error > largest:
                yield (
                    f"is off by {bias.value:+.3f} ± {bias.error:.3f} {when} the planted effect of "
                    f"{self._effect:g}"
                )
        level = 0.95 if found.coverage is None else found.coverage.level
        if found.coverage is not None and _beyond(
            Rate(value=1 - found.coverage.value, error=found.coverage.error), 1 - level + slack
        ):
            yield (
                f"has the true value within its {level:.0%} interval in {_percent(found.coverage)} of runs"
            )
        if found.refused > 0.5:
            yield f"gives no estimate in {found.refused:.0%} of cases"


def _beyond(rate: Rate, limit: float) -> bool:
    return rate.value - ERRORS * rate.error > limit


def _percent(rate: Rate) -> str:
    return f"{100 * rate.value:.1f} ± {100 * rate.error:.1f} %"


class _Column:
    """The outcomes of one statistic and quantity over runs and groups."""

    def __init__(self, runs: Sequence[list[Outcome]], quantity: str) -> None:
        self.quantity = quantity
        self.groups = len({one.group for run in runs for one in run}) or 1
        self._runs = [[one for one in run if one.quantity == quantity] for run in runs]
        refusals = sum(one.quantity == "none" for run in runs for one in run)
        self.refused = refusals / (len(runs) * self.groups)
        self._all = [one for run in self._runs for one in run]
        sums: Counter[tuple[str, ...]] = Counter()
        counts: Counter[tuple[str, ...]] = Counter()
        for one in self._all:
            if one.truth is not None and math.isfinite(one.truth):
                sums[one.group] += one.truth  # type: ignore[assignment]  # a Counter adds floats as well
                counts[one.group] += 1
        # The true value is that of the respondent, so it is the same in all runs.
        self._truth = {group: sums[group] / counts[group] for group in counts}

    def units(self) -> float | None:
        sizes = [one.n for one in self._all if one.n is not None]
        return sum(sizes) / len(sizes) if sizes else None

    def truth(self) -> float | None:
        values = list(self._truth.values())
        return sum(values) / len(values) if values else None

    def _rate(self, per_run: Sequence[float], trials: float) -> Rate:
        """A mean over runs; its error is at least that of independent trials.

        The floor counts a run more on each side (Agresti & Coull), so that a rate of 0 or 1 seen
        in few runs is not taken for certain.
        """
        import numpy as np

        values: np.ndarray = np.asarray(per_run, dtype=float)
        mean = float(values.mean())
        between = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 1.0
        smoothed = (mean * trials + 1) / (trials + 2)
        return Rate(value=mean, error=max(between, math.sqrt(smoothed * (1 - smoothed) / trials)))

    def rejected(self, alpha: float) -> Rate | None:
        if not any(one.p is not None for one in self._all):
            return None
        # A refusal to estimate rejects nothing.
        per_run = [
            sum(one.p is not None and one.p < alpha for one in run) / self.groups
            for run in self._runs
        ]
        return self._rate(per_run, len(self._runs) * self.groups)

    def any_corrected(self, alpha: float) -> Rate | None:
        if not any(one.p_corrected is not None for one in self._all):
            return None
        per_run = [
            float(any(one.p_corrected is not None and one.p_corrected < alpha for one in run))
            for run in self._runs
        ]
        return self._rate(per_run, len(self._runs))

    def bias(self) -> Rate | None:
        import numpy as np

        per_run = [
            float(np.mean(off))
            for run in self._runs
            if (
                off := [
                    one.value - self._truth[one.group]
                    for one in run
                    if one.value is not None and one.group in self._truth
                ]
            )
        ]
        if len(per_run) < 2:
            return None
        error = float(np.std(per_run, ddof=1)) / math.sqrt(len(per_run))
        return Rate(value=float(np.mean(per_run)), error=error)

    def coverage(self) -> Coverage | None:
        per_run: list[float] = []
        level = None
        for run in self._runs:
            held = []
            for one in run:
                if one.low is None or one.high is None or one.group not in self._truth:
                    continue
                level = one.level if one.level is not None else level
                held.append(one.low <= self._truth[one.group] <= one.high)
            if held:
                per_run.append(sum(held) / len(held))
        if not per_run or level is None:
            return None
        made = self._rate(per_run, len(per_run) * self.groups)
        return Coverage(value=made.value, error=made.error, level=level)
