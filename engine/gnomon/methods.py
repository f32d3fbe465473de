"""Names of methods under a table of several estimates.

One invariant: what differs between the estimates is never left out; only counts are drawn together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_COUNT = re.compile(r"(?<![\d.])\d+(?!\.?\d)")
_GAP = "\x00"


def told(methods: Iterable[str]) -> list[str]:
    """Methods, each once; those that differ in counts alone become one, with the range of the count.

    >>> told(["clustered by item (9 clusters)", "clustered by item (4 clusters)"])
    ['clustered by item (4 to 9 clusters)']
    >>> told(["exact, 2 of 3", "exact, 2 of 3", "sampled"])
    ['exact, 2 of 3', 'sampled']
    """
    alike: dict[str, list[list[str]]] = {}
    for text in dict.fromkeys(methods):
        alike.setdefault(_COUNT.sub(_GAP, text), []).append(_COUNT.findall(text))
    return [_filled(form, counts) for form, counts in alike.items()]


def _filled(form: str, counts: list[list[str]]) -> str:
    out, *pieces = form.split(_GAP)
    for piece, column in zip(pieces, zip(*counts, strict=True), strict=True):
        low, high = min(column, key=int), max(column, key=int)
        out += (low if low == high else f"{low} to {high}") + piece
    return out
