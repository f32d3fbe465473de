"""Reliability and agreement: equal to pingouin and krippendorff, published examples, coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from tables import many, one, refusal, rng, table

from gnomon_plugins.statistics.agreement import CohenKappa, FleissKappa, KrippendorffAlpha
from gnomon_plugins.statistics.consistency import (
    CronbachAlpha,
    McdonaldOmega,
    SplitHalf,
    TestRetest,
    omega_of,
    one_factor,
)
from gnomon_plugins.statistics.icc import Icc

SHROUT = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def wide(matrix):
    return table(*np.asarray(matrix, dtype=float).T)


def scale(seed, units=40, items=5, loading=0.7):
    generator = rng(seed)
    factor = generator.normal(size=(units, 1))
    loadings = loading + 0.1 * np.arange(items)
    return factor * loadings + generator.normal(size=(units, items))


def test_shrout_and_fleiss():
    """The published example: mean squares and all six forms."""
    made = many(Icc(), wide(SHROUT))
    expected = {
        "1,1": 0.1657,
        "2,1": 0.2898,
        "3,1": 0.7148,
        "1,k": 0.4428,
        "2,k": 0.6201,
        "3,k": 0.9093,
    }
    for form, value in expected.items():
        assert made[f"icc({form})"].value == pytest.approx(value, abs=5e-5)
    squares = made["icc(1,1)"].detail
    assert [squares[f"mean square {name}"] for name in ("units", "raters", "error", "within")] == (
        pytest.approx([11.2417, 32.4861, 1.0194, 6.2639], abs=5e-5)
    )


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pingouin's own use of pandas
@pytest.mark.parametrize("seed", range(20))
def test_icc_equals_pingouin(seed):
    """Value, F, p and interval of all six forms equal pingouin's; both layouts agree."""
    import pingouin

    matrix = scale(seed, units=8 + seed, items=3 + seed % 3)
    units, raters = matrix.shape
    unit, rater = np.repeat(np.arange(units), raters), np.tile(np.arange(raters), units)
    frame = pd.DataFrame({"u": unit, "r": rater, "y": matrix.ravel()})
    theirs = pingouin.intraclass_corr(frame, targets="u", raters="r", ratings="y")
    interval = next(c for c in theirs.columns if c.startswith("CI"))
    made = many(Icc(), wide(matrix))
    long = many(Icc(rater="r"), table(matrix.ravel(), r=rater, item=unit))
    for form, (_, row) in zip(
        ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k"), theirs.iterrows(), strict=True
    ):
        ours = made[f"icc({form})"]
        assert (ours.value, ours.test_value) == pytest.approx((row["ICC"], row["F"]))
        assert [ours.low, ours.high] == pytest.approx(list(row[interval]), abs=0.0051)
        assert long[f"icc({form})"].value == pytest.approx(ours.value)


KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, math.nan, math.nan, math.nan],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, math.nan, 3],
    [math.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, math.nan],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, math.nan],
]


