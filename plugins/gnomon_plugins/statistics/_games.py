"""Games read off a table of scores: every subset of the parts, or random orders of them.

One invariant: a subset's value is the mean over the cells that are averaged (such as the two orders of the
options), each with equal weight; a subset that lacks a score in one of them has no value, and what is said of
the game then says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

import gnomon
from gnomon_plugins._subsets import names_of
from gnomon_plugins.statistics._game_kinds import DrawnGame, ExactGame

if TYPE_CHECKING:
    import numpy as np

MOST_PARTS = 16
LEAST_PARTS = 2
LEAST_ORDERS = 2
MOST_LACKING = 0.5
"""Subsets that may lack a score. With more of them the nearest additive game says little of this one."""
ENDS = (
    "the subset of no part or that of all parts has no score, and a Shapley attribution needs both: it "
    "divides their difference"
)


@attrs.frozen
class _Cell:
    """One subset in one cell of ``over``: mean, variance of the mean, degrees of freedom."""

    mean: float
    variance: float
    df: int


def _cells(
    values: np.ndarray, keys: Sequence[tuple[str, str]], over: Sequence[tuple[str, ...]]
) -> dict[tuple[str, str], list[_Cell]]:
    """(order, subset) → its cells, in the order of the levels; only subsets that have them all."""
    grouped: dict[tuple[str, str], dict[tuple[str, ...], list[float]]] = {}
    for value, key, cell in zip(values.tolist(), keys, over, strict=True):
        if not math.isnan(value):
            grouped.setdefault(key, {}).setdefault(cell, []).append(value)
    levels = sorted(set(over))
    return {
        key: [_cell(cells[level]) for level in levels]
        for key, cells in grouped.items()
        if len(cells) == len(levels)
    }


def _cell(values: Sequence[float]) -> _Cell:
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return _Cell(mean, 0.0, 0)
    return _Cell(mean, math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n, n - 1)


def game_of(
    table: gnomon.Table, shown: str, permutation: str, over: Sequence[str], level: float
) -> ExactGame | DrawnGame:
    """The game in a table of scores, missing ones included.

    Raises:
        StatisticError: Too much is missing, or the rows are not those of one game.
    """
    labels = table.label(shown).tolist()
    numbered = permutation in table.labels
    numbers = table.labels[permutation].tolist() if numbered else [""] * len(labels)
    columns = [table.label(name).tolist() for name in over]
    cells = list(zip(*columns, strict=True)) if columns else [()] * len(labels)
    found = _cells(table.values, list(zip(numbers, labels, strict=True)), cells)
    parts = tuple(sorted(frozenset().union(*(names_of(label) for label in set(labels)))))
    if len(parts) < LEAST_PARTS:
        raise gnomon.StatisticError(
            f"the rows of {shown!r} show {'no part' if not parts else 'one part only'}, and a Shapley "
            f"attribution needs at least {LEAST_PARTS}"
        )
    if any(numbers):
        return _drawn(table.values, found, parts, level)
    return _exact(found, parts)


def _exact(found: Mapping[tuple[str, str], Sequence[_Cell]], parts: tuple[str, ...]) -> ExactGame:
    import numpy as np

    if len(parts) > MOST_PARTS:
        raise gnomon.StatisticError(
            f"{len(parts)} parts have {2 ** len(parts)} subsets; with more than {MOST_PARTS} parts use "
            "random orders"
        )
    size = 1 << len(parts)
    masks = [sum(1 << parts.index(name) for name in names_of(shown)) for _, shown in found]
    if 0 not in masks or size - 1 not in masks:
        raise gnomon.StatisticError(ENDS)
    if len(masks) < (1 - MOST_LACKING) * size:
        raise gnomon.StatisticError(
            f"{size - len(masks)} of the {size} subsets of {len(parts)} parts have no score, and a "
            f"Shapley attribution needs at least {1 - MOST_LACKING:.0%} of them"
        )
    order = np.argsort(masks)
    cells = [list(found.values())[index] for index in order]
    return ExactGame(
        parts=parts,
        masks=np.array(masks)[order],
        v=np.array([[cell.mean for cell in row] for row in cells]).mean(axis=1),
        variances=np.array([[cell.variance for cell in row] for row in cells]),
        df=np.array([[cell.df for cell in row] for row in cells]),
        rows=sum(cell.df + 1 for row in cells for cell in row),
    )


def _drawn(
    scores: np.ndarray,
    found: Mapping[tuple[str, str], Sequence[_Cell]],
    parts: tuple[str, ...],
    level: float,
) -> DrawnGame:
    import numpy as np

    means = {key: math.fsum(cell.mean for cell in row) / len(row) for key, row in found.items()}
    ends = {names_of(shown): mean for (number, shown), mean in means.items() if not number}
    nobody, everybody = ends.get(frozenset()), ends.get(frozenset(parts))
    if nobody is None or everybody is None:
        raise gnomon.StatisticError(ENDS)
    orders: dict[str, dict[frozenset[str], float]] = {}
    for (number, shown), mean in means.items():
        if number:
            orders.setdefault(number, {})[names_of(shown)] = mean
    whole = [order for order in orders.values() if len(order) == len(parts) - 1]
    if len(whole) < LEAST_ORDERS:
        raise gnomon.StatisticError(
            f"{len(whole)} of {len(orders)} random orders have a score for all of their subsets, and a "
            f"Shapley attribution needs at least {LEAST_ORDERS}"
        )
    values = scores[~np.isnan(scores)]
    return DrawnGame(
        parts=parts,
        added=np.array([_joining(order, parts, nobody, everybody) for order in whole]),
        ends=(nobody, everybody),
        bounded=bool((values >= 0).all() and (values <= 1).all()),
        rows=sum(cell.df + 1 for row in found.values() for cell in row),
        level=level,
        lacking=len(orders) - len(whole),
    )


def _joining(
    order: Mapping[frozenset[str], float], parts: Sequence[str], nobody: float, everybody: float
) -> list[float]:
    added = dict.fromkeys(parts, 0.0)
    before, value = frozenset[str](), nobody
    for now, reached in [
        *sorted(order.items(), key=lambda one: len(one[0])),
        (frozenset(parts), everybody),
    ]:
        new = now - before
        if len(new) != 1 or len(now) != len(before) + 1:
            raise gnomon.StatisticError(
                "the subsets of a random order do not grow by one part at a time; 'permutation' must "
                "number the orders in which the parts joined"
            )
        added[next(iter(new))] = reached - value
        before, value = now, reached
    return list(added.values())
