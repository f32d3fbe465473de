"""Shares and tables of counts: equal to scipy and statsmodels, published fixtures, exactness."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from tables import assert_null_rate, one, refusal, rng, table

from gnomon_plugins.statistics.contingency import ChiSquare, FisherExact, GTest
from gnomon_plugins.statistics.proportions import Binomial, McNemar

SIDES = ("two-sided", "less", "greater")


def pairs_of(both, first, second, neither):
    """Paired 0/1 scores with these four counts."""
    x = [1] * both + [1] * first + [0] * second + [0] * neither
    y = [1] * both + [0] * first + [1] * second + [0] * neither
    return table(x, y)


def counted(cells):
    """A score with categories 0, 1, … against the levels of g."""
    cells = np.asarray(cells)
    rows, columns = np.indices(cells.shape)
    return table(
        np.repeat(columns.ravel(), cells.ravel()), g=np.repeat(rows.ravel(), cells.ravel())
    )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_binomial_equals_scipy(seed, side):
    """p and both intervals equal scipy.stats.binomtest."""
    generator = rng(seed)
    n = int(generator.integers(1, 50))
    ones = int(generator.integers(0, n + 1))
    data = table([1.0] * ones + [0.0] * (n - ones))
    theirs = stats.binomtest(ones, n, 0.3, alternative=side)
    for ours, name in (("wilson", "wilson"), ("clopper-pearson", "exact")):
        made = one(Binomial(against=0.3, alternative=side, interval=ours), data)
        interval = stats.binomtest(ones, n, 0.3).proportion_ci(0.95, name)
        assert (made.p, made.low, made.high) == pytest.approx(
            (theirs.pvalue, interval.low, interval.high), abs=1e-12
        )


def test_binomial_beyond_floats():
    """2,000 of 2,000 at one half: two-sided p = 2 · 2⁻²⁰⁰⁰, kept as its logarithm."""
    made = one(Binomial(), table([1.0] * 2000))
    assert made.p == 0.0
    assert made.log10_p == pytest.approx((1 - 2000) * math.log10(2), rel=1e-12)


@pytest.mark.parametrize(
    ("cells", "form", "value", "p"),
    [
        ((40, 3, 12, 5), "exact", 3, 0.03515625),
        ((500, 60, 30, 410), "chi-square", 9.344444, 0.00223662),
        ((20, 30, 5, 45), "exact", 30, 2.23615e-5),
    ],
)
def test_published_mcnemar(cells, form, value, p):
    """The three fixtures of the persona card."""
    made = one(McNemar(form=form), pairs_of(*cells))
    assert (made.test_value, made.p) == pytest.approx((value, p), rel=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_mcnemar_equals_statsmodels(seed):
    """Exact and corrected chi-square equal statsmodels; mid-p equals its definition, enumerated."""
    cells = [int(count) + 1 for count in rng(seed).integers(0, 20, size=4)]
    square = [[cells[0], cells[1]], [cells[2], cells[3]]]
    data = pairs_of(*cells)
    exact = one(McNemar(form="exact"), data)
    assert exact.p == pytest.approx(mcnemar(square, exact=True).pvalue)
    corrected = one(McNemar(form="chi-square"), data)
    # statsmodels takes 1 off a difference of 0 and squares it; nothing can be nearer than equal.
    expected = mcnemar(square, exact=False).pvalue if cells[1] != cells[2] else 1.0
    assert corrected.p == pytest.approx(expected)
    n, least = cells[1] + cells[2], min(cells[1], cells[2])
    chances = [math.comb(n, k) / 2**n for k in range(n + 1)]
    mid = min(1.0, 2 * (sum(chances[:least]) + chances[least] / 2))
    if cells[1] == cells[2]:
        mid = 1 - chances[least] / 2
    assert one(McNemar(), data).p == pytest.approx(mid)
    assert exact.value == pytest.approx((cells[1] - cells[2]) / sum(cells))
    assert exact.effect_value == pytest.approx(cells[1] / cells[2])


def test_mcnemar_without_one_side():
    """When no pair is discordant one way the odds ratio has a lower end only, and says so."""
    made = one(McNemar(), pairs_of(5, 4, 0, 5))
    assert (made.effect_value, made.effect_high) == (None, None)
    assert made.effect_low == pytest.approx(0.025**0.25 / (1 - 0.025**0.25))
    assert made.note == "no pair has only y: the odds ratio is without bound"


@pytest.mark.parametrize("seed", range(20))
def test_tables_equal_scipy(seed):
    """Chi-square with and without correction, and G, equal scipy; V equals its formula."""
    generator = rng(seed)
    shape = (2, 2) if seed % 2 else (3, 4)
    cells = generator.integers(1, 30, size=shape)
    data = counted(cells)
    for statistic, options in (
        (ChiSquare(between="g"), {"correction": False}),
        (ChiSquare(between="g", continuity=True), {"correction": True}),
        (GTest(between="g"), {"correction": False, "lambda_": "log-likelihood"}),
    ):
        theirs = stats.chi2_contingency(cells, **options)
        made = one(statistic, data)
        assert (made.test_value, made.df, made.p) == pytest.approx(
            (theirs.statistic, theirs.dof, theirs.pvalue)
        )
        assert made.value == pytest.approx(
            math.sqrt(theirs.statistic / cells.sum() / (min(shape) - 1))
        )
        assert made.low <= made.value <= made.high


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_fisher_equals_scipy(seed, side):
    """p equals scipy.stats.fisher_exact; the odds ratio is the conditional one."""
    cells = rng(seed).integers(1, 12, size=(2, 2))
    # Category 1 is the share that is compared, so it is the first column of scipy's table.
    theirs = stats.fisher_exact(cells[:, ::-1], alternative=side)
    made = one(FisherExact(between="g", alternative=side), counted(cells))
    ratio = stats.contingency.odds_ratio(cells[:, ::-1])
    assert (made.p, made.effect_value) == pytest.approx((theirs.pvalue, ratio.statistic))
    assert made.value == pytest.approx(cells[0, 1] / cells[0].sum() - cells[1, 1] / cells[1].sum())


def test_lady_tasting_tea():
    """Fisher's (1935) tea: 3 of 4 right, one-sided p = 17/70, conditional odds ratio 6.408."""
    made = one(FisherExact(between="g", alternative="greater"), counted([[1, 3], [3, 1]]))
    assert made.p == pytest.approx(17 / 70)
    assert made.effect_value == pytest.approx(6.408309, rel=1e-5)


