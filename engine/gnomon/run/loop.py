"""The run loop: streams trials from the plan through the models into the store.

One invariant: at any moment the process may be killed. A trial counts as finished only together with
its scores, in one transaction, and what is left to do is the plan without the finished trials. Replies of
unfinished trials are found again by key, so nothing that was answered is asked twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.design import trials as make_trials
from gnomon.errors import (
    EXIT_DONE,
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    Incomplete,
    SourceError,
    UsageError,
)
from gnomon.loading import Around
from gnomon.records import Item, ReplyFormat, Score, Trial, TrialRecord
from gnomon.run import bindings as binding_module
from gnomon.run.analysis import analyse
from gnomon.run.bindings import Binding, bind, check_needs, choose_format
from gnomon.run.caller import Caller, Place, Stop, Unanswered
from gnomon.run.driver import drive
from gnomon.run.facts import facts_of
from gnomon.run.freezing import differences
from gnomon.run.plan import count_trials, merged_turns
from gnomon.run.progress import Observer, Tally
from gnomon.run.request import RunRequest
from gnomon.run.scoring import blocks_over, score_item, score_trial
from gnomon.run.stopping import earlier, reached
from gnomon.seeds import Seed
from gnomon.store import Store
from gnomon.turns import Turn

DEFAULT_CONCURRENCY = 16
FAILURES_IN_A_ROW = 50
BREATH = 256
TICK = 0.25


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        run_id: The run's row.
        tally: Counts of this invocation.
        exit_code: 0 done, 3 incomplete, 130 interrupted.
        reason: Why it is not done, as a sentence.
        resumed: Whether an earlier, equal run was continued.
        stopped: Why the rule of ``[stop]`` ended the run before its plan did; that is no failure.
    """

    run_id: int
    tally: Tally
    exit_code: int
    reason: str | None = None
    resumed: bool = False
    stopped: str | None = None


def run(request: RunRequest, catalogue: Catalogue, database: Path, observer: Observer) -> Outcome:
    """Run a measure and store everything.

    Args:
        request: What to run.
        catalogue: Where backends and the executor are found.
        database: The results database; made when absent.
        observer: Hears of the run.

    Raises:
        GnomonError: Anything that could be known before the first call.
    """
    spec = request.spec
    bound = bind(spec, request.roles, catalogue, kept=request.only)
    format_ = choose_format(request.format, spec, bound)
    check_needs(spec.name, binding_module.needs(spec, format_, request.only), bound, catalogue)
    executor = catalogue.get("executors", request.executor).cls()
    for backend in {id(binding.backend): binding.backend for binding in bound.values()}.values():
        prepare = getattr(backend, "prepare", None)
        if prepare is not None:
            prepare(observer.say, observer.progress)
    check_plan(request)
    with Store.open(database, write=True) as store:
        facts = facts_of(request, bound, format_, catalogue)
        session = _Session(request, bound, format_, store, observer)
        session.begin(facts)
        if request.lock is not None:
            found = differences(request.lock, request, catalogue, session.started_at)
            store.note_lock(session.run_id, request.lock.text, found)
            for sentence in found:
                observer.say(f"exploratory: {sentence}")
        try:
            asyncio.run(session.carry_out(executor))
        except KeyboardInterrupt:
            session.interrupted = True
        except Incomplete as error:
            session.caller_stopped(str(error))
        finally:
            session.close()
        return session.outcome()


