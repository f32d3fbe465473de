"""The measures ``risky-choice`` and ``choice-inference``: gambles, comparisons, and what is read of them."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from administered import SPECS, measure, results, trials
from association import answered
from gnomon import Reply, SourceError, StatisticError, Table
from gnomon.loading import Around
from gnomon_plugins.scorers.stated_number import StatedNumber
from gnomon_plugins.sources.choice_pairs import ChoicePairs
from gnomon_plugins.sources.gambles import Gambles
from gnomon_plugins.statistics.pairwise_order import PairwiseOrder
from shared_data import shared_data

TABLE = "Problem,Amb,bRate\n7,False,0.25\n8,True,0.5\n9,False,0.9\n"
OUTCOMES = {
    "0": {"A": [[0.1, 10], [0.9, 0]], "B": [[1.0, 1.0]]},
    "1": {"A": [[0.5, 4.0], [0.5, -2.0]], "B": [[1.0, 0.0]]},
    "2": {"A": [[0.25, 8.0], [0.25, 8.0], [0.5, 0.0], [0.0, 99.0]], "B": [[1.0, 4.5]]},
}


@pytest.fixture
def gambles(tmp_path):
    def read(table=TABLE, outcomes=OUTCOMES, **options):
        (tmp_path / "t.csv").write_text(table, "utf-8")
        text = outcomes if isinstance(outcomes, str) else json.dumps(outcomes)
        (tmp_path / "o.json").write_text(text, "utf-8")
        source = Gambles(file="t.csv", outcomes="o.json", **options)
        return list(source.items(Around.beside(tmp_path / "measure.toml", 5)))

    return read


# -- gambles -------------------------------------------------------------------------------------


def test_a_problem_is_one_item(gambles):
    """Outcomes in words, expected values of the same outcomes, and the people's share of the first."""
    made = gambles(key="Problem", outcome="{chance}% of {amount}")
    assert made[1].key == "8/1"
    assert made[1].fields == {
        "one": ("50% of 4", "50% of -2"),
        "two": ("100% of 0",),
        "ev_one": 1.0,
        "ev_two": 0.0,
        "ev_difference": 1.0,
        "ev_choice": 1.0,
        "human": 0.5,
        "human_choice": 0.0,
    }


def test_equal_outcomes_are_told_once_and_impossible_ones_not(gambles):
    """What is told adds up to what is computed."""
    made = gambles(outcome="{chance}% of {amount}")[2]
    assert made.fields["one"] == ("50% of 8", "50% of 0")
    assert made.fields["ev_one"] == 4.0


def test_amounts_are_told_with_all_their_digits(gambles):
    """The prompt says what the expected value is computed from, however long the number is."""
    outcomes = OUTCOMES | {"0": {"A": [[1.0, 1234567.0]], "B": [[0.5, 0.1234567], [0.5, -3e6]]}}
    fields = gambles(outcomes=outcomes, outcome="{amount} at {chance}%")[0].fields
    assert fields["one"] == ("1234567 at 100%",)
    assert fields["two"] == ("0.1234567 at 50%", "-3000000 at 50%")
    assert fields["ev_one"] == 1234567.0


def test_equal_values_are_a_tie(gambles):
    """0.1 x 10 is 1 exactly, and a tie does not count for the first."""
    assert gambles()[0].fields["ev_difference"] == 0.0
    assert gambles()[0].fields["ev_choice"] == 0.0


