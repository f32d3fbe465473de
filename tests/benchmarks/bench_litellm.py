"""Calls per second of the ``litellm`` backend against bare ``litellm.acompletion``, in one run.

    python tests/benchmarks/bench_litellm.py [CALLS]

Both keep 50 calls under way against an instant server in a process of its own, in turns, so that the
machine is the same for both.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ.setdefault("OPENAI_API_KEY", "unused")

import litellm
from bench_http import ROUNDS, SERVER, at_once

from gnomon import Chat, Decoding, Message
from gnomon_plugins.backends.providers import LiteLLM

MODEL = "openai/gpt-4o"


async def measure(url: str, calls: int) -> tuple[float, float]:
    """Median calls per second of the bare library and of the backend."""
    backend = LiteLLM(model=MODEL, base_url=url)

    async def bare(n: int) -> None:
        messages = [{"role": "user", "content": f"Which of the two? {n}"}]
        given = {"temperature": 0.7, "max_tokens": 50, "max_retries": 0, "api_base": url}
        response = await litellm.acompletion(model=MODEL, messages=messages, **given)
        assert response.choices[0].message.content == "instant"

    async def ours(n: int) -> None:
        ask = Chat(
            messages=(Message("user", f"Which of the two? {n}"),),
            decoding=Decoding(temperature=0.7, max_tokens=50),
        )
        assert (await backend.ask(ask)).text == "instant"

    await at_once(bare, 50)
    await at_once(ours, 50)
    rates: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        rates.append((await at_once(bare, calls), await at_once(ours, calls)))
    await backend.close()
    middle = ROUNDS // 2
    return tuple(sorted(column)[middle] for column in zip(*rates, strict=True))  # type: ignore[return-value]


def main() -> None:
    """Print both rates and their ratio."""
    server = subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        url = server.stdout.readline().strip()
        calls = int(sys.argv[1]) if len(sys.argv) > 1 else 300
        bare, ours = asyncio.run(measure(url, calls))
    finally:
        server.communicate("", timeout=10)
    print(
        f"bare litellm {bare:,.0f} calls/s, litellm backend {ours:,.0f} calls/s, ratio {ours / bare:.2f}"
    )


if __name__ == "__main__":
    main()
