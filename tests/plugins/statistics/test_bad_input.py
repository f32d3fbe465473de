"""What cannot be estimated is refused in words, by every statistic: never NaN without a word."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
from tables import rng
from test_dependence import NEEDS, SEVERAL, STATISTICS, TWO, data

import gnomon

OPTIONS = NEEDS | {
    "fisher-exact": {"between": "g", "levels": ("a", "b"), "cluster": "none"},
    "level-differences": {"between": "g"},
    "significant-share": {"between": "g", "reference": "a", "within": "h"},
    "total-variation": {"between": "h"},
    "confidence-sequence": {"lower": -100.0, "upper": 100.0},
    "design-effects": {"factors": ("g", "h")},
    "run-difference": {"between": "g", "levels": ("a", "b"), "paired_by": ("item", "repeat")},
    "mixed-linear": {"with_factors": ("g",)},
    "mixed-logistic": {"with_factors": ("g",)},
}
OF_THEIR_OWN = {
    "pairwise-order": "three scores of comparisons; tests/plugins/statistics/test_totals_and_distances.py "
    "and that of its measure",
    "shapley": "rows are subsets of a prompt's parts; tests/plugins/statistics/test_shapley.py",
}
"""Statistics of tables of another form, and where what they refuse is tested."""
NUMBERS = (
    "value",
    "low",
    "high",
    "error",
    "test_value",
    "df",
    "df2",
    "p",
    "log10_p",
    "effect_value",
    "effect_low",
    "effect_high",
)


def with_scores(table: gnomon.Table, change) -> gnomon.Table:
    """The same rows with other scores."""
    return attrs.evolve(
        table, scores={name: change(column.copy()) for name, column in table.scores.items()}
    )


def missing(column):
    column[:] = math.nan
    return column


def infinite(column):
    column[3] = math.inf
    return column


def enormous(column):
    column[3] = 1e150
    return column


def constant(column):
    column[:] = 1.0
    return column


def few(table: gnomon.Table, rows: int) -> gnomon.Table:
    return table.rows(np.arange(len(table)) < rows)


def separated(table: gnomon.Table) -> gnomon.Table:
    """The first score is 1 exactly where the second is above 0."""
    if len(table.scores) < 2:
        return table
    first, second = list(table.scores)[:2]
    scores = {**table.scores, first: (table.scores[second] > 0).astype(float)}
    return attrs.evolve(table, scores=scores)


def one_cluster(table: gnomon.Table) -> gnomon.Table:
    return attrs.evolve(table, labels={**table.labels, "item": np.array(["only"] * len(table))})


BAD = {
    "no rows": lambda table: few(table, 0),
    "one row": lambda table: few(table, 1),
    "two rows": lambda table: few(table, 2),
    "three rows": lambda table: few(table, 3),
    "all missing": lambda table: with_scores(table, missing),
    "an infinite value": lambda table: with_scores(table, infinite),
    "an enormous value": lambda table: with_scores(table, enormous),
    "constant": lambda table: with_scores(table, constant),
    "one item": one_cluster,
    "separated": separated,
}
MUST_REFUSE = {"no rows", "all missing", "an infinite value"}
CONSTANTS = {
    "mean",
    "proportion",
    "binomial",
    "as-scored",
    "confidence-sequence",
    "weighted-total",
    "sign",
    "wilcoxon",
    "total-variation",
}
"""Statistics that can say something of values that are all equal, and differ from what they are held against."""


def estimate(statistic, table):
    """What a statistic says, or why it says nothing."""
    try:
        return statistic.estimate(table, rng()), ""
    except gnomon.StatisticError as refused:
        return None, str(refused)


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", sorted(set(STATISTICS) - set(OF_THEIR_OWN)))
def test_no_number_without_a_word(name, case):
    """A refusal is a sentence; an estimate has finite numbers, and a note where the value is wanting."""
    statistic = STATISTICS[name](**OPTIONS.get(name, {}))
    table = BAD[case](data(name))
    made, reason = estimate(statistic, table)
    if made is None:
        assert len(reason.split()) > 4
        return
    # To a distance of distributions a missing score is an outcome like any other.
    assert case not in MUST_REFUSE or (name, case) == ("total-variation", "all missing"), made
    assert case != "constant" or name in CONSTANTS or not isinstance(made, gnomon.Estimate), made
    for one in [made] if isinstance(made, gnomon.Estimate) else list(made):
        for field in NUMBERS:
            value = getattr(one, field)
            assert value is None or math.isfinite(value), (one.quantity, field, value)
        assert one.value is not None or one.note, one


@pytest.mark.parametrize("name", ["logistic-regression", "mixed-logistic"])
def test_separation_is_said(name):
    """Perfectly separated outcomes have no maximum, and that is the reason given."""
    options = {} if name == "logistic-regression" else {"group": "item"}
    with pytest.raises(gnomon.StatisticError, match="separation"):
        STATISTICS[name](**options).estimate(separated(data("logistic-regression")), rng())


def test_the_lists_are_of_statistics():
    """No list above names what is not there."""
    assert {*OPTIONS, *OF_THEIR_OWN, *CONSTANTS, *TWO, *SEVERAL} <= set(STATISTICS)