def test_rows_are_kept_by_columns_and_drawn_by_the_seed(gambles):
    """'where' keeps rows with their own outcomes; 'sample' draws among them, the same ones each time."""
    assert [item.key for item in gambles(where={"Amb": ("False",)})] == ["0", "2"]
    assert gambles(sample=2) == gambles(sample=2)
    assert len(gambles(sample=2)) == 2
    assert len(gambles(sample=20)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"outcomes": {"0": OUTCOMES["0"]}},
            "'o.json' has no problem '1', the one of line 3 of 't.csv'",
        ),
        (
            {"outcomes": {**OUTCOMES, "1": {"A": [[0.5, 1.0]], "B": [[1.0, 1.0]]}}},
            "'o.json' 1.A: the probabilities sum to 0.5; they must be at least 0 and sum to 1",
        ),
        (
            {"outcomes": {**OUTCOMES, "1": {"A": [[1.0, "x"]], "B": [[1.0, 1.0]]}}},
            "'o.json' 1.A: a gamble is a list of [probability, outcome] pairs",
        ),
        (
            {"outcomes": {**OUTCOMES, "1": {"A": [[1.0, 1.0]]}}},
            "'o.json' 1.B: a gamble is a list of [probability, outcome] pairs",
        ),
        (
            {"outcomes": {**OUTCOMES, "1": {"A": [[1.0, 10**400]], "B": [[1.0, 1.0]]}}},
            "'o.json' 1.A: a gamble is a list of [probability, outcome] pairs",
        ),
        ({"outcomes": "[1]"}, "'o.json' must hold one JSON object, with a key for each row"),
        ({"outcomes": "{"}, None),
        (
            {"table": "bRate\n1.5\n"},
            "'t.csv' line 2: 'bRate' is '1.5'; a share lies between 0 and 1",
        ),
        ({"table": "bRate\nx\n"}, "'t.csv' line 2: 'bRate' is 'x'; a share lies between 0 and 1"),
        ({"where": {"Amb": ("maybe",)}}, "'t.csv' has no row in which Amb = maybe"),
        ({"table": "bRate\n"}, "'t.csv' has a header and no rows; there is nothing to administer"),
        ({"key": "Nr"}, "'t.csv' has no column 'Nr'; there are: Amb, Problem, bRate"),
    ],
)
def test_bad_gambles(gambles, change, message):
    """What is no gamble is refused with its place."""
    with pytest.raises(SourceError) as caught:
        gambles(**change)
    if message is None:
        assert str(caught.value).startswith("'o.json' line 1: not JSON: ")
    else:
        assert str(caught.value) == message


def test_shipped_shares_are_those_of_the_theory():
    """'bRate' is cumulative prospect theory with the published medians, and a logit of slope 0.1."""

    def value(x):
        return x**0.88 if x >= 0 else -2.25 * (-x) ** 0.88

    def weight(p, g):
        return p**g / (p**g + (1 - p) ** g) ** (1 / g)

    def worth(gamble):
        low, high = (
            sorted(gamble, key=lambda one: one[1])[:: max(1, len(gamble) - 1)][:2]
            if len(gamble) > 1
            else (None, gamble[0])
        )
        if low is None:
            return value(high[1])
        if low[1] < 0 <= high[1]:
            return weight(low[0], 0.69) * value(low[1]) + weight(high[0], 0.61) * value(high[1])
        if low[1] >= 0:
            share = weight(high[0], 0.61)
            return share * value(high[1]) + (1 - share) * value(low[1])
        share = weight(low[0], 0.69)
        return share * value(low[1]) + (1 - share) * value(high[1])

    outcomes = json.loads((SPECS / "data" / "risky-choice.json").read_text("utf-8"))
    with (SPECS / "data" / "risky-choice.csv").open(encoding="utf-8") as file:
        shares = [float(row["bRate"]) for row in csv.DictReader(file)]
    assert len(shares) == len(outcomes) == 48
    for index, share in enumerate(shares):
        one, two = (worth(outcomes[str(index)][name]) for name in "AB")
        assert share == pytest.approx(1 / (1 + math.exp(-0.1 * (two - one))), abs=1e-4)


# -- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 0.6),
        ("60%", 0.6),
        ("About 60 people.", 0.6),
        ("**60**", 0.6),
        ("12.5", 0.125),
        ("The wheels differ: A pays 20.\nAnswer: 60", 0.6),
        ("I say 60, yes 60.", 0.6),
        ("60 of 100", None),
        ("between 50-60", None),
        ("1,000", None),
        ("Between 1,000 and 50", None),
        ("3,5 then; now 40", None),
        ("Of 1,000 people some would.\nAnswer: 60", 0.6),
        ("Sixty, 60, I say.", 0.6),
        ("101", None),
        ("-5", None),
        ("A60", None),
        ("sixty", None),
        ("", None),
        ("60\n70", 0.7),
        ("_60_", 0.6),
        ("__60__ %", 0.6),
        ("item_60", None),
        ("\u200f60\u200f", 0.6),
        ("9" * 5000, None),
        ("{{60}}{% 7 %}", None),
    ],
)
def test_numbers(text, value):
    """The only number, or the only one of the last line; anything else is unparsed."""
    made = StatedNumber(divide=100.0).score(answered(text, {}))
    assert made.value == (None if value is None else pytest.approx(value))
    assert made.status == ("unparsed" if value is None else "ok")


