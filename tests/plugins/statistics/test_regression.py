"""Linear and logistic regression: equal to second implementations and to published fits."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from statsmodels.regression.linear_model import OLS
from tables import assert_null_rate, many, refusal, rng, table

from gnomon_plugins.statistics.regression import LinearRegression, LogisticRegression


def data_of(seed, rows=60, binary=False):
    generator = rng(seed)
    x, z = generator.normal(size=(2, rows))
    g = generator.choice(["a", "b", "c"], size=rows)
    y = 0.5 * x - 0.3 * z + 0.4 * (g == "b") + generator.normal(size=rows)
    if binary:
        y = (y + generator.logistic(size=rows) > 0).astype(float)
    return y, x, z, g


@pytest.mark.parametrize("seed", range(20))
def test_linear_equals_the_normal_equations(seed):
    """Coefficients, errors, R² and F equal those worked from (X'X)⁻¹ directly."""
    y, x, z, g = data_of(seed)
    design = np.column_stack([np.ones(60), x, z, g == "b", g == "c"])
    beta = np.linalg.solve(design.T @ design, design.T @ y)
    left = y - design @ beta
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * (left @ left) / 55)
    made = many(LinearRegression(with_factors=("g",)), table(y, x, z, g=g, of=("x", "y", "z")))
    names = ["intercept", "y", "z", "g=b", "g=c"]
    assert list(made) == [*names, "r-squared"]
    assert [made[n].value for n in names] == pytest.approx(list(beta))
    assert [made[n].error for n in names] == pytest.approx(list(errors))
    r2 = 1 - left @ left / ((y - y.mean()) @ (y - y.mean()))
    assert made["r-squared"].value == pytest.approx(r2)
    assert made["r-squared"].test_value == pytest.approx(r2 / 4 / ((1 - r2) / 55))


@pytest.mark.parametrize("seed", range(20))
def test_linear_equals_pingouin(seed):
    """t, p and intervals equal pingouin's."""
    import pingouin

    y, x, z, _ = data_of(seed)
    theirs = pingouin.linear_regression(np.column_stack([x, z]), y)
    made = list(many(LinearRegression(), table(y, x, z)).values())[:3]
    columns = theirs.columns
    p, low, high = (next(c for c in columns if key in c) for key in ("p", "2.5", "97.5"))
    p = "p_val" if "p_val" in columns else "pval"
    for ours, (_, row) in zip(made, theirs.iterrows(), strict=True):
        assert (ours.test_value, ours.p, ours.low, ours.high) == pytest.approx(
            (row["T"], row[p], row[low], row[high])
        )


def by_definition(design, left, codes):
    """CR2 errors and their degrees of freedom from whole matrices, row by row as the paper defines them."""
    bread = np.linalg.inv(design.T @ design)
    annihilator = np.eye(len(design)) - design @ bread @ design.T
    adjusted = {}
    for k in np.unique(codes):
        own = codes == k
        values, vectors = np.linalg.eigh(annihilator[np.ix_(own, own)])
        roots = np.array([value**-0.5 if value > 1e-9 else 0.0 for value in values])
        adjusted[k] = vectors @ np.diag(roots) @ vectors.T
    errors, degrees = [], []
    for column in bread.T:
        square, columns = 0.0, []
        for k, a in adjusted.items():
            own = codes == k
            weights = a @ design[own] @ column
            square += float(weights @ left[own]) ** 2
            columns.append(annihilator[:, own] @ weights)
        gram = np.array(columns) @ np.array(columns).T
        errors.append(square**0.5)
        degrees.append(np.trace(gram) ** 2 / np.trace(gram @ gram))
    return errors, degrees


@pytest.mark.parametrize("seed", range(20))
def test_clustered_errors_by_hand(seed):
    """CR2 with Satterthwaite's degrees of freedom, from the whole annihilator matrix."""
    y, x, z, _ = data_of(seed)
    codes = rng(seed).integers(0, 9, size=60)
    design = np.column_stack([np.ones(60), x, z])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    errors, degrees = by_definition(design, left, codes)
    made = many(LinearRegression(cluster="g"), table(y, x, z, g=codes))
    assert [made[n].error for n in ("intercept", "y", "z")] == pytest.approx(errors)
    assert [made[n].df for n in ("intercept", "y", "z")] == pytest.approx(degrees)


