"""How a subset of named parts is spelled in one label, such as ``price+time``.

One invariant: reading what was spelled gives the parts back.
"""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "-"
"""What stands for no part at all."""
JOIN = "+"


def spelled(names: Sequence[str]) -> str:
    """The label of a subset; the parts in the order given.

    >>> spelled(["price", "time"]), spelled([])
    ('price+time', '-')
    """
    return JOIN.join(names) or NOTHING


def names_of(label: str) -> frozenset[str]:
    """The parts that a label names."""
    return frozenset() if label == NOTHING else frozenset(label.split(JOIN))
