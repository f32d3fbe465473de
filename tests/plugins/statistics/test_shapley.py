"""Shapley attribution: axioms, two independent computations, random orders, and what is refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon import StatisticError, Table
from gnomon_plugins.statistics._coalitions import interactions, kernel_weights, weights
from gnomon_plugins.statistics.shapley import Shapley

CARD = {"": 0.5, "a": 0.6, "b": 0.7, "c": 0.5, "ab": 0.9, "ac": 0.55, "bc": 0.72, "abc": 0.95}
"""The fixture of three players whose values were worked out by hand."""


def subsets(players):
    return [
        "".join(chosen)
        for size in range(len(players) + 1)
        for chosen in itertools.combinations(players, size)
    ]


def table(rows, **labels):
    """A table of (shown, value) rows, the shown parts as letters."""
    values = np.array([math.nan if value is None else value for _, value in rows], dtype=float)
    columns = {"shown": np.array(["+".join(shown) or "-" for shown, _ in rows])}
    columns |= {name: np.array(column) for name, column in labels.items()}
    statuses = np.where(np.isnan(values), "refused", "ok")
    return Table(scores={"s": values}, statuses={"s": statuses}, labels=columns, of=("s",))


def attributed(made, quantity="shapley"):
    return {one.group["part"]: one for one in made if one.quantity == quantity}


def by_permutations(game, players):
    """The definition as a mean over all orders, with no weights."""
    sums = dict.fromkeys(players, 0.0)
    for order in itertools.permutations(players):
        seen = ""
        for player in order:
            joined = "".join(sorted(seen + player))
            sums[player] += game[joined] - game[seen]
            seen = joined
    return {player: total / math.factorial(len(players)) for player, total in sums.items()}


def rng():
    return np.random.default_rng(1)


def test_worked_example():
    """Three players: .1516667, .2866667, .0116667, and their sum is .45."""
    made = Shapley().estimate(table(list(CARD.items())), rng())
    values = {part: one.value for part, one in attributed(made).items()}
    assert values == pytest.approx({"a": 0.91 / 6, "b": 1.72 / 6, "c": 0.07 / 6}, abs=1e-12)
    assert attributed(made, "total")["all parts"].value == pytest.approx(0.45)
    assert {one.p for one in made} == {None}
    assert made[0].method == (
        "exact Shapley values over 8 subsets of 3 parts; each subset asked once, so no sampling "
        "error can be told"
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_equal_to_the_mean_over_all_orders_and_to_the_regression(d, seed):
    """Three computations agree on random games, and the values sum to the whole."""
    players = "abcde"[:d]
    draw = np.random.default_rng(seed)
    game = {name: float(draw.normal()) for name in subsets(players)}
    made = Shapley().estimate(table(list(game.items())), rng())
    values = {part: one.value for part, one in attributed(made).items()}
    assert values == pytest.approx(by_permutations(game, players), abs=1e-10)
    assert math.fsum(values.values()) == pytest.approx(game[players] - game[""], abs=1e-9)
    masks = np.arange(1 << d)
    v = draw.normal(size=1 << d)
    assert kernel_weights(d, masks) @ v == pytest.approx(weights(d) @ v, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_symmetry_dummy_and_linearity(seed):
    """Equal players get the same, one that adds nothing gets nothing, and games add up."""
    draw = np.random.default_rng(seed)
    worth = draw.normal(size=4)
    worth[1] = worth[0]
    worth[3] = 0.0
    both = float(draw.normal())
    game = {
        name: math.fsum(worth["abcd".index(p)] for p in name) + both * ("a" in name and "b" in name)
        for name in subsets("abcd")
    }
    values = {
        part: one.value
        for part, one in attributed(Shapley().estimate(table(list(game.items())), rng())).items()
    }
    assert values["a"] == pytest.approx(values["b"], abs=1e-10)
    assert values["d"] == pytest.approx(0.0, abs=1e-10)
    assert values["a"] == pytest.approx(worth[0] + both / 2, abs=1e-10)


def test_interactions_of_pairs():
    """A pair that adds more together has just that interaction; others have none."""
    game = {
        name: 0.25 * ("a" in name and "b" in name) + 0.1 * ("c" in name) for name in subsets("abc")
    }
    made = Shapley(pairs=True).estimate(table(list(game.items())), rng())
    found = {part: one.value for part, one in attributed(made, "interaction").items()}
    assert found == pytest.approx({"a x b": 0.25, "a x c": 0.0, "b x c": 0.0}, abs=1e-12)
    v = np.random.default_rng(3).normal(size=16)
    made = interactions(v, 4)
    assert made == pytest.approx(made.T)
    # Of two players the index is the whole difference of differences.
    assert interactions(np.array([1.0, 2.0, 4.0, 9.0]), 2)[0, 1] == pytest.approx(4.0)


def test_orders_of_options_count_equally():
    """Cells of 'over' have equal weight, however many scores each holds."""
    rows = [("", 0.0), ("a", 1.0), ("b", 0.0), ("ab", 1.0)]
    both = [*rows, *((name, 0.5) for name, _ in rows), *((name, 0.5) for name, _ in rows)]
    order = ["ab"] * 4 + ["ba"] * 8
    made = attributed(Shapley(over=("order",)).estimate(table(both, order=order), rng()))
    assert made["a"].value == pytest.approx(0.5)


def test_share_of_idle_parts():
    """The token noise is the share of absolute values that goes to the idle parts."""
    made = Shapley(idle=("c", "no such part")).estimate(table(list(CARD.items())), rng())
    assert attributed(made, "idle-share")["idle parts"].value == pytest.approx(0.07 / 2.70)


def repeated(game, repeats, sd, draw):
    return table(
        [(name, value + sd * draw.normal()) for name, value in game.items() for _ in range(repeats)]
    )


@pytest.mark.slow
def test_calibrated_when_subsets_are_asked_several_times():
    """Coverage of every part's interval, and rejection of a part that adds nothing, over 2,000 games."""
    game = {
        name: 0.3 + 0.2 * ("a" in name) - 0.1 * ("a" in name and "c" in name)
        for name in subsets("abc")
    }
    truth = by_permutations(game, "abc") | {"b": 0.0}
    draw = np.random.default_rng(7)
    held, rejected, runs = 0, 0, 2000
    for _ in range(runs):
        made = attributed(Shapley().estimate(repeated(game, 4, 0.3, draw), rng()))
        held += sum(made[part].low <= truth[part] <= made[part].high for part in "abc")
        rejected += made["b"].p < 0.05
    assert 0.93 <= held / (3 * runs) <= 0.97
    assert 0.04 <= rejected / runs <= 0.06