@given(st.integers(0, 100), st.sampled_from(["{}", "{} %", "Answer: {}", "It is {}.", "\n{}\n"]))
def test_any_whole_number_in_range_is_read(number, form):
    """A number in a plain sentence is read as it is."""
    assert StatedNumber().score(answered(form.format(number), {})).value == number


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 5.0, "high": 5.0}, "'low' must be below 'high', both finite; they are 5 and 5"),
        ({"divide": 0.0}, "'divide' must be above 0, not 0"),
    ],
)
def test_bad_number_options(options, message):
    """Options that leave no number are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        StatedNumber(**options)
    assert str(caught.value) == message


# -- comparisons ---------------------------------------------------------------------------------

THINGS = ("plum", "pear", "fig")


@pytest.fixture
def pairs(tmp_path):
    def read(table, **options):
        (tmp_path / "c.csv").write_text(table, "utf-8")
        source = ChoicePairs(file="c.csv", **{"things": THINGS, **options})
        return list(source.items(Around.beside(tmp_path / "measure.toml", 5)))

    return read


def test_each_two_choices_are_an_item(pairs):
    """Three choices make three pairs; a letter is one thing in both, and the order of things tells nothing."""
    made = pairs("choice,rank\nx,1\nbx/a,2\nx/ab,3\n")
    assert [item.key for item in made] == ["x bx/a", "x x/ab", "bx/a x/ab"]
    last = made[2]
    names = {last.fields["target"]: "x"}
    taken, forgone = (
        last.fields["one"].removeprefix("took a bag with ").split(" and left a bag with ")
    )
    names[forgone] = "a"
    [other] = set(taken.split(", ")) - {last.fields["target"]}
    names[other] = "b"
    assert sorted(names) == sorted(THINGS)
    assert taken == ", ".join(sorted(taken.split(", ")))
    assert last.fields["two"] == (
        f"took a bag with {last.fields['target']} and left a bag with "
        f"{', '.join(sorted((forgone, other)))}"
    )
    assert made[0].fields["one"].endswith(" without a choice")
    assert (last.fields["human_one"], last.fields["human_two"]) == (2.0, 3.0)
    assert last.fields["human_difference"] == -1.0
    assert last.groups == {"left": "bx/a", "right": "x/ab"}


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (
            "choice,rank\nx,1\na/x,2\nx/a,3\n",
            {},
            "'c.csv' line 3: 'x' is not in the bundle taken of 'a/x', so it tells nothing of a liking "
            "for 'x'",
        ),
        (
            "choice,rank\nx,1\nxx/a,2\n",
            {},
            "'c.csv' line 3: 'xx/a' is no choice; write bundles of different letters with a slash "
            "between them, the one taken first, such as 'ax/b'",
        ),
        ("choice,rank\nx,1\nx,2\n", {}, "'c.csv' line 3: 'x' is there twice"),
        ("choice,rank\nx,first\n", {}, "'c.csv' line 2: 'rank' is 'first'; it is a number"),
        ("choice,rank\nx,nan\n", {}, "'c.csv' line 2: 'rank' is 'nan'; it is a number"),
        (
            "choice,rank\nx,1\nx/a,2\n",
            {},
            "'c.csv' has 2 choices; at least 3 are needed to put them in an order",
        ),
        (
            "choice,rank\nx,1\nx/a,2\nx/abc,3\n",
            {},
            "'c.csv' has 4 letters (abcx) and 'things' names 3",
        ),
    ],
)
def test_bad_choices(pairs, table, options, message):
    """What is no choice is refused with its line."""
    with pytest.raises(SourceError) as caught:
        pairs(table, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"things": ("a", "a")}, "'things' names something twice"),
        ({"choice": "took {taken}"}, "'choice' must tell {forgone}"),
    ],
)
def test_bad_pair_options(options, message):
    """Options that lose a part of the choice are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        ChoicePairs(file="c.csv", **{"things": THINGS, **options})
    assert str(caught.value) == message


