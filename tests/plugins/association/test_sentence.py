"""``sentence:`` encodes texts with a real model, where sentence-transformers is installed."""

import importlib.util

import numpy as np
import pytest

from administered import administer, measure, score, trials
from gnomon import CallFailed, Chat, Embed, Message, ModelError
from gnomon_plugins.backends.sentence import Sentence

INSTALLED = importlib.util.find_spec("sentence_transformers") is not None
needs_model = pytest.mark.skipif(
    not INSTALLED, reason="sentence-transformers is not installed (pip install 'gnomon[sentence]')"
)


@pytest.fixture(scope="module")
def encoder():
    """The real model, pulled when it is not in the cache."""
    backend = Sentence(model="all-minilm-l6-v2")
    backend.prepare(print)
    return backend


@needs_model
@pytest.mark.slow
def test_alike_sentences_get_alike_vectors(encoder):
    """384 numbers a text; a paraphrase lies nearer than another topic; blank texts are missing."""
    texts = ("The cat sleeps.", "A cat is asleep.", "Interest rates rose.", " ", "The cat sleeps.")
    reply = encoder.ask(Embed(texts=texts))
    assert reply.missing == (" ",)
    assert [len(vector) for vector in reply.vectors] == [384, 384, 384, 0, 384]
    assert reply.vectors[0] == reply.vectors[4]
    rows = np.array([reply.vectors[index] for index in range(3)])
    assert rows[0] @ rows[1] > 0.8 > 0.4 > rows[0] @ rows[2]


@needs_model
@pytest.mark.slow
def test_seat_on_a_real_encoder(encoder):
    """Flowers and pleasant words go together in sentences too, by sentence and by word."""
    spec = measure("seat")
    trial = next(iter(trials(spec)))
    record = administer(spec, trial, lambda ask, _trial: encoder.ask(ask))
    found = score(spec, record, None)
    assert found["seat"].detail["sizes"] == {"x": 100, "y": 100, "a": 100, "b": 100}
    assert found["seat-by-word"].detail["sizes"] == {"x": 25, "y": 25, "a": 25, "b": 25}
    for name in ("seat", "seat-by-word"):
        assert found[name].value > 0.5
        assert found[f"{name}.p"].value < 0.01


@needs_model
@pytest.mark.slow
def test_the_weights_are_part_of_the_identity(encoder):
    """Replies of other weights under the same name are not reused."""
    assert list(encoder.identity) == ["model.safetensors"]


@pytest.mark.skipif(INSTALLED, reason="sentence-transformers is installed")
def test_without_the_library():
    """The sentence names the extra to install."""
    with pytest.raises(ModelError) as caught:
        Sentence(model="some/model").ask(Embed(texts=("a",)))
    assert str(caught.value) == (
        "'sentence:some/model' needs sentence-transformers, which is not installed; "
        "install it with: pip install 'gnomon[sentence]'"
    )


def test_wrong_asks_and_names():
    """Other kinds of ask, unknown weights and an empty batch are refused."""
    backend = Sentence(model="all-minilm-l6-v2")
    with pytest.raises(CallFailed) as caught:
        backend.ask(Chat(messages=(Message("user", "Hello"),)))
    assert caught.value.message == "'sentence' answers asks of kind 'embed', not 'chat'"
    with pytest.raises(ModelError) as unknown:
        Sentence.pull("all-minilm")
    assert str(unknown.value) == (
        "there is no sentence encoder 'all-minilm' to pull (did you mean 'all-minilm-l6-v2'?); "
        "there are: all-minilm-l6-v2"
    )
    with pytest.raises(ValueError, match="'batch' must be at least 1, not 0"):
        Sentence(model="all-minilm-l6-v2", batch=0)
