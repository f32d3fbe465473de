"""What a run may spend: calls, dollars and seconds, and what of them is left.

One invariant: what is under way is counted as spent, each call as dear as the dearest so far, so that a budget is passed by
less than what one call costs where all cost the same.
"""

from __future__ import annotations

import math
import time

from gnomon.records import Reply
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest

ROUNDING = 1e-9
"""Ten times ten cents is a little less than a dollar in floating point."""


class Budget:
    """The budgets of a run.

    Args:
        request: The run's request, which names them.
        tally: What was spent is counted there.

    Attributes:
        deadline: When the time is used up, on the monotonic clock; None without a limit.
    """

    def __init__(self, request: RunRequest, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._in_flight = 0
        self._dearest = 0.0
        self.deadline = None if request.max_time is None else time.monotonic() + request.max_time

    def refusal(self, calls: int, *, waiting: bool = False) -> str | None:
        """A sentence for so many calls that may not be sent any more; None when they may.

        Args:
            calls: How many.
            waiting: They are not sent yet, so that what is under way may still turn out cheaper.
        """
        most, dollars = self._request.max_calls, self._request.max_cost
        spent = self._tally.cost + (0.0 if waiting else self._in_flight * self._dearest)
        if most is not None and self._tally.calls + calls > most:
            left = most - self._tally.calls
            if left <= 0:
                return f"the budget of {most} calls is used up (--max-calls)"
            return f"of the budget of {most} calls {left} are left, and the next ask takes {calls} (--max-calls)"
        if dollars is not None and spent >= dollars * (1 - ROUNDING):
            return f"the budget of {dollars:g} $ is used up (--max-cost)"
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return self.late
        return None

    @property
    def late(self) -> str:
        """What is said when the time is used up."""
        return f"the time of {self._request.max_time:g} s is used up (--max-time)"

    def take(self, calls: int) -> None:
        """An ask that takes so many calls is about to be sent."""
        # Counted before it is sent, so that calls in flight are within the budget.
        self._tally.calls += calls
        self._in_flight += 1

    def abandoned(self) -> None:
        """An ask was given up on its way: it was counted and will not be answered."""
        self._in_flight -= 1

    def count(self, reply: Reply) -> str | None:
        """An ask came back; why no further may be sent, None when they may."""
        tally = self._tally
        self._in_flight -= 1
        tally.statuses[reply.status] += 1
        tally.tokens_in += reply.tokens_in or 0
        tally.tokens_out += reply.tokens_out or 0
        # A budget must not be raised by what is said of a cost, nor lost: nothing is less than what is no number.
        if reply.cost is not None and 0 <= reply.cost < math.inf:
            tally.cost += reply.cost
            self._dearest = max(self._dearest, reply.cost)
            return None
        tally.unpriced += 1
        # What the provider's filter kept back brought no answer and, like a failure, has no price.
        if self._request.max_cost is not None and reply.status not in ("error", "filtered"):
            return "the price of a reply is unknown, so --max-cost cannot be kept; use --max-calls"
        return None
