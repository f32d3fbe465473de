"""What comes out of llama.cpp, put into records.

One invariant: a reply holds what the model wrote and nothing else; prompts and prefills are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gnomon import Reply, TokenLogprob


def chat_reply(answer: Mapping[str, Any]) -> Reply:
    choice = answer["choices"][0]
    finish = choice["finish_reason"]
    tokens = None
    if choice.get("logprobs"):
        tokens = tuple(
            TokenLogprob(position["token"], position["logprob"], _alternatives(position))
            for position in choice["logprobs"]["content"]
            if position["token"]  # the token that ends the reply has no text
        )
    usage = answer["usage"]
    return Reply(
        status="truncated" if finish == "length" else "ok",
        text=choice["text"],
        finish=finish,
        tokens=tokens,
        tokens_in=usage["prompt_tokens"],
        tokens_out=usage["completion_tokens"],
        raw=json.dumps({"usage": usage, "timings": answer.get("timings")}),
    )


def _alternatives(position: Mapping[str, Any]) -> dict[str, float]:
    out: dict[str, float] = {}
    for each in position["top_logprobs"]:
        # Different halves of characters look alike; the likelier one comes first and stays.
        out.setdefault(each["token"], each["logprob"])
    return out
