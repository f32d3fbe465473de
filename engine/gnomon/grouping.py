"""Groups of rows in a sentence: by name where they are few, by what they share where they are many.

One invariant: what is said is true of all groups that are meant and of no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SHORT = 60
"""Characters of names that need no summary."""


def shared(
    names: Sequence[str], chosen: Sequence[Mapping[str, str]], among: Sequence[Mapping[str, str]]
) -> str | None:
    """What some groups have in common that the others have not; None where their names say it as well.

    Args:
        names: What the groups that are meant are called.
        chosen: Their columns with their values.
        among: The columns of all groups, in the same order.

    >>> east, west = {"side": "east", "tone": "plain"}, {"side": "west", "tone": "plain"}
    >>> shared(["a" * 40, "b" * 40], [east, west], [east, west, {"side": "west", "tone": "rude"}])
    'all 2 groups of tone plain'
    """
    if len(names) < 2 or len(", ".join(names)) <= SHORT:
        return None
    if len(chosen) == len(among):
        return f"all {len(names)} groups"
    for column, level in chosen[0].items():
        alike = [one for one in among if one.get(column) == level]
        if alike == list(chosen):
            return f"all {len(names)} groups of {column} {level}"
    return None
