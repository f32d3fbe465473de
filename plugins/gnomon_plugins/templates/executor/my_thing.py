"""The executor ``my-thing``: answers asks one after the other, in the order in which they come.

One invariant: an executor brings an ask to its role's backend and the reply back; caching, retrying and storing
are the run's, and stay where they are.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import attrs
import gnomon


@attrs.frozen(kw_only=True)
class MyThing:
    """One ask at a time, for programs that cannot be asked two things at once.

    Example::

        gnomon run my-measure.toml --model scripted:fill --on my-thing
    """

    name: ClassVar[str] = "my-thing"

    @asynccontextmanager
    async def open(self, backends: Mapping[str, Any]) -> AsyncIterator[gnomon.Asker]:
        """Around the backends of all roles; they are closed at the end, each once."""
        try:
            yield _InTurn(backends)
        finally:
            for backend in {id(one): one for one in backends.values()}.values():
                close = getattr(backend, "close", None)
                closing = close() if close is not None else None
                if inspect.isawaitable(closing):
                    await closing


class _InTurn:
    def __init__(self, backends: Mapping[str, Any]) -> None:
        self._backends = backends
        self._turn = asyncio.Lock()

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """The reply of the role's backend; ``CallFailed`` passes through untouched."""
        backend = self._backends[ask.role]
        async with self._turn:
            if inspect.iscoroutinefunction(backend.ask):
                reply = await backend.ask(ask)
            elif backend.offers.blocking:
                # A backend that waits would stop the whole run if it waited here.
                reply = await asyncio.to_thread(backend.ask, ask)
            else:
                reply = backend.ask(ask)
                reply = await reply if inspect.isawaitable(reply) else reply
        assert isinstance(reply, gnomon.Reply)
        return reply


@gnomon.hookimpl
def register_executors() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
