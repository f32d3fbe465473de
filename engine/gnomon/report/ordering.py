"""In which order groups are drawn, how many of them, and what stands beside each.

One invariant: what is left out is said, and the table beside a figure has every group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from gnomon.report.wording import finite, group, short, values_of, whole

MOST_GROUPS = 40
"""Most lines of a forest plot, and most rows of a heat map; the table below has them all."""
MOST_CROSSED = 72
"""The same where groups have several columns, and so an order in which to look them up."""

Row = Mapping[str, Any]


def ordered(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """Rows by the mean estimate of their group, greatest first; and what was left out, in words.

    Groups of several columns stay together by the first, within these by the second, and so on, so that
    what is compared stands side by side; where some are left out, all are in one order.
    """
    held: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        if finite(row["value"]):
            place = _place(row)
            for length in range(1, len(place) + 1):
                held.setdefault(place[:length], []).append(row["value"])
    deepest = max(map(len, held), default=0)
    means = {place: sum(values) / len(values) for place, values in held.items()}
    names = [place for place in means if len(place) == deepest]
    left_out = ""
    if len(names) > (MOST_GROUPS if deepest < 2 else MOST_CROSSED):
        half = MOST_GROUPS // 2
        left_out = (
            f"Of {whole(len(names))} groups the {half} greatest and the {half} least are drawn; "
            "the table has them all. "
        )
        names.sort(key=lambda place: (-means[place], place))
        names = names[:half] + names[-half:]
    else:
        names.sort(
            key=lambda place: [
                (-means[place[:length]], place[:length]) for length in range(1, deepest + 1)
            ]
        )
    places = {name: at for at, name in enumerate(names)}
    kept = [
        (places[place], row["run"], row)
        for row in rows
        if finite(row["value"]) and (place := _place(row)) in places
    ]
    return [row for _, _, row in sorted(kept, key=lambda one: one[:2])], left_out


def beside(rows: Sequence[Row]) -> dict[str, str]:
    """What stands beside the lines of groups: what a line shares with the one above is not said again."""
    out: dict[str, str] = {}
    above: list[str] = []
    for row in rows:
        name, values = group(row["columns"]), values_of(row["columns"])
        if name in out:
            continue
        pairs = zip(values[:-1], above, strict=False)
        shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        start = " · ".join(values[shared:-1])
        last = short(values[-1], 40) if values else name
        out[name] = f"{short(start, 44)} · {last}" if start else last
        above = values
    return out


def _place(row: Row) -> tuple[str, ...]:
    return tuple(values_of(row["columns"])) or ("all",)
