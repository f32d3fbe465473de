"""Random TOML texts of every syntax, with a note of where each key and value was written."""

from __future__ import annotations

import json
import re

import attrs
from hypothesis import strategies as st

from gnomon.structure import KeyPath

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_VALUES = (
    "1",
    "-0.5e3",
    "0xff",
    "1_000",
    "true",
    "inf",
    "1979-05-27",
    "1979-05-27 07:32:00",
    "1979-05-27T00:32:00.5-07:00",
    "07:32:00",
    '""',
    '"a # b ] } , = [c]"',
    r'"quote \" backslash \\ é"',
    "''",
    "'no \\ escape # ] }'",
    '"""\nlines # and ""two"" quotes ]\n"""',
    '""""quoted at both ends"""""',
    '"""ends in a backslash \\\\"""',
    '"""line \\\n    continued"""',
    "'''\nlines ''two'' [x]\n'''",
    "''''quoted''''",
    '""""""',
    "''''''",
)
_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=["Cs"])
_NAMES = st.one_of(
    st.sampled_from(["a", "b", "key", "a-b", "1", "a.b", "a b", "", 'q"', "#", "=", "é"]),
    st.text(_CHARACTERS, max_size=4),
)
_SPACES = st.sampled_from(["", " ", "\t", "  "])
_BREAKS = st.sampled_from(["\n", "\n\n", " # comment [x] = \"'\n", "\t\n  # 'more'\n"])


@attrs.define
class Written:
    """A text under construction.

    Attributes:
        text: The text so far.
        keys: Path → how its key was written, and at which offset.
        values: Path → how its value was written, and at which offset; scalars only.
    """

    text: str = ""
    keys: dict[KeyPath, tuple[str, int]] = attrs.field(factory=dict)
    values: dict[KeyPath, tuple[str, int]] = attrs.field(factory=dict)


@st.composite
def toml_texts(draw: st.DrawFn) -> Written:
    """A valid TOML text with the places that were noted while it was written."""
    out = Written(text=draw(_BREAKS))
    _Writer(draw, out).body((), "", depth=0)
    return out


class _Writer:
    def __init__(self, draw: st.DrawFn, out: Written) -> None:
        self.draw = draw
        self.out = out

    def put(self, text: str) -> None:
        self.out.text += text

    def space(self) -> None:
        self.put(self.draw(_SPACES))

    def end(self) -> None:
        self.put(self.draw(_BREAKS))

    def names(self, least: int = 0) -> list[str]:
        return self.draw(st.lists(_NAMES, unique=True, min_size=least, max_size=3))

    def raw(self, name: str) -> str:
        forms = [json.dumps(name, ensure_ascii=False)]
        if _BARE.match(name):
            forms.append(name)
        if "'" not in name and all(character >= " " for character in name):
            forms.append(f"'{name}'")
        return self.draw(st.sampled_from(forms))

    def key(self, name: str, path: KeyPath) -> None:
        raw = self.raw(name)
        self.out.keys.setdefault(path, (raw, len(self.out.text)))
        self.put(raw)

    def body(self, path: KeyPath, header: str, depth: int) -> None:
        """The keys of a table, then the tables beneath it with headers of their own."""
        headed: list[str] = []
        for name in self.names():
            if depth < 2 and self.draw(st.booleans()):
                headed.append(name)
            else:
                self.space()
                self.pair((*path, name), name, depth)
                self.end()
        for name in headed:
            raw = f"{header}{self.raw(name)}"
            if self.draw(st.booleans()):
                for index in range(self.draw(st.integers(1, 3))):
                    self.put(f"[[ {raw}\t]]")
                    self.end()
                    self.body((*path, name, index), f"{raw} . ", depth + 1)
            elif self.draw(st.booleans()):
                self.put(f"[{raw} ]")
                self.end()
                self.body((*path, name), f"{raw}.", depth + 1)
            else:
                # A header that makes its outer table too, which may get its own header afterwards.
                inner = self.draw(_NAMES)
                longer = f"{raw}.{self.raw(inner)}"
                self.put(f"[{longer}]")
                self.end()
                self.body((*path, name, inner), f"{longer}.", depth + 1)
                if self.draw(st.booleans()):
                    self.put(f"[{raw}]")
                    self.end()

    def pair(self, path: KeyPath, name: str, depth: int) -> None:
        self.key(name, path)
        if depth < 3 and self.draw(st.integers(0, 3)) == 0:
            # A dotted key: the outer table has this one key.
            self.space()
            self.put(".")
            self.space()
            inner = self.draw(_NAMES)
            self.pair((*path, inner), inner, depth + 1)
            return
        self.space()
        self.put("=")
        self.space()
        self.value(path, depth)

    def value(self, path: KeyPath, depth: int) -> None:
        form = self.draw(st.integers(0, 4)) if depth < 3 else 4
        if form == 0:
            self.put("[")
            count = self.draw(st.integers(0, 3))
            for index in range(count):
                self.end()
                self.value((*path, index), depth + 1)
                self.end()
                if index < count - 1 or self.draw(st.booleans()):
                    self.put(",")
            self.end()
            self.put("]")
        elif form == 1:
            self.put("{")
            for index, name in enumerate(self.names()):
                self.put(", " if index else " ")
                self.pair((*path, name), name, depth + 1)
                self.space()
            self.put("}")
        else:
            raw = self.draw(st.sampled_from(_VALUES))
            self.out.values[path] = (raw, len(self.out.text))
            self.put(raw)
