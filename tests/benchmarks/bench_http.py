"""Calls per second of the ``http`` backend against a bare aiohttp client, in one run.

    python tests/benchmarks/bench_http.py [CALLS] [--profile]

Both keep 50 calls under way against an instant server in a process of its own, in turns, so that the
machine is the same for both.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from gnomon import Chat, Decoding, Message
from gnomon_plugins.backends.http import Http

AT_ONCE = 50
ROUNDS = 5
SERVER = Path(__file__).resolve().parents[1] / "servers.py"


async def at_once(call, calls: int) -> float:
    """Calls per second with fifty calls under way."""
    waiting = iter(range(calls))

    async def worker() -> None:
        for n in waiting:
            await call(n)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return calls / (time.perf_counter() - began)


async def measure(url: str, calls: int, profile: bool) -> tuple[float, float]:
    """Median calls per second of the bare client and of the backend."""
    backend = Http(model="m", base_url=url, connections=AT_ONCE)
    body = {"model": "m", "messages": [{"role": "user", "content": "Which of the two? 1"}]}
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def bare(n: int) -> None:
            body["messages"][0]["content"] = f"Which of the two? {n}"
            async with session.post(f"{url}/chat/completions", json=body) as response:
                json.loads(await response.read())

        async def ours(n: int) -> None:
            ask = Chat(
                messages=(Message("user", f"Which of the two? {n}"),),
                decoding=Decoding(temperature=0.7, max_tokens=50),
            )
            reply = await backend.ask(ask)
            assert reply.text == "instant"

        await at_once(bare, 500)
        await at_once(ours, 500)
        rates: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            rates.append((await at_once(bare, calls), await at_once(ours, calls)))
        if profile:
            profiler = cProfile.Profile()
            profiler.enable()
            await at_once(ours, calls)
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    await backend.close()
    middle = ROUNDS // 2
    return tuple(sorted(column)[middle] for column in zip(*rates, strict=True))  # type: ignore[return-value]


def main() -> None:
    """Print both rates and their ratio."""
    numbers = [int(arg) for arg in sys.argv[1:] if arg.isdigit()]
    server = subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        url = server.stdout.readline().strip()
        calls = numbers[0] if numbers else 3000
        bare, ours = asyncio.run(measure(url, calls, "--profile" in sys.argv))
    finally:
        server.communicate("", timeout=10)
    print(
        f"bare aiohttp {bare:,.0f} calls/s, http backend {ours:,.0f} calls/s, ratio {ours / bare:.2f}"
    )


if __name__ == "__main__":
    main()
