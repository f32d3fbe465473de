"""``weat`` over whole trials: published values, words left out by name, and inputs without a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import GLOVE_6B, GLOVE_840B

from administered import measure, results
from gnomon import Embed, Exchange, Item, Reply, Trial, TrialRecord
from gnomon_plugins.scorers.weat import Weat


def lookup(vectors, lower):
    """A respondent that gives each text its vector, and an empty one where there is none."""

    def respond(ask, _trial):
        found = [vectors.get(text.lower() if lower else text) for text in ask.texts]
        return Reply(
            vectors=tuple(() if one is None else tuple(one.tolist()) for one in found),
            missing=tuple(t for t, one in zip(ask.texts, found, strict=True) if one is None),
        )

    return respond


def record(sets, vectors, texts=None):
    """A trial with these sets, answered with these vectors."""
    fields = {name: tuple(words) for name, words in sets.items()}
    trial = Trial(0, Item("test", fields), {}, 0, {}, fields)
    asked = tuple(texts or (word for words in fields.values() for word in words))
    reply = Reply(vectors=tuple(tuple(vectors.get(word, ())) for word in asked))
    return TrialRecord(trial, (Exchange(Embed(texts=asked), reply),))


def scores(sets, vectors, **options):
    return {one.name: one for one in Weat(**options).score(record(sets, vectors))}


SETS = {"x": ["x1", "x2", "x3"], "y": ["y1", "y2", "y3"], "a": ["a1", "a2"], "b": ["b1", "b2"]}
RNG = np.random.default_rng(5)
VECTORS = {word: RNG.normal(size=8).tolist() for words in SETS.values() for word in words}


@pytest.mark.parametrize(
    ("name", "expected", "lower", "lost"),
    [
        ("glove_840b", GLOVE_840B, False, {}),
        ("glove_6b", GLOVE_6B, True, {"weat-1": {"x": ["gladiola"]}}),
    ],
    ids=["840b", "6b"],
)
def test_the_shipped_measure_gives_the_published_values(request, name, expected, lower, lost):
    """All ten tests of ``specs/weat.toml``: S, d, p and the one word that GloVe 6B does not have."""
    vectors = request.getfixturevalue(name)
    seen = []
    for trial, found in results(measure("weat"), lookup(vectors, lower)):
        key = trial.trial.item.key
        s, d, _, _, p = expected[key.upper().replace("-", "")]
        assert found["weat"].value == pytest.approx(d, abs=1e-6)
        assert found["weat.s"].value == pytest.approx(s, abs=1e-6)
        if p is not None:
            assert found["weat.p"].value == pytest.approx(float(p), rel=1e-3)
        assert found["weat"].detail.get("missing", {}) == lost.get(key, {})
        assert found["weat"].detail["ddof"] == 1
        assert found["weat"].detail["ties"] == ">="
        seen.append(key)
    assert seen == [f"weat-{number}" for number in range(1, 11)]


def test_one_sided_loss_keeps_the_sizes_that_are_left(glove_6b):
    """24 flowers against 25 insects: partitions of 24 and 25, and a coverage of 99 in 100."""
    _, found = next(iter(results(measure("weat"), lookup(glove_6b, lower=True))))
    detail = found["weat"].detail
    assert detail["sizes"] == {"x": 24, "y": 25, "a": 25, "b": 25}
    assert detail["partitions"] == 63_205_303_218_876
    assert found["weat.coverage"].value == pytest.approx(0.99)
    assert found["weat.words"].value == 49


def test_population_spread_on_request(glove_840b):
    """``ddof = 0`` gives the values that divide by n."""
    trial, _ = list(results(measure("weat"), lookup(glove_840b, lower=False)))[5]
    found = {one.name: one for one in Weat(ddof=0).score(trial)}
    assert found["weat"].value == pytest.approx(1.873403, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_exchanged_targets_and_exchanged_attributes(seed):
    """Either exchange flips d and S, and keeps the two-sided p; both together change nothing."""
    rng = np.random.default_rng(seed)
    vectors = {word: rng.normal(size=5).tolist() for word in VECTORS}
    base = scores(SETS, vectors)
    targets = scores({**SETS, "x": SETS["y"], "y": SETS["x"]}, vectors)
    attributes = scores({**SETS, "a": SETS["b"], "b": SETS["a"]}, vectors)
    for other in (targets, attributes):
        assert other["weat"].value == pytest.approx(-base["weat"].value)
        assert other["weat.s"].value == pytest.approx(-base["weat.s"].value)
        assert other["weat.p-two-sided"].value == pytest.approx(base["weat.p-two-sided"].value)
    assert targets["weat.p"].value == pytest.approx(attributes["weat.p"].value)


@given(st.floats(1e-200, 1e200))
def test_the_length_of_a_vector_does_not_matter(length):
    """Cosines only: one vector made longer or shorter by any factor changes nothing."""
    scaled = {**VECTORS, "x1": [length * value for value in VECTORS["x1"]]}
    assert scores(SETS, scaled)["weat"].value == pytest.approx(scores(SETS, VECTORS)["weat"].value)


def test_zero_and_not_finite_vectors_are_left_out_by_name():
    """They have no direction; the words are named and the rest is scored."""
    found = scores(SETS, {**VECTORS, "x1": [0.0] * 8, "b2": [float("nan")] * 8}, least=1)
    assert found["weat"].status == "ok"
    assert found["weat"].detail["zero_or_not_finite"] == {"x": ["x1"], "b": ["b2"]}
    assert found["weat"].detail["sizes"] == {"x": 2, "y": 3, "a": 2, "b": 1}
    rest = {**SETS, "x": ["x2", "x3"], "b": ["b1"]}
    assert found["weat"].value == scores(rest, VECTORS, least=1)["weat"].value


@pytest.mark.parametrize(
    ("sets", "vectors", "reason"),
    [
        (
            SETS,
            {word: vector for word, vector in VECTORS.items() if word not in ("x1", "x2")},
            "the set 'x' has 1 usable vector; it needs at least 2",
        ),
        (SETS, {}, "the set 'x' has 0 usable vectors; it needs at least 2"),
        (
            SETS,
            {**VECTORS, "y1": [1.0, 2.0]},
            "the vectors have different lengths: [2, 8]",
        ),
        (
            SETS,
            dict.fromkeys(VECTORS, (1.0, 2.0)),
            "all target words have the same association, so d is 0 / 0",
        ),
        (
            {name: words for name, words in SETS.items() if name != "b"},
            VECTORS,
            "the trial has no field 'b'",
        ),
    ],
    ids=["one left", "none left", "lengths", "no spread", "no set"],
)
def test_inputs_without_a_number(sets, vectors, reason):
    """The score and each of its parts has the status 'error' and no value; the reason is kept."""
    found = scores(sets, vectors)
    assert found["weat"].detail["reason"] == reason
    assert {one.status for one in found.values()} == {"error"}
    assert {one.value for one in found.values()} == {None}
    assert set(found) == {"weat", *(f"weat.{part}" for part in Weat.parts)}


def test_replies_without_vectors():
    """A turn that did not ask for a set, too few vectors, and no embed turn at all."""
    few = record(SETS, VECTORS, texts=["x1", "x2", "x3"])
    [first, *_] = Weat().score(few)
    assert first.detail["reason"] == (
        "the turn did not ask for 'y1' of 'y'; its texts need \"{y}\""
    )
    exchange = Exchange(Embed(texts=("x1", "x2")), Reply(vectors=((1.0,),)))
    [first, *_] = Weat().score(TrialRecord(few.trial, (exchange,)))
    assert first.detail["reason"] == "2 texts were asked for and 1 vectors came back"
    [first, *_] = Weat().score(TrialRecord(few.trial, ()))
    assert first.detail["reason"] == "the trial has no reply to a turn of kind 'embed'"


def test_an_exact_count_out_of_reach_is_a_reason_not_a_wait():
    """``method = "exact"`` on 32 + 32 words says what it would cost."""
    sets = {
        "x": [f"x{i}" for i in range(32)],
        "y": [f"y{i}" for i in range(32)],
        "a": ["a1", "a2"],
        "b": ["b1", "b2"],
    }
    rng = np.random.default_rng(1)
    vectors = {word: rng.normal(size=5).tolist() for words in sets.values() for word in words}
    assert scores(sets, vectors, method="exact")["weat"].detail["reason"] == (
        "counting all partitions of 64 words into 32 and 32 exactly needs 4,294,967,296 subset "
        'sums, more than 67,108,864; use method = "bounded"'
    )


def test_sampling_is_the_same_every_time():
    """The draws of an item depend on its key alone, so that scoring again gives the same p."""
    first, second = (
        scores(SETS, VECTORS, method="sampled", draws=500)["weat.p"].value for _ in range(2)
    )
    assert first == second
    assert (first * 501) == pytest.approx(round(first * 501))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ddof": 2}, "'ddof' is 1 (divide by n - 1) or 0 (divide by n), not 2"),
        ({"draws": 5}, "'draws' must be at least 100, not 5"),
        ({"tolerance": 0.0}, "'tolerance' must be above 0, not 0"),
        ({"least": 0}, "'least' must be at least 1, not 0"),
    ],
)
def test_options_without_a_meaning(options, message):
    """Each is refused with what it may be."""
    with pytest.raises(ValueError, match=r"must be|is 1") as caught:
        Weat(**options)
    assert str(caught.value) == message
