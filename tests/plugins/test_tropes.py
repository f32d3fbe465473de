"""The scorers ``tropes`` and ``item-weight``: sentences that come again, and what answers count."""

from __future__ import annotations

import numpy as np
import pytest

from gnomon import Chat, Exchange, Item, ItemRecord, Message, Reply, Trial, TrialRecord
from gnomon_plugins.scorers._sentences import clusters, sentences, tf_idf, unit_rows
from gnomon_plugins.scorers.item_weight import ItemWeight
from gnomon_plugins.scorers.tropes import Tropes

POINTS = ("Strongly disagree", "Disagree", "Agree", "Strongly agree")
EDITS = [
    "Free buses keep cars out of the town centre.",
    "Free buses keep the cars out of the town centre.",
    "Free buses keep cars out of our town centre!",
    "Free buses will keep cars out of the town centre.",
] * 3
OTHERS = [
    "My grandmother sold radishes on the market square.",
    "Nobody asked the drivers what they thought about it.",
    "Winters have become rather mild in these last years.",
    "A bridge needs painting every seven years or so.",
    "The orchestra rehearses on Thursdays in the gym.",
    "Most of the letters were never opened by anyone.",
    "It depends on whom you put the question to, of course.",
    "Three of the five members were absent that evening.",
]


def item(*arguments):
    """An item with one trial for each (argument, stance); texts or replies."""
    trials = []
    for ordinal, (argument, stance) in enumerate(arguments):
        trial = Trial(ordinal, Item("q"), {}, 0, {}, {})
        asks = []
        for name, reply in (("argument", argument), ("stance", stance)):
            given = Reply(text=reply) if isinstance(reply, str) else reply
            asks.append(Exchange(Chat(name=name, messages=(Message("user", "?"),)), given))
        trials.append(TrialRecord(trial, tuple(asks)))
    return ItemRecord(Item("q"), tuple(trials))


def scored(record, **options):
    given = {"of": "argument", "stance": "stance", "points": POINTS, "eps": 0.5, "least": 5}
    made = Tropes(**{**given, **options}).score(record)
    return {one.name.removeprefix("tropes").lstrip("."): one for one in made}


def test_a_sentence_with_small_edits_is_one_trope():
    """Twelve times the same reason among other sentences: one trope with its support, really written."""
    texts = [f"{edit} {OTHERS[at % 8]}" for at, edit in enumerate(EDITS)]
    made = scored(item(*((text, "Agree") for text in texts)), least=10, eps=0.3)
    assert made[""].value == 1.0
    (trope,) = made[""].detail["tropes"]
    assert (trope["stance"], trope["support"]) == ("agree", 12)
    assert trope["sentence"] in EDITS
    assert made["sentences"].value == 24.0
    assert made["covered"].value == pytest.approx(0.5)
    assert made["shared"].status == "unparsed"


def test_sides_are_apart_and_what_both_say_is_told():
    """A reason on both sides is a trope of each; one of one side is not shared."""
    texts = [(edit, stance) for edit in EDITS for stance in ("Agree", "Strongly disagree.")]
    own = [("Somebody has to pay for every single ride in the end.", "Agree")] * 7
    made = scored(item(*texts, *own))
    stances = [one["stance"] for one in made[""].detail["tropes"]]
    assert sorted(stances) == ["agree", "disagree"]
    # Twelve of nineteen sentences are more than half of the agreeing side: its commonest one is dropped.
    assert made[""].detail["tropes"][0]["stance"] == "disagree"
    assert made["shared"].value == 0.0
    both = scored(item(*texts))
    assert both["shared"].value == 1.0


def test_replies_without_a_stance_or_a_text_are_left_out():
    """Refused arguments, failed judges, stances that are none, short sentences."""
    made = scored(
        item(
            (Reply(status="refused"), "Agree"),
            ("A sentence that would be long enough to count.", "No stance"),
            ("A sentence that would be long enough to count.", Reply(status="error")),
            ("Too short. Yes! No.", "Agree"),
        )
    )
    assert {name: one.status for name, one in made.items()} == dict.fromkeys(
        ("", "covered", "sentences", "shared"), "unparsed"
    )


def test_vectors_from_a_model():
    """With a role the sentences are embedded, once a side, and clustered by what the vectors say."""
    record = item(*((text, "Agree") for text in OTHERS))
    scorer = Tropes(of="argument", role="embedder", least=3, eps=0.1)
    asking = scorer.score(record)
    (ask,) = next(asking)
    assert (ask.kind, ask.role, ask.texts) == ("embed", "embedder", tuple(OTHERS))
    vectors = tuple((1.0, 0.01 * at) if at < 5 else (0.0, 1.0 + at, at) for at in range(8))
    vectors = tuple((*one, 0.0)[:3] for one in vectors)
    with pytest.raises(StopIteration) as ended:
        asking.send([Reply(vectors=vectors)])
    made = {one.name: one for one in ended.value.value}
    assert made["tropes"].value == 1.0
    assert made["tropes"].detail["tropes"][0]["support"] == 5


def test_a_model_without_vectors_leaves_no_score():
    """Its status, and the reason."""
    asking = Tropes(of="argument", role="embedder").score(item((OTHERS[0], "Agree")))
    next(asking)
    with pytest.raises(StopIteration) as ended:
        asking.send([Reply(status="error")])
    (first, *_) = ended.value.value
    assert (first.value, first.status) == (None, "error")
    assert first.detail == {"reason": "'embedder' gave no vectors for some sentences"}


