"""What Ray costs per ask beside this process, and what a second actor of the local model brings.

    python tests/benchmarks/bench_ray.py [ASKS] [--local]

Asks go through the open executor, as those of a run do; starting the cluster is not counted. ``--local`` asks the real
local model with one actor and with two, each of one thread, and pulls its weights when they are absent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1])]

from bench_run import instant_server  # noqa: E402 - beside this file

from gnomon import Chat, Decoding, Message  # noqa: E402 - as above
from gnomon.catalogue import Catalogue  # noqa: E402 - as above
from gnomon.modelname import make_backend, make_executor  # noqa: E402 - as above


async def rate(on: str, model: str, asks: int, at_once: int) -> float:
    """Asks answered per second, once the first have been."""
    catalogue = Catalogue()
    executor: Any = make_executor(catalogue, on)
    backend = make_backend(catalogue, model)
    numbers = iter(range(at_once * 2 + asks))

    async with executor.open({"subject": backend}) as asker:

        async def worker(most: int) -> None:
            for _ in range(most):
                text = f"Say a word about the number {next(numbers)}."
                decoding = Decoding(max_tokens=12, temperature=0.0)
                await asker.ask(Chat(messages=(Message("user", text),), decoding=decoding))

        await asyncio.gather(*(worker(1) for _ in range(at_once)))
        began = time.perf_counter()
        await asyncio.gather(*(worker(asks // at_once) for _ in range(at_once)))
        return (asks // at_once) * at_once / (time.perf_counter() - began)


def main() -> None:
    """Print rates and ratios."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    asks = numbers[0] if numbers else 20_000
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with instant_server() as url:
        model = f"http:m?base_url={url}&connections=64"
        here = asyncio.run(rate("in-process", model, asks, 64))
        there = asyncio.run(rate("ray?actors=2&cpus=0", model, asks, 128))
        print(
            f"http on an instant server: in this process {here:,.0f} asks/s, on two actors {there:,.0f}, "
            f"ratio {there / here:.2f}, {1e6 / there:,.0f} µs per ask against {1e6 / here:,.0f}"
        )
    here = asyncio.run(rate("in-process", "scripted:fill", asks, 128))
    there = asyncio.run(rate("ray?actors=1&cpus=0", "scripted:fill", asks, 128))
    print(
        f"answers that cost nothing: in this process {here:,.0f} asks/s, on one actor {there:,.0f}, so an "
        f"ask costs {1e6 / there - 1e6 / here:,.0f} µs more"
    )
    if "--local" in sys.argv:
        model = "local:smollm2-135m?threads=1&slots=1"
        one = asyncio.run(rate("ray?actors=1&cpus=0", model, 16, 2))
        two = asyncio.run(rate("ray?actors=2&cpus=0", model, 16, 4))
        print(f"local model: one actor {one:.2f} replies/s, two {two:.2f}, ratio {two / one:.2f}")


if __name__ == "__main__":
    main()
