"""The http backend against a server that misbehaves: what is tried again, what stops, what is said."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from gnomon import CallFailed, Chat, Embed, Loglik, Message
from gnomon_plugins.backends.http import Http
from servers import Answer, completion, one_after_another, serving

ASK = Chat(messages=(Message("user", "Which?"),))


def failure(answer, url: str | None = None, **options) -> CallFailed:
    """The one failure of one ask; the server must have been asked at most once."""

    async def asked(url: str):
        backend = Http(model="m", base_url=url, **options)
        try:
            with pytest.raises(CallFailed) as failed:
                await backend.ask(ASK)
            return failed.value
        finally:
            await backend.close()

    with serving(answer) as server:
        got = asyncio.run(asked(url or server.url))
        assert len(server.requests) <= 1
    got.message = got.message.replace(url or server.url, "URL")
    return got


def error(status: int, message: str = "oh", code=None, **headers: str) -> Answer:
    body = {"error": {"message": message, "type": "t", "code": code}}
    return Answer(
        status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize(
    ("answer", "message", "retry", "after", "fatal"),
    [
        (error(429), "http:m at URL answered 429: oh", True, None, False),
        (error(429, retry_after="2"), "http:m at URL answered 429: oh", True, 2.0, False),
        (error(429, retry_after="soon"), "http:m at URL answered 429: oh", True, None, False),
        (error(429, code="insufficient_quota"), "http:m at URL answered 429 (the quota is used up): oh", False, None, True),
        (error(500), "http:m at URL answered 500: oh", True, None, False),
        (Answer(status=502, body=b"<html>Bad gateway</html>", content_type="text/html"), "http:m at URL answered 502: Bad gateway", True, None, False),
        (Answer(status=500, body=b'{"error": {"message": "half \\ud800"}}'), "http:m at URL answered 500: half \\ud800", True, None, False),
        (error(503, retry_after="0"), "http:m at URL answered 503: oh", True, 0.0, False),
        (error(529), "http:m at URL answered 529: oh", True, None, False),
        (error(401, "expired"), "http:m at URL answered 401 (the key is missing, wrong or expired, or has no access): expired", False, None, True),
        (error(404, "no model m"), "http:m at URL answered 404 (there is no such model or address): no model m", False, None, True),
        (error(400, "bad parameter"), "http:m at URL answered 400: bad parameter", False, None, False),
        (error(400, "the request exceeds the available context size"), "http:m at URL answered 400 (the prompt is longer than the model's context): the request exceeds the available context size", False, None, False),
        (Answer(status=307, headers={"location": "http://127.0.0.1:9/"}), "http:m at URL answered 307 (the address redirects; give the final base_url)", False, None, True),
        (Answer(body={"error": {"message": "busy behind", "code": 503}}), "http:m at URL answered 503: busy behind", True, None, False),
        (Answer(body={"error": "odd"}), "http:m at URL answered 500: odd", True, None, False),
        (Answer(body={"error": {"message": "slow", "code": "429"}}), "http:m at URL answered 429: slow", True, None, False),
        (Answer(body={"error": {"message": "slow", "code": 429}, "choices": []}), "http:m at URL answered 429: slow", True, None, False),
        (Answer(body={"error": {"message": "slow", "code": None, "type": "rate_limit_error"}, "choices": None}), "http:m at URL answered 429: slow", True, None, False),
        (Answer(body={"error": {"message": "no more", "code": "insufficient_quota"}}), "http:m at URL answered 429 (the quota is used up): no more", False, None, True),
        (Answer(body={"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}), "http:m at URL answered 529: Busy", True, None, False),
        (Answer(body={"error": {"type": "authentication_error", "message": "who?"}}), "http:m at URL answered 401 (the key is missing, wrong or expired, or has no access): who?", False, None, True),
        (Answer(body={"error": {"type": "invalid_request_error", "message": "odd"}}), "http:m at URL answered 400: odd", False, None, False),
        (Answer(body={"object": "error", "message": "no model m", "type": "NotFoundError", "code": 404}), "http:m at URL answered 404 (there is no such model or address): no model m", False, None, True),
        (Answer(body={"error": {"code": 99999999999999999999, "message": "odd"}}), "http:m at URL answered 500: odd", True, None, False),
    ],
)  # fmt: skip
def test_errors_by_status(answer, message, retry, after, fatal):
    """Each status says what follows, with the provider's own sentence."""
    got = failure(answer)
    assert (got.message, got.retry, got.after, got.fatal) == (message, retry, after, fatal)


