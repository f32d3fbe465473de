"""The http backend: what is sent to each kind of server, and what is read from it."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import re

import pytest

from gnomon import (
    CallFailed,
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    Hidden,
    Loglik,
    Message,
    ModelError,
)
from gnomon_plugins.backends.http import Http
from servers import Answer, Server, completion, first_token, one_after_another, serving

USER = (Message("user", "Which?"),)


def ask(backend: Http, *asks):
    """The replies of asks made at once."""

    async def all_of_them():
        try:
            return await asyncio.gather(*(backend.ask(ask) for ask in asks))
        finally:
            await backend.close()

    replies = asyncio.run(all_of_them())
    return replies[0] if len(replies) == 1 else replies


def chat(**more) -> Chat:
    return Chat(messages=USER, **more)


def choose(*options: str, **more) -> Choose:
    return Choose(messages=USER, options=options or ("A", "B"), **more)


def on(server: Server, **options) -> Http:
    return Http(model="m", base_url=server.url, **options)


def test_a_chat():
    """One POST with what was set, and a reply with text, counts, model, raw payload and time."""
    payload = completion("café ☕", model="served")
    with serving(payload) as server:
        reply = ask(on(server), chat(decoding=Decoding(temperature=0.5, top_k=3, stop=("x",))))
    assert (reply.status, reply.text, reply.finish) == ("ok", "café ☕", "stop")
    assert (reply.tokens_in, reply.tokens_out, reply.model, reply.cost) == (7, 3, "served", None)
    assert json.loads(reply.raw) == payload
    assert reply.seconds > 0
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert "authorization" not in sent.headers
    assert sent.json == {
        "model": "m",
        "messages": [{"role": "user", "content": "Which?"}],
        "temperature": 0.5,
        "top_k": 3,
        "stop": ["x"],
    }


def test_connections_are_kept_and_bounded():
    """Many asks share at most as many connections as the option says, and use them again."""
    with serving(completion()) as server:
        replies = ask(on(server, connections=4), *(chat(sample=n) for n in range(60)))
        assert len(replies) == 60
        assert server.connections <= 4
        assert Http(model="m", base_url=server.url, connections=4).offers.concurrency == 4


def test_closing_and_asking_again():
    """A closed backend opens again, in another event loop too; a pickled copy works alike."""
    with serving(completion("x")) as server:
        backend = on(server)
        assert [ask(backend, chat()).text for _ in range(2)] == ["x", "x"]
        assert ask(pickle.loads(pickle.dumps(backend)), chat()).text == "x"


def test_the_key_comes_from_the_named_variable(monkeypatch):
    """The variable's value goes into the header; if it is not set nothing is sent."""
    monkeypatch.setenv("MY_SERVER_KEY", "topsecret-topsecret")
    with serving(completion()) as server:
        backend = on(server, key_env="MY_SERVER_KEY")
        assert "topsecret" not in repr(ask(backend, chat())) + repr(backend)
        assert server.requests[0].headers["authorization"] == "Bearer topsecret-topsecret"
        monkeypatch.delenv("MY_SERVER_KEY")
        with pytest.raises(ModelError) as early:
            backend.prepare(print)
        with pytest.raises(CallFailed) as failed:
            ask(backend, chat())
        assert failed.value.message == (
            f"http:m at {server.url} needs a key in the environment variable MY_SERVER_KEY, "
            "which is not set"
        )
        assert failed.value.fatal
        assert str(early.value) == failed.value.message
        assert len(server.requests) == 1


PATTERN = Constraint(pattern=("w - ", ("a+", "b"), "\n"))
CHOICE = Constraint(pattern=(("yes", "no"),))
REGEX = Constraint(regex="[ab]{2}")
GRAMMAR = Constraint(grammar='root ::= "a"')
SCHEMA = Constraint(json_schema='{"type": "object"}')
FORMAT = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": {"type": "object"}, "strict": True},
    }
}


