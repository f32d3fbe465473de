"""The http backend against a real llama.cpp server on the loopback address."""

from __future__ import annotations

import asyncio
import json
import math
import re

import pytest

from gnomon import CallFailed, Chat, Choose, Constraint, Decoding, Embed, Message
from gnomon_plugins.backends.http import Http
from gnomon_plugins.backends.local import Local

pytestmark = [pytest.mark.local_model, pytest.mark.slow]

USER = (Message("user", "Is the sky blue? Answer yes or no."),)
SHORT = Decoding(temperature=0.0, max_tokens=4)


@pytest.fixture(scope="module")
def weights() -> str:
    return str(Local.pull("smollm2-135m").path)


def _serve(weights: str, *, embedding: bool = False):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.n_ctx = 512
    params.n_parallel = 1
    params.cpuparams.n_threads = 2
    params.warmup = False
    params.verbosity = -1
    params.embedding = embedding
    if embedding:
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(params)


@pytest.fixture(scope="module")
def server(weights: str):
    return _serve(weights)


def ask(address: str, what, **options):
    backend = Http(model="m", base_url=f"{address}/v1", flavour="llama.cpp", **options)

    async def asked():
        try:
            return await backend.ask(what)
        finally:
            await backend.close()

    return asyncio.run(asked())


def test_a_chat_with_log_probabilities(server):
    """Text, counts and log-probabilities agree with each other."""
    decoding = Decoding(temperature=0.0, max_tokens=4, logprobs=3, seed=1)
    reply = ask(server.listening_address, Chat(messages=USER, decoding=decoding))
    assert reply.status in ("ok", "truncated")
    assert "".join(token.token for token in reply.tokens) == reply.text
    assert len(reply.tokens) == reply.tokens_out <= 4
    assert all(len(token.alternatives) == 3 for token in reply.tokens)


@pytest.mark.parametrize(
    ("constraint", "allowed"),
    [
        (Constraint(pattern=("a - ", ("left", "right"), "\n")), r"a - (left|right)\n"),
        (Constraint(regex=r"[A-C]{2}(x|\.)?"), r"[A-C]{2}(x|\.)?"),
        (Constraint(regex=r"é-\d"), r"é-\d"),
        (Constraint(grammar='root ::= "yes" | "no"'), r"yes|no"),
    ],
)
def test_replies_keep_to_the_constraint(server, constraint, allowed):
    """What the server is told to keep to, it keeps to."""
    what = Chat(messages=USER, constraint=constraint, decoding=Decoding(max_tokens=12, seed=2))
    assert re.fullmatch(allowed, ask(server.listening_address, what).text)


def test_json_schema(server):
    """A reply held to a schema is JSON of that schema."""
    schema = '{"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}'
    what = Chat(
        messages=USER, constraint=Constraint(json_schema=schema), decoding=Decoding(max_tokens=40)
    )
    assert json.loads(ask(server.listening_address, what).text)["a"] in (True, False)


def test_a_prefill_is_continued_and_not_repeated(server):
    """The reply is what comes after the prefill."""
    what = Chat(messages=(*USER, Message("assistant", "The sky is")), decoding=SHORT)
    reply = ask(server.listening_address, what)
    assert reply.text
    assert not reply.text.startswith("The sky is")


def test_choose_from_many_alternatives(server):
    """With enough alternatives every option is seen, and the probabilities are called exact."""
    what = Choose(messages=USER, options=("Yes", "No"))
    reply = ask(server.listening_address, what, alternatives=2000)
    assert reply.exact
    assert math.isclose(sum(reply.probabilities.values()), 1)
    assert 0 < reply.coverage < 1


def test_a_prompt_that_is_too_long(server):
    """It is said as such, is not tried again and stops nothing else."""
    long = Chat(messages=(Message("user", "word " * 2000),), decoding=SHORT)
    with pytest.raises(CallFailed) as failed:
        ask(server.listening_address, long)
    assert " answered 400 (the prompt is longer than the model's context): " in failed.value.message
    assert (failed.value.retry, failed.value.fatal) == (False, False)


def test_embeddings(server, weights):
    """A server for embeddings gives one vector a text; another one says that it has none."""
    with pytest.raises(CallFailed) as failed:
        ask(server.listening_address, Embed(texts=("a",)))
    assert failed.value.fatal
    other = _serve(weights, embedding=True)
    reply = ask(other.listening_address, Embed(texts=("a cat", "a cat", "the stock market")))
    assert len(reply.vectors) == 3
    assert reply.vectors[0] == pytest.approx(reply.vectors[1], abs=1e-3)
