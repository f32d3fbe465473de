"""Reading word vectors, one word after the other, from the formats they are published in.

One invariant: a line or record that does not fit is an error with its place, never skipped; the whole file
is never held as Python numbers.

Formats are told by the file's ending: ``.npz`` (arrays ``words`` and ``vectors``), ``.json`` (word →
numbers, or ``{"dimensions": n, "vectors": {…}}`` with further numbers behind the first n), ``.bin``
(word2vec), ``.kv`` and ``.model`` (gensim), anything else as text (GloVe, or word2vec with its header).
``.gz`` behind text or ``.bin`` is unpacked on the way.
"""

from __future__ import annotations

import codecs
import gzip
import json
import mmap
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gnomon import ModelError

if TYPE_CHECKING:
    import numpy as np

Pair = tuple[bytes, "np.ndarray"]
"""A word in UTF-8 and its vector, float32 of shape (dimensions,)."""

_FASTTEXT = (793712314).to_bytes(4, "little")
_HEADER = re.compile(rb"(\d+) (\d+)\s*\Z")
_KEY = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*(\[?)')
_DIMENSIONS = re.compile(rb'"dimensions"\s*:\s*(\d+)')
_INSIDE = re.compile(rb'"vectors"\s*:\s*(?=\{)')


def read_vectors(path: Path) -> Iterator[Pair]:
    """Words and vectors in the file's order.

    Raises:
        ModelError: The file is not of its format, empty, or of a format that needs a library that is
            not installed.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".npz"):
        return _npz(path)
    if name.endswith(".json"):
        return _json(path)
    if name.endswith((".kv", ".model")):
        return _gensim(path)
    return _binary(path) if name.endswith(".bin") else _text(path)


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _numbers(data: str | bytes, separator: str) -> np.ndarray | None:
    """Numbers in text, or None when something else stands between them."""
    import numpy as np

    with warnings.catch_warnings():
        # numpy announces text behind the numbers by a warning.
        warnings.simplefilter("error")
        try:
            return np.fromstring(data, dtype=np.float64, sep=separator)
        except (DeprecationWarning, ValueError):
            return None


def _text(path: Path) -> Iterator[Pair]:
    import numpy as np

    dimensions = None
    with _open(path) as lines:
        # Words may hold Unicode line breaks, so lines are cut as bytes.
        for number, raw in enumerate(lines, start=1):
            line = raw.rstrip()
            if number == 1 and (header := _HEADER.match(line)):
                dimensions = int(header.group(2))
                continue
            if not line:
                continue
            if dimensions is None:
                dimensions = line.count(b" ")
            # Words may hold spaces, so the numbers are counted from the end of the line.
            word, *tail = line.rsplit(b" ", dimensions)
            values = _numbers(b" ".join(tail), " ") if len(tail) == dimensions else None
            if values is None or len(values) != dimensions or not dimensions:
                raise ModelError(
                    f"{str(path)!r} line {number} is not a word and {dimensions} numbers; it begins "
                    f"{line[:40].decode('utf-8', 'replace')!r}"
                )
            yield word, values.astype(np.float32)


def _binary(path: Path) -> Iterator[Pair]:
    import numpy as np

    with _open(path) as file:
        first = file.readline(64)
        if first.startswith(_FASTTEXT):
            raise ModelError(
                f"{str(path)!r} is a fastText model, which holds more than word vectors; "
                "give its .vec file"
            )
        header = _HEADER.match(first.rstrip())
        if header is None:
            raise ModelError(
                f"{str(path)!r} does not begin with the number of words and of dimensions, as a "
                "word2vec binary file does"
            )
        count, dimensions = int(header.group(1)), int(header.group(2))
        size = 4 * dimensions
        buffer = b""
        for index in range(count):
            while (end := buffer.find(b" ")) < 0 or len(buffer) < end + 1 + size:
                more = file.read(1 << 20)
                if not more:
                    raise ModelError(
                        f"{str(path)!r} ends within word {index + 1} of {count}; it was not copied whole"
                    )
                buffer += more
            vector = np.frombuffer(buffer, dtype="<f4", count=dimensions, offset=end + 1)
            # Some writers end each vector by a line break.
            yield buffer[:end].lstrip(b"\n"), vector
            buffer = buffer[end + 1 + size :]


def _json(path: Path) -> Iterator[Pair]:
    import numpy as np

    with path.open("rb") as file:
        if not file.read(1):
            return
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with text:
        keep, at = None, 3 if text[:3] == codecs.BOM_UTF8 else 0
        declared = _DIMENSIONS.search(text[:4096])
        inside = _INSIDE.search(text) if declared is not None else None
        if declared is not None and inside is not None:
            keep, at = int(declared.group(1)), inside.end()
        while key := _KEY.match(text, at):
            word = _key(key.group(1), path, key.start(1))
            end = text.find(b"]", key.end())
            values = _numbers(text[key.end() : end], ",") if key.group(2) and end > 0 else None
            if values is None or not len(values):
                raise ModelError(
                    f"{str(path)!r} at byte {key.start(1)}: {word!r} is not followed by a list of "
                    'numbers; expected {"word": [0.1, …], …}'
                )
            yield word.encode("utf-8", "replace"), values[:keep].astype(np.float32)
            at = end + 1
        if not text[at : at + 64].lstrip().startswith(b"}"):
            raise ModelError(
                f'{str(path)!r} is not whole JSON of the form {{"word": [0.1, …], …}}: '
                f"it breaks off at byte {at}"
            )


def _key(quoted: bytes, path: Path, at: int) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError as error:
        raise ModelError(f"{str(path)!r} at byte {at}: not a JSON text: {error}") from None


def _npz(path: Path) -> Iterator[Pair]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            whole = {"words", "vectors"} <= {*names}
            found = (archive["words"], archive["vectors"]) if whole else None
    except (ValueError, OSError) as error:
        raise ModelError(f"{str(path)!r} is not a readable .npz file: {error}") from None
    if found is None:
        raise ModelError(
            f"{str(path)!r} needs the arrays 'words' and 'vectors'; it has: {', '.join(sorted(names))}"
        )
    words, vectors = found
    if words.ndim != 1 or vectors.ndim != 2 or len(words) != len(vectors):
        raise ModelError(
            f"{str(path)!r}: 'words' has the shape {words.shape} and 'vectors' {vectors.shape}; "
            "expected (n,) and (n, dimensions)"
        )
    for word, vector in zip(words, vectors, strict=True):
        yield str(word).encode("utf-8", "replace"), vector.astype(np.float32)


def _gensim(path: Path) -> Iterator[Pair]:
    import numpy as np

    try:
        from gensim.models import KeyedVectors
    except ImportError:
        raise ModelError(
            f"{str(path)!r} is a gensim file, and gensim is not installed; install it with "
            "'pip install gensim', or save the vectors with save_word2vec_format"
        ) from None
    loaded: Any = KeyedVectors.load(str(path), mmap="r")
    vectors: Any = getattr(loaded, "wv", loaded)
    for index, word in enumerate(vectors.index_to_key):
        yield str(word).encode("utf-8", "replace"), np.asarray(vectors.vectors[index], np.float32)