def test_newcombes_interval():
    """Newcombe (1998): 56/70 − 48/80 = .2, interval by method 10 .0524 to .3339."""
    made = one(FisherExact(between="g"), counted([[14, 56], [32, 48]]))
    assert (made.value, made.low, made.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_small_cells_are_noted():
    """Cells that expect fewer than 5 bring a warning."""
    made = one(ChiSquare(between="g"), counted([[1, 2], [3, 1]]))
    assert made.note == "4 of 4 cells expect fewer than 5; an exact test is safer"


@given(cells=st.lists(st.integers(1, 20), min_size=6, max_size=6), turn=st.booleans())
def test_relabelling(cells, turn):
    """Rows or categories in another order give the same test."""
    cells = np.array(cells).reshape(3, 2)
    before = one(ChiSquare(between="g"), counted(cells))
    after = one(ChiSquare(between="g"), counted(cells[::-1, ::-1] if turn else cells[[2, 0, 1]]))
    assert (after.p, after.value) == pytest.approx((before.p, before.value))


@given(cells=st.lists(st.integers(0, 15), min_size=4, max_size=4))
def test_mcnemar_swapped(cells):
    """Sides swapped: the difference turns, p stays."""
    if cells[1] + cells[2] == 0:
        cells[1] = 1
    before = one(McNemar(), pairs_of(*cells))
    after = one(McNemar(), pairs_of(cells[0], cells[2], cells[1], cells[3]))
    assert (after.value, after.low, after.p) == pytest.approx(
        (-before.value, -before.high, before.p)
    )


def test_enumerated_size():
    """Over all tables of 40 pairs of which each is discordant with probability 1/2: the exact test
    rejects at most 5 % (its p takes few values), mid-p 4 to 6 %."""
    size = {"exact": 0.0, "mid-p": 0.0}
    for n in range(1, 41):
        for first in range(n + 1):
            chance = stats.binom.pmf(n, 40, 0.5) * math.comb(n, first) / 2**n
            data = pairs_of(3, first, n - first, 3)
            for form in size:
                size[form] += (one(McNemar(form=form), data).p <= 0.05) * chance
    assert size["exact"] <= 0.05
    assert 0.04 <= size["mid-p"] <= 0.06


def test_null_calibration_of_chi_square_and_g():
    """2,000 null tables of 3 × 2 and n = 300: 4 to 6 % rejected by chi-square and by G."""
    generator = rng(31)
    rejected = np.zeros(2)
    for _ in range(2_000):
        data = table(generator.random(300) < 0.4, g=np.arange(300) % 3)
        rejected += [
            one(ChiSquare(between="g"), data).p < 0.05,
            one(GTest(between="g"), data).p < 0.05,
        ]
    for count in rejected:
        assert_null_rate(count, 2_000)


BAD = {
    "not binary": (
        Binomial(),
        table([1, 0, 0.5]),
        "a binomial test needs values of 0 and 1, and 1 of 'x' is not, such as 0.5",
    ),
    "not binary pairs": (
        McNemar(),
        table([1, 0, 2, 3], [0, 1, 1, 1]),
        "McNemar's test needs values of 0 and 1, and 2 of x are not, such as 2",
    ),
    "all agree": (
        McNemar(),
        table([1, 0], [1, 0]),
        "x and y agree in all 2 pairs; McNemar's test needs pairs that differ",
    ),
    "constant": (
        ChiSquare(between="g"),
        table([1, 1, 1], g=["a", "b", "b"]),
        "a chi-square test needs at least 2 different values of 'x', and all 3 rows have 1",
    ),
    "one group": (
        GTest(between="g"),
        table([1, 0, 1], g=["a"] * 3),
        "a G test needs at least 2 different values of 'g', and all 3 rows have a",
    ),
    "three categories": (
        FisherExact(between="g"),
        table([1, 0, 2], g=["a", "b", "b"]),
        "Fisher's exact test needs a table of 2 x 2, and this one is 2 x 3; name two levels, or use "
        "chi-square",
    ),
    "one variable": (
        ChiSquare(),
        table([1, 0]),
        "a chi-square test crosses two variables: name two scores in 'of', or one score and a label "
        "column in 'between' (found 1 score)",
    ),
    "missing": (Binomial(), table([math.nan] * 3), "all 3 values of 'x' are missing"),
    "infinite": (
        Binomial(),
        table([1, math.inf]),
        "score 'x' has 1 infinite value among 2; a binomial test needs finite numbers",
    ),
    "one row": (
        ChiSquare(between="g"),
        table([1], g=["a"]),
        "a chi-square test needs at least 2 values of 'x', and there is 1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What cannot be counted is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.slow
def test_coverage_of_differences():
    """The intervals of a difference of shares, paired and unpaired, hold it in 93 to 97 %."""
    generator = rng(32)
    held = np.zeros(2)
    for _ in range(1_000):
        x, y = generator.random((2, 60)) < [[0.5], [0.3]]
        paired = one(McNemar(), table(x, y))
        free = one(FisherExact(between="g"), table([*x, *y], g=np.repeat([0, 1], 60)))
        held += [paired.low <= 0.2 <= paired.high, free.low <= 0.2 <= free.high]
    assert (held / 1_000 >= 0.93).all()
    assert (held / 1_000 <= 0.97).all()


def test_a_level_that_is_not_there():
    """A level that no row has is named, with those that are there."""
    data = table([0, 1, 0, 1], arm=["x", "x", "y", "y"])
    assert refusal(FisherExact(between="arm", levels=("x", "z"), cluster="none"), data) == (
        "'arm' has no level 'z' here; there are: x, y"
    )
