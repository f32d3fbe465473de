"""Differences of levels from a reference, and the share of areas in which one is significant."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from tables import many, one, refusal, rng, table

import gnomon
from gnomon_plugins.statistics.level_differences import LevelDifferences, SignificantShare
from gnomon_plugins.statistics.proportions import McNemar
from gnomon_plugins.statistics.t_tests import TPaired


def by_level(statistic, data, column):
    return {each.group[column]: each for each in statistic.estimate(data, rng())}


def crossed(seed, items=12, levels=("a", "b", "c"), shift=0.0):
    """One value of every item at every level; level b is shifted."""
    generator = rng(seed)
    item = np.repeat(np.arange(items), len(levels))
    level = np.tile(np.array(levels), items)
    values = generator.normal(0, 1, items)[item] + generator.normal(0, 0.5, len(item))
    return table(values + shift * (level == "b"), item=item, level=level)


def test_pairs_are_the_paired_test_of_each_level():
    """Against scipy on 20 random data sets; nothing is pooled over levels."""
    for seed in range(20):
        data = crossed(seed, shift=0.3)
        made = by_level(
            LevelDifferences(between="level", reference="a", paired_by=("item",)), data, "level"
        )
        assert list(made) == ["b", "c"]
        sides = {name: data.values[data.label("level") == name] for name in "abc"}
        for name, found in made.items():
            expected = stats.ttest_rel(sides[name], sides["a"])
            assert found.value == pytest.approx(float((sides[name] - sides["a"]).mean()))
            assert (found.test_value, found.p) == pytest.approx(
                (expected.statistic, expected.pvalue)
            )


def test_independent_levels_are_welchs_test():
    """Against one level, and against all other rows."""
    for seed in range(20):
        generator = rng(seed)
        data = table(generator.normal(0, 1, 60), level=generator.choice(list("abc"), 60))
        column, values = data.label("level"), data.values
        for reference in ("a", None):
            made = by_level(LevelDifferences(between="level", reference=reference), data, "level")
            other = column == "a" if reference else column != "b"
            expected = stats.ttest_ind(values[column == "b"], values[other], equal_var=False)
            assert made["b"].p == pytest.approx(expected.pvalue)
            assert made["b"].value == pytest.approx(
                float(values[column == "b"].mean() - values[other].mean())
            )


def test_in_a_balanced_factorial_they_are_fixed_effects(published):
    """The synthetic decision logits: group mean differences are the mixed model's coefficients."""
    rows = published("discrim_synthetic.csv")
    data = table(
        rows["logit"], of=("logit",),
        age=rows["age"], gender=rows["gender"], race=rows["race"], item=rows["question"],
    )  # fmt: skip
    race = LevelDifferences(
        between="race", reference="white", paired_by=("item", "age", "gender"), cluster="item"
    )
    gender = LevelDifferences(between="gender", reference="male", paired_by=("item", "age", "race"))
    found = by_level(race, data, "race") | by_level(gender, data, "gender")
    expected = {
        "Asian": 0.38175, "Black": 1.15302, "Hispanic": 0.51024, "Native American": 0.86821,
        "female": 0.38785, "non-binary": 0.55291,
    }  # fmt: skip
    assert {name: round(one.value, 5) for name, one in found.items()} == expected
    pooled = np.where(rows["age"] < 60, "younger", np.where(rows["age"] > 60, "older", "sixty"))
    ages = table(
        rows["logit"], band=pooled, gender=rows["gender"], race=rows["race"], item=rows["question"]
    )
    by_age = by_level(
        LevelDifferences(
            between="band", reference="sixty", paired_by=("item", "gender", "race"), cluster="item"
        ),
        ages,
        "band",
    )
    assert by_age["younger"].value == pytest.approx(0.273461, abs=1e-6)
    assert by_age["older"].value == pytest.approx(-0.201323, abs=1e-6)


def test_relative_differences():
    """The share of the reference's mean; the interval is near that of a bootstrap over pairs."""
    generator = rng(4)
    base = generator.normal(10, 1, 400)
    data = table(
        np.concatenate([base, 0.8 * base + generator.normal(0, 1, 400)]),
        item=np.tile(np.arange(400), 2),
        level=np.repeat(["a", "b"], 400),
    )
    (found,) = LevelDifferences(
        between="level", reference="a", paired_by=("item",), relative=True
    ).estimate(data, rng())
    first, second = data.values[400:], data.values[:400]
    assert found.effect == "relative-difference"
    assert found.effect_value == pytest.approx(float(first.mean() / second.mean() - 1))
    picks = generator.integers(0, 400, (4000, 400))
    drawn = first[picks].mean(axis=1) / second[picks].mean(axis=1) - 1
    assert (found.effect_low, found.effect_high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=2e-3
    )


