"""One ask, from its key to its reply in the store.

One invariant: every reply and every failed attempt is handed to the store before anyone sees it, and an
ask whose key has a stored answer costs no call. Failures are never answers: they are kept as attempts.

The one retry policy of gnomon is here (backends and libraries do none of their own): a call that may
succeed later is tried again after ``after`` seconds when the provider says so, otherwise after 1, 2, 4, …
seconds with jitter, at most 60 between two tries and at most ``max_wait`` in all. A time that the provider names
holds back every call to that model, not only the one that was refused, and stops the run when it is longer than
``max_wait``; so do the limits of the module
``pacing``, through whose gates every call goes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import attrs

from gnomon.errors import CallFailed, CapabilityError
from gnomon.records import Ask, Chat, Choose, Exchange, Reply, Trial
from gnomon.run.bindings import Binding, _lacks, ask_need
from gnomon.run.budget import Budget
from gnomon.run.completing import completed
from gnomon.run.pacing import Gate, gates, waiting
from gnomon.run.pausing import Pauses
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest
from gnomon.seeds import Seed
from gnomon.store import reply_key

if TYPE_CHECKING:
    from gnomon.protocols import Asker
    from gnomon.store import Store
    from gnomon.store.replies import StoredReply

LONGEST_BACK_OFF = 60.0
PATIENCE = 120.0


@attrs.frozen
class Place:
    """Where an ask belongs: what the store files it under.

    Attributes:
        trial_id: The trial's row, None for asks of a source or an item scorer.
        item_id: The item's row.
        repeat: Part of the key, so that repeats are never copies of each other.
        phase: ``trial``, ``score`` or ``source``.
    """

    trial_id: int | None
    item_id: int | None
    repeat: int
    phase: Literal["trial", "score", "source"]


class Unanswered(Exception):
    """An ask that no try could get answered.

    Args:
        reply: The reply of status ``error``.
        refused: Whether it was this ask that was not accepted, and others may be.
    """

    def __init__(self, reply: Reply, *, refused: bool = False) -> None:
        super().__init__(reply.error)
        self.reply = reply
        self.refused = refused


class _Abandoned(Exception):
    """The one who made a shared call was cancelled; whoever waits for it makes a call of its own."""


class Stop(Exception):
    """No further call may be sent; the reason is the caller's ``stopped``."""


