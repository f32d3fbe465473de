"""The litellm backend against loopback servers: replies, cost, choices, faults, and keys."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tiny
from click.testing import CliRunner

from gnomon import (
    CallFailed,
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    Loglik,
    Message,
    ModelError,
)
from gnomon.cli import cli
from gnomon.errors import EXIT_DONE
from gnomon.store import Store
from gnomon_plugins.backends.providers import LiteLLM
from servers import Answer, Request, completion, first_token, one_after_another, serving

KEY = "sk-notreal0123456789abcdef"
USER = (Message("user", "Which?"),)

# The library itself leaves warnings of others behind: pydantic's on content that is a list, aiohttp's
# and asyncio's on the clients it keeps until the process ends.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def key(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(backend: LiteLLM, *asks):
    async def all_of_them():
        try:
            replies = [await backend.ask(ask) for ask in asks]
            return replies if len(replies) > 1 else replies[0]
        finally:
            await backend.close()

    return asyncio.run(all_of_them())


def chat(**more) -> Chat:
    return Chat(messages=USER, **more)


def choose(*options: str, **more) -> Choose:
    return Choose(messages=USER, options=options or ("A", "B"), **more)


def test_a_chat():
    """Text, counts, cost, the model served and the raw payload come back; the key goes out."""
    with serving(completion("Blue.", model="gpt-4o-2024")) as server:
        backend = LiteLLM(model="openai/gpt-4o", base_url=server.url)
        reply = ask(backend, chat(decoding=Decoding(temperature=0.5, max_tokens=9, seed=3)))
    assert (reply.status, reply.text, reply.finish) == ("ok", "Blue.", "stop")
    assert (reply.tokens_in, reply.tokens_out, reply.model) == (7, 3, "gpt-4o-2024")
    assert reply.cost == pytest.approx((7 * 2.5 + 3 * 10) / 1e6)
    assert reply.seconds > 0
    assert json.loads(reply.raw)["choices"][0]["message"]["content"] == "Blue."
    assert KEY not in repr(reply)
    sent = server.requests[0]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Which?"}],
        "temperature": 0.5,
        "max_tokens": 9,
        "seed": 3,
    }


def test_price_known_and_unknown():
    """The price comes from the library's table; a model that is not there has none, nor a cost."""
    price = LiteLLM(model="openai/gpt-4o").price()
    assert (price.tokens_in, price.tokens_out) == (2.5, 10.0)
    unknown = LiteLLM(model="openai/my-own-model").price()
    assert (unknown.tokens_in, unknown.tokens_out) == (None, None)
    with serving(completion()) as server:
        backend = LiteLLM(model="openai/my-own-model", base_url=server.url)
        assert ask(backend, chat()).cost is None


def test_offers():
    """What is offered follows the provider's parameters and the model's mode."""
    offers = LiteLLM(model="openai/gpt-4o").offers
    assert offers.kinds == {"chat", "choose"}
    assert (offers.logprobs, offers.sampled_choose, offers.seed) == (20, False, True)
    assert offers.constraints == {"json_schema"}
    plain = LiteLLM(model="anthropic/claude-haiku-4-5").offers
    assert "choose" not in plain.kinds
    assert (plain.logprobs, plain.seed) == (0, False)
    sampled = LiteLLM(model="anthropic/claude-haiku-4-5", samples=5).offers
    assert "choose" in sampled.kinds
    assert sampled.sampled_choose
    assert LiteLLM(model="openai/text-embedding-3-small").offers.kinds == {"embed"}


