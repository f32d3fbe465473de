"""Templates: ``{name}`` is replaced by the field of that name, and nothing else happens.

One invariant: what is substituted is never looked at again. There are no expressions, no attribute
access, no conditions and no second pass, so neither stimuli nor model output can act as a template.
``{{`` and ``}}`` stand for literal braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from gnomon.errors import TemplateError, did_you_mean, listing
from gnomon.records import FieldValue

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@lru_cache(maxsize=4096)
def parse(template: str) -> tuple[tuple[str, str | None], ...]:
    """The template as pairs of literal text and the name of the slot behind it (None at the end).

    Raises:
        TemplateError: A lone brace, or a slot that is not a plain name.
    """
    pieces: list[tuple[str, str | None]] = []
    literal = ""
    at = 0
    for found in _PIECE.finditer(template):
        literal += template[at : found.start()]
        at = found.end()
        token = found.group()
        if token in ("{{", "}}"):
            literal += token[0]
        elif token in ("{", "}"):
            raise TemplateError(f"a lone {token!r}; write {token * 2!r} for a literal brace")
        elif not _NAME.match(found.group(1)):
            raise TemplateError(
                f"the slot {token!r} is not a plain name; a template substitutes names and has "
                "no expressions, attributes or formats (write '{{' and '}}' for literal braces)"
            )
        else:
            pieces.append((literal, found.group(1)))
            literal = ""
    pieces.append((literal + template[at:], None))
    return tuple(pieces)


def slots(template: str) -> tuple[str, ...]:
    """The names a template needs, each once, in order."""
    return tuple(dict.fromkeys(name for _, name in parse(template) if name is not None))


def show(value: FieldValue) -> str:
    """A field as it appears in a prompt: lists joined by a comma and a space."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def render(template: str, fields: Mapping[str, FieldValue]) -> str:
    """The template with every slot filled.

    Raises:
        TemplateError: A slot without a field.
    """
    out: list[str] = []
    for literal, name in parse(template):
        out.append(literal)
        if name is not None:
            try:
                out.append(show(fields[name]))
            except KeyError:
                raise TemplateError(no_field(name, fields)) from None
    return "".join(out)


def no_field(name: str, fields: Mapping[str, object]) -> str:
    """The sentence for a slot that has no field."""
    return (
        f"the slot {{{name}}} has no field{did_you_mean(name, fields)}; "
        f"there are: {listing(fields)}"
    )
