"""How much of a provider's limit a run uses, and what share of its calls is refused, over loopback.

    python tests/benchmarks/bench_limits.py [SECONDS]

The server counts calls as providers do (so many a second, some of them saved up) or calls at once, and refuses
the rest with 429. A run is told the limit, or finds it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1])]

from long_runs import ITEMS, whole_run  # noqa: E402 - found on the path set above
from servers import Answer, Request, completion, serving  # noqa: E402 - as above


class Limited:
    """A server's handler that accepts so many calls a second, or so many at once."""

    def __init__(
        self,
        rate: float = 0.0,
        burst: float = 20.0,
        wide: int = 0,
        latency: float = 0.02,
        retry_after: str | None = None,
    ) -> None:
        self.rate, self.saved, self.burst = rate, burst, burst
        self.wide, self.latency, self.retry_after = wide, latency, retry_after
        self.accepted: list[float] = []
        self.refused = 0

    def __call__(self, _: Request) -> Answer:
        now = time.monotonic()
        if self.rate:
            before = self.accepted[-1] if self.accepted else now
            self.saved = min(self.burst, self.saved + (now - before) * self.rate)
            full = self.saved < 1
        else:
            # Calls that were accepted less than a latency ago are still being answered.
            full = (
                sum(now - when < self.latency for when in self.accepted[-2 * self.wide :])
                >= self.wide
            )
        if full:
            self.refused += 1
            headers = {} if self.retry_after is None else {"retry-after": self.retry_after}
            return Answer(status=429, body={"error": "too many calls"}, headers=headers)
        self.saved -= 1
        self.accepted.append(now)
        return Answer(body=completion("fine"), delay=self.latency)


def measure(title: str, limited: Limited, limit: float, seconds: float, *more: str) -> None:
    """One run, and a line."""
    trials = max(1, round(limit * seconds / (2 * ITEMS))) * 2 * ITEMS
    with tempfile.TemporaryDirectory() as folder, serving(limited) as server:
        model = f"http:m?base_url={server.url}&connections=50"
        ran = whole_run(Path(folder), trials, model, *more)
    span = limited.accepted[-1] - limited.accepted[0]
    late = [when for when in limited.accepted if when > limited.accepted[0] + span / 4]
    share = limited.refused / (limited.refused + len(limited.accepted))
    print(
        f"{title}: {len(limited.accepted) / span / limit:.2f} of the limit over {span:.0f} s, "
        f"{len(late) / (span * 0.75) / limit:.2f} after the first quarter, {share:.2%} of calls refused, "
        f"{ran.report['limited']} known to the run"
    )


def main() -> None:
    """A line for each kind of limit."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    measure("200/s, --rpm", Limited(rate=200), 200, seconds, "--rpm", "12000")
    tokens = json.dumps(completion("fine")["usage"]["total_tokens"])
    tpm = str(200 * 60 * int(tokens))
    measure("200/s, --tpm", Limited(rate=200), 200, seconds, "--tpm", tpm)
    measure("200/s, found", Limited(rate=200), 200, seconds)
    measure("200/s, retry-after 1", Limited(rate=200, retry_after="1"), 200, seconds)
    measure("20 at once, found", Limited(wide=20, latency=0.4), 50, seconds)
    assert threading.active_count() == 1


if __name__ == "__main__":
    main()