class _Session:
    """One invocation on one run; holds what its workers share."""

    def __init__(
        self,
        request: RunRequest,
        bound: Mapping[str, Binding],
        format_: ReplyFormat,
        store: Store,
        observer: Observer,
    ) -> None:
        self.request = request
        self.spec = request.spec
        self.bound = bound
        self.format = format_
        self.store = store
        self.observer = observer
        self.seed = Seed(request.seed_used)
        self.tally = Tally()
        self.turns: tuple[Turn, ...] = merged_turns(self.spec)
        self.trial_blocks = blocks_over(self.spec.scores, "trial")
        self.item_blocks = blocks_over(self.spec.scores, "item")
        self.interrupted = False
        self.reason: str | None = None
        self.run_id = 0
        self.scoring = 0
        self.resumed = False
        self.in_a_row = 0
        self.outdated = False
        self.stopped_by_rule: str | None = None
        self.round_scores: Mapping[str, Mapping[str, Sequence[Score]]] = {}

    # -- beginning and end -----------------------------------------------------------------------

    def begin(self, facts: Any) -> None:
        self.run_id = self.store.begin_run(facts, fresh=self.request.fresh)
        newest = self.store.newest_scoring(self.run_id)
        self.resumed = newest is not None
        self.scoring = self.store.begin_scoring(self.run_id) if newest is None else newest
        self.finished = self.store.finished(self.run_id)
        self.tally.before = len(self.finished)
        if self.spec.stop is not None:
            self.stopped_by_rule = earlier(self.store, self.run_id)
        if self.resumed and self.tally.before:
            self.observer.say(
                f"continuing run {self.run_id}: {self.tally.before} trials are already finished"
            )

    def close(self) -> None:
        self.observer.end()
        tally = self.tally
        self.store.close_session(
            self.run_id,
            reason=self.reason
            or self.stopped_by_rule
            or ("interrupted" if self.interrupted else "done"),
            calls=tally.calls,
            cached=tally.cached,
            trials=tally.done,
            seconds=tally.seconds,
            cost=tally.cost if tally.calls > tally.unpriced else None,
        )
        self.store.flush()

    def caller_stopped(self, reason: str) -> None:
        self.reason = self.reason or reason

    def outcome(self) -> Outcome:
        code = EXIT_DONE
        reason = self.reason
        if self.interrupted:
            code = EXIT_INTERRUPTED
            reason = "interrupted; give the same command again to go on"
        elif reason is not None or self.tally.failed:
            code = EXIT_INCOMPLETE
            if reason is None:
                count = sum(self.tally.failed.values())
                worst, _ = self.tally.failed.most_common(1)[0]
                reason = (
                    f"{count} trials could not be finished, most often: {worst}; "
                    "give the same command again to try only these"
                )
        return Outcome(
            run_id=self.run_id,
            tally=self.tally,
            exit_code=code,
            reason=reason,
            resumed=self.resumed,
            stopped=None if code == EXIT_INTERRUPTED else self.stopped_by_rule,
        )

    @property
    def started_at(self) -> str:
        """When the run was begun, at its first invocation."""
        return next(
            str(run["started_at"]) for run in self.store.runs() if run["run"] == self.run_id
        )

    # -- the run ---------------------------------------------------------------------------------

    async def carry_out(self, executor: Any) -> None:
        async with executor.open({role: b.backend for role, b in self.bound.items()}) as asker:
            self.caller = Caller(
                self.request, self.bound, asker, self.store, self.run_id, self.seed, self.tally
            )
            with _first_signal_stops(self):
                self.observer.begin(self.tally)
                async for stream in self.rounds():
                    await self.work(stream)
                    if self.caller.stopped is not None or self.stopped_by_rule is not None:
                        break
                if self.caller.stopped is None and self.item_blocks:
                    await self.score_items()
            self.store.flush()
            self.reason = self.reason or self.caller.stopped
        self.note_models()
        if not self.store.has_estimates(self.run_id, self.scoring):
            analyse(self.spec, self.store, self.run_id, self.scoring, self.seed)
        self.store.flush()

    def note_models(self) -> None:
        for role, binding in self.bound.items():
            served = getattr(binding.backend, "served", None)
            if served:
                self.store.note_model_served(self.run_id, role, served)

    async def rounds(self) -> AsyncIterator[Iterator[Trial]]:
        """The plan, one stream of trials for each round of the source."""
        source = self.spec.source.plugin
        adaptive = bool(getattr(source, "adaptive", False))
        asks = _asks(source)
        start = 0
        for round_ in itertools.count():
            items: Callable[[], Iterable[Item]]
            if asks:
                gathered = await self.ask_source(source, round_)
                if not gathered and round_:
                    return
                if not gathered:
                    raise SourceError(f"the source {self.spec.source.name!r} yields no items")
                items = partial(list, gathered)
            else:
                items = partial(source.items, self.around(0))
            planned = count_trials(self.request, items)
            self.tally.planned = planned + start
            yield make_trials(
                self.spec.keys.design,
                items,
                self.request.seed_used,
                repeats=self.request.repeats,
                format_=self.format,
                start=start,
                limit=self.request.limit,
                keep=self.request.keeps,
            )
            start += planned
            if not adaptive:
                return
            if self.tally.failed:
                # The next round rests on the scores of this one, so it has to wait for all of them.
                return
            # Read back, not remembered: a resumed run must give the source the very scores that the
            # first invocation gave it, which are those of this round and before.
            self.store.flush()
            self.round_scores = self.store.scores_by_item(self.run_id, self.scoring, below=start)

    def around(self, round_: int) -> Around:
        return Around.beside(
            self.spec.path,
            self.request.seed_used,
            files=self.request.files,
            round_=round_,
            scores=self.round_scores,
        )

    async def ask_source(self, source: Any, round_: int) -> list[Item]:
        place = Place(None, None, round_, "source")
        generator = _as_generator(source.items(self.around(round_)))
        try:
            _, items, _ = await drive(generator, self.caller, None, place)
        except Unanswered as error:
            raise Incomplete(f"the source could not be asked: {error.reply.error}") from None
        return [item for item in items if isinstance(item, Item)]

    async def work(self, stream: Iterator[Trial]) -> None:
        """Finish every trial of the stream that is not finished yet."""
        todo = (trial for trial in stream if trial.ordinal not in self.finished)
        offered = self.bound["subject"].offers.concurrency
        count = self.request.concurrency or offered or DEFAULT_CONCURRENCY
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(self.commit_in_silence())
            await asyncio.wait([group.create_task(self.worker(todo)) for _ in range(count)])
            ticking.cancel()

    async def commit_in_silence(self) -> None:
        """Commit what has come when nothing further comes."""
        while True:
            await asyncio.sleep(TICK)
            self.store.tick()

    async def worker(self, todo: Iterator[Trial]) -> None:
        # Workers share one iterator: nothing is made before someone is free to do it.
        for number, trial in enumerate(todo):
            if self.caller.stopped is not None or self.stopped_by_rule is not None:
                return
            try:
                await self.finish(trial)
                self.in_a_row = 0
            except Unanswered as error:
                self.note_failure(error)
            except Stop:
                return
            if number % BREATH == 0:
                # Backends that answer inline never wait, and signals and displays need a turn.
                await asyncio.sleep(0)

    def note_failure(self, error: Unanswered) -> None:
        self.tally.failed[error.reply.error or "unknown"] += 1
        self.in_a_row += 1
        if self.in_a_row >= FAILURES_IN_A_ROW:
            self.caller.stop(
                f"{self.in_a_row} trials in a row could not be finished, the last because: "
                f"{error.reply.error}"
            )

    async def finish(self, trial: Trial) -> None:
        """Administer, score and store one trial."""
        store = self.store
        item_id = store.add_item(trial.item)
        trial_id = store.add_trial(self.run_id, item_id, trial)
        place = Place(trial_id, item_id, trial.repeat, "trial")
        generator = self.spec.procedure.plugin.administer(trial, self.turns)
        exchanges, _, _ = await drive(generator, self.caller, trial, place)
        record = TrialRecord(trial, tuple(exchanges))
        scored: list[tuple[str, list[Score]]] = []
        judging = Place(trial_id, item_id, trial.repeat, "score")
        asked = 0
        for block in self.trial_blocks:
            scores, count = await score_trial(block, record, self.caller, judging, asked)
            asked += count
            scored.append((block.use.name, scores))
        self.outdate()
        # No await between here and the end: scores and finish are of one transaction.
        for scorer, scores in scored:
            store.add_scores(self.run_id, self.scoring, scores, scorer=scorer, trial_id=trial_id)
            for score in scores:
                self.tally.scores[score.status] += 1
        store.finish_trial(trial_id)
        store.tick()
        self.tally.done += 1
        self.look()

    def look(self) -> None:
        """Ask the stopping rule, every so many finished trials."""
        block = self.spec.stop
        if block is None or self.stopped_by_rule is not None:
            return
        done = self.tally.before + self.tally.done
        if done % block.keys.every == 0 or done == block.keys.max:
            self.stopped_by_rule = reached(block, self.store, self.run_id, self.seed, done)

    async def score_items(self) -> None:
        store = self.store
        for item_id, record in store.item_records(self.run_id):
            place = Place(None, item_id, 0, "score")
            for block in self.item_blocks:
                try:
                    scores = await score_item(block, record, self.caller, place)
                except Unanswered as error:
                    self.note_failure(error)
                    continue
                except Stop:
                    return
                self.in_a_row = 0
                self.outdate()
                store.add_scores(
                    self.run_id, self.scoring, scores, scorer=block.use.name, item_id=item_id
                )

    def outdate(self) -> None:
        """Take away estimates that rest on fewer scores than there will be, before the first is added."""
        if not self.outdated:
            self.outdated = True
            self.store.replace_estimates(self.run_id, self.scoring, [])


