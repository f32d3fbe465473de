"""Those who wait between two tries of a call: how long, and why.

One invariant: nobody waits on once nobody may call any more.
"""

from __future__ import annotations

import asyncio
import time

from gnomon.run.pacing import wait
from gnomon.run.progress import Tally

_SHOWN = 80


class Pauses:
    """Pauses between tries, of all calls of a run.

    Args:
        tally: Whose seconds of waiting are counted.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._waking = asyncio.Event()
        self._due: dict[str, list[float]] = {}
        self._now = time.monotonic

    def wake(self) -> None:
        """End every pause, those to come as well."""
        self._waking.set()

    async def pause(self, seconds: float, reason: str) -> bool:
        """Wait for so long, or until all are woken; says whether that was so."""
        now = self._now = asyncio.get_running_loop().time
        began = now()
        due = began + seconds
        others = self._due.setdefault(reason, [])
        others.append(due)
        waited: float | None = None
        try:
            async with asyncio.timeout(seconds):
                await self._waking.wait()
        except TimeoutError:
            waited = seconds
            return False
        finally:
            # What was meant to be waited, and not what a busy machine made of it.
            self._tally.waiting += now() - began if waited is None else waited
            others.remove(due)
        return True

    def says(self) -> list[str]:
        """Who waits, until when, and why most of them do; empty when nobody does."""
        reason, due = max(
            ((reason, list(due)) for reason, due in list(self._due.items())),
            key=lambda pair: len(pair[1]),
            default=("", []),
        )
        if not due:
            return []
        left = max(0.0, min(due) - self._now())
        return [
            f"{wait(len(due))} to try again, the next in {left:.0f} s, after: {reason[:_SHOWN]}"
        ]
