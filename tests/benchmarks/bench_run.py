"""Trials per second and peak memory of whole runs, beside the bare aiohttp client in the same run.

    python tests/benchmarks/bench_run.py [TRIALS] [--memory] [--profile]

``--memory`` adds a run of 2,000 and one of 200,000 scripted trials; ``--profile`` prints what the loop
spends its time on, by its own time.
"""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import io
import os
import pstats
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1])]

from bench_http import at_once  # noqa: E402 - beside this file

from long_runs import Ran, whole_run, write_measure  # noqa: E402 - found on the path set above

AT_ONCE = 50
ROUNDS = 3


@contextlib.contextmanager
def instant_server() -> Iterator[str]:
    """The base URL of a server in a process of its own that answers every chat at once."""
    command = [sys.executable, str(HERE.parents[1] / "servers.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.communicate("", timeout=10)


async def bare(url: str, calls: int) -> float:
    """Calls per second of the client with nothing around it."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call(n: int) -> None:
            body = {"model": "m", "messages": [{"role": "user", "content": f"Number {n}"}]}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                await response.json()

        await at_once(call, 500)
        return await at_once(call, calls)


def middle(values: list[float]) -> float:
    """The median of an odd number of values."""
    return sorted(values)[len(values) // 2]


def run_once(trials: int, model: str) -> Ran:
    """A whole run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return whole_run(Path(folder), trials, model)


def profile(trials: int, model: str) -> str:
    """The thirty functions with most time of their own, in a run in this process."""
    from gnomon.cli import main

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = write_measure(folder, trials)
        command = ["run", str(spec), "--plugin", str(folder / "length.py"), "--model", model]
        sys.argv = ["gnomon", *command, "--db", str(folder / "long.db"), "--quiet"]
        profiler = cProfile.Profile()
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            profiler.runcall(main)
        said = io.StringIO()
        pstats.Stats(profiler, stream=said).sort_stats("tottime").print_stats(30)
        return said.getvalue()


def main() -> None:
    """Print rates, ratios and, when asked, memory and profile."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    trials = numbers[0] if numbers else 20_000
    wanted = set(sys.argv[1:])
    with instant_server() as url:
        model = f"http:m?base_url={url}&connections={AT_ONCE}"
        # In turns, so that the machine is the same for both.
        rates = [
            (asyncio.run(bare(url, trials)), run_once(trials, model).rate) for _ in range(ROUNDS)
        ]
        client, whole = (middle(list(column)) for column in zip(*rates, strict=True))
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        print(
            f"bare aiohttp {client:,.0f} calls/s, whole run over http {whole:,.0f} trials/s, "
            f"ratio {middle([ours / theirs for theirs, ours in rates]):.2f}"
        )
        scripted = run_once(trials, "scripted:fill")
        print(f"whole run of scripted:fill {scripted.rate:,.0f} trials/s")
        if "--memory" in wanted:
            small, large = (run_once(count, "scripted:fill") for count in (2_000, 200_000))
            print(
                f"peak memory: 2,000 trials {small.peak:.0f} MiB, 200,000 trials {large.peak:.0f} MiB "
                f"(difference {large.peak - small.peak:.0f}), {large.rate:,.0f} trials/s"
            )
        if "--profile" in wanted:
            print(profile(trials, model))


if __name__ == "__main__":
    main()
