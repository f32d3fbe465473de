"""What a run tells while it goes on: counts, and who hears of them.

One invariant: observers look and never decide; a run is the same with or without them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs


@attrs.define(kw_only=True)
class Tally:
    """Running counts of one invocation.

    Attributes:
        planned: Trials of the plan, None while unknown (an adaptive source).
        before: Trials already finished when the invocation began.
        done: Trials finished now.
        failed: Trials that could not be finished, by the sentence of what failed.
        calls: Calls sent to models, retries included.
        cached: Asks answered from the store.
        statuses: Replies by status.
        scores: Scores by status.
        tokens_in, tokens_out: Sums of what backends report.
        cost: US dollars reported; ``unpriced`` counts replies without a price.
        waiting: Seconds spent waiting between tries.
        limited: Calls that a provider refused because it was asked too often.
        waits: Says who waits at this moment and why, or what else is being done, a sentence each.
        began: Monotonic time of the beginning.
    """

    planned: int | None = None
    before: int = 0
    done: int = 0
    failed: Counter[str] = attrs.field(factory=Counter)
    calls: int = 0
    cached: int = 0
    statuses: Counter[str] = attrs.field(factory=Counter)
    scores: Counter[str] = attrs.field(factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    unpriced: int = 0
    waiting: float = 0.0
    limited: int = 0
    waits: Callable[[], Sequence[str]] = tuple
    began: float = attrs.field(factory=time.monotonic)

    @property
    def replied(self) -> int:
        """Calls that have come back, failed ones too."""
        return sum(self.statuses.values())

    @property
    def spent(self) -> float | None:
        """US dollars, None while no reply has had a price."""
        return self.cost if self.replied > self.unpriced else None

    @property
    def seconds(self) -> float:
        """Time since the beginning."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Trials per second of this invocation."""
        return self.done / max(self.seconds, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds left at the present rate, None when unknown."""
        if self.planned is None or not self.done:
            return None
        return max(0, self.planned - self.before - self.done) / self.rate


class Observer(Protocol):
    """Hears of a run."""

    def say(self, sentence: str) -> None:
        """A sentence for the user."""

    def progress(self, here: int, in_all: int | None) -> None:
        """So many bytes of a model have been brought, of so many."""

    def begin(self, tally: Tally) -> None:
        """The run begins; ``tally`` changes while it goes on."""

    def end(self) -> None:
        """The run has ended."""


class Silent:
    """An observer that hears nothing."""

    def say(self, sentence: str) -> None:
        """Ignored."""

    def progress(self, here: int, in_all: int | None) -> None:
        """Ignored."""

    def begin(self, tally: Tally) -> None:
        """Ignored."""

    def end(self) -> None:
        """Ignored."""
