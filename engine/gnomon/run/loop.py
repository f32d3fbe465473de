"""The run loop: streams trials from the plan through the models into the store.

One invariant: at any moment the process may be killed. A trial counts as finished only together with
its scores, in one transaction, and what is left to do is the plan without the finished trials. Replies of
unfinished trials are found again by key, so nothing that was answered is asked twice.

The parts: ``checks`` before the run, ``session`` for what is shared and said, ``rounds`` for the plan as a
stream, ``caller`` for one ask, ``budget`` for what it may spend, ``scoring`` and ``analysis`` for what follows from replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.errors import Incomplete, WriteError
from gnomon.modelname import make_executor
from gnomon.records import Score, Trial, TrialRecord
from gnomon.run import bindings as binding_module
from gnomon.run.analysis import analyse
from gnomon.run.bindings import bind, check_needs, choose_format
from gnomon.run.caller import Caller, Place, Stop, Unanswered
from gnomon.run.checks import check_plan
from gnomon.run.driver import drive
from gnomon.run.facts import facts_of
from gnomon.run.freezing import differences
from gnomon.run.interrupting import first_signal_stops
from gnomon.run.plan import merged_turns
from gnomon.run.progress import Observer
from gnomon.run.request import MOST_CONCURRENCY, RunRequest
from gnomon.run.rescore import rescore
from gnomon.run.rounds import rounds
from gnomon.run.scoring import blocks_over, score_item, score_trial
from gnomon.run.session import Outcome, Session
from gnomon.run.stopping import reached
from gnomon.store import Store
from gnomon.turns import Turn

DEFAULT_CONCURRENCY = 16
FAILURES_IN_A_ROW = 50
BREATH = 256
TICK = 0.25


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
    executor = make_executor(catalogue, request.executor)
    distinct = {id(binding.backend): binding.backend for binding in bound.values()}
    for backend in distinct.values() if not getattr(executor, "prepares", False) else ():
        prepare = getattr(backend, "prepare", None)
        if prepare is not None:
            prepare(observer.say, observer.progress)
    check_plan(request)
    with Store.open(database, write=True) as store:
        facts = facts_of(request, bound, format_, catalogue)
        session = Session(request, bound, format_, store, observer, facts)
        if request.lock is not None:
            found = differences(request.lock, request, catalogue, session.started_at)
            store.note_lock(session.run_id, request.lock.text, found)
            for sentence in found:
                observer.say(f"exploratory: {sentence}")
        try:
            if not store.scored_by_its_own(session.run_id, session.scoring):
                # What comes now belongs beside scores that the same scorers gave.
                observer.say(
                    f"scoring the finished trials of run {session.run_id} with its own measure again: "
                    "the newest pass used another text of it"
                )
                rescore(store, session.run_id, catalogue)
                session.go_on_with_newest()
            loop = _Loop(session)
            asyncio.run(loop.carry_out(executor))
            loop.conclude()
        except KeyboardInterrupt:
            session.interrupted = True
        except Incomplete as error:
            session.end_because(str(error))
        except WriteError:
            # How the session ended cannot be noted either.
            observer.end()
            raise
        except BaseException:
            session.close()
            raise
        session.close()
        return session.outcome()


class _Loop:
    """The workers of one invocation, and what they share."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.spec = session.spec
        self.store = session.store
        self.tally = session.tally
        self.turns: tuple[Turn, ...] = merged_turns(self.spec)
        self.trial_blocks = blocks_over(self.spec.scores, "trial")
        self.item_blocks = blocks_over(self.spec.scores, "item")
        self.in_a_row = 0
        self.outdated = False
        self.at_once = False

    async def carry_out(self, executor: Any) -> None:
        """All rounds, until nothing is left to ask or no more may be asked."""
        session = self.session
        self.copies = int(getattr(executor, "copies", 1))
        backends = {role: binding.backend for role, binding in session.bound.items()}
        async with executor.open(backends) as asker:
            self.caller = Caller(
                session.request,
                session.bound,
                asker,
                self.store,
                session.run_id,
                session.seed,
                self.tally,
                self.copies,
            )
            with first_signal_stops(self.interrupt):
                session.observer.begin(self.tally)
                if self.tally.before:
                    # The last look may have been cut off before its end.
                    self.look()
                async for stream in rounds(session, self.caller):
                    await self.work(stream)
                    if self.ended:
                        break
                if self.caller.stopped is None and self.item_blocks:
                    await self.score_items()
            self.store.flush()
            session.reason = session.reason or self.caller.stopped
        for role, backend in backends.items():
            if served := getattr(backend, "served", None):
                self.store.note_model_served(session.run_id, role, served)
        self.store.flush()

    def conclude(self) -> None:
        """Make the estimates, unless the user wants it to end at once. A Ctrl-C leaves them out."""
        session = self.session
        if self.at_once or self.store.has_estimates(session.run_id, session.scoring):
            return
        self.tally.waits = lambda: ["making the estimates"]
        analyse(self.spec, self.store, session.run_id, session.scoring, session.seed)
        self.store.flush()

    @property
    def ended(self) -> bool:
        """Whether no further trial is to be begun."""
        return self.caller.stopped is not None or self.session.stopped_by_rule is not None

    def interrupt(self) -> bool:
        """Let what is in flight end; says whether that was not asked for before."""
        if self.session.interrupted:
            self.at_once = True
            return False
        self.session.interrupted = True
        self.caller.stop("interrupted")
        self.session.observer.say(
            "stopping after the calls in flight; press Ctrl-C again to stop at once"
        )
        return True

    async def work(self, stream: Iterator[Trial]) -> None:
        """Finish every trial of the stream that is not finished yet."""
        todo = (trial for trial in stream if trial.ordinal not in self.session.finished)
        offered = self.session.bound["subject"].offers.concurrency
        each = (offered or DEFAULT_CONCURRENCY) * self.copies
        count = self.session.request.concurrency or min(each, MOST_CONCURRENCY)
        # All workers together leave the others, a Ctrl-C among them, a turn after so many trials.
        breath = max(1, BREATH // count)
        try:
            async with asyncio.TaskGroup() as group:
                ticking = group.create_task(self.commit_in_silence())
                workers = [group.create_task(self.worker(todo, breath)) for _ in range(count)]
                await asyncio.wait(workers)
                ticking.cancel()
        except BaseExceptionGroup as failed:
            # The first worker that fails ends the others: its error is the one that matters.
            raise failed.exceptions[0] from None

    async def commit_in_silence(self) -> None:
        """Commit what has come when nothing further comes."""
        while True:
            await asyncio.sleep(TICK)
            self.store.tick()

    async def worker(self, todo: Iterator[Trial], breath: int) -> None:
        # Workers share one iterator: nothing is made before someone is free to do it.
        for number, trial in enumerate(todo):
            if self.ended:
                return
            try:
                await self.finish(trial)
                self.in_a_row = 0
            except Unanswered as error:
                self.note_failure(error, trial.ordinal)
            except Stop:
                return
            if number % breath == 0:
                # Backends that answer inline never wait, and signals and displays need a turn.
                await asyncio.sleep(0)

    def note_failure(self, error: Unanswered, ordinal: int | None = None) -> None:
        self.tally.failed[error.reply.error or "unknown"] += 1
        known = ordinal in self.session.begun or self.tally.before + self.tally.done
        if error.refused and known:
            # An ask that is not accepted where others were, or that was not accepted before, says nothing of the
            # next: a run always comes to what lies behind it.
            return
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
        trial_id = store.add_trial(self.session.run_id, item_id, trial)
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
            store.add_scores(
                self.session.run_id, self.session.scoring, scores, scorer=scorer, trial_id=trial_id
            )
            for score in scores:
                self.tally.scores[score.status] += 1
        store.finish_trial(trial_id)
        store.tick()
        self.tally.done += 1
        self.look()

    def look(self) -> None:
        """Ask the stopping rule, every so many finished trials."""
        block = self.spec.stop
        if block is None or self.session.stopped_by_rule is not None:
            return
        done = self.tally.before + self.tally.done
        most = block.keys.max
        if done % block.keys.every == 0 or (most is not None and done >= most):
            session = self.session
            reason = reached(block, self.store, session.run_id, session.seed, done)
            if reason is not None:
                session.stop_by_rule(reason)

    async def score_items(self) -> None:
        store = self.store
        for item_id, record in store.item_records(self.session.run_id):
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
                    self.session.run_id,
                    self.session.scoring,
                    scores,
                    scorer=block.use.name,
                    item_id=item_id,
                )

    def outdate(self) -> None:
        """Take away estimates that rest on fewer scores than there will be, before the first is added."""
        if not self.outdated:
            self.outdated = True
            self.store.replace_estimates(self.session.run_id, self.session.scoring, [])
