"""Plain TOML data to attrs classes, strictly, with every fault at its place.

A small walker of its own and not a cattrs converter: cattrs converts scalars unless each type is
overridden, and its errors carry a path only as text, from which a line and column cannot be found.
One invariant: a value is returned only when nothing beneath it was at fault.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import attrs

from gnomon.errors import Fault, GnomonError, did_you_mean
from gnomon.structure.positions import KeyPath, Positions, show_path
from gnomon.structure.words import LISTS, TABLES, arms, expected, found, is_union

T = TypeVar("T")
FAILED: Any = object()
_GREATEST = 2**63


def structure(
    cls: type[T],
    data: object,
    path: KeyPath,
    positions: Positions,
    faults: list[Fault],
) -> T | None:
    """An instance of an attrs class from a table.

    Args:
        cls: The class; its attributes are the keys, ``metadata={"key": …}`` renames one.
        data: The table as ``tomllib`` returns it.
        path: Where the table stands.
        positions: Places of the text.
        faults: Takes every fault that is found.

    Returns:
        The instance, or None when there was a fault.
    """
    value = _Walker(positions, faults).table(cls, data, path)
    return None if value is FAILED else value


def structure_fields(
    cls: type, data: object, path: KeyPath, positions: Positions, faults: list[Fault]
) -> dict[str, Any]:
    """What could be made of each attribute, by name, although others may be at fault.

    Absent keys have their defaults. An attribute at fault is left out; a list of which some elements
    are at fault has None in their places, and a table of which some values are lacks them.
    """
    fields = _Walker(positions, faults).fields(cls, data, path)
    for field in attrs.fields(cls):
        if field.name not in fields and not _is_given(field, data) and not is_required(field):
            fields[field.name] = default_of(field)
    return fields


def key_names(cls: type) -> tuple[str, ...]:
    """The keys of a class in TOML."""
    return tuple(key_of(field) for field in options_of(cls))


def options_of(cls: type) -> tuple[attrs.Attribute[Any], ...]:
    """The attributes of a class that can be given; none when it is no attrs class."""
    return tuple(field for field in attrs.fields(cls) if field.init) if attrs.has(cls) else ()


def key_of(field: attrs.Attribute[Any]) -> str:
    """How an attribute is written in TOML."""
    return str(field.metadata.get("key", field.alias or field.name))


def is_required(field: attrs.Attribute[Any]) -> bool:
    """Whether an attribute has no default."""
    return field.default is attrs.NOTHING


def default_of(field: attrs.Attribute[Any]) -> Any:
    """The default of an attribute that has one which does not depend on the others."""
    default: Any = field.default
    if not isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        return default
    return None if default.takes_self else default.factory()


def type_of(cls: type, field: attrs.Attribute[Any]) -> Any:
    """The declared type of an attribute, evaluated in the module that declares it."""
    if not isinstance(field.type, str):
        return Any if field.type is None else field.type
    return _evaluated(cls, field.name, field.type)


@lru_cache(maxsize=4096)
def _evaluated(cls: type, name: str, text: str) -> Any:
    # One attribute at a time: another may name what is imported for type checkers only.
    home = next(base for base in cls.__mro__ if name in inspect.get_annotations(base))
    holder = type(cls.__name__, (), {"__annotations__": {name: text}})
    return get_type_hints(holder, vars(sys.modules[home.__module__]), dict(vars(home)))[name]


def nearest_key(key: str, known: Collection[str], data: Collection[str]) -> str:
    """The key that was probably meant: one that is not given yet, or else any."""
    return did_you_mean(key, [name for name in known if name not in data]) or did_you_mean(
        key, known
    )


def _is_given(field: attrs.Attribute[Any], data: object) -> bool:
    return isinstance(data, dict) and key_of(field) in data


def _sentence(error: Exception) -> str:
    # attrs' own validators put the attribute and the value behind the sentence.
    first = error.args[0] if error.args else ""
    return first if isinstance(first, str) and first else str(error) or type(error).__name__


class _Walker:
    """One walk over some data: where things are, and what was wrong so far."""

    def __init__(self, positions: Positions, faults: list[Fault]) -> None:
        self.positions = positions
        self.faults = faults

    def fault(self, path: KeyPath, message: str, *, key: bool = False) -> Any:
        self.faults.append(self.positions.fault(path, message, key=key))
        return FAILED

    def table(self, cls: type, data: object, path: KeyPath) -> Any:
        before = len(self.faults)
        given = self.fields(cls, data, path)
        if len(self.faults) > before:
            return FAILED
        aliases = {field.name: field.alias or field.name for field in options_of(cls)}
        try:
            return cls(**{aliases[name]: value for name, value in given.items()})
        except (
            ValueError,
            TypeError,
            re.error,
            RecursionError,
            OverflowError,
            GnomonError,
        ) as error:
            return self.fault(path, _sentence(error))

    def fields(self, cls: type, data: object, path: KeyPath) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fault(path, f"expected a table, found {found(data)}")
            return {}
        fields = {key_of(field): field for field in options_of(cls)}
        out: dict[str, Any] = {}
        for key, value in data.items():
            if key not in fields:
                hint = nearest_key(key, fields, data)
                self.fault((*path, key), f"unknown key {key!r}{hint}", key=True)
                continue
            made = self.value(type_of(cls, fields[key]), value, (*path, key))
            if made is not FAILED:
                out[fields[key].name] = made
        for key, field in fields.items():
            if is_required(field) and key not in data:
                wanted = expected(type_of(cls, field))
                self.fault((*path, key), f"missing key {key!r}: expected {wanted}")
        return out

    def value(self, tp: Any, data: object, path: KeyPath) -> Any:
        origin = get_origin(tp)
        if origin is Annotated:
            return self.value(get_args(tp)[0], data, path)
        if tp is Any or tp is object:
            return data
        if is_union(tp):
            return self._union(tp, data, path)
        if not _fits(tp, data):
            return self._mismatch(tp, data, path)
        if origin in LISTS:
            return self._list(tp, data, path)
        if origin in TABLES:
            return self._mapping(get_args(tp)[1], data, path)
        if attrs.has(tp):
            return self.table(tp, data, path)
        return self._scalar(tp, data, path)

    def _mismatch(self, tp: Any, data: object, path: KeyPath) -> Any:
        message = f"expected {expected(tp)}, found {found(data)}"
        if isinstance(data, dict) and expected(tp) == "a list of tables":
            message += f"; write [[{show_path(path)}]]"
        if isinstance(data, list) and expected(tp) == "a table":
            is_block = any(isinstance(part, dict) for part in data)
            message += f"; write [{show_path(path)}]" if is_block else ""
        if get_origin(tp) is Literal and isinstance(data, str):
            message += did_you_mean(data, [str(option) for option in get_args(tp)])
        return self.fault(path, message)

    def _scalar(self, tp: Any, data: Any, path: KeyPath) -> Any:
        if isinstance(data, int) and not -_GREATEST <= data < _GREATEST:
            return self.fault(path, f"{found(data)} does not fit into 64 bits")
        if tp is float:
            if not math.isfinite(data):
                return self.fault(path, f"expected a finite number, found {found(data)}")
            return float(data)
        if isinstance(data, float) and not math.isfinite(data):
            return self.fault(path, f"expected a finite number, found {found(data)}")
        return data

    def _union(self, tp: Any, data: object, path: KeyPath) -> Any:
        fitting = [arm for arm in arms(tp) if _fits(arm, data)]
        fitting.sort(key=lambda arm: arm is not type(data))
        if len(fitting) == 1:
            return self.value(fitting[0], data, path)
        for arm in fitting:
            quiet = _Walker(self.positions, [])
            made = quiet.value(arm, data, path)
            if not quiet.faults:
                return made
        if fitting and all(not isinstance(data, (list, dict)) for _ in fitting):
            return self.value(fitting[0], data, path)
        return self.fault(path, f"expected {expected(tp)}, found {found(data)}")

    def _list(self, tp: Any, data: Any, path: KeyPath) -> Any:
        kinds = get_args(tp)
        if get_origin(tp) is tuple and kinds[-1:] != (...,):
            if len(kinds) != len(data):
                return self.fault(path, f"expected {expected(tp)}, found {found(data)}")
        else:
            kinds = (kinds[0],) * len(data)
        made = [
            self.value(kind, part, (*path, index))
            for index, (kind, part) in enumerate(zip(kinds, data, strict=True))
        ]
        values = (None if value is FAILED else value for value in made)
        origin = get_origin(tp)
        return frozenset(values) if origin in (set, frozenset) else tuple(values)

    def _mapping(self, kind: Any, data: Any, path: KeyPath) -> Mapping[str, Any]:
        made = {key: self.value(kind, part, (*path, key)) for key, part in data.items()}
        return {key: value for key, value in made.items() if value is not FAILED}


def _fits(tp: Any, data: object) -> bool:
    """Whether the outer form of the data is that of the type."""
    if tp is Any or tp is object:
        return True
    if isinstance(data, bool):
        return tp is bool or (get_origin(tp) is Literal and _among(data, tp))
    if get_origin(tp) is Literal:
        return _among(data, tp)
    if get_origin(tp) in LISTS:
        return isinstance(data, list)
    if get_origin(tp) in TABLES or attrs.has(tp):
        return isinstance(data, dict)
    if tp is float:
        return isinstance(data, (int, float))
    if tp in (str, int, bool):
        return isinstance(data, tp)
    raise TypeError(f"an option of type {tp!r} cannot be written in TOML")


def _among(data: object, tp: Any) -> bool:
    return any(type(option) is type(data) and option == data for option in get_args(tp))
