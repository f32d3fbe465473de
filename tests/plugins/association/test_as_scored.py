"""``as-scored`` puts a scorer's own test into the table of results, one unit at a time."""

import numpy as np
import pytest

from gnomon import StatisticError, Table
from gnomon_plugins.statistics.as_scored import AsScored


def table(*rows, status="ok"):
    columns = np.array(rows, dtype=float).T
    names = ("weat", "weat.p", "weat.s", "weat.coverage")
    return Table(
        scores=dict(zip(names, columns, strict=True)),
        statuses={name: np.array([status] * len(rows)) for name in names},
        labels={"item": np.array([f"t{index}" for index in range(len(rows))])},
        of=names,
    )


STATISTIC = AsScored(quantity="d", p="weat.p", test="S", test_value="weat.s")


def test_one_row_becomes_one_estimate():
    """Value, p and test statistic are lifted as they are; further scores go into the detail."""
    made = STATISTIC.estimate(table((1.5, 1e-9, 2.2, 0.99)), np.random.default_rng(0))
    assert (made.quantity, made.value, made.p, made.test, made.test_value) == (
        "d",
        1.5,
        1e-9,
        "S",
        2.2,
    )
    assert made.log10_p == pytest.approx(-9)
    assert made.detail == {"weat.coverage": 0.99}


def test_p_of_nothing_has_no_logarithm():
    """A p of 0 (ties not counted) stays 0."""
    made = STATISTIC.estimate(table((1.5, 0.0, 2.2, 0.99)), np.random.default_rng(0))
    assert (made.p, made.log10_p) == (0.0, None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            table((1, 0.1, 1, 1), (2, 0.1, 1, 1)),
            "2 rows; 'as-scored' shows one unit at a time, so 'by' must single it out, such as "
            'by = ["item"]',
        ),
        (
            table((np.nan, np.nan, np.nan, np.nan), status="error"),
            "'weat' has the status 'error'; the view 'failures' says why",
        ),
    ],
    ids=["two rows", "missing"],
)
def test_refusals(data, message):
    """Several rows are not averaged, and a missing score is not a number."""
    with pytest.raises(StatisticError) as caught:
        STATISTIC.estimate(data, np.random.default_rng(0))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95.0}, "'level' lies between 0 and 1, such as 0.95; it is 95"),
        ({"low": "x.low"}, "'low' and 'high' go together"),
        ({"test": "S"}, "'test' and 'test_value' go together"),
    ],
)
def test_options_that_do_not_fit(options, message):
    """Half an interval and a name without a value are refused."""
    with pytest.raises(ValueError, match=r"together|between") as caught:
        AsScored(**options)
    assert str(caught.value) == message
