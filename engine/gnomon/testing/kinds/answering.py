"""Checks of plugins that answer: backends and executors.

One invariant: no network is touched. What a backend offers has to be known without asking anyone; what it
answers is tried only where it works in this process.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

from gnomon.errors import CallFailed, GnomonError
from gnomon.records import (
    ASK_KINDS,
    Ask,
    Capability,
    Chat,
    Choose,
    Constraint,
    Embed,
    Hidden,
    Loglik,
    Message,
    Reply,
    ReplyStatus,
)
from gnomon.testing.conformance import Check, Subject

_MESSAGES = (Message("user", "Say one word."),)
SAMPLES: Mapping[str, Ask] = {
    "chat": Chat(messages=_MESSAGES),
    "choose": Choose(messages=_MESSAGES, options=("one", "two")),
    "loglik": Loglik(text="A word is said."),
    "embed": Embed(texts=("word", "another")),
    "hidden": Hidden(texts=("word",)),
}
"""One ask of each kind."""
_FORMS = frozenset(Constraint.__annotations__)


def backend_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of a backend."""
    return (
        Check("what it offers is known without a network", lambda: _offers(subject)),
        Check("its identity can be stored and holds no secret", lambda: _identity(subject)),
        Check("a kind of ask that it does not offer is refused", lambda: _refuses(subject)),
        Check("what it offers it answers", lambda: _answers(subject)),
    )


@contextmanager
def no_network() -> Iterator[None]:
    """Every attempt to connect fails and says so."""
    real = socket.socket.connect

    def refuse(_: socket.socket, address: Any) -> None:
        raise ConnectionError(f"a connection to {address!r} was tried")

    setattr(socket.socket, "connect", refuse)  # noqa: B010 - a type checker forbids the plain way
    try:
        yield
    finally:
        setattr(socket.socket, "connect", real)  # noqa: B010 - as above


def _offers(subject: Subject) -> Iterable[str]:
    with no_network():
        offers = subject.make().offers
    if not isinstance(offers, Capability):
        yield f"'offers' is {offers!r}, which is no gnomon.Capability"
        return
    for kind in offers.kinds - {*ASK_KINDS}:
        yield f"it offers asks of kind {kind!r}, which there are not"
    for form in offers.constraints - _FORMS:
        yield f"it offers the constraint {form!r}, which there is not"
    if not offers.kinds:
        yield "it offers no kind of ask"
    may = getattr(subject.cls, "may", None)
    if may is not None and not offers.kinds <= may.kinds:
        yield f"it offers {sorted(offers.kinds - may.kinds)}, which 'may' of its class does not hold"


def _identity(subject: Subject) -> Iterable[str]:
    first, second = (getattr(subject.make(), "identity", {}) for _ in range(2))
    if first != second:
        yield f"'identity' is {first!r} and then {second!r}; it decides whether a stored reply is used"
    try:
        json.dumps(first)
    except (TypeError, ValueError) as error:
        yield f"'identity' cannot be stored as JSON: {error}"


def _asked(backend: Any, ask: Ask) -> Reply:
    async def call() -> Any:
        made = backend.ask(ask)
        return await made if inspect.isawaitable(made) else made

    try:
        made = asyncio.run(call())
    finally:
        close = getattr(backend, "close", None)
        closing = close() if close is not None else None
        if inspect.iscoroutine(closing):
            asyncio.run(closing)
    if not isinstance(made, Reply):
        raise TypeError(f"the answer is {made!r}, which is no gnomon.Reply")
    return made


def _refuses(subject: Subject) -> Iterable[str]:
    for kind in ASK_KINDS:
        backend = subject.make()
        if kind in backend.offers.kinds:
            continue
        try:
            with no_network():
                reply = _asked(backend, SAMPLES[kind])
        except CallFailed:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
            yield f"an ask of kind {kind!r} raises {type(error).__name__}: {str(error)[:200]}; raise gnomon.CallFailed"
            continue
        yield f"an ask of kind {kind!r} is answered ({reply.status}) although it is not offered"


def _answers(subject: Subject) -> Iterable[str]:
    """A backend whose model is elsewhere, or not on this machine, may say so in a sentence instead."""
    for kind in ASK_KINDS:
        backend = subject.make()
        if kind not in backend.offers.kinds:
            continue
        try:
            with no_network():
                reply = _asked(backend, SAMPLES[kind])
        except GnomonError as error:
            if len(str(error).split()) < 3:
                yield f"an ask of kind {kind!r} fails with {str(error)!r}, which is no sentence"
            continue
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
            yield f"an ask of kind {kind!r} raises {type(error).__name__}: {str(error)[:200]}; raise gnomon.CallFailed"
            continue
        yield from (f"an ask of kind {kind!r} {fault}" for fault in _faults(kind, reply))


def _faults(kind: str, reply: Reply) -> Iterable[str]:
    if reply.status not in get_args(ReplyStatus):
        yield f"has the status {reply.status!r}, which there is not"
    if reply.status == "error" and not reply.error:
        yield "failed without a sentence in 'error'"
    if reply.status != "ok":
        return
    if kind == "choose":
        shares = reply.probabilities or {}
        if {*shares} != {"one", "two"} or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
            yield f"has the probabilities {dict(shares)!r}; each option needs one, and they sum to 1"
        if reply.exact is None:
            yield "does not say whether its probabilities are exact"
    if kind == "loglik" and reply.tokens is None:
        yield "has no log-probabilities"
    if kind in ("embed", "hidden"):
        texts = SAMPLES[kind].texts  # type: ignore[attr-defined]  # asks of these kinds have texts
        if len(reply.vectors or ()) != len(texts):
            yield f"has {len(reply.vectors or ())} vectors for {len(texts)} texts"


# -- executors -----------------------------------------------------------------------------------


def executor_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of an executor."""
    return (
        Check("an ask is answered in its role", lambda: _roles(subject)),
        Check("a failed call is passed on", lambda: _passes_on(subject)),
    )


class Stand:
    """A backend that answers with its own word, or fails.

    Attributes:
        word: The answer; a call fails without one.
        closed: How often it was closed.
    """

    name = "stand"
    model = "stand"
    offers = Capability(kinds=("chat",), blocking=False)

    def __init__(self, word: str | None) -> None:
        self.word = word
        self.closed = 0

    def ask(self, ask: Ask) -> Reply:  # noqa: ARG002 - a backend's signature
        """The word."""
        if self.word is None:
            raise CallFailed("the stand has nothing to say", retry=True, after=1.5)
        return Reply(text=self.word)

    def close(self) -> None:
        """Count."""
        self.closed += 1


async def _through(executor: Any, backends: Mapping[str, Any], roles: Iterable[str]) -> list[Reply]:
    async with executor.open(backends) as asker:
        return [await asker.ask(Chat(role=role, messages=_MESSAGES)) for role in roles]


def _roles(subject: Subject) -> Iterable[str]:
    backends = {"subject": Stand("the subject"), "judge": Stand("the judge")}
    replies = asyncio.run(_through(subject.make(), backends, backends))
    said = [reply.text for reply in replies]
    if said != ["the subject", "the judge"]:
        yield f"asks to the subject and to the judge were answered by {said}"


def _passes_on(subject: Subject) -> Iterable[str]:
    try:
        asyncio.run(_through(subject.make(), {"subject": Stand(None)}, ["subject"]))
    except CallFailed as error:
        if (error.message, error.retry, error.after) != ("the stand has nothing to say", True, 1.5):
            yield f"the failure came out as {error.message!r}, retry {error.retry}, after {error.after}"
        return
    yield "a call that failed was answered"
