"""Patterns of literal texts and alternatives, written as a GBNF grammar.

One invariant: the grammar accepts exactly the texts that the pattern spells, each character standing for
itself and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

Pattern = tuple[str | tuple[str, ...], ...]


def quoted(text: str) -> str:
    """A GBNF literal for exactly this text.

    Everything outside printable ASCII is written as an escape, so that neither line breaks nor
    look-alike characters depend on how the grammar is read.

    Raises:
        ValueError: The text holds a NUL or a lone surrogate, which GBNF has no way to write.
    """
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    if code == 0:
        raise ValueError("a pattern cannot hold a NUL character")
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("a pattern cannot hold a lone surrogate")
    if character in '"\\':
        return "\\" + character
    if 0x20 <= code < 0x7F:
        return character
    # Two hex digits for bytes, else the long form: an \\x would swallow a hex digit that follows.
    return f"\\U{code:08X}"


def pattern_to_gbnf(pattern: Pattern) -> str:
    """The grammar that accepts exactly the texts a pattern spells.

    Args:
        pattern: Literal texts and tuples of alternatives, in order.

    Raises:
        ValueError: A tuple without an alternative, which no text could match, or a character that
            GBNF cannot write.
    """
    parts: list[str] = []
    for part in pattern:
        if isinstance(part, str):
            parts.append(quoted(part))
        elif not part:
            raise ValueError("a pattern has a place with no alternatives")
        else:
            parts.append("(" + " | ".join(quoted(text) for text in dict.fromkeys(part)) + ")")
    return "root ::= " + (" ".join(parts) or '""')


def texts_of(pattern: Pattern) -> Iterator[str]:
    """Every text that the pattern spells; there may be very many."""
    for choice in itertools.product(
        *((part,) if isinstance(part, str) else part for part in pattern)
    ):
        yield "".join(choice)