def comparisons(strength, reference, preference):
    """All pairs of names with a preference of (left, right)."""
    names = sorted(strength)
    both = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    columns = {
        "p": [preference(strength[a], strength[b]) for a, b in both],
        "l": [reference[a] for a, _ in both],
        "r": [reference[b] for _, b in both],
    }
    scores = {name: np.array(column, dtype=float) for name, column in columns.items()}
    return Table(
        scores=scores,
        statuses={
            name: np.where(np.isnan(column), "refused", "ok") for name, column in scores.items()
        },
        labels={"left": np.array([a for a, _ in both]), "right": np.array([b for _, b in both])},
        of=("p", "l", "r"),
    )


def won(a, b):
    return float(a > b)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 12), st.integers(0, 2**32 - 1))
def test_the_order_is_that_of_the_strengths(n, seed):
    """When the stronger always wins, rho is scipy's between strengths and outside numbers, without circles."""
    draw = np.random.default_rng(seed)
    names = "abcdefghijkl"[:n]
    strength = dict(zip(names, draw.permutation(n), strict=True))
    reference = dict(zip(names, draw.normal(size=n), strict=True))
    made = PairwiseOrder().estimate(comparisons(strength, reference, won), draw)
    expected = stats.spearmanr([strength[k] for k in names], [reference[k] for k in names])[0]
    assert made.value == pytest.approx(expected, abs=1e-9)
    assert made.detail == {"comparisons": n * (n - 1) // 2, "consistence": 1.0}
    assert made.n == n


def test_swapping_sides_changes_nothing():
    """A preference of p for the left is one of 1 - p for the right."""
    draw = np.random.default_rng(3)
    strength = dict(zip("abcdefgh", draw.normal(size=8), strict=True))
    reference = dict(zip("abcdefgh", range(8), strict=True))
    table = comparisons(strength, reference, lambda a, b: 1 / (1 + math.exp(b - a)))
    other = Table(
        scores={"p": 1 - table.score("p"), "l": table.score("r"), "r": table.score("l")},
        statuses=table.statuses,
        labels={"left": table.label("right"), "right": table.label("left")},
        of=table.of,
    )
    first, second = (PairwiseOrder().estimate(one, draw) for one in (table, other))
    assert first.value == pytest.approx(second.value)
    assert first.p == pytest.approx(second.p)


def test_a_missing_comparison_is_noted_beside_what_else_is():
    """Neither note takes the other's place; without either there is none."""
    draw = np.random.default_rng(4)
    alone = "too few rows for an interval through Fisher's z"

    def noted(names, lost):
        ranks = {name: place for place, name in enumerate(names)}
        once = comparisons(ranks, ranks | {"a": 1, "b": 0}, won)
        table = once.rows(np.tile(np.arange(len(once)), 2))
        table.scores["p"][:lost] = math.nan
        return PairwiseOrder().estimate(table, draw).note

    assert noted("abcdefgh", 0) is None
    assert noted("abcdefgh", 2) == "2 comparisons of 56 missing"
    assert noted("abc", 0) == alone
    assert noted("abc", 1) == f"1 comparison of 6 missing; {alone}"


def test_a_circle_of_three_has_no_consistence():
    """a beats b, b beats c, c beats a: the coefficient of consistence is 0, and the strengths are equal."""
    table = Table(
        scores={
            "p": np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
            "l": np.array([1.0, 2.0, 3.0, 4.0, 4.0, 4.0]),
            "r": np.array([2.0, 3.0, 1.0, 1.0, 2.0, 3.0]),
        },
        statuses={},
        labels={"left": np.array(list("abcddd")), "right": np.array(list("bcaabc"))},
        of=("p", "l", "r"),
    )
    made = PairwiseOrder().estimate(table, np.random.default_rng(1))
    # One circle among four, of two that can be at most.
    assert made.detail["consistence"] == pytest.approx(0.5)


REFUSALS = {
    "two scores": (
        lambda t: Table(scores=t.scores, statuses=t.statuses, labels=t.labels, of=("p", "l")),
        "an order from comparisons is made from 3 scores (the preference and the outside number of "
        "either side), and 'of' names 2",
    ),
    "no preference": (
        lambda t: Table(
            scores={**t.scores, "p": t.scores["p"] * 2},
            statuses=t.statuses,
            labels=t.labels,
            of=t.of,
        ),
        "a preference lies between 0 and 1, and 'p' goes from 0 to 2",
    ),
    "two numbers": (
        lambda t: Table(
            scores={**t.scores, "l": t.scores["l"] + np.arange(len(t))},
            statuses=t.statuses,
            labels=t.labels,
            of=t.of,
        ),
        "'a' has different outside numbers in its comparisons",
    ),
    "all alike": (
        lambda t: Table(
            scores={**t.scores, "p": t.scores["p"] * 0 + 0.5},
            statuses=t.statuses,
            labels=t.labels,
            of=t.of,
        ),
        "all 5 values of 'strength' are equal (0.5); Spearman's correlation needs values that differ",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_orders(case):
    """What gives no order is refused with the reason."""
    change, message = REFUSALS[case]
    numbers = dict(zip("abcde", (3, 1, 2, 5, 4), strict=True))
    with pytest.raises(StatisticError) as caught:
        PairwiseOrder().estimate(
            change(comparisons(numbers, numbers, won)), np.random.default_rng(1)
        )
    assert str(caught.value) == message


def test_published_baselines():
    """The number of forgone options without x reaches .777 and .937 with people's ranks, as recomputed."""
    data = shared_data()
    if data is None:
        pytest.skip("jern47_human_ranks.json is not here (../shared/data or GNOMON_SHARED_DATA)")
    ranks = json.loads((data / "reference" / "jern47_human_ranks.json").read_text("utf-8"))
    for story, expected in (("positive", 0.777), ("negative", 0.937)):
        human = dict(ranks[story])
        forgone = {code: sum("x" not in bundle for bundle in code.split("/")[1:]) for code in human}
        table = comparisons(forgone, human, lambda a, b: 0.5 if a == b else float(a > b))
        made = PairwiseOrder(whole=True).estimate(table, np.random.default_rng(1))
        assert made.n == 47
        assert made.detail["comparisons"] == 1081
        assert made.value == pytest.approx(expected, abs=0.0005)


def test_published_choices_can_be_told(pairs):
    """The 47 published choices make 1,081 pairs that the source can put into words."""
    data = shared_data()
    if data is None:
        pytest.skip("jern47_human_ranks.json is not here (../shared/data or GNOMON_SHARED_DATA)")
    ranks = json.loads((data / "reference" / "jern47_human_ranks.json").read_text("utf-8"))
    table = "choice,rank\n" + "".join(f"{code},{rank}\n" for code, rank in ranks["positive"])
    assert len(pairs(table, things=("plum", "pear", "fig", "nut", "date"))) == 1081


# -- the measures --------------------------------------------------------------------------------


def test_a_respondent_that_computes():
    """One that takes the greater expected value is read so in every form and order."""

    def respond(ask, trial):
        better = trial.fields["ev_difference"] > 0
        one, two = trial.fields["letter_one"], trial.fields["letter_two"]
        if ask.kind == "chat":
            return "90" if better else "10"
        p = 0.9 if better else 0.1
        return Reply(probabilities={one: p, two: 1 - p}, exact=True)

    for record, made in results(measure("risky-choice"), respond):
        better = record.trial.fields["ev_difference"] > 0
        if record.trial.levels["form"] == "forecaster":
            assert made["stated"].value == (0.9 if better else 0.1)
            assert "choice" not in made
        else:
            assert made["choice"].value == pytest.approx(0.9 if better else 0.1)
            assert made["choice.chosen"].value == made["ev-choice"].value


def test_wheels_keep_their_outcomes():
    """The wheel that a letter names has the outcomes of that gamble, in both orders."""
    for trial in trials(measure("risky-choice")):
        above = trial.draws["above"]
        above = {above} if isinstance(above, str) else set(above)
        first = trial.fields["letter_one"] == "A"
        assert above == set(trial.fields["one" if first else "two"])


def test_inference_asks_for_the_target():
    """190 pairs in two orders; the number that means the first choice goes with its place."""
    made = list(trials(measure("choice-inference")))
    assert len(made) == 380
    for trial in made:
        first = trial.draws["above"] == trial.fields["one"]
        assert trial.fields["number_one"] == ("1" if first else "2")