@pytest.mark.parametrize(
    ("flavour", "constraint", "keys"),
    [
        ("openai", SCHEMA, FORMAT),
        ("ollama", SCHEMA, FORMAT),
        ("vllm", PATTERN, {"structured_outputs": {"regex": "w\\ \\-\\ (a\\+|b)\\\n"}}),
        ("vllm", CHOICE, {"structured_outputs": {"choice": ["yes", "no"]}}),
        ("vllm", REGEX, {"structured_outputs": {"regex": "[ab]{2}"}}),
        ("vllm", GRAMMAR, {"structured_outputs": {"grammar": 'root ::= "a"'}}),
        ("vllm", SCHEMA, {"structured_outputs": {"json": {"type": "object"}}}),
        ("sglang", REGEX, {"regex": "[ab]{2}"}),
        ("sglang", GRAMMAR, {"ebnf": 'root ::= "a"'}),
        ("sglang", SCHEMA, FORMAT),
        ("llama.cpp", PATTERN, {"grammar": 'root ::= "w - " ("a+" | "b") "\\U0000000A"'}),
        ("llama.cpp", REGEX, {"grammar": "root ::= [ab]{2}\n"}),
        ("llama.cpp", GRAMMAR, {"grammar": 'root ::= "a"'}),
        ("llama.cpp", SCHEMA, FORMAT),
    ],
)  # fmt: skip
def test_constraints_in_each_flavour(flavour, constraint, keys):
    """A constraint that is offered is sent under the keys that this kind of server reads."""
    with serving(completion()) as server:
        backend = on(server, flavour=flavour)
        assert constraint.form in backend.offers.constraints
        ask(backend, chat(constraint=constraint))
    sent = server.requests[0].json
    assert {key: sent[key] for key in sent if key not in ("model", "messages")} == keys


def test_constraints_that_a_server_would_ignore_are_refused():
    """What a flavour does not offer is never sent."""
    with serving(completion()) as server:
        for flavour, constraint, why in (
            ("openai", REGEX, "cannot hold a reply to a constraint of form 'regex'; it knows: json_schema"),
            ("ollama", GRAMMAR, "cannot hold a reply to a constraint of form 'grammar'; it knows: json_schema"),
        ):  # fmt: skip
            with pytest.raises(CallFailed) as failed:
                ask(on(server, flavour=flavour), chat(constraint=constraint))
            assert failed.value.message == f"http:m at {server.url} {why}"
        with pytest.raises(CallFailed) as failed:
            ask(on(server, flavour="llama.cpp"), chat(constraint=Constraint(regex=r"(a)\1")))
        assert failed.value.message == (
            f"http:m at {server.url}: '\\1' in '(a)\\\\1' cannot be turned into a grammar"
        )
        with pytest.raises(CallFailed) as failed:
            ask(on(server), chat(constraint=Constraint(json_schema="{")))
        assert failed.value.message == (
            "the JSON Schema of the constraint is not JSON: Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1)"
        )
        assert not server.requests


def test_a_prefill_is_continued():
    """Servers that must be told are told; one that gives the prefill back has it taken off."""
    prefilled = Chat(messages=(*USER, Message("assistant", "The sky is")))
    with serving(completion("The sky is blue.")) as server:
        assert ask(on(server, flavour="vllm"), prefilled).text == "The sky is blue."
        assert server.requests[0].json["continue_final_message"] is True
        assert server.requests[0].json["add_generation_prompt"] is False
        assert ask(on(server, flavour="llama.cpp"), prefilled).text == " blue."
        assert not on(server, flavour="openai").offers.prefill


def test_choose_from_log_probabilities():
    """One token with its alternatives is asked for; probabilities are scaled to the options."""
    payload = completion("A", logprobs=first_token({"A": 0.6, " B": 0.2, "The": 0.1}))
    with serving(payload) as server:
        reply = ask(on(server, alternatives=50), choose(decoding=Decoding(temperature=1.0)))
    assert reply.probabilities == {"A": pytest.approx(0.75), "B": pytest.approx(0.25)}
    assert (reply.exact, round(reply.coverage, 9)) == (True, 0.8)
    sent = server.requests[0].json
    assert (sent["max_tokens"], sent["logprobs"], sent["top_logprobs"]) == (1, True, 50)


def test_choose_from_samples():
    """With samples that many calls are made and the shares are marked as not exact."""
    answers = one_after_another(*(completion(text) for text in ("A", "B", "A", "hm")))
    with serving(answers) as server:
        backend = on(server, flavour="ollama", samples=4)
        assert backend.offers.sampled_choose
        reply = ask(backend, choose(decoding=Decoding(seed=3)))
    assert reply.probabilities == {"A": pytest.approx(2 / 3), "B": pytest.approx(1 / 3)}
    assert (reply.exact, reply.coverage, reply.tokens_out) == (False, 0.75, 12)
    assert len({request.json["seed"] for request in server.requests}) == 4


def test_one_sample_that_fails_for_ever_ends_the_others():
    """When a sample's call fails as all others would, the ask fails and leaves nothing under way."""
    answers = one_after_another(Answer(status=401), Answer(delay=20, body=completion("A")))
    with serving(answers) as server, pytest.raises(CallFailed) as failed:
        ask(on(server, samples=3), choose())
    assert failed.value.fatal