def test_a_cluster_that_decides_a_coefficient_alone():
    """A factor that only one cluster has is estimated from it; its rows leave no error, and nothing breaks."""
    y, x, _, _ = data_of(3)
    codes = np.arange(60) // 6
    alone = (codes == 0).astype(float)
    design = np.column_stack([np.ones(60), x, alone])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    errors, degrees = by_definition(design, left, codes)
    made = many(LinearRegression(cluster="g"), table(y, x, alone, g=codes))["y"]
    assert made.error == pytest.approx(errors[1])
    assert made.df == pytest.approx(degrees[1])


def test_clusters_of_one_row_are_hc2():
    """With a row in each cluster the errors are statsmodels' HC2."""
    y, x, z, _ = data_of(4)
    made = many(LinearRegression(cluster="g"), table(y, x, z, g=range(60)))
    fit = OLS(y, np.column_stack([np.ones(60), x, z])).fit(cov_type="HC2")
    found = [made[name].error for name in ("intercept", "y", "z")]
    assert found == pytest.approx(fit.bse.tolist())


def test_standardized_predictor_and_reference(published):
    """The synthetic decision logits: fixed effects as published, with reference levels named."""
    rows = published("discrim_synthetic.csv")
    data = table(
        rows["logit"],
        rows["age"],
        of=("logit", "age"),
        gender=rows["gender"],
        race=rows["race"],
        question=rows["question"],
    )
    statistic = LinearRegression(
        with_factors=("gender", "race"),
        reference={"gender": "male", "race": "white"},
        standardize=True,
        cluster="question",
    )
    made = many(statistic, data)
    expected = {
        "age": -0.24767, "gender=female": 0.38785, "gender=non-binary": 0.55291,
        "race=Asian": 0.38175, "race=Black": 1.15302, "race=Hispanic": 0.51024,
    }  # fmt: skip
    for name, value in expected.items():
        assert made[name].value == pytest.approx(value, abs=1e-5)
    assert made["age"].df == pytest.approx(19)


def test_published_chained_logit(published):
    """617 pairs of association and decision: every figure of the published logit."""
    rows = published("bai_chained_pairs.csv")
    made = many(
        LogisticRegression(),
        table(rows["decision_bias"], rows["iat_bias"], of=("decision", "d")),
    )
    intercept, slope, whole = made["intercept"], made["d"], made["pseudo-r-squared"]
    assert (intercept.value, intercept.error) == pytest.approx((0.4563, 0.1035), abs=6e-5)
    assert (slope.value, slope.error, slope.test_value) == pytest.approx(
        (0.9828, 0.1190, 8.255), abs=6e-4
    )
    assert whole.value == pytest.approx(0.09617, abs=6e-6)
    assert whole.detail["log-likelihood"] == pytest.approx(-339.033, abs=6e-4)
    assert whole.detail["null log-likelihood"] == pytest.approx(-375.107, abs=6e-4)
    assert (whole.detail["aic"], whole.detail["bic"]) == pytest.approx(
        (682.0655, 690.9152), abs=6e-5
    )
    assert slope.effect_value == pytest.approx(math.exp(slope.value))


@pytest.mark.parametrize("seed", range(20))
def test_logistic_equals_direct_maximum(seed):
    """Coefficients and errors equal those of the likelihood maximised by scipy."""
    y, x, z, _ = data_of(seed, rows=120, binary=True)
    design = np.column_stack([np.ones(120), x, z])
    found = optimize.minimize(
        lambda b: np.logaddexp(0, -(2 * y - 1) * (design @ b)).sum(), np.zeros(3), tol=1e-10
    )
    chance = 1 / (1 + np.exp(-design @ found.x))
    information = (design * (chance * (1 - chance))[:, None]).T @ design
    made = many(LogisticRegression(), table(y, x, z))
    names = ("intercept", "y", "z")
    assert [made[n].value for n in names] == pytest.approx(list(found.x), abs=1e-4)
    assert [made[n].error for n in names] == pytest.approx(
        list(np.sqrt(np.diag(np.linalg.inv(information)))), rel=1e-3
    )
    assert made["pseudo-r-squared"].detail["log-likelihood"] == pytest.approx(-found.fun)