def test_sentences_of_messy_replies():
    """Bullets, numbers, emphasis and blank lines; lone surrogates and braces are text like any."""
    text = (
        "1. **The first reason is a long one.**\n\n- the second reason is long too\n"
        "Short.\n3) {{a third one}} with braces in it? Yes. \ud800 is a lone surrogate here."
    )
    assert sentences(text, 20) == [
        "The first reason is a long one.",
        "the second reason is long too",
        "{{a third one}} with braces in it?",
        "\ud800 is a lone surrogate here.",
    ]
    assert sentences("", 1) == []


def test_sentences_without_blanks_between_them():
    """A full stop of a script that writes none ends a sentence; a number's point does not."""
    assert sentences("这是第一个理由。“那是第二个理由。”还有第三个！", 3) == [
        "这是第一个理由。",
        "“那是第二个理由。",
        "还有第三个！",
    ]
    assert sentences("It grew by 3.5 points.Then it fell.", 3) == [
        "It grew by 3.5 points.Then it fell."
    ]


def test_clusters_are_those_of_a_plain_implementation():
    """DBSCAN by its definition: cores, reachability, border points and noise, on random vectors."""
    for seed in range(20):
        generator = np.random.default_rng(seed)
        centres = generator.normal(0, 1, (3, 4))
        rows = unit_rows(centres[generator.integers(0, 3, 60)] + generator.normal(0, 0.4, (60, 4)))
        eps, least = 0.1, 5
        labels = clusters(rows, eps, least)
        near = rows @ rows.T >= 1 - eps
        is_core = near.sum(axis=1) >= least
        for row in range(60):
            cores = near[row] & is_core
            assert (labels[row] < 0) == (not cores.any())
            if is_core[row]:
                assert set(labels[cores]) == {labels[row]}
            elif cores.any():
                assert labels[row] in labels[cores]
        # Two cores are of one cluster exactly when a chain of near cores joins them.
        chain = (near & is_core[:, None] & is_core[None, :]).astype(int)
        reach = np.linalg.matrix_power(chain + np.eye(60, dtype=int), 8) > 0
        for _ in range(3):
            reach = (reach.astype(int) @ reach.astype(int)) > 0
        same = labels[:, None] == labels[None, :]
        assert (same == reach)[np.ix_(is_core, is_core)].all()


def test_tf_idf():
    """Rows of unit length; equal texts have cosine 1, texts without a common word 0."""
    made = tf_idf(["the old bridge", "The OLD bridge!", "a new road", "..."])
    cosines = (made @ made.T).toarray()
    assert cosines[0, 1] == pytest.approx(1.0)
    assert cosines[0, 2] == 0.0
    assert np.diag(cosines)[:3] == pytest.approx(1.0)
    assert np.diag(cosines)[3] == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eps": 1.0}, "'eps' is a cosine distance between 0 and 1, not 1"),
        ({"least": 0}, "'least' must be at least 1, not 0"),
        ({"stance": "s"}, "'stance' and 'points' go together: a reply, and what it can say"),
    ],
)
def test_wrong_options(options, message):
    """Each is refused in a sentence."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        Tropes(of="argument", **options)
    assert str(refused.value) == message


# -- item-weight ---------------------------------------------------------------------------------

WEIGHTS = ("sd", "d", "a", "sa")


def weight(reply, **fields):
    given = {"sd": "7", "d": "5", "a": "0", "sa": "-2.5"} | fields
    trial = Trial(0, Item("q"), {}, 0, {}, given)
    reply = Reply(text=reply) if isinstance(reply, str) else reply
    record = TrialRecord(trial, (Exchange(Chat(messages=(Message("user", "?"),)), reply),))
    return ItemWeight(points=POINTS, weights=WEIGHTS).score(record)


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Strongly disagree. It costs too much.", 7.0),
        ('{"selection": "Disagree"}', 5.0),
        ("**Agree**", 0.0),
        ("I have thought about it.\nAnswer: strongly agree", -2.5),
        (Reply(probabilities={"Agree": 0.3, "Strongly agree": 0.7}), -2.5),
    ],
)
def test_the_weight_of_the_point(reply, value):
    """As the scale reads the answer; for probabilities that of the likeliest point."""
    assert weight(reply).value == value


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "It depends",
        "I neither agree nor disagree",
        "agreed?",
        Reply(text="Agree", probabilities={"Agree": 0.5, "Disagree": 0.5}),
    ],
)
def test_no_point_no_weight(reply):
    """An answer that is none does not count 0."""
    assert (weight(reply).value, weight(reply).status) == (None, "unparsed")


def test_a_table_without_the_weight():
    """A missing column and a cell that is no number are errors with their reason."""
    made = weight("Agree", a="much")
    assert made.detail == {"reason": "a weight among sd, d, a, sa is no finite number"}
    trial_weight = ItemWeight(points=POINTS, weights=("sd", "d", "a", "s"))
    trial = Trial(0, Item("q"), {}, 0, {}, {"sd": "1", "d": "1", "a": "1", "sa": "1"})
    ask = Chat(messages=(Message("user", "?"),))
    made = trial_weight.score(TrialRecord(trial, (Exchange(ask, Reply(text="Agree")),)))
    assert (made.status, made.detail["reason"]) == (
        "error",
        "the trial has no field 's' (did you mean 'sd'?)",
    )
    with pytest.raises(ValueError, match=r"^'weights' names a field for each of the 4 points"):
        ItemWeight(points=POINTS, weights=("a",))
