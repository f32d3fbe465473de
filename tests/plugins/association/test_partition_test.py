"""P-values over partitions: right against listing them all, symmetric, bounded, calibrated."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon_plugins._association import partition_test

# Eighths are exact in binary, so that ties are ties; few distinct values make many of them.
eighths = st.integers(-12, 12).map(lambda number: number / 8)
sets = st.lists(eighths, min_size=1, max_size=6).map(np.array)


def listed(first, second, ties):
    """One-sided and two-sided p by listing every partition with rational arithmetic."""
    values = [Fraction(float(value)) for value in (*first, *second)]
    size, total = len(first), sum(values)

    def difference(chosen):
        return Fraction(chosen, size) - Fraction(total - chosen, len(values) - size)

    seen = difference(sum(values[:size]))
    beyond = (lambda a, b: a >= b) if ties == ">=" else (lambda a, b: a > b)
    found = [difference(sum(values[i] for i in c)) for c in combinations(range(len(values)), size)]
    return (
        sum(beyond(one, seen) for one in found) / len(found),
        sum(beyond(abs(one), abs(seen)) for one in found) / len(found),
    )


@given(sets, sets, st.sampled_from([">=", ">"]))
def test_exact_is_the_share_of_all_partitions(first, second, ties):
    """Counting by halves equals listing, with any sizes, ties and signs."""
    result = partition_test(first, second, method="exact", ties=ties)
    assert result.partitions == math.comb(len(first) + len(second), len(first))
    assert (result.p, result.two_sided) == pytest.approx(listed(first, second, ties), abs=1e-12)


@given(sets, sets, st.sampled_from([">=", ">"]))
def test_bounds_hold_the_exact_value(first, second, ties):
    """The bracket contains the exact p, and the reported p is its upper end."""
    exact = partition_test(first, second, method="exact", ties=ties)
    bounded = partition_test(first, second, method="bounded", ties=ties, tolerance=1e9)
    assert bounded.p_low <= exact.p <= bounded.p_high == bounded.p
    assert bounded.two_sided_low <= exact.two_sided <= bounded.two_sided_high == bounded.two_sided


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(15, 18), st.integers(15, 18))
def test_bounds_are_tight_for_real_values(seed, n, m):
    """With values that do not sit on a grid the bracket closes to the wanted width."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.05, 0.1, n), rng.normal(0, 0.1, m)
    exact = partition_test(first, second, method="exact")
    bounded = partition_test(first, second, method="bounded", tolerance=0.05)
    assert bounded.p_low <= exact.p <= bounded.p_high
    assert bounded.p_high <= bounded.p_low * 1.05


@given(sets, sets, st.sampled_from(["exact", "bounded"]))
def test_exchanging_the_sets_keeps_the_two_sided_p(first, second, method):
    """Swapped targets, or swapped attributes (all signs), leave the two-sided p as it is."""
    result = partition_test(first, second, method=method, tolerance=1e9)
    swapped = partition_test(second, first, method=method, tolerance=1e9)
    negated = partition_test(-first, -second, method=method, tolerance=1e9)
    assert swapped.two_sided == pytest.approx(result.two_sided, rel=1e-9)
    assert negated.two_sided == pytest.approx(result.two_sided, rel=1e-9)
    assert swapped.p == pytest.approx(negated.p, rel=1e-9)


@given(sets, sets, st.integers(-8, 8), st.sampled_from([0.25, 2.0, 1024.0]))
def test_shift_and_scale_change_nothing(first, second, shift, scale):
    """Adding a constant to all associations, or stretching them, keeps both p-values."""
    moved = partition_test((first + shift) * scale, (second + shift) * scale)
    result = partition_test(first, second)
    assert (moved.p, moved.two_sided) == (result.p, result.two_sided)