def _as_generator(items: Any) -> Any:
    """A generator for anything iterable, so that sources may be either."""
    if hasattr(items, "send"):
        return items
    return (item for item in items)


@contextlib.contextmanager
def _first_signal_stops(session: _Session) -> Iterator[None]:
    """The first Ctrl-C lets calls in flight end; the second stops at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def on_signal() -> None:
        if session.interrupted and main is not None:
            main.cancel()
            return
        session.interrupted = True
        session.caller.stop("interrupted")
        session.observer.say(
            "stopping after the calls in flight; press Ctrl-C again to stop at once"
        )

    try:
        loop.add_signal_handler(signal.SIGINT, on_signal)
    except (NotImplementedError, RuntimeError, ValueError):
        # No signal handlers off the main thread or on this platform: KeyboardInterrupt does it.
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if not session.interrupted:
            raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _asks(source: Any) -> bool:
    return bool(getattr(source, "adaptive", False) or getattr(source, "asks", False))


def check_plan(request: RunRequest) -> None:
    """See that there is something to do, before anything is stored.

    Raises:
        SourceError: The source yields nothing, or ``--only`` leaves nothing.
        UsageError: ``--only`` names a column that is not there.
    """
    source = request.spec.source
    if _asks(source.plugin):
        return
    around = Around.beside(request.spec.path, request.seed_used, files=request.files)
    few = attrs.evolve(request, limit=1)
    if count_trials(few, partial(source.plugin.items, around)):
        return
    if request.only:
        given = ", ".join(f"{name}={','.join(values)}" for name, values in request.only.items())
        raise SourceError(f"no trial is left by --only {given}")
    raise SourceError(f"the source {source.name!r} yields no items")


def check_request(request: RunRequest) -> None:
    """What can be known to be wrong with ``--only`` before anything is made.

    Raises:
        UsageError: It names a level that the factor does not have.
    """
    design = request.spec.keys.design
    for name, values in request.only.items():
        levels = design.factors.get(name) or design.balanced.get(name)
        unknown = [value for value in values if levels is not None and value not in levels]
        if levels is not None and unknown:
            raise UsageError(
                f"--only {name}={unknown[0]}: the factor {name!r} has no such level; "
                f"it has: {', '.join(levels)}"
            )
