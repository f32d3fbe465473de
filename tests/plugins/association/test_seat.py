"""SEAT is WEAT on sentences; the mean of a word's sentences makes the word the unit again."""

import numpy as np
import pytest

from administered import measure, trials
from gnomon import Embed, Exchange, Item, Reply, Trial, TrialRecord
from gnomon_plugins.scorers.weat import Weat

WORDS = {"x": ["x1", "x2"], "y": ["y1", "y2"], "a": ["a1", "a2"], "b": ["b1", "b2"]}
RNG = np.random.default_rng(8)
VECTORS = {word: RNG.normal(size=6) for words in WORDS.values() for word in words}


def record(sentences, spread, dropped=()):
    """Each word in so many sentences whose vectors scatter around the word's own."""
    rng = np.random.default_rng(9)
    fields = {
        name: tuple(f"{word} {index}" for word in words for index in range(sentences))
        for name, words in WORDS.items()
    }
    texts = tuple(text for one in fields.values() for text in one)
    of = {f"{name}_words": tuple(text.split()[0] for text in one) for name, one in fields.items()}
    fields |= of
    vectors = tuple(
        ()
        if text in dropped
        else tuple((VECTORS[text.split()[0]] + spread * rng.normal(size=6)).tolist())
        for text in texts
    )
    trial = Trial(0, Item("t", fields), {}, 0, {}, fields)
    return TrialRecord(trial, (Exchange(Embed(texts=texts), Reply(vectors=vectors)),))


def scores(made, **options):
    return {one.name: one for one in Weat(**options).score(made)}


def test_the_mean_of_equal_sentences_is_the_test_of_words():
    """Sentences that add nothing to their word give the word's own d and p again."""
    words, pooled = scores(record(1, 0.0)), scores(record(3, 0.0), by_word=True)
    for part in ("weat", "weat.s", "weat.p", "weat.p-two-sided"):
        assert pooled[part].value == pytest.approx(words[part].value)


def test_sentences_as_units_make_p_smaller_without_new_words():
    """Three copies of every word are three times the units: why the shipped measure reports both."""
    words, sentences = scores(record(1, 0.0)), scores(record(3, 0.0))
    assert sentences["weat"].detail["sizes"] == {"x": 6, "y": 6, "a": 6, "b": 6}
    assert abs(sentences["weat.p"].value - 0.5) > abs(words["weat.p"].value - 0.5)


def test_a_word_with_a_sentence_left_keeps_its_place():
    """A missing sentence is named; the word's other sentences stand for it."""
    found = scores(record(2, 0.1, dropped=("x1 0",)), by_word=True)
    assert found["weat"].status == "ok"
    assert found["weat"].detail["missing"] == {"x": ["x1 0"]}
    assert found["weat"].detail["sizes"]["x"] == 2


def test_words_without_sentences_and_sentences_without_words():
    """Where nothing says which word a sentence is of, there is a reason and no pairing by position."""
    made = record(3, 0.1)
    made.trial.fields["y_words"] = ("y1",)
    assert scores(made, by_word=True)["weat"].detail["reason"] == (
        "'y' has 6 texts, and y_words 1 words"
    )
    del made.trial.fields["x_words"]
    assert scores(made, by_word=True)["weat"].detail["reason"] == (
        "the trial has no field 'x_words' (did you mean 'y_words'?)"
    )


def test_the_shipped_measure_has_sentences_of_each_kind():
    """Names and other words have sentences of their own; each says whose it is."""
    by_key = {trial.item.key: trial for trial in trials(measure("seat"))}
    assert len(by_key) == 10
    names = by_key["weat-6"].fields["x"]
    assert names[:2] == ("This is John.", "John is here.")
    assert by_key["weat-6"].fields["x_words"][:4] == ("John",) * 4
    for trial in by_key.values():
        for name in "xyab":
            assert len(trial.fields[name]) == len(trial.fields[f"{name}_words"])
