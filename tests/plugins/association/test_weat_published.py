"""The ten tests with real GloVe vectors give the published effect sizes and the exact p-values."""

import numpy as np
import pytest
from published import GLOVE_6B, GLOVE_840B, PUBLISHED_D

from gnomon_plugins._association import associations, effect_size, partition_test


def sides(vectors, words, lower):
    def rows(name):
        named = [word.lower() if lower else word for word in words[name]]
        return np.array([vectors[word] for word in named if word in vectors])

    x, y, a, b = (rows(name) for name in "XYAB")
    return associations(x, a, b), associations(y, a, b)


def agree(p, printed):
    """Whether ``p`` is the printed value, allowing one unit of its last digit for how it was rounded."""
    digits = len(printed.split("e")[0].replace(".", "")) - 1
    exponent = int(printed.split("e")[1])
    return abs(p - float(printed)) <= 1.0 * 10.0 ** (exponent - digits)


@pytest.mark.parametrize("test", list(GLOVE_840B))
@pytest.mark.parametrize(
    ("name", "expected", "lower"),
    [("glove_840b", GLOVE_840B, False), ("glove_6b", GLOVE_6B, True)],
    ids=["840b", "6b"],
)
def test_statistic_and_effect_sizes(request, lists, name, expected, lower, test):
    """S, and d with either kind of standard deviation, agree to six decimals."""
    x, y = sides(request.getfixturevalue(name), lists[test], lower)
    s, sample, population, _, _ = expected[test]
    assert x.sum() - y.sum() == pytest.approx(s, abs=1e-6)
    assert effect_size(x, y, 1) == pytest.approx(sample, abs=1e-6)
    assert effect_size(x, y, 0) == pytest.approx(population, abs=1e-6)


@pytest.mark.parametrize("test", [f"WEAT{number}" for number in range(4, 11)])
@pytest.mark.parametrize(
    ("name", "expected", "lower"),
    [("glove_840b", GLOVE_840B, False), ("glove_6b", GLOVE_6B, True)],
    ids=["840b", "6b"],
)
def test_exact_p(request, lists, name, expected, lower, test):
    """Tests 4 to 10 are counted exactly, under both rules for ties."""
    x, y = sides(request.getfixturevalue(name), lists[test], lower)
    for ties, printed in zip((">", ">="), expected[test][3:], strict=True):
        result = partition_test(x, y, ties=ties)
        assert result.method == "exact"
        assert result.p == result.p_low == result.p_high
        if printed is not None:
            assert agree(result.p, printed), f"{ties}: {result.p} is not {printed}"


@pytest.mark.parametrize(
    ("test", "low", "high"),
    [("WEAT1", 1.4e-9, 1.5e-9), ("WEAT2", 4.6e-11, 4.7e-11), ("WEAT3", 5.4e-11, 5.6e-11)],
)
def test_large_sets_are_bracketed(glove_840b, lists, test, low, high):
    """The published sizes 25 + 25 and 32 + 32 get certain bounds within one per cent.

    Their p lies far below what 200,000 draws can show, and does not equal the published 1e-7 and 1e-8.
    """
    x, y = sides(glove_840b, lists[test], lower=False)
    result = partition_test(x, y)
    assert result.method == "bounded"
    assert low < result.p_low <= result.p == result.p_high < high
    assert result.p_high <= result.p_low * 1.01
    # One side is bounded above by the two together.
    assert result.p_low <= result.two_sided_high


@pytest.mark.slow
def test_bracket_holds_the_exact_count_of_63_trillion_partitions(glove_6b, lists):
    """24 + 25 words counted pair by pair (half a gigabyte) fall into the bracket of the grid."""
    x, y = sides(glove_6b, lists["WEAT1"], lower=True)
    exact, bounded = partition_test(x, y, method="exact"), partition_test(x, y)
    assert exact.partitions == 63_205_303_218_876
    assert exact.p == pytest.approx(4.532585470050287e-06, rel=1e-9)
    assert bounded.p_low <= exact.p <= bounded.p_high
    assert bounded.two_sided_low <= exact.two_sided <= bounded.two_sided_high


def test_published_effect_sizes(glove_840b, lists):
    """With n - 1, all ten d round to the published two decimals; that is why it is the default."""
    found = {
        test: f"{effect_size(*sides(glove_840b, lists[test], lower=False), 1):.2f}"
        for test in PUBLISHED_D
    }
    # 1.0550 was printed as 1.06.
    assert found.pop("WEAT7") in ("1.05", "1.06")
    assert found == {test: d for test, d in PUBLISHED_D.items() if test != "WEAT7"}
