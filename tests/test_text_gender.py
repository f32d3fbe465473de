"""GenBit and the words of a text: the published fixture, the scorers, and the measures made of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from administered import measure, results
from association import answered
from gnomon import Chat, Embed, Exchange, Item, ItemRecord, Message, Reply, Trial, TrialRecord
from gnomon_plugins.scorers._cooccurrence import Lists, Marked, count, difference, words_of
from gnomon_plugins.scorers.genbit import GenBit
from gnomon_plugins.scorers.weat import Weat
from gnomon_plugins.scorers.word_share import WordShare
from shared_data import shared_data

MALE, FEMALE = ("he", "him", "his", "old man"), ("she", "her")


@pytest.fixture(scope="module")
def fixture():
    """The published test texts of GenBit with its lists (MIT)."""
    data = shared_data()
    if data is None:
        pytest.skip("genbit_lists is not here (../shared/data or GNOMON_SHARED_DATA)")
    folder = data / "reference" / "genbit_lists"

    def read(name):
        return json.loads((folder / "test_data_files" / name).read_text("utf-8"))

    lists = Lists.of(
        *(
            (folder / "lists_en" / f"{name}.txt").read_text("utf-8").split("\n")
            for name in ("male", "female")
        )
    )
    return read, lists


def test_published_cooccurrences(fixture):
    """All 390 words of the published matrix have its counts, from the published tokens."""
    read, lists = fixture
    matrix = read("input/winogender_en_50_cooccurrence_matrix.json")
    tokens = [token.lower() for token in read("input/winogender_en_50_tokenized.tsv")]
    lists = Lists(lists.first, lists.second, frozenset(set(tokens) - set(matrix)))
    made = count([lists.read(tokens)], lists, window=5, decay=0.95)
    sums = made.summed(np.ones(1))
    assert set(made.words) == set(matrix)
    for word, *found in zip(made.words, *(one.tolist() for one in sums), strict=True):
        expected = [matrix[word][name] for name in ("count", "male", "female")]
        assert found == pytest.approx(expected, abs=1e-8), word


@pytest.mark.parametrize(
    ("smoothing", "score", "signed", "ratio", "cutoff"),
    [
        (0.0, 0.5368154507, 0.5254507143, 0.9629930682, 20.2994812500),
        (1.0, 0.4623292219, 0.4509218566, 0.8884642106, 22.2882),
    ],
)
def test_recomputed_scores(fixture, smoothing, score, signed, ratio, cutoff):
    """The score without lemmas is the recomputed one, to ten places."""
    read, lists = fixture
    matrix = read("input/winogender_en_50_cooccurrence_matrix.json")
    words = tuple(sorted(matrix))
    sums = tuple(
        np.array([matrix[word][name] for word in words]) for name in ("count", "male", "female")
    )
    made = difference(Marked.of(words, lists), sums, smoothing=smoothing)
    assert (made.score, made.signed, made.ratio) == pytest.approx((score, signed, ratio), abs=1e-9)
    assert made.cutoff == pytest.approx(cutoff, abs=1e-9)
    assert (made.words, made.of_first, made.of_second) == (77, 592, 244)


# -- reading -------------------------------------------------------------------------------------


def test_phrases_are_one_word_and_the_longest_wins():
    """'old man' is a word of its list; 'man' alone is not in it."""
    lists = Lists.of(("old man", "old man river"), FEMALE, ("the",))
    assert lists.read(words_of("The old man river; the OLD man, a man.")) == [
        "old man river",
        "old man",
        "a",
        "man",
    ]


def test_a_stop_word_in_a_list_is_kept():
    """A word of a list counts though it is a stop word."""
    assert Lists.of(MALE, FEMALE, ("he", "is")).read(["he", "is", "tall"]) == ["he", "tall"]


def corpus(*texts, **fields):
    item = Item("corpus", fields=fields)
    ask = Chat(messages=(Message("user", "Write."),))
    trials = [
        TrialRecord(
            Trial(index, item, {}, index, {}, fields),
            (Exchange(ask, text if isinstance(text, Reply) else Reply(text=text)),),
        )
        for index, text in enumerate(texts)
    ]
    return ItemRecord(item, tuple(trials))


def genbit(*texts, fields=None, **options):
    scorer = GenBit(**{"first": MALE, "second": FEMALE, "resamples": 50, **options})
    return {one.name: one for one in scorer.score(corpus(*texts, **(fields or {})))}


EVEN = ("he went home", "she went home", "he sat down", "she sat down") * 3
TILTED = (
    "he built walls",
    "she built walls",
    "he built walls",
    "she baked bread",
    "she baked bread",
) * 3


@pytest.mark.parametrize(
    ("texts", "options", "reason"),
    [
        (EVEN, {"resamples": 0}, "'resamples' is 0, so that there is no interval"),
        (["he went home and she went home " * 9], {}, "one text cannot be resampled"),
    ],
)
def test_why_there_is_no_interval(texts, options, reason):
    """Each cause has its own sentence; the score itself is there."""
    made = genbit(*texts, **options)
    assert made["genbit"].value is not None
    assert made["genbit.low"].detail == made["genbit.high"].detail == {"reason": reason}


def test_the_same_around_both_is_nought():
    """Texts that say the same of both have 0, and an interval that begins near 0."""
    made = genbit(*EVEN)
    assert made["genbit"].value == pytest.approx(0.0, abs=1e-12)
    assert made["genbit.share"].value == 0.5
    assert made["genbit.texts"].value == 12
    assert 0 <= made["genbit.low"].value <= made["genbit.high"].value


def test_a_tilt_shows_with_its_side():
    """What stands near one list only is named first, and the sign says which list."""
    made = genbit(*TILTED, percentile=0.0)
    assert made["genbit"].value > 0.5
    farthest = made["genbit"].detail["farthest"]
    assert farthest["walls"] > 0 > farthest["bread"]
    assert genbit(*TILTED) == genbit(*TILTED)


@given(st.permutations(TILTED))
def test_the_order_of_texts_does_not_matter(texts):
    """A corpus is a set of texts."""
    assert genbit(*texts, resamples=0)["genbit"].value == pytest.approx(
        genbit(*TILTED, resamples=0)["genbit"].value
    )


def test_swapping_the_lists_turns_the_sign():
    """The score stays and the signed mean changes sides."""
    one, other = genbit(*TILTED), genbit(*TILTED, first=FEMALE, second=MALE)
    assert one["genbit"].value == pytest.approx(other["genbit"].value)
    assert one["genbit.signed"].value == pytest.approx(-other["genbit.signed"].value)


def test_lists_may_be_fields():
    """An option in braces stands for a list field of the item."""
    made = genbit(*TILTED, fields={"m": MALE, "f": FEMALE}, first=("{m}",), second=("{f}",))
    assert made["genbit"].value == genbit(*TILTED)["genbit"].value


def test_refusals_are_left_out_and_counted():
    """A refused reply is no text; a corpus of nothing but refusals has no number."""
    made = genbit(*TILTED, Reply(status="refused"))
    assert made["genbit.texts"].value == 15
    assert made["genbit"].detail["missing"] == 1
    none = genbit(Reply(status="refused"), "")
    assert none["genbit"].value is None
    assert none["genbit"].status == "unparsed"
    assert none["genbit"].detail["reason"] == (
        "no word is frequent near both lists: the texts are too few or too short, or words of a list do "
        "not occur"
    )


def test_a_corpus_too_small_for_an_interval():
    """Where most resampled corpora lack a list, the ends are missing with the reason, and the score is there."""
    made = genbit("he sat down", "she sat down")
    assert made["genbit"].status == "ok"
    assert (made["genbit.low"].value, made["genbit.low"].status) == (None, "unparsed")
    assert made["genbit.high"].detail["reason"] == (
        "too many resampled corpora have no word that is frequent near both lists"
    )


def test_a_word_in_both_lists():
    """Lists that share a word cannot be told apart by it."""
    made = genbit(*TILTED, second=("her", "his"))
    assert made["genbit"].detail["reason"] == "'his' is in both lists"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": ()}, "'first' and 'second' need at least one word each"),
        ({"window": 0}, "'window' must be at least 1, not 0"),
        ({"decay": 0.0}, "'decay' lies above 0 and is at most 1; it is 0"),
        ({"percentile": 100.0}, "'percentile' lies from 0 to below 100; it is 100"),
        ({"smoothing": -1.0}, "'smoothing' must be at least 0, not -1"),
        ({"resamples": -1}, "'resamples' must be at least 0, not -1"),
    ],
)
def test_bad_options(options, message):
    """Options out of their range are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        GenBit(**{"first": MALE, "second": FEMALE, **options})
    assert str(caught.value) == message


