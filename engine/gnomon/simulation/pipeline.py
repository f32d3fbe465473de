"""One simulated run: the measure's own pipeline, in memory, on a planted respondent.

One invariant: trials, prompts, procedures, scorers and statistics are those of a real run; a simulated
run differs from it in who answers and in that nothing is stored.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

import attrs

from gnomon.design import trials as make_trials
from gnomon.errors import StatisticError, UsageError, did_you_mean, listing
from gnomon.loading import Around
from gnomon.planting import Planting, Respondent
from gnomon.protocols import Backend
from gnomon.records import Ask, Estimate, Exchange, Item, ItemRecord, Score, Trial, TrialRecord
from gnomon.run.analysis import corrected, estimates_from, kept_rows
from gnomon.run.caller import Place
from gnomon.run.driver import drive
from gnomon.run.plan import merged_turns
from gnomon.run.request import RunRequest
from gnomon.run.scoring import blocks_over, score_item, score_trial
from gnomon.seeds import Seed
from gnomon.spec import StatisticBlock
from gnomon.table import Table


@attrs.frozen(kw_only=True)
class Setting:
    """What is simulated.

    Attributes:
        request: The measure with its seed, repeats, limit and levels; its models are not used.
        backends: Role → backend that answers in place of a planted respondent, such as a
            judge written beforehand. The subject is always planted.
    """

    request: RunRequest
    backends: Mapping[str, Backend] = attrs.field(factory=dict)


@attrs.frozen
class Row:
    """One unit with its scores, expected scores and labels."""

    labels: Mapping[str, str]
    scores: Mapping[str, Score]
    expected: Mapping[str, float]


@attrs.frozen(eq=False)
class Simulated:
    """The scores of one simulated run.

    Attributes:
        trials: One row per trial, in plan order.
        items: One row per item that has scores of its own.
        design: The columns whose rows are not independent.
    """

    trials: Sequence[Row]
    items: Sequence[Row] = ()
    design: Sequence[str] = ("item",)
    _made: dict[tuple[str, ...], Table] = attrs.field(init=False, factory=dict, repr=False)

    def table(self, names: Sequence[str]) -> Table:
        """The scores of some names, as the store would give them.

        Raises:
            StatisticError: No row has such a score.
        """
        # Most statistics of a measure are of the same score.
        key = tuple(names)
        if key not in self._made:
            self._made[key] = _table(self._rows(names), names, self.design)
        return self._made[key]

    def expected(self, names: Sequence[str]) -> Table | None:
        """The same table with expected scores, NaN where not known; None when the first is not."""
        rows = self._rows(names)
        if not any(names[0] in row.expected for row in rows):
            return None
        return _table(rows, names, self.design, expected=True)

    def _rows(self, names: Sequence[str]) -> list[Row]:
        for rows in (self.trials, self.items):
            found = [row for row in rows if any(name in row.scores for name in names)]
            if found:
                return found
        known = dict.fromkeys(name for row in (*self.trials, *self.items) for name in row.scores)
        raise StatisticError(
            f"there is no score {names[0]!r}{did_you_mean(names[0], known)}; "
            f"there are: {listing(known)}"
        )


def _table(
    rows: Sequence[Row], names: Sequence[str], design: Sequence[str], *, expected: bool = False
) -> Table:
    import numpy as np

    def value(row: Row, name: str) -> float:
        if expected:
            return row.expected.get(name, float("nan"))
        score = row.scores.get(name)
        return float("nan") if score is None or score.value is None else score.value

    def status(row: Row, name: str) -> str:
        score = row.scores.get(name)
        return "absent" if score is None else score.status

    return Table(
        scores={name: np.array([value(row, name) for row in rows]) for name in names},
        statuses={name: np.array([status(row, name) for row in rows]) for name in names},
        labels={
            column: np.array([row.labels[column] for row in rows]) for column in rows[0].labels
        },
        of=tuple(names),
        design=design,
    )


class _InMemory:
    """Answers a trial's asks, and keeps what was expected of them."""

    def __init__(self, respondent: Respondent, backends: Mapping[str, Backend]) -> None:
        self._respondent = respondent
        self._backends = backends
        self.expected: dict[str, float] = {}

    async def answer(
        self,
        ask: Ask,
        trial: Trial | None,
        place: Place,  # noqa: ARG002 - as the caller of a run
        position: int,  # noqa: ARG002 - as above
    ) -> Exchange:
        ask = attrs.evolve(ask, trial=trial)
        backend = self._backends.get(ask.role)
        if backend is not None:
            reply = backend.ask(ask)
            return Exchange(ask, await reply if inspect.isawaitable(reply) else reply)
        answer = self._respondent.answer(ask, trial)
        self.expected.update(answer.expected)
        return Exchange(ask, answer.reply)


