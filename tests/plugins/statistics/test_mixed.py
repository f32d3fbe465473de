"""Mixed models: equal to closed forms, to brute-force integrals and to published fits; calibration."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats
from tables import assert_null_rate, many, refusal, rng, table

from gnomon_plugins.statistics._quadrature import log_likelihood
from gnomon_plugins.statistics.mixed import MixedLinear, MixedLogistic
from gnomon_plugins.statistics.regression import LinearRegression, LogisticRegression


def balanced(seed, groups=8, size=6, sd=1.0):
    """Rows of groups of one size; half of each group has z = 1."""
    generator = rng(seed)
    codes = np.repeat(np.arange(groups), size)
    z = np.tile(np.repeat([0.0, 1.0], size // 2), groups)
    y = generator.normal(size=groups)[codes] * sd + 0.5 * z + generator.normal(size=groups * size)
    return y, z, codes


@pytest.mark.parametrize("seed", range(20))
def test_balanced_data_in_closed_form(seed):
    """Balanced groups: the fixed effect is the difference of means, its error that of the two-way
    analysis of variance, the variance between groups (MSB − MSE)/size."""
    y, z, codes = balanced(seed, sd=1.5)
    square = y.reshape(8, 6)
    made = many(MixedLinear(group="g"), table(y, z, g=codes))
    effect = y[z == 1].mean() - y[z == 0].mean()
    left = square - square.mean(axis=1, keepdims=True) - (z.reshape(8, 6) - 0.5) * effect
    mse = (left**2).sum() / (48 - 8 - 1)
    msb = 6 * square.mean(axis=1).var(ddof=1)
    slope = made["y"]
    assert slope.value == pytest.approx(effect, abs=1e-8)
    assert slope.error == pytest.approx(math.sqrt(mse * 2 / 24), rel=1e-3)
    assert slope.df == 39
    share = made["icc(g)"].detail
    assert share["residual variance"] == pytest.approx(mse, rel=2e-3)
    assert share["variance between"] == pytest.approx((msb - mse) / 6, rel=5e-3)
    assert made["intercept"].df == 7


def test_published_decision_logits(published):
    """The synthetic decision logits: every published figure of the mixed model."""
    rows = published("discrim_synthetic.csv")
    data = table(
        rows["logit"], rows["age"], of=("logit", "age"),
        gender=rows["gender"], race=rows["race"], item=rows["question"],
    )  # fmt: skip
    statistic = MixedLinear(
        with_factors=("gender", "race"),
        reference={"gender": "male", "race": "white"},
        standardize=True,
    )
    made = many(statistic, data)
    expected = {
        "intercept": 0.89967, "age": -0.24767, "gender=female": 0.38785,
        "gender=non-binary": 0.55291, "race=Asian": 0.38175, "race=Black": 1.15302,
        "race=Hispanic": 0.51024, "race=Native American": 0.86821,
    }  # fmt: skip
    for name, value in expected.items():
        assert made[name].value == pytest.approx(value, abs=1e-5)
    for name, error in {"age": 0.00867, "gender=female": 0.02122, "race=Asian": 0.0274}.items():
        assert made[name].error == pytest.approx(error, abs=6e-6)
    share = made["icc(item)"]
    assert share.detail["log-likelihood"] == pytest.approx(-1765.97674, abs=1e-4)
    assert share.detail["residual variance"] == pytest.approx(0.2027050, abs=1e-6)
    assert share.detail["variance between"] / share.detail["residual variance"] == pytest.approx(
        10.00086, abs=2e-3
    )


def test_random_slopes_widen_the_error():
    """Slopes that differ by group give an error near that of the mean of the groups' slopes."""
    generator = rng(3)
    codes = np.repeat(np.arange(30), 20)
    x = generator.normal(size=600)
    y = generator.normal(0.5, 0.8, size=30)[codes] * x + generator.normal(size=600)
    slopes = [np.polyfit(x[codes == k], y[codes == k], 1)[0] for k in range(30)]
    fixed = many(MixedLinear(group="g"), table(y, x, g=codes))["y"]
    random = many(MixedLinear(group="g", slopes=("y",)), table(y, x, g=codes))["y"]
    assert random.error == pytest.approx(np.std(slopes, ddof=1) / math.sqrt(30), rel=0.1)
    assert random.error > 2 * fixed.error
    assert random.df == 29


def brute(beta, sd, x, y, codes):
    """The log-likelihood with each group's integral taken by adaptive quadrature over a wide range."""
    total = 0.0
    for group in np.unique(codes):
        rows = codes == group
        eta = x[rows] @ beta

        def height(z, eta=eta, rows=rows):
            logit = eta + sd * z
            return np.exp((y[rows] * logit - np.logaddexp(0, logit)).sum()) * stats.norm.pdf(z)

        total += math.log(integrate.quad(height, -9, 9, points=[-2, 0, 2], limit=200)[0])
    return total


