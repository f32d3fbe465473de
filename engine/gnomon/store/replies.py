"""Replies on their way into the database, and which of them answer an ask again.

One invariant: what is found for a key is a reply that can be used again, the newest there is, committed or
not; failures and refusals are stored and never found.
"""

from __future__ import annotations

import time

import attrs

from gnomon.records import Reply
from gnomon.store import reading
from gnomon.store.batch import Batch
from gnomon.store.once import Once, bounded
from gnomon.store.values import (
    compress,
    json_or_none,
    readable,
    real_or_none,
    split_text,
    to_json,
    tokens_to_blob,
    vectors_to_blob,
    whole_or_none,
)

REUSABLE = ("ok", "truncated")
"""Statuses of replies that answer the same ask again; all others are attempts."""

_FILTER = (1 << 23) - 1
_BASE_BYTES = 16_384  # zlib looks back 32 KiB; an earlier payload beyond half of it crowds out the present one


@attrs.frozen
class StoredReply:
    """A reply that can be used again.

    Attributes:
        id: Its number.
        reply: The reply.
    """

    id: int
    reply: Reply


class Replies:
    """The replies of a writer.

    Args:
        batch: Where new rows wait.
        once: Where texts get their numbers.
    """

    def __init__(self, batch: Batch, once: Once) -> None:
        self._batch = batch
        self._once = once
        self._raw_bases: dict[str | None, tuple[int, str]] = {}
        self._usable: dict[bytes, StoredReply] = {}
        # Keys met since a beginning without replies, as bits of a filter: most asks of a new run are
        # new, and this spares looking for them on disk. The lock sees to it that nobody else adds any.
        self._met = bytearray(1 << 20) if batch.is_new("reply") else None

    def forget(self) -> None:
        """Let go of what is committed and so can be found in the database."""
        self._usable.clear()

    def find(self, key: bytes) -> StoredReply | None:
        """The newest reply of that key that can be used again."""
        found = self._usable.get(key)
        if found is not None:
            return found
        if self._met is not None:
            at = int.from_bytes(key[:3], "little") & _FILTER
            if not self._met[at >> 3] >> (at & 7) & 1:
                return None
        return reading.find_reply(self._batch.connection, key)

    def add(self, key: bytes, reply: Reply, attempt: int) -> int:
        """Store an attempt, whatever came of it."""
        number = self._batch.number("reply")
        text, text_exact = split_text(reply.text)
        vectors, form = vectors_to_blob(reply.vectors)
        raw, base_id = self._raw(reply)
        self._batch.rows["reply"].append(
            (
                number,
                key,
                attempt,
                reply.status,
                text,
                text_exact,
                None if reply.finish is None else readable(reply.finish),
                None if reply.probabilities is None else to_json(reply.probabilities),
                None if reply.exact is None else int(reply.exact),
                real_or_none(reply.coverage),
                tokens_to_blob(reply.tokens),
                vectors,
                form,
                json_or_none(reply.missing),
                whole_or_none(reply.tokens_in),
                whole_or_none(reply.tokens_out),
                real_or_none(reply.cost),
                None if reply.model is None else self._once.text_id(reply.model),
                raw,
                base_id,
                None if reply.error is None else readable(reply.error),
                real_or_none(reply.seconds),
                int(time.time()),
            )
        )
        self._batch.unacknowledged += 1
        if self._met is not None:
            at = int.from_bytes(key[:3], "little") & _FILTER
            self._met[at >> 3] |= 1 << (at & 7)
        if reply.status in REUSABLE:
            self._usable[key] = StoredReply(number, reply)
        return number

    def _raw(self, reply: Reply) -> tuple[bytes | None, int | None]:
        if reply.raw is None:
            return None, None
        known = self._raw_bases.get(reply.model)
        if known is not None:
            return compress(reply.raw, known[1]), known[0]
        if len(reply.raw) > _BASE_BYTES:
            return compress(reply.raw, None), None
        number = self._once.text_id(reply.raw)
        self._raw_bases[reply.model] = (number, reply.raw)
        bounded(self._raw_bases, 100)
        return compress(reply.raw, reply.raw), number
