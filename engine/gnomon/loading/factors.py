"""``[design]``: factors, their levels, and draws."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase
from typing import Any

from gnomon.errors import did_you_mean
from gnomon.loading.draft import COLUMNS, Draft, each_named, overlap
from gnomon.records import Item
from gnomon.spec import Draw
from gnomon.structure import KeyPath, found

MOST_CROSSED = 1_000_000
"""Conditions that a design may have; more are a slip, and would fill the memory before the first ask."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_DEEDS = ("pick", "sample", "shuffle", "arrange")
# Which further keys each deed of a draw takes.
_TAKES: Mapping[str, tuple[str, ...]] = {
    "pick": (),
    "sample": ("count", "join"),
    "shuffle": ("join",),
    "arrange": ("by", "into"),
}


def name_form(what: str, name: str) -> str:
    """The sentence for a name that a template could not have in a slot."""
    return (
        f"the {what} name {name!r} is not of letters, digits, '_' and '-', beginning with a "
        "letter or '_'"
    )


def check_design(draft: Draft) -> None:
    """Check the design on its own."""
    draft.check_least(draft.design.get("repeats"), 1, ("design", "repeats"))
    for key in ("factors", "balanced"):
        for name, factor in draft.design.get(key, {}).items():
            _check_factor(draft, name, factor, ("design", key, name))
    for name in draft.design.get("balanced", {}):
        if name in draft.design.get("factors", {}):
            message = f"the factor {name!r} is also in design.factors; keep one of them"
            draft.fault(("design", "balanced", name), message, key=True)
    crossed = math.prod(max(len(factor), 1) for factor in draft.design.get("factors", {}).values())
    if crossed > MOST_CROSSED:
        message = (
            f"crossed they make {crossed:,} conditions, each of which every item is asked under; at most "
            f"{MOST_CROSSED:,} are made (a factor under 'balanced' has one level a trial)"
        )
        draft.fault(("design", "factors"), message, key=True)
    made: list[tuple[str, KeyPath, Draw]] = []
    for path, draw in draft.draws():
        _check_draw(draft, draw, path)
        for place, name in _made_names(draw, path):
            _check_made_once(draft, name, place, draw, made)
            made.append((name, path, draw))


