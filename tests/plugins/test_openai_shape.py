"""Payloads as servers send them: read without guessing, or refused as failed calls."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import CallFailed, Chat, Choose, Decoding, Message, Reply, TokenLogprob
from gnomon_plugins.backends import _choosing as choosing
from gnomon_plugins.backends import _openai_shape as shape

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def payload(message=None, choice=None, **more):
    return {
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **(choice or {})}],
        **more,
    }


def test_body_leaves_out_what_is_unset():
    """Only the parameters that were set are sent, under the API's names."""
    ask = Chat(messages=(Message("system", "s"), Message("user", "u")))
    plain = {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
    }
    assert shape.body_of(ask, "m") == plain
    decoding = Decoding(
        temperature=0.0, top_p=0.9, top_k=0, max_tokens=5, stop=("x",), seed=0, logprobs=3
    )
    assert shape.body_of(Chat(messages=ask.messages, decoding=decoding), "m") == {
        **plain,
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 0,
        "max_tokens": 5,
        "stop": ["x"],
        "seed": 0,
        "logprobs": True,
        "top_logprobs": 3,
    }


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        # OpenAI: usage with details, refusal null, logprobs null.
        (
            payload({"role": "assistant", "content": "Seven.", "refusal": None}, {"logprobs": None},
                    usage={"prompt_tokens": 11, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}}),
            {"text": "Seven.", "tokens_in": 11, "tokens_out": 2, "model": "m-1", "finish": "stop", "status": "ok"},
        ),
        # OpenAI: a refusal with null content.
        (payload({"content": None, "refusal": "Not that."}), {"text": "Not that.", "status": "refused"}),
        # The same as litellm hands it on.
        (payload({"content": None, "provider_specific_fields": {"refusal": "Not that."}}), {"text": "Not that.", "status": "refused"}),
        # Azure: filtered half-way.
        (payload({"content": "So f"}, {"finish_reason": "content_filter"}), {"text": "So f", "status": "filtered"}),
        # Anthropic through a gateway: a list of parts, thinking apart, its own stop word.
        (
            payload({"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Blue"}, {"type": "text", "text": "!"}]},
                    {"finish_reason": "max_tokens"}),
            {"text": "Blue!", "status": "truncated"},
        ),
        (payload({"content": []}, {"finish_reason": "refusal"}), {"text": "", "status": "refused"}),
        # Gemini: upper-case words, content missing altogether.
        (payload({"role": "model"}, {"finish_reason": "SAFETY"}), {"text": "", "status": "filtered"}),
        (payload({"content": "x"}, {"finish_reason": "MAX_TOKENS"}), {"text": "x", "status": "truncated"}),
        # Mistral: its word for length, an empty tool list.
        (payload({"content": "x", "tool_calls": []}, {"finish_reason": "model_length"}), {"text": "x", "status": "truncated"}),
        # vLLM: reasoning apart, stop_reason beside finish_reason, all tokens spent on reasoning.
        (
            payload({"content": None, "reasoning_content": "Let me see"}, {"finish_reason": "length", "stop_reason": None}),
            {"text": "", "status": "truncated"},
        ),
        # Tool calls nobody asked for: an answer without text.
        (payload({"content": None, "tool_calls": [{"id": "c"}]}, {"finish_reason": "tool_calls"}), {"text": "", "status": "ok", "finish": "tool_calls"}),
        # Ollama: no usage, an empty model name, no finish reason.
        ({"model": "", "choices": [{"message": {"content": "x"}, "finish_reason": None}]}, {"text": "x", "model": None, "tokens_in": None, "finish": None}),
        # Usage that is null, or nonsense.
        (payload({"content": "x"}, usage=None), {"tokens_in": None}),
        (payload({"content": "x"}, usage={"prompt_tokens": "7", "completion_tokens": -1}), {"tokens_in": None, "tokens_out": None}),
        # A completion in place of a chat; a part that refuses; a text among parts.
        ({"choices": [{"text": " and on", "finish_reason": "stop"}]}, {"text": " and on", "status": "ok"}),
        (payload({"content": [{"type": "refusal", "refusal": "No."}]}), {"text": "No.", "status": "refused"}),
        (payload({"content": ["a", {"type": "output_text", "text": "b"}]}), {"text": "ab"}),
        # Text that is hard to store is handed on as it came.
        (payload({"content": "a\0b\ud800"}), {"text": "a\0b\ud800"}),
        # Counts that are none, or that no database holds.
        (payload({"content": "x"}, usage={"prompt_tokens": 2**63, "completion_tokens": "3"}), {"tokens_in": None, "tokens_out": None}),
    ],
)  # fmt: skip
def test_replies_as_servers_send_them(given_, expected):
    """Text, status, finish, counts and model are read from each server's shape."""
    reply = shape.read_chat(given_, "m", "{}")
    assert {name: getattr(reply, name) for name in expected} == expected
    assert reply.raw == "{}"


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ([], "m answered with JSON that is not an object"),
        ({"error": {"message": "x"}}, "m answered with JSON that has no 'choices'"),
        ({"choices": "x"}, "m answered with JSON that has no 'choices'"),
        ({"choices": []}, "m answered with no choice"),
        ({"choices": [None]}, "m answered with a choice that is not an object"),
        ({"choices": [{}]}, "m answered with a choice that has no message"),
        (payload({"content": 3}), "m answered with content that is neither text nor parts"),
        (payload({"content": ""}, {"finish_reason": "error"}), "m says that generation failed"),
        (
            payload({"content": "ha"}, {"error": {"code": 502, "message": "gone"}}),
            "m says that generation failed: gone",
        ),
    ],
)
def test_payloads_without_an_answer(given_, message):
    """A payload without an answer is a failed call that may be tried again."""
    with pytest.raises(CallFailed) as failed:
        shape.read_chat(given_, "m")
    assert failed.value.message == message
    assert failed.value.retry


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "choices": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "message": st.fixed_dictionaries(
                            {}, optional={"content": JSON, "refusal": JSON}
                        ),
                        "logprobs": JSON,
                        "finish_reason": JSON,
                        "text": JSON,
                    },
                ),
                max_size=1,
            ),
            "usage": JSON,
            "model": JSON,
        },
    )
    | JSON
)
def test_no_payload_brings_a_traceback(anything):
    """Any JSON is a reply or a failed call."""
    for read in (shape.read_chat, lambda given_, who: shape.read_vectors(given_, 1, who)):
        try:
            read(anything, "m")
        except CallFailed as failed:
            said = failed.message
        else:
            continue
        assert said.startswith("m ")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "content": st.lists(
                st.fixed_dictionaries(
                    {}, optional={"token": JSON, "logprob": JSON, "top_logprobs": JSON}
                )
            ),
            "tokens": JSON,
            "token_logprobs": JSON,
        },
    )
)
def test_log_probabilities_that_are_none(anything):
    """Log-probabilities of another shape are taken as none at all."""
    for token in shape.read_logprobs(anything) or ():
        assert isinstance(token.logprob, float)


