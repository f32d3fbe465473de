"""Regular expressions, read for what they allow: to draw a match, and to write a GBNF grammar.

One invariant: whatever is drawn or written is a full match of the expression as Python reads it. Only
constructs with one plain meaning are read: literals, classes, groups, alternatives, quantifiers, and
anchors at the ends. Anything else (look-around, back-references) is refused by name, never guessed.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache

import attrs

from gnomon import Seed
from gnomon_plugins.backends._gbnf import quoted

_MOST = 4  # further rounds drawn from an open-ended quantifier
_CLASSES = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_",
    "s": " \t\n",
}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r"}
_PRINTABLE = "".join(chr(code) for code in range(32, 127))


class RegexError(ValueError):
    """An expression that is malformed, or has a construct that is not read."""


@attrs.frozen
class Chars:
    """One character out of ``chars`` (for drawing), or out of all but them."""

    chars: str
    negated: bool = False


@attrs.frozen
class InOrder:
    """Parts one after the other."""

    parts: tuple[Node, ...]


@attrs.frozen
class Either:
    """One of the branches."""

    branches: tuple[Node, ...]


@attrs.frozen
class Repeat:
    """The node ``least`` to ``most`` times; None for no limit."""

    node: Node
    least: int
    most: int | None


Node = Chars | InOrder | Either | Repeat


class _Reader:
    def __init__(self, pattern: str) -> None:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise RegexError(f"{pattern!r} is not a regular expression: {error}") from None
        self.pattern = pattern
        text = pattern.removeprefix("^")
        if text.endswith("$") and not text.endswith("\\$"):
            text = text[:-1]
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        char = self.peek()
        self.at += 1
        return char

    def refuse(self, what: str) -> RegexError:
        return RegexError(f"{what} in {self.pattern!r} cannot be turned into a grammar")

    def either(self) -> Node:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.take()
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while self.peek() and self.peek() not in "|)":
            parts.append(self.quantified())
        return parts[0] if len(parts) == 1 else InOrder(tuple(parts))

    def quantified(self) -> Node:
        node = self.atom()
        bounds = self.bounds()
        if bounds is None:
            return node
        if self.peek() in ("?", "+") and self.peek():
            self.take()  # lazy or possessive: the same texts match
        return Repeat(node, *bounds)

    def bounds(self) -> tuple[int, int | None] | None:
        char = self.peek()
        if char and char in "?*+":
            self.take()
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[char]
        found = re.compile(r"\{(\d*)(,?)(\d*)\}").match(self.text, self.at)
        if char != "{" or not found or not (found[1] or found[3]):
            return None
        self.at = found.end()
        least = int(found[1] or 0)
        return least, (int(found[3]) if found[3] else None) if found[2] else least

    def atom(self) -> Node:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.char_class()
        if char == ".":
            return Chars("\n", negated=True)
        if char in "^$":
            raise self.refuse(f"an anchor {char!r} inside")
        if char == "\\":
            chars, negated = self.escape()
            return Chars(chars, negated)
        return Chars(char)

    def group(self) -> Node:
        if self.peek() == "?":
            named = re.compile(r"\?(:|P<\w+>)").match(self.text, self.at)
            if not named:
                raise self.refuse(f"the group '({self.text[self.at : self.at + 2]}'")
            self.at = named.end()
        node = self.either()
        self.take()
        return node

    def escape(self) -> tuple[str, bool]:
        char = self.take()
        if char.lower() in _CLASSES:
            return _CLASSES[char.lower()], char.isupper()
        if char in _CONTROL:
            return _CONTROL[char], False
        if char in ("x", "u"):
            width = 2 if char == "x" else 4
            code = self.text[self.at : self.at + width]
            self.at += width
            return chr(int(code, 16)), False
        if char.isalnum():
            raise self.refuse(f"'\\{char}'")
        return char, False

    def char_class(self) -> Node:
        negated = self.peek() == "^"
        if negated:
            self.take()
        chars = ""
        first = True
        while self.peek() != "]" or first:
            first = False
            low = self.take()
            if low == "\\":
                low, inverted = self.escape()
                if inverted:
                    raise self.refuse("a negated class inside a class")
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.take()
                high = self.take()
                if high == "\\":
                    high, _ = self.escape()
                if ord(high) - ord(low) > 0x500:
                    raise self.refuse(f"the wide range '{low}-{high}'")
                low = "".join(map(chr, range(ord(low), ord(high) + 1)))
            chars += low
        self.take()
        return Chars(chars, negated)


@lru_cache(maxsize=256)
def read(pattern: str) -> Node:
    """The expression as a tree.

    Raises:
        RegexError: It is malformed, or has a construct that is not read.
    """
    reader = _Reader(pattern)
    try:
        node = reader.either()
    except RecursionError:
        raise RegexError(f"groups stand too deep in groups in {pattern!r}") from None
    if reader.peek():
        raise reader.refuse(f"{reader.peek()!r}")
    return node


def draw_match(pattern: str, seed: Seed) -> str:
    """A text that matches the whole expression.

    Raises:
        RegexError: As ``read``.
    """
    return _draw(read(pattern), seed)


def draw_char(node: Chars, seed: Seed) -> str:
    """One of the characters; out of printable ASCII where all but some are meant."""
    if node.negated:
        return seed.pick([char for char in _PRINTABLE if char not in node.chars])
    return seed.pick(node.chars)


def _draw(node: Node, seed: Seed) -> str:
    if isinstance(node, Chars):
        return draw_char(node, seed)
    if isinstance(node, InOrder):
        return "".join(_draw(part, seed) for part in node.parts)
    if isinstance(node, Either):
        return _draw(seed.pick(node.branches), seed)
    most = node.least + _MOST if node.most is None else node.most
    times = node.least + seed.below(most - node.least + 1)
    return "".join(_draw(node.node, seed) for _ in range(times))


def to_gbnf(pattern: str) -> str:
    """A GBNF grammar of the texts that match the whole expression.

    Raises:
        RegexError: As ``read``.
    """
    return f"root ::= {_gbnf(read(pattern))}\n"


def _gbnf(node: Node) -> str:
    if isinstance(node, Chars):
        if len(node.chars) == 1 and not node.negated:
            return quoted(node.chars)
        return f"[{'^' if node.negated else ''}{''.join(_class_char(char) for char in node.chars)}]"
    if isinstance(node, InOrder):
        return " ".join(_gbnf(part) for part in node.parts) or '""'
    if isinstance(node, Either):
        return f"({' | '.join(_gbnf(branch) for branch in node.branches)})"
    inner = _gbnf(node.node)
    if isinstance(node.node, (InOrder, Repeat)):
        inner = f"({inner})"
    if (node.least, node.most) in ((0, 1), (0, None), (1, None)):
        return inner + {(0, 1): "?", (0, None): "*", (1, None): "+"}[node.least, node.most]
    most = "" if node.most is None else node.most
    return (
        f"{inner}{{{node.least}}}" if node.least == node.most else f"{inner}{{{node.least},{most}}}"
    )


def pattern_to_regex(pattern: Sequence[str | tuple[str, ...]]) -> str:
    """A regular expression of a constraint's literal texts and alternatives."""
    return "".join(
        re.escape(part) if isinstance(part, str) else f"({'|'.join(map(re.escape, part))})"
        for part in pattern
    )


def _class_char(char: str) -> str:
    # Written by number wherever a bracket, a dash or the end of the literal could be meant.
    return char if (char.isascii() and char.isalnum()) or char == " " else f"\\U{ord(char):08X}"
