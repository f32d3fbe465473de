"""The unit of independence: told, or that of the design, or none; and always said."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from tables import many, one, refusal, rng, table

import gnomon
from gnomon_plugins.statistics import register_statistics
from gnomon_plugins.statistics.anova import Anova
from gnomon_plugins.statistics.contingency import ChiSquare, FisherExact
from gnomon_plugins.statistics.means import Mean
from gnomon_plugins.statistics.rank_sums import MannWhitney
from gnomon_plugins.statistics.regression import LinearRegression
from gnomon_plugins.statistics.signed_ranks import Wilcoxon
from gnomon_plugins.statistics.t_tests import TOneSample, TPaired, TWelch

STATISTICS = {cls.name: cls for cls in register_statistics()}
ITEMS = 12
REPEATS = 4

NEEDS = {
    "anova": {"between": "g"},
    "anova-two-way": {"factors": ("g", "h")},
    "kruskal": {"between": "g"},
    "mann-whitney": {"between": "g", "levels": ("a", "b")},
    "t-welch": {"between": "g", "levels": ("a", "b")},
    "t-paired": {"between": "g", "levels": ("a", "b"), "paired_by": ("item", "repeat")},
    "mcnemar": {"between": "g", "levels": ("a", "b"), "paired_by": ("item", "repeat")},
    "test-retest": {"between": "g", "levels": ("a", "b"), "paired_by": ("item", "repeat")},
    "level-differences": {
        "between": "g",
        "reference": "a",
        "paired_by": ("item", "repeat"),
    },
    "chi-square": {"between": "g"},
    "g-test": {"between": "g"},
    "partial-correlation": {"with_factors": ("g",)},
    "semipartial-correlation": {"with_factors": ("g",)},
    "equivalence": {"bounds": (-1.0, 1.0)},
    "bootstrap": {"resamples": 100},
    "krippendorff-alpha": {"resamples": 100},
    "mcdonald-omega": {"resamples": 100},
}
"""Options without which a statistic has nothing to do with the table below."""
TWO = {
    "pearson",
    "spearman",
    "kendall",
    "partial-correlation",
    "semipartial-correlation",
    "linear-regression",
    "logistic-regression",
    "regression-discontinuity",
    "cohen-kappa",
}
"""Statistics of two scores."""
SEVERAL = {
    "compositional-partial-correlation",
    "icc",
    "krippendorff-alpha",
    "fleiss-kappa",
    "cronbach-alpha",
    "mcdonald-omega",
    "split-half",
}
"""Statistics of four scores."""
COUNTS = {"binomial", "mcnemar", "proportion", "chi-square", "g-test", "logistic-regression"}
"""Statistics of 0 and 1."""
RATINGS = {"cohen-kappa", "fleiss-kappa", "krippendorff-alpha"}
UNITS_OF_THEIR_OWN = {
    "as-scored": "it computes nothing, and shows one row at a time",
    "confidence-sequence": "its observations are whole repeats ('unit'), over all items",
    "design-effects": "the item is its unit by definition ('item')",
    "fisher-exact": "conditioning on the margins has no clustered form; it refuses",
    "mixed-linear": "the dependence is in the model ('group')",
    "mixed-logistic": "the dependence is in the model ('group')",
    "pairwise-order": "its units are comparisons of two sides, each made once",
    "shapley": "its units are the subsets of parts, which the design makes ('over')",
    "significant-share": "it counts tests; 'cluster' is theirs",
    "total-variation": "its units are the items, within which levels are exchanged ('unit')",
    "weighted-total": "the items are what they are; its interval is within them ('unit')",
    "run-difference": "it is always clustered ('cluster'), by the item unless the design has another",
}
"""Statistics without a ``cluster`` that can be any column, and why."""
CLUSTERED = sorted(set(STATISTICS) - set(UNITS_OF_THEIR_OWN))


def data(name: str, seed: int = 0) -> gnomon.Table:
    """Twelve items four times under three groups, which share something within an item."""
    generator = rng(seed)
    item = np.repeat(np.arange(ITEMS), REPEATS * 3)
    g = np.tile(["a", "b", "c"], ITEMS * REPEATS)
    repeat = np.tile(np.repeat(np.arange(REPEATS), 3), ITEMS)
    shared = generator.normal(size=(ITEMS, 4))[item]
    columns = shared + generator.normal(size=shared.shape) + 0.5 * shared[:, :1]
    count = 4 if name in SEVERAL else 2 if name in TWO else 1
    if name in COUNTS:
        columns[:, 0] = columns[:, 0] > 0
    if name in RATINGS:
        columns = np.round(columns.clip(-1, 1))
    if name == "compositional-partial-correlation":
        columns = np.exp(columns)
    return table(*columns[:, :count].T, item=item, g=g, repeat=repeat, h=(item + repeat) % 2)


def made_by(name: str, **options: object) -> list[gnomon.Estimate]:
    statistic = STATISTICS[name](**NEEDS.get(name, {}), **options)
    return list(many(statistic, data(name)).values())


@pytest.mark.parametrize("name", sorted(STATISTICS))
def test_every_statistic_takes_a_cluster_or_says_why_not(name):
    """``cluster`` is an option, documented with its default; the rest is listed with a reason."""
    options = {field.name for field in attrs.fields(STATISTICS[name])}
    if name in UNITS_OF_THEIR_OWN:
        return
    assert "cluster" in options
    text = " ".join(STATISTICS[name].__doc__.split("cluster:")[1].split())
    assert "the design's unless given, ``none``" in text


@pytest.mark.parametrize("name", CLUSTERED)
def test_the_default_is_the_design_and_is_said(name):
    """Unset: clusters of the design. The same as told; ``none``: other errors. Each is in the method."""
    default, told, none = (
        made_by(name, **options) for options in ({}, {"cluster": "item"}, {"cluster": "none"})
    )
    for one_, same, apart in zip(default, told, none, strict=True):
        assert "clustered by item (12 clusters, by design)" in one_.method
        assert "clustered by item (12 clusters)" in same.method
        assert "rows taken as independent" in apart.method
        for field in ("value", "low", "high", "p", "df"):
            assert getattr(one_, field) == pytest.approx(getattr(same, field)), field
    assert any(
        (a.value, a.low, a.high, a.p) != pytest.approx((b.value, b.low, b.high, b.p))
        for a, b in zip(default, none, strict=True)
    )


@pytest.mark.parametrize("name", CLUSTERED)
def test_one_row_an_item_is_independent(name):
    """Where nothing repeats, the default is the test for independent rows."""
    whole = data(name)
    whole = attrs.evolve(whole, labels={**whole.labels, "item": np.arange(len(whole)).astype(str)})
    options = {k: v for k, v in NEEDS.get(name, {}).items() if k != "paired_by"}
    if "between" in options and name in ("t-paired", "mcnemar", "test-retest", "level-differences"):
        whole = attrs.evolve(
            whole,
            labels={**whole.labels, "who": data(name).labels["item"] + whole.labels["repeat"]},
        )
        options["paired_by"] = ("who",)
    statistic = STATISTICS[name]
    default, none = (
        list(many(statistic(**options, **more), whole).values())
        for more in ({}, {"cluster": "none"})
    )
    for one_, same in zip(default, none, strict=True):
        assert "rows independent" in one_.method
        assert (one_.value, one_.low, one_.p) == pytest.approx((same.value, same.low, same.p))


def test_rows_of_one_item_are_independent_given_the_item():
    """``by = ["item"]`` makes statements about that item, and says so."""
    made = one(TOneSample(), table([1, 2, 4], item=["a"] * 3))
    assert made.method.endswith("rows independent within one item")


def test_another_column_of_the_design():
    """``[design] cluster`` puts another column, or none, in the item's place."""
    rows = table([1, 2, 4, 9], item=list("abcd"), scene=list("ppqq"))
    scene = attrs.evolve(rows, design=("scene",))
    assert (
        one(Mean(), scene).method
        == "mean with t interval, clustered by scene (2 clusters, by design)"
    )
    apart = attrs.evolve(scene, labels={**rows.labels, "item": np.array(list("aabb"))}, design=())
    assert one(Mean(), apart).method == "mean with t interval, rows independent"


