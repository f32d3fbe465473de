"""What a provider accepts: calls a minute that are named, and calls a minute and at once that it has shown to accept.

One invariant: these count and know no time but the one they are told; who waits is the gate's matter (the module
``pacing``).
"""

from __future__ import annotations

import math

import attrs

LATE = 0.1
"""Seconds by which a call may be late and the next still be on time."""
DECREASE = 0.95
SHARP = 0.8
"""In place of ``DECREASE`` when the level before failed at once."""
QUICK = 0.1
SLOW = 0.0025
"""Rise of an adapted rate per second, away from and near the level that failed."""
NEAR = 0.05
"""What is near a level, as a share of it."""
PATIENT = 20
"""How many times a width's own number of replies it takes to widen it by one near the level that failed."""
DOUBLING = 2.0
"""Seconds in which the first guess of a rate doubles until the provider objects again."""
NO_LIMIT = 1e6
"""Calls a minute that no run reaches: an adapted rate that rose so far holds nothing back."""
START = 8
"""Calls at once to begin with, while nothing is known of the provider."""
RAMP = 0.25
"""Seconds in which so many become twice as many; each reply lets one more through as well."""


@attrs.define
class Bucket:
    """So many units a minute, evenly spaced.

    Attributes:
        per_minute: Units.
        due: When the next call may go, in the loop's seconds.
    """

    per_minute: float
    due: float = -math.inf

    def take(self, units: float, now: float) -> None:
        """Spend units; the next call is due when they have come in again."""
        start = self.due if now - self.due <= LATE else now
        self.due = start + units * 60 / self.per_minute


@attrs.define
class Rate:
    """Calls a minute that the provider has shown to accept, once it objected; no limit before.

    Attributes:
        bucket: What spaces the calls; None while nothing is limited.
        failed: The rate that failed last, a minute.
    """

    bucket: Bucket | None = None
    failed: float = math.inf
    _sure: bool = False
    _risen: float = 0.0

    def guess(self, measured: float, now: float) -> None:
        """The provider objected for the first time, when it had accepted ``measured`` calls a minute."""
        self.bucket = Bucket(max(measured, 1.0), now)
        self._risen = now

    def lower(self, measured: float | None, now: float) -> None:
        """The provider objected again; ``measured`` is None when that came at once."""
        if self.bucket is None:
            return
        self.failed = max(1.0, min(self.bucket.per_minute, measured or math.inf))
        at_once = SHARP if self._sure else 0.5
        self.bucket.per_minute = self.failed * (at_once if measured is None else DECREASE)
        self._sure = True
        self._risen = now

    def rise(self, now: float) -> None:
        """Time has passed without an objection."""
        if self.bucket is None or now <= self._risen:
            return
        # A pause of minutes is no proof of anything, so it counts for a few seconds.
        seconds, self._risen = min(now - self._risen, 5.0), now
        rate = self.bucket.per_minute
        if not self._sure:
            rate *= 2 ** (seconds / DOUBLING)
        elif abs(rate / self.failed - 1) <= NEAR + 1e-9:
            rate += self.failed * SLOW * seconds
        else:
            rate += rate * QUICK * seconds
        self.bucket.per_minute = rate
        if rate > NO_LIMIT:
            self.bucket, self._sure = None, False


@attrs.define
class Width:
    """Calls at once that the provider has shown to accept; no limit when it took all that there were.

    Attributes:
        level: Calls at once, with a fraction that counts towards the next.
        starting: There was no objection yet, and not all who wanted to call did.
        failed: The level that failed last.
        peak: Most calls that were ever under way at once; above it there is nothing to limit.
        proven: Most calls that were under way when one was sent that was answered, since the last objection.
    """

    level: float = START
    starting: bool = True
    failed: float = math.inf
    peak: int = 0
    proven: int = 0
    _held: int = 0
    _since: float | None = None

    def grow(self, now: float) -> None:
        """At the beginning, make room for the time that somebody has waited."""
        if self._since is not None:
            self.level *= 2 ** (min(now - self._since, 10 * RAMP) / RAMP)
            self._since = None

    def room(self, in_flight: int, now: float) -> float:
        """At the beginning, when there is room for one more than are under way."""
        self._since = now
        return now + RAMP * math.log2((in_flight + 1.001) / self.level)

    def begun(self) -> None:
        """All who wanted to call did, and nobody objected."""
        self.starting, self._since, self.level = False, None, math.inf

    def lower(self, in_flight: int) -> None:
        """The provider objected while so many calls were under way, the refused one among them."""
        unlimited = self.starting or self.level == math.inf
        factor = DECREASE if unlimited or self._held >= self.failed else SHARP
        self.starting, self._since = False, None
        self.failed = max(1.0, min(self.level, in_flight - 1))
        self.level = max(1.0, math.ceil(self.failed * factor))
        self._held = 0

    def rise(self) -> None:
        """A call was answered."""
        if self.level == math.inf:
            return
        if self.starting:
            self.level += 1
            return
        self._held += 1
        near = abs(self.level - self.failed) < 1 + NEAR * self.failed
        self.level += 1 / self.level / (PATIENT if near else 1)
        if self.level > self.peak:
            self.level = math.inf