def test_retry_after_as_a_date(monkeypatch):
    """A date is turned into the seconds until then."""
    now = float(int(time.time()))
    monkeypatch.setattr(time, "time", lambda: now)
    got = failure(error(429, retry_after=formatdate(now + 30, usegmt=True)))
    assert got.after == 30


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(body=b'{"choices": ['), "http:m at URL answered with something that is not JSON: '{\"choices\": ['"),
        (Answer(body=b"<html>hi</html>", content_type="text/html"), "http:m at URL answered with something that is not JSON: '<html>hi</html>'"),
        (Answer(body=b""), "http:m at URL answered with something that is not JSON: ''"),
        (Answer(body=b'{"a": "\xff"}'), "http:m at URL answered with bytes that are not UTF-8, from byte 7: b'\\xff\"}'"),
        (Answer(body=b"[" * 100_000), f"http:m at URL answered with something that is not JSON: '{'[' * 40}'"),
        (Answer(body=b"[1]"), "http:m at URL answered with JSON that is not an object"),
        (Answer(body={**completion(), "choices": []}), "http:m at URL answered with no choice"),
        (Answer(body={}), "http:m at URL answered with JSON that has no 'choices'"),
        (Answer(reset_after=0), "http:m at URL broke the connection off: Connection reset by peer"),
        (Answer(body=completion("x" * 5000), reset_after=100), "http:m at URL broke off in the middle of its answer"),
        (Answer(body=b"x", headers={"content-length": "zz"}), "http:m at URL answered with what is no HTTP: Invalid character in Content-Length: b'content-length: zz' ^"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_reply(answer, message):
    """A body that cannot be read, or is cut off, may be tried again."""
    got = failure(answer)
    assert got.message == message
    assert (got.retry, got.fatal) == (True, False)


def test_a_wrong_content_type_does_not_matter():
    """A good payload under another content type is read."""
    answer = Answer(body=completion("fine"), content_type="text/plain")
    with serving(answer) as server:
        assert _reply(server.url).text == "fine"


def _reply(url: str, **options):
    async def asked():
        backend = Http(model="m", base_url=url, **options)
        try:
            return await backend.ask(ASK)
        finally:
            await backend.close()

    return asyncio.run(asked())


def test_a_body_that_never_ends():
    """It is given up when it is too large, whatever the header said of its length."""
    got = failure(Answer(endless=b" " * 100_000), max_body=1_000_000)
    assert got.message == (
        "http:m at URL answered with more than 1,000,000 bytes, and 1,000,000 are allowed (max_body)"
    )
    assert got.retry
    got = failure(Answer(endless=b" "), body_timeout=0.3)
    assert got.message == "http:m at URL began to answer and did not finish within 0.3 s"
    assert got.retry


def test_a_body_of_50_megabytes():
    """It is read when it is allowed, and given up by its announced length when it is not."""
    big = Answer(body=completion("x" * 50_000_000))
    with serving(big) as server:
        assert len(_reply(server.url).text) == 50_000_000
    got = failure(big, max_body=10_000_000)
    size = f"{len(big.data):,}"
    assert got.message == (
        f"http:m at URL answered with {size} bytes, and 10,000,000 are allowed (max_body)"
    )


def test_a_slow_drip_is_given_up():
    """A body that comes byte by byte ends with the body's time, a silent server with the call's."""
    got = failure(Answer(body=completion("x"), drip=0.05), body_timeout=0.2)
    assert got.message == "http:m at URL began to answer and did not finish within 0.2 s"
    got = failure(Answer(body=completion("x"), delay=20), timeout=0.2)
    assert got.message == "http:m at URL did not answer within 0.2 s"
    assert got.retry


def test_a_body_that_is_not_utf_8():
    """It is said where, and tried again."""
    body = json.dumps(completion("QQ")).encode().replace(b"QQ", b"\xff\xfe")
    got = failure(Answer(body=body))
    at = body.index(b"\xff")
    assert got.message == (
        f"http:m at URL answered with bytes that are not UTF-8, from byte {at}: {body[at : at + 20]!r}"
    )
    assert (got.retry, got.fatal) == (True, False)


def test_a_server_without_tls():
    """Plain HTTP under an https address stops the run."""
    with serving(completion()) as server:
        got = failure(completion(), url=server.url.replace("http://", "https://"))
    assert got.message == (
        "http:m at URL does not speak TLS as it should: wrong version number (without TLS, the address "
        "begins with http://)"
    )
    assert (got.retry, got.fatal) == (False, True)


def test_a_certificate_that_cannot_be_trusted(tmp_path):
    """A certificate that nobody vouches for stops the run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    with serving(completion(), tls=context) as server:
        got = failure(completion(), url=server.url.replace("http://", "https://"))
    assert got.message == (
        "http:m at URL has a certificate that cannot be trusted: self-signed certificate"
    )
    assert (got.retry, got.fatal) == (False, True)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address that no authority has signed, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


def test_a_name_that_is_not_known():
    """A host that was never reached is a wrong address and stops the run."""
    got = failure(completion(), url="http://nowhere.invalid:8000/v1")
    assert got.message.startswith("the name of http:m at URL is not known: ")
    assert (got.retry, got.fatal) == (False, True)


def test_nobody_listens():
    """A refused connection may be tried again: the server may be starting."""
    # Taken and not listened on, so that nobody else can come to listen there.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        got = failure(completion(), url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
    assert got.message == "http:m at URL could not be reached: Connection refused"
    assert (got.retry, got.fatal) == (True, False)


def test_content_filter_by_status_and_by_finish():
    """Filtered prompts and filtered replies are filtered, not failed."""
    with serving(error(400, "flagged", "content_filter")) as server:
        assert _reply(server.url).status == "filtered"
        backend = Http(model="m", base_url=server.url)

        async def embedded():
            try:
                return await backend.ask(Embed(texts=("a",)))
            finally:
                await backend.close()

        assert asyncio.run(embedded()).status == "filtered"

        async def weighed():
            judged = Http(model="m", base_url=server.url, flavour="vllm")
            try:
                return await judged.ask(Loglik(text="a"))
            finally:
                await judged.close()

        assert asyncio.run(weighed()).status == "filtered"
    with serving(completion("So", finish_reason="content_filter")) as server:
        assert _reply(server.url).status == "filtered"
    for code in (None, 400, "content_filter"):
        behind = {"error": {"message": "caught by the content management policy", "code": code}}
        with serving(Answer(body=behind)) as server:
            assert _reply(server.url).status == "filtered"


def test_a_model_that_is_gone_half_way():
    """After good replies a 404 stops the run; what was answered stays answered."""

    async def asked(url: str):
        backend = Http(model="m", base_url=url)
        try:
            first = [await backend.ask(ASK) for _ in range(2)]
            with pytest.raises(CallFailed) as failed:
                await backend.ask(ASK)
            return first, failed.value
        finally:
            await backend.close()

    good = completion("x")
    with serving(one_after_another(good, good, error(404, "m was unloaded"))) as server:
        first, got = asyncio.run(asked(server.url))
        assert [reply.text for reply in first] == ["x", "x"]
        assert got.message == (
            f"http:m at {server.url} answered 404 (there is no such model or address): m was unloaded"
        )
        assert got.fatal


@pytest.mark.parametrize("later", [0.0, 0.001, 0.02])
@pytest.mark.parametrize("busy", [False, True])
def test_a_duplicate_response_answers_nobody_else(later, busy):
    """A response sent twice must not become the reply to the next ask on that connection.

    Neither when it was read while the connection was idle, nor when it still waits in the socket
    because the process was busy.
    """

    def handler(request):
        n = request.json["messages"][0]["content"]
        return Answer(body=completion(f"re {n}"), twice=later if n == "0" else None)

    async def asked(url: str, sent_twice: threading.Event):
        backend = Http(model="m", base_url=url, connections=1)
        try:
            texts = []
            for n in range(4):
                ask = Chat(messages=(Message("user", str(n)),))
                texts.append((await backend.ask(ask)).text)
                while not busy and not sent_twice.is_set():
                    await asyncio.sleep(0.001)
                assert sent_twice.wait(60)
                if busy:
                    time.sleep(0.1)
                else:
                    await asyncio.sleep(0.1)
            return texts
        finally:
            await backend.close()

    with serving(handler) as server:
        texts = asyncio.run(asked(server.url, server.sent_twice))
        assert texts == ["re 0", "re 1", "re 2", "re 3"]
        assert server.connections == 2


def test_a_kept_connection_that_the_server_closed():
    """A reset of an idle connection costs a failure that may be tried again, and then all is well."""

    async def asked(url: str):
        backend = Http(model="m", base_url=url, connections=1)
        try:
            first = await backend.ask(ASK)
            with pytest.raises(CallFailed) as failed:
                await backend.ask(ASK)
            return first, failed.value, await backend.ask(ASK)
        finally:
            await backend.close()

    good = completion("x")
    with serving(one_after_another(good, Answer(reset_after=0), good)) as server:
        first, got, third = asyncio.run(asked(server.url))
    assert first.text == third.text == "x"
    assert got.retry


def test_no_secret_gets_out(monkeypatch):
    """A key that the server echoes is in no message."""
    monkeypatch.setenv("PLAIN", "a-b-c-d-e-f")
    got = failure(error(401, "wrong key a-b-c-d-e-f"), key_env="PLAIN")
    assert got.message.endswith(": wrong key [secret]")
    assert "a-b-c-d-e-f" not in repr(got.__cause__) + repr(got.__context__)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<p>this is not the key of anyone: hunter-hunter</p>", "not JSON: '<p>this is not the key of anyone: [secre'"),
        (b"\xffhunter-hunter-hunter", "from byte 0: b'\\xff[secret]-hunter'"),
    ],
)  # fmt: skip
def test_no_part_of_a_secret_gets_out(monkeypatch, body, said):
    """A body is cut only after the key was taken out of it: the rest of a key that was cut is not known for one."""
    monkeypatch.setenv("PLAIN", "hunter-hunter")
    assert failure(Answer(body=body), key_env="PLAIN").message.endswith(said)


def test_a_cancelled_ask_leaves_the_backend_usable():
    """When the run loop gives an ask up, the next one works."""

    async def asked(url: str):
        backend = Http(model="m", base_url=url)
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await backend.ask(ASK)
            return await backend.ask(ASK)
        finally:
            await backend.close()

    slow = Answer(delay=20, body=completion("late"))
    with serving(one_after_another(slow, completion("x"))) as server:
        assert asyncio.run(asked(server.url)).text == "x"
