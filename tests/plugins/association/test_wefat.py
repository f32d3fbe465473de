"""``wefat`` and ``field``: single words, published values, and the correlation with the world."""

import csv
import math

import numpy as np
import pytest
from scipy.stats import pearsonr
from test_weat import lookup

from administered import measure, results
from gnomon import Embed, Exchange, Item, Reply, Trial, TrialRecord
from gnomon_plugins.scorers.field import Field
from gnomon_plugins.scorers.wefat import Wefat

SPOT = {
    "Kelly": 0.994559,
    "Tracy": 0.764977,
    "Jamie": 0.075285,
    "Jackie": 0.852230,
    "Jesse": -0.618021,
    "Courtney": 1.109713,
    "technician": -0.618296,
    "accountant": -0.359534,
}


def scored(name, vectors, lower):
    return {
        record.trial.item.key: found
        for record, found in results(measure(name), lookup(vectors, lower))
    }


@pytest.mark.parametrize(
    ("name", "table"),
    [("wefat-occupations", "WEFAT1_840B.csv"), ("wefat-names", "WEFAT2_840B.csv")],
)
def test_every_word_has_the_published_association(reference, glove_840b, name, table):
    """All fifty values agree with those recomputed by the authors of the replication package."""
    found = scored(name, glove_840b, lower=False)
    with (reference / table).open(encoding="utf-8", newline="") as file:
        expected = {word: float(value) for word, value in list(csv.reader(file))[1:]}
    assert set(found) == set(expected)
    for word, value in expected.items():
        assert found[word]["wefat"].value == pytest.approx(value, abs=1e-6)
    for word in SPOT.keys() & expected.keys():
        assert found[word]["wefat"].value == pytest.approx(SPOT[word], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "vectors", "lower", "r", "p"),
    [
        ("wefat-occupations", "glove_840b", False, "0.9029", "3.2e-19"),
        ("wefat-names", "glove_840b", False, "0.8400", "2.4e-14"),
        ("wefat-occupations", "glove_6b", True, "0.7028", None),
        ("wefat-names", "glove_6b", True, "0.7561", None),
    ],
)
def test_correlation_with_the_world(request, name, vectors, lower, r, p):
    """The published .90 and .84, from the shipped tables and the spec's own two scores."""
    found = scored(name, request.getfixturevalue(vectors), lower).values()
    result = pearsonr([one["wefat"].value for one in found], [one["women"].value for one in found])
    assert f"{result.statistic:.4f}" == r
    if p is not None:
        assert f"{result.pvalue:.1e}" == p


def test_the_p_of_one_word_counts_partitions_of_the_attributes(glove_840b):
    """8 + 8 attributes: p is a multiple of 1 / 12,870, and the detail says how it was found."""
    found = scored("wefat-occupations", glove_840b, lower=False)["nurse"]
    assert found["wefat"].detail["partitions"] == 12_870
    assert found["wefat"].detail["method"] == "exact"
    shares = found["wefat.p"].value * 12_870
    assert shares == pytest.approx(round(shares))
    assert 1 / 12_870 <= found["wefat.p"].value < 0.01


def record(word_vector, attributes=4):
    rng = np.random.default_rng(3)
    fields = {"word": "w", "a": tuple("abcd"[:attributes]), "b": tuple("efgh"), "women": 12.5}
    vectors = {letter: tuple(rng.normal(size=5).tolist()) for letter in "abcdefgh"}
    texts = ("w", *fields["a"], *fields["b"])
    reply = Reply(vectors=tuple({"w": word_vector, **vectors}[text] for text in texts))
    trial = Trial(0, Item("w", fields), {}, 0, {}, fields)
    return TrialRecord(trial, (Exchange(Embed(texts=texts), reply),))


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        ((), "the set 'word' has 0 usable vectors; it needs at least 1"),
        ((0.0,) * 5, "the set 'word' has 0 usable vectors; it needs at least 1"),
        ((math.inf,) * 5, "the set 'word' has 0 usable vectors; it needs at least 1"),
        ((1.0,) * 4, "the vectors have different lengths: [4, 5]"),
    ],
)
def test_words_without_a_direction(vector, reason):
    """A missing, zero or infinite vector is no association of 0, and every part says so."""
    scores = list(Wefat().score(record(vector)))
    assert {one.status for one in scores} == {"error"}
    assert scores[0].detail["reason"] == reason
    assert [one.name for one in scores] == ["wefat", *(f"wefat.{part}" for part in Wefat.parts)]


def test_several_words_in_one_item():
    """One word is measured; a list of them is refused."""
    made = record((1.0, 2.0, 3.0, 4.0, 5.0))
    [first, *_] = Wefat(word="a").score(made)
    assert first.detail["reason"] == "the field 'a' holds several words; one is measured"


def test_a_field_as_a_score():
    """A number is itself, a text with a number is read, anything else has no score."""
    made = record((1.0,) * 5)
    assert Field(field="women").score(made).value == 12.5
    unread = Field(field="word").score(made)
    assert (unread.status, unread.value, unread.detail) == ("unparsed", None, {"value": "w"})
    missing = Field(field="woman").score(made)
    assert missing.status == "error"
    assert missing.detail["reason"] == "the trial has no field 'woman' (did you mean 'women'?)"