def test_log_probabilities_in_both_shapes():
    """Chat and completion log-probabilities read alike; null ones are left out."""
    chat = {
        "content": [
            {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]},
            {"token": "c", "logprob": -1.0, "top_logprobs": None},
        ]
    }  # fmt: skip
    completion = {
        "tokens": ["x", "a"],
        "token_logprobs": [None, -0.5],
        "top_logprobs": [None, {"a": -0.5}],
    }
    assert shape.read_logprobs(chat) == (
        TokenLogprob("a", -0.5, {"a": -0.5, "b": -1.5}),
        TokenLogprob("c", -1.0, {}),
    )
    assert shape.read_logprobs(completion) == (TokenLogprob("a", -0.5, {"a": -0.5}),)
    for none in (None, {}, {"content": None}, {"tokens": []}, []):
        assert shape.read_logprobs(none) is None


def test_vectors_in_the_order_of_the_texts():
    """Vectors are put in order by their index; too few are a failed call."""
    data = [{"index": 1, "embedding": [2, 0]}, {"index": 0, "embedding": [1.0, 0]}]
    assert shape.read_vectors({"data": data}, 2, "m") == ((1.0, 0.0), (2.0, 0.0))
    for wrong in ({"data": data[:1]}, {"data": [{"index": 0, "embedding": []}, data[0]]}, {}, []):
        with pytest.raises(CallFailed, match=r"^m answered with [01] vectors for 2 texts$"):
            shape.read_vectors(wrong, 2, "m")
    with pytest.raises(CallFailed, match=r"^m answered with something that is no vector$"):
        shape.read_vectors({"data": [{"embedding": ["x"]}]}, 1, "m")
    for strange in (math.nan, math.inf, -math.inf, "nan"):
        with pytest.raises(
            CallFailed, match=r"^m answered with a vector that holds no finite numbers$"
        ):
            shape.read_vectors({"data": [{"embedding": [1.0, strange]}]}, 1, "m")


