"""The options of a plugin class as its reader sees them: type, default and help of each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

import attrs

from gnomon.structure.walker import default_of, is_required, key_of, options_of, type_of
from gnomon.structure.words import expected, literal

_ENTRY = re.compile(r"([A-Za-z_][\w, ]*?)(?: \([^)]*\))?: *(.*)\Z")


@attrs.frozen
class OptionDoc:
    """One option of a plugin.

    Attributes:
        name: The key in TOML, or the name in a model string.
        type_text: What it may hold, in words.
        default_text: The default as TOML writes it; empty when there is none.
        required: Whether it must be given.
        help: What the class docstring says of it; empty when it says nothing.
    """

    name: str
    type_text: str
    default_text: str
    required: bool
    help: str


def describe_options(cls: type) -> list[OptionDoc]:
    """The options of a class in the order of their definition.

    The help of an option is its entry under ``Attributes:`` in the class docstring, or in that of
    the class it inherits the option from.
    """
    told: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        told.update(_attribute_texts(vars(base).get("__doc__") or ""))
    out: list[OptionDoc] = []
    for field in options_of(cls):
        default = None if is_required(field) else default_of(field)
        out.append(
            OptionDoc(
                name=key_of(field),
                type_text=expected(type_of(cls, field)),
                default_text="" if default is None else _default_text(default),
                required=is_required(field),
                help=told.get(field.name, ""),
            )
        )
    return out


def _default_text(default: object) -> str:
    if attrs.has(type(default)):
        return "{}"
    return literal(dict(default) if isinstance(default, Mapping) else default)


def _attribute_texts(docstring: str) -> dict[str, str]:
    """The entries under ``Attributes:``; an entry of several names gives its text to each."""
    lines = inspect.cleandoc(docstring).splitlines()
    if "Attributes:" not in lines:
        return {}
    out: dict[str, str] = {}
    names: list[str] = []
    indent = None
    for line in lines[lines.index("Attributes:") + 1 :]:
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if depth == 0:
            break
        indent = depth if indent is None else indent
        entry = _ENTRY.match(line.strip()) if depth == indent else None
        if entry:
            names = [name.strip() for name in entry.group(1).split(",")]
        text = entry.group(2) if entry else line.strip()
        for name in names:
            out[name] = f"{out[name]} {text}" if not entry else text
    return out
