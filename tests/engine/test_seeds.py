"""Draws depend on the seed and on names alone, are uniform, and stay the same for ever."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gnomon import Seed

names = st.lists(st.one_of(st.text(max_size=8), st.integers()), min_size=1, max_size=4)
seeds = st.integers(min_value=-(2**80), max_value=2**80)


def test_the_stream_is_frozen() -> None:
    """A stored order must be derivable for ever, so these numbers may never change."""
    seed = Seed(20240206).child("item", "a", "repeat", 0)
    assert [seed.below(1000) for _ in range(6)] == [255, 707, 551, 858, 660, 657]
    assert seed.child("draw", "words").shuffled("abcdefgh") == tuple("acbghfed")
    assert seed.child("backend").integer() == 9442290
    assert seed.child("unit").uniform() == 0.06626873973114566


@given(seed=seeds, path=names, other=names, draws=st.integers(0, 40))
def test_other_draws_change_nothing(
    seed: int, path: list[str | int], other: list[str | int], draws: int
) -> None:
    """A named draw is the same whatever was drawn before it, from its parent or from a sibling."""
    untouched = Seed(seed).child(*path)
    expected = [untouched.below(10**9) for _ in range(3)]
    parent = Seed(seed)
    for _ in range(draws):
        parent.below(7)
        parent.child(*other).uniform()
    child = parent.child(*path)
    assert [child.below(10**9) for _ in range(3)] == expected


@given(seed=seeds, first=names, second=names)
def test_different_names_draw_differently(
    seed: int, first: list[str | int], second: list[str | int]
) -> None:
    """Names are kept apart by their lengths: ("ab", "c") is not ("a", "bc")."""
    same = list(map(str, first)) == list(map(str, second))
    one = [Seed(seed).child(*first).below(2**60) for _ in range(2)]
    two = [Seed(seed).child(*second).below(2**60) for _ in range(2)]
    assert (one == two) == same


def test_names_that_join_to_one_text_are_kept_apart() -> None:
    """The pairs that careless joining would confuse, and a lone surrogate, which is a name too."""
    drawn = {
        Seed(1).child(*path).below(2**62)
        for path in [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), ("1:a;",), ("\ud800",)]
    }
    assert len(drawn) == 6


@given(seed=seeds, values=st.lists(st.integers(), max_size=30))
def test_shuffling_keeps_every_value(seed: int, values: list[int]) -> None:
    """A shuffle is a permutation: nothing is lost, doubled or made."""
    assert sorted(Seed(seed).shuffled(values)) == sorted(values)


@given(seed=seeds, data=st.data())
def test_a_sample_takes_each_position_at_most_once(seed: int, data: st.DataObject) -> None:
    """Sampling is without replacement."""
    count = data.draw(st.integers(0, 12))
    drawn = Seed(seed).sample(range(12), count)
    assert len(drawn) == len(set(drawn)) == count


@given(seed=seeds, n=st.integers(1, 2**64))
def test_below_stays_below(seed: int, n: int) -> None:
    """Every whole number drawn is in [0, n), also where n is no divisor of 2**64."""
    source = Seed(seed)
    assert all(0 <= source.below(n) < n for _ in range(10))


def test_permutations_are_equally_likely() -> None:
    """χ² over the 24 orders of four values, 24,000 shuffles under separate names."""
    root = Seed(5)
    seen = Counter(root.child("shuffle", index).shuffled("abcd") for index in range(24_000))
    assert set(seen) == set(permutations("abcd"))
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def test_first_positions_are_equally_likely_in_one_stream() -> None:
    """χ² over one stream of 30,000 draws below 7, which does not divide 2**64."""
    source = Seed(6)
    seen = Counter(source.below(7) for _ in range(30_000))
    assert stats.chisquare([seen[value] for value in range(7)]).pvalue > 0.001


def test_floats_are_uniform() -> None:
    """Kolmogorov–Smirnov over 20,000 floats, all in [0, 1)."""
    source = Seed(7)
    drawn = [source.uniform() for _ in range(20_000)]
    assert min(drawn) >= 0
    assert max(drawn) < 1
    assert stats.kstest(drawn, "uniform").pvalue > 0.001


def test_neighbouring_seeds_are_unrelated() -> None:
    """Seeds 0 … 4,999 give uniform first draws: no run is a shifted copy of its neighbour."""
    seen = Counter(Seed(seed).below(10) for seed in range(5000))
    assert stats.chisquare([seen[value] for value in range(10)]).pvalue > 0.001


def test_numpy_generators_follow_the_name() -> None:
    """A generator for numpy is fixed by the seed and the names, not by draws made before."""
    used = Seed(8).child("statistic", "a")
    used.uniform()
    fresh = Seed(8).child("statistic", "a")
    assert used.numpy().random(3).tolist() == fresh.numpy().random(3).tolist()
    assert fresh.numpy().random() != Seed(8).child("statistic", "b").numpy().random()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda seed: seed.below(0), "below() needs n of at least 1"),
        (lambda seed: seed.pick([]), "cannot pick from an empty list"),
        (lambda seed: seed.sample("ab", 3), "cannot draw 3 of 2 without replacement"),
    ],
)
def test_impossible_draws_say_why(call, message) -> None:
    """A draw that cannot be made is a sentence, not a wrong number."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is asserted whole
        call(Seed(1))
    assert str(caught.value) == message
