"""Well-formed answers to any ask, drawn from a hash of the ask.

One invariant: the answer is a function of the ask, its repeat and its sample number, and nothing else,
so that a measure run against it twice gives the same numbers. The numbers mean nothing: every option
is as likely as any other.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Chat,
    Choose,
    Constraint,
    Embed,
    Hidden,
    Loglik,
    Message,
    Reply,
    Seed,
    TokenLogprob,
)
from gnomon_plugins.backends._grammar import draw_sentence
from gnomon_plugins.backends._regular import draw_match

DIMENSIONS = 16
SERVED = "scripted"
_SEED = Seed(0, "scripted")
_TOKEN = re.compile(r"\s*\S+|\s+\Z")
_WHO = (
    "The committee",
    "A neighbour",
    "Her colleague",
    "The old guide",
    "My teacher",
    "Nobody here",
)
_DID = ("remembers", "measured", "would choose", "described", "doubts", "has seen")
_WHAT = ("the river", "a small lamp", "that answer", "the second list", "an open window", "the map")


def seed_of(ask: Ask) -> Seed:
    """The place in the tree of draws that belongs to this ask, repeat and sample."""
    repeat = ask.trial.repeat if ask.trial is not None else 0
    if isinstance(ask, (Chat, Choose)):
        words = [f"{message.role}\0{message.content}" for message in ask.messages]
        return _SEED.child(ask.kind, ask.role, ask.sample, repeat, ask.decoding.seed or 0, *words)
    if isinstance(ask, Loglik):
        return _SEED.child(ask.kind, ask.context, ask.text)
    if isinstance(ask, (Embed, Hidden)):
        return _SEED.child(ask.kind, *ask.texts)
    raise CallFailed(f"the scripted backend does not know asks of kind {ask.kind!r}", fatal=True)


def tokens_of(text: str) -> list[str]:
    """The text cut into words, each with the white space before it."""
    return _TOKEN.findall(text)


def last_user(messages: Sequence[Message]) -> str:
    """What the last user message says; empty when there is none."""
    return next((m.content for m in reversed(messages) if m.role == "user"), "")


def with_logprobs(reply: Reply, ask: Chat) -> Reply:
    """The reply with simulated log-probabilities of its words and as many alternatives as asked for."""
    wanted = ask.decoding.logprobs
    seed = seed_of(ask).child("logprobs")
    tokens = []
    for token in tokens_of(reply.text):
        likely = 0.5 + seed.uniform() / 2
        rest = (1 - likely) / (wanted + 1)
        alternatives = {token: math.log(likely)}
        alternatives.update({f" other{n}": math.log(rest) for n in range(1, wanted)})
        tokens.append(TokenLogprob(token, math.log(likely), alternatives))
    return attrs.evolve(reply, tokens=tuple(tokens))


def sentence(seed: Seed) -> str:
    """A sentence of no consequence."""
    return f"{seed.pick(_WHO)} {seed.pick(_DID)} {seed.pick(_WHAT)}."


def member(constraint: Constraint, seed: Seed) -> str:
    """A text that the constraint allows.

    Raises:
        CallFailed: The form is one that cannot be drawn from.
    """
    if constraint.pattern is not None:
        return "".join(p if isinstance(p, str) else seed.pick(p) for p in constraint.pattern)
    try:
        if constraint.regex is not None:
            return draw_match(constraint.regex, seed)
        if constraint.grammar is not None:
            return draw_sentence(constraint.grammar, seed)
        schema = json.loads(constraint.json_schema or "{}")
        return json.dumps(_json_value(schema, seed), ensure_ascii=False)
    except ValueError as error:
        raise CallFailed(f"scripted:fill cannot draw from the {constraint.form}: {error}") from None


def _json_value(schema: Any, seed: Seed) -> Any:
    if not isinstance(schema, Mapping):
        raise ValueError(f"a schema is an object, found {schema!r}")  # noqa: TRY004 - reported as a value
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return seed.pick(schema["enum"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _json_value(seed.pick(schema[word]), seed)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: _json_value(of, seed) for name, of in fields.items()}
    if kind == "array":
        least = schema.get("minItems", 1)
        return [_json_value(schema.get("items", {}), seed) for _ in range(least)]
    if kind in ("integer", "number"):
        low = schema.get("minimum", 0)
        high = max(low, schema.get("maximum", low + 10))
        whole = int(low) + seed.below(int(high - low) + 1)
        return whole if kind == "integer" else float(whole)
    if kind == "boolean":
        return seed.below(2) == 1
    if kind == "null":
        return None
    text = draw_match(schema["pattern"], seed) if "pattern" in schema else sentence(seed)
    return text[: schema.get("maxLength", len(text))]


def choice(options: Sequence[str], seed: Seed) -> Reply:
    """Probabilities over the options, as uneven as independent draws are.

    Raises:
        CallFailed: There are no options.
    """
    if not options:
        raise CallFailed("a 'choose' ask needs at least one option; it has none")
    weights = [0.05 + seed.uniform() for _ in options]
    total = math.fsum(weights)
    shares: dict[str, float] = {}
    for option, weight in zip(options, weights, strict=True):
        shares[option] = shares.get(option, 0.0) + weight / total
    return Reply(
        text=max(shares, key=shares.__getitem__),
        probabilities=shares,
        exact=True,
        coverage=1.0,
        model=SERVED,
        cost=0.0,
    )


def numbers(ask: Loglik | Embed | Hidden) -> Reply:
    """Simulated log-probabilities or vectors; equal texts get equal numbers."""
    if isinstance(ask, Loglik):
        seed = seed_of(ask)
        said = tokens_of(ask.text)
        # Between -0.05 and about -9 nats, as words of running text have.
        tokens = tuple(TokenLogprob(word, -0.05 - 9 * seed.uniform() ** 2) for word in said)
        return Reply(tokens=tokens, tokens_in=len(tokens), tokens_out=0, model=SERVED, cost=0.0)
    if isinstance(ask, Embed):
        vectors = [_vector(_SEED.child("vector", text)) for text in ask.texts]
    else:
        vectors = [_state(text, layer, ask.pooling) for text in ask.texts for layer in ask.layers]
    return Reply(
        vectors=tuple(vectors),
        tokens_in=sum(len(tokens_of(text)) for text in ask.texts),
        model=SERVED,
        cost=0.0,
    )


def _state(text: str, layer: int, pooling: str) -> tuple[float, ...]:
    place = _SEED.child("state", text, layer)
    if pooling != "none":
        return _vector(place)
    # Unpooled: the tokens' vectors one after the other.
    return tuple(x for n, _ in enumerate(tokens_of(text)) for x in _vector(place.child(n)))


def _vector(seed: Seed) -> tuple[float, ...]:
    raw = [seed.uniform() - 0.5 for _ in range(DIMENSIONS)]
    length = math.sqrt(math.fsum(x * x for x in raw)) or 1.0
    return tuple(x / length for x in raw)
