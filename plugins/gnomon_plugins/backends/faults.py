"""What a failed call means: whether to try again, how long to wait, and whether to stop.

One invariant: no sentence made here holds a secret, and no failure is turned into a reply, save that a
provider's word for filtered content is a reply of status ``filtered``.

=============================  =========  =========  ==========================================
what came                      try again  stop all   why
=============================  =========  =========  ==========================================
401, 402, 403, 404, 405, 410   no         yes        key, quota, model or address are wrong
429, "quota is used up"        no         yes        waiting does not help
408, 409, 425, 429             yes        no         the provider is busy
400, 413, 422 and other 4xx    no         no         this ask is not accepted; others may be
501, 505                       no         yes        the server cannot do this at all
other 5xx, 529                 yes        no         the provider has a fault
3xx                            no         yes        the address is another
=============================  =========  =========  ==========================================
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from gnomon import CallFailed

LONGEST_WAIT = 86_400.0
"""Seconds; a longer wait is cut to this, a day."""

_STOP = frozenset({401, 402, 403, 404, 405, 410, 501, 505})
_AGAIN = frozenset({408, 409, 425, 429})
_CROWDED = frozenset({429, 529})
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?\Z")
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum (context|prompt)|too many (input )?tokens"
    r"|(prompt|input|request).{0,30}(too long|exceed)|exceed_context_size|context_length_exceeded",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content_?(policy|filter)|content management policy|responsible_?ai|flagged as", re.IGNORECASE
)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|credit balance", re.IGNORECASE)
_WORDS = tuple(
    (re.compile(words, re.IGNORECASE), status)
    for words, status in (
        ("rate_?limit|quota|too_many|resource_exhausted", 429),
        ("overloaded", 529),
        ("authentication|api_key|unauthenticated|unauthorized", 401),
        ("permission", 403),
        ("not_found", 404),
        ("content_?(filter|policy)|invalid_|bad_?request|context_length", 400),
    )
)
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTH", re.IGNORECASE)
_SECRET_SHAPE = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|key)[-_][A-Za-z0-9_*-]{8,}|(?<=[Bb]earer )[^\s\"',}]+|AIza[\w-]{20,}"
)
_SHOWN = 300


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the provider asks to wait, or None when it does not say, or says nonsense.

    ``retry-after-ms``, ``retry-after`` (seconds or an HTTP date) and ``x-ratelimit-reset`` (seconds, a
    time since 1970 in seconds or milliseconds, a duration such as ``1m30s``, or a date) are read in
    this order. A date that has passed means no wait; a negative number means nothing. A point in time is
    counted from the ``date`` that the provider itself gives, so that clocks which differ do no harm.

    Args:
        headers: Header names in lower case, or any mapping that ignores case.
        now: The time here, in seconds since 1970, for providers that do not say theirs.

    >>> retry_after({"retry-after": "2.5"}, now=0.0)
    2.5
    >>> retry_after({"retry-after": "soon"}, now=0.0) is None
    True
    """
    said = headers.get("date")
    there = None if said is None else _instant(said.strip())
    now = now if there is None else there
    for name, scale in (
        ("retry-after-ms", 0.001),
        ("retry-after", 1.0),
        ("x-ratelimit-reset", 1.0),
    ):
        text = headers.get(name)
        if text is None:
            continue
        wait = _seconds(text.strip(), now, since_1970=name == "x-ratelimit-reset")
        if wait is not None:
            return min(wait * scale, LONGEST_WAIT)
    return None


def _seconds(text: str, now: float, *, since_1970: bool) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return _duration(text) if text[:1].isdigit() and text[-1:] == "s" else _until(text, now)
    if math.isnan(number) or number < 0:
        return None
    if since_1970 and number > 1e12:
        number /= 1000
    # A wait of more than ten years is a point in time.
    if since_1970 and number > 3.2e8:
        return max(0.0, number - now)
    return number


