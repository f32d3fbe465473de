"""Who is answered, and what may leave: requests from other pages, and cells that a spreadsheet would run.

One invariant: a page of another site can neither read, show nor time anything that is served; it can at most link to
it, as anyone can.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gnomon.export.cells import safe_text
from gnomon.export.files import long_cells

NAMES = ("127.0.0.1", "localhost", "[::1]")
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_ELSEWHERE = (b"cross-site", b"same-site")
"""What browsers say of a request that a page of another site, or of another port, has made."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?|-inf")
_TABLES = (b"text/csv", b"text/plain")

Send = Callable[[dict[str, Any]], Awaitable[None]]


def refused(headers: Mapping[bytes, bytes]) -> str | None:
    """Why a request is not answered; None where it is.

    A page elsewhere could have its name point here; the browser would then send that name. And it could ask by
    the right name, and learn from how long the answer takes what it may not read.
    """
    host = headers.get(b"host", b"").decode("latin-1")
    if host.rpartition(":")[0] not in NAMES and host not in NAMES:
        return "this server answers to the names of this machine only\n"
    linked = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest")) == (
        b"navigate",
        b"document",
    )
    if headers.get(b"sec-fetch-site") in _ELSEWHERE and not linked:
        return "this server answers to its own pages only\n"
    return None


def guarded(path: str, send: Send) -> Send:
    """Send with our headers, and rows of CSV so that no cell of text is a formula.

    Datasette sends a row at a time, each as one message.
    """
    table = path.endswith(".csv")

    async def sending(message: dict[str, Any]) -> None:
        nonlocal table
        if message["type"] == "http.response.start":
            headers = message.get("headers", [])
            kind = dict(headers).get(b"content-type", b"")
            table = table and kind.startswith(_TABLES)
            message["headers"] = [*headers, *HEADERS]
        elif table and message.get("body"):
            message["body"] = _safe_rows(message["body"])
        await send(message)

    return sending


def _safe_rows(body: bytes) -> bytes:
    out = io.StringIO()
    with long_cells():
        for row in csv.reader(io.StringIO(body.decode(), newline="")):
            cells = [cell if _NUMBER.fullmatch(cell) else safe_text(cell) for cell in row]
            csv.writer(out).writerow(cells)
    return out.getvalue().encode()