class Pipeline:
    """Simulates runs of one measure.

    Args:
        setting: What is simulated.

    Raises:
        UsageError: The source is adaptive, or asks a model for its items.
    """

    def __init__(self, setting: Setting) -> None:
        request = setting.request
        self.request = request
        self.spec = request.spec
        self._backends = {r: b for r, b in setting.backends.items() if r != "subject"}
        self._turns = merged_turns(self.spec)
        self._trial_blocks = blocks_over(self.spec.scores, "trial")
        self._item_blocks = blocks_over(self.spec.scores, "item")
        self._items = _items_of(request)

    @property
    def design(self) -> tuple[str, ...]:
        """The columns whose rows are not independent."""
        return self.spec.keys.design.clusters

    @property
    def items(self) -> int:
        """Number of items that are simulated."""
        return len(self.item_keys)

    @property
    def item_keys(self) -> tuple[str, ...]:
        """Keys of the items that are simulated, in plan order."""
        seed = self.request.seed_used
        return tuple(dict.fromkeys(trial.item.key for trial in self.trials(seed, repeats=1)))

    def trials(self, seed: int, *, repeats: int | None = None) -> Iterator[Trial]:
        """The trials of a run with this seed."""
        return make_trials(
            self.spec.keys.design,
            lambda: self._items,
            seed,
            repeats=self.request.repeats_used if repeats is None else repeats,
            limit=self.request.limit,
            keep=self.request.keeps if self.request.only else None,
        )

    async def simulate(self, planting: Planting, seed: int) -> Simulated:
        """One simulated run.

        Args:
            planting: What the respondent is like.
            seed: The run's seed; the respondent's draws come from it too.
        """
        rows: list[Row] = []
        records: dict[str, list[tuple[TrialRecord, Row]]] = {}
        async for record, row in self.administer(planting, seed, self.trials(seed)):
            rows.append(row)
            if self._item_blocks:
                records.setdefault(record.trial.item.key, []).append((record, row))
        items = [await self._of_item(own, planting, seed) for own in records.values()]
        return Simulated(rows, items, self.design)

    async def administer(
        self, planting: Planting, seed: int, trials: Iterator[Trial]
    ) -> AsyncIterator[tuple[TrialRecord, Row]]:
        """The trials' records and rows, one after the other."""
        respondent = Respondent(self.spec, planting, Seed(seed).child("planted"))
        plugin = self.spec.procedure.plugin
        for trial in trials:
            memory = _InMemory(respondent, self._backends)
            place = Place(None, None, trial.repeat, "trial")
            exchanges, _, _ = await drive(
                plugin.administer(trial, self._turns), memory, trial, place
            )
            record = TrialRecord(trial, tuple(exchanges))
            scores: dict[str, Score] = {}
            asked = 0
            for block in self._trial_blocks:
                made, number = await score_trial(block, record, memory, place, asked)
                asked += number
                scores.update((score.name, score) for score in made)
            labels = {
                "item": trial.item.key,
                "repeat": str(trial.repeat),
                "model": "planted",
                "format": trial.format,
                **trial.item.groups,
                **trial.levels,
            }
            yield record, Row(labels, scores, memory.expected)

    async def _of_item(
        self, own: Sequence[tuple[TrialRecord, Row]], planting: Planting, seed: int
    ) -> Row:
        item = own[0][0].trial.item
        memory = _InMemory(
            Respondent(self.spec, planting, Seed(seed).child("planted")), self._backends
        )
        record = ItemRecord(item, tuple(record for record, _ in own))
        scores: dict[str, Score] = {}
        for block in self._item_blocks:
            place = Place(None, None, 0, "score")
            made = await score_item(block, record, memory, place)
            scores.update((score.name, score) for score in made)
        labels = {"item": item.key, "model": "planted", **item.groups}
        return Row(labels, scores, {})


def estimates(
    blocks: Sequence[StatisticBlock], simulated: Simulated, seed: int
) -> list[tuple[StatisticBlock, Estimate]]:
    """The estimates of a simulated run with their blocks, corrected over their families."""
    made = estimates_from(blocks, simulated.table, Seed(seed))
    return [(block, estimate) for (block, _), estimate in zip(made, corrected(made), strict=True)]


def truths(block: StatisticBlock, simulated: Simulated) -> Mapping[tuple[str, ...], float]:
    """Group → the value that a block's estimate is of, where its statistic can say."""
    truth: Callable[[Table], float | Mapping[tuple[str, ...], float]] | None
    truth = getattr(block.use.plugin, "truth", None)
    if truth is None:
        return {}
    made: dict[tuple[str, ...], float] = {}
    try:
        table = simulated.expected(block.of)
        if table is None:
            return {}
        for group, part in kept_rows(table, block).groups(block.keys.by):
            own = tuple(group.values())
            value = truth(part)
            several = value if isinstance(value, Mapping) else {(): value}
            made.update({own + added: one for added, one in several.items()})
    except StatisticError:
        return {}
    return made


def _items_of(request: RunRequest) -> tuple[Item, ...]:
    spec = request.spec
    source = spec.source.plugin
    # Of an adaptive source this is its first round: what later ones ask depends on scores.
    around = Around.beside(spec.path, request.seed_used, files=request.files)
    items = list(source.items(around))
    if not all(isinstance(item, Item) for item in items):
        raise UsageError(
            f"the source {spec.source.name!r} of {spec.name!r} asks a model for its items, so "
            "that runs of it cannot be simulated"
        )
    return tuple(items)