def _duration(text: str) -> float | None:
    found = _DURATION.match(text)
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds, thousandths = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000


def _until(text: str, now: float) -> float | None:
    when = _instant(text)
    return None if when is None else max(0.0, when - now)


def _instant(text: str) -> float | None:
    """A date, as HTTP or ISO 8601 has it, in seconds since 1970."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        return when.timestamp()
    except (OverflowError, ValueError):
        return None


def from_status(
    status: int,
    body: str,
    who: str,
    headers: Mapping[str, str],
    now: float,
    secrets: Iterable[str] = (),
) -> CallFailed:
    """The failure that an HTTP status and its body mean.

    Args:
        status: The status code.
        body: The body as text; only the provider's own sentence in it is shown.
        who: Who answered, for the sentence: a model and an address.
        headers: As for ``retry_after``.
        now: As for ``retry_after``.
        secrets: What may not be in the sentence.
    """
    said = sentence_of(scrub(body, secrets))
    tail = f": {said}" if said else ""
    again = status in _AGAIN or (status >= 500 and status not in _STOP)
    stop = status in _STOP or 300 <= status < 400
    hint = ""
    if status == 429 and _QUOTA.search(body):
        again, stop, hint = False, True, " (the quota is used up)"
    elif status in (401, 403):
        hint = " (the key is missing, wrong or expired, or has no access)"
    elif status in (404, 410):
        hint = " (there is no such model or address)"
    elif status in (400, 413, 422) and _TOO_LONG.search(body):
        hint = " (the prompt is longer than the model's context)"
    elif 300 <= status < 400:
        hint = " (the address redirects; give the final base_url)"
    after = retry_after(headers, now) if again else None
    limited = again and (status in _CROWDED or (status == 503 and after is not None))
    return CallFailed(
        f"{who} answered {status}{hint}{tail}",
        retry=again,
        after=after,
        fatal=stop,
        limited=limited,
    )


def status_within(error: Any) -> int:
    """The status that an error in a body with status 200 stands for; 500 where it does not say.

    >>> status_within({"code": "429", "message": "slow down"})
    429
    >>> status_within({"type": "overloaded_error"})
    529
    """
    if not isinstance(error, Mapping):
        return 500
    for name in ("code", "status", "status_code"):
        found = str(error.get(name))
        if found.isascii() and found.isdigit() and 400 <= int(found[:4]) < 600:
            return int(found[:4])
    words = " ".join(str(error.get(name)) for name in ("code", "type", "status"))
    unknown = 400 if _FILTERED.search(str(error.get("message"))) else 500
    return next((status for form, status in _WORDS if form.search(words)), unknown)


def is_filtered(status: int, body: str) -> bool:
    """Whether a refusal by status is the provider's content filter."""
    return status in (400, 403, 422) and _FILTERED.search(body) is not None


def sentence_of(body: str) -> str:
    """The provider's sentence in an error body, on one line and cut; empty when there is none."""
    try:
        found = _message(json.loads(body))
    except (ValueError, RecursionError):
        found = re.sub(r"<[^>]*>", " ", body)
    # Half a character can be in JSON, and in no file or terminal.
    text = " ".join(str(found).encode("utf-8", "backslashreplace").decode().split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _message(value: Any) -> str:
    """The innermost text under the keys that providers use."""
    if isinstance(value, list):
        return _message(value[0]) if value else ""
    if isinstance(value, Mapping):
        for key in ("message", "error", "detail", "msg", "object"):
            if value.get(key):
                return _message(value[key])
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value) if value is not None else ""


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: those given, those in the environment, and what looks like one."""
    known = {*secrets, *(v for k, v in os.environ.items() if _SECRET_NAME.search(k))}
    # The longest first, so that no tail of a secret that begins with another stays behind.
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= 6:
            text = text.replace(secret, "[secret]")
    return _SECRET_SHAPE.sub("[secret]", text)
