"""An event loop whose clock jumps to the next thing that is due, so that minutes of waiting take no time."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any

import pytest


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: what would have been waited for is added to the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """As any loop, with a clock of its own that begins at 0."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def take_the_clock(patch: pytest.MonkeyPatch) -> Callable[[], float]:
    """Every loop is a virtual one, and what asks for the monotonic time is told the newest one's.

    Returns:
        That clock; it stands still between two loops.
    """
    loops: list[VirtualLoop] = []

    def begin() -> VirtualLoop:
        loops.append(VirtualLoop())
        return loops[-1]

    def now() -> float:
        return loops[-1].time() if loops else 0.0

    patch.setattr(asyncio.events, "new_event_loop", begin)
    patch.setattr(time, "monotonic", now)
    return now
