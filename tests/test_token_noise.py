"""The measure ``token-noise``, its source of subsets and its scorer of choices."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from administered import measure, results, trials
from gnomon import Choose, Exchange, Item, Message, Reply, SourceError, Table, Trial, TrialRecord
from gnomon.loading import Around
from gnomon_plugins.scorers.choice import Choice
from gnomon_plugins.sources.prompt_parts import PromptParts
from gnomon_plugins.statistics.shapley import Shapley

HEAD = "vignette,field,part,text\n"
ROWS = """tea,opening,,A guest arrives.
tea,opening,sun,It is warm.
tea,offer,cup,A cup of tea.
tea,offer,cake,A cake.
"""


@pytest.fixture
def items(tmp_path):
    def read(text, **options):
        (tmp_path / "parts.csv").write_text(text, "utf-8")
        source = PromptParts(file="parts.csv", **options)
        return list(source.items(Around.beside(tmp_path / "measure.toml", 5)))

    return read


# -- the source ----------------------------------------------------------------------------------


def test_every_subset_is_an_item(items):
    """Three parts make eight items; what is not shown stands under its stand-in, the rest in its place."""
    made = {item.groups["shown"]: item for item in items(HEAD + ROWS)}
    assert len(made) == 8
    assert made["-"].fields == {"opening": "A guest arrives. _", "offer": "_ _"}
    assert made["sun+cake"].fields == {
        "opening": "A guest arrives. It is warm.",
        "offer": "_ A cake.",
    }
    assert made["sun+cake"].key == "tea/gap/101"
    assert made["sun+cake"].groups == {
        "vignette": "tea",
        "absent": "gap",
        "shown": "sun+cake",
        "permutation": "",
    }


def test_an_empty_stand_in_leaves_nothing(items):
    """Two stand-ins make two sets of subsets; an empty one leaves no double blanks."""
    made = items(HEAD + ROWS, absent={"gap": "...", "nothing": ""})
    assert len(made) == 16
    assert made[8].fields == {"opening": "A guest arrives.", "offer": ""}


def test_random_orders_for_many_parts(items):
    """Beyond 'most' parts each order grows by one part at a time, and the ends are there once."""
    text = HEAD + "".join(f"v,f,p{n},text {n}\n" for n in range(6))
    made = items(text, most=4, permutations=7)
    assert len(made) == 2 + 7 * 5
    assert [item.groups["shown"] for item in made[:2]] == ["-", "p0+p1+p2+p3+p4+p5"]
    for number in range(1, 8):
        own = [item for item in made if item.groups["permutation"] == str(number)]
        shown = [set(item.groups["shown"].split("+")) for item in own]
        assert [len(one) for one in shown] == [1, 2, 3, 4, 5]
        assert all(a < b for a, b in itertools.pairwise(shown))
    assert len({item.key for item in made}) == len(made)
    assert [item.key for item in items(text, most=4, permutations=7)] == [i.key for i in made]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "v,f,a,\n", "'parts.csv' line 2: 'text' is empty"),
        (
            HEAD + "v,f,a+b,x\n",
            "'parts.csv' line 2: the part is called 'a+b'; a name has no '+' and is not '-', which the "
            "group 'shown' needs",
        ),
        (
            HEAD + "v,f,a,x\nv,g,a,y\n",
            "'parts.csv' line 3: 'v' has two parts called 'a'",
        ),
        (
            HEAD + "v,f,,x\n",
            "'parts.csv': no row of 'v' has a name in 'part', so there is nothing to leave out",
        ),
        (
            "vignette,field,text\nv,f,x\n",
            "'parts.csv' has no column 'part'; there are: field, text, vignette",
        ),
        (HEAD, "'parts.csv' has a header and no rows; there is nothing to administer"),
    ],
)
def test_bad_tables(items, text, message):
    """What cannot be taken apart is refused with the line."""
    with pytest.raises(SourceError) as caught:
        items(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"absent": {}}, "'absent' has no stand-in for parts that are not shown"),
        ({"most": 17}, "'most' lies between 1 and 16, not 17"),
        ({"permutations": 1}, "'permutations' must be at least 2, not 1"),
    ],
)
def test_bad_options(options, message):
    """Options that make no sense are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        PromptParts(file="parts.csv", **options)
    assert str(caught.value) == message


# -- the scorer ----------------------------------------------------------------------------------


def record(reply, *, options=("A", "B"), **fields):
    trial = Trial(0, Item("i"), {}, 0, {}, fields)
    ask = Choose(messages=(Message("user", "A or B?"),), options=options)
    return TrialRecord(trial, (Exchange(ask, reply),))


def scored(reply, scorer=None, **fields):
    made = (scorer or Choice(option="A", options=("A", "B"))).score(record(reply, **fields))
    return {one.name: (one.value, one.status) for one in made}


def test_probability_logit_and_coverage():
    """p is normalised over the options; the log-odds are natural; the coverage is as told."""
    reply = Reply(text="A", probabilities={"A": 0.6, "B": 0.2}, exact=True, coverage=0.8)
    made = scored(reply)
    assert made["choice"] == (pytest.approx(0.75), "ok")
    assert made["choice.logit"] == (pytest.approx(math.log(3)), "ok")
    assert made["choice.coverage"] == (0.8, "ok")


def test_the_option_may_be_a_field():
    """Which letter is meant is looked up in the trial."""
    reply = Reply(probabilities={"A": 0.9, "B": 0.1}, exact=True)
    assert scored(reply, Choice(field="letter"), letter="B")["choice"][0] == pytest.approx(0.1)