def test_nothing_is_relative_to_a_mean_of_nothing():
    """A reference whose mean is not above 0 leaves the difference and takes the share away."""
    data = table([0, 0, 0, 1.0, 2.0, 3.0], item=[1, 2, 3] * 2, level=list("aaabbb"))
    (found,) = LevelDifferences(
        between="level", reference="a", paired_by=("item",), relative=True
    ).estimate(data, rng())
    assert (found.value, found.effect_value) == (2.0, None)
    assert found.note == "the mean of 'a' is 0: nothing is relative to it"


def outcomes(cells):
    """0/1 answers under control and treatment with these four counts."""
    (both, only_control), (only_treatment, neither) = cells
    control = [1] * (both + only_control) + [0] * (only_treatment + neither)
    treatment = [1] * both + [0] * only_control + [1] * only_treatment + [0] * neither
    count = len(control)
    return table(
        control + treatment,
        item=np.tile(np.arange(count), 2),
        persona=np.repeat(["human", "x"], count),
    )


@pytest.mark.parametrize(
    ("cells", "form", "p"),
    [
        ([[40, 3], [12, 5]], "exact", 0.03515625),
        ([[500, 60], [30, 410]], "chi-square", 0.00223662),
        ([[20, 30], [5, 45]], "exact", 2.23615e-5),
    ],
)
def test_published_fixtures_of_mcnemars_test(cells, form, p):
    """Exact where one of the four counts is small, the concordant ones among them."""
    data = outcomes(cells)
    found = one(McNemar(between="persona", levels=("x", "human"), form="by-size"), data)
    assert found.p == pytest.approx(p, rel=2e-5)
    assert f", {form}," in found.method
    (same,) = LevelDifferences(
        between="persona", reference="human", paired_by=("item",), test="mcnemar"
    ).estimate(data, rng())
    assert (same.value, same.p) == (found.value, found.p)
    assert found.p == pytest.approx(mcnemar(cells, exact=form == "exact").pvalue)
    if form == "chi-square":
        assert found.test_value == pytest.approx(9.344444, abs=1e-6)


