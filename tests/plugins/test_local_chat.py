"""Chat with the local model: decoding parameters, prefill, log-probabilities, failures."""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from gnomon import CallFailed, Chat, Decoding, Hidden, Message, Reply
from gnomon_plugins.backends.local import Local

pytestmark = pytest.mark.local_model


def _ask(model: Local, *texts: str, **decoding: object) -> Reply:
    roles = ("user", "assistant")
    messages = tuple(Message(roles[at % 2], text) for at, text in enumerate(texts))  # type: ignore[arg-type]
    return model.ask(Chat(messages=messages, decoding=Decoding(**decoding)))  # type: ignore[arg-type]


def test_a_greedy_reply_is_a_whole_record(local_model: Local) -> None:
    """Text, finish, tokens, model and a small raw payload are there."""
    reply = _ask(local_model, "Say hi.", temperature=0.0, max_tokens=40)
    assert reply.status == "ok"
    assert reply.finish == "stop"
    assert reply.text.startswith("Hello")
    assert reply.model == "smollm2-135m"
    assert reply.tokens is None
    assert reply.tokens_in == 33
    assert 0 < (reply.tokens_out or 0) <= 40
    assert (reply.seconds or 0) > 0
    assert set(json.loads(reply.raw or "")) == {"usage", "timings"}


def test_max_tokens_truncates(local_model: Local) -> None:
    """A reply that reaches max_tokens is truncated and counts its tokens."""
    reply = _ask(local_model, "Tell me a story.", temperature=0.0, max_tokens=5)
    assert (reply.status, reply.finish, reply.tokens_out) == ("truncated", "length", 5)


def test_stop_strings_end_the_reply(local_model: Local) -> None:
    """The stop string and what would follow are not in the text."""
    whole = _ask(local_model, "Say hi.", temperature=0.0, max_tokens=20).text
    cut = _ask(local_model, "Say hi.", temperature=0.0, max_tokens=20, stop=("there",))
    assert (cut.text, cut.status) == (whole.partition("there")[0], "ok")


def test_a_prefill_is_continued_and_not_repeated(local_model: Local) -> None:
    """The reply holds only what follows the assistant's last words."""
    reply = _ask(local_model, "Count to five.", "1, 2, 3, 4,", temperature=0.0, max_tokens=2)
    assert reply.text == " 5"


def test_the_seed_decides_the_draw(local_model: Local) -> None:
    """The same seed gives the same text, and seeds differ."""
    texts = [
        _ask(local_model, "Name an animal.", temperature=1.5, seed=seed, max_tokens=8).text
        for seed in (1, 1, 2, 3)
    ]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_top_k_of_one_is_greedy(local_model: Local) -> None:
    """At any temperature a single candidate leaves nothing to chance."""
    greedy = _ask(local_model, "Name an animal.", temperature=0.0, max_tokens=8).text
    assert (
        _ask(local_model, "Name an animal.", temperature=2.0, top_k=1, max_tokens=8).text == greedy
    )


def test_logprobs_are_natural_logs_of_the_model(local_model: Local) -> None:
    """Tokens spell the text; the greedy token is the best alternative; no probability exceeds 1."""
    reply = _ask(local_model, "Say hi.", temperature=0.0, max_tokens=20, logprobs=3)
    assert reply.tokens is not None
    assert "".join(token.token for token in reply.tokens) == reply.text
    for token in reply.tokens:
        assert len(token.alternatives) == 3
        assert max(token.alternatives.values()) == token.logprob
        assert math.fsum(map(math.exp, token.alternatives.values())) <= 1.001


def test_logprobs_do_not_depend_on_temperature(local_model: Local) -> None:
    """They are the model's own, so the first token's alternatives are the same when drawn hot."""
    cold = _ask(local_model, "Say hi.", temperature=0.0, max_tokens=1, logprobs=5).tokens
    hot = _ask(local_model, "Say hi.", temperature=1.9, seed=5, max_tokens=1, logprobs=5).tokens
    assert cold is not None
    assert hot is not None
    assert cold[0].alternatives == hot[0].alternatives


def test_exact_gives_the_same_bits_in_any_order() -> None:
    """With ``exact`` nothing that was asked before changes a reply or a log-probability."""
    asks = [
        Chat(
            messages=(Message("user", "Tell me about " + "the sea and " * length + "stones."),),
            decoding=Decoding(temperature=0.9, seed=length, max_tokens=4, logprobs=1),
        )
        for length in (1, 12, 40)
    ]
    model = Local(model="smollm2-135m", exact=True)
    assert model.offers.concurrency == 1
    try:
        first = [model.ask(ask) for ask in asks]
        again = [model.ask(ask) for ask in reversed(asks)][::-1]
    finally:
        model.close()
    assert [(reply.text, reply.tokens) for reply in first] == [
        (reply.text, reply.tokens) for reply in again
    ]


def test_more_asks_than_slots_are_all_answered(local_model: Local) -> None:
    """Asks wait for a slot, and each gets the reply to its own prompt."""
    with ThreadPoolExecutor(6) as pool:
        replies = list(
            pool.map(
                lambda number: _ask(
                    local_model, f"Count: {number}, {number + 1},", f"{number}, {number + 1},",
                    temperature=0.0, max_tokens=3,
                ).text,
                range(1, 7),
            )
        )  # fmt: skip
    alone = [
        _ask(
            local_model, f"Count: {number}, {number + 1},", f"{number}, {number + 1},",
            temperature=0.0, max_tokens=3,
        ).text
        for number in range(1, 7)
    ]  # fmt: skip
    assert replies == alone


def _refused(model: Local, *texts: str) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        _ask(model, *texts, max_tokens=2)
    assert not caught.value.retry
    assert not caught.value.fatal
    return caught.value


def test_a_prompt_too_long_says_by_how_much(local_model: Local) -> None:
    """The numbers and the option are in the sentence; the next ask is answered."""
    assert str(_refused(local_model, "x " * 4000)) == (
        "the prompt has 4031 tokens and there is room for 2048; "
        "give the model more with ?context=TOKENS"
    )
    assert _ask(local_model, "Say hi.", max_tokens=2).tokens_out == 2


def test_a_lone_surrogate_is_refused(local_model: Local) -> None:
    """No tokeniser takes one, and the sentence says which it is."""
    assert str(_refused(local_model, "a\ud83d")) == (
        "the prompt holds the lone surrogate '\\ud83d', which is no character and which no "
        "tokeniser takes; take it out of the stimuli"
    )


def test_a_nul_in_the_prompt_is_no_harm(local_model: Local) -> None:
    """A NUL byte reaches the tokeniser like any other character."""
    assert _ask(local_model, "a\0b", max_tokens=2).tokens_out == 2


def test_kinds_that_are_not_offered_are_refused(local_model: Local) -> None:
    """Hidden states cannot be had from llama.cpp."""
    message = "the local backend does not answer asks of kind 'hidden'"
    with pytest.raises(CallFailed, match=f"^{re.escape(message)}$"):
        local_model.ask(Hidden(texts=("a",)))