def test_random_texts_differ_by_chance_only():
    """With words drawn alike for both lists the signed mean is 0 within its spread over 200 corpora."""
    draw = np.random.default_rng(4)
    words = [f"w{letter}" for letter in "abcdefghij"]
    signed = []
    for _ in range(200):
        texts = [
            " ".join([str(draw.choice(["he", "she"])), *draw.choice(words, 6)]) for _ in range(30)
        ]
        signed.append(genbit(*texts, resamples=0)["genbit.signed"].value)
    assert abs(np.mean(signed)) < 4 * np.std(signed) / math.sqrt(len(signed))


# -- shares of words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("He gave her his coat.", 2 / 3),
        ("SHE SAID", 0.0),
        ("An old man sat.", 1.0),
        ("Nobody was there.", None),
        ("", None),
        ("{he} <b>she</b>", 0.5),
    ],
)
def test_word_share(text, value):
    """The share of first-list words; a text without listed words has none."""
    made = WordShare(first=MALE, second=FEMALE).score(answered(text, {}))
    assert made.value == (None if value is None else pytest.approx(value))
    assert made.status == ("unparsed" if value is None else "ok")


def test_word_share_needs_lists():
    """A list without words is refused."""
    with pytest.raises(ValueError, match=r"^'first' and 'second' need at least one word each$"):
        WordShare(first=MALE, second=())


