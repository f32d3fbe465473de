"""What text becomes on a terminal: how wide it is, where it is cut, and what of it is not shown as it came.

One invariant: text that a model, a stimulus or a file name brought cannot act on the terminal. Control
characters and those that turn the direction of writing are shown as signs and never sent.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import click

ELLIPSIS = "…"
_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u206a-\u206f"
_UNSEEN = re.compile(
    rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufff9-\ufffb{_TURNING}\ud800-\udfff]"
    "|[\U000e0000-\U000e007f]"
)

# A line may be broken at blanks, and behind what joins words; not within a number or an option's name.
_PIECE = re.compile(
    r"\s*[(\"']?--\w[\w-]*[^\w\s]*|\s*(?:[^\s./_?&-]|[.-](?=\d))+[./_?&-]*|\s*[./_?&-]+|\s+\Z"
)


def visible(text: str, *, lines: bool = False) -> str:
    """The text with everything that could act on a terminal turned into signs.

    Args:
        text: Any text.
        lines: Keep line breaks and tabs, as a conversation needs; in a cell they become signs too.

    >>> visible("a\\x1b[31mb")
    'a␛[31mb'
    """
    text = text.replace("\r\n", "\n")
    if not text.isprintable():
        text = _UNSEEN.sub(_sign, text)
    if lines:
        return text.replace("\t", "    ")
    return text.replace("\n", "↵").replace("\t", " ")


def _sign(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


# Letters of the West and its punctuation, whose width needs no table to be known.
_NARROW = re.compile("[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2500-\u257f]*\\Z")


def cells(text: str) -> int:
    """How many cells of a terminal a visible text takes."""
    if _NARROW.match(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """The text, or as much of it as leaves room for an ellipsis."""
    if cells(text) <= width:
        return text
    return _head(text, max(width - 1, 0)) + ELLIPSIS


def _head(text: str, width: int) -> str:
    if _NARROW.match(text):
        return text[:width]
    from rich.cells import set_cell_size

    # A wide character that does not fit whole leaves a blank, which is no part of the text.
    return set_cell_size(text[: _enough(width)], width).rstrip()


def _enough(width: int) -> int:
    """So many signs as mostly take more cells than that: some take none, few take only one with others."""
    return 4 * width + 8


def _exceeds(text: str, at: int, width: int) -> bool:
    """Whether a text takes more cells from a place on; it may be long, and no more of it is measured than is needed."""
    many = _enough(max(width, 0))
    while cells(text[at : at + many]) <= width:
        if at + many >= len(text):
            return False
        many *= 2
    return True


def longest_piece(text: str) -> int:
    """Cells of the longest part of a text that is broken only where there is no room for it."""
    return max((cells(piece.strip()) for piece in _PIECE.findall(text)), default=0)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many cells, broken between words where there are any.

    Blanks at the beginning of a line stay, so that a reply keeps its form.
    """
    return [line for given in text.split("\n") for line in _wrapped_line(given, width)]


def _wrapped_line(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in _PIECE.findall(text):
        if not _exceeds(word, 0, width - cells(line)):
            line += word
            continue
        if line.strip():
            yield line
            word = word.lstrip()  # noqa: PLW2901 -- the blank at a break is not shown
        else:
            word = line + word  # noqa: PLW2901 -- as above
        at = 0
        while _exceeds(word, at, width):
            head = _head(word[at : at + _enough(width)], width) or word[at]
            yield head
            at += len(head)
        line = word[at:]
    yield line


_LABELLED = re.compile(r"\S+( \S+)? {2,}(?=\S)|\s*")


def flowed(text: str, width: int) -> str:
    """Prose and lists in lines of at most so many cells.

    Lines of a paragraph run on. What is indented, or stands behind a label and two blanks, goes on below its
    own beginning. What stands behind ``Example:`` is left as it is, for it may be copied.
    """
    prose, example, code = text.partition("\n\nExample:\n")
    out: list[str] = []
    for block in prose.split("\n\n"):
        lines = block.split("\n")
        if all(line and not _LABELLED.match(line).group() for line in lines):  # type: ignore[union-attr]  # it matches nothing too
            lines = [" ".join(lines)]
        out.append("\n".join(piece for line in lines for piece in _hung(line, width)))
    return "\n\n".join(out) + example + code


def _hung(line: str, width: int) -> Iterator[str]:
    found = _LABELLED.match(line)
    label = found.group() if found is not None and len(found.group()) <= width // 2 else ""
    for at, piece in enumerate(wrapped(line[len(label) :], width - len(label))):
        yield (label if at == 0 else " " * len(label)) + piece


def explain(text: str) -> None:
    """Say prose: within the terminal's width, and as it is in a pipe."""
    text = text.replace("``", "`")
    say(text if is_piped() else flowed(text, width()))


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with blanks to so many cells."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def width() -> int:
    """Columns of the terminal; ``COLUMNS`` where it is set, 80 in a pipe."""
    return max(shutil.get_terminal_size((80, 24)).columns, 20)


def is_piped() -> bool:
    """Whether another program reads what is said, which then has no width unless ``COLUMNS`` gives one."""
    return not sys.stdout.isatty() and not os.environ.get("COLUMNS")


def styled() -> bool:
    """Whether weight may be used: on a terminal, unless ``NO_COLOR`` is set or it is a dumb one."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def bold(text: str) -> str:
    """The text in bold, where that may be."""
    return click.style(text, bold=True) if styled() else text


def dim(text: str) -> str:
    """The text in less weight, where that may be."""
    return click.style(text, dim=True) if styled() else text


def say(text: str, *, end: str = "\n", err: bool = False) -> None:
    """One or more lines on standard output, or on standard error, in whatever encoding it has."""
    click.echo(_encodable(text, sys.stderr if err else sys.stdout) + end, nl=False, err=err)


def _encodable(text: str, out: object) -> str:
    encoding = getattr(out, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def relate(text: str) -> None:
    """What ``tell`` says, within the terminal's width, and on one line in a pipe."""
    explain(visible(text, lines=True))


def tell(text: str, *, err: bool = False) -> None:
    """Sentences, whatever the names in them hold; what has a style of our own is said with ``say``."""
    say(visible(text, lines=True), err=err)


def give(text: str, *, end: str = "\n") -> None:
    """What programs read, exactly as it is; on a terminal, where a person looks, it cannot act."""
    if sys.stdout.isatty():
        say(visible(text, lines=True), end=end)
        return
    # Where colour is not asked for, click takes what looks like one out of the data.
    click.echo(_encodable(text, sys.stdout) + end, nl=False, color=True)


class _Shown(io.RawIOBase):
    """What is written into it is given to a person who looks."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        give(bytes(data).decode("utf-8", "replace"), end="")
        return len(data)


def output() -> Any:
    """Where a table of text is written that has no file: as ``give``, a stretch at a time."""
    return _Shown() if sys.stdout.isatty() else sys.stdout.buffer