@given(JSON, JSON)
def test_whatever_comes_with_vectors_or_an_echo(usage, model):
    """What is no count or no name stays unknown; what is no echo has no tokens."""
    payload_ = {"data": [{"embedding": [1.0]}], "usage": usage, "model": model}
    made = shape.read_embedding(payload_, 1, "m")
    assert made.vectors == ((1.0,),)
    assert made.tokens_in is None or made.tokens_in >= 0
    assert made.model is None or isinstance(made.model, str)
    echoed = {"tokens": usage, "token_logprobs": model, "text_offset": [usage]}
    for strange in (usage, echoed):
        assert isinstance(shape.read_echoed(strange, 0, 9), tuple)


def test_vectors_with_indices_beyond_any_number():
    """They are a failed call like any other payload that is none."""
    for strange in ({"index": math.inf, "embedding": [1.0]}, {"embedding": [10**400]}):
        with pytest.raises(CallFailed, match=r"^m answered with something that is no vector$"):
            shape.read_vectors({"data": [strange]}, 1, "m")


def test_probabilities_that_are_none():
    """NaN counts as no mass, and what rounding put above 0 as certain."""
    ask = Choose(messages=(Message("user", "?"),), options=("A", "B"))
    first = TokenLogprob("A", 1e-7, {"B": math.nan})
    made = choosing.from_first_token(ask, Reply(tokens=(first,)), "m")
    assert made.probabilities == {"A": 1.0, "B": 0.0}
    lost = Reply(tokens=(TokenLogprob("A", math.nan, {}),))
    with pytest.raises(
        CallFailed, match=r"^none of the options is among the 0 likeliest first tokens"
    ):
        choosing.from_first_token(ask, lost, "m")


# -- probabilities over options ----------------------------------------------------------------------


def choose(*options: str) -> Choose:
    return Choose(messages=(Message("user", "?"),), options=options)


def first(shares: dict[str, float]) -> Reply:
    tokens = {token: math.log(p) for token, p in shares.items()}
    top = max(tokens, key=tokens.__getitem__)
    return Reply(text=top, tokens=(TokenLogprob(top, tokens[top], tokens),), status="truncated")


def test_choice_from_the_first_token():
    """Mass of all tokens that begin an option is added up, scaled, and its sum is the coverage."""
    reply = choosing.from_first_token(
        choose("yes", "no"), first({"yes": 0.5, " yes": 0.1, "no": 0.2, "I": 0.1}), "m"
    )
    assert reply.probabilities["yes"] == pytest.approx(0.75)
    assert reply.coverage == pytest.approx(0.8)
    assert (reply.exact, reply.status) == (True, "ok")


