"""Where every key and every value of a TOML text stands.

``tomllib`` is the authority on what a text means and whether it is valid; it does not say where things
are. The scanner here only walks over a text that ``tomllib`` has accepted. One invariant: the paths it
finds are exactly the paths of what ``tomllib`` returns.
"""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from gnomon.errors import Fault

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of the file, such as ``("turn", 0, "user")``."""

_BLANK = re.compile(r"(?:[ \t\n]++|#[^\n]*+)*+")
_SPACE = re.compile(r"[ \t]*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_SCALAR = re.compile(r"[^,\]}#\n]++")
_STRING = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*+'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def show_path(path: KeyPath) -> str:
    """The path as it is shown to people.

    >>> show_path(("turn", 0, "user"))
    'turn[0].user'
    >>> show_path(("expect", "mean.d", "max"))
    'expect."mean.d".max'
    """
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            name = part if _PLAIN.match(part) else json.dumps(part, ensure_ascii=False)
            out += f".{name}" if out else name
    return out


def flatten(data: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path of parsed TOML: each key of each table and each index of each list."""
    if isinstance(data, dict):
        children: Iterator[tuple[str | int, Any]] = iter(data.items())
    elif isinstance(data, list):
        children = iter(enumerate(data))
    else:
        return
    for part, value in children:
        yield (*path, part)
        yield from flatten(value, (*path, part))


@attrs.frozen(eq=False)
class Positions:
    """Places in a text by path. Lines and columns count from 1; a column is a character.

    The place of a path that is not in the text is that of the nearest block around it, and of the
    whole file its first character.
    """

    _line_starts: tuple[int, ...]
    _keys: Mapping[KeyPath, int]
    _values: Mapping[KeyPath, int]

    @classmethod
    def of(cls, text: str) -> Positions:
        """The positions of a text that ``tomllib`` accepts, with line ends of one newline."""
        scanner = _Scanner(text)
        scanner.document()
        starts = (0, *(found.end() for found in re.finditer("\n", text)))
        return cls(starts, scanner.keys, scanner.values)

    @property
    def paths(self) -> frozenset[KeyPath]:
        """Every path that has a place."""
        return frozenset(self._keys)

    def key(self, path: KeyPath) -> tuple[int, int]:
        """Line and column where the key stands."""
        return self._place(self._keys, path)

    def value(self, path: KeyPath) -> tuple[int, int]:
        """Line and column where the value begins; for a table its header."""
        return self._place(self._values, path)

    def fault(self, path: KeyPath, message: str, *, key: bool = False) -> Fault:
        """A fault at the value of a path, or at its key."""
        line, column = self.key(path) if key else self.value(path)
        return Fault(line, column, show_path(path), message)

    def _place(self, places: Mapping[KeyPath, int], path: KeyPath) -> tuple[int, int]:
        while path and path not in places:
            path = path[:-1]
            places = self._values
        offset = places[path] if path else 0
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1


class _Scanner:
    """Walks over valid TOML and notes the offset of every key and value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}
        self._blocks: dict[KeyPath, int] = {}  # array of tables → number of its tables so far

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> KeyPath:
        start = self.at
        is_block = self.text.startswith("[[", start)
        self.at += 2 if is_block else 1
        parts = self._dotted()
        self._skip(_SPACE)
        self.at += 2 if is_block else 1
        path: KeyPath = ()
        for name, offset in parts[:-1]:
            path = (*path, name)
            self._note(path, offset, offset)
            if path in self._blocks:
                path = (*path, self._blocks[path] - 1)
        name, offset = parts[-1]
        path = (*path, name)
        if not is_block:
            # A header of its own is a better place than an earlier mention in a longer header.
            self.keys[path], self.values[path] = offset, start
            return path
        self._note(path, offset, start)
        index = self._blocks.get(path, 0)
        self._blocks[path] = index + 1
        path = (*path, index)
        self._note(path, start, start)
        return path

    def _pair(self, table: KeyPath) -> None:
        path = table
        parts = self._dotted()
        for name, offset in parts:
            path = (*path, name)
            self._note(path, offset, offset)
        self._skip(_SPACE)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            start = self.at
            quoted = self.text[start] in "\"'"
            self._skip(_STRING if quoted else _BARE)
            raw = self.text[start : self.at]
            parts.append((tomllib.loads(f"key = {raw}")["key"] if quoted else raw, start))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        self.values[path] = self.at
        opening = self.text[self.at]
        if opening in "\"'":
            self._skip(_STRING)
        elif opening == "[":
            self._list(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _list(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while not self._closes("]"):
            self.keys[(*path, index)] = self.at
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Go to the next element, or over the closing bracket."""
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _note(self, path: KeyPath, key: int, value: int) -> None:
        self.keys.setdefault(path, key)
        self.values.setdefault(path, value)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        assert found is not None, f"tomllib accepted what the scanner cannot read at {self.at}"
        self.at = found.end()
