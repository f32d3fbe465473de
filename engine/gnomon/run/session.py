"""One invocation on one run: what its parts share, how it begins, and what is said of its end.

One invariant: an invocation that continues a run continues its newest scoring pass, and how it ended is
noted whatever happened; the note decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, counted
from gnomon.records import ReplyFormat
from gnomon.run.bindings import Binding
from gnomon.run.progress import Observer, Tally
from gnomon.run.request import RunRequest
from gnomon.run.stopping import earlier
from gnomon.seeds import Seed
from gnomon.store import Finished, RunFacts, Store


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
        searched: What a source that learns from round to round came to, as a sentence.
    """

    run_id: int
    tally: Tally
    exit_code: int
    reason: str | None = None
    resumed: bool = False
    stopped: str | None = None
    searched: str | None = None


class Session:
    """One invocation on one run.

    Args:
        request: What to run.
        bound: Role → model.
        format_: The form replies are asked for in.
        store: The store, opened for writing.
        observer: Hears of the run.
        facts: What the run is; it is begun here, or continued.

    Attributes:
        request, bound, format, store, observer: As given.
        spec: The measure.
        seed: The run's seed.
        tally: Counts of this invocation.
        run_id: The run.
        scoring: The scoring pass.
        resumed: Whether an earlier, equal run is continued.
        finished: Ordinals of trials that are finished already.
        begun: Ordinals of trials that an earlier invocation began and did not finish.
        interrupted: Whether the user wants it to end.
        reason: Why it ends before its plan, as a sentence.
        stopped_by_rule: Why the rule of ``[stop]`` ended the run before its plan.
        rounds: Items of each round of a source that learns.
        searched: What such a source came to, as a sentence; None before it ended.
    """

    def __init__(
        self,
        request: RunRequest,
        bound: Mapping[str, Binding],
        format_: ReplyFormat,
        store: Store,
        observer: Observer,
        facts: RunFacts,
    ) -> None:
        self.request = request
        self.spec = request.spec
        self.bound = bound
        self.format = format_
        self.store = store
        self.observer = observer
        self.seed = Seed(request.seed_used)
        self.tally = Tally()
        self.interrupted = False
        self.reason: str | None = None
        self.stopped_by_rule: str | None = None
        self.rounds: list[int] = []
        self.searched: str | None = None
        self.run_id = store.begin_run(facts, fresh=request.fresh)
        newest = store.newest_scoring(self.run_id)
        self.resumed = newest is not None
        self.scoring = store.begin_scoring(self.run_id) if newest is None else newest
        self.finished: Finished = store.finished(self.run_id)
        self.begun = store.begun(self.run_id)
        self.tally.before = len(self.finished)
        if self.spec.stop is not None:
            self.stopped_by_rule = earlier(store, self.run_id)
        if self.resumed and self.tally.before:
            observer.say(
                f"continuing run {self.run_id}: {self.tally.before} trials are already finished"
            )

    def stop_by_rule(self, reason: str) -> None:
        """The rule of ``[stop]`` is met; that is noted at once, so that a run that is killed stays stopped."""
        self.stopped_by_rule = reason
        self.store.note_reason(self.run_id, reason)

    def go_on_with_newest(self) -> None:
        """Go on with the newest scoring pass."""
        self.scoring = self.store.newest_scoring(self.run_id) or self.scoring

    def close(self) -> None:
        """Note how it ended."""
        self.observer.end()
        tally = self.tally
        self.store.close_session(
            self.run_id,
            # What was decided stays so, whatever happened to the trials that were under way.
            reason=self.stopped_by_rule
            or self.reason
            or ("interrupted" if self.interrupted else self._unfinished() or "done"),
            calls=tally.calls,
            cached=tally.cached,
            trials=tally.done,
            # An invocation that never came to its plan says nothing of it.
            **({"planned": tally.planned} if tally.planned is not None else {}),
            waited=round(tally.waiting, 3),
            seconds=tally.seconds,
            cost=tally.spent,
        )
        self.store.flush()

    def plan(self, trials: int) -> None:
        """Note how many trials there are, as far as rounds are known."""
        self.tally.planned = trials
        self.store.note_planned(self.run_id, trials)

    def end_because(self, reason: str) -> None:
        """Note why it ends; the first reason is kept."""
        self.reason = self.reason or reason

    def note_last_round(self, replies: int) -> None:
        """Note that a source that learns gave no further items, after so many replies to its asks."""
        counts = ", ".join(map(str, self.rounds))
        count = counted(len(self.rounds), "round")
        if not replies:
            end = "and asked for no more"
        elif replies == 1:
            end = "and no more: it asked for another, and the reply made no new one"
        else:
            end = f"and no more: it asked for others, and none of {replies} replies made a new one"
        self.searched = f"the source made {count} of items ({counts}) {end}"

    def outcome(self) -> Outcome:
        """What came of it, for the user."""
        code = EXIT_DONE
        reason = None if self.stopped_by_rule else self.reason
        if self.interrupted:
            code = EXIT_INTERRUPTED
            reason = "interrupted; give the same command again to go on"
        elif reason is not None or self.tally.failed:
            code = EXIT_INCOMPLETE
            if reason is None:
                reason = f"{self._unfinished()}; give the same command again to try only these"
        return Outcome(
            run_id=self.run_id,
            tally=self.tally,
            exit_code=code,
            reason=reason,
            resumed=self.resumed,
            stopped=None if code == EXIT_INTERRUPTED else self.stopped_by_rule,
            searched=self.searched,
        )

    def _unfinished(self) -> str | None:
        """How many trials failed and why most of them; None when none did."""
        if not self.tally.failed:
            return None
        worst, _ = self.tally.failed.most_common(1)[0]
        count = sum(self.tally.failed.values())
        return f"{count} trials could not be finished, most often: {worst}"

    @property
    def started_at(self) -> str:
        """When the run was begun, at its first invocation."""
        return next(
            str(run["started_at"]) for run in self.store.runs() if run["run"] == self.run_id
        )