def test_a_level_without_pairs_says_so():
    """The others stand; its row says what is missing."""
    data = table([1.0, 2.0, 2.5, 5.0, 9.0], item=[1, 2, 1, 2, 7], level=list("aabbc"))
    made = by_level(
        LevelDifferences(between="level", reference="a", paired_by=("item",)), data, "level"
    )
    assert made["b"].value == pytest.approx(2.25)
    assert made["c"].value is None
    assert made["c"].note == (
        "no estimate: a paired t test needs at least 2 pairs, and 0 of 3 units of 'item' have a "
        "value at both 'c' and 'a'"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"test": "mcnemar", "reference": "a"},
            "test = 'mcnemar' is of pairs: name their columns in 'paired_by'",
        ),
        (
            {"relative": True, "reference": "a"},
            "'relative' is for paired data: name the columns in 'paired_by'",
        ),
        (
            {"paired_by": ("item",)},
            "pairs need a level to be paired with: name it in 'reference'",
        ),
    ],
)
def test_options_that_do_not_go_together(options, message):
    """Each is refused in a sentence."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        LevelDifferences(between="level", **options)
    assert str(refused.value) == message


def test_refusals():
    """An unknown reference, one level, infinite and missing values: a sentence each."""
    data = table([1.0, 2.0, 3.0], level=list("abc"))
    assert refusal(LevelDifferences(between="level", reference="z"), data) == (
        "'level' has no level 'z' here; there are: a, b, c"
    )
    assert refusal(LevelDifferences(between="level"), table([1.0, 2.0], level=list("aa"))) == (
        "a comparison of levels needs at least 2 levels of 'level', found 'a'"
    )
    assert refusal(LevelDifferences(between="level"), table([math.inf, 1.0], level=list("ab"))) == (
        "score 'x' has 1 infinite value among 2; a comparison of levels needs finite numbers"
    )
    nothing = table([math.nan, math.nan], level=list("ab"))
    assert refusal(LevelDifferences(between="level"), nothing) == "all 2 values of 'x' are missing"


def test_swapping_reference_and_level_turns_the_sign():
    """With two levels the difference is antisymmetric and p the same."""
    data = crossed(3, levels=("a", "b"))
    (forth,) = LevelDifferences(between="level", reference="a", paired_by=("item",)).estimate(
        data, rng()
    )
    (back,) = LevelDifferences(between="level", reference="b", paired_by=("item",)).estimate(
        data, rng()
    )
    assert back.value == pytest.approx(-forth.value)
    assert back.p == pytest.approx(forth.p)


def test_truth_is_the_difference_of_expected_scores():
    """By level, paired and not."""
    data = table([0.5, 0.8, 0.5, 0.8], item=[1, 1, 2, 2], level=list("abab"))
    for paired_by in ((), ("item",)):
        statistic = LevelDifferences(between="level", reference="a", paired_by=paired_by)
        assert statistic.truth(data) == pytest.approx({("b",): 0.3})
        assert statistic.contrast({"level": "b"}) == 0.5
        assert statistic.contrast({"level": "a"}) == -0.5
        assert statistic.contrast({}) == 0.0


# -- share of significant differences ------------------------------------------------------------


def areas(drops, items=40, areas_=3, seed=0):
    """0/1 scores of a human and of personas that fall by so much in so many areas."""
    generator = rng(seed)
    rows = {"x": [], "item": [], "area": [], "persona": []}
    for area in range(areas_):
        for item in range(items):
            base = generator.random() < 0.8
            for persona, drop in {"human": 0.0, **drops}.items():
                is_hit = base and not (area < drop and generator.random() < 0.6)
                rows["x"].append(float(is_hit))
                rows["item"].append(f"{area}-{item}")
                rows["area"].append(area)
                rows["persona"].append(persona)
    return table(rows["x"], item=rows["item"], area=rows["area"], persona=rows["persona"])


def test_shares_of_areas_and_of_levels():
    """A persona that falls in two of three areas has two thirds; one that never does has none."""
    statistic = SignificantShare(between="persona", reference="human", within="area")
    made = by_level(statistic, areas({"much": 2, "never": 0}), "persona")
    assert made["much"].quantity == "share-of-area"
    assert made["much"].value == pytest.approx(2 / 3)
    assert made["much"].detail == {"where": ["0", "1"]}
    assert made["never"].value == 0.0
    assert (made["any"].quantity, made["any"].value) == ("share-of-persona", 0.5)
    assert made["any"].detail == {"which": ["much"]}
    assert "over 6 tests" in made["any"].method


def test_the_direction_counts_and_so_does_the_correction():
    """What falls does not rise; without a correction nothing is lost, with Holm's nothing is gained."""
    data = areas({"much": 2})
    above = SignificantShare(between="persona", reference="human", within="area", direction="above")
    assert by_level(above, data, "persona")["much"].value == 0.0
    shares = [
        by_level(
            SignificantShare(between="persona", reference="human", within="area", adjust=adjust),
            areas({"much": 2, "some": 1}, items=15, seed=5),
            "persona",
        )["much"].value
        for adjust in ("none", "benjamini-hochberg", "holm")
    ]
    assert shares == sorted(shares, reverse=True)


def test_scores_that_are_not_binary_are_tested_by_t():
    """The paired t test is used, and finds a constant shift with noise."""
    data = crossed(1, items=60, shift=2.0)
    labels = {**data.labels, "area": np.repeat("all", len(data))}
    data = gnomon.Table(scores=data.scores, statuses=data.statuses, labels=labels, of=data.of)
    statistic = SignificantShare(between="level", reference="a", within="area", direction="above")
    made = by_level(statistic, data, "level")
    assert (made["b"].value, made["c"].value) == (1.0, 0.0)
    direct = TPaired(between="level", levels=("b", "a")).estimate(data, rng()).value
    assert direct > 1.5


def test_under_the_null_hardly_any_level_has_a_significant_area():
    """The family-wise rate with Holm's correction stays below .05 plus three standard errors."""
    statistic = SignificantShare(between="persona", reference="human", within="area", adjust="holm")
    hits = [by_level(statistic, null(seed), "persona")["any"].value > 0 for seed in range(200)]
    assert np.mean(hits) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def null(seed):
    generator = rng(seed)
    item = np.repeat(np.arange(60), 3)
    return table(
        (generator.random(180) < 0.7).astype(float),
        item=item,
        area=item // 30,
        persona=np.tile(["human", "p", "q"], 60),
    )


def test_every_estimate_of_a_statistic_by_quantity_is_documented():
    """The example of each docstring uses the statistic's name and every option is explained."""
    for cls in (LevelDifferences, SignificantShare):
        assert f'use = "{cls.name}"' in cls.__doc__
    assert many(
        SignificantShare(between="persona", reference="human", within="area"), areas({"much": 2})
    ).keys() == {"share-of-area", "share-of-persona"}