def drawn(game, players, orders, seed):
    """Rows of random orders, as the source makes them."""
    draw = np.random.default_rng(seed)
    rows, numbers = [("", game("")), (players, game(players))], ["", ""]
    for number in range(orders):
        order = draw.permutation(list(players))
        for size in range(1, len(players)):
            shown = "".join(sorted(order[:size]))
            rows.append((shown, game(shown)))
            numbers.append(str(number + 1))
    return table(rows, permutation=numbers)


def test_random_orders_agree_with_all_subsets():
    """Values from 400 random orders hold the exact ones in their intervals and within Hoeffding's bound."""
    players = "abcdefgh"
    draw = np.random.default_rng(5)
    worth = dict(zip(players, draw.dirichlet(np.ones(8)), strict=True))

    def game(shown):
        return min(1.0, math.fsum(worth[p] for p in shown)) ** 2

    exact = attributed(
        Shapley().estimate(table([(name, game(name)) for name in subsets(players)]), rng())
    )
    made = attributed(Shapley().estimate(drawn(game, players, 400, 2), rng()))
    assert math.fsum(one.value for one in made.values()) == pytest.approx(1.0, abs=1e-9)
    for part, one in made.items():
        assert abs(one.value - exact[part].value) < one.detail["hoeffding"]
        assert abs(one.value - exact[part].value) < 4 * one.error
        assert one.df == 399
    # sqrt(2 ln(2 / .05) / 400)
    assert made["a"].detail["hoeffding"] == pytest.approx(0.135810, abs=1e-6)


