"""Correlations, plain and with the rest held constant: equal to scipy and pingouin, calibration."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tables import assert_coverage, assert_null_rate, many, one, refusal, rng, table

from gnomon_plugins.statistics.correlations import Kendall, Pearson, Spearman
from gnomon_plugins.statistics.partial import (
    CompositionalPartialCorrelation,
    PartialCorrelation,
    SemipartialCorrelation,
)

SIDES = ("two-sided", "less", "greater")
PLAIN = {
    "pearson": (Pearson, stats.pearsonr),
    "spearman": (Spearman, stats.spearmanr),
    "kendall": (Kendall, stats.kendalltau),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("seed", range(20))
def test_equals_scipy(seed, name, side):
    """Coefficient and p equal scipy's, ties included; rows with a missing side are left out."""
    generator = rng(seed)
    x, y = generator.normal(size=(2, 8 + seed))
    y = y + 0.4 * x
    if seed % 3 == 0:
        x, y = np.round(x), np.round(y)
    cls, theirs = PLAIN[name]
    expected = theirs(x, y, alternative=side)
    made = one(cls(alternative=side), table([*x, 1.0, math.nan], [*y, math.nan, 1.0]))
    assert (made.value, made.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert made.n == len(x)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_spearman_of_few_rows_is_exact(seed, side):
    """For up to 7 rows p is counted over all orders, as scipy.stats.permutation_test counts it."""
    x, y = np.round(rng(seed).normal(size=(2, 4 + seed % 3)) * 3)
    x[0], y[0] = 9, -9
    expected = stats.permutation_test(
        (x,),
        lambda x: stats.spearmanr(x, y).statistic,
        permutation_type="pairings",
        alternative="two-sided" if side == "two-sided" else side,
        n_resamples=math.inf,
    )
    made = one(Spearman(alternative=side), table(x, y))
    assert made.value == pytest.approx(expected.statistic)
    if side != "two-sided":
        assert made.p == pytest.approx(expected.pvalue)
    else:
        assert made.p == pytest.approx(
            np.mean(np.abs(expected.null_distribution) >= abs(made.value) - 1e-12)
        )


@pytest.mark.parametrize("seed", range(20))
def test_intervals(seed):
    """Pearson's interval equals scipy's; those of ρ and τ equal their published formulas."""
    x, y = rng(seed).normal(size=(2, 20))
    made = one(Pearson(level=0.9), table(x, y))
    expected = stats.pearsonr(x, y).confidence_interval(0.9)
    assert (made.low, made.high) == pytest.approx((expected.low, expected.high))
    for cls, variance in (
        (Spearman, lambda r: (1 + r * r / 2) / 17),
        (Kendall, lambda _: 0.437 / 16),
    ):
        made = one(cls(), table(x, y))
        reach = stats.norm.isf(0.025) * math.sqrt(variance(made.value))
        assert made.high == pytest.approx(math.tanh(math.atanh(made.value) + reach))


def test_published_parallel_forms():
    """r = .93 with n = 234 has the 95 % interval .910 to .945."""
    from gnomon_plugins.statistics import _effects as effects

    assert effects.fisher_interval(0.93, 1 / 231, 0.95) == pytest.approx((0.910, 0.945), abs=1e-3)


def test_dose_response_of_a_monotone_score():
    """Five doses and a falling score: Spearman and Kendall are −1 with exact p = 2/5!, and Pearson of
    a straight line has no test rather than a t of 10¹⁶."""
    data = table([72.1, 71.2, 69.3, 64.1, 57.2], [0, 20, 50, 80, 100])
    spearman = one(Spearman(), data)
    assert (spearman.value, spearman.p) == pytest.approx((-1, 2 / 120))
    line = one(Pearson(), table([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4]))
    assert (line.value, line.test_value, line.p, line.low) == (1.0, None, None, None)
    assert line.note == "the rows lie on a line without error, so there is no test"
    kendall = one(Kendall(), data)
    assert (kendall.value, kendall.p) == pytest.approx((-1, 2 / 120))
    pairs = [1, 2, 3, 4, 5, 6]
    together = one(Pearson(cluster="item"), table(pairs, [-n for n in pairs], item="aabbcc"))
    assert (together.value, together.p, together.low) == (-1.0, None, None)
    assert together.note == "the rows lie on a line without error, so there is no test"


@pytest.mark.parametrize("cls", [PartialCorrelation, SemipartialCorrelation])
@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("seed", range(20))
def test_partial_equals_pingouin(seed, method, cls):
    """Partial and semi-partial r and p equal pingouin's with two covariates."""
    import pingouin

    x, y, z, u = rng(seed).normal(size=(4, 15 + seed))
    x, y = x + z, y + 0.5 * z - u
    frame = pd.DataFrame({"x": x, "y": y, "z": z, "u": u})
    covariates = {"covar": ["z", "u"]} if cls is PartialCorrelation else {"y_covar": ["z", "u"]}
    expected = pingouin.partial_corr(frame, "x", "y", **covariates, method=method).iloc[0]
    made = one(cls(ranks=method == "spearman"), table(x, y, z, u))
    p = expected.get("p_val", expected.get("p-val"))
    assert (made.value, made.p) == pytest.approx((expected["r"], p))


def test_partial_with_factors_equals_residuals_of_group_means():
    """A factor held constant takes the group means out of both scores."""
    generator = rng(4)
    codes = generator.integers(0, 3, size=40)
    x, y = generator.normal(size=(2, 40)) + codes
    means = [np.array([v[codes == k].mean() for k in range(3)])[codes] for v in (x, y)]
    made = one(PartialCorrelation(with_factors=("g",)), table(x, y, g=codes))
    assert made.value == pytest.approx(np.corrcoef(x - means[0], y - means[1])[0, 1])
    assert made.df == 40 - 2 - 2


CUPS = {
    "Al-Fe": 0.727, "Si-Al": 0.722, "Si-Fe": -0.663, "Ca-Na": 0.597, "Fe-Mg": 0.428, "K-P": 0.413,
    "P-Sb": 0.366, "Ti-P": 0.356, "Fe-Sb": 0.343, "Mg-Ti": 0.305, "Al-Na": 0.305, "Al-Sb": -0.280,
    "Fe-Mn": 0.289, "Si-Na": 0.253, "Si-Ca": 0.125,
}  # fmt: skip


def test_cups(published):
    """Roman cups: fifteen partial correlations of oxides, two partial variances, and t of Al–Fe."""
    cups = published("cups.csv")
    names = cups.dtype.names
    made = many(CompositionalPartialCorrelation(), table(*(cups[n] for n in names), of=names))
    assert len(made) == 55
    for pair, r in CUPS.items():
        first, second = pair.split("-")
        assert made[f"{first} with {second}"].value == pytest.approx(r, abs=6e-4)
    best = made["Al with Fe"]
    assert (best.df, best.test_value, best.p) == pytest.approx((37, 6.4343, 1.6e-7), rel=0.02)
    assert best.detail["partial variance Fe"] == pytest.approx(0.003469, abs=1e-6)
    assert best.detail["partial variance Al"] == pytest.approx(0.000875, abs=1e-6)


def composition(seed, rows=25, parts=5):
    return np.exp(rng(seed).normal(size=(rows, parts)) * 0.5)


@pytest.mark.parametrize("seed", range(20))
def test_composition_equals_residuals_of_log_ratios(seed):
    """r equals the correlation of residuals of two log-ratios on the others, whatever the reference,
    and the test is that of the partial correlation of those columns."""
    parts = composition(seed)
    reference = 2 + seed % 3
    columns = [np.log(parts[:, k] / parts[:, reference]) for k in range(5) if k != reference]
    expected = one(PartialCorrelation(), table(*columns))
    made = many(CompositionalPartialCorrelation(), table(*parts.T))["x with y"]
    assert made.value == pytest.approx(expected.value, abs=1e-10)
    assert (made.df, made.p) == pytest.approx((expected.df, expected.p))
    assert (made.low, made.high) == pytest.approx((expected.low, expected.high))


@given(seed=st.integers(0, 300))
def test_rows_of_a_composition_may_be_rescaled(seed):
    """Multiplying each row by its own number changes nothing; neither does the order of parts."""
    parts = composition(seed)
    before = many(CompositionalPartialCorrelation(), table(*parts.T))
    scaled = parts * rng(seed).uniform(0.1, 30, size=(25, 1))
    after = many(CompositionalPartialCorrelation(), table(*scaled.T))
    turned = many(CompositionalPartialCorrelation(), table(*parts.T[::-1]))
    for name, estimate in before.items():
        assert after[name].value == pytest.approx(estimate.value, abs=1e-9)
    assert sorted(e.value for e in turned.values()) == pytest.approx(
        sorted(e.value for e in before.values()), abs=1e-9
    )


def test_independent_parts_have_one_over_parts_less_one():
    """Six independent parts of equal variance: population r = 1/5; mean of 400 samples near .19."""
    values = []
    for seed in range(400):
        made = many(CompositionalPartialCorrelation(), table(*composition(seed, 20, 6).T))
        values.append(np.mean([estimate.value for estimate in made.values()]))
    assert np.mean(values) == pytest.approx(0.189, abs=0.01)


def test_shrinkage():
    """More parts than rows: r stays within ±1 with its intensities; many rows: nearly unshrunk."""
    few = many(CompositionalPartialCorrelation(shrinkage=True), table(*composition(1, 6, 9).T))
    assert all(-1 <= e.value <= 1 for e in few.values())
    assert 0 < few["x with y"].detail["lambda correlations"] <= 1
    generator = rng(3)
    parts = np.exp(generator.normal(size=(20_000, 4)) @ generator.normal(size=(4, 4)))
    plain = many(CompositionalPartialCorrelation(), table(*parts.T))
    shrunk = many(CompositionalPartialCorrelation(shrinkage=True), table(*parts.T))
    for name, estimate in plain.items():
        assert shrunk[name].value == pytest.approx(estimate.value, abs=0.02)


def test_shrinkage_intensities_by_loops():
    """Both intensities equal their definitions, written out in loops."""
    from gnomon_plugins.statistics._compositions import shrunk_covariance

    x = rng(9).normal(size=(7, 3)) * [1, 2, 3]
    n = 7
    z = (x - x.mean(0)) / x.std(0, ddof=1)
    noise = signal = 0.0
    for i in range(3):
        for j in range(3):
            if i == j:
                continue
            w = [z[k, i] * z[k, j] for k in range(n)]
            noise += n / (n - 1) ** 3 * sum((v - sum(w) / n) ** 2 for v in w)
            signal += (n / (n - 1) * sum(w) / n) ** 2
    assert shrunk_covariance(x)[1]["lambda correlations"] == pytest.approx(min(1, noise / signal))


@given(
    seed=st.integers(0, 200),
    scale=st.sampled_from([0.001, 5.0]),
    name=st.sampled_from(sorted(PLAIN)),
)
def test_invariances(seed, scale, name):
    """Unit and origin do not matter, sides may be swapped, and turning one side turns the sign."""
    cls, _ = PLAIN[name]
    x, y = rng(seed).normal(size=(2, 14))
    before = one(cls(), table(x, y))
    for after in (one(cls(), table(x * scale + 3, y)), one(cls(), table(y, x))):
        assert (after.value, after.p) == pytest.approx((before.value, before.p), rel=1e-6)
    turned = one(cls(), table(-x, y))
    assert (turned.value, turned.low, turned.p) == pytest.approx(
        (-before.value, -before.high, before.p), rel=1e-6
    )


@pytest.mark.parametrize("cls", [Pearson, Spearman])
def test_clusters_of_one_are_like_no_clusters(cls):
    """With one row a cluster and many rows the robust interval is close to the plain one."""
    x, y = rng(8).normal(size=(2, 2_000))
    plain, robust = one(cls(), table(x, y)), one(cls(cluster="item"), table(x, y))
    assert robust.value == pytest.approx(plain.value)
    assert (robust.low, robust.high) == pytest.approx((plain.low, plain.high), abs=0.005)


BAD = {
    "three scores": (Pearson(), table([1], [1], [1]), "Pearson's correlation needs two scores in 'of' (found 3 scores)"),
    "constant": (
        Spearman(),
        table([1, 2, 3], [5, 5, 5]),
        "all 3 values of 'y' are equal (5); Spearman's correlation needs values that differ",
    ),
    "two rows": (
        Kendall(),
        table([1, 2, math.nan], [1, 2, 3]),
        "Kendall's correlation needs at least 3 values of 'x' and 'y', and there are 2",
    ),
    "never both": (Pearson(), table([1, math.nan], [math.nan, 1]), "no row of 2 has all of 'x' and 'y'"),
    "infinite": (
        Pearson(),
        table([1, 2, 3], [1, math.inf, 2]),
        "score 'y' has 1 infinite value among 3; Pearson's correlation needs finite numbers",
    ),
    "one cluster": (
        Pearson(cluster="g"),
        table([1, 2, 4], [1, 2, 2], g=["a"] * 3),
        "Pearson's correlation clustered by 'g' needs at least 3 clusters, and all 3 rows have the "
        "same 'g' ('a')",
    ),
    "nothing held": (
        PartialCorrelation(),
        table([1, 2], [1, 2]),
        "a partial correlation needs two scores and what to hold constant: further scores in 'of', or "
        "label columns in 'with_factors' (found 2 scores)",
    ),
    "nothing left": (
        SemipartialCorrelation(),
        table([1, 2, 4, 3, 5], [2, 4, 6, 9, 1], [4, 8, 12, 18, 2]),
        "'y' is a linear combination of what is held constant, so nothing is left of it to correlate",
    ),
    "few rows": (
        PartialCorrelation(),
        table([1, 2, 4, 3], [2, 4, 7, 1], [4, 8, 1, 1], [4, 1, 2, 1]),
        "a partial correlation that holds 2 variables constant needs at least 5 rows, and there are 4",
    ),
    "two parts": (
        CompositionalPartialCorrelation(),
        table([1, 2], [1, 2]),
        "a compositional partial correlation needs at least 3 parts in 'of', and there are 2",
    ),
    "zero part": (
        CompositionalPartialCorrelation(),
        table([1, 2, 3, 4], [1, 0, 2, 1], [3, 1, 2, 2]),
        "part 'y' has 1 value that is not positive, and a log-ratio needs positive parts; replace "
        "zeros first and say how",
    ),
    "fixed ratio": (
        CompositionalPartialCorrelation(),
        table([1, 2, 3, 4, 6], [2, 4, 6, 8, 12], [3, 1, 2, 2, 1]),
        "the log-ratios of the 3 parts are linearly dependent, so there is no "
        "compositional partial correlation",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What cannot be correlated is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.slow
def test_null_calibration():
    """2,000 null data sets of 25 rows: every coefficient rejects 4 to 6 %."""
    generator = rng(51)
    rejected = dict.fromkeys(("pearson", "spearman", "kendall", "partial"), 0)
    for _ in range(2_000):
        x, y, z = generator.normal(size=(3, 25))
        pair = table(x, y)
        for name, (cls, _) in PLAIN.items():
            rejected[name] += one(cls(), pair).p < 0.05
        rejected["partial"] += one(PartialCorrelation(), table(x + z, y + z, z)).p < 0.05
    for count in rejected.values():
        assert_null_rate(count, 2_000)


@pytest.mark.slow
def test_null_calibration_of_clustered_correlations():
    """30 items × 6 rows, both scores alike within an item but unrelated: 4 to 6 % rejected;
    plain rows reject more than 20 %."""
    generator = rng(52)
    robust = naive = 0
    codes = np.repeat(np.arange(30), 6)
    for _ in range(2_000):
        x, y = generator.normal(size=(2, 30))[:, codes] + generator.normal(size=(2, 180)) * 0.7
        data = table(x, y, g=codes)
        robust += one(Pearson(cluster="g"), data).p < 0.05
        naive += one(Pearson(), data).p < 0.05
    assert_null_rate(robust, 2_000)
    assert naive > 400


@pytest.mark.slow
def test_coverage():
    """Fisher's interval holds ρ = .5 at n = 20 in 93 to 97 %."""

    def draw(generator):
        x, e = generator.normal(size=(2, 20))
        return one(Pearson(), table(x, 0.5 * x + math.sqrt(0.75) * e)), 0.5

    assert_coverage(draw, 2_000)
