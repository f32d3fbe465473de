"""Exact probabilities from the local model, against an independent computation.

The reference uses xllamacpp by itself, without bias, forcing or cache: for each prefix it evaluates the
whole prompt anew and reads the full distribution over the vocabulary.
"""

from __future__ import annotations

import http.client
import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from gnomon import CallFailed, Choose, Embed, Loglik, Message
from gnomon_plugins.backends.local import Local

pytestmark = pytest.mark.local_model

SKY = (Message("user", "Is the sky blue? Answer yes or no."),)
# The template of the model, written out: a reader can check it against the model's card.
SKY_PROMPT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n<|im_start|>user\nIs the sky blue? Answer yes or no.<|im_end|>\n"
    "<|im_start|>assistant\n"
)


class Reference:
    """xllamacpp with nothing around it."""

    def __init__(self, path: str) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = path
        params.n_ctx = 512
        params.verbosity = -1
        self.server: Any = xllamacpp.Server(params)

    def tokens(self, text: str) -> list[int]:
        address = urlsplit(self.server.listening_address)
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        body = {"content": text, "add_special": False, "parse_special": True}
        connection.request("POST", "/tokenize", json.dumps(body))
        tokens: list[int] = json.loads(connection.getresponse().read())["tokens"]
        connection.close()
        return tokens

    def logprob(self, prompt: Sequence[int], text: Sequence[int]) -> float:
        total = 0.0
        for at, token in enumerate(text):
            answer = self.server.handle_completions(
                {
                    "prompt": [*prompt, *text[:at]],
                    "n_predict": 1,
                    "n_probs": 49152,
                    "temperature": 0.0,
                    "cache_prompt": False,
                    # The reply must be a whole character for its alternatives to be reported.
                    "grammar": 'root ::= "a"',
                }
            )
            position = answer["choices"][0]["logprobs"]["content"][0]
            everything = {each["id"]: each["logprob"] for each in position["top_logprobs"]}
            assert len(everything) == 49152
            # Summed in double precision: the library's own sum is single.
            total += everything[token] - math.log(math.fsum(map(math.exp, everything.values())))
        return total


@pytest.fixture(scope="module")
def reference(local_model: Local) -> Iterator[Reference]:
    path = local_model.models()[0].path
    assert path is not None
    made = Reference(path)
    yield made
    made.server = None


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(left, right, strict=True))


OPTIONS = ("Yes", "No", "Yes, it is", "no", "😀", "banana split")


def test_choose_is_the_product_over_tokens(local_model: Local, reference: Reference) -> None:
    """Options of one and several tokens, sharing a first token or half a character, agree."""
    reply = local_model.ask(Choose(messages=SKY, options=OPTIONS))
    prompt = reference.tokens(SKY_PROMPT)
    expected = {text: reference.logprob(prompt, reference.tokens(text)) for text in OPTIONS}
    assert reply.tokens_in == len(prompt)
    assert json.loads(reply.raw or "")["logprobs"] == pytest.approx(expected, abs=2e-3)
    mass = math.fsum(map(math.exp, expected.values()))
    assert reply.coverage == pytest.approx(mass, rel=2e-3)
    assert reply.probabilities == pytest.approx(
        {text: math.exp(value) / mass for text, value in expected.items()}, rel=4e-3
    )
    assert reply.exact is True
    assert reply.text == "No"
    assert math.fsum((reply.probabilities or {}).values()) == pytest.approx(1, abs=1e-12)


def test_an_option_follows_a_prefill_as_given(local_model: Local, reference: Reference) -> None:
    """No space is added: ``" yes"`` and ``"yes"`` behind the same words are different options."""
    messages = (*SKY, Message("assistant", "The answer is"))
    reply = local_model.ask(Choose(messages=messages, options=(" yes", "yes")))
    prompt = reference.tokens(SKY_PROMPT + "The answer is")
    expected = {text: reference.logprob(prompt, reference.tokens(text)) for text in (" yes", "yes")}
    assert json.loads(reply.raw or "")["logprobs"] == pytest.approx(expected, abs=2e-3)
    assert expected[" yes"] > expected["yes"]


def test_the_order_of_options_does_not_enter(local_model: Local) -> None:
    """The options are not shown by ``choose`` itself, so their order changes nothing."""
    forward = local_model.ask(Choose(messages=SKY, options=OPTIONS)).probabilities
    backward = local_model.ask(Choose(messages=SKY, options=OPTIONS[::-1])).probabilities
    assert forward == pytest.approx(backward, rel=1e-9)


def test_loglik_is_the_log_probability_of_each_token(
    local_model: Local, reference: Reference
) -> None:
    """Token by token, the numbers are those of the full distribution, and tokens spell the text."""
    reply = local_model.ask(Loglik(text=" Paris, of course", context="The capital of France is"))
    assert reply.tokens is not None
    assert "".join(token.token for token in reply.tokens) == " Paris, of course"
    prompt = reference.tokens("The capital of France is")
    text = reference.tokens(" Paris, of course")
    assert [token.logprob for token in reply.tokens] == pytest.approx(
        [reference.logprob([*prompt, *text[:at]], [token]) for at, token in enumerate(text)],
        abs=2e-3,
    )
    assert reply.tokens_in == len(prompt) + len(text)


def test_a_text_without_context_begins_after_the_beginning_token(
    local_model: Local, reference: Reference
) -> None:
    """The first token, too, has a log-probability."""
    reply = local_model.ask(Loglik(text="The sea"))
    assert reply.tokens is not None
    begin = reference.tokens("<|im_start|>")
    assert math.fsum(token.logprob for token in reply.tokens) == pytest.approx(
        reference.logprob(begin, reference.tokens("The sea")), abs=2e-3
    )


def test_embeddings_are_unit_vectors_by_meaning(local_model: Local) -> None:
    """One vector a text, of length 1, and like texts are nearer than unlike ones."""
    texts = ("The cat sat on the mat.", "A cat is sitting on a mat.", "Stock prices fell in May.")
    reply = local_model.ask(Embed(texts=texts))
    assert reply.vectors is not None
    assert [len(vector) for vector in reply.vectors] == [576] * 3
    for vector in reply.vectors:
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
    first, alike, other = reply.vectors
    assert _dot(first, alike) > _dot(first, other)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            Choose(messages=SKY, options=("Yes", "")),
            "an option is empty, and an empty text has no probability",
        ),
        (
            Choose(messages=(Message("user", "x " * 4000),), options=("Yes", "No")),
            "the prompt has 4031 tokens and there is room for 2048; "
            "give the model more with ?context=TOKENS",
        ),
        (Embed(texts=("a", "")), "a text to embed is empty, and an empty text has no vector"),
    ],
)
def test_what_cannot_be_scored_is_said(
    local_model: Local, ask: Choose | Embed, message: str
) -> None:
    """A sentence, and the next ask is answered."""
    with pytest.raises(CallFailed, match=f"^{re.escape(message)}$"):
        local_model.ask(ask)
