"""The actors of one backend, and the asks that wait for them.

One invariant: an ask is with at most one actor. What an actor had when it died goes back to the front of the
queue, and an ask that was with three actors when they died is given up. An ask that nobody waits for any more, because
its time is over, takes no actor's room.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

import gnomon
from gnomon_plugins.executors._ray_actor import Copy, Package, versions

_LOG = logging.getLogger(__name__)

DEATHS = 3
"""Actors that may die with an ask before it is given up."""
LOST_IN_A_ROW = 10
"""Actors that may die, none having answered in between, before the run is given up."""
OVERLAP = 2
"""Batches that are on their way to an actor at once."""
ROOM = 256
"""Asks that an actor has at once when its backend has no limit of its own."""


@attrs.frozen(kw_only=True)
class Terms:
    """What is asked of the cluster; see the executor."""

    actors: int
    cpus: float
    gpus: float
    batch: int
    patience: float


def packed(backend: Any, roles: Iterable[str]) -> Package:
    """The backend, ready to be sent.

    Raises:
        ModelError: It cannot be sent, or its plugin file is gone.
    """
    name = f"{backend.name}:{backend.model}"
    try:
        data = pickle.dumps(backend, 5)
    except Exception as error:  # noqa: BLE001 - anything may go wrong in a stranger's class
        raise gnomon.ModelError(
            f"the model {name!r} cannot be sent to other processes ({error}); use --on in-process"
        ) from None
    module = type(backend).__module__
    modules: tuple[tuple[str, str, str], ...] = ()
    file = getattr(sys.modules.get(module), "__file__", None)
    if module.startswith("gnomon_file_") and file is not None:
        try:
            modules = ((module, file, Path(file).read_text("utf-8")),)
        except OSError:
            raise gnomon.ModelError(
                f"the plugin file {file} is gone, so it cannot be sent to the workers; put it back"
            ) from None
    return Package(
        data=data,
        modules=modules,
        name=name,
        roles=tuple(roles),
        versions=tuple(versions().items()),
    )


@attrs.define(eq=False)
class _Waiting:
    ask: gnomon.Ask
    reply: asyncio.Future[gnomon.Reply]
    deaths: int = 0


@attrs.define(eq=False)
class _Seat:
    """A place for an actor."""

    actor: Any
    ready: bool = False
    held: dict[int, _Waiting] = attrs.field(factory=dict)
    calls: int = 0


class Pool:
    """The actors of one backend.

    Args:
        ray: The library, connected.
        package: The backend.
        terms: How many actors, and what each reserves.
        room: Asks that one actor can work on at once; None for no limit of its own.
    """

    def __init__(self, ray: Any, package: Package, terms: Terms, room: int | None) -> None:
        self._ray = ray
        self._package = package
        self._terms = terms
        self._room = room or ROOM
        self._cls = ray.remote(Copy).options(
            num_cpus=terms.cpus,
            num_gpus=terms.gpus,
            max_concurrency=1000,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        self._queue: deque[_Waiting] = deque()
        self._seats: list[_Seat] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self._due = False
        self._lost = 0
        self._failed: gnomon.CallFailed | None = None
        self._first: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Wait for the first actor; the others join as they come.

        Raises:
            ModelError: None became ready, with the reason.
        """
        self._first = asyncio.get_running_loop().create_future()
        for _ in range(self._terms.actors):
            self._seat()
        try:
            async with asyncio.timeout(self._terms.patience):
                await self._first
        except TimeoutError:
            raise gnomon.ModelError(self._nobody()) from None

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """The reply of whichever actor is free."""
        if self._failed is not None:
            raise self._failed
        waiting = _Waiting(ask, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if not self._due:
            # At the end of this turn of the loop, so that asks that come together go out together.
            self._due = True
            asyncio.get_running_loop().call_soon(self._send)
        try:
            return await waiting.reply
        except asyncio.CancelledError:
            self._forget(waiting)
            raise

    async def close(self) -> None:
        """Close the backends and end the actors."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        ready = [seat.actor for seat in self._seats if seat.ready]
        closing = [actor.close.remote() for actor in ready]
        if closing:
            done = asyncio.get_running_loop().run_in_executor(
                None, lambda: self._ray.wait(closing, num_returns=len(closing), timeout=10)
            )
            await done
        for seat in self._seats:
            self._ray.kill(seat.actor)

    # -- actors ----------------------------------------------------------------------------------

    def _begin(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _seat(self) -> None:
        seat = _Seat(self._cls.remote(self._package))
        self._seats.append(seat)
        self._begin(self._settle(seat))

    async def _settle(self, seat: _Seat) -> None:
        """Wait until an actor has its backend."""
        try:
            _, wrong = await seat.actor.prepare.remote()
        except self._ray.exceptions.RayError as error:
            self._bury(seat, error)
            return
        if wrong is not None:
            self._refuse(seat, wrong)
            return
        seat.ready = True
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        self._send()

    def _bury(self, seat: _Seat, error: Exception) -> None:
        """An actor has died: its asks go to others, and another takes its place."""
        if seat not in self._seats:
            return
        self._seats.remove(seat)
        with contextlib.suppress(Exception):
            # One that only cannot be reached would keep its place on the cluster.
            self._ray.kill(seat.actor)
        self._lost += 1
        for waiting in reversed(seat.held.values()):
            waiting.deaths += 1
            if waiting.deaths < DEATHS:
                self._queue.appendleft(waiting)
            elif not waiting.reply.done():
                waiting.reply.set_exception(
                    gnomon.CallFailed(
                        f"{DEATHS} workers died while {self._package.name} was to answer this ask"
                    )
                )
        if self._lost >= LOST_IN_A_ROW:
            said = " ".join(str(error).split())[:300]
            self._fail(
                gnomon.ModelError(
                    f"{self._lost} workers for {self._package.name} died one after another: {said}"
                )
            )
            return
        self._seat()
        self._send()

    def _refuse(self, seat: _Seat, wrong: Exception) -> None:
        """An actor cannot load its backend where it is: the others go on without it, if there are any."""
        if not any(one.ready for one in self._seats):
            self._fail(wrong)
            return
        # No other takes its place, for it would most likely be put on the same node.
        self._seats.remove(seat)
        self._ray.kill(seat.actor)
        left = sum(one.ready for one in self._seats)
        _LOG.warning(
            "gnomon: %s; the run goes on with %s of %s workers", wrong, left, self._terms.actors
        )

    def _fail(self, error: Exception) -> None:
        """Nothing can be answered any more."""
        if self._first is not None and not self._first.done():
            self._first.set_exception(error)
        failure = gnomon.CallFailed(str(error), fatal=True)
        self._failed = failure
        for seat in self._seats:
            self._queue.extend(seat.held.values())
            seat.held.clear()
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.reply.done():
                waiting.reply.set_exception(failure)

    def _nobody(self) -> str:
        has = self._ray.cluster_resources().get("CPU", 0)
        return (
            f"no worker for {self._package.name} was ready within {self._terms.patience:g} s: each reserves "
            f"{self._terms.cpus:g} processors and {self._terms.gpus:g} GPUs, and the cluster has {has:g} "
            "processors in all; add nodes, reserve less (cpus), or wait longer (patience)"
        )

    # -- asks ------------------------------------------------------------------------------------

    def _forget(self, waiting: _Waiting) -> None:
        """Nobody waits for an ask any more: the actor that has it drops it, and another has its room."""
        for seat in self._seats:
            for number, held in seat.held.items():
                if held is waiting:
                    del seat.held[number]
                    self._begin(self._drop(seat, number))
                    self._send()
                    return

    async def _drop(self, seat: _Seat, number: int) -> None:
        # Of an actor that is dead the exchange that is under way tells.
        with contextlib.suppress(self._ray.exceptions.RayError):
            await seat.actor.drop.remote(number)

    def _send(self) -> None:
        """Give what waits to those who have room, the least busy first."""
        self._due = False
        while self._queue:
            seats = [
                seat
                for seat in self._seats
                if seat.ready and len(seat.held) < self._room and seat.calls < OVERLAP
            ]
            if not seats:
                return
            seat = min(seats, key=lambda one: len(one.held))
            share = -(-len(self._queue) // len(seats))
            most = min(self._terms.batch, self._room - len(seat.held), share)
            batch: list[tuple[int, gnomon.Ask]] = []
            while self._queue and len(batch) < most:
                waiting = self._queue.popleft()
                if waiting.reply.done():
                    continue
                self._number += 1
                seat.held[self._number] = waiting
                batch.append((self._number, waiting.ask))
            if batch:
                self._begin_exchange(seat, batch)

    def _begin_exchange(self, seat: _Seat, batch: list[tuple[int, gnomon.Ask]]) -> None:
        try:
            data = pickle.dumps(batch, 5)
        except Exception:  # noqa: BLE001 - anything may go wrong in a stranger's class
            batch = [pair for pair in batch if self._travels(seat, *pair)]
            data = pickle.dumps(batch, 5)
        seat.calls += 1
        self._begin(self._exchange(seat, data, [number for number, _ in batch]))

    def _travels(self, seat: _Seat, number: int, ask: gnomon.Ask) -> bool:
        """Whether an ask can be sent; one that cannot has failed."""
        try:
            pickle.dumps(ask, 5)
        except Exception as error:  # noqa: BLE001 - as above
            failure = gnomon.CallFailed(f"the ask {ask.name!r} cannot be sent to a worker: {error}")
            _end(seat, number, failure)
            return False
        return True

    async def _exchange(self, seat: _Seat, data: bytes, numbers: list[int]) -> None:
        exceptions = self._ray.exceptions
        try:
            done = pickle.loads(await seat.actor.exchange.remote(data))  # noqa: S301 - from an actor of ours
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            if isinstance(error, exceptions.RayError) and not isinstance(
                error, exceptions.RayTaskError
            ):
                self._bury(seat, error)
                return
            # The actor lives; it could not take what it was sent.
            said = " ".join(str(getattr(error, "cause", error)).split())[:300]
            failure = gnomon.CallFailed(
                f"a worker for {self._package.name} could not take what it was to answer: {said}"
            )
            done = [(number, pickle.dumps(failure, 5)) for number in numbers or [*seat.held]]
        seat.calls -= 1
        if done:
            self._lost = 0
        for number, came in done:
            _end(seat, number, _opened(came))
        # Those who waited have their turn first, so that what they ask next goes along.
        asyncio.get_running_loop().call_soon(self._go_on, seat)

    def _go_on(self, seat: _Seat) -> None:
        self._send()
        if seat.held and not seat.calls and seat in self._seats:
            self._begin_exchange(seat, [])


def _end(seat: _Seat, number: int, came: Any) -> None:
    """Hand a reply, or an exception, to whoever waits for it."""
    waiting = seat.held.pop(number, None)
    if waiting is None or waiting.reply.done():
        return
    if isinstance(came, Exception):
        waiting.reply.set_exception(came)
    else:
        waiting.reply.set_result(came)


def _opened(data: bytes) -> Any:
    """What a worker has sent; a failure where it cannot be read here."""
    try:
        return pickle.loads(data)  # noqa: S301 - from an actor of ours
    except Exception as error:  # noqa: BLE001 - anything may go wrong in a stranger's class
        return gnomon.CallFailed(f"the reply of a worker cannot be read in this process: {error}")