@pytest.mark.parametrize(
    ("payload", "status", "text"),
    [
        (completion(None, message={"refusal": "No."}), "refused", "No."),
        (completion("Half", finish_reason="content_filter"), "filtered", "Half"),
        (completion("Half", finish_reason="length"), "truncated", "Half"),
        (completion("x", message={"reasoning_content": "hm"}), "ok", "x"),
        (completion(None, finish_reason="tool_calls", message={"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}), "ok", ""),
    ],
)  # fmt: skip
def test_statuses(payload, status, text):
    """Refused, filtered and truncated are told apart as the provider says."""
    with serving(payload) as server:
        reply = ask(LiteLLM(model="openai/gpt-4o", base_url=server.url), chat())
    assert (reply.status, reply.text) == (status, text)


def test_half_a_character_is_not_sent():
    """It would fail in the client each time it is tried, so it is not tried."""
    with serving(completion("never")) as server, pytest.raises(CallFailed) as failed:
        ask(
            LiteLLM(model="openai/gpt-4o", base_url=server.url),
            Chat(messages=(Message("user", "a\ud800b"),)),
        )
    assert failed.value.message == (
        "the prompt holds the lone surrogate '\\ud800', which is no character and which no tokeniser "
        "takes; take it out of the stimuli"
    )
    assert (failed.value.retry, failed.value.fatal, server.requests) == (False, False, [])


def test_a_reply_without_usage_has_no_price():
    """What it cost is not known, and is not nothing."""
    with serving(completion("free?", usage=None)) as server:
        reply = ask(LiteLLM(model="openai/gpt-4o", base_url=server.url), chat())
    assert (reply.text, reply.tokens_in, reply.tokens_out, reply.cost) == (
        "free?",
        None,
        None,
        None,
    )


def test_another_provider_shape(monkeypatch):
    """A provider with a protocol of its own comes back in the same record."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "anthropic-not-real")
    payload = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": "Green"}],
        "stop_reason": "max_tokens",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    }
    with serving(payload) as server:
        base = server.url.removesuffix("/v1")
        backend = LiteLLM(model="anthropic/claude-haiku-4-5", base_url=base)
        reply = ask(backend, chat(decoding=Decoding(seed=5, top_k=4)))
    assert (reply.text, reply.status, reply.tokens_in) == ("Green", "truncated", 5)
    assert reply.cost > 0
    assert server.requests[0].path == "/v1/messages"
    assert server.requests[0].json["top_k"] == 4


def test_choose_from_log_probabilities():
    """One token is asked for with its alternatives; probabilities are scaled to the options."""
    payload = completion("A", logprobs=first_token({"A": 0.6, "B": 0.2, "The": 0.1}))
    with serving(payload) as server:
        backend = LiteLLM(model="openai/gpt-4o", base_url=server.url)
        reply = ask(backend, choose(decoding=Decoding(max_tokens=50)))
    assert reply.probabilities["A"] == pytest.approx(0.75)
    assert (reply.exact, round(reply.coverage, 9)) == (True, 0.8)
    sent = server.requests[0].json
    assert (sent["max_tokens"], sent["logprobs"], sent["top_logprobs"]) == (1, True, 20)


def test_choose_from_samples():
    """With samples that many calls are made, each with a seed of its own."""
    answers = one_after_another(*(completion(text) for text in ("A", "B", "A", "hm")))
    with serving(answers) as server:
        backend = LiteLLM(model="openai/gpt-4o", base_url=server.url, samples=4)
        reply = ask(backend, choose(decoding=Decoding(temperature=1.0, seed=9)))
    assert reply.probabilities == {"A": pytest.approx(2 / 3), "B": pytest.approx(1 / 3)}
    assert (reply.exact, reply.coverage, reply.tokens_in) == (False, 0.75, 28)
    assert len({request.json["seed"] for request in server.requests}) == 4


CHOOSING = (
    tiny.SPEC.replace('needs = ["chat"]', 'needs = ["choose"]')
    .replace('user = "Say', 'kind = "choose"\noptions = ["A", "B"]\nuser = "Say')
    .replace('use = "length"', 'use = "length"\nas = "length"')
)


def test_samples_are_within_the_budgets(tmp_path: Path) -> None:
    """Each sample is a call that is paid for, also when others of the same ask fail, and none is asked twice."""
    sent = []

    def handler(_: Request) -> Answer:
        sent.append(1)
        if len(sent) % 5 == 0:
            return Answer(status=429, body={"error": {"message": "slow"}})
        usage = {"prompt_tokens": 20_000, "completion_tokens": 0, "total_tokens": 20_000}
        return Answer(body=completion("A", model="gpt-4o", usage=usage))

    with serving(handler) as server:
        subject = f"litellm:openai/gpt-4o?base_url={server.url}&samples=10"
        options: dict[str, Any] = {"roles": {"subject": subject}, "count": 4, "concurrency": 1}
        dear = tiny.run_tiny(tmp_path, CHOOSING, max_cost=1.0, **options)
        paid = 0.05 * (len(sent) - len(sent) // 5)
        assert dear.reason == "the budget of 1 $ is used up (--max-cost)"
        assert dear.tally.cost == pytest.approx(paid)
        assert paid <= 1.0 + 10 * 0.05
        assert dear.tally.calls == len(sent)
        sent.clear()
        few = tiny.run_tiny(tmp_path, CHOOSING, max_calls=24, max_wait=0.0, **options)
        assert few.tally.calls == len(sent) <= 24
        assert few.reason == (
            f"of the budget of 24 calls {24 - len(sent)} are left, and the next ask takes 10 (--max-calls)"
        )
        done = tiny.run_tiny(tmp_path, CHOOSING, **options)
    assert done.exit_code == EXIT_DONE
    with Store.open(tmp_path / "results.db") as store:
        ((stored,),) = list(store.query("select sum(cost) from reply")[1])
    assert stored == pytest.approx(dear.tally.cost + few.tally.cost + done.tally.cost)


def test_embed():
    """Vectors come in the order of the texts."""
    data = [{"index": n, "object": "embedding", "embedding": [float(n), 0.0]} for n in (1, 0)]
    payload = {"object": "list", "model": "e", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}  # fmt: skip
    with serving(payload) as server:
        backend = LiteLLM(model="openai/text-embedding-3-small", base_url=server.url)
        reply = ask(backend, Embed(texts=("a", "b")))
    assert reply.vectors == ((0.0, 0.0), (1.0, 0.0))
    assert reply.tokens_in == 4


def test_json_schema():
    """A JSON Schema is held to by response_format; another form is refused in words."""
    schema = '{"type": "object", "properties": {"a": {"type": "string"}}}'
    with serving(completion("{}")) as server:
        backend = LiteLLM(model="openai/gpt-4o", base_url=server.url)
        ask(backend, chat(constraint=Constraint(json_schema=schema)))
        with pytest.raises(CallFailed) as failed:
            ask(backend, chat(constraint=Constraint(regex="a")))
    assert server.requests[0].json["response_format"]["json_schema"]["schema"] == json.loads(schema)
    assert failed.value.message == (
        "litellm cannot hold a reply to a constraint of form 'regex'; it knows: json_schema"
    )


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message", "retry", "after", "fatal"),
    [
        (Answer(status=429, body={"error": {"message": "slow"}}, headers={"retry-after": "3"}), "litellm:openai/gpt-4o answered 429: slow", True, 3.0, False),
        (Answer(status=429, body={"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}), "litellm:openai/gpt-4o answered 429 (the quota is used up): You exceeded your current quota", False, None, True),
        (Answer(status=500, body={"error": {"message": "oh"}}), "litellm:openai/gpt-4o answered 500: oh", True, None, False),
        (Answer(status=503, body={"error": {"message": "oh"}}, headers={"retry-after-ms": "50"}), "litellm:openai/gpt-4o answered 503: oh", True, 0.05, False),
        (Answer(status=529, body={"error": {"message": "oh"}}), "litellm:openai/gpt-4o answered 529: oh", True, None, False),
        (Answer(status=401, body={"error": {"message": "bad"}}), "litellm:openai/gpt-4o answered 401 (the key is missing, wrong or expired, or has no access): bad", False, None, True),
        (Answer(status=404, body={"error": {"message": "gone"}}), "litellm:openai/gpt-4o answered 404 (there is no such model or address): gone", False, None, True),
        (Answer(status=400, body={"error": {"message": "odd"}}), "litellm:openai/gpt-4o answered 400: odd", False, None, False),
        (Answer(status=400, body={"error": {"message": "This model's maximum context length is 8 tokens", "code": "context_length_exceeded"}}), "litellm:openai/gpt-4o: the prompt is longer than the model's context: This model's maximum context length is 8 tokens", False, None, False),
        (Answer(body={**completion(), "choices": []}), "litellm:openai/gpt-4o answered with no choice", True, None, False),
        (Answer(reset_after=0), "litellm:openai/gpt-4o could not be reached: Connection error.", True, None, False),
    ],
)  # fmt: skip
def test_faults(answer, message, retry, after, fatal):
    """Each fault says what came, whether to try again and when, and whether to stop; once."""
    with serving(answer) as server:
        with pytest.raises(CallFailed) as failed:
            ask(LiteLLM(model="openai/gpt-4o", base_url=server.url), chat())
        assert len(server.requests) == 1
    got = failed.value
    assert (got.message, got.retry, got.after, got.fatal) == (message, retry, after, fatal)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b'{"choices": [', content_type="application/json"),
        Answer(body=b"<html>hello</html>", content_type="text/html"),
        Answer(body=completion("x" * 2000), reset_after=50),
        Answer(body=completion([{"no": "type"}])),
    ],
)
def test_bodies_that_are_no_reply(answer):
    """Malformed, cut and wrongly shaped bodies are failed calls that may be tried again."""
    with serving(answer) as server, pytest.raises(CallFailed) as failed:
        ask(LiteLLM(model="openai/gpt-4o", base_url=server.url), chat())
    assert failed.value.message.startswith("litellm:openai/gpt-4o ")
    assert "Traceback" not in failed.value.message
    assert failed.value.retry


def test_a_slow_server_is_given_up():
    """A call that takes longer than the timeout may be tried again."""
    with serving(Answer(delay=5, body=completion())) as server, pytest.raises(CallFailed) as failed:
        ask(LiteLLM(model="openai/gpt-4o", base_url=server.url, timeout=0.2), chat())
    assert failed.value.message.startswith("litellm:openai/gpt-4o did not answer in time: ")
    assert failed.value.retry


def test_a_filter_that_answers_with_an_error_status():
    """A prompt that the provider filters is a filtered reply and no failure."""
    answer = Answer(status=400, body={"error": {"message": "flagged", "code": "content_filter"}})
    with serving(answer) as server:
        reply = ask(LiteLLM(model="openai/gpt-4o", base_url=server.url), chat())
    assert (reply.status, reply.text) == ("filtered", "")


ANTHROPIC = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


@pytest.mark.parametrize("later", [0.0, 0.001, 0.02])
@pytest.mark.parametrize("model", ["openai/gpt-4o", "anthropic/claude-3-5-haiku-20241022"])
def test_a_duplicate_response_answers_nobody_else(model, later, monkeypatch):
    """A response sent twice does not become the reply to the next ask on that connection."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)

    def handler(request):
        n = request.json["messages"][0]["content"]
        n = n if isinstance(n, str) else n[0]["text"]
        text = f"re {n}"
        shown = {**ANTHROPIC, "content": [{"type": "text", "text": text}]}
        body = completion(text) if model.startswith("openai") else shown
        return Answer(body=body, twice=later if n == "0" else None)

    async def asked(url: str, sent_twice: threading.Event):
        backend = LiteLLM(model=model, base_url=url)
        try:
            texts = []
            for n in range(4):
                texts.append((await backend.ask(Chat(messages=(Message("user", str(n)),)))).text)
                while not sent_twice.is_set():
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.1)
            return texts
        finally:
            await backend.close()

    with serving(handler) as server:
        texts = asyncio.run(asked(server.url, server.sent_twice))
        assert texts == ["re 0", "re 1", "re 2", "re 3"]


def test_no_secret_gets_out(caplog, capfd):
    """A key that the server echoes is in no message, no log and no output."""
    answer = Answer(status=401, body={"error": {"message": f"Incorrect API key provided: {KEY}"}})
    with serving(answer) as server, pytest.raises(CallFailed) as failed:
        ask(LiteLLM(model="openai/gpt-4o", base_url=server.url), chat())
    assert failed.value.message == (
        "litellm:openai/gpt-4o answered 401 (the key is missing, wrong or expired, or has no "
        "access): Incorrect API key provided: [secret]"
    )
    assert failed.value.__cause__ is None
    out, err = capfd.readouterr()
    assert KEY not in caplog.text + out + err


def test_a_missing_key_is_said_before_any_call(monkeypatch):
    """Without its key nothing is sent, and the sentence names the variable."""
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(CallFailed) as failed:
        ask(LiteLLM(model="openai/gpt-4o"), chat())
    assert failed.value.message == (
        "litellm:openai/gpt-4o needs a key in the environment variable OPENAI_API_KEY, "
        "which is not set"
    )
    assert failed.value.fatal
    with pytest.raises(ModelError) as early:
        LiteLLM(model="openai/gpt-4o").prepare(print)
    assert str(early.value) == failed.value.message


def test_a_server_of_ones_own_needs_no_key(monkeypatch):
    """With base_url a missing key is no fault."""
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving(completion("hi")) as server:
        assert ask(LiteLLM(model="openai/mine", base_url=server.url), chat()).text == "hi"
        assert server.requests[0].headers["authorization"] == "Bearer unused"


def test_another_server_in_the_environment_is_another_model(tmp_path, monkeypatch):
    """Replies of one server never answer for another, whichever way its address is given."""
    with serving(completion("from A")) as one, serving(completion("from B")) as other:
        for server in (one, other, one):
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_API_BASE", server.url)
            tiny.run_tiny(tmp_path, count=1, roles={"subject": "litellm:openai/gpt-4o"})
    assert (len(one.requests), len(other.requests)) == (2, 2)
    with Store.open(tmp_path / "results.db") as store:
        sql = "select run, reply, count(*) from conversations group by 1, 2 order by 1"
        assert list(store.query(sql)[1]) == [(1, "from A", 2), (2, "from B", 2)]
        assert store.verify() == []


def test_what_the_environment_says_is_part_of_the_model(monkeypatch):
    """Its address and version, without a secret in them; not what the model string says, nor what others read."""
    for name in ("AZURE_API_BASE", "AZURE_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    assert LiteLLM(model="openai/gpt-4o").identity == {}
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:pw@h/v1?sig=pw")
    monkeypatch.setenv("AZURE_API_VERSION", "2026-01-01")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert LiteLLM(model="openai/gpt-4o").identity == {"OPENAI_BASE_URL": "http://…@h/v1?…"}
    assert LiteLLM(model="openai/gpt-4o", base_url="http://h/v1").identity == {}
    assert LiteLLM(model="azure/mine").identity == {"AZURE_API_VERSION": "2026-01-01"}
    assert LiteLLM(model="azure/mine", api_version="2025-01-01").identity == {}


def test_parameters_are_never_dropped(monkeypatch):
    """A parameter that the provider does not take is refused before the call."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "anthropic-not-real")
    with pytest.raises(CallFailed) as failed:
        ask(
            LiteLLM(model="anthropic/claude-haiku-4-5"),
            chat(decoding=Decoding(logprobs=2)),
        )
    assert failed.value.message == (
        "litellm:anthropic/claude-haiku-4-5 does not take logprobs, top_logprobs; "
        "take it out of [decoding], or use another model"
    )
    assert failed.value.fatal


def test_unknown_provider_and_kind():
    """A provider or a kind of ask that there is not is said in a sentence."""
    with pytest.raises(ModelError) as unknown:
        _ = LiteLLM(model="nosuch/model").offers
    assert str(unknown.value).startswith("litellm knows no provider 'nosuch' (in 'nosuch/model')")
    with pytest.raises(CallFailed) as failed:
        ask(LiteLLM(model="openai/gpt-4o"), Loglik(text="a"))
    assert failed.value.message == "litellm does not answer asks of kind 'loglik'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gpt-4o"}, "a litellm model is PROVIDER/MODEL, such as openai/gpt-4o; found 'gpt-4o'"),
        ({"model": "a/b", "base_url": "h:8000"}, "base_url must be an address such as http://127.0.0.1:8000/v1, found 'h:8000'"),
        ({"model": "a/b", "base_url": "http://me:pw@h"}, "base_url may not hold a user or a password; keys come from the environment"),
        ({"model": "a/b", "base_url": "http://h/v1?code=pw"}, "base_url may not have a query or a fragment, found 'http://h/v1?…'"),
        ({"model": "a/b", "samples": -1}, "samples must be 0 or more, found -1"),
        ({"model": "a/b", "alternatives": 21}, "alternatives must be from 1 to 20, found 21"),
        ({"model": "a/b", "timeout": 0}, "timeout must be more than 0 seconds, found 0"),
    ],
)  # fmt: skip
def test_wrong_options(options, message):
    """Options out of range are refused when the backend is made."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LiteLLM(**options)


def test_importing_the_plugins_imports_no_client():
    """The library is imported when a model is asked, not when backends are listed."""
    code = (
        "import sys, gnomon_plugins.backends as b; b.register_backends();"
        "print([m for m in ('litellm', 'aiohttp', 'numpy', 'xllamacpp', 'openai') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_a_plan_counts_the_calls_of_a_sampled_choice(tmp_path):
    """What a plan says of tokens and dollars is for each sample; nobody is asked."""
    path = tiny.write_spec(tmp_path, CHOOSING.replace("tiny-words", "table").replace("count = {count}", 'file = "words.csv"\nkey = "word"'))  # fmt: skip
    path.write_text(path.read_text().replace('use = "length"', 'use = "choice"\noption = "A"', 1))
    (tmp_path / "words.csv").write_text("word\nsalt\npepper\n")
    plans = []
    for samples in (0, 20):
        model = f"litellm:openai/gpt-4o?samples={samples}"
        done = CliRunner().invoke(cli, ["plan", str(path), "--model", model, "--json"])
        assert done.exit_code == EXIT_DONE, done.output
        plans.append(json.loads(done.output))
    one, twenty = (plan["roles"]["subject"] for plan in plans)
    assert one["asks"] == twenty["asks"] == 4
    assert twenty["tokens_in"] == pytest.approx(20 * one["tokens_in"], abs=20)
    assert twenty["cost"] > 20 * one["cost"]
    assert "an ask of the subject takes up to 20 calls" in plans[1]["notes"]
    assert not any("calls" in note for note in plans[0]["notes"])
