"""Tokens per second of the local backend over those of xllamacpp called directly, in one run.

Both have the same number of slots and threads, answer the same prompts with the same seeds and lengths,
and take turns, so that what else the machine does hits both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from gnomon import Chat, Decoding, Message
from gnomon_plugins.backends.local import Local

pytestmark = [pytest.mark.benchmark, pytest.mark.local_model]

ROUNDS = 7
ASKS = 8
TOKENS = 24


def _prompt(index: int) -> str:
    # Each prompt comes once: how much a cache of whole prompts helps is another question.
    return f"{index + 2} travellers lost their way in the mountains. Tell me their long story."


def _timed(call: Callable[[int], int], slots: int, first: int) -> float:
    """Tokens per second over asks numbered from ``first``."""
    began = time.perf_counter()
    with ThreadPoolExecutor(slots) as pool:
        tokens = sum(pool.map(call, range(first, first + ASKS)))
    return tokens / (time.perf_counter() - began)


def test_throughput_against_xllamacpp(local_model: Local) -> None:
    """At least 0.9 of the tokens per second of xllamacpp itself."""
    import xllamacpp

    slots = local_model.slots
    params = xllamacpp.CommonParams()
    params.model.path = local_model.models()[0].path
    params.n_ctx = slots * local_model.context
    params.n_parallel = slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = local_model.processors
    params.verbosity = -1
    direct = xllamacpp.Server(params)

    def ask_direct(index: int) -> int:
        answer = direct.handle_chat_completions(
            {
                "messages": [{"role": "user", "content": _prompt(index)}],
                "max_tokens": TOKENS,
                "temperature": 0.7,
                "seed": index,
            }
        )
        return int(answer["usage"]["completion_tokens"])

    def ask_backend(index: int) -> int:
        reply = local_model.ask(
            Chat(
                messages=(Message("user", _prompt(index)),),
                decoding=Decoding(temperature=0.7, seed=index, max_tokens=TOKENS),
            )
        )
        return reply.tokens_out or 0

    calls = {"xllamacpp": ask_direct, "local": ask_backend}
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(-1, ROUNDS):
        # Who goes first changes, and the round before the first only warms up.
        for name in sorted(calls, reverse=round_ % 2 == 0):
            rate = _timed(calls[name], slots, (round_ + 1) * ASKS)
            if round_ >= 0:
                rates[name].append(rate)
    local, direct_rate = (median(rates[name]) for name in ("local", "xllamacpp"))
    ratio = median(a / b for a, b in zip(rates["local"], rates["xllamacpp"], strict=True))
    print(
        f"\n{slots} slots: local {local:.1f} tokens/s, "
        f"xllamacpp {direct_rate:.1f} tokens/s, ratio {ratio:.2f}"
    )
    assert ratio >= 0.9