class Caller:
    """Answers asks from the store or from the models.

    Args:
        request: The run's request (cache, retries, limits).
        bindings: Role → model.
        asker: The open executor.
        store: The store, opened for writing.
        run_id: The run's row.
        seed: The run's seed; back-off jitter and sampling seeds come from it.
        tally: Counts to keep.
        copies: How many copies of each backend answer at once.
    """

    def __init__(
        self,
        request: RunRequest,
        bindings: Mapping[str, Binding],
        asker: Asker,
        store: Store,
        run_id: int,
        seed: Seed,
        tally: Tally,
        copies: int = 1,
    ) -> None:
        self._request = request
        self._bindings = bindings
        self._asker = asker
        self._store = store
        self._run_id = run_id
        self._seed = seed
        self._tally = tally
        self._flying: dict[bytes, asyncio.Future[tuple[int, Reply]]] = {}
        self._checked: set[tuple[str, str]] = set()
        self._refused: set[int] = set()
        self._budget = Budget(request, tally)
        self.stopped: str | None = None
        self._pauses = Pauses(tally)
        models = {role: str(binding.name) for role, binding in bindings.items()}
        most = {role: binding.offers.concurrency for role, binding in bindings.items()}
        self._gates = gates(models, request.rpm, request.tpm, most, copies)
        self._counts = {
            role: getattr(binding.backend, "calls_for", None) for role, binding in bindings.items()
        }
        self._priced: set[Gate] = set()
        self._pricing = asyncio.Lock()
        self._alarm: asyncio.TimerHandle | None = None
        tally.waits = self._waits

    def stop(self, reason: str) -> None:
        """Send no further call; the first reason is kept."""
        if self.stopped is None:
            self.stopped = reason
        self._pauses.wake()
        for gate in self._gates.values():
            gate.open()

    # -- identity --------------------------------------------------------------------------------

    def _complete(self, ask: Ask, trial: Trial | None, place: Place) -> Ask:
        """The ask with its trial and, where the backend takes one, a sampling seed."""
        offers = self._bindings[ask.role].offers
        if isinstance(ask, Chat | Choose) and offers.seed and ask.decoding.seed is None:
            names = (
                place.phase,
                trial.item.key if trial else "",
                place.repeat,
                ask.name,
                ask.sample,
            )
            seed = self._seed.child("sampling", *names).integer()
            return completed(ask, trial, ask.decoding.seeded(seed))
        return completed(ask, trial, getattr(ask, "decoding", None))

    def _key(self, ask: Ask, place: Place) -> bytes:
        binding = self._bindings[ask.role]
        return reply_key(
            ask,
            backend=binding.name.backend,
            model=binding.name.model,
            options=binding.name.options,
            identity=binding.identity,
            repeat=place.repeat,
            trial=None if ask.trial is None else (ask.trial.item.key, ask.trial.levels),
        )

    # -- asking ----------------------------------------------------------------------------------

    async def answer(self, ask: Ask, trial: Trial | None, place: Place, position: int) -> Exchange:
        """The ask with its reply, from the store when it is there.

        Raises:
            Unanswered: Every try failed; the attempts are stored.
            Stop: No further call may be sent.
            CapabilityError: The model cannot answer such an ask.
        """
        self._check(ask)
        ask = self._complete(ask, trial, place)
        key = self._key(ask, place)
        reply_id, reply, cached = await self._reply(ask, key, place)
        self._file(place, position, ask, key, reply_id, cached=cached)
        self._store.tick()
        if cached:
            self._tally.cached += 1
        if reply.status == "error":
            raise Unanswered(reply, refused=reply_id in self._refused)
        return Exchange(ask, reply)

    def _file(
        self, place: Place, position: int, ask: Ask, key: bytes, reply_id: int, *, cached: bool
    ) -> None:
        self._store.add_ask(
            self._run_id,
            place.trial_id,
            place.item_id,
            position,
            ask,
            key,
            reply_id,
            cached=cached,
            phase=place.phase,
        )

    def _check(self, ask: Ask) -> None:
        # Plugins may ask what no spec declares, so each new shape of ask is checked once.
        shape = (ask.role, type(ask).__name__ + str(getattr(ask, "constraint", None) is not None))
        if shape in self._checked:
            return
        if ask.role not in self._bindings:
            raise CapabilityError(f"a plugin asks in the role {ask.role!r}, which has no model")
        lack = _lacks(ask_need(ask), self._bindings[ask.role].offers)
        if lack is not None:
            raise CapabilityError(
                f"{str(self._bindings[ask.role].name)!r} does not offer {lack}, "
                f"which the ask {ask.name!r} needs"
            )
        self._checked.add(shape)

    def _stored(self, key: bytes, place: Place) -> StoredReply | None:  # noqa: ARG002 - whose own replies count looks there
        """A stored reply that answers an ask of that key."""
        return self._store.find_reply(key)

    async def _reply(self, ask: Ask, key: bytes, place: Place) -> tuple[int, Reply, bool]:
        if self._request.cache:
            flying = self._flying.get(key)
            if flying is not None:
                try:
                    reply_id, reply = await asyncio.shield(flying)
                except _Abandoned:
                    return await self._reply(ask, key, place)
                # A failure is no answer that anyone can take over.
                return reply_id, reply, reply.status != "error"
            stored = self._stored(key, place)
            if stored is not None:
                return stored.id, stored.reply, True
        future: asyncio.Future[tuple[int, Reply]] = asyncio.get_running_loop().create_future()
        self._flying[key] = future
        try:
            reply_id, reply = await self._call(ask, key)
        except BaseException as error:
            if self._flying.get(key) is future:
                del self._flying[key]
            gone = isinstance(error, asyncio.CancelledError)
            future.set_exception(_Abandoned() if gone else error)
            # Someone else may or may not be waiting; an exception nobody fetched is no news.
            future.exception()
            raise
        if self._flying.get(key) is future:
            del self._flying[key]
        future.set_result((reply_id, reply))
        return reply_id, reply, False

    async def _call(self, ask: Ask, key: bytes) -> tuple[int, Reply]:
        waited = 0.0
        attempt = 0
        timeout = self._request.timeout or self._bindings[ask.role].offers.patience or PATIENCE
        gate = self._gates[ask.role]
        while True:
            attempt += 1
            reply, failure = await self._try(ask, gate, timeout)
            reply_id = self._store.add_reply(key, ask, reply, attempt=attempt)
            reason = self._budget.count(reply)
            if reason is not None:
                self.stop(reason)
            if failure is None:
                return reply_id, reply
            if failure.fatal:
                self.stop(failure.message)
            elif not failure.retry:
                self._refused.add(reply_id)
            self._respect(failure, gate)
            pause = self._wait(failure, key, attempt, waited)
            if pause is None:
                return reply_id, reply
            waited += pause
            await self._pause(pause, failure)

    async def _try(self, ask: Ask, gate: Gate, timeout: float) -> tuple[Reply, CallFailed | None]:
        """One call, when it is its turn; alone while a budget of dollars knows no price of the model."""
        if self._request.max_cost is None or gate in self._priced:
            return await self._send(ask, gate, timeout)
        async with self._pricing:
            if gate not in self._priced:
                tried = await self._send(ask, gate, timeout)
                if tried[0].cost is not None:
                    self._priced.add(gate)
                return tried
        return await self._send(ask, gate, timeout)

    async def _send(self, ask: Ask, gate: Gate, timeout: float) -> tuple[Reply, CallFailed | None]:
        reserved = 0.0
        calls = self._calls(ask)
        if gate.free and gate.in_flight < gate.most:
            if not gate.in_flight:
                gate.begin()
            gate.in_flight += 1
        else:
            self._look(calls, waiting=True)
            self._arm()
            reserved = await gate.enter(ask, calls)
        among = gate.in_flight
        came: Reply | CallFailed | None = None
        allowed = False
        sent = asyncio.get_running_loop().time()
        began = time.perf_counter()
        try:
            self._look(calls)
            self._budget.take(calls)
            allowed = True
            async with asyncio.timeout(timeout):
                came = reply = await self._asker.ask(ask)
        except TimeoutError:
            came = CallFailed(f"no reply within {timeout:g} s (--timeout)", retry=True)
        except CallFailed as error:
            came = error
        finally:
            gate.leave(came, reserved, sent, among)
            if came is None and allowed:
                self._budget.abandoned()
        if isinstance(came, CallFailed):
            self._tally.limited += came.limited
            reply = Reply(status="error", error=came.message, cost=came.cost)
        if reply.seconds is None:
            reply = attrs.evolve(reply, seconds=time.perf_counter() - began)
        return reply, came if isinstance(came, CallFailed) else None

    def _calls(self, ask: Ask) -> int:
        """How many calls an ask takes, as its backend has it."""
        count = self._counts[ask.role]
        return 1 if count is None else count(ask)

    def _look(self, calls: int, *, waiting: bool = False) -> None:
        """See that so many calls may still be sent.

        Raises:
            Stop: They may not.
        """
        reason = None if self.stopped else self._budget.refusal(calls, waiting=waiting)
        if reason is not None:
            self.stop(reason)
        if self.stopped is not None:
            raise Stop

    def _respect(self, failure: CallFailed, gate: Gate) -> None:
        """A provider that names a time to come back is left alone until then, by everyone."""
        if failure.after is None:
            return
        if failure.after > self._request.max_wait:
            self.stop(
                f"{failure.message}; the next call may be made in {failure.after:g} s, and at most "
                f"{self._request.max_wait:g} s are waited (--max-wait)"
            )
        else:
            gate.hold(failure.after)

    def _wait(self, failure: CallFailed, key: bytes, attempt: int, waited: float) -> float | None:
        """Seconds until the next try; None when there is none."""
        if not failure.retry or self.stopped is not None or attempt > self._request.retries:
            return None
        if failure.after is not None:
            wait = max(0.0, failure.after)
        else:
            # Of each call by itself: those that failed together must not come back together.
            jitter = 0.5 + self._seed.child("jitter", key.hex(), attempt).uniform()
            wait = min(LONGEST_BACK_OFF, 2.0 ** (attempt - 1)) * jitter
        return None if waited + wait > self._request.max_wait else wait

    async def _pause(self, seconds: float, failure: CallFailed) -> None:
        self._arm()
        if await self._pauses.pause(seconds, failure.message):
            raise Stop

    def _arm(self) -> None:
        """See to it that nobody goes on waiting when the time of the run is used up."""
        deadline = self._budget.deadline
        if self._alarm is None and deadline is not None:
            loop, left = asyncio.get_running_loop(), deadline - time.monotonic()
            self._alarm = loop.call_later(max(0.0, left), self.stop, self._budget.late)

    def _waits(self) -> list[str]:
        """Who waits, and why, for the progress line."""
        return [*waiting(dict.fromkeys(self._gates.values())), *self._pauses.says()]