def test_samples_that_came_are_not_asked_for_again():
    """When some of the calls may be made again later, the others are waited for and kept: each is used once."""
    answers = one_after_another(
        completion("A"),
        Answer(status=429, headers={"retry-after": "1"}),
        Answer(status=429, headers={"retry-after": "2"}),
        *(Answer(body=completion(text), delay=0.05) for text in ("A", "B", "A", "B")),
        *(completion(text) for text in ("B", "B", "B", "B")),
    )
    question = choose(decoding=Decoding(seed=3))
    with serving(answers) as server:
        backend = on(server, samples=4)
        assert (backend.calls_for(question), backend.calls_for(chat())) == (4, 1)

        async def twice():
            with pytest.raises(CallFailed) as failed:
                await backend.ask(question)
            left = backend.calls_for(question)
            try:
                return failed.value, left, await backend.ask(question), await backend.ask(question)
            finally:
                await backend.close()

        failure, left, second, third = asyncio.run(twice())
    assert (failure.retry, failure.after, left) == (True, 2.0, 2)
    assert second.probabilities == {"A": 0.75, "B": 0.25}
    assert third.probabilities == {"A": 0.0, "B": 1.0}
    seeds = [request.json["seed"] for request in server.requests]
    assert sorted(seeds[4:6]) == sorted(set(seeds[:4]) & set(seeds[1:3]))
    assert set(seeds[6:]) == set(seeds[:4])


def test_embed():
    """Vectors come in the order of the texts."""
    data = [{"index": n, "embedding": [n, 0.5]} for n in (1, 0)]
    with serving({"data": data, "model": "e", "usage": {"prompt_tokens": 4}}) as server:
        reply = ask(on(server), Embed(texts=("a", "b")))
    assert reply.vectors == ((0.0, 0.5), (1.0, 0.5))
    assert (reply.tokens_in, reply.model) == (4, "e")
    assert server.requests[0].path == "/v1/embeddings"
    assert server.requests[0].json == {"model": "m", "input": ["a", "b"]}


def test_loglik_from_an_echoed_prompt():
    """Only the text's tokens count: not the context's, and not the one that was generated."""
    logprobs = {
        "tokens": ["To be", " or", " not", "!"],
        "token_logprobs": [None, -1.5, -0.5, -9.0],
        "text_offset": [0, 5, 8, 12],
        "top_logprobs": None,
    }
    choice = {"index": 0, "text": "To be or not!", "logprobs": logprobs, "finish_reason": "length"}
    with serving({"model": "m", "choices": [choice]}) as server:
        backend = on(server, flavour="vllm")
        reply = ask(backend, Loglik(context="To be", text=" or not"))
        straddling = ask(backend, Loglik(context="To be o", text="r not"))
    assert [(token.token, token.logprob) for token in reply.tokens] == [
        (" or", -1.5),
        (" not", -0.5),
    ]
    assert len(straddling.tokens) == 2
    sent = server.requests[0].json
    assert (sent["prompt"], sent["echo"], sent["max_tokens"]) == ("To be or not", True, 1)


def test_loglik_of_a_token_that_is_no_number():
    """No probability at all is minus infinity; what is no number is a failed call, and no score of it."""
    for value in (-math.inf, math.nan):
        logprobs = {"tokens": ["To", " be"], "token_logprobs": [None, value], "text_offset": [0, 2]}
        choice = {"index": 0, "text": "To be", "logprobs": logprobs, "finish_reason": "length"}
        with serving({"model": "m", "choices": [choice]}) as server:
            backend = on(server, flavour="vllm")
            if value == -math.inf:
                assert [token.logprob for token in ask(backend, Loglik(text="To be")).tokens] == [
                    value
                ]
                continue
            with pytest.raises(CallFailed) as failed:
                ask(backend, Loglik(text="To be"))
            assert failed.value.message == (
                f"http:m at {server.url} answered with a log-probability that is no number"
            )
            assert (failed.value.retry, failed.value.fatal) == (True, False)


def test_loglik_on_a_server_that_does_not_echo():
    """A server that leaves the prompt's probabilities out is said to."""
    with serving({"choices": [{"text": "x", "logprobs": None}]}) as server:
        with pytest.raises(CallFailed) as failed:
            ask(on(server, flavour="vllm"), Loglik(text="a"))
        assert failed.value.message == (
            f"http:m at {server.url} did not echo the prompt with log-probabilities, "
            "which 'loglik' needs"
        )


def test_offers_and_kinds_follow_the_flavour():
    """What a flavour cannot do is not offered, and refused when asked all the same."""
    offers = {
        name: Http(model="m", base_url="http://h/v1", flavour=name).offers
        for name in ("openai", "vllm", "sglang", "llama.cpp", "ollama")
    }
    assert {name: sorted(offer.kinds) for name, offer in offers.items()} == {
        "openai": ["chat", "choose", "embed"],
        "vllm": ["chat", "choose", "embed", "loglik"],
        "sglang": ["chat", "choose", "embed"],
        "llama.cpp": ["chat", "choose", "embed"],
        "ollama": ["chat", "embed"],
    }
    assert {name for name, offer in offers.items() if offer.prefill} == {
        "vllm",
        "sglang",
        "llama.cpp",
    }
    for wrong in (Loglik(text="a"), Hidden(texts=("a",))):
        with pytest.raises(CallFailed) as failed:
            ask(Http(model="m", base_url="http://h/v1"), wrong)
        assert failed.value.message == (
            f"a server of flavour 'openai' does not answer asks of kind {wrong.kind!r}"
        )


