"""Ctrl-C: once to stop after the calls in flight, twice to stop at once.

One invariant: whichever it is, what has arrived is stored, and the same command goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def first_signal_stops(stop: Callable[[], bool]) -> Iterator[None]:
    """Let the first Ctrl-C call ``stop``, and a further one end the present task.

    Args:
        stop: Called at each Ctrl-C; says whether it was the first.
    """
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    ended = False

    def on_signal() -> None:
        nonlocal ended
        if not stop() and main is not None:
            ended = True
            main.cancel()

    try:
        loop.add_signal_handler(signal.SIGINT, on_signal)
    except (NotImplementedError, RuntimeError, ValueError):
        # No signal handlers off the main thread or on this platform: KeyboardInterrupt does it.
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if not ended:
            raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