def test_choice_with_an_option_unseen():
    """An option outside the alternatives gets 0 and the reply is not called exact."""
    reply = choosing.from_first_token(choose("A", "B", "C"), first({"A": 0.6, "B": 0.3}), "m")
    assert reply.probabilities["C"] == 0
    assert reply.exact is False
    assert reply.coverage == pytest.approx(0.9)


def test_choice_between_options_that_begin_alike():
    """A token that begins two options belongs to neither; unless it is negligible, that is said."""
    with pytest.raises(CallFailed) as failed:
        choosing.from_first_token(choose("1", "10"), first({"1": 0.9, "10": 0.05}), "m")
    assert failed.value.message == (
        "the options '1' and '10' begin with the same token; "
        "give samples=N to estimate 'choose' from N replies"
    )
    reply = choosing.from_first_token(
        choose("yes", "yellow"), first({"yes": 0.5, "yellow": 0.4, "ye": 0.001}), "m"
    )
    assert reply.exact is False


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(text="A"), "m returned no log-probabilities, which 'choose' is read from; give samples=N to estimate it from N replies"),
        (first({"I": 0.9, "As": 0.1}), "none of the options is among the 2 likeliest first tokens of m: A, B"),
    ],
)  # fmt: skip
def test_choices_that_cannot_be_read(reply, message):
    """Without log-probabilities, or with none for the options, there is no choice."""
    with pytest.raises(CallFailed) as failed:
        choosing.from_first_token(choose("A", "B"), reply, "m")
    assert failed.value.message == message


def test_a_filtered_choice_stays_filtered():
    """A refusal or a filter is no choice and no failure."""
    filtered = Reply(status="filtered")
    assert choosing.from_first_token(choose("A", "B"), filtered, "m") is filtered


def test_choice_from_samples():
    """Shares among the replies that name an option; the rest lowers the coverage."""
    texts = ["A", " A.", "**B**", "well", "A"]
    replies = [Reply(text=text, tokens_in=2, tokens_out=1, cost=0.5) for text in texts]
    reply = choosing.from_samples(choose("A", "B"), replies, "m", cost=2.5)
    assert reply.probabilities == {"A": 0.75, "B": 0.25}
    assert (reply.coverage, reply.exact) == (0.8, False)
    assert (reply.tokens_in, reply.tokens_out, reply.cost) == (10, 5, 2.5)


def test_samples_without_an_option():
    """If no sample names an option: refused when the provider said so, else a failed call."""
    with pytest.raises(CallFailed) as failed:
        choosing.from_samples(choose("A", "B"), [Reply(text="maybe")] * 3, "m", cost=0.25)
    assert failed.value.cost == 0.25
    assert failed.value.message == (
        "none of 3 sampled replies of m is one of the options A, B; the first is 'maybe'"
    )
    refused = choosing.from_samples(choose("A", "B"), [Reply(status="refused", text="no")], "m")
    assert (refused.status, refused.probabilities) == ("refused", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "a 'choose' ask needs options that are not blank"),
        (("a", " "), "a 'choose' ask needs options that are not blank"),
        (("a", "a "), "two options are equal: a, a "),
    ],
)
def test_options_that_are_none(options, message):
    """Options that no reply could tell apart are refused."""
    with pytest.raises(CallFailed) as failed:
        choosing.check_options(choose(*options))
    assert failed.value.message == message


@given(st.dictionaries(st.sampled_from(["A", "B", "C", " A", "x"]), st.floats(1e-6, 1), min_size=1))
def test_probabilities_sum_to_one(shares):
    """Whatever mass the tokens have, the options' probabilities sum to 1 and coverage is at most 1."""
    try:
        reply = choosing.from_first_token(choose("A", "B", "C"), first(shares), "m")
    except CallFailed:
        reply = None
    if reply is None:
        assert set(shares) == {"x"}
        return
    assert math.isclose(sum(reply.probabilities.values()), 1)
    assert reply.coverage <= 1