@pytest.mark.parametrize("key", ["abc\ndef", "abc\x7fdef", "abc\x01"])
def test_a_key_that_no_header_can_hold(monkeypatch, key):
    """It is said before the run, without the key."""
    monkeypatch.setenv("MY_SERVER", key)
    backend = Http(model="m", base_url="http://h/v1", key_env="MY_SERVER")
    with pytest.raises(ModelError) as refused:
        backend.prepare(print)
    assert str(refused.value) == (
        "the key of http:m at http://h/v1 in the environment variable MY_SERVER holds a line break or "
        "another control character, which no header can; set it to the key alone"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "127.0.0.1:8000"}, "base_url must be an address such as http://127.0.0.1:8000/v1, found '127.0.0.1:8000'"),
        ({"base_url": "ftp://h/v1"}, "base_url must be an address such as http://127.0.0.1:8000/v1, found 'ftp://h/v1'"),
        ({"base_url": "http://h:99999/v1"}, "base_url 'http://h:99999/v1' is no address: Port out of range 0-65535"),
        ({"base_url": "http://me:pw@h/v1"}, "base_url may not hold a user or a password; name a variable with key_env"),
        ({"base_url": "http://h/v1?x=1"}, "base_url may not have a query or a fragment, found 'http://h/v1?…'"),
        ({"base_url": "http://h/v1#x"}, "base_url may not have a query or a fragment, found 'http://h/v1#…'"),
        ({"base_url": "me:pw@h/v1"}, "base_url must be an address such as http://127.0.0.1:8000/v1, found '…@h/v1'"),
        ({"base_url": "http://me:pw@[h/v1"}, "base_url 'http://…@[h/v1' is no address: Invalid IPv6 URL"),
        ({"base_url": "http://a..b/v1"}, "base_url 'http://a..b/v1' is no address: a part of the name is empty, too long, or of no letters"),
        ({"base_url": "http://\ud800/v1"}, "base_url 'http://\\ud800/v1' is no address: a part of the name is empty, too long, or of no letters"),
        ({"base_url": "http://\N{ZERO WIDTH SPACE}/v1"}, "base_url 'http://\\u200b/v1' is no address: a part of the name is empty, too long, or of no letters"),
        ({"base_url": "http://a b/v1"}, "base_url must be an address such as http://127.0.0.1:8000/v1, found 'http://a b/v1'"),
        ({"base_url": "http://h/v1\n"}, "base_url must be an address such as http://127.0.0.1:8000/v1, found 'http://h/v1\\n'"),
        ({"flavour": "vLLM"}, "flavour must be one of openai, vllm, sglang, llama.cpp, ollama, found 'vLLM'"),
        ({"samples": -1}, "samples must be 0 or more, found -1"),
        ({"connections": 0}, "connections must be from 1 to 10000, found 0"),
        ({"connections": 1_000_000}, "connections must be from 1 to 10000, found 1000000"),
        ({"alternatives": 0}, "alternatives must be from 1 to 100000, found 0"),
        ({"max_body": 0}, "max_body must be from 1 to 1099511627776, found 0"),
        ({"timeout": -1.0}, "timeout must be more than 0 seconds, found -1.0"),
        ({"body_timeout": 0.0}, "body_timeout must be more than 0 seconds, found 0.0"),
    ],
)  # fmt: skip
def test_wrong_options(options, message):
    """Options that cannot be are refused when the backend is made."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Http(**{"model": "m", "base_url": "http://h/v1", **options})


def test_strange_prompts_arrive_as_they_are():
    """NUL bytes, lone surrogates and a megabyte of text go through."""
    with serving(completion()) as server:
        for text in ("a\0b", "\ud800", "x" * 1_000_000, "\u2028☕"):
            ask(on(server), Chat(messages=(Message("user", text),)))
            assert server.requests[-1].json["messages"][0]["content"] == text


def test_log_probabilities_of_a_chat():
    """They are asked for and read when the decoding says so."""
    payload = completion("A", logprobs=first_token({"A": 0.5, "B": 0.25}))
    with serving(payload) as server:
        reply = ask(on(server), chat(decoding=Decoding(logprobs=2)))
    (token,) = reply.tokens
    assert token.alternatives == {
        "A": pytest.approx(math.log(0.5)),
        "B": pytest.approx(math.log(0.25)),
    }
