"""Reads lines that pair a word with a label, such as ``salary - Paul``.

One invariant: a line counts only when the whole of it is a known word, a separator and a known label;
nothing is guessed from part of a line, and what was not read is kept and counted.

The rule is tolerant of dress and strict about content. Bullets, numbering, quotes, brackets, emphasis,
closing punctuation and case do not matter. Every hyphen, dash and colon is tried as the separator,
because words and labels may hold hyphens themselves. A line that is no pair is cut at commas and
semicolons, so that a list on one line is read too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import attrs

_DASHES = "‐‑‒–—―−"
_DRESS = "\"'`´‘’‚‛“”„‟«»‹›「」『』【】（）*_~[](){}<>\ufeff\u200b"
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Marks without a glyph that turn the direction of writing; replies in Arabic or Hebrew begin with them."""
_UNDRESSED = str.maketrans(
    {**dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_DRESS + _DIRECTIONS, ""), "：": ":"}
)
_PUNCTUATION = " \t\r\n\f\v\x00-:.,;!?…。．，、；！？،؛؟।"
_LEADING = _PUNCTUATION + "•·◦▪●○+#="
_TRAILING = _PUNCTUATION
_NUMBER = re.compile(r"\d+[\s.:,-]+")
_SEPARATOR = re.compile(r"[-:]")
_CUT = re.compile(r"[,;]")
_LONGEST = 512
"""No pair is longer than this. It keeps the work on a line of dashes linear in its length."""
_MOST_MARKS = 3
_KEPT = 20
_EXCERPT = 120


def _bare(text: str) -> str:
    """Without bullets before it and punctuation behind it; ``C++`` and ``C#`` keep theirs."""
    return text.lstrip(_LEADING).rstrip(_TRAILING)


def undressed(text: str) -> str:
    """A text without dress, in one case, with single blanks: the form that is compared."""
    return _bare(" ".join(text.translate(_UNDRESSED).casefold().split()))


@lru_cache(maxsize=16384)
def plain(text: str) -> str:
    """``undressed`` for words and labels, which come again and again; ``+`` and ``-`` stay what they are."""
    return undressed(text) or _marks(text)


def _marks(text: str) -> str:
    return "".join(text.split()).translate(_UNDRESSED).casefold()


def only_marks(text: str) -> str:
    """What a short text without letters and digits says, such as ``+``; nothing when it is longer."""
    bare = _marks(text[:_LONGEST])
    return bare if len(bare) <= _MOST_MARKS else ""


def excerpt(text: str) -> str:
    """The beginning of a text, in a form that can be stored anywhere.

    Lone surrogates and NUL bytes cannot be stored as text everywhere; their escapes can.
    """
    shown = text[:_EXCERPT].encode("utf-8", "backslashreplace").decode("utf-8")
    return shown.replace("\x00", "\\x00")


@attrs.frozen
class Pairs:
    """What was read off one text.

    Attributes:
        pairs: Word and label in plain form, in the order of the text; repeats included.
        reversed: How many of them had the label first.
        unread: How many lines (or pieces of a list on one line) were not a pair.
        excerpts: The beginnings of the first of those.
    """

    pairs: Sequence[tuple[str, str]]
    reversed: int
    unread: int
    excerpts: Sequence[str]


@attrs.define
class _Reading:
    pairs: list[tuple[str, str]] = attrs.field(factory=list)
    reversed: int = 0
    unread: int = 0
    excerpts: list[str] = attrs.field(factory=list)

    def skip(self, line: str) -> None:
        self.unread += 1
        if len(self.excerpts) < _KEPT:
            self.excerpts.append(excerpt(line))


def read_pairs(text: str, words: Mapping[str, object], labels: Mapping[str, object]) -> Pairs:
    """All pairs of a text.

    Args:
        text: The text, one pair a line or several separated by commas or semicolons.
        words: The known words; keys in ``plain`` form.
        labels: The known labels; keys in ``plain`` form.
    """
    reading = _Reading()
    for raw in text.splitlines():
        line = raw.strip()
        # Nearly every line of a model that follows the format is read here.
        left, _, right = line.casefold().partition(" - ")
        if left in words and right in labels:
            reading.pairs.append((left, right))
        elif line:
            _read_line(line, words, labels, reading)
    return Pairs(reading.pairs, reading.reversed, reading.unread, reading.excerpts)


def _read_line(
    line: str, words: Mapping[str, object], labels: Mapping[str, object], reading: _Reading
) -> None:
    if not _bare(line.translate(_UNDRESSED)):
        return
    found = _pair(line, words, labels)
    if found is not None:
        _keep(found, reading)
        return
    pieces = _CUT.split(line)
    read = [(piece, _pair(piece, words, labels)) for piece in pieces]
    if all(one is None for _, one in read):
        reading.skip(line)
        return
    for piece, one in read:
        if one is not None:
            _keep(one, reading)
        elif _bare(piece.translate(_UNDRESSED)):
            reading.skip(piece.strip())


def _keep(found: tuple[str, str, bool], reading: _Reading) -> None:
    word, label, turned = found
    reading.pairs.append((word, label))
    reading.reversed += turned


def _pair(
    line: str, words: Mapping[str, object], labels: Mapping[str, object]
) -> tuple[str, str, bool] | None:
    """Word, label, and whether the label came first; None when the line is not one pair."""
    if len(line) > _LONGEST:
        return None
    bare = " ".join(line.translate(_UNDRESSED).casefold().split())
    turned: set[tuple[str, str]] = set()
    for found in _SEPARATOR.finditer(bare):
        left = _known(_bare(bare[: found.start()]), words, labels)
        right = _bare(bare[found.end() :])
        if left in words and right in labels:
            return left, right, False
        if left in labels and right in words:
            turned.add((right, left))
    if len(turned) != 1:
        return None
    word, label = turned.pop()
    # A text that is a word here and a label there cannot tell which of the two came first.
    return (word, label, True) if word not in labels and label not in words else None


def _known(left: str, words: Mapping[str, object], labels: Mapping[str, object]) -> str:
    """The text, or what is left of it without its number in a list."""
    if left in words or left in labels:
        return left
    numbered = _NUMBER.match(left)
    return _bare(left[numbered.end() :]) if numbered else left
