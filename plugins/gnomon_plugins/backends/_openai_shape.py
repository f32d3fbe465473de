"""The shape of OpenAI's chat, completion and embedding calls, which most servers speak.

One invariant: reading never guesses. A field that is not there stays unknown, and a payload that holds no
answer is a failed call and not an empty reply.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon import CallFailed, Chat, Choose, Decoding, Message, Reply, TokenLogprob
from gnomon_plugins.backends import faults

_FILTERED = frozenset(
    {
        "content_filter",
        "content_filtered",
        "safety",
        "recitation",
        "prohibited_content",
        "blocklist",
    }
)
_TRUNCATED = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})

Payload = Mapping[str, Any]


# -- asking ----------------------------------------------------------------------------------------


def messages_of(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as the API takes them."""
    return [{"role": message.role, "content": message.content} for message in messages]


def decoding_of(decoding: Decoding) -> dict[str, Any]:
    """Decoding parameters as the API takes them; those that are unset are left out."""
    body: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k", "max_tokens", "seed"):
        value = getattr(decoding, name)
        if value is not None:
            body[name] = value
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if decoding.logprobs:
        body["logprobs"] = True
        body["top_logprobs"] = decoding.logprobs
    return body


def body_of(ask: Chat | Choose, model: str) -> dict[str, Any]:
    """The body of a chat call, without a constraint."""
    return {
        "model": model,
        "messages": messages_of(ask.messages),
        **decoding_of(ask.decoding),
    }


def response_format(json_schema: str) -> dict[str, Any]:
    """A JSON Schema, given as text, as OpenAI's ``response_format``.

    Raises:
        CallFailed: The text is not JSON.
    """
    try:
        schema = json.loads(json_schema)
    except ValueError as error:
        raise CallFailed(f"the JSON Schema of the constraint is not JSON: {error}") from None
    return {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": schema, "strict": True},
    }


# -- reading ---------------------------------------------------------------------------------------


def read_chat(
    payload: Payload, who: str, raw: str | None = None, seconds: float | None = None
) -> Reply:
    """The reply in a chat or completion payload.

    Args:
        payload: The body, decoded.
        who: Who answered, for sentences.
        raw: The body as text, kept with the reply.
        seconds: Time the call took.

    Raises:
        CallFailed: There is no choice in it, or it is not of this shape.
    """
    choice = _first(payload, who)
    message = choice.get("message")
    if message is None and isinstance(choice.get("text"), str):
        message = {"content": choice["text"]}
    if not isinstance(message, Mapping):
        raise CallFailed(f"{who} answered with a choice that has no message", retry=True)
    text, refusal = _content(message, who)
    finish = choice.get("finish_reason")
    status = _status(finish, refusal)
    if finish == "error" or choice.get("error"):
        said = faults.sentence_of(json.dumps(choice.get("error") or ""))
        why = f": {faults.scrub(said)}" if said else ""
        raise CallFailed(f"{who} says that generation failed{why}", retry=True)
    usage = _usage(payload)
    return Reply(
        status=status,
        text=text or refusal or "",
        finish=finish if isinstance(finish, str) else None,
        tokens=read_logprobs(choice.get("logprobs")),
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        model=_model(payload),
        raw=raw,
        seconds=seconds,
    )


def _usage(payload: Payload) -> Mapping[str, Any]:
    usage = payload.get("usage")
    return usage if isinstance(usage, Mapping) else {}


def _model(payload: Payload) -> str | None:
    model = payload.get("model")
    return model if isinstance(model, str) and model else None


def _first(payload: Any, who: str) -> Mapping[str, Any]:
    if not isinstance(payload, Mapping):
        raise CallFailed(f"{who} answered with JSON that is not an object", retry=True)
    choices = payload.get("choices")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise CallFailed(f"{who} answered with JSON that has no 'choices'", retry=True)
    if not choices:
        raise CallFailed(f"{who} answered with no choice", retry=True)
    if not isinstance(choices[0], Mapping):
        raise CallFailed(f"{who} answered with a choice that is not an object", retry=True)
    return choices[0]


