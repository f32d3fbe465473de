"""From the bytes of a file to a parsed document, or to the one fault that prevents it.

One invariant: a text that ``tomllib`` refuses gives exactly one fault, with its place and a sentence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gnomon.errors import Fault
from gnomon.structure.positions import Positions

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@attrs.frozen
class Document:
    """A parsed TOML text.

    Attributes:
        text: The text with line ends of one newline.
        data: What ``tomllib`` made of it.
        positions: Where everything stands.
    """

    text: str
    data: Mapping[str, Any]
    positions: Positions


def read_document(path: Path) -> Document | Fault:
    """Read and parse a file; what prevents it comes back as a fault."""
    text = _read_text(path)
    return text if isinstance(text, Fault) else parse_document(text)


def parse_document(text: str) -> Document | Fault:
    """Parse a text; what prevents it comes back as a fault."""
    try:
        data = tomllib.loads(text)
    except RecursionError:
        return Fault(1, 1, "", "lists or tables are nested too deeply to be read")
    except ValueError as error:
        return _syntax_fault(str(error), text)
    try:
        return Document(text, data, Positions.of(text))
    except RecursionError:
        return Fault(1, 1, "", "lists or tables are nested too deeply to be read")


def _read_text(path: Path) -> str | Fault:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Fault(0, 0, "", "there is no such file")
    except IsADirectoryError:
        return Fault(0, 0, "", "this is a folder; give the path of a .toml file")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Fault(0, 0, "", f"the file cannot be read: {reason}")
    if data.startswith(b"\xef\xbb\xbf"):
        message = (
            "the file begins with a byte-order mark, which TOML does not allow; "
            "save it as UTF-8 without one"
        )
        return Fault(1, 1, "", message)
    if data.startswith(_UTF16):
        return Fault(1, 1, "", "the file is UTF-16 text; save it as UTF-8")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").replace("\r\n", "\n")
        line, column = _end_of(before)
        message = f"the file is not UTF-8 text (byte {data[error.start]:#04x}); save it as UTF-8"
        return Fault(line, column, "", message)


def _end_of(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def _syntax_fault(message: str, text: str) -> Fault:
    found = _PLACE.search(message)
    sentence = message[: found.start()] if found else message
    if found and found.group(1):
        line, column = int(found.group(1)), int(found.group(2))
    else:
        line, column = _end_of(text) if found else (1, 1)
        sentence += " at the end of the file" if found else ""
    return Fault(line, column, "", f"not valid TOML: {sentence[:1].lower()}{sentence[1:]}")
