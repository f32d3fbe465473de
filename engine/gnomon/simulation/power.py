"""How many repeats, or items, a measure needs to find an effect.

One invariant: power is the share of simulated runs of the measure's own design whose own test rejects. Runs
grow repeat by repeat, so that the design of few repeats is the beginning of that of many, and all numbers
of repeats are tried on the same respondents.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from statistics import NormalDist

import attrs

from gnomon.errors import StatisticError, UsageError, did_you_mean, listing
from gnomon.planting import Planting
from gnomon.records import TrialRecord
from gnomon.seeds import Seed
from gnomon.simulation.pipeline import Pipeline, Row, Setting, Simulated, estimates
from gnomon.spec import Spec, StatisticBlock

_QUANTILE = NormalDist().inv_cdf(0.975)


@attrs.frozen(kw_only=True)
class Power:
    """Power of one size of the design.

    Attributes:
        repeats: Repeats.
        items: Items.
        units: Mean number of units that a test rests on.
        power: Share of tests that reject (corrected where the measure corrects), mean over groups.
        error: Its Monte-Carlo standard error; 0 where all runs agree, so look at the interval.
        low, high: Wilson's interval of the power at level 0.95.
        exact: Power by the statistic's closed form for the d seen in all runs; None without one.
        why: Why no test could be made in any run, which is a power of 0; None where one could.
    """

    repeats: int
    items: int
    units: float
    power: float
    error: float
    low: float
    high: float
    exact: float | None = None
    why: str | None = None


@attrs.frozen(kw_only=True)
class PowerReport:
    """What a measure needs.

    Attributes:
        measure: The measure.
        statistic: Label of the statistic whose test it is.
        effect: The planted effect.
        noise: Its standard deviation from trial to trial.
        alpha: Level of the test.
        target: The power wanted.
        runs: Simulated runs.
        repeats: Fewest repeats with that power, all items used; None when even ``most`` are too few.
        most: The most repeats that were tried.
        items: Fewest items with that power at the measure's own repeats; None when all are too few.
        tried: Every size that was tried.
    """

    measure: str
    statistic: str
    effect: float
    noise: float
    alpha: float
    target: float
    runs: int
    repeats: int | None
    most: int
    items: int | None
    tried: tuple[Power, ...]


class _Growing:
    """One simulated run that is continued when more repeats are wanted."""

    def __init__(self, pipeline: Pipeline, planting: Planting, seed: int, most: int) -> None:
        self.seed = seed
        self._design = pipeline.design
        self._rows: list[Row] = []
        self._stream: AsyncIterator[tuple[TrialRecord, Row]] = pipeline.administer(
            planting, seed, pipeline.trials(seed, repeats=most)
        )
        self._waiting: Row | None = None

    async def grow(self, repeats: int) -> None:
        while True:
            if self._waiting is None:
                self._waiting = await _next(self._stream)
            if self._waiting is None:
                return
            if int(self._waiting.labels["repeat"]) >= repeats:
                return
            self._rows.append(self._waiting)
            self._waiting = None

    def part(self, repeats: int, items: frozenset[str]) -> Simulated:
        return Simulated(
            [
                row
                for row in self._rows
                if int(row.labels["repeat"]) < repeats and row.labels["item"] in items
            ],
            design=self._design,
        )


async def _next(stream: AsyncIterator[tuple[TrialRecord, Row]]) -> Row | None:
    async for _, row in stream:
        return row
    return None


def tested_block(spec: Spec, label: str | None) -> StatisticBlock:
    """The statistic of that label, or the first one.

    Raises:
        UsageError: There is none of that label, or none at all.
    """
    labels = [block.label for block in spec.statistics]
    if not labels:
        raise UsageError(f"the measure {spec.name!r} has no statistic whose power could be found")
    if label is None:
        # A measure that compares levels is planned for the comparison.
        return next(
            (one for one in spec.statistics if hasattr(one.use.plugin, "contrast")),
            spec.statistics[0],
        )
    if label not in labels:
        raise UsageError(
            f"the measure {spec.name!r} has no statistic {label!r}{did_you_mean(label, labels)}; "
            f"there are: {listing(labels)}"
        )
    return spec.statistics[labels.index(label)]


class _Search:
    """Sizes tried, each once."""

    def __init__(
        self, pipeline: Pipeline, block: StatisticBlock, runs: Sequence[_Growing], alpha: float
    ) -> None:
        self._block = block
        self._runs = runs
        self._alpha = alpha
        self._names = pipeline.item_keys
        self.tried: dict[tuple[int, int], Power] = {}

    async def at(self, repeats: int, items: int) -> Power:
        if (repeats, items) not in self.tried:
            for run in self._runs:
                await run.grow(repeats)
            self.tried[repeats, items] = self._power(repeats, items)
        return self.tried[repeats, items]

    def _power(self, repeats: int, items: int) -> Power:
        kept = frozenset(self._names[:items])
        shares: list[float] = []
        units: list[int] = []
        reasons: Counter[str] = Counter()
        parts = [run.part(repeats, kept) for run in self._runs]
        for run, part in zip(self._runs, parts, strict=True):
            made = [one for _, one in estimates([self._block], part, run.seed)]
            found = [
                one.p if one.p_corrected is None else one.p_corrected
                for one in made
                if one.p is not None
            ]
            groups = {tuple(one.group.items()) for one in made}
            shares.append(
                sum(p is not None and p < self._alpha for p in found) / max(len(groups), 1)
            )
            units.extend(one.n for one in made if one.p is not None and one.n is not None)
            reasons.update(one.note for one in made if one.p is None and one.note)
        mean = sum(shares) / len(shares)
        spread = sum((share - mean) ** 2 for share in shares) / max(len(shares) - 1, 1)
        error = math.sqrt(spread / len(shares))
        low, high = _interval(mean, error, len(shares))
        size = sum(units) / len(units) if units else 0.0
        why = next((note for note, _ in reasons.most_common(1)), "it has no p-value")
        return Power(
            repeats=repeats,
            items=items,
            units=size,
            power=mean,
            error=error,
            low=low,
            high=high,
            exact=self._exact(parts, round(size)),
            why=None if units else why.removeprefix("no estimate: "),
        )

    def _exact(self, parts: Sequence[Simulated], n: int) -> float | None:
        closed: Callable[..., float | None] | None = getattr(self._block.use.plugin, "power", None)
        if closed is None or self._block.keys.by or self._block.keys.where:
            return None
        try:
            together = Simulated(
                [row for part in parts for row in part.trials], design=parts[0].design
            )
            value = closed(together.table(self._block.of), n, self._alpha)
        except StatisticError:
            return None
        return value if value is not None and math.isfinite(value) else None


def _interval(share: float, error: float, runs: int) -> tuple[float, float]:
    """Wilson's interval (Wilson 1927) at level 0.95 of a mean share over runs.

    Where runs have several tests it is that of as many independent ones as have the same standard error.
    """
    n = max(share * (1 - share) / error**2, runs) if error else float(runs)
    z = _QUANTILE
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def power_of(
    setting: Setting,
    *,
    effect: float,
    noise: float = 0.1,
    target: float = 0.8,
    alpha: float = 0.05,
    runs: int = 200,
    most: int = 64,
    statistic: str | None = None,
) -> PowerReport:
    """The repeats and items that a measure needs to find an effect.

    Args:
        setting: The measure.
        effect: The effect to find.
        noise: Its standard deviation from trial to trial.
        target: The power wanted, in (0, 1).
        alpha: Level of the test, in (0, 1).
        runs: Simulated runs.
        most: The most repeats to try.
        statistic: Label of the statistic; the first that compares something, or the first.

    Raises:
        UsageError: There is no such statistic, it has no p-value, or nothing can be planted.
    """
    for option, value in (("--power", target), ("--alpha", alpha)):
        if not 0 < value < 1:
            raise UsageError(f"{option} must lie between 0 and 1; it is {value:g}")
    pipeline = Pipeline(setting)
    spec = pipeline.spec
    block = tested_block(spec, statistic)
    root = Seed(setting.request.seed_used).child("power")
    planting = Planting(effect=effect, noise=noise)
    growing = [
        _Growing(pipeline, planting, root.child(number).integer(), most) for number in range(runs)
    ]
    search = _Search(pipeline, block, growing, alpha)
    own = min(setting.request.repeats_used, most)

    async def find() -> tuple[int | None, int | None]:
        everything = pipeline.items
        await search.at(1, everything)
        repeats = await _fewest(lambda n: search.at(n, everything), most, target)
        if repeats is None or repeats > own:
            return repeats, None
        return repeats, await _fewest(lambda n: search.at(own, n), everything, target)

    repeats, items = asyncio.run(find())
    if not any(one.units for one in search.tried.values()):
        raise UsageError(
            f"the statistic {block.label!r} of {spec.name!r} gave no p-value in any simulated run, "
            "so it has no power; name another with --statistic"
        )
    return PowerReport(
        measure=spec.name,
        statistic=block.label,
        effect=effect,
        noise=noise,
        alpha=alpha,
        target=target,
        runs=runs,
        repeats=repeats,
        most=most,
        items=items,
        tried=tuple(search.tried[key] for key in sorted(search.tried)),
    )


async def _fewest(at: Callable[[int], Awaitable[Power]], most: int, target: float) -> int | None:
    """The least size with the target power: doubled until it is reached, then halved in between."""
    low, high = 0, 1
    while (await at(high)).power < target:
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if (await at(middle)).power < target:
            low = middle
        else:
            high = middle
    return high
