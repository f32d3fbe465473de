"""Student's t in its three forms: equal to scipy, known examples, invariances, calibration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from tables import assert_coverage, assert_null_rate, one, refusal, rng, table

from gnomon_plugins.statistics.t_tests import TOneSample, TPaired, TWelch

SIDES = ("two-sided", "less", "greater")
samples = hnp.arrays(
    float, st.integers(3, 30), elements=st.integers(-1000, 1000).map(lambda k: k / 10), unique=True
)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_one_sample_equals_scipy(seed, side):
    """t, df, p and the interval equal scipy.stats.ttest_1samp; missing rows count for nothing."""
    x = rng(seed).normal(0.3, 2, size=5 + seed)
    theirs = stats.ttest_1samp(x, 0.1, alternative=side)
    made = one(
        TOneSample(against=0.1, alternative=side, level=0.9), table([*x, math.nan, math.nan])
    )
    assert (made.test_value, made.df, made.p) == pytest.approx(
        (theirs.statistic, theirs.df, theirs.pvalue)
    )
    interval = stats.ttest_1samp(x, 0.1).confidence_interval(0.9)
    assert (made.low, made.high) == pytest.approx((interval.low, interval.high))
    assert made.n == len(x)
    assert made.effect_value == pytest.approx((x.mean() - 0.1) / x.std(ddof=1))
    assert made.log10_p == pytest.approx(math.log10(theirs.pvalue))


@pytest.mark.parametrize("seed", range(20))
def test_clusters_of_equal_size_are_a_t_test_of_their_means(seed):
    """With equal clusters the cluster-robust t is the t test on the cluster means."""
    generator = rng(seed)
    groups, size = int(generator.integers(3, 12)), int(generator.integers(1, 6))
    means = generator.normal(0.2, 1, size=groups)
    x = (means[:, None] + generator.normal(size=(groups, size))).ravel()
    theirs = stats.ttest_1samp(x.reshape(groups, size).mean(axis=1), 0)
    made = one(TOneSample(cluster="g"), table(x, g=np.repeat(np.arange(groups), size)))
    assert (made.test_value, made.df, made.p) == pytest.approx(
        (theirs.statistic, groups - 1, theirs.pvalue)
    )


@pytest.mark.parametrize("seed", range(20))
def test_unequal_clusters_equal_statsmodels(seed):
    """With unequal clusters the error is statsmodels' cluster-robust one of an intercept."""
    from statsmodels.regression.linear_model import OLS

    generator = rng(seed)
    codes = generator.integers(0, 8, size=60)
    x = generator.normal(size=8)[codes] + generator.normal(size=60)
    fit = OLS(x, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    made = one(TOneSample(cluster="g"), table(x, g=codes))
    # statsmodels also multiplies by (n - 1)/(n - k), which is 1 for an intercept alone.
    assert (made.error, made.p) == pytest.approx((fit.bse[0], fit.pvalues[0]))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", range(20))
def test_paired_equals_scipy(seed, side):
    """Both ways of naming pairs equal scipy.stats.ttest_rel, in any order of rows."""
    generator = rng(seed)
    x, y = generator.normal(size=(2, 12))
    theirs = stats.ttest_rel(x, y, alternative=side)
    wide = one(TPaired(alternative=side), table(x, y))
    order = generator.permutation(24)
    long = one(
        TPaired(alternative=side, between="when", levels=("b", "a")),
        table(
            np.concatenate([x, y])[order],
            when=np.repeat(["b", "a"], 12)[order],
            item=np.tile(np.arange(12), 2)[order],
        ),
    )
    for made in (wide, long):
        assert (made.test_value, made.df, made.p) == pytest.approx(
            (theirs.statistic, theirs.df, theirs.pvalue)
        )


def test_paired_leaves_out_units_with_one_side_and_says_so():
    """A unit without the other side is no pair; its number is in the note."""
    data = table(
        [1, 2, 3, 5, 8, 9, 4],
        when=["a", "b", "a", "b", "a", "b", "a"],
        item=[1, 1, 2, 2, 3, 3, 4],
    )
    made = one(TPaired(between="when"), data)
    assert made.n == 3
    assert made.value == pytest.approx(-4 / 3)
    assert made.note == "1 unit left out for want of the other side"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_two_samples_equal_scipy(seed, equal, side):
    """t, df, p and the interval equal scipy.stats.ttest_ind, pooled and Welch's."""
    generator = rng(seed)
    x, y = generator.normal(0, 1, size=6 + seed), generator.normal(0.5, 3, size=9)
    theirs = stats.ttest_ind(x, y, equal_var=equal, alternative=side)
    data = table([*x, *y], arm=["a"] * len(x) + ["b"] * len(y))
    made = one(TWelch(between="arm", equal_variances=equal, alternative=side), data)
    assert (made.test_value, made.df, made.p) == pytest.approx(
        (theirs.statistic, theirs.df, theirs.pvalue)
    )
    interval = stats.ttest_ind(x, y, equal_var=equal).confidence_interval(0.95)
    assert (made.low, made.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_clustered_two_samples_of_equal_size(seed, nested):
    """Equal clusters: within groups it is Welch on cluster means; across groups the paired t of them."""
    generator = rng(seed)
    first, second = generator.normal(size=(2, 7, 4)) + generator.normal(size=(2, 7, 1))
    names = np.repeat(np.arange(7), 4)
    data = table(
        [*first.ravel(), *second.ravel()],
        arm=["a"] * 28 + ["b"] * 28,
        g=[*names, *(names + 100 if nested else names)],
    )
    made = one(TWelch(between="arm", cluster="g"), data)
    means = first.mean(axis=1), second.mean(axis=1)
    theirs = stats.ttest_ind(*means, equal_var=False) if nested else stats.ttest_rel(*means)
    assert (made.test_value, made.df, made.p) == pytest.approx(
        (theirs.statistic, theirs.df, theirs.pvalue)
    )


def test_hedges_g_of_four_models_per_arm():
    """[1,2,3,4] against [2,3,4,5]: d = -.774597, exact J = .868627, g = -.672835."""
    data = table([1, 2, 3, 4], [2, 3, 4, 5])
    assert one(TWelch(cluster="none"), data).effect_value == pytest.approx(-0.774597, abs=1e-6)
    assert one(TWelch(effect="g", cluster="none"), data).effect_value == pytest.approx(
        -0.672835, abs=1e-6
    )


def test_students_sleep_data():
    """Student's (1908) sleep data as in R: paired t(9) = -4.0621, p = .002833; Welch df = 17.776."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    paired = one(TPaired(), table(first, second))
    assert (paired.test_value, paired.p) == pytest.approx((-4.0621, 0.002833), rel=1e-3)
    welch = one(TWelch(cluster="none"), table(first, second))
    assert (welch.test_value, welch.df, welch.p) == pytest.approx(
        (-1.8608, 17.776, 0.07939), rel=1e-4
    )


def test_interval_of_d_inverts_the_noncentral_t():
    """At the ends of the interval the observed t lies at the two 2.5 % points of the noncentral t."""
    x = rng(3).normal(0.5, 1, size=20)
    made = one(TOneSample(), table(x))
    tails = [
        stats.nct.cdf(made.test_value, 19, end * math.sqrt(20))
        for end in (made.effect_low, made.effect_high)
    ]
    assert tails == pytest.approx([0.975, 0.025], abs=1e-6)


@given(x=samples, shift=st.integers(-50, 50), scale=st.sampled_from([0.01, 0.5, 7, 1000]))
def test_one_sample_shift_and_scale(x, shift, scale):
    """Shifting data and null alike, or changing the unit, leaves t, p and d as they are."""
    before = one(TOneSample(against=1.0), table(x))
    after = one(TOneSample(against=(1.0 + shift) * scale), table((x + shift) * scale))
    for name in ("test_value", "p", "effect_value", "effect_low", "effect_high"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-5, abs=1e-6)


@given(x=samples, y=samples)
def test_swapping_groups_turns_the_sign(x, y):
    """First and second swapped: difference, t and d change their sign, p stays."""
    one_way = one(TWelch(cluster="none"), table_of(x, y))
    other = one(TWelch(levels=("b", "a"), between="arm"), long(x, y))
    assert other.value == pytest.approx(-one_way.value)
    assert other.test_value == pytest.approx(-one_way.test_value)
    assert other.p == pytest.approx(one_way.p)
    assert (other.effect_low, other.effect_high) == pytest.approx(
        (-one_way.effect_high, -one_way.effect_low), rel=1e-5, abs=1e-6
    )


def table_of(x, y):
    """Two scores of different length: the shorter one padded with missing values."""
    length = max(len(x), len(y))
    return table(*(np.pad(v, (0, length - len(v)), constant_values=np.nan) for v in (x, y)))


def long(x, y):
    return table([*x, *y], arm=["a"] * len(x) + ["b"] * len(y))


@given(x=samples, data=st.data())
def test_relabelling_and_order_do_not_matter(x, data):
    """Renamed clusters and shuffled rows give the same test."""
    codes = np.arange(len(x)) % 3
    order = np.array(data.draw(st.permutations(range(len(x)))))
    before = one(TOneSample(cluster="g"), table(x, g=codes))
    after = one(TOneSample(cluster="g"), table(x[order], g=[f"c{9 - k}" for k in codes[order]]))
    assert after.test_value == pytest.approx(before.test_value, rel=1e-6, abs=1e-9)


def test_huge_t_has_an_interval_and_a_logarithm():
    """A mean of many sd keeps d, its interval and log10 p although p underflows."""
    x = 0.9975 + rng(1).normal(0, 1e-4, size=200)
    made = one(TOneSample(), table(x))
    assert made.p == 0.0
    assert made.log10_p < -400
    assert made.effect_low < made.effect_value < made.effect_high


ONE = TOneSample()
BAD = {
    "no rows": (ONE, table([]), "a one-sample t test needs at least 2 rows, and there is none"),
    "one value": (
        ONE,
        table([1.0]),
        "a one-sample t test needs at least 2 values of 'x', and there is 1",
    ),
    "all missing": (ONE, table([math.nan] * 3), "all 3 values of 'x' are missing"),
    "infinite": (
        ONE,
        table([1.0, math.inf, 2.0]),
        "score 'x' has 1 infinite value among 3; a one-sample t test needs finite numbers",
    ),
    "constant": (
        ONE,
        table([0.9975] * 40),
        "all 40 values of 'x' are equal (0.9975); a one-sample t test needs values that differ",
    ),
    "rounding noise": (
        ONE,
        table(0.9975 + np.array([0, 1, 0, 1]) * 1e-16),
        "all 4 values of 'x' are equal (0.9975); a one-sample t test needs values that differ",
    ),
    "one cluster": (
        TOneSample(cluster="g"),
        table([1, 2, 3], g=["a"] * 3),
        "a one-sample t test clustered by 'g' needs at least 2 clusters, and all 3 rows have the "
        "same 'g' ('a')",
    ),
    "equal clusters": (
        TOneSample(cluster="g"),
        table([1, 2, 1, 2], g=["a", "a", "b", "b"]),
        "all 2 clusters of 'g' have the same mean of 'x', so there is no standard error for "
        "a one-sample t test",
    ),
    "no such column": (
        TOneSample(cluster="itm"),
        table([1, 2, 3]),
        "there is no column 'itm' (did you mean 'item'?); there are: item",
    ),
    "one score for pairs": (
        TPaired(),
        table([1, 2, 3]),
        "a paired t test compares pairs: name two scores in 'of', or one score, a label column in "
        "'between' and the columns that match in 'paired_by' (found 1 score)",
    ),
    "equal differences": (
        TPaired(),
        table([1, 2, 3], [2, 3, 4]),
        "all 3 values of the difference x - y are equal (-1); a paired t test needs values that "
        "differ",
    ),
    "no pairs": (
        TPaired(between="when"),
        table([1, 2, 3], when=["a", "b", "b"], item=["p", "q", "r"]),
        "a paired t test needs at least 2 pairs, and 0 of 3 units of 'item' have a value at both "
        "'a' and 'b'",
    ),
    "three levels": (
        TWelch(between="arm"),
        table([1, 2, 3], arm=["a", "b", "c"]),
        "a t test of two means compares two levels, and 'arm' has 3: a, b, c; name two with "
        "'levels', or keep two with 'where'",
    ),
    "unknown level": (
        TWelch(between="arm", levels=("a", "z")),
        table([1, 2, 3], arm=["a", "b", "b"]),
        "'arm' has no level 'z' here; there are: a, b",
    ),
    "one in a group": (
        TWelch(between="arm"),
        table([1, 2, 3], arm=["a", "b", "b"]),
        "arm = 'a': a t test of two means needs at least 2 values of 'x', and there is 1",
    ),
    "one score for two": (
        TWelch(),
        table([1, 2, 3]),
        "a t test of two means compares two samples: name two scores in 'of', or one score and a "
        "label column in 'between' (found 1 score)",
    ),
    "constant groups": (
        TWelch(between="arm"),
        table([1, 1, 3, 3], arm=["a", "a", "b", "b"]),
        "all values of a are equal (1), and so are those of b (3); a t test of two means needs "
        "values that differ within a group",
    ),
    "one cluster in a group": (
        TWelch(between="arm", cluster="g"),
        table([1, 2, 3, 5], arm=["a", "a", "b", "b"], g=["p", "p", "q", "r"]),
        "a t test of two means clustered by 'g' needs at least 2 clusters within 'a', "
        "and there is 1",
    ),
    "one cluster in both": (
        TWelch(between="arm", cluster="g"),
        table([1, 2, 3, 5], arm=["a", "a", "b", "b"], g=["p"] * 4),
        "a t test of two means clustered by 'g' needs at least 2 clusters, and all 4 rows have the "
        "same 'g' ('p')",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """What cannot be estimated is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: TOneSample(level=95), "level is 95; it lies between 0 and 1, such as 0.95"),
        (lambda: TOneSample(against=math.inf), "against is inf; it is a finite number"),
        (lambda: TWelch(levels=("a", "a")), "levels is ['a', 'a']; it names two different levels"),
        (
            lambda: TWelch(equal_variances=True, cluster="g"),
            "equal_variances and cluster exclude each other; leave one out",
        ),
    ],
)
def test_wrong_options(make, sentence):
    """An option outside its range is refused when the spec is loaded."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        make()
    assert str(caught.value) == sentence


def test_null_calibration_and_coverage():
    """2,000 null data sets of 12 rows: 4 to 6 % rejected, 93 to 97 % of intervals hold the truth."""
    generator = rng(11)
    x = generator.normal(size=(2_000, 12))
    made = [one(TOneSample(), table(row)) for row in x]
    assert_null_rate(sum(e.p < 0.05 for e in made), 2_000)
    assert 0.93 <= np.mean([e.low <= 0 <= e.high for e in made]) <= 0.97
    assert 0.93 <= np.mean([e.effect_low <= 0 <= e.effect_high for e in made]) <= 0.97


@pytest.mark.slow
def test_null_calibration_of_clustered_rows():
    """2,000 null data sets of 21 items × 8 repeats, intraclass correlation .5: the cluster-robust test
    holds its level where the test of independent rows rejects more than 30 %."""
    generator = rng(12)
    names = np.repeat(np.arange(21), 8)
    robust = naive = 0
    for _ in range(2_000):
        x = np.repeat(generator.normal(size=21), 8) + generator.normal(size=168)
        data = table(x, g=names)
        robust += one(TOneSample(cluster="g"), data).p < 0.05
        naive += one(TOneSample(), data).p < 0.05
    assert_null_rate(robust, 2_000)
    assert naive > 600


@pytest.mark.slow
def test_null_calibration_of_welch_under_unequal_variances():
    """Welch holds its level with sd 1 and 4 and sizes 40 and 10."""
    generator = rng(13)
    rejected = 0
    for _ in range(3_000):
        x, y = generator.normal(0, 1, 40), generator.normal(0, 4, 10)
        rejected += one(TWelch(between="arm"), long(x, y)).p < 0.05
    assert_null_rate(rejected, 3_000)


@pytest.mark.slow
def test_coverage_of_d():
    """The noncentral-t interval of d = .5 between two normal groups of 12 holds it in 93 to 97 %."""

    def draw(generator):
        import attrs

        made = one(TWelch(), table(generator.normal(0.5, 1, 12), generator.normal(0, 1, 12)))
        return attrs.evolve(made, low=made.effect_low, high=made.effect_high), 0.5

    assert_coverage(draw, 1_500)
