"""Word vectors as a memory-mapped table that opens at once and reads only what is looked up.

One invariant: a table in its place is whole. It is written beside its place and renamed into it.

A table is a folder:

=============  =================================================================================
``about.json``   where it comes from, words, dimensions, and what was counted while converting
``vectors.f32``  float32, little-endian, words × dimensions, in the order of the file
``words.utf8``   all words in byte order, one after the other
``ends.i64``     int64, where each word ends in ``words.utf8``
``rows.i32``     int32, the row of each word's vector
=============  =================================================================================

A look-up is a binary search over ``words.utf8``; no word becomes a Python object before it is asked for.
"""

from __future__ import annotations

import json
import mmap
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon import ModelError

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
_NAMED = 20


class VectorTable:
    """An open table.

    Args:
        folder: Where it lies.

    Attributes:
        about: What ``about.json`` says.
    """

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self.about: Mapping[str, Any] = json.loads((folder / "about.json").read_text("utf-8"))
        shape = (self.about["words"], self.about["dimensions"])
        self._vectors = np.memmap(folder / "vectors.f32", dtype="<f4", mode="r", shape=shape)
        # A plain view spares the bookkeeping that a memmap does on every element.
        self._ends = np.asarray(np.memmap(folder / "ends.i64", dtype="<i8", mode="r"))
        self._rows = np.asarray(np.memmap(folder / "rows.i32", dtype="<i4", mode="r"))
        with (folder / "words.utf8").open("rb") as file:
            self._words = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return int(self.about["words"])

    def __iter__(self) -> Iterator[str]:
        """The words in byte order."""
        return (self._word(index).decode("utf-8", "replace") for index in range(len(self)))

    def _word(self, index: int) -> bytes:
        begins = int(self._ends[index - 1]) if index else 0
        return self._words[begins : int(self._ends[index])]

    def find(self, word: str) -> np.ndarray | None:
        """The vector of a word, float32 of shape (dimensions,); None when there is none."""
        wanted = word.encode("utf-8", "surrogatepass")
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._word(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        if low == len(self) or self._word(low) != wanted:
            return None
        vector: np.ndarray = self._vectors[int(self._rows[low])]
        return vector

    def close(self) -> None:
        """Let go of the files."""
        self._words.close()


def write_table(
    pairs: Iterable[tuple[bytes, np.ndarray]], folder: Path, about: Mapping[str, Any]
) -> None:
    """Write a table into its place.

    A word that comes twice keeps its first vector; the others are counted. Vectors that are zero or not
    finite are kept as they are and counted, so that who asks for such a word is told.

    Args:
        pairs: Words and vectors.
        folder: Its place.
        about: What to note about its origin.

    Raises:
        ModelError: There are no words, or the vectors differ in length.
    """
    import numpy as np

    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".converting-", dir=folder.parent))
    try:
        words: dict[bytes, int] = {}
        dimensions = None
        counted: dict[str, list[str]] = {"repeated": [], "zero": [], "not_finite": []}
        numbers = dict.fromkeys(counted, 0)

        def count(what: str, word: bytes) -> None:
            numbers[what] += 1
            if len(counted[what]) < _NAMED:
                counted[what].append(word.decode("utf-8", "replace"))

        with (made / "vectors.f32").open("wb") as out:
            for word, vector in pairs:
                if dimensions is None:
                    dimensions = len(vector)
                if len(vector) != dimensions:
                    raise ModelError(
                        f"the vector of {word.decode('utf-8', 'replace')!r} has {len(vector)} numbers; "
                        f"those before it have {dimensions}"
                    )
                if word in words:
                    count("repeated", word)
                    continue
                words[word] = len(words)
                if not np.isfinite(vector).all():
                    count("not_finite", word)
                elif not vector.any():
                    count("zero", word)
                out.write(np.ascontiguousarray(vector, dtype="<f4").tobytes())
        if not words:
            raise ModelError(f"there are no vectors in {about.get('source', 'the file')!r}")
        _write_words(words, made)
        note = {
            "format": FORMAT,
            **about,
            "words": len(words),
            "dimensions": dimensions,
            "capitals": any(_has_capitals(word) for word in words),
            **{
                what: {"count": numbers[what], "first": named}
                for what, named in counted.items()
                if named
            },
        }
        (made / "about.json").write_text(json.dumps(note, ensure_ascii=False, indent=1), "utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_words(words: Mapping[bytes, int], folder: Path) -> None:
    import numpy as np

    ordered = sorted(words)
    lengths = np.fromiter((len(word) for word in ordered), dtype="<i8", count=len(ordered))
    (folder / "words.utf8").write_bytes(b"".join(ordered))
    (folder / "ends.i64").write_bytes(lengths.cumsum().astype("<i8").tobytes())
    rows = np.fromiter((words[word] for word in ordered), dtype="<i4", count=len(ordered))
    (folder / "rows.i32").write_bytes(rows.tobytes())


def _has_capitals(word: bytes) -> bool:
    text = word.decode("utf-8", "replace")
    return text.lower() != text