def test_words_that_are_not_among_the_options():
    """A field that holds no option is an error of the measure, not an option that is never chosen."""
    scorer = Choice(field="thing", options=("A", "B"))
    made = scorer.score(record(Reply(text="A"), thing="the car"))[0]
    assert (made.value, made.status) == (None, "error")
    assert made.detail == {"reason": "'the car' is not among the options"}


@pytest.mark.parametrize("text", ["yes and no", "yes/no", "Yes, no.", "yes\nno"])
def test_two_options_are_none(text):
    """An answer that gives both says nothing of either."""
    scorer = Choice(option="yes", options=("yes", "no"))
    assert scored(Reply(text=text), scorer)["choice"] == (None, "unparsed")


def test_options_that_are_marks():
    """``+`` and ``-`` are two options, in probabilities and in words."""
    scorer = Choice(option="+", options=("+", "-"))
    found = scored(Reply(probabilities={"+": 0.7, "-": 0.3}), scorer)
    assert found["choice"] == (pytest.approx(0.7), "ok")
    for text, value in (
        ("+", 1.0),
        (" **-** ", 0.0),
        ("−", 0.0),
        ("Answer:", None),
        ("---\n", None),
    ):
        assert scored(Reply(text=text), scorer)["choice"][0] == value, text


def test_certainty_has_finite_log_odds():
    """p of 1, as sampling gives, is kept off the end for the log-odds only."""
    made = scored(Reply(probabilities={"A": 1.0, "B": 0.0}, exact=False))
    assert made["choice"] == (1.0, "ok")
    assert made["choice.logit"] == (pytest.approx(math.log((1 - 1e-6) / 1e-6)), "ok")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A", 1.0),
        ("B.", 0.0),
        ("**A**", 1.0),
        ("Answer: B", 0.0),
        ("A, because it is cheap.", 1.0),
        ("I weighed both.\nAnswer: A", 1.0),
        ("A is cheap.\nB", 0.0),
        ("Both are fine", None),
        ("", None),
        ("A cheap flight is best.", None),
        ("A's fare is low", None),
        ("A) Kestrel Air", 1.0),
        ("{{7*7}} <script>alert(1)</script>", None),
    ],
)
def test_replies_in_words(text, value):
    """An answer that states one option is read; anything else is unparsed."""
    made = scored(Reply(text=text))
    assert made["choice"] == (value, "ok" if value is not None else "unparsed")


@pytest.mark.parametrize("status", ["refused", "filtered", "error"])
def test_failures_keep_their_status(status):
    """A failure is never a low score."""
    made = scored(Reply(status=status, error="no" if status == "error" else None))
    assert set(made.values()) == {(None, status)}


def test_an_option_that_was_not_offered():
    """Probabilities that lack the option are unparsed."""
    assert scored(Reply(probabilities={"C": 1.0}))["choice"] == (None, "unparsed")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of 'option' and 'field' says which option is meant"),
        (
            {"option": "A", "field": "b"},
            "exactly one of 'option' and 'field' says which option is meant",
        ),
        (
            {"option": "A", "floor": 0.5},
            "'floor' lies between 0 and 0.5, such as 1e-6; it is 0.5",
        ),
        ({"option": "C", "options": ("A", "B")}, "'option' is 'C', which is not among 'options'"),
    ],
)
def test_bad_scorer_options(options, message):
    """Options that contradict each other are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        Choice(**options)
    assert str(caught.value) == message


# -- the measure ---------------------------------------------------------------------------------


def test_trials():
    """256 subsets of the flight and 32 of each plan, two stand-ins, two orders."""
    counts = Counter(trial.item.groups["vignette"] for trial in trials(measure("token-noise")))
    assert counts == {"flight": 1024, "nests-kept": 128, "nests-lost": 128}


def test_a_respondent_that_looks_at_two_prices():
    """One whose probability is moved by the prices alone gives them all of it, whatever order is shown."""

    def respond(ask, trial):
        text = ask.messages[-1].content
        cheap, dear = "95 euros" in text, "260 euros" in text
        p = 0.5 + 0.2 * cheap + 0.1 * dear
        first = text.index("A. ") < text.index("Kestrel") if "Kestrel" in text else None
        letter = trial.fields["letter_one"]
        assert first is None or letter == (
            "A" if text.index("Kestrel") < text.index("\nB.") else "B"
        )
        return Reply(probabilities={letter: p, {"A": "B", "B": "A"}[letter]: 1 - p}, exact=True)

    rows = [
        (record.trial, made["choice"].value)
        for record, made in results(measure("token-noise"), respond)
        if record.trial.item.groups["vignette"] == "flight"
        and record.trial.item.groups["absent"] == "gap"
    ]
    table = Table(
        scores={"choice": np.array([value for _, value in rows])},
        statuses={"choice": np.array(["ok"] * len(rows))},
        labels={
            "shown": np.array([trial.item.groups["shown"] for trial, _ in rows]),
            "permutation": np.array([trial.item.groups["permutation"] for trial, _ in rows]),
            "order": np.array([trial.levels["order"] for trial, _ in rows]),
        },
        of=("choice",),
    )
    made = Shapley(over=("order",), idle=("name-one", "name-two", "remark")).estimate(
        table, np.random.default_rng(1)
    )
    values = {one.group["part"]: one.value for one in made}
    assert values.pop("price-one") == pytest.approx(0.2)
    assert values.pop("price-two") == pytest.approx(0.1)
    assert values.pop("all parts") == pytest.approx(0.3)
    assert max(abs(value) for value in values.values()) < 1e-9