def test_logit_of_a_two_by_two_table():
    """With one binary predictor the odds ratio is that of the table, its error Woolf's."""
    y = [1] * 12 + [0] * 5 + [1] * 7 + [0] * 16
    g = ["b"] * 17 + ["a"] * 23
    made = many(LogisticRegression(with_factors=("g",)), table(y, g=g))["g=b"]
    assert made.effect_value == pytest.approx(12 * 16 / 5 / 7)
    assert made.error == pytest.approx(math.sqrt(1 / 12 + 1 / 5 + 1 / 7 + 1 / 16))


@pytest.mark.parametrize("seed", range(5))
def test_clustered_logit_equals_statsmodels_formula(seed):
    """Cluster-robust errors equal those of statsmodels' formula interface; t has G − 1."""
    import statsmodels.formula.api as smf

    y, x, z, _ = data_of(seed, rows=150, binary=True)
    codes = rng(seed).integers(0, 12, size=150)
    frame = pd.DataFrame({"y": y, "x": x, "z": z})
    fit = smf.logit("y ~ x + z", frame).fit(disp=0, cov_type="cluster", cov_kwds={"groups": codes})
    made = many(LogisticRegression(cluster="g"), table(y, x, z, g=codes))
    assert made["y"].error == pytest.approx(fit.bse["x"], rel=1e-5)
    assert (made["y"].test, made["y"].df) == ("t", 11)


@settings(max_examples=30)
@given(seed=st.integers(0, 100), scale=st.sampled_from([0.01, 20.0]), shift=st.integers(-4, 4))
def test_invariances(seed, scale, shift):
    """Another unit divides the slope, another origin moves the intercept alone, and the order of
    rows does not matter."""
    for binary, cls in ((False, LinearRegression), (True, LogisticRegression)):
        y, x, z, _ = data_of(seed, rows=100, binary=binary)
        order = rng(seed).permutation(100)
        before = many(cls(), table(y, x, z))
        after = many(cls(), table(y[order], (x * scale + shift)[order], z[order]))
        assert after["y"].value * scale == pytest.approx(before["y"].value, rel=1e-4, abs=1e-7)
        assert after["y"].test_value == pytest.approx(before["y"].test_value, rel=1e-4, abs=1e-6)
        assert after["z"].value == pytest.approx(before["z"].value, rel=1e-4, abs=1e-7)


def test_another_reference_turns_the_sign():
    """Two levels: naming the other reference turns coefficient and interval."""
    y, x, _, g = data_of(3)
    g = np.where(g == "c", "a", g)
    one_way = many(LinearRegression(with_factors=("g",)), table(y, x, g=g))["g=b"]
    other = many(LinearRegression(with_factors=("g",), reference={"g": "b"}), table(y, x, g=g))[
        "g=a"
    ]
    assert (other.value, other.low, other.p) == pytest.approx(
        (-one_way.value, -one_way.high, one_way.p)
    )


