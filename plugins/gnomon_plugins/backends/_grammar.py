"""GBNF grammars, read so that a text can be drawn from them.

One invariant: a drawn text is one that the grammar derives from ``root``. What is not read (look-ups of
tokens, grammars of other engines) is refused with its place, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import attrs

from gnomon import Seed
from gnomon_plugins.backends._regular import Chars, Either, InOrder, Repeat, draw_char

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n]|\#[^\n]*)+)
      | (?P<head>[A-Za-z][\w-]*[ \t]*::=)
      | (?P<name>[A-Za-z][\w-]*)
      | "(?P<text>(?:[^"\\]|\\.)*)"
      | \[(?P<not>\^?)(?P<chars>(?:[^\]\\]|\\.)*)\]
      | \{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}
      | (?P<mark>[()|*+?.])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r"}
_DEEP, _DEEPEST, _MOST = 12, 120, 3


class GrammarError(ValueError):
    """A grammar that is malformed, or has something that is not read."""


@attrs.frozen
class Rule:
    """A call of another rule."""

    name: str


Node = Chars | InOrder | Either | Repeat | Rule


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        return chr(int(code, 16)) if code else _LETTERS.get(found[4], found[4])

    return _ESCAPE.sub(one, text)


def _class(text: str) -> str:
    """The characters of a class, ranges written out."""
    pieces = re.findall(r"\\x..|\\u.{4}|\\U.{8}|\\.|.", text, re.DOTALL)
    out, at = "", 0
    while at < len(pieces):
        low = _unescaped(pieces[at])
        if at + 2 < len(pieces) and pieces[at + 1] == "-":
            high = _unescaped(pieces[at + 2])
            # A range of thousands of letters is drawn from at its beginning.
            out += "".join(map(chr, range(ord(low), min(ord(high), ord(low) + 512) + 1)))
            at += 3
        else:
            out += low
            at += 1
    return out


class _Reader:
    def __init__(self, grammar: str) -> None:
        self.tokens: list[re.Match[str]] = []
        at = 0
        while at < len(grammar):
            found = _TOKEN.match(grammar, at)
            if not found:
                line = grammar.count("\n", 0, at) + 1
                raise GrammarError(f"line {line} has {grammar[at : at + 10]!r}, which is not read")
            at = found.end()
            if found["space"] is None:
                self.tokens.append(found)
        self.at = 0

    def peek(self) -> re.Match[str] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def mark(self, chars: str) -> str | None:
        token = self.peek()
        if token is not None and token["mark"] and token["mark"] in chars:
            self.at += 1
            return token["mark"]
        return None

    def rules(self) -> dict[str, Node]:
        out: dict[str, Node] = {}
        while (token := self.peek()) is not None:
            if token["head"] is None:
                raise GrammarError(f"{token[0]!r} stands where a rule 'name ::= …' should begin")
            self.at += 1
            out[token["head"].rstrip(":= \t")] = self.either()
        return out

    def either(self) -> Node:
        branches = [self.sequence()]
        while self.mark("|"):
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))  # type: ignore[arg-type] # holds rules too

    def sequence(self) -> Node:
        parts: list[Node] = []
        while (token := self.peek()) is not None and token["head"] is None:
            if token["mark"] and token["mark"] in "|)":
                break
            parts.append(self.repeated(self.atom(token)))
        return parts[0] if len(parts) == 1 else InOrder(tuple(parts))  # type: ignore[arg-type] # holds rules too

    def repeated(self, node: Node) -> Node:
        while (token := self.peek()) is not None:
            if token["mark"] and token["mark"] in "*+?":
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[token["mark"]]
            elif token["least"] is not None:
                least = int(token["least"] or 0)
                most = (
                    least if not token["comma"] else int(token["most"]) if token["most"] else None
                )
            else:
                break
            self.at += 1
            node = Repeat(node, least, most)  # type: ignore[arg-type] # holds rules too
        return node

    def atom(self, token: re.Match[str]) -> Node:
        self.at += 1
        if token["name"]:
            return Rule(token["name"])
        if token["text"] is not None:
            return InOrder(tuple(Chars(char) for char in _unescaped(token["text"])))
        if token["chars"] is not None:
            return Chars(_class(token["chars"]), bool(token["not"]))
        if token["mark"] == ".":
            return Chars("", negated=True)
        if token["mark"] == "(":
            node = self.either()
            if not self.mark(")"):
                raise GrammarError("a '(' is not closed")
            return node
        raise GrammarError(f"{token[0]!r} stands where nothing can be repeated")


@lru_cache(maxsize=256)
def _read(grammar: str) -> Mapping[str, Node]:
    rules = _Reader(grammar).rules()
    if "root" not in rules:
        raise GrammarError("it has no rule 'root'")
    return rules


def draw_sentence(grammar: str, seed: Seed) -> str:
    """A text that the grammar allows.

    Raises:
        GrammarError: It is malformed, calls a rule that is not there, or does not come to an end.
    """
    rules = _read(grammar)
    return _draw(rules["root"], rules, seed, 0)


def _draw(node: Node, rules: Mapping[str, Node], seed: Seed, depth: int) -> str:
    if depth > _DEEPEST:
        raise GrammarError("its rules call each other without coming to an end")
    if isinstance(node, Chars):
        return draw_char(node, seed)
    if isinstance(node, Rule):
        if node.name not in rules:
            raise GrammarError(f"there is no rule {node.name!r}")
        return _draw(rules[node.name], rules, seed, depth + 1)
    if isinstance(node, InOrder):
        return "".join(_draw(part, rules, seed, depth + 1) for part in node.parts)
    if isinstance(node, Either):
        branches = node.branches
        if depth > _DEEP:
            # Deep inside, only the branches that call the fewest rules, so that it ends.
            fewest = min(map(_calls, branches))
            branches = tuple(branch for branch in branches if _calls(branch) == fewest)
        return _draw(seed.pick(branches), rules, seed, depth + 1)
    most = node.least + _MOST if node.most is None else node.most
    times = node.least + (0 if depth > _DEEP else seed.below(most - node.least + 1))
    return "".join(_draw(node.node, rules, seed, depth + 1) for _ in range(times))


def _calls(node: Node) -> int:
    if isinstance(node, Rule):
        return 1
    if isinstance(node, InOrder):
        return sum(map(_calls, node.parts))
    if isinstance(node, Either):
        return min(map(_calls, node.branches))
    return _calls(node.node) if isinstance(node, Repeat) and node.least else 0