def test_rounding_does_not_break_ties():
    """0.1 + 0.2 and 0.3 tie although their sums differ in the last bit."""
    assert 0.1 + 0.2 != 0.3 + 0.0
    result = partition_test(np.array([0.1, 0.2]), np.array([0.3, 0.0]))
    # Sums of two: .3 .4 .1 .5 .2 .3; the observed .3 is met or passed by .3 .4 .5 .3.
    assert result.p == pytest.approx(4 / 6)
    strict = partition_test(np.array([0.1, 0.2]), np.array([0.3, 0.0]), ties=">")
    assert strict.p == pytest.approx(2 / 6)


def test_observed_partition_counts_itself():
    """The most extreme partition has p = 1 / C(N, n) with ``>=`` and 0 with ``>``."""
    first, second = np.arange(8) + 10.0, np.arange(8) * 1.0
    assert partition_test(first, second).p == 1 / 12_870
    assert partition_test(first, second, ties=">").p == 0.0


@pytest.mark.parametrize("sizes", [(25, 25), (5, 40), (64, 64)])
def test_sampling_agrees_with_the_bracket(sizes):
    """A hundred thousand draws without replacement find the counted p within their 99 % interval."""
    rng = np.random.default_rng(7)
    first, second = rng.normal(0.03, 0.1, sizes[0]), rng.normal(0, 0.1, sizes[1])
    counted = partition_test(first, second, method="bounded", tolerance=0.05)
    drawn = partition_test(first, second, method="sampled", draws=100_000, rng=rng)
    assert drawn.p_low <= counted.p_high
    assert counted.p_low <= drawn.p_high
    assert drawn.two_sided_low <= counted.two_sided_high
    assert counted.two_sided_low <= drawn.two_sided_high


def test_sampling_is_seeded_and_never_zero():
    """The same generator gives the same p; no hits give 1 / (m + 1), not 0."""
    first, second = np.arange(25) + 100.0, np.arange(25) * 1.0
    results = [
        partition_test(first, second, method="sampled", draws=999, rng=np.random.default_rng(3)).p
        for _ in range(2)
    ]
    assert results == [1 / 1000, 1 / 1000]


def test_sampling_draws_every_subset_equally_often():
    """Over the 3,003 subsets of 5 out of 15 words (two blocks) the draws are uniform (chi-square)."""
    from scipy.stats import chisquare

    from gnomon_plugins._association.sampling import sampled_sums

    units = 1 << np.arange(15, dtype=np.int64)
    sums = np.concatenate(list(sampled_sums(units, 5, 300_000, np.random.default_rng(11))))
    subsets, times = np.unique(sums, return_counts=True)
    assert len(subsets) == math.comb(15, 5)
    assert all(int(subset).bit_count() == 5 for subset in subsets)
    assert chisquare(times).pvalue > 1e-4


def test_too_many_partitions_for_an_exact_count():
    """Asking for an exact count of 32 + 32 words is refused with the cost and the alternative."""
    with pytest.raises(ValueError, match="exactly needs") as caught:
        partition_test(np.arange(32.0), np.arange(32.0), method="exact")
    assert str(caught.value) == (
        "counting all partitions of 64 words into 32 and 32 exactly needs 4,294,967,296 subset "
        'sums, more than 67,108,864; use method = "bounded"'
    )


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m", "method"), [(8, 8, "exact"), (25, 25, "bounded")])
def test_p_is_uniform_when_the_sets_are_exchangeable(n, m, method):
    """Under the null, p ≤ α happens with probability α, one-sided and two-sided."""
    from scipy.stats import binomtest

    rng = np.random.default_rng(2024)
    rounds = 2000 if method == "exact" else 100
    one, two = [], []
    for _ in range(rounds):
        values = rng.normal(size=n + m)
        result = partition_test(values[:n], values[n:], method=method, tolerance=1.0)
        one.append(result.p)
        two.append(result.two_sided)
    for found in (one, two):
        for level in (0.05, 0.2, 0.5):
            hits = int((np.array(found) <= level).sum())
            assert binomtest(hits, rounds, level).pvalue > 1e-3, (level, hits)