BAD = {
    "separated": (
        LogisticRegression(),
        table([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6]),
        "the predictors tell 'x' = 0 from 'x' = 1 without error in some rows (separation), so "
        "a logistic regression has no finite maximum; leave a predictor out, or join levels",
    ),
    "quasi-separated level": (
        LogisticRegression(with_factors=("g",)),
        table([0, 1, 0, 1, 1, 1], g=["a", "a", "a", "a", "b", "b"]),
        "the predictors tell 'x' = 0 from 'x' = 1 without error in some rows (separation), so "
        "a logistic regression has no finite maximum; leave a predictor out, or join levels",
    ),
    "not binary": (
        LogisticRegression(),
        table([0, 1, 2], [1, 2, 3]),
        "a logistic regression needs values of 0 and 1, and 1 of 'x' is not, such as 2",
    ),
    "constant outcome": (
        LogisticRegression(),
        table([1, 1, 1], [1, 2, 3]),
        "all 3 values of 'x' are equal (1); a logistic regression needs values that differ",
    ),
    "constant predictor": (
        LinearRegression(),
        table([1, 2, 4], [7, 7, 7]),
        "'y' is a linear combination of 'intercept'; a linear regression needs predictors that differ",
    ),
    "constant predictor to standardize": (
        LinearRegression(standardize=True),
        table([1, 2, 4], [7, 7, 7]),
        "all 3 values of 'y' are equal (7); a linear regression needs values that differ",
    ),
    "twice the same": (
        LinearRegression(),
        table([1, 2, 4, 4, 1], [7, 5, 7, 1, 2], [14, 10, 14, 2, 4]),
        "'z' is a linear combination of 'intercept', 'y'; a linear regression needs predictors that "
        "differ",
    ),
    "few rows": (
        LinearRegression(),
        table([1, 2, 4], [7, 5, 7], [1, 2, 1.5]),
        "a linear regression with 3 coefficients needs more than 3 rows, and there are 3",
    ),
    "exact": (
        LinearRegression(),
        table([1, 2, 3, 4], [2, 4, 6, 8]),
        "the predictors give 'x' exactly, so a linear regression has no error to test with",
    ),
    "no such reference": (
        LinearRegression(with_factors=("g",), reference={"g": "z"}),
        table([1, 2, 4, 3], g=["a", "b", "b", "a"]),
        "'g' has no level 'z' here; there are: a, b",
    ),
    "one cluster": (
        LinearRegression(cluster="g"),
        table([1, 2, 4, 3], [1, 2, 2, 1], g=["a"] * 4),
        "a linear regression clustered by 'g' needs at least 2 clusters, and all 4 rows have the "
        "same 'g' ('a')",
    ),
    "missing": (
        LogisticRegression(),
        table([math.nan] * 3, [1, 2, 3]),
        "no row of 3 has all of 'x' and 'y'",
    ),
    "infinite": (
        LinearRegression(),
        table([1, 2, 4], [1, math.inf, 2]),
        "score 'y' has 1 infinite value among 3; a linear regression needs finite numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    """A model that the data do not determine is refused with the reason."""
    statistic, data, sentence = BAD[case]
    assert refusal(statistic, data) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: LinearRegression(reference={"g": "a"}),
            "reference names 'g', which is not in with_factors",
        ),
        (
            lambda: LinearRegression(robust="HC3", cluster="g"),
            "robust and cluster exclude each other; leave one out",
        ),
    ],
)
def test_wrong_options(make, sentence):
    """Options that do not fit together are refused when the spec is loaded."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        make()
    assert str(caught.value) == sentence


@pytest.mark.slow
def test_null_calibration():
    """Slopes without an effect: least squares (n = 30), HC3 (n = 60), cluster-robust (40 × 5, error
    and predictor alike within clusters) and logit (n = 120) reject 4 to 6 % of 2,000."""
    generator = rng(61)
    rejected = dict.fromkeys(("plain", "hc3", "clustered", "logit"), 0)
    codes = np.repeat(np.arange(40), 5)
    for _ in range(2_000):
        x, y = generator.normal(size=(2, 60))
        rejected["plain"] += many(LinearRegression(), table(y[:30], x[:30]))["y"].p < 0.05
        rejected["hc3"] += many(LinearRegression(robust="HC3"), table(y, x))["y"].p < 0.05
        u, v = generator.normal(size=(2, 40))[:, codes] + generator.normal(size=(2, 200))
        rejected["clustered"] += (
            many(LinearRegression(cluster="g"), table(u, v, g=codes))["y"].p < 0.05
        )
        coin = table(generator.random(120) < 0.4, generator.normal(size=120))
        rejected["logit"] += many(LogisticRegression(), coin)["y"].p < 0.05
    for count in rejected.values():
        assert_null_rate(count, 2_000)
