"""Answers asks in this process, on one event loop.

One invariant: nothing that blocks runs on the event loop. A plain ``ask`` of a blocking backend gets a
thread, one per ask that the backend can work on at once.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import attrs

import gnomon

MOST_THREADS = 32

Answer = Callable[[gnomon.Ask], Awaitable[gnomon.Reply]]


@attrs.frozen(kw_only=True)
class InProcess:
    """Drives every model from this process; the default of ``--on``.

    Network backends are asked on the event loop, models that compute in threads, and instant ones inline.

    Example::

        gnomon run implicit-bias --model scripted:fill --on in-process
    """

    name: ClassVar[str] = "in-process"

    @asynccontextmanager
    async def open(self, backends: Mapping[str, Any]) -> AsyncIterator[gnomon.Asker]:
        """Ways to ask the backend of each role; the backends are closed at the end."""
        distinct = {id(backend): backend for backend in backends.values()}
        pools: list[ThreadPoolExecutor] = []
        ways = {key: _way(backend, pools) for key, backend in distinct.items()}
        try:
            yield _Asker({role: ways[id(backend)] for role, backend in backends.items()})
        finally:
            # A model must not be freed under a thread that still computes with it.
            for pool in pools:
                pool.shutdown(wait=True, cancel_futures=True)
            for backend in distinct.values():
                close = getattr(backend, "close", None)
                closing = close() if close is not None else None
                if inspect.isawaitable(closing):
                    await closing


class _Asker:
    def __init__(self, ways: Mapping[str, Answer]) -> None:
        self._ways = ways

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        return await self._ways[ask.role](ask)


def _way(backend: Any, pools: list[ThreadPoolExecutor]) -> Answer:
    if inspect.iscoroutinefunction(backend.ask):
        return backend.ask  # type: ignore[no-any-return]  # checked on the line above
    if not backend.offers.blocking:

        async def inline(ask: gnomon.Ask) -> gnomon.Reply:
            reply = backend.ask(ask)
            # A backend that is instant for most asks may still make some of them wait.
            return reply if isinstance(reply, gnomon.Reply) else await reply

        return inline
    pool = ThreadPoolExecutor(
        max_workers=backend.offers.concurrency or MOST_THREADS, thread_name_prefix="gnomon-ask"
    )
    pools.append(pool)

    async def threaded(ask: gnomon.Ask) -> gnomon.Reply:
        return await asyncio.get_running_loop().run_in_executor(pool, backend.ask, ask)

    return threaded
