"""Models on OpenAI-compatible servers, asked over aiohttp with nothing in between.

One invariant: a call is one POST and brings one reply; nothing is tried again here, and what the server
does not say stays unknown.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Capability,
    Chat,
    Choose,
    Embed,
    Loglik,
    Reply,
)
from gnomon_plugins.backends import _choosing as choosing
from gnomon_plugins.backends import _openai_shape as shape
from gnomon_plugins.backends import faults
from gnomon_plugins.backends._address import check_address
from gnomon_plugins.backends._connection import Connection, Filtered, Limits
from gnomon_plugins.backends._flavours import FLAVOURS, Flavour, FlavourName

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_FILTERED = Reply(status="filtered", finish="content_filter")


@attrs.frozen(kw_only=True)
class Http:
    """A model on a server: ``http:MODEL?base_url=http://127.0.0.1:8000/v1``.

    For vLLM, SGLang, llama.cpp, Ollama and whatever else speaks OpenAI's protocol; ``flavour`` says which,
    and so how replies are held to a form. ``choose`` is read from the alternatives of the first token:
    an option must begin with a token of its own, options outside the alternatives get 0, and then the
    reply is marked as not exact. With ``samples`` it is estimated from that many replies at the measure's
    own temperature. ``loglik`` needs a server that echoes prompts (vLLM); a token that straddles the end
    of the context counts as part of the text, and a text without context loses its first token.

    Example::

        gnomon run implicit-bias --model "http:my-model?base_url=http://127.0.0.1:8000/v1&flavour=vllm"

    Attributes:
        model: The name the server knows the model by.
        base_url: The server's address, up to and with ``/v1``.
        flavour: What kind of server it is.
        key_env: Name of the environment variable that holds the server's key; no key unless given.
        samples: Replies per ``choose``; 0 reads it from log-probabilities.
        alternatives: How many alternatives of the first token ``choose`` asks for.
        connections: Calls at once.
        timeout: Seconds after which a call is given up.
        body_timeout: Seconds after which a body that has begun is given up.
        max_body: Most bytes of a reply.
    """

    name: ClassVar[str] = "http"
    may: ClassVar[Capability] = Capability(
        kinds={"chat", "choose", "embed", "loglik"},
        constraints={"pattern", "regex", "grammar", "json_schema"},
        logprobs=20,
    )
    model: str
    base_url: str
    flavour: FlavourName = "openai"
    key_env: str | None = None
    samples: int = 0
    alternatives: int = 20
    connections: int = 50
    timeout: float = 600.0
    body_timeout: float = 60.0
    max_body: int = 64 << 20
    _line: Connection = attrs.field(init=False, eq=False, repr=False)
    _samples: choosing.Samples = attrs.field(
        init=False, factory=choosing.Samples, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        check_address(self.base_url, "name a variable with key_env")
        if self.flavour not in FLAVOURS:
            raise ValueError(
                f"flavour must be one of {', '.join(FLAVOURS)}, found {self.flavour!r}"
            )
        if self.samples < 0:
            raise ValueError(f"samples must be 0 or more, found {self.samples}")
        for name, most in (
            ("alternatives", 100_000),
            ("connections", 10_000),
            ("max_body", 1 << 40),
        ):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise ValueError(f"{name} must be from 1 to {most}, found {value}")
        for name in ("timeout", "body_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0 seconds, found {getattr(self, name)}")
        limits = Limits(
            connections=self.connections,
            timeout=self.timeout,
            body_timeout=self.body_timeout,
            max_body=self.max_body,
        )
        line = Connection(self.base_url.rstrip("/"), self._who, self.key_env, limits)
        object.__setattr__(self, "_line", line)

    @property
    def _who(self) -> str:
        return f"http:{self.model} at {self.base_url}"

    @property
    def _kind(self) -> Flavour:
        return FLAVOURS[self.flavour]

    @property
    def offers(self) -> Capability:
        """What servers of this flavour can do."""
        kind = self._kind
        kinds: list[Literal["chat", "choose", "embed", "loglik"]] = ["chat", "embed"]
        if kind.logprobs or self.samples:
            kinds.append("choose")
        if kind.loglik:
            kinds.append("loglik")
        return Capability(
            kinds=kinds,
            constraints=kind.constraints,
            logprobs=20 if kind.logprobs else 0,
            sampled_choose=self.samples > 0,
            prefill=kind.continues is not None,
            seed=True,
            # A sampled choice takes as many connections as there are samples.
            concurrency=max(1, self.connections // max(1, self.samples)),
            blocking=False,
        )

    def prepare(self, say: Callable[[str], None], progress: Any = None) -> None:  # noqa: ARG002 - nothing is brought
        """Check the key before the run.

        Raises:
            ModelError: The variable that ``key_env`` names is not set, or aiohttp is not installed.
        """
        self._line.check()

    def calls_for(self, ask: Ask) -> int:
        """One, or as many as there are samples."""
        return self._samples.missing(ask, self.samples)

    async def close(self) -> None:
        """Close the connections; a later ask opens others."""
        await self._line.close()

    async def ask(self, ask: Ask) -> Reply:
        """One call, or ``samples`` of them for a sampled choice.

        Raises:
            CallFailed: As the module ``faults`` has it.
        """
        if isinstance(ask, Chat):
            return await self._chat(ask)
        if isinstance(ask, Choose):
            return await self._choose(ask)
        if isinstance(ask, Embed):
            return await self._embed(ask)
        if isinstance(ask, Loglik) and self._kind.loglik:
            return await self._loglik(ask)
        raise CallFailed(
            f"a server of flavour {self.flavour!r} does not answer asks of kind {ask.kind!r}",
            fatal=True,
        )

    # -- kinds -------------------------------------------------------------------------------------

    async def _chat(self, ask: Chat) -> Reply:
        body = shape.body_of(ask, self.model)
        if ask.constraint is not None:
            body.update(self._kind.hold(ask.constraint, self._who))
        last = ask.messages[-1] if ask.messages else None
        prefill = last.content if last is not None and last.role == "assistant" else None
        if prefill is not None:
            body.update(self._kind.continues or {})
        reply = await self._reply("/chat/completions", body)
        if prefill and self._kind.echoes and reply.text.startswith(prefill):
            return attrs.evolve(reply, text=reply.text[len(prefill) :])
        return reply

    async def _choose(self, ask: Choose) -> Reply:
        choosing.check_options(ask)
        if self.samples:
            return await self._samples.choose(ask, self._chat, self.samples, self._who)
        decoding = choosing.one_token(ask, self.alternatives)
        reply = await self._chat(Chat(messages=ask.messages, decoding=decoding))
        return choosing.from_first_token(ask, reply, self._who)

    async def _embed(self, ask: Embed) -> Reply:
        body = {"model": self.model, "input": list(ask.texts)}
        began = time.perf_counter()
        try:
            payload, _ = self._decoded(await self._line.post("/embeddings", _ENCODE(body).encode()))
        except Filtered:
            return _FILTERED
        reply = shape.read_embedding(payload, len(ask.texts), self._who)
        return attrs.evolve(reply, seconds=time.perf_counter() - began)

    async def _loglik(self, ask: Loglik) -> Reply:
        prompt = ask.context + ask.text
        body = {
            "model": self.model,
            "prompt": prompt,
            "echo": True,
            "logprobs": 1,
            "max_tokens": 1,
            "temperature": 0,
        }
        reply = await self._reply("/completions", body)
        if reply is _FILTERED:
            return reply
        payload = json.loads(reply.raw or "{}")
        tokens = shape.read_echoed(
            payload["choices"][0].get("logprobs"), len(ask.context), len(prompt)
        )
        if not tokens:
            raise CallFailed(
                f"{self._who} did not echo the prompt with log-probabilities, which 'loglik' needs",
                fatal=True,
            )
        if any(math.isnan(token.logprob) for token in tokens):
            raise CallFailed(
                f"{self._who} answered with a log-probability that is no number", retry=True
            )
        return attrs.evolve(reply, status="ok", text="", tokens=tokens)

    # -- one call ----------------------------------------------------------------------------------

    async def _reply(self, path: str, body: dict[str, Any]) -> Reply:
        began = time.perf_counter()
        try:
            payload, raw = self._decoded(await self._line.post(path, _ENCODE(body).encode()))
        except Filtered:
            return _FILTERED
        return shape.read_chat(payload, self._who, raw, time.perf_counter() - began)

    def _decoded(self, data: bytes) -> tuple[dict[str, Any], str]:
        """The payload, and the body as text.

        Raises:
            CallFailed: The body is no JSON object, or holds an error.
            Filtered: It holds the word of a content filter.
        """
        try:
            raw = data.decode("utf-8")
            payload = json.loads(raw)
        except UnicodeDecodeError as error:
            at = error.start
            said = self._line.scrub(data[at : at + 100_000].decode("latin-1"))
            raise CallFailed(
                f"{self._who} answered with bytes that are not UTF-8, from byte {at}: "
                f"{said[:20].encode('latin-1')!r}",
                retry=True,
            ) from None
        except (ValueError, RecursionError):
            # Cut only then: half a secret is not known for one.
            start = self._line.scrub(data[:100_000].decode("utf-8", "replace"))[:40]
            raise CallFailed(
                f"{self._who} answered with something that is not JSON: {start!r}", retry=True
            ) from None
        if not isinstance(payload, dict):
            raise CallFailed(f"{self._who} answered with JSON that is not an object", retry=True)
        if (payload.get("error") or payload.get("object") == "error") and not payload.get(
            "choices"
        ):
            # Gateways send the errors of those behind them with status 200.
            status = faults.status_within(payload.get("error") or payload)
            raise self._line.refused(status, raw[:100_000], {})
        return payload, raw
