"""Who may send a call now and who waits: one gate for each model.

One invariant: a call passes the gate of its model before it is counted and sent, in the order of arrival; what
holds one call back holds back every call behind it. A gate that limits nothing costs an addition per call.

A provider of which nothing is known is sent few calls at once, then more and more within a second, so that one
that takes few refuses few; when it has taken all that were to be sent, nothing is limited.

What a gate can hold a call back for:

- ``--rpm`` and ``--tpm``: calls and tokens are spaced evenly over the minute, a hundredth below the limit,
  so that a server's window of any kind is kept. A call's tokens are estimated when it is sent and put right
  when its reply says what they were.
- the backend, which works on so many asks at once: one that waited there would wait on its own time (``--timeout``).
- a provider that named a time to come back: nobody calls that model before.
- a provider that said it was asked too often: from then on the gate keeps to the rate and to the number of calls
  at once that were accepted, a little less, and rises again until the provider objects (additive
  increase, multiplicative decrease; slow near the level that failed last, quick away from it). The number at once
  is to blame when the refused call was sent beside more others than any that was accepted since.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from gnomon.errors import CallFailed
from gnomon.records import Ask, Chat, Choose, Embed, Hidden, Loglik, Reply
from gnomon.run.limits import Bucket, Rate, Width

SHARE = 0.99
"""Of a limit that is named; two clocks never agree, and a message may overtake another."""
SHORTEST = 0.5
"""Seconds below which a count says nothing of a rate."""
HOLD = 1.0
"""Seconds nobody calls after the first objection when the provider does not say how long."""
PAUSE = 1.0
"""Seconds without a call after which what was accepted before says nothing."""
ENOUGH = 64
"""Calls at once at which the beginning is over, when nobody waits."""
TOKENS_PER_CHARACTER = 0.25


@attrs.define(eq=False)
class _Waiting:
    turn: asyncio.Future[None]
    tokens: float
    calls: int


class Gate:
    """The gate of one model.

    Args:
        who: The model string, for the progress line.
        rpm: Most calls a minute.
        tpm: Most tokens a minute, of prompts and replies.
        most: Most asks that the model's backend works on at once.

    Attributes:
        free: Nothing else is limited: ``in_flight`` may be raised up to ``most`` without asking.
        in_flight: Calls under way.
        most: As given.
    """

    def __init__(
        self,
        who: str,
        rpm: float | None = None,
        tpm: float | None = None,
        most: float = math.inf,
    ) -> None:
        self.most = most
        self._who = who
        self._rpm, self._tpm = rpm, tpm
        self._calls = None if rpm is None else Bucket(rpm * SHARE)
        self._tokens = None if tpm is None else Bucket(tpm * SHARE)
        self._rate = Rate()
        self._width = Width()
        self._held_until = -math.inf
        self._now: Callable[[], float] = lambda: math.inf
        self._queue: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._shut_by = ""
        self._opened = False
        self.free = False
        self.in_flight = 0
        self._done = 0
        self._marks = [(0.0, 0), (0.0, 0)]
        self._idle_from = -math.inf
        self._lowered = -math.inf
        self._answer: float | None = None

    # -- passing ---------------------------------------------------------------------------------

    async def enter(self, ask: Ask, calls: int = 1) -> float:
        """Wait for one's turn; returns the tokens that were reserved, for ``leave``.

        Args:
            ask: What is asked.
            calls: How many calls it takes.
        """
        if self._opened:
            self.in_flight += 1
            return 0.0
        loop = asyncio.get_running_loop()
        tokens = 0.0 if self._tokens is None else self._estimate(ask) * calls
        waiting = _Waiting(loop.create_future(), tokens, calls)
        self._queue.append(waiting)
        self._pump()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if not waiting.turn.cancelled():
                self.leave(None)
            raise
        return tokens

    def leave(
        self,
        came: Reply | CallFailed | None,
        tokens: float = 0.0,
        sent: float = -math.inf,
        among: int = 1,
    ) -> None:
        """A call has ended.

        Args:
            came: What came of it; None when it was not sent, or abandoned.
            tokens: What ``enter`` reserved.
            sent: When it was sent, in the loop's seconds.
            among: How many were under way then, itself among them.
        """
        if came is not None and not (isinstance(came, CallFailed) and came.limited):
            self._done += 1
        if isinstance(came, Reply):
            width = self._width
            if sent > self._lowered:
                width.proven = max(width.proven, among)
            if not self.free:
                width.rise()
                self._settle(came, tokens)
                if width.starting and width.level >= ENOUGH and not self._held_by_width:
                    width.begun()
                    self._pump()
        elif came is not None and came.limited:
            self._objected(came, sent, among)
        self.in_flight -= 1
        if not self.in_flight:
            self._idle_from = asyncio.get_running_loop().time()
        if self._queue:
            self._pump()

    def hold(self, seconds: float) -> None:
        """Nobody calls this model for so long."""
        self.free = False
        now = asyncio.get_running_loop().time()
        self._held_until = max(self._held_until, now + seconds)
        self._now = asyncio.get_running_loop().time

    def open(self) -> None:
        """Let everybody through who waits or comes: no call will be sent any more."""
        self._opened = True
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.turn.done():
                self.in_flight += 1
                waiting.turn.set_result(None)
        if self._timer is not None:
            self._timer.cancel()

    def _pump(self) -> None:
        """Let those through whose turn it is, and come again when the next one's is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._rate.rise(now)
        self._width.grow(now)
        self._mark(now)
        while self._queue:
            head = self._queue[0]
            if head.turn.done():
                self._queue.popleft()
                continue
            if self.in_flight >= self.most:
                self._shut_by = "most"
                return
            if self.in_flight >= max(1, int(min(self._width.level, 1e9))):
                self._shut_by = "width"
                if self._width.starting:
                    self._timer = loop.call_at(self._width.room(self.in_flight, now), self._pump)
                return
            when, self._shut_by = max(self._times())
            if when > now:
                self._timer = loop.call_at(when, self._pump)
                return
            self._queue.popleft()
            for bucket, units in (
                (self._calls, head.calls),
                (self._tokens, head.tokens),
                (self._rate.bucket, 1.0),
            ):
                if bucket is not None:
                    bucket.take(units, now)
            if not self.in_flight:
                self.begin()
            self.in_flight += 1
            head.turn.set_result(None)
        if (
            self._calls is self._tokens is self._rate.bucket is None
            and self._width.level == math.inf
            and now >= self._held_until
        ):
            self.free = True

    @property
    def _held_by_width(self) -> bool:
        """Whether somebody waits whom the backend itself would take."""
        return bool(self._queue) and self._shut_by != "most"

    def _times(self) -> Iterator[tuple[float, str]]:
        yield self._held_until, "held"
        if self._calls is not None:
            yield self._calls.due, "rpm"
        if self._tokens is not None:
            yield self._tokens.due, "tpm"
        if self._rate.bucket is not None:
            yield self._rate.bucket.due, "rate"

    # -- adapting --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Nothing is under way and a call is about to be sent: after a pause, what is accepted is
        counted from here.
        """
        now = asyncio.get_running_loop().time()
        if now - self._idle_from > PAUSE:
            self._count_from(now, 0)

    def _count_from(self, when: float, in_flight: int) -> None:
        self._done = 0
        self._marks = [(when, in_flight), (when, in_flight)]

    def _mark(self, now: float) -> None:
        """Keep to the last second or two: what was accepted a minute ago says nothing of now."""
        if now - self._marks[1][0] >= 1.0:
            self._marks = [self._marks[1], (now, self._done + self.in_flight)]

    def _measured(self, end: float) -> float | None:
        """Calls accepted a minute; None after too short a time to tell."""
        start, before = self._marks[0]
        seconds = end - start
        # What is under way was accepted, save for the call that was not.
        accepted = self._done + self.in_flight - 1 - before
        if seconds < SHORTEST or accepted <= 0:
            return None
        return accepted * 60 / seconds

    def _objected(self, failure: CallFailed, sent: float, among: int) -> None:
        self.free = False
        if sent <= self._lowered:
            # It was under way when the gate was narrowed, so it says nothing new.
            self._marks = [(when, count - 1) for when, count in self._marks]
            return
        now = asyncio.get_running_loop().time()
        first = self._rate.bucket is None
        width = self._width
        width.peak = max(width.peak, self.in_flight)
        wide = among > max(1, width.proven)
        if first:
            # A server that saved calls up before it objected saves up again while nobody calls; where the
            # number at once may be to blame, half as long tells as much.
            self.hold(max(HOLD / 2 if wide else HOLD, failure.after or 0.0))
        end = max(now, self._held_until, now + (failure.after or 0.0))
        if wide:
            width.lower(among)
        measured = self._measured(end if first else now)
        if not first and not wide:
            self._rate.lower(measured, now)
        elif first and measured is not None:
            self._rate.guess(measured, now)
        width.proven = 0
        self._lowered = now
        self._count_from(end, self.in_flight - 1)

    # -- tokens ----------------------------------------------------------------------------------

    def _estimate(self, ask: Ask) -> float:
        answer = self._answer
        if answer is None:
            decoding = getattr(ask, "decoding", None)
            answer = float((decoding and decoding.max_tokens) or 0)
        return max(1.0, characters(ask) * TOKENS_PER_CHARACTER + answer)

    def _settle(self, reply: Reply, reserved: float) -> None:
        if self._tokens is None or reply.tokens_in is None:
            return
        spent = reply.tokens_in + (reply.tokens_out or 0)
        self._tokens.due += (spent - reserved) * 60 / self._tokens.per_minute
        given = float(reply.tokens_out or 0)
        self._answer = given if self._answer is None else 0.9 * self._answer + 0.1 * given

    # -- telling ---------------------------------------------------------------------------------

    def says(self) -> str | None:
        """Who waits here and why, in words; None when nobody does."""
        count = len(self._queue)
        if not count:
            return None
        rate, width = self._rate.bucket, self._width.level
        reasons = {
            "most": f"which works on {self.most:g} at once",
            "held": f"which is left alone for {max(0.0, self._held_until - self._now()):.0f} s more",
            "rpm": f"at most {self._rpm or 0:g} calls a minute (--rpm)",
            "tpm": f"at most {self._tpm or 0:g} tokens a minute (--tpm)",
            "rate": f"which accepts about {0 if rate is None else rate.per_minute / 60:.3g} calls/s",
            "width": f"which is sent {width:.0f} calls at once to begin with"
            if self._width.starting
            else f"which accepts about {min(width, 1e9):.0f} calls at once",
        }
        return f"{wait(count)} for {self._who}, {reasons.get(self._shut_by, 'in turn')}"


def wait(count: int) -> str:
    """So many wait."""
    return f"{count} {'waits' if count == 1 else 'wait'}"


def characters(ask: Ask) -> int:
    """Characters that are sent with an ask."""
    if isinstance(ask, Chat | Choose):
        return sum(len(message.content) for message in ask.messages)
    if isinstance(ask, Loglik):
        return len(ask.context) + len(ask.text)
    if isinstance(ask, Embed | Hidden):
        return sum(len(text) for text in ask.texts)
    return 0


def waiting(gates: Iterable[Gate]) -> list[str]:
    """What the gates at which somebody waits say."""
    return [said for gate in gates if (said := gate.says()) is not None]


def gates(
    models: Mapping[str, str],
    rpm: Mapping[str, float],
    tpm: Mapping[str, float],
    most: Mapping[str, int | None],
    copies: int,
) -> dict[str, Gate]:
    """A gate for each role; roles on one model share one, with the lower limits.

    Args:
        models: Role → model string.
        rpm: Role → most calls a minute; ``""`` stands for all roles not named.
        tpm: Role → most tokens a minute, likewise.
        most: Role → most asks that its backend works on at once; None for no limit.
        copies: How many copies of each backend there are.
    """
    made: dict[str, Gate] = {}
    for model in models.values():
        roles = [role for role, other in models.items() if other == model]
        at_once = min((most[role] or math.inf for role in roles), default=math.inf)
        made[model] = Gate(model, _lowest(rpm, roles), _lowest(tpm, roles), at_once * copies)
    return {role: made[model] for role, model in models.items()}


def _lowest(limits: Mapping[str, float], roles: Sequence[str]) -> float | None:
    own = [limits.get(role, limits.get("")) for role in roles]
    return min((limit for limit in own if limit is not None), default=None)
