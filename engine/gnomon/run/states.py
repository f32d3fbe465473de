"""How far each run of a database is, told from what is stored and from who is writing.

One invariant: it decides nothing; what is left to do is the plan without the finished trials. A state is
for people to read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

import attrs

from gnomon.errors import StoreError
from gnomon.run.stopping import STOPPED
from gnomon.store import Store

State = Literal["done", "going on", "cut off", "interrupted", "stopped", "incomplete"]


@attrs.frozen(kw_only=True)
class RunState:
    """One run and how far it is.

    Attributes:
        run: Its number.
        measure: Its measure.
        model: Its subject.
        format: ``free`` or ``constrained``.
        state: ``done``; ``going on`` while a process writes it; ``cut off`` when that process ended without
            saying so; ``interrupted`` by Ctrl-C; ``stopped`` by the measure's own rule; ``incomplete`` when
            calls failed or a budget was reached.
        reason: Why it is not done, in words.
        finished: Finished trials.
        planned: Planned trials; None where no invocation came to its plan.
        started_at: When it was begun.
    """

    run: int
    measure: str
    model: str
    format: str
    state: State
    reason: str | None
    finished: int
    planned: int | None
    started_at: str

    @property
    def trials(self) -> str:
        """Finished trials, of how many where that says more."""
        if self.planned is None or self.planned == self.finished:
            return str(self.finished)
        return f"{self.finished} of {self.planned}"

    @property
    def remark(self) -> str | None:
        """What a reader of its estimates must know: that trials are not in them; None when all are."""
        if self.state == "done" or (self.state == "stopped" and self.reason is None):
            return None
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.state}, {self._finished}{reason}"

    @property
    def _finished(self) -> str:
        verb = "is" if self.finished == 1 else "are"
        return f"{self.trials} {'trial' if self.trials == '1' else 'trials'} {verb} finished"

    @property
    def sentence(self) -> str:
        """Why this run has no estimates, as a sentence."""
        what = f"run {self.run} of {self.measure!r} has no estimates"
        if self.state == "going on":
            return f"{what} yet: it is going on, and {self._finished}; they come when it ends"
        if self.state == "done":
            return f"{what}: the measure has no statistic, or none of its scores has a number"
        reason = f" ({self.reason})" if self.reason else ""
        return f"{what}: it was {self.state}{reason}, and {self._finished}; run it again to go on"


def parts(store: Store, run_ids: Collection[int]) -> Iterator[str]:
    """A sentence for each of some runs whose numbers are those of a part of its trials."""
    for state in states_of(store, run_ids):
        if state.remark is not None:
            yield f"run {state.run} is {state.remark}"


def states_of(store: Store, run_ids: Collection[int] = ()) -> list[RunState]:
    """The runs, oldest first; all of them unless some are named.

    Raises:
        StoreError: A run that is named is not there.
    """
    sessions = store.last_sessions()
    writing = store.is_being_written()
    made = []
    for run in store.runs():
        number = int(run["run"])
        if run_ids and number not in run_ids:
            continue
        ended, reason, planned = sessions.get(number, (None, None, None))
        state: State = "going on" if writing else "cut off"
        if ended is not None:
            state = _ended(reason)
        made.append(
            RunState(
                run=number,
                measure=run["measure"],
                model=run["model"] or "",
                format=run["format"],
                state=state,
                reason=reason if state in ("incomplete", "stopped") else None,
                finished=run["finished"],
                planned=planned,
                started_at=run["started_at"],
            )
        )
    missing = sorted(set(run_ids) - {one.run for one in made})
    if missing:
        known = ", ".join(str(run["run"]) for run in store.runs()) or "none"
        raise StoreError(f"there is no run {missing[0]}; there are: {known}")
    return made


def _ended(reason: str | None) -> State:
    if reason == "done":
        return "done"
    if reason == "interrupted":
        return "interrupted"
    return "stopped" if (reason or "").startswith(STOPPED) else "incomplete"