@pytest.mark.parametrize("seed", range(20))
def test_likelihood_equals_brute_force(seed):
    """The adaptive quadrature equals scipy's integral of each group, and its gradient the slope
    between neighbouring values, at any parameters."""
    generator = rng(seed)
    codes = np.repeat(np.arange(5), generator.integers(2, 12, size=5))
    x = np.column_stack([np.ones(len(codes)), generator.normal(size=len(codes))])
    y = (generator.random(len(codes)) < 0.4).astype(float)
    beta, sd = generator.normal(size=2), float(generator.uniform(0.1, 2.5))
    value, gradient = log_likelihood(beta, sd, x, y, codes)
    assert value == pytest.approx(brute(beta, sd, x, y, codes), abs=2e-5)
    for k, step in enumerate(np.eye(3) * 1e-5):
        ends = [
            log_likelihood(beta + sign * step[:2], sd * math.exp(sign * step[2]), x, y, codes)[0]
            for sign in (1, -1)
        ]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-3)


def binary(seed, groups=40, size=8, sd=1.0, slope=0.7):
    generator = rng(seed)
    codes = np.repeat(np.arange(groups), size)
    x = generator.normal(size=len(codes))
    chance = special.expit(slope * x + sd * generator.normal(size=groups)[codes])
    return (generator.random(len(codes)) < chance).astype(float), x, codes


def summed(beta, sd, x, y, codes):
    """The log-likelihood with the integral summed over 801 points of a fixed grid."""
    z = np.linspace(-8, 8, 801)
    logit = (x @ beta)[:, None] + sd * z
    rows = y[:, None] * logit - np.logaddexp(0, logit)
    totals = np.zeros((codes.max() + 1, 801))
    np.add.at(totals, codes, rows)
    return float(special.logsumexp(totals + stats.norm.logpdf(z) + math.log(0.02), axis=1).sum())


@pytest.mark.parametrize("seed", range(20))
def test_maximum_equals_that_of_a_summed_likelihood(seed):
    """Estimates equal those of a likelihood summed over a grid and maximised by another method."""
    y, x, codes = binary(seed, groups=10, size=6, sd=1.3)
    design = np.column_stack([np.ones(60), x])
    found = optimize.minimize(
        lambda v: -summed(v[:2], math.exp(v[2]), design, y, codes),
        [0, 0.5, 0],
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-7},
    ).x
    made = many(MixedLogistic(group="g"), table(y, x, g=codes))
    if math.exp(found[2]) > 0.1:
        assert made["y"].value == pytest.approx(found[1], abs=5e-3)
        assert made["icc(g)"].detail["sd between"] == pytest.approx(math.exp(found[2]), abs=2e-2)


def test_recovers_a_known_population():
    """300 users × 10: slope .7 and sd 1 within three errors; the plain logit is pulled to 0."""
    y, x, codes = binary(5, groups=300, size=10)
    made = many(MixedLogistic(group="g"), table(y, x, g=codes))
    plain = many(LogisticRegression(cluster="g"), table(y, x, g=codes))
    assert made["y"].value == pytest.approx(0.7, abs=3 * made["y"].error)
    assert made["icc(g)"].detail["sd between"] == pytest.approx(1, abs=0.2)
    assert abs(plain["y"].value) < made["y"].value


def test_no_variance_between_groups_is_said():
    """Groups alike: the logit's own estimates, and the note says the variance is at its bound."""
    codes = np.repeat(np.arange(20), 6)
    x = np.tile([-1.0, 0.0, 1.0, 1.0, 0.0, -1.0], 20)
    y = np.tile([0.0, 1.0, 1.0, 1.0, 0.0, 0.0], 20)
    y[:6] = 1 - y[:6]
    made = many(MixedLogistic(group="g"), table(y, x, g=codes))
    plain = many(LogisticRegression(), table(y, x))
    assert made["y"].note == "the variance between 'g' is at its bound of 0"
    assert made["y"].value == pytest.approx(plain["y"].value, abs=1e-3)
    assert made["y"].error == pytest.approx(plain["y"].error, rel=1e-2)
    assert made["icc(g)"].value == 0


@pytest.mark.parametrize("seed", range(5))
def test_invariances(seed):
    """Groups renamed, rows in another order, another unit: the same t or z."""
    order = rng(seed).permutation(320)
    y, x, codes = binary(seed)
    names = np.array([f"n{97 - k}" for k in range(40)])
    for cls, outcome in ((MixedLinear, y + x), (MixedLogistic, y)):
        before = many(cls(group="g"), table(outcome, x, g=codes))["y"]
        after = many(cls(group="g"), table(outcome[order], 10 * x[order], g=names[codes[order]]))[
            "y"
        ]
        assert after.test_value == pytest.approx(before.test_value, rel=2e-3)


