"""The table of scores: rows are never dropped in silence, groups keep every row once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import StatisticError, Table


def table(values, statuses=None, of=("s",), **labels) -> Table:
    values = np.asarray(values, dtype=float)
    found = np.where(np.isnan(values), "unparsed", "ok") if statuses is None else statuses
    return Table(
        scores={"s": values},
        statuses={"s": np.asarray(found)},
        labels={name: np.asarray(column) for name, column in labels.items()},
        of=of,
    )


rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", ""]), st.floats(-5, 5)),
    min_size=1,
    max_size=40,
)


@given(rows=rows)
def test_groups_keep_every_row_once_in_order_of_appearance(rows) -> None:
    """Grouping agrees with doing it by hand, row for row."""
    first, second, values = zip(*rows, strict=True)
    made = table(values, item=first, half=second)
    expected: dict[tuple[str, str], list[float]] = {}
    for a, b, value in rows:
        expected.setdefault((a, b), []).append(value)
    found = {
        (labels["item"], labels["half"]): list(part.values)
        for labels, part in made.groups(["item", "half"])
    }
    assert found == expected
    assert list(found) == list(expected)


def test_no_columns_is_one_group() -> None:
    """Without ``by`` the whole table is the group, with no labels."""
    made = table([1, 2], item=["a", "b"])
    assert [(dict(labels), len(part)) for labels, part in made.groups([])] == [({}, 2)]


def test_many_columns_do_not_run_together() -> None:
    """Forty columns of four values have more combinations than 64 bits; the first still counts."""
    columns = {f"c{n}": ["a", "b", "c", "d", "a"] for n in range(40)}
    made = table(np.arange(5), first=["x", "x", "x", "x", "y"], **columns)
    groups = [(labels["first"], list(part.values)) for labels, part in made.groups(["first", *columns])]  # fmt: skip
    assert groups == [("x", [0]), ("x", [1]), ("x", [2]), ("x", [3]), ("y", [4])]


def test_missing_rows_stay_until_asked_otherwise() -> None:
    """``values`` keeps NaN; ``complete`` drops the row from every column."""
    made = table([1.0, np.nan, 3.0], item=["a", "b", "c"])
    assert np.isnan(made.values[1])
    kept = made.complete()
    assert list(kept.values) == [1.0, 3.0]
    assert list(kept.label("item")) == ["a", "c"]
    assert list(kept.statuses["s"]) == ["ok", "ok"]


def test_rows_may_repeat() -> None:
    """Positions may occur twice, as in a bootstrap."""
    made = table([1.0, 2.0], item=["a", "b"]).rows(np.array([1, 1, 0]))
    assert list(made.values) == [2.0, 2.0, 1.0]
    assert list(made.label("item")) == ["b", "b", "a"]


def test_counts_tell_the_first_failure_of_each_row() -> None:
    """A row counts once; the first score asked for that is not ok says how."""
    made = Table(
        scores={"s": np.array([1, np.nan, np.nan]), "t": np.array([1, np.nan, 1])},
        statuses={
            "s": np.array(["ok", "refused", "error"]),
            "t": np.array(["ok", "unparsed", "ok"]),
        },
        labels={"item": np.array(["a", "b", "c"])},
        of=("s", "t"),
    )
    assert made.counts() == {"ok": 1, "refused": 1, "error": 1}
    assert len(made.complete()) == 1


def test_an_empty_table_has_no_groups() -> None:
    """Nothing in, nothing out, and no error."""
    made = table([], item=np.array([], dtype=str))
    assert len(made) == 0
    assert list(made.groups(["item"])) == []
    assert made.counts() == {}


def test_unknown_columns_name_the_nearest() -> None:
    """Scores and labels alike."""
    made = table([1.0], item=["a"])
    with pytest.raises(StatisticError) as caught:
        made.score("ss")
    assert str(caught.value) == "there is no score 'ss' (did you mean 's'?); there are: s"
    with pytest.raises(StatisticError) as caught:
        list(made.groups(["itme"]))
    assert str(caught.value) == "there is no column 'itme' (did you mean 'item'?); there are: item"