@pytest.mark.slow
def test_intervals_over_orders_cover():
    """Over 500 drawings of 40 orders the t intervals hold the exact values about 95 times in 100."""
    players = "abcdef"

    def game(shown):
        return (("a" in shown) + 2 * ("b" in shown) + 3 * ("c" in shown and "d" in shown)) / 6

    exact = attributed(
        Shapley().estimate(table([(name, game(name)) for name in subsets(players)]), rng())
    )
    held = []
    for seed in range(500):
        made = attributed(Shapley().estimate(drawn(game, players, 40, seed), rng()))
        held += [made[p].low <= exact[p].value <= made[p].high for p in "cd"]
    assert 0.92 <= np.mean(held) <= 0.98


def test_a_few_missing_subsets():
    """An additive game is found in spite of gaps, and the note counts them."""
    worth = {"a": 0.3, "b": -0.1, "c": 0.05, "d": 0.0}
    rows = [
        (name, None if name in {"ab", "bd"} else math.fsum(worth[p] for p in name))
        for name in subsets("abcd")
    ]
    made = attributed(Shapley().estimate(table(rows), rng()))
    assert {part: one.value for part, one in made.items()} == pytest.approx(worth, abs=1e-10)
    assert made["a"].note == (
        "2 of 16 subsets lack a score; the values are those of the additive game nearest to the others"
    )
    assert made["a"].n == 14


def refusal(rows, *, statistic=None, **labels):
    with pytest.raises(StatisticError) as caught:
        (statistic or Shapley()).estimate(table(rows, **labels), rng())
    return str(caught.value)


ALL = [(name, 0.5) for name in subsets("abc")]
REFUSALS = {
    "no part": (
        [("", 0.1), ("", 0.2)],
        {},
        "the rows of 'shown' show no part, and a Shapley attribution needs at least 2",
    ),
    "one part": (
        [("", 0.1), ("a", 0.2)],
        {},
        "the rows of 'shown' show one part only, and a Shapley attribution needs at least 2",
    ),
    "the whole is missing": (
        [(name, None if name == "abc" else 0.5) for name, _ in ALL],
        {},
        "the subset of no part or that of all parts has no score, and a Shapley attribution needs "
        "both: it divides their difference",
    ),
    "most are missing": (
        [(name, None if len(name) in {1, 2} and name != "a" else 0.5) for name, _ in ALL],
        {},
        "5 of the 8 subsets of 3 parts have no score, and a Shapley attribution needs at least 50% of "
        "them",
    ),
    "the others do not tell": (
        [(name, None if name in {"a", "b", "ac", "bc"} else 0.5) for name, _ in ALL],
        {},
        "4 of the 8 subsets have no score, and the others do not tell the parts apart",
    ),
    "too many parts": (
        [("", 0.0), ("abcdefghijklmnopq", 1.0)],
        {},
        "17 parts have 131072 subsets; with more than 16 parts use random orders",
    ),
    "one order": (
        [("", 0.0), ("ab", 1.0), ("a", 0.5)],
        {"permutation": ["", "", "1"]},
        "1 of 1 random orders have a score for all of their subsets, and a Shapley attribution needs "
        "at least 2",
    ),
    "no order": (
        [("", 0.0), ("abc", 1.0), ("ab", 0.5), ("c", 0.5), ("a", 0.5), ("ab", 0.5)],
        {"permutation": ["", "", "1", "1", "2", "2"]},
        "the subsets of a random order do not grow by one part at a time; 'permutation' must number "
        "the orders in which the parts joined",
    ),
    "all missing": (
        [(name, None) for name, _ in ALL],
        {},
        "all 8 values of 's' are missing",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    """What cannot be attributed is refused with the reason."""
    rows, labels, message = REFUSALS[case]
    assert refusal(rows, **labels) == message


def test_no_share_of_nothing():
    """A game in which no part adds anything has no share of idle parts."""
    message = refusal(ALL, statistic=Shapley(idle=("a",)))
    assert message == "no part adds anything, so there is no attribution to take a share of"


def test_no_interactions_with_gaps():
    """An interaction needs all subsets."""
    gaps = [(name, None if name == "a" else len(name) / 3) for name, _ in ALL]
    assert refusal(gaps, statistic=Shapley(pairs=True)) == (
        "interactions need all subsets of the parts, and 1 of 8 have no score; leave out 'pairs'"
    )
