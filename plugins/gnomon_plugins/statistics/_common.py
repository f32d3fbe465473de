"""What all statistics share: options, and the checks that come before any number.

One invariant: what passes these checks is finite, present and varied enough for the statistic that
asked; everything else is refused with a sentence that says what was found and what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

import gnomon

if TYPE_CHECKING:
    import numpy as np

SMALLEST_SD = 1e-12
"""Below this a spread is rounding noise, and dividing by it prints a t of a million billion."""
ROUNDING = 1e-14
"""The same for large values, as a share of the largest."""
LARGEST = 1e75
"""Beyond this, sums of fourth powers leave what a 64-bit number can hold."""


def between_0_and_1(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    """Validator: a level or a share."""
    if not 0 < value < 1:
        raise ValueError(f"{attribute.name} is {value:g}; it lies between 0 and 1, such as 0.95")


def at_least(least: float) -> Any:
    """Validator: a number with a lower bound."""

    def check(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
        if not value >= least:
            raise ValueError(f"{attribute.name} is {value:g}; it is at least {least:g}")

    return check


def two_different(_: object, attribute: attrs.Attribute[Any], value: Sequence[str] | None) -> None:
    """Validator: two different names, or none."""
    if value is not None and (len(value) != 2 or value[0] == value[1]):
        raise ValueError(f"{attribute.name} is {list(value)!r}; it names two different levels")


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "value"), plural(2, "value")
    ('1 value', '2 values')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def present(table: gnomon.Table, names: Sequence[str], *, need: int, what: str) -> gnomon.Table:
    """The rows in which all the scores named are present.

    Args:
        table: The rows.
        names: Scores.
        need: Fewest rows that the statistic can do with.
        what: The statistic in words, with its article: ``a one-sample t test``.

    Raises:
        StatisticError: A score is infinite or too large somewhere, all rows are missing, or too few
            are left.
    """
    import numpy as np

    if len(table) == 0:
        raise gnomon.StatisticError(
            f"{what} needs at least {plural(need, 'row')}, and there is none"
        )
    keep = np.ones(len(table), dtype=bool)
    for name in names:
        keep &= ~np.isnan(bounded(table.score(name), name, what=what))
    listed = " and ".join(repr(name) for name in names)
    n = int(keep.sum())
    if n == 0:
        raise gnomon.StatisticError(
            f"no row of {len(table)} has all of {listed}"
            if len(names) > 1
            else f"the only value of {listed} is missing"
            if len(table) == 1
            else f"all {len(table)} values of {listed} are missing"
        )
    if n < need:
        raise gnomon.StatisticError(
            f"{what} needs at least {plural(need, 'value')} of {listed}, and there "
            f"{'is' if n == 1 else 'are'} {n}"
        )
    return table if n == len(table) else table.rows(keep)


def bounded(values: np.ndarray, name: str, *, what: str) -> np.ndarray:
    """The values, of which none is infinite or too large to be squared twice; NaN may be among them.

    Raises:
        StatisticError: One is.
    """
    import numpy as np

    infinite = int(np.isinf(values).sum())
    if infinite:
        raise gnomon.StatisticError(
            f"score {name!r} has {plural(infinite, 'infinite value')} among {len(values)}; "
            f"{what} needs finite numbers"
        )
    # fmax passes over NaN, and says nothing where there is nothing else.
    largest = float(np.fmax.reduce(np.abs(values), initial=0.0))
    if largest > LARGEST:
        raise gnomon.StatisticError(
            f"score {name!r} has values as large as {largest:.3g}; {what} needs numbers of at most "
            f"{LARGEST:g}"
        )
    return values


def mean_of_present(table: gnomon.Table) -> float:
    """The mean of the first score over the rows that have it; NaN when none has."""
    import numpy as np

    values = table.values[~np.isnan(table.values)]
    return float(values.mean()) if len(values) else float("nan")


def varied(values: np.ndarray, name: str, *, what: str) -> float:
    """The standard deviation (divisor n − 1).

    Raises:
        StatisticError: It is below 1e-12, or no more than rounding noise of large values.
    """
    spread = float(values.std(ddof=1))
    if spread < max(SMALLEST_SD, ROUNDING * float(abs(values).max())):
        raise gnomon.StatisticError(
            f"all {plural(len(values), 'value')} of {name} are equal ({values[0]:.6g}); "
            f"{what} needs values that differ"
        )
    return spread


def clusters(table: gnomon.Table, column: str, *, need: int, what: str) -> tuple[np.ndarray, int]:
    """Cluster numbers of the rows, and how many clusters there are.

    Raises:
        StatisticError: There are fewer clusters than needed.
    """
    names, codes = table.coded(column)
    if len(names) < need:
        raise gnomon.StatisticError(
            f"{what} needs at least {plural(need, 'cluster')}, and all {plural(len(table), 'row')} "
            f"have the same {column!r} ({str(names[0])!r})"
            if len(names) == 1
            else f"{what} needs at least {plural(need, 'cluster')}, and {column!r} has {len(names)}"
        )
    return codes, len(names)


INDEPENDENT = "none"
"""What ``cluster`` says to take rows as independent, whatever the design has."""


@attrs.frozen(kw_only=True, eq=False)
class Units:
    """What the rows of a statistic belong to.

    Attributes:
        column: The cluster column; None when rows are independent.
        codes: The number of each row's cluster, of shape (rows,); None when rows are independent.
        count: Number of clusters; 0 when rows are independent.
        words: What the method says of it.
    """

    column: str | None = None
    codes: np.ndarray | None = None
    count: int = 0
    words: str


def units(table: gnomon.Table, cluster: str | None, *, need: int = 2, what: str) -> Units:
    """The clusters that a statistic was told, or those of the design.

    Without ``cluster`` rows are clustered by the first column of the table's design in which rows
    repeat. A column that is the same in all rows is what the statement is about (``by = ["item"]``),
    not a source of dependence.

    Args:
        table: The rows that count.
        cluster: A label column, ``none`` for independent rows, or None for the design's.
        need: Fewest clusters.
        what: The statistic in words, with its article.

    Raises:
        StatisticError: There are fewer clusters than needed, or no such column.
    """
    if cluster == INDEPENDENT:
        return Units(words="rows taken as independent")
    if cluster is not None:
        codes, count = clusters(table, cluster, need=need, what=f"{what} clustered by {cluster!r}")
        words = f"clustered by {cluster} ({plural(count, 'cluster')})"
        return Units(column=cluster, codes=codes, count=count, words=words)
    within = ""
    for column in table.design:
        if column not in table.labels:
            continue
        names, codes = table.coded(column)
        count = len(names)
        if count == 1 < len(table):
            within = f" within one {column}"
        if count in (1, len(table)):
            continue
        if count < need:
            raise gnomon.StatisticError(
                f"{what} needs at least {plural(need, 'cluster')}, and the design's {column!r} has "
                f"{count}; cluster = 'none' takes rows as independent"
            )
        words = f"clustered by {column} ({plural(count, 'cluster')}, by design)"
        return Units(column=column, codes=codes, count=count, words=words)
    return Units(words=f"rows independent{within}")


def only_independent(table: gnomon.Table, cluster: str | None, *, what: str, instead: str) -> str:
    """What a method says of its unit where the method knows none but independent rows.

    Raises:
        StatisticError: Rows repeat within the design's clusters.
    """
    found = units(table, cluster, need=1, what=what)
    if found.column is not None:
        raise gnomon.StatisticError(
            f"{what} is for independent rows, and {plural(len(table), 'row')} are of "
            f"{plural(found.count, 'cluster')} of {found.column!r}; use {instead}, or set "
            "cluster = 'none' to take rows as independent"
        )
    return found.words


def independent_or_none(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    """Validator: the only cluster that can be told is that there is none."""
    if value not in (None, INDEPENDENT):
        raise ValueError(f"{attribute.name} is {value!r}; it can only be 'none'")


def finite(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    """Validator: a number that is neither infinite nor NaN."""
    if not math.isfinite(value):
        raise ValueError(f"{attribute.name} is {value}; it is a finite number")


def binary(values: np.ndarray, name: str, *, what: str) -> np.ndarray:
    """The values, which are all 0 or 1.

    Raises:
        StatisticError: One is not.
    """
    import numpy as np

    other = values[~np.isin(values, (0.0, 1.0))]
    if len(other):
        raise gnomon.StatisticError(
            f"{what} needs values of 0 and 1, and {len(other)} of {name} "
            f"{'is' if len(other) == 1 else 'are'} not, such as {other[0]:.6g}"
        )
    return values


def positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    """Validator: a finite number above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"{attribute.name} is {value:g}; it is above 0")
