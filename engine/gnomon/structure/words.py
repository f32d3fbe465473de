"""What a type wants and what a value is, in words a person who writes TOML knows."""

from __future__ import annotations

import datetime as dt
import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Literal, Union, get_args, get_origin

NONE = type(None)
LISTS = (tuple, list, Sequence, set, frozenset, Set)
TABLES = (dict, Mapping)
_LONGEST = 40

_SINGULAR: Mapping[Any, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Any: "any value",
    object: "any value",
}
_PLURAL: Mapping[Any, str] = {
    str: "strings",
    int: "whole numbers",
    float: "numbers",
    bool: "booleans",
    Any: "values",
    object: "values",
}


def is_union(tp: Any) -> bool:
    """Whether a type is a union, in either spelling."""
    return get_origin(tp) in (Union, types.UnionType)


def arms(tp: Any) -> tuple[Any, ...]:
    """The types of a union without None, which TOML does not have; a plain type is its own arm."""
    if not is_union(tp):
        return (tp,)
    return tuple(arm for part in get_args(tp) if part is not NONE for arm in arms(part))


def expected(tp: Any) -> str:
    """What a type wants.

    >>> expected(tuple[str, ...])
    'a list of strings'
    >>> expected(str | tuple[str, ...] | None)
    'a string or a list of strings'
    >>> expected(Callable[[str], str] | None)
    'a function, from Python only'
    """
    return _either(_one(arm) for arm in arms(tp))


def _either(words: Iterable[str]) -> str:
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


def _one(tp: Any) -> str:
    origin = get_origin(tp)
    if origin is Literal:
        options = [literal(option) for option in get_args(tp)]
        return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
    if origin in LISTS:
        return f"a list of {_plural_of_items(tp)}"
    if origin in TABLES:
        value = get_args(tp)[1]
        return "a table" if value is Any else f"a table of {_plural(value)}"
    if origin is Callable:
        return "a function, from Python only"
    return _SINGULAR.get(tp, "a table")


def _plural_of_items(tp: Any) -> str:
    args = get_args(tp)
    if get_origin(tp) is tuple and args[-1:] != (...,):
        kinds = {_plural(arg) for arg in args}
        return f"{len(args)} {kinds.pop()}" if len(kinds) == 1 else f"{len(args)} values"
    return _plural(args[0])


def _plural(tp: Any) -> str:
    if is_union(tp):
        return _either(_plural(arm) for arm in arms(tp))
    origin = get_origin(tp)
    if origin is Literal:
        return _either(literal(option) for option in get_args(tp))
    if origin in LISTS:
        return f"lists of {_plural_of_items(tp)}"
    return _PLURAL.get(tp, "tables")


def literal(value: object, depth: int = 0) -> str:
    """A scalar or a list as TOML writes it, cut when it is long or deep."""
    if depth > 3:
        return "…"
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, (list, tuple)):
        text = f"[{', '.join(literal(part, depth + 1) for part in value[:8])}{', …' if value[8:] else ''}]"
    elif isinstance(value, dict):
        pairs = ", ".join(f"{key} = {literal(part, depth + 1)}" for key, part in value.items())
        text = f"{{ {pairs} }}" if pairs else "{}"
    else:
        text = _number(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]}…{text[-1]}"


def _number(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return f"{value:#x}"  # beyond Python's limit of digits for decimal text
    return str(value)


def found(value: object) -> str:
    """What a value is.

    >>> found("Ben")
    'the string "Ben"'
    >>> found([])
    'an empty list'
    """
    if isinstance(value, bool):
        return literal(value)
    if isinstance(value, str):
        return f"the string {literal(value)}" if value else "an empty string"
    if isinstance(value, int):
        return f"the whole number {literal(value)}"
    if isinstance(value, float):
        return f"the number {literal(value)}"
    if isinstance(value, list):
        return f"the list {literal(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, dt.time):
        return f"the time {value}"
    return f"the date {value}"
