"""How Python values become columns, and columns become the very same values again.

One invariant: ``decode(encode(value)) == value`` for everything a record can hold, and what a person
sees in the database stays readable: JSON is compact and keeps its letters, text stays text. What SQLite's
TEXT cannot carry (a NUL byte, a lone surrogate) is stored twice: escaped for the eye, exact as bytes.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from gnomon.errors import StoreError
from gnomon.records import FieldValue, TokenLogprob

_SURROGATES = "surrogatepass"
_SHOWN = 60


def digest(data: bytes) -> bytes:
    """16 bytes (BLAKE2b-128) that stand for the content."""
    return blake2b(data, digest_size=16).digest()


def text_bytes(text: str) -> tuple[bytes, bool]:
    """The text as UTF-8 bytes, and whether SQLite's TEXT can carry it."""
    try:
        return text.encode(), "\x00" not in text
    except UnicodeEncodeError:
        return text.encode("utf-8", _SURROGATES), False


def readable(text: str) -> str:
    """The text for the eye: NUL and lone surrogates written as escapes, all else untouched."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\x00", "\\x00") if "\x00" in text else text


def split_text(text: str) -> tuple[str, bytes | None]:
    """The columns ``body`` and ``exact`` of a text; ``exact`` is None when the body says it all."""
    data, plain = text_bytes(text)
    return (text, None) if plain else (readable(text), data)


def join_text(body: str, exact: bytes | None) -> str:
    """The text from its columns."""
    try:
        return body if exact is None else exact.decode("utf-8", _SURROGATES)
    except UnicodeDecodeError:
        raise changed(exact, "a text") from None


def changed(held: object, wanted: str) -> StoreError:
    """What is said of a value that no gnomon wrote."""
    shown = repr(held)
    shown = f"{shown[:_SHOWN]}…" if len(shown) > _SHOWN else shown
    return StoreError(
        f"the database holds {shown} where {wanted} belongs, so it was changed by something else; 'gnomon verify' "
        "says what does not fit"
    )


def _plain(value: Any) -> Any:
    # What a plugin may put into a detail beside plain data: arrays, sets, mappings of its own.
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise StoreError(
        f"a value of type {type(value).__name__} cannot be stored; plain data can: text, numbers, "
        "true and false, lists and mappings"
    )


def _finite(value: Any) -> Any:
    # JSON has no such numbers, and SQLite's JSON functions refuse a text that holds them.
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": repr(float(value))}
    if isinstance(value, Mapping):
        return {name: _finite(held) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(held) for held in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    return _finite(_plain(value))


def _number(found: dict[str, Any]) -> Any:
    return float(found["$number"]) if found.keys() == {"$number"} else found


_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain
).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain).encode


def to_json(value: Any) -> str:
    """Compact JSON that SQLite can store and its JSON functions can read.

    Raises:
        StoreError: The value holds something that is not plain data.
    """
    try:
        text = _encode(value)
    except ValueError:
        value = _finite(value)
        text = _encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = _encode_ascii(value)
    return text


def json_or_none(value: Mapping[str, Any] | Sequence[Any] | None) -> str | None:
    """JSON, or None for nothing at all: an empty column costs no space."""
    return to_json(value) if value else None


def from_json(text: str) -> Any:
    """The value that ``to_json`` was given, tuples as lists.

    Raises:
        StoreError: It is no JSON, or nests without end.
    """
    try:
        if '"$number"' in text:
            return json.loads(text, object_hook=_number)
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise changed(text, "JSON") from None


def object_from_json(text: str | None) -> dict[str, Any]:
    """The mapping that ``json_or_none`` was given; nothing at all is an empty one.

    Raises:
        StoreError: It is something else.
    """
    found = from_json(text) if text else {}
    if not isinstance(found, dict):
        raise changed(text, "a JSON object")
    return found


def list_from_json(text: str | None) -> list[Any]:
    """The list that ``json_or_none`` was given; nothing at all is an empty one.

    Raises:
        StoreError: It is something else.
    """
    found = from_json(text) if text else []
    if not isinstance(found, list):
        raise changed(text, "a JSON list")
    return found


def fields_from_json(text: str | None) -> dict[str, FieldValue]:
    """Fields of an item or a trial: lists come back as the tuples they were."""
    found = object_from_json(text)
    if text is not None and "[" in text:
        for name, value in found.items():
            if isinstance(value, list):
                found[name] = tuple(value)
    return found


def tokens_to_blob(tokens: Sequence[TokenLogprob] | None) -> bytes | None:
    """Log-probabilities of tokens as compressed JSON: ``[[token, logprob, {alternatives}], …]``."""
    if tokens is None:
        return None
    rows = [
        [token.token, token.logprob, dict(token.alternatives)]
        if token.alternatives
        else [token.token, token.logprob]
        for token in tokens
    ]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 3)


def tokens_from_blob(blob: bytes | None) -> tuple[TokenLogprob, ...] | None:
    """The tokens from their column."""
    if blob is None:
        return None
    try:
        return tuple(TokenLogprob(*row) for row in json.loads(zlib.decompress(blob)))
    except (zlib.error, ValueError, TypeError, RecursionError):
        raise changed(blob, "log-probabilities of tokens") from None


def vectors_to_blob(
    vectors: Sequence[Sequence[float]] | None,
) -> tuple[bytes | None, str | None]:
    """Vectors as little-endian floats one after the other, and their form ``f4:300,300,0``.

    Single precision is used when it loses nothing, which is so for what models and published word
    vectors give; else double.
    """
    if vectors is None:
        return None, None
    import numpy as np

    arrays = [np.asarray(vector, dtype="<f8").ravel() for vector in vectors]
    everything = np.concatenate(arrays) if arrays else np.zeros(0, dtype="<f8")
    with np.errstate(over="ignore"):
        single = everything.astype("<f4")
    exact = bool(np.array_equal(single.astype("<f8"), everything, equal_nan=True))
    form = f"{'f4' if exact else 'f8'}:{','.join(str(len(array)) for array in arrays)}"
    return (single if exact else everything).tobytes(), form


def vectors_from_blob(blob: bytes | None, form: str | None) -> tuple[tuple[float, ...], ...] | None:
    """The vectors from their columns."""
    if blob is None or form is None:
        return None
    import numpy as np

    kind, _, lengths = form.partition(":")
    values = np.frombuffer(blob, dtype=f"<{kind}").astype("<f8").tolist()
    out: list[tuple[float, ...]] = []
    at = 0
    for length in map(int, lengths.split(",") if lengths else ()):
        out.append(tuple(values[at : at + length]))
        at += length
    return tuple(out)


def compress(payload: str, base: str | None) -> bytes:
    """A provider's payload, compressed against an earlier one of the same provider."""
    data, _ = text_bytes(payload)
    packer = zlib.compressobj(6, zdict=text_bytes(base)[0]) if base else zlib.compressobj(6)
    return packer.compress(data) + packer.flush()


def decompress(blob: bytes, base: str | None) -> str:
    """The payload from its column and the payload it was compressed against."""
    unpacker = zlib.decompressobj(zdict=text_bytes(base)[0]) if base else zlib.decompressobj()
    try:
        return (unpacker.decompress(blob) + unpacker.flush()).decode("utf-8", _SURROGATES)
    except (zlib.error, UnicodeDecodeError):
        raise changed(blob, "a payload") from None


def real_or_none(value: float | None) -> float | None:
    """A number as the database's own kind: numpy's are not."""
    return None if value is None else float(value)


def whole_or_none(value: int | None) -> int | None:
    """A whole number as the database's own kind: numpy's are not. One that does not fit is not known."""
    return None if value is None or not -(2**63) <= value < 2**63 else int(value)