def test_two_scores_of_one_row_are_of_one_item():
    """A test of two samples that are two scores of the same rows is not one of independent samples."""
    x, y = rng(5).normal(size=(2, 20)) + rng(6).normal(size=20) * 3
    paired, welch = one(TPaired(), table(x, y)), one(TWelch(), table(x, y))
    assert welch.test_value == pytest.approx(paired.test_value)
    assert welch.df == paired.df
    assert one(MannWhitney(), table(x, y)).p != one(MannWhitney(cluster="none"), table(x, y)).p


REFUSED = {
    "one cluster": (
        Mean(cluster="g"),
        table([1, 2, 3], g=["p"] * 3),
        None,
    ),
    "fisher": (
        FisherExact(between="g"),
        table([0, 1, 1, 0], g=list("pqpq"), item=list("aabb")),
        "Fisher's exact test is for independent rows, and 4 rows are of 2 clusters of 'item'; use "
        "'chi-square', or set cluster = 'none' to take rows as independent",
    ),
    "pooled": (
        TWelch(between="g", equal_variances=True),
        table([0, 1, 1, 3], g=list("pqpq"), item=list("aabb")),
        "a pooled variance is for independent rows, and 4 rows are of 2 clusters of 'item'; leave out "
        "'equal_variances', or set cluster = 'none' to take rows as independent",
    ),
    "HC3": (
        LinearRegression(robust="HC3"),
        table([0, 1, 1, 3, 2, 5], [1, 2, 5, 3, 6, 6], item=list("aabbcc")),
        "HC3 errors are for independent rows, and these are of 3 clusters of 'item'; leave out "
        "'robust', or set cluster = 'none' to take rows as independent",
    ),
    "Yates": (
        ChiSquare(between="g", continuity=True),
        table([0, 1, 1, 0, 1, 1], g=list("pqpqpq"), item=list("aabbcc")),
        "Yates's correction is for independent rows; leave out 'continuity', or set cluster = 'none' to "
        "take rows as independent",
    ),
    "few for the groups": (
        Anova(between="g"),
        table([1, 2, 4, 3, 5, 9], g=list("pqrpqr"), item=list("aaabbb")),
        "an analysis of variance with 2 effects to test needs more than 2 clusters that differ, and "
        "'item' has 2",
    ),
    "all above": (
        MannWhitney(between="g"),
        table([5, 6, 1, 2], g=list("ppqq"), item=list("abab")),
        "every value of p is greater than every value of q, so there is no error for a Mann-Whitney "
        "test of clustered rows; use permutation",
    ),
    "cancelled": (
        Wilcoxon(),
        table([1, -1, 1, -1], item=list("aabb")),
        "the signed ranks of every cluster of 'item' cancel out, so there is no error for a "
        "signed-rank test",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    """What has no clustered form is refused rather than taken as independent without a word."""
    statistic, rows, sentence = REFUSED[case]
    if sentence is None:
        made = one(statistic, rows)
        assert (made.low, made.note) == (None, "one cluster of 'g' has no interval")
        return
    assert refusal(statistic, rows) == sentence


def test_fisher_takes_only_none():
    """There is no other cluster for it to be told."""
    with pytest.raises(ValueError, match=r"^cluster is 'item'; it can only be 'none'$"):
        FisherExact(between="g", cluster="item")
