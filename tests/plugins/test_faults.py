"""What a failed call means: waiting times, statuses, and sentences without secrets."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_plugins.backends.faults import (
    LONGEST_WAIT,
    from_status,
    is_filtered,
    retry_after,
    scrub,
    sentence_of,
)

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 3600, usegmt=True)}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, LONGEST_WAIT),
        ({"retry-after": "9" * 400}, LONGEST_WAIT),
        ({"retry-after": "Fri, 99 Foo 20250 00:00:00 GMT"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": str(NOW + 20)}, 20.0),
        ({"x-ratelimit-reset": str((NOW + 20) * 1000)}, 20.0),
        ({"x-ratelimit-reset": "1m30s"}, 90.0),
        ({"x-ratelimit-reset": "250ms"}, 0.25),
        ({"x-ratelimit-reset": "2h0m1.5s"}, 7201.5),
        ({"x-ratelimit-reset": "2023-11-14T22:13:50Z"}, 30.0),
        ({"retry-after": "3", "x-ratelimit-reset": "60"}, 3.0),
        (
            {
                "retry-after": formatdate(NOW + 3605, usegmt=True),
                "date": formatdate(NOW + 3600, usegmt=True),
            },
            5.0,
        ),
        ({"retry-after": formatdate(NOW + 30, usegmt=True), "date": "today"}, 30.0),
    ],
)
def test_waiting_times(headers, seconds):
    """Seconds, dates, durations and points in time are read; nonsense is no answer."""
    assert retry_after(headers, NOW) == seconds


@given(st.text(), st.floats(0, 4e9))
def test_waiting_times_are_sane_for_any_header(text, now):
    """Whatever a header says, the wait is unknown or between 0 and a day."""
    for name in ("retry-after-ms", "retry-after", "x-ratelimit-reset"):
        wait = retry_after({name: text, "date": text}, now)
        assert wait is None or 0 <= wait <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("status", "body", "message", "retry", "fatal"),
    [
        (429, '{"error": {"message": "slow down"}}', "m answered 429: slow down", True, False),
        (429, '{"error": {"message": "no", "code": "insufficient_quota"}}', "m answered 429 (the quota is used up): no", False, True),
        (500, "", "m answered 500", True, False),
        (501, "", "m answered 501", False, True),
        (502, "<html><h1>Bad  Gateway</h1></html>", "m answered 502: Bad Gateway", True, False),
        (529, '{"error": {"type": "overloaded_error", "message": "Overloaded"}}', "m answered 529: Overloaded", True, False),
        (401, '{"error": "bad key"}', "m answered 401 (the key is missing, wrong or expired, or has no access): bad key", False, True),
        (402, '{"detail": "pay"}', "m answered 402: pay", False, True),
        (404, '{"message": "no such model"}', "m answered 404 (there is no such model or address): no such model", False, True),
        (408, "", "m answered 408", True, False),
        (400, '{"error": {"message": "temperature must be a number"}}', "m answered 400: temperature must be a number", False, False),
        (400, '{"error": {"message": "This model\'s maximum context length is 8 tokens"}}', "m answered 400 (the prompt is longer than the model's context): This model's maximum context length is 8 tokens", False, False),
        (413, "request too long", "m answered 413 (the prompt is longer than the model's context): request too long", False, False),
        (422, '{"detail": [{"msg": "field required"}]}', "m answered 422: field required", False, False),
        (307, "", "m answered 307 (the address redirects; give the final base_url)", False, True),
    ],
)  # fmt: skip
def test_statuses(status, body, message, retry, fatal):
    """Each status says whether to try again and whether to stop everything."""
    failed = from_status(status, body, "m", {"retry-after": "4"}, NOW)
    assert (failed.message, failed.retry, failed.fatal) == (message, retry, fatal)
    assert failed.after == (4.0 if retry else None)


@pytest.mark.parametrize(
    ("status", "headers", "limited"),
    [
        (429, {}, True),
        (529, {}, True),
        (503, {"retry-after": "4"}, True),
        (503, {}, False),
        (500, {"retry-after": "4"}, False),
        (408, {}, False),
    ],
)
def test_being_asked_too_often_is_told_from_other_faults(status, headers, limited):
    """Only then had all calls better be fewer; a used-up quota is another matter."""
    assert from_status(status, "", "m", headers, NOW).limited is limited
    assert not from_status(429, "insufficient_quota", "m", headers, NOW).limited


def test_filtered_by_status():
    """A content filter that answers with an error status is known by its words."""
    assert is_filtered(400, '{"error": {"code": "content_filter"}}')
    assert is_filtered(400, "The prompt triggered our content management policy")
    assert not is_filtered(400, "temperature must be a number")
    assert not is_filtered(500, "content_filter")


@given(st.text(max_size=2000) | st.recursive(st.none() | st.text(), st.lists).map(str))
def test_any_body_becomes_one_short_line(body):
    """Whatever an error body holds, what is shown of it is one line of at most 301 characters."""
    said = sentence_of(body)
    assert len(said) <= 301
    assert "\n" not in said


def test_secrets_are_scrubbed(monkeypatch):
    """Given secrets, secrets of the environment, and what looks like one, do not get out."""
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    text = "key hunter2-hunter2, sk-abc123def456ghi, Bearer eyJhbGci.x, mine: s3cr3t!"
    assert scrub(text, ["s3cr3t!"]) == "key [secret], [secret], Bearer [secret], mine: [secret]"
    assert scrub("a plain sentence") == "a plain sentence"
