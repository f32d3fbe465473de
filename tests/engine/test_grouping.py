"""What groups of rows have in common, in words that are true of them alone."""

from __future__ import annotations

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gnomon.cli.estimates import block_table
from gnomon.grouping import shared

ALL = [
    {"form": form, "tone": tone, "side": side}
    for form, tone, side in product(["told outright", "told by name"], ["plain", "rude"], "ab")
]


def names(groups: list[dict[str, str]]) -> list[str]:
    return [", ".join(group.values()) for group in groups]


def test_groups_are_told_by_what_they_share() -> None:
    """All of them, those of one level, and otherwise their names, which few groups keep."""
    assert shared(names(ALL), ALL, ALL) == "all 8 groups"
    plain = [group for group in ALL if group["tone"] == "plain"]
    assert shared(names(plain), plain, ALL) == "all 4 groups of tone plain"
    assert shared(names(ALL[:3]), ALL[:3], ALL) is None
    assert shared(["east", "west"], ALL[:2], ALL[:2]) is None
    assert shared(names(ALL[:1]), ALL[:1], ALL[:1]) is None


@given(st.lists(st.sampled_from(range(len(ALL))), unique=True, min_size=1).map(sorted))
def test_what_is_said_is_true_of_them_alone(places: list[int]) -> None:
    """Read back, a sentence names the very groups it was made of."""
    chosen = [ALL[place] for place in places]
    said = shared(names(chosen), chosen, ALL)
    if said is None:
        return
    found = re.fullmatch(r"all (\d) groups(?: of (\w+) (.+))?", said)
    assert found is not None
    count, column, level = found.groups()
    assert int(count) == len(chosen)
    assert chosen == [group for group in ALL if column is None or group[column] == level]


def row(columns: dict[str, str], note: str | None) -> dict[str, object]:
    """An estimate that could not be made."""
    empty = dict.fromkeys(
        [
            "value",
            "low",
            "high",
            "level",
            "p",
            "p_corrected",
            "effect",
            "effect_value",
            "n",
            "method",
            "family",
            "refused",
            "filtered",
            "truncated",
            "unparsed",
            "failed",
        ]
    )
    return {**empty, "quantity": "none", "columns": columns, "note": note, "counts": {"ok": 1}}


def test_a_note_on_many_rows_does_not_name_them_all() -> None:
    """All rows empty for one reason, or those of one level; single ones by name, and the rest counted."""
    every = block_table("t", "by", [row(group, "nothing there") for group in ALL])
    assert every.notes[0] == "all 8 groups: nothing there"
    some = [row(group, "nothing" if group["tone"] == "plain" else "too few") for group in ALL]
    assert block_table("t", "by", some).notes[:2] == (
        "all 4 groups of tone plain: nothing",
        "all 4 groups of tone rude: too few",
    )
    odd = [row(group, None if place in (2, 5) else "nothing") for place, group in enumerate(ALL)]
    assert block_table("t", "by", odd).notes[0] == (
        "told outright, plain, a; told outright, plain, b; told outright, rude, b; told by name, "
        "plain, a and 2 more groups: nothing"
    )
    few = [row({"side": side}, "nothing") for side in "ab"]
    assert block_table("t", "by", few).notes[0] == "a, b: nothing"
    assert block_table("t", "by", [row({"parent": ""}, "nothing")]).rows[0][0] == "(none)"
