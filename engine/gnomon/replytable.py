"""Tables of published replies, read by streaming and indexed by byte offset.

One invariant: the table is never held in memory: the index has 16 bytes a row, and a row found through it
is read again from the file and compared with the key that was looked for.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import attrs

from gnomon.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_WIDEST_FIELD = 1 << 27
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PAR1": "Parquet"}

Row = Mapping[str, str]


class _Lines:
    """The decoded lines of an open file, with the byte offset of the line to come."""

    def __init__(
        self, stream: BinaryIO, offset: int, number: int, file: str, encoding: str
    ) -> None:
        stream.seek(offset)
        self.stream, self.offset, self.number = stream, offset, number
        self.file, self.encoding = file, encoding

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.stream.readline()
        if not line:
            raise StopIteration
        self.offset += len(line)
        self.number += 1
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise ModelError(
                f"{self.file}:{self.number}: not {self.encoding} text (byte {error.start} of the "
                f"line: {line[error.start]:#04x}); name its encoding, or save it as UTF-8"
            ) from None


@attrs.define
class ReplyTable:
    """An open table.

    Args:
        file: A ``.csv``, ``.tsv`` or ``.jsonl`` file.
        encoding: One in which a line break is the byte 0x0a.

    Raises:
        ModelError: There is no such file, or it has no header or first row.
    """

    file: str
    encoding: str
    columns: tuple[str, ...] = attrs.field(init=False)
    _stream: BinaryIO = attrs.field(init=False, default=None)
    _start: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        path = Path(self.file)
        if path.suffix not in (*_DELIMITERS, ".jsonl"):
            raise ModelError(
                f"{self.file!r} is no table of replies; such a file ends in .csv, .tsv or .jsonl"
            )
        if not path.is_file():
            raise ModelError(f"there is no table of replies {self.file!r}")
        self._stream = path.open("rb")
        beginning = self._stream.read(4)
        for mark, what in _MARKS.items():
            if beginning.startswith(mark):
                raise ModelError(
                    f"{self.file}: this is {what} and not plain text; save it as UTF-8"
                )
        self._start = 3 if beginning.startswith(b"\xef\xbb\xbf") else 0
        csv.field_size_limit(max(csv.field_size_limit(), _WIDEST_FIELD))
        self.columns = self._header()

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def __del__(self) -> None:
        # A notebook that drops a backend without closing it leaves no open file behind.
        self.close()

    @property
    def _delimiter(self) -> str | None:
        return _DELIMITERS.get(Path(self.file).suffix)

    def _header(self) -> tuple[str, ...]:
        lines = _Lines(self._stream, self._start, 0, self.file, self.encoding)
        if self._delimiter is None:
            columns = tuple(next((row for _, row in self._objects(lines)), ()))
        else:
            columns = tuple(next((row for _, row in self._records(lines)), ()))
            self._start = lines.offset
        if not columns:
            raise ModelError(f"{self.file}: the table is empty")
        twice = [name for name, count in Counter(columns).items() if count > 1]
        if twice:
            raise ModelError(f"{self.file}: the column {twice[0]!r} occurs twice")
        return columns

    def _records(self, lines: _Lines) -> Iterator[tuple[int, Sequence[str]]]:
        assert self._delimiter is not None
        start = lines.offset
        # csv pulls one line at a time, so the offset after a record is where the next begins.
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            for record in reader:
                if record:
                    yield start, record
                start = lines.offset
        except csv.Error as error:
            raise ModelError(f"{self.file}:{lines.number}: not a readable table: {error}") from None

    def _objects(self, lines: _Lines) -> Iterator[tuple[int, dict[str, str]]]:
        start = lines.offset
        for line in lines:
            if line.strip():
                yield start, self._object(line, lines.number)
            start = lines.offset

    def _object(self, line: str, number: int) -> dict[str, str]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{self.file}:{number}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ModelError(
                f"{self.file}:{number}: expected an object, found {line.strip()[:40]!r}"
            )
        return {name: _text(cell) for name, cell in value.items()}

    def rows(self, offset: int | None = None) -> Iterator[tuple[int, Row]]:
        """Rows with their byte offsets, from the first or from an offset.

        Raises:
            ModelError: A row is malformed; the line is named.
        """
        first = self._start if offset is None else offset
        number = 0 if self._delimiter is None else 1
        lines = _Lines(self._stream, first, number, self.file, self.encoding)
        if self._delimiter is None:
            yield from self._objects(lines)
            return
        for start, record in self._records(lines):
            if len(record) != len(self.columns):
                raise ModelError(
                    f"{self.file}:{lines.number}: this row has {len(record)} cells, "
                    f"but there are {len(self.columns)} columns"
                )
            yield start, dict(zip(self.columns, record, strict=True))

    def index(self, by: Sequence[str], only: Mapping[str, str]) -> ReplyIndex:
        """An index of the rows with the given cells, by the values of some columns.

        Raises:
            ModelError: As ``rows``, or a row lacks one of the columns.
        """
        import numpy as np

        keys, offsets = array("Q"), array("Q")
        for number, (start, row) in enumerate(self.rows(), 1):
            missing = [name for name in (*by, *only) if name not in row]
            if missing:
                raise ModelError(f"{self.file}: row {number} has no {missing[0]!r}")
            if all(row[name] == value for name, value in only.items()):
                keys.append(_hash([row[name] for name in by]))
                offsets.append(start)
        hashed = np.frombuffer(keys, dtype=np.uint64) if keys else np.empty(0, np.uint64)
        where = np.frombuffer(offsets, dtype=np.uint64) if offsets else np.empty(0, np.uint64)
        order = np.argsort(hashed, kind="stable")
        return ReplyIndex(self, tuple(by), hashed[order], where[order])


@attrs.frozen(eq=False)
class ReplyIndex:
    """Where the rows of each key begin, in the order of the file.

    Attributes:
        table: The table.
        by: The columns that make the key.
        keys: Hashes of the keys of shape (rows,), ascending.
        offsets: Byte offsets of shape (rows,), ascending within a key.
    """

    table: ReplyTable
    by: tuple[str, ...]
    keys: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, values: Sequence[str]) -> Sequence[int]:
        """Offsets of the rows of that key; all rows of another key of equal hash are left out."""
        import numpy as np

        key = np.uint64(_hash(values))
        low, high = (
            np.searchsorted(self.keys, key, "left"),
            np.searchsorted(self.keys, key, "right"),
        )
        return [int(offset) for offset in self.offsets[low:high]]

    def read(self, offset: int) -> Row:
        """The row at an offset."""
        return next(row for _, row in self.table.rows(offset))

    def doubled(self) -> Row | None:
        """A row whose key occurred before; None when every key is unique."""
        import numpy as np

        again = np.flatnonzero(self.keys[1:] == self.keys[:-1])
        return self.read(int(self.offsets[again[0] + 1])) if len(again) else None


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    return json.dumps(cell, ensure_ascii=False)


def _hash(values: Sequence[str]) -> int:
    digest = blake2b(digest_size=8)
    for value in values:
        data = value.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "little") + data)
    return int.from_bytes(digest.digest(), "little")