# -- the measures --------------------------------------------------------------------------------


def test_text_gender_reads_stories():
    """A writer that has only men in its stories has a share of 1 everywhere."""
    made = list(
        results(measure("text-gender"), lambda ask, trial: "He met his brother.", repeats=2)
    )
    assert len(made) == 6
    assert {scores["word-share"].value for _, scores in made} == {1.0}
    assert all(
        record.trial.fields["stem"] in record.exchanges[0].ask.messages[-1].content
        for record, _ in made
    )


def test_generated_texts_are_embedded_and_told_apart():
    """Texts about a man that lie at one set of words, and about a woman at the other, have the largest d."""

    def respond(ask, trial):
        if ask.kind == "embed":
            assert ask.role == "embedder"
            near = {*trial.fields["a"]}
            jitter = {text: 0.01 * index for index, text in enumerate(ask.texts)}
            return Reply(
                vectors=tuple(
                    (1.0, jitter[text]) if "man 1" in text or text in near else (jitter[text], 1.0)
                    for text in ask.texts
                )
            )
        return f"{'man 1' if ask.name == 'x' else 'woman 2'} number {ask.sample}"

    for _, scores in results(measure("generated-seat"), respond):
        assert scores["association"].value > 1.9
        assert scores["association.p-two-sided"].value == pytest.approx(2 / math.comb(16, 8))
        assert scores["association.words"].value == 16


def test_a_set_may_be_what_was_written():
    """A set that is no field is the replies of the turn of that name; one that is neither is an error."""
    item = Item("i")
    fields = {"a": ("love", "joy"), "b": ("pain", "war"), "y": ("s", "t")}
    said = [
        Exchange(Chat(name="x", sample=n, messages=(Message("user", "?"),)), Reply(text=text))
        for n, text in enumerate(("p", "q"))
    ]
    texts = ("p", "q", "s", "t", "love", "joy", "pain", "war")
    vectors = tuple((1.0, 0.1 * index) for index in range(8))
    embed = Exchange(Embed(name="v", texts=texts), Reply(vectors=vectors))
    record = TrialRecord(Trial(0, item, {}, 0, {}, fields), (*said, embed))
    assert next(iter(Weat().score(record))).status == "ok"
    without = TrialRecord(record.trial, (embed,))
    made = next(iter(Weat().score(without)))
    assert made.status == "error"
    assert made.detail["reason"] == "the trial has no field 'x'"