def _content(message: Mapping[str, Any], who: str) -> tuple[str, str | None]:
    """The text and the refusal of a message whose content is a text, parts, or null."""
    special = message.get("provider_specific_fields")
    special = special if isinstance(special, Mapping) else {}
    refusal = message.get("refusal") or special.get("refusal")
    refusal = refusal if isinstance(refusal, str) and refusal else None
    content = message.get("content")
    if content is None or isinstance(content, str):
        # Null content comes with tool calls, with refusals, and when all tokens went to reasoning.
        return content or "", refusal
    if not isinstance(content, Sequence):
        raise CallFailed(f"{who} answered with content that is neither text nor parts", retry=True)
    texts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping) and isinstance(part.get("refusal"), str):
            refusal = part["refusal"]
        elif isinstance(part, Mapping) and part.get("type") in ("text", "output_text"):
            texts.append(str(part.get("text") or ""))
    return "".join(texts), refusal


def _status(finish: Any, refusal: str | None) -> Any:
    word = finish.lower() if isinstance(finish, str) else ""
    if word in _FILTERED:
        return "filtered"
    if refusal is not None or word == "refusal":
        return "refused"
    return "truncated" if word in _TRUNCATED else "ok"


def _count(value: Any) -> int | None:
    # More than 63 bits hold is no count of anything.
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 2**63 else None


def read_logprobs(logprobs: Any) -> tuple[TokenLogprob, ...] | None:
    """Token log-probabilities in the chat or the completion shape; None when there are none to read."""
    try:
        return _logprobs(logprobs)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        # A reply is worth keeping without them; who needs them says so when they are missing.
        return None


def _logprobs(logprobs: Any) -> tuple[TokenLogprob, ...] | None:
    if not isinstance(logprobs, Mapping):
        return None
    content = logprobs.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        return tuple(
            TokenLogprob(
                str(entry["token"]),
                float(entry["logprob"]),
                {
                    str(other["token"]): float(other["logprob"])
                    for other in entry.get("top_logprobs") or ()
                    if other.get("logprob") is not None
                },
            )
            for entry in content
            if isinstance(entry, Mapping) and entry.get("logprob") is not None
        )
    tokens, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if not tokens or not values:
        return None
    tops = logprobs.get("top_logprobs") or [None] * len(tokens)
    # The first token of an echoed prompt has no probability.
    return tuple(
        TokenLogprob(token, float(value), dict(top or {}))
        for token, value, top in zip(tokens, values, tops, strict=False)
        if value is not None
    )


def read_echoed(logprobs: Any, start: int, end: int) -> tuple[TokenLogprob, ...]:
    """The echoed tokens that lie, at least in part, between two places of the prompt; none when none can be read."""
    if not isinstance(logprobs, Mapping):
        return ()
    columns = [logprobs.get(name) or () for name in ("tokens", "token_logprobs", "text_offset")]
    try:
        return tuple(
            TokenLogprob(token, float(value))
            for token, value, offset in zip(*columns, strict=False)
            if value is not None and offset < end and offset + len(token) > start
        )
    except (OverflowError, TypeError, ValueError):
        return ()


def read_embedding(payload: Payload, texts: int, who: str) -> Reply:
    """The reply in an embedding payload.

    Raises:
        CallFailed: There are not as many vectors as texts.
    """
    vectors = read_vectors(payload, texts, who)
    tokens_in = _count(_usage(payload).get("prompt_tokens"))
    return Reply(vectors=vectors, tokens_in=tokens_in, model=_model(payload))


def read_vectors(payload: Payload, texts: int, who: str) -> tuple[Sequence[float], ...]:
    """The vectors of an embedding payload, in the order of the texts.

    Raises:
        CallFailed: There are not as many as texts.
    """
    data = payload.get("data") if isinstance(payload, Mapping) else None
    entries = data if isinstance(data, Sequence) else []
    try:
        found = {
            int(entry.get("index", place)): tuple(float(x) for x in entry["embedding"])
            for place, entry in enumerate(entries)
        }
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise CallFailed(f"{who} answered with something that is no vector", retry=True) from None
    if not all(math.isfinite(x) for vector in found.values() for x in vector):
        raise CallFailed(f"{who} answered with a vector that holds no finite numbers", retry=True)
    vectors = tuple(found[place] for place in range(texts) if found.get(place))
    if len(vectors) != texts or len(found) != texts:
        raise CallFailed(
            f"{who} answered with {len(vectors)} vectors for {texts} texts", retry=True
        )
    return vectors
