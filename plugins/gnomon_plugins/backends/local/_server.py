"""llama.cpp in this process: loading, rendering, tokenising, completing.

One invariant: nothing that llama.cpp prints reaches the user's terminal, and every way it fails becomes a
``ModelError`` (while loading) or a ``CallFailed`` (afterwards).

Completions are calls into the library. Only the chat template and the tokeniser are reached through the
loopback port that the library opens by itself; a key drawn at start keeps other users of the machine out.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gnomon import CallFailed, Message, ModelError

_SILENT = -1
_CHATTY = 3


class Server:
    """One loaded model with its slots.

    Args:
        path: The GGUF file.
        slots: Asks worked on at once.
        context: Tokens that each slot has room for.
        threads: Threads that compute.
        anew: Evaluate every prompt from its beginning, whatever the slot still holds.
        embedding: Load for mean-pooled embeddings instead of for text.

    Raises:
        ModelError: xllamacpp is missing, or llama.cpp cannot load the file; its last lines are shown.
    """

    def __init__(
        self,
        path: Path,
        *,
        slots: int,
        context: int,
        threads: int,
        anew: bool = False,
        embedding: bool = False,
    ) -> None:
        self._anew = anew
        self._key = secrets.token_hex(16)
        self._params = _parameters(path, slots, context, threads, embedding, self._key)
        self._library: Any = _load(path, self._params)
        address = urlsplit(str(self._library.listening_address))
        self._host, self._port = address.hostname or "127.0.0.1", address.port
        # Last in, first out: asks made one after another find their prompt's beginning in the cache.
        self._slots: queue.LifoQueue[int] = queue.LifoQueue()
        for slot in reversed(range(slots)):
            self._slots.put(slot)

    @contextmanager
    def slot(self) -> Iterator[int]:
        """A slot of one's own for one or several calls; waits until one is free."""
        number = self._slots.get()
        try:
            yield number
        finally:
            self._slots.put(number)

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One completion.

        Raises:
            CallFailed: llama.cpp refused it.
        """
        return self._call(
            self._library.handle_completions, {**body, "cache_prompt": not self._anew}
        )

    def embed(self, texts: Sequence[str]) -> dict[str, Any]:
        """One vector for each text.

        Raises:
            CallFailed: llama.cpp refused a text.
        """
        return self._call(self._library.handle_embeddings, {"input": list(texts)})

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt that the model's own chat template makes of the messages.

        A last assistant message is left open, so that the reply continues it.

        Raises:
            CallFailed: The template refuses the messages.
        """
        body = {
            "messages": [{"role": message.role, "content": message.content} for message in messages]
        }
        return str(self._post("/apply-template", body)["prompt"])

    def tokens(self, text: str, *, special: bool) -> list[int]:
        """The token ids of a text.

        Args:
            text: Any text.
            special: Begin as a prompt begins, and read control tokens written in the text as such.
        """
        return [identity for identity, _ in self.pieces(text, special=special)]

    def pieces(self, text: str, *, special: bool) -> list[tuple[int, str]]:
        """Token ids with the text of each; a token that holds half a character shows as U+FFFD."""
        body = {
            "content": text,
            "add_special": special,
            "parse_special": special,
            "with_pieces": True,
        }
        return [
            (token["id"], _shown(token["piece"]))
            for token in self._post("/tokenize", body)["tokens"]
        ]

    def first_tokens(self) -> list[int]:
        """What stands before a text that has no context: the model's beginning token, else its end."""
        facts = self._post("/props", None)
        return self.tokens(facts.get("bos_token") or facts.get("eos_token") or "", special=True)[:1]

    def vocabulary(self) -> int:
        """Number of tokens that the model knows."""
        return int(self._post("/v1/models", None)["data"][0]["meta"]["n_vocab"])

    def close(self) -> None:
        """Free the model. Calls made afterwards fail."""
        self._library = None

    def _call(self, function: Any, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = function(dict(body))
        except (RuntimeError, ValueError) as error:
            raise CallFailed(f"llama.cpp could not take the call: {_sentence(error)}") from error
        return _checked(answer)

    def _post(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        try:
            connection.request(
                "GET" if body is None else "POST",
                path,
                None if body is None else json.dumps(body),
                {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
            )
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CallFailed(f"llama.cpp did not answer: {_sentence(error)}", retry=True) from error
        finally:
            connection.close()
        return _checked(answer)


def _parameters(
    path: Path, slots: int, context: int, threads: int, embedding: bool, key: str
) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError(
            "the local backend needs the package xllamacpp, which cannot be imported "
            f"({_sentence(error)}); install it with: pip install xllamacpp"
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = slots * context
    params.n_parallel = slots
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # Threads that wait sleep instead of spinning; on a busy machine spinning takes the time of those
    # that are waited for.
    params.cpuparams.poll = 0
    params.cpuparams_batch.poll = 0
    params.verbosity = _SILENT
    params.warmup = False
    # Prompts that fell out of a slot are not kept: memory would grow with the number of trials.
    params.cache_ram_mib = 0
    params.api_keys = [key]
    params.ui = False
    params.endpoint_slots = False
    if embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        # A text is pooled within one batch.
        params.n_batch = params.n_ubatch = context
    return params


def _load(path: Path, params: Any) -> Any:
    import xllamacpp

    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        lines = _say_why(params)
        raise ModelError(
            f"llama.cpp cannot load {str(path)!r}: {_sentence(error)}\n{lines}"
        ) from error


def _say_why(params: Any) -> str:
    """Load once more, listening: what llama.cpp prints is the only place where it says why."""
    import xllamacpp

    with captured_stderr() as captured:
        for verbosity in (_CHATTY, _SILENT):  # how much is printed is global, so the last one stays
            params.verbosity = verbosity
            try:
                xllamacpp.Server(params)
            except RuntimeError:
                continue
    return "\n".join(f"    {line}" for line in captured[-4:])


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Take what C code prints on standard error; the lines are in the list after the block."""
    lines: list[str] = []
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            try:
                yield lines
            finally:
                os.dup2(kept, 2)
                sink.seek(0)
                text = sink.read().decode("utf-8", "replace")
                lines.extend(line.rstrip() for line in text.splitlines() if line.strip())
    finally:
        os.close(kept)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    error = answer.get("error")
    if error is None:
        return answer
    if error.get("type") == "exceed_context_size_error":
        raise CallFailed(
            f"the prompt has {error['n_prompt_tokens']} tokens and there is room for "
            f"{error['n_ctx']}; give the model more with ?context=TOKENS"
        )
    if "empty grammar stack" in str(error.get("message")):
        raise CallFailed(
            "the constraint asks for a character that no token of the model's vocabulary begins; "
            "a rare control character, most likely"
        )
    raise CallFailed(f"llama.cpp could not take the call: {error.get('message', error)}")


def _shown(piece: str | Sequence[int]) -> str:
    return piece if isinstance(piece, str) else bytes(piece).decode("utf-8", "replace")


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