@pytest.mark.parametrize(
    ("scale_", "value"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_krippendorffs_example(scale_, value):
    """Krippendorff's (2011) four observers and twelve units, one of them with a single rating."""
    made = one(KrippendorffAlpha(scale=scale_), table(*KRIPPENDORFF))
    assert made.value == pytest.approx(value, abs=5e-4)
    assert made.note == "1 unit left out for want of ratings"
    assert made.low <= made.value <= made.high


@pytest.mark.parametrize("scale_", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize("seed", range(20))
def test_alpha_equals_krippendorff_package(seed, scale_):
    """α equals that of the krippendorff package, with missing ratings."""
    import krippendorff

    generator = rng(seed)
    truth = generator.integers(1, 6, size=20)
    matrix = np.where(
        generator.random((20, 3)) < 0.6, truth[:, None], generator.integers(1, 6, size=(20, 3))
    ).astype(float)
    matrix[generator.random((20, 3)) < 0.15] = np.nan
    theirs = krippendorff.alpha(reliability_data=matrix.T, level_of_measurement=scale_)
    assert one(KrippendorffAlpha(scale=scale_), wide(matrix)).value == pytest.approx(theirs)


def pairs_of(square):
    square = np.asarray(square)
    rows, columns = np.indices(square.shape)
    return table(
        np.repeat(rows.ravel(), square.ravel()), np.repeat(columns.ravel(), square.ravel())
    )


def test_published_kappas():
    """20-5-10-15 gives κ = .4; 18 of 20 with margins 15 gives .7333; Fleiss' ten units by fourteen
    raters .210."""
    assert one(CohenKappa(), pairs_of([[20, 5], [10, 15]])).value == pytest.approx(0.4)
    made = one(CohenKappa(), pairs_of([[14, 1], [1, 4]]))
    assert made.value == pytest.approx(0.7333, abs=5e-5)
    assert made.detail["agreement"] == pytest.approx(0.9)
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    matrix = [np.repeat(np.arange(5), row) for row in counts]
    fleiss = one(FleissKappa(), wide(matrix))
    assert fleiss.value == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(20))
def test_cohen_equals_sklearn_and_bootstrap_error(seed, weights):
    """κ equals scikit-learn's; its error is within 25 % of the bootstrap's."""
    metrics = pytest.importorskip("sklearn.metrics")
    generator = rng(seed)
    x = generator.integers(0, 4, size=150)
    y = np.where(generator.random(150) < 0.6, x, generator.integers(0, 4, size=150))
    made = one(CohenKappa(weights=weights), table(x, y))
    option = None if weights == "none" else weights
    assert made.value == pytest.approx(metrics.cohen_kappa_score(x, y, weights=option))
    if seed < 3:
        draws = generator.integers(0, 150, size=(300, 150))
        drawn = [metrics.cohen_kappa_score(x[d], y[d], weights=option) for d in draws]
        assert made.error == pytest.approx(np.std(drawn), rel=0.25)


@pytest.mark.parametrize("seed", range(20))
def test_fleiss_equals_statsmodels(seed):
    """κ equals statsmodels' fleiss_kappa; its test variance that under chance, by simulation once."""
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    generator = rng(seed)
    truth = generator.integers(0, 3, size=(25, 1))
    matrix = np.where(
        generator.random((25, 4)) < 0.5, truth, generator.integers(0, 3, size=(25, 4))
    )
    made = one(FleissKappa(), wide(matrix))
    assert made.value == pytest.approx(fleiss_kappa(aggregate_raters(matrix)[0]))
    assert made.low < made.value < made.high


def test_ac1_stands_where_kappa_falls():
    """One prevalent category: 95 % agreement, κ near 0, AC1 above .9."""
    made = one(CohenKappa(), pairs_of([[95, 2], [3, 0]]))
    assert made.value == pytest.approx(-0.025, abs=0.01)
    assert made.detail["ac1"] > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_cronbach_equals_pingouin(seed):
    """α and Feldt's interval equal pingouin's; item-total correlations their definition."""
    import pingouin

    matrix = scale(seed)
    theirs, interval = pingouin.cronbach_alpha(pd.DataFrame(matrix))
    made = one(CronbachAlpha(), wide(matrix))
    assert made.value == pytest.approx(theirs)
    assert [made.low, made.high] == pytest.approx(list(interval), abs=5.1e-4)
    rest = matrix[:, 1:].sum(axis=1)
    assert made.detail["item-total"]["x"] == pytest.approx(stats.pearsonr(matrix[:, 0], rest)[0])


def test_reversed_items_are_named():
    """An item that runs against the rest is named in the note of every coefficient."""
    matrix = scale(1)
    matrix[:, 2] *= -1
    sentence = (
        "1 item with a negative item-total correlation: z; reverse-keyed items must be turned first"
    )
    for statistic in (CronbachAlpha(), McdonaldOmega(), SplitHalf()):
        assert sentence in one(statistic, wide(matrix)).note


@pytest.mark.parametrize("seed", range(20))
def test_omega_equals_direct_minimisation(seed):
    """Loadings equal those of the least-squares criterion minimised by scipy."""
    covariance = np.cov(scale(seed, units=80), rowvar=False)
    off = ~np.eye(5, dtype=bool)
    found = optimize.minimize(
        lambda v: ((covariance - np.outer(v, v))[off] ** 2).sum(), np.full(5, 0.8), tol=1e-12
    ).x
    assert one_factor(covariance) == pytest.approx(np.abs(found), abs=1e-4)
    total = found.sum() ** 2
    unique = (np.diag(covariance) - found**2).sum()
    assert float(omega_of(covariance)) == pytest.approx(total / (total + unique), abs=1e-5)


def test_omega_of_a_known_population():
    """Loadings .7 to 1.1 with unit errors: ω = 20.25/25.25 = .802; equal loadings make ω = α."""
    population = np.outer(*[0.7 + 0.1 * np.arange(5)] * 2) + np.eye(5)
    assert float(omega_of(population)) == pytest.approx(4.5**2 / (4.5**2 + 5), abs=1e-9)
    made = one(McdonaldOmega(), wide(scale(7, units=4_000)))
    assert made.value == pytest.approx(0.802, abs=0.012)
    assert made.low < 0.802 < made.high
    equal = np.full((4, 4), 0.5) + np.eye(4) * 0.5
    assert float(omega_of(equal)) == pytest.approx(4 / 3 * (1 - 4 / equal.sum()))


@pytest.mark.parametrize("seed", range(20))
def test_split_half(seed):
    """Odd-even: 2r/(1+r) of the two half sums; random halves come near Cronbach's α."""
    matrix = scale(seed, units=300, items=6, loading=0.9)
    r = stats.pearsonr(matrix[:, ::2].sum(axis=1), matrix[:, 1::2].sum(axis=1))[0]
    made = one(SplitHalf(), wide(matrix))
    assert made.value == pytest.approx(2 * r / (1 + r))
    random = one(SplitHalf(halves="random", splits=100), wide(matrix))
    assert random.value == pytest.approx(one(CronbachAlpha(), wide(matrix)).value, abs=0.03)


@pytest.mark.parametrize("seed", range(20))
def test_test_retest(seed):
    """r, ICC(2,1) and change equal their own statistics, in both layouts."""
    generator = rng(seed)
    trait = generator.normal(size=20)
    x, y = trait + generator.normal(size=(2, 20)) * 0.5 + [[0], [0.3]]
    made = many(TestRetest(), table(x, y))
    assert made["r"].value == pytest.approx(stats.pearsonr(x, y)[0])
    agreement = many(Icc(), table(x, y))["icc(2,1)"]
    assert made["icc(2,1)"].value == pytest.approx(agreement.value)
    assert made["change"].p == pytest.approx(stats.ttest_rel(x, y).pvalue)
    long = many(
        TestRetest(between="when"),
        table([*x, *y], when=["1"] * 20 + ["2"] * 20, item=np.tile(np.arange(20), 2)),
    )
    assert long["icc(2,1)"].value == pytest.approx(agreement.value)


def test_what_is_refused_of_three_is_said():
    """A change that is the same for all has no test; r stands, the others say why they do not."""
    made = many(TestRetest(), table([1, 2, 4, 5.5], [2, 3, 5, 6.5]))
    assert made["r"].value == pytest.approx(1)
    assert (made["change"].value, made["icc(2,1)"].value) == (None, None)
    assert made["change"].note == (
        "all 4 values of the difference x - y are equal (-1); a paired t test needs values that differ"
    )
    assert made["icc(2,1)"].note == (
        "the raters agree up to a constant on every unit, so ICC(2,1) has no error to estimate"
    )


@given(seed=st.integers(0, 200), factor=st.sampled_from([0.01, 12.0]), shift=st.integers(-20, 20))
def test_invariances(seed, factor, shift):
    """Unit, origin, and the order of raters and units change no coefficient of interval ratings."""
    matrix = scale(seed, units=12, items=4)
    order = rng(seed).permutation(12)
    moved = (matrix * factor + shift)[order][:, ::-1]
    for statistic, quantities in (
        (Icc(), ["icc(1,1)", "icc(2,1)", "icc(3,k)"]),
        (KrippendorffAlpha(scale="interval", resamples=100), ["alpha"]),
        (CronbachAlpha(), ["alpha"]),
    ):
        before, after = many(statistic, wide(matrix)), many(statistic, wide(moved))
        for quantity in quantities:
            assert after[quantity].value == pytest.approx(
                before[quantity].value, rel=1e-6, abs=1e-8
            )


@given(seed=st.integers(0, 200), names=st.permutations([0.0, 1.0, 2.0]))
def test_relabelled_categories(seed, names):
    """Unordered categories may bear any numbers."""
    generator = rng(seed)
    truth = generator.integers(0, 3, size=(15, 1))
    matrix = np.where(
        generator.random((15, 2)) < 0.6, truth, generator.integers(0, 3, size=(15, 2))
    )
    matrix[:3] = [[0, 0], [1, 1], [2, 2]]
    renamed = np.array(names)[matrix]
    for statistic in (CohenKappa(), FleissKappa(), KrippendorffAlpha(resamples=100)):
        assert one(statistic, wide(renamed)).value == pytest.approx(
            one(statistic, wide(matrix)).value
        )


BAD = {
    "one rater": (
        Icc(),
        table([1, 2]),
        "an intraclass correlation needs at least 2 raters: name several scores in 'of', or one score "
        "and the label columns 'unit' and 'rater' (found 1 score)",
    ),
    "one rater in the column": (
        FleissKappa(rater="r"),
        table([1, 2], r=["a", "a"]),
        "Fleiss' kappa needs at least 2 raters, and all 2 rows have the same 'r' ('a')",
    ),
    "twice": (
        Icc(rater="r"),
        table([1, 2, 3], r=["a", "a", "b"], item=["p", "p", "p"]),
        "an intraclass correlation needs one rating of each unit by each rater, and item = 'p' has 2 "
        "by r = 'a'; keep one with 'where', or score the item as a whole",
    ),
    "equal ratings": (
        Icc(),
        wide(np.full((4, 3), 5.0)),
        "all 12 ratings are equal (5); an intraclass correlation needs ratings that differ",
    ),
    "raters agree": (
        Icc(forms=("1,1",)),
        wide([[1, 1], [2, 2], [3, 3]]),
        "the raters agree in full on every unit, so ICC(1,1) has no error to estimate",
    ),
    "one category": (
        KrippendorffAlpha(),
        wide(np.ones((4, 3))),
        "all ratings are 1, so agreement beyond chance is not defined; Krippendorff's alpha needs at "
        "least 2 categories in use",
    ),
    "three raters": (
        CohenKappa(),
        wide(SHROUT[:, :3]),
        "Cohen's kappa is for 2 raters, and there are 3; use fleiss-kappa or krippendorff-alpha",
    ),
    "constant rater": (
        CohenKappa(),
        table([1, 1, 1], [0, 1, 0]),
        "x gave every unit the same rating, so Cohen's kappa is 0 whatever the other says; report the "
        "share of agreement",
    ),
    "negative ratio": (
        KrippendorffAlpha(scale="ratio"),
        table([-1, 2, 3], [1, 2, 3]),
        "Krippendorff's alpha on a ratio scale needs ratings of at least 0, and one is -1",
    ),
    "constant item": (
        CronbachAlpha(),
        table([1, 1, 1], [1, 2, 3]),
        "all 3 values of item 'x' are equal (1); Cronbach's alpha needs values that differ",
    ),
    "items cancel": (
        CronbachAlpha(),
        table([1, 2, 3], [3, 2, 1]),
        "all 3 sums over the items are equal, so Cronbach's alpha is without bound; items that cancel "
        "each other out measure nothing together",
    ),
    "two items": (
        McdonaldOmega(),
        table([1, 2, 3, 5], [3, 2, 4, 5]),
        "McDonald's omega needs at least 3 items, and there are 2",
    ),
    "few units": (
        SplitHalf(),
        table([1, 2, 3], [3, 2, 5]),
        "a split-half reliability needs at least 4 units with all ratings, and 3 of 3 have them",
    ),
    "all missing": (
        KrippendorffAlpha(),
        table([math.nan, 1], [1, math.nan]),
        "Krippendorff's alpha needs at least 2 units with two or more ratings, and 0 of 2 have them",
    ),
    "infinite": (
        CronbachAlpha(),
        table([math.inf, 1], [1, 2]),
        "score 'x' has 1 infinite value among 2; Cronbach's alpha needs finite numbers",
    ),
    "two pairs": (
        TestRetest(),
        table([1, 2], [1, 2]),
        "a test-retest reliability needs at least 3 values of 'x' and 'y', and there are 2",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What has no reliability is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


def test_unknown_form():
    """A form of ICC that does not exist is refused when the spec is loaded."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        Icc(forms=("4,1",))
    assert str(caught.value) == "there is no form '4,1'; there are: 1,1; 2,1; 3,1; 1,k; 2,k; 3,k"


@pytest.mark.slow
def test_coverage():
    """ICC(1,1), ICC(2,1), ICC(3,1) and Feldt's α hold the population value in 93 to 97 % (n = 25)."""
    generator = rng(101)
    held = np.zeros(4)
    for _ in range(1_000):
        unit, rater = generator.normal(size=(25, 1)), generator.normal(size=(1, 8)) * 0.4
        noise = generator.normal(size=(25, 8))
        made = many(Icc(), wide(unit + rater + noise))
        free = many(Icc(forms=("1,1",)), wide(unit + noise))["icc(1,1)"]
        alpha = one(CronbachAlpha(), wide(unit + noise))
        held += [
            free.low <= 0.5 <= free.high,
            made["icc(2,1)"].low <= 1 / 2.16 <= made["icc(2,1)"].high,
            made["icc(3,1)"].low <= 0.5 <= made["icc(3,1)"].high,
            alpha.low <= 8 / 9 <= alpha.high,
        ]
    assert (held / 1_000 >= 0.93).all(), held / 1_000
    assert (held / 1_000 <= 0.97).all(), held / 1_000


@pytest.mark.slow
def test_null_calibration():
    """Unrelated raters: F of the ICC, Cohen's and Fleiss' tests reject 4 to 6 % of 2,000 (one-sided
    F; the large-sample kappas at n = 100)."""
    generator = rng(102)
    rejected = np.zeros(3)
    for _ in range(2_000):
        matrix = generator.integers(0, 3, size=(100, 3))
        rejected += [
            many(Icc(forms=("3,1",)), wide(generator.normal(size=(20, 3))))["icc(3,1)"].p < 0.05,
            one(CohenKappa(), wide(matrix[:, :2])).p < 0.05,
            one(FleissKappa(), wide(matrix)).p < 0.05,
        ]
    assert ((rejected / 2_000 >= 0.04) & (rejected / 2_000 <= 0.06)).all(), rejected / 2_000
