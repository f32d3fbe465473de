"""Models of providers, through litellm.

One invariant: litellm is imported only when a model is asked or asked about, never changes a parameter in
silence, never tries again by itself, and its errors leave here as sentences without secrets.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, cast

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Capability,
    Chat,
    Choose,
    Decoding,
    Embed,
    ModelError,
    Price,
    Reply,
)
from gnomon_plugins.backends import _choosing as choosing
from gnomon_plugins.backends import _openai_shape as shape
from gnomon_plugins.backends import faults
from gnomon_plugins.backends._address import check_address, shown
from gnomon_plugins.backends._litellm_library import failed, library
from gnomon_plugins.backends._text import check_text

_UNUSED_KEY = "unused"
_ELSEWHERE = re.compile(r"([A-Z0-9_]+?)_(API_BASE|BASE_URL|API_VERSION)")
"""Variables in which providers' clients look for an address, or a version of it."""


@attrs.define
class _Known:
    """What was found out about the model; left behind when the backend is pickled."""

    offers: Capability | None = None
    takes: frozenset[str] | None = None
    missing: tuple[str, ...] | None = None
    elsewhere: Mapping[str, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _Known, ()


@attrs.frozen(kw_only=True)
class LiteLLM:
    """A provider's model: ``litellm:openai/gpt-4o``, ``litellm:anthropic/claude-…``.

    Keys come from the environment only, under the names that the provider's own client uses. ``choose``
    is read from the alternatives of the first token where the provider returns log-probabilities: an
    option must begin with a token of its own, options outside the alternatives get 0, and then the reply
    is marked as not exact. With ``samples`` it is estimated from that many replies at the measure's own
    temperature.

    Example::

        gnomon run implicit-bias --model litellm:openai/gpt-4o --max-cost 5

    Attributes:
        model: ``PROVIDER/MODEL`` as litellm names it.
        base_url: Address of a self-hosted or proxied service.
        api_version: For providers that want one.
        samples: Replies per ``choose``; 0 reads it from log-probabilities.
        alternatives: How many alternatives of the first token ``choose`` asks for.
        timeout: Seconds after which a call is given up.
    """

    name: ClassVar[str] = "litellm"
    may: ClassVar[Capability] = Capability(
        kinds={"chat", "choose", "embed"}, constraints={"json_schema"}, logprobs=20
    )
    model: str
    base_url: str | None = None
    api_version: str | None = None
    samples: int = 0
    alternatives: int = 20
    timeout: float = 600.0
    _known: _Known = attrs.field(init=False, factory=_Known, eq=False, repr=False)
    _samples: choosing.Samples = attrs.field(
        init=False, factory=choosing.Samples, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        if "/" not in self.model.strip("/"):
            raise ValueError(
                f"a litellm model is PROVIDER/MODEL, such as openai/gpt-4o; found {self.model!r}"
            )
        if self.base_url is not None:
            check_address(self.base_url, "keys come from the environment")
        if self.samples < 0:
            raise ValueError(f"samples must be 0 or more, found {self.samples}")
        if not 1 <= self.alternatives <= 20:
            raise ValueError(f"alternatives must be from 1 to 20, found {self.alternatives}")
        if self.timeout <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, found {self.timeout}")

    @property
    def identity(self) -> Mapping[str, str]:
        """What the environment says of the address and the version where the model string does not."""
        if self._known.elsewhere is None:
            self._known.elsewhere = self._elsewhere()
        return self._known.elsewhere

    def _elsewhere(self) -> Mapping[str, str]:
        words = re.findall("[A-Z0-9]+", self.model.partition("/")[0].upper())
        # vertex_ai is VERTEX or VERTEXAI there, text-completion-openai OPENAI.
        names = {"".join(words), *words[:1], *words[-1:]}
        found: dict[str, str] = {}
        for name, value in sorted(os.environ.items()):
            said = _ELSEWHERE.fullmatch(name)
            if said is None or not value or said[1].replace("_", "") not in names:
                continue
            if (self.api_version if said[2] == "API_VERSION" else self.base_url) is None:
                found[name] = shown(value)
        return found

    # -- what it can do ----------------------------------------------------------------------------

    @property
    def offers(self) -> Capability:
        """What litellm's own tables say of the model; a model they do not know is taken to chat."""
        if self._known.offers is None:
            self._known.offers = self._offers()
        return self._known.offers

    def _offers(self) -> Capability:
        takes = self._takes()
        info = self._info()
        if info.get("mode") == "embedding":
            return Capability(kinds=("embed",), blocking=False)
        logprobs = self.alternatives if "top_logprobs" in takes else 0
        kinds: list[Literal["chat", "choose", "embed"]] = ["chat"]
        if logprobs or self.samples:
            kinds.append("choose")
        if not info:
            kinds.append("embed")
        return Capability(
            kinds=kinds,
            constraints=("json_schema",) if "response_format" in takes else (),
            logprobs=logprobs,
            sampled_choose=self.samples > 0,
            prefill=bool(info.get("supports_assistant_prefill")),
            seed="seed" in takes,
            blocking=False,
        )

    def _takes(self) -> frozenset[str]:
        """Names of the parameters that the provider takes."""
        if self._known.takes is None:
            litellm = library()
            try:
                found = litellm.get_supported_openai_params(model=self.model)
            except Exception as error:  # noqa: BLE001 - whatever it raises means: not known
                raise ModelError(self._unknown(error)) from None
            if found is None:
                raise ModelError(self._unknown(None))
            self._known.takes = frozenset(found)
        return self._known.takes

    def _unknown(self, error: Exception | None) -> str:
        why = f": {faults.scrub(faults.sentence_of(str(error)))}" if error else ""
        provider = self.model.partition("/")[0]
        return f"litellm knows no provider {provider!r} (in {self.model!r}){why}"

    def _info(self) -> Mapping[str, Any]:
        litellm = library()
        try:
            return cast("Mapping[str, Any]", litellm.get_model_info(self.model))
        except Exception:  # noqa: BLE001 - it raises a bare Exception for models it has no entry for
            return {}

    def price(self) -> Price:
        """What the tables say; unknown for models that they do not have."""
        info = self._info()

        def per_million(key: str) -> float | None:
            value = info.get(key)
            return None if value is None else float(value) * 1e6

        return Price(
            tokens_in=per_million("input_cost_per_token"),
            tokens_out=per_million("output_cost_per_token"),
        )

    def prepare(self, say: Callable[[str], None], progress: Any = None) -> None:  # noqa: ARG002 - nothing is brought
        """Check the key before the run.

        Raises:
            ModelError: The environment has none, or litellm is not installed.
        """
        lack = self._lacks_key()
        if lack is not None:
            raise ModelError(lack)

    def calls_for(self, ask: Ask) -> int:
        """One, or as many as there are samples."""
        return self._samples.missing(ask, self.samples)

    async def close(self) -> None:
        """Close the connections that litellm keeps open in this event loop."""
        import sys

        if "litellm" in sys.modules:
            await library().close_litellm_async_clients()

    # -- asking ------------------------------------------------------------------------------------

    async def ask(self, ask: Ask) -> Reply:
        """One call, or ``samples`` of them for a sampled choice.

        Raises:
            CallFailed: The key is missing, a text or a parameter is not taken, or the call failed.
        """
        lack = self._lacks_key()
        if lack is not None:
            raise CallFailed(lack, fatal=True)
        check_text(ask)
        if isinstance(ask, Chat):
            return await self._chat(ask)
        if isinstance(ask, Choose):
            return await self._choose(ask)
        if isinstance(ask, Embed):
            return await self._embed(ask)
        raise CallFailed(f"litellm does not answer asks of kind {ask.kind!r}", fatal=True)

    def _lacks_key(self) -> str | None:
        """A sentence when the environment has no key for this provider."""
        if self._known.missing is None:
            found = library().validate_environment(
                self.model, api_base=self.base_url, api_version=self.api_version
            )
            # Other credentials (profiles, service accounts) cannot be judged from variables alone.
            names = [name for name in found["missing_keys"] if name.endswith("_API_KEY")]
            self._known.missing = () if found["keys_in_environment"] else tuple(names)
        if not self._known.missing or self.base_url is not None:
            return None
        return (
            f"{self._who} needs a key in the environment variable "
            f"{' or '.join(self._known.missing)}, which is not set"
        )

    def _common(self) -> dict[str, Any]:
        given: dict[str, Any] = {"model": self.model, "timeout": self.timeout, "max_retries": 0}
        if self.base_url is not None:
            given["api_base"] = self.base_url
            if self._known.missing:
                # The client library wants some key even for servers that want none.
                given["api_key"] = _UNUSED_KEY
        if self.api_version is not None:
            given["api_version"] = self.api_version
        return given

    def _decoding(self, decoding: Decoding) -> dict[str, Any]:
        given = shape.decoding_of(decoding)
        takes = self._takes()
        if "seed" not in takes:
            # ``offers.seed`` says so before the run; the seed is the run's and not the measure's.
            given.pop("seed", None)
        # top_k is no OpenAI parameter; litellm hands it on as it is and the provider judges it.
        refused = sorted(set(given) - takes - {"top_k"})
        if refused:
            raise CallFailed(
                f"litellm:{self.model} does not take {', '.join(refused)}; "
                "take it out of [decoding], or use another model",
                fatal=True,
            )
        return given

    async def _chat(self, ask: Chat) -> Reply:
        given = {"messages": shape.messages_of(ask.messages), **self._decoding(ask.decoding)}
        if ask.constraint is not None:
            if ask.constraint.json_schema is None:
                raise CallFailed(
                    f"litellm cannot hold a reply to a constraint of form {ask.constraint.form!r}; "
                    "it knows: json_schema",
                    fatal=True,
                )
            given["response_format"] = shape.response_format(ask.constraint.json_schema)
        began = time.perf_counter()
        reply = await self._call("acompletion", given)
        return attrs.evolve(reply, seconds=time.perf_counter() - began)

    async def _choose(self, ask: Choose) -> Reply:
        choosing.check_options(ask)
        if self.samples:
            return await self._samples.choose(ask, self._chat, self.samples, self._who)
        decoding = choosing.one_token(ask, self.alternatives)
        reply = await self._chat(Chat(messages=ask.messages, decoding=decoding))
        return choosing.from_first_token(ask, reply, self._who)

    async def _embed(self, ask: Embed) -> Reply:
        began = time.perf_counter()
        reply = await self._call("aembedding", {"input": list(ask.texts)}, len(ask.texts))
        return attrs.evolve(reply, seconds=time.perf_counter() - began)

    @property
    def _who(self) -> str:
        return f"litellm:{self.model}"

    async def _call(self, function: str, given: Mapping[str, Any], texts: int = 0) -> Reply:
        litellm = library()
        try:
            response = await getattr(litellm, function)(**self._common(), **given)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a provider's client may raise anything
            return failed(error, self._who)
        payload = response.model_dump(warnings="none")
        raw = json.dumps(payload, ensure_ascii=False, default=str)
        cost = response._hidden_params.get("response_cost")
        if texts:
            reply = shape.read_embedding(payload, texts, self._who)
        else:
            reply = shape.read_chat(payload, self._who, raw)
        if not reply.tokens_in and not reply.tokens_out:
            # Where the provider says nothing of tokens, the library says none, for nothing.
            return attrs.evolve(reply, tokens_in=None, tokens_out=None, cost=None)
        return attrs.evolve(reply, cost=cost)