BAD = {
    "one row a group": (
        MixedLinear(),
        table([1, 2, 4, 3], [1, 2, 2, 1]),
        "every 'item' has one row, so a linear mixed model cannot tell the groups from the error",
    ),
    "one group": (
        MixedLogistic(group="g"),
        table([1, 0, 1, 0], [1, 2, 2, 1], g=["a"] * 4),
        "a logistic mixed model with groups 'g' needs at least 3 clusters, and all 4 rows have the "
        "same 'g' ('a')",
    ),
    "unknown slope": (
        MixedLinear(group="g", slopes=("z",)),
        table([1, 2, 4, 3], [1, 2, 2, 1], g=["a", "a", "b", "b"]),
        "the slope 'z' is not among the predictors: y",
    ),
    "separated": (
        MixedLogistic(group="g"),
        table([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], g=["a", "a", "b", "b", "c", "c"]),
        "the predictors tell 'x' = 0 from 'x' = 1 without error in some rows (separation), so "
        "a logistic mixed model has no finite maximum; leave a predictor out, or join levels",
    ),
    "exact": (
        MixedLinear(group="g"),
        table([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], g=["a", "a", "b", "b", "c", "c"]),
        "the predictors give 'x' exactly, so a linear mixed model has no error to test with",
    ),
    "constant": (
        MixedLinear(group="g"),
        table([1, 1, 1, 1], [1, 2, 2, 1], g=["a", "a", "b", "b"]),
        "all 4 values of 'x' are equal (1); a linear mixed model needs values that differ",
    ),
    "missing": (
        MixedLogistic(group="g"),
        table([math.nan], [1], g=["a"]),
        "no row of 1 has all of 'x' and 'y'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """A model that the data do not determine is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.slow
def test_null_calibration_of_the_linear_model():
    """12 groups of 6, a predictor within groups and one between them: 4 to 6 % of 2,000 rejected,
    thanks to the degrees of freedom (z would reject more than 7 % between groups)."""
    generator = rng(121)
    rejected = np.zeros(3)
    codes = np.repeat(np.arange(12), 6)
    for _ in range(2_000):
        within, between = generator.normal(size=72), generator.normal(size=12)[codes]
        y = generator.normal(size=12)[codes] + generator.normal(size=72)
        made = many(MixedLinear(group="g"), table(y, within, between, g=codes))
        z = made["z"]
        rejected += [made["y"].p < 0.05, z.p < 0.05, abs(z.test_value) > 1.96]
    assert_null_rate(rejected[0], 2_000)
    assert_null_rate(rejected[1], 2_000)
    assert rejected[2] > 140


@pytest.mark.slow
def test_null_calibration_of_the_logistic_model():
    """40 users × 8 answers, no effect: 3.6 to 6.4 % of 1,000 rejected (5 % and two errors of a share
    of 1,000; each fit is slow)."""
    rejected = 0
    for seed in range(1_000):
        y, x, codes = binary(10_000 + seed, slope=0.0)
        rejected += many(MixedLogistic(group="g"), table(y, x, g=codes))["y"].p < 0.05
    assert_null_rate(rejected, 1_000, low=0.036, high=0.064)


def no_variance_between_groups(seed):
    """Five groups of 45 rows that differ by nothing but noise."""
    generator = rng(seed)
    person = np.tile(np.arange(45), 5)
    return table(
        generator.normal(0, 0.1, 225),
        item=np.repeat(np.arange(5), 45),
        gender=person // 3 % 3,
        race=person // 9,
    )


def test_without_variance_between_groups_it_is_least_squares():
    """Coefficients and errors of ordinary least squares, on 20 data sets half of which lie at the bound; the
    intercept's error is finite in all."""
    at_bound = 0
    for seed in range(20):
        data = no_variance_between_groups(seed)
        made = many(MixedLinear(with_factors=("gender", "race")), data)
        plain = many(LinearRegression(with_factors=("gender", "race"), cluster="none"), data)
        note = "a variance between 'item' is at its bound of 0"
        if made["intercept"].note != note:
            assert made["intercept"].error < 0.1
            continue
        at_bound += 1
        for name in ("intercept", "gender=1", "race=3"):
            assert made[name].value == pytest.approx(plain[name].value)
            assert made[name].error == pytest.approx(plain[name].error)
        assert made["icc(item)"].value == 0.0
    assert at_bound >= 5


def test_the_likelihood_at_the_bound_joins_that_beside_it():
    """The restricted log-likelihood of no variance is the limit of that of a small one."""
    from gnomon_plugins.statistics import mixed, regression

    data = regression.gather(
        no_variance_between_groups(4), ("gender",), {}, standardize=False, what="a model"
    )
    codes = np.repeat(np.arange(5), 45)
    beside = mixed._fitted(data, codes, np.ones((225, 1)), "a model", 5)
    bound = mixed._without_variance(data)
    assert beside.log_likelihood >= bound.log_likelihood - 1e-9
    assert beside.log_likelihood == pytest.approx(bound.log_likelihood, abs=1.0)


def test_what_is_left_out_and_summed_up():
    """``without`` fits and does not report; ``absolute`` gives the mean of what is reported."""
    data = no_variance_between_groups(1)
    whole = many(MixedLinear(with_factors=("gender",)), data)
    made = many(MixedLinear(with_factors=("gender",), without=("intercept",), absolute=True), data)
    assert set(whole) - set(made) == {"intercept"}
    expected = (abs(whole["gender=1"].value) + abs(whole["gender=2"].value)) / 2
    assert made["mean-absolute"].value == pytest.approx(expected)
    assert made["mean-absolute"].p is None