def _made_names(draw: Draw, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """What a draw puts into the fields of a trial, and where the names stand."""
    yield (*path, "name"), draw.name
    yield from each_named(draw.into, (*path, "into"))


def _check_made_once(
    draft: Draft, name: str, place: KeyPath, draw: Draw, made: Sequence[tuple[str, KeyPath, Draw]]
) -> None:
    for other_name, path, other in made:
        if other_name == name and overlap(other.only, draw.only, draft.factors):
            draft.fault(
                place, f"design.draw[{path[-1]}] already makes {name!r} for the same trials"
            )
            return


def _check_factor(draft: Draft, name: str, factor: Any, path: KeyPath) -> None:
    if name in COLUMNS:
        message = f"{name!r} is a column of every table; give the factor another name"
        draft.fault(path, message, key=True)
    elif not NAME.match(name):
        draft.fault(path, name_form("factor", name), key=True)
    if not factor and draft.is_sound(path):
        draft.fault(path, f"the factor {name!r} has no levels")
    seen: set[str] = set()
    is_table = isinstance(factor, Mapping)
    for index, level in enumerate(factor):
        place = (*path, level) if is_table else (*path, index)
        if level is None:
            continue
        if not level.strip():
            draft.fault(place, "expected the name of a level, found an empty string", key=True)
        elif level in seen:
            draft.fault(place, f"the level {level!r} is listed twice")
        seen.add(level)
    if is_table and draft.is_sound(path):
        _check_level_fields(draft, factor, path)


def _check_level_fields(draft: Draft, factor: Mapping[str, Any], path: KeyPath) -> None:
    first, *others = factor
    for field in factor[first]:
        if not NAME.match(field):
            draft.fault((*path, first, field), name_form("field", field), key=True)
    for level in others:
        for field in factor[first]:
            if field not in factor[level]:
                message = f"the level {level!r} lacks the field {field!r} of the level {first!r}"
                draft.fault((*path, level), message, key=True)
        for field in factor[level]:
            if field not in factor[first]:
                hint = did_you_mean(field, factor[first])
                message = f"the level {first!r} has no field {field!r}{hint}; all levels of a factor carry the same"
                draft.fault((*path, level, field), message, key=True)


def _check_draw(draft: Draft, draw: Draw, path: KeyPath) -> None:
    for place, name in _made_names(draw, path):
        if not NAME.match(name):
            draft.fault(place, name_form("draw", name))
    draft.check_only(draw.only, (*path, "only"))
    deeds = [deed for deed in _DEEDS if getattr(draw, deed) is not None]
    if len(deeds) != 1:
        message = f"expected exactly one of pick, sample, shuffle and arrange, found {' and '.join(deeds) or 'none'}"
        draft.fault(path, message)
        return
    deed = deeds[0]
    if not getattr(draw, deed):
        value = getattr(draw, deed)
        message = (
            f"expected the name of a field, found {found(list(value) if value == () else value)}"
        )
        draft.fault((*path, deed), message)
        return
    _check_further_keys(draft, draw, deed, path)
    if deed == "arrange":
        _check_arrangement(draft, draw, path)


def _check_further_keys(draft: Draft, draw: Draw, deed: str, path: KeyPath) -> None:
    written = draft.data["design"]["draw"][path[-1]]
    for key in ("count", "join", "by", "into"):
        if key in written and key not in _TAKES[deed]:
            takers = " or ".join(name for name in _DEEDS if key in _TAKES[name])
            draft.fault((*path, key), f"{key!r} goes with {takers}, not with {deed}", key=True)
    if deed == "sample":
        if draw.count is None:
            message = "missing key 'count': expected how many values to sample"
            draft.fault((*path, "count"), message)
        draft.check_least(draw.count, 1, (*path, "count"))


def _check_arrangement(draft: Draft, draw: Draw, path: KeyPath) -> None:
    assert draw.arrange is not None
    count = len(draw.arrange)
    if not 2 <= count <= len(ascii_lowercase):
        message = f"expected 2 to {len(ascii_lowercase)} names to arrange, found {count}"
        draft.fault((*path, "arrange"), message)
        return
    if len(draw.into) != count:
        draft.fault(
            (*path, "into"),
            f"expected as many names as 'arrange' has, {count}, found {len(draw.into)}",
        )
    if draw.by is None or not draft.check_factor(draw.by, (*path, "by")):
        return
    letters = ascii_lowercase[:count]
    levels = draft.factors[draw.by] or ()
    wrong = [level for level in levels if sorted(level) != sorted(letters)]
    if wrong:
        draft.fault(
            (*path, "by"),
            f"the levels of the factor {draw.by!r} must spell orders of the letters {letters!r}, "
            f"one for each name to arrange; {wrong[0]!r} does not",
        )


def check_names(draft: Draft, item: Item | None) -> None:
    """Check that no factor, and no field that a level carries, shares its name with anything."""
    fields: dict[str, str] = {}
    for name in () if item is None else (*item.groups, *item.fields):
        fields[name] = "a field of the items"
    for place, draw in draft.draws():
        for name in (draw.name, *draw.into):
            fields[name] = f"made by design.draw[{place[-1]}]"
    carried: dict[str, str] = {}
    for key in ("factors", "balanced"):
        for name, factor in draft.design.get(key, {}).items():
            path: KeyPath = ("design", key, name)
            if name in fields:
                draft.fault(path, f"the name {name!r} is also {fields[name]}; rename one", key=True)
            if isinstance(factor, Mapping) and factor:
                others = {other: "a factor" for other in draft.factors if other != name}
                _check_carried(draft, factor, path, {**fields, **others, **carried})
                carried.update(
                    (field, f"carried by the levels of the factor {name!r}")
                    for field in next(iter(factor.values()))
                )


def _check_carried(
    draft: Draft, factor: Mapping[str, Any], path: KeyPath, taken: Mapping[str, str]
) -> None:
    first = next(iter(factor))
    for field in factor[first]:
        if field in taken:
            draft.fault(
                (*path, first, field),
                f"the name {field!r} is also {taken[field]}; rename one",
                key=True,
            )
