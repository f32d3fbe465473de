"""A loopback HTTP server for tests: an OpenAI-compatible one, and one that misbehaves on purpose.

One invariant: what goes over the wire is decided by the test, byte by byte, and the server is gone when
its ``with`` block ends. Run as a program it answers every chat call at once, for benchmarks::

    python tests/servers.py        # prints its base URL and serves until standard input closes
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@attrs.frozen(kw_only=True)
class Answer:
    """What is sent, and how it goes wrong.

    Attributes:
        body: Sent as it is when bytes, as JSON otherwise.
        delay: Seconds before the first byte.
        reset_after: Reset the connection after this many bytes of the body; 0 before the header.
        endless: Sent again and again after the body, with no end.
        drip: Seconds between single bytes of the body.
        twice: The whole answer is sent a second time, unasked, after this many seconds; with 0 in one
            write with the first, so that no call can come between them.
    """

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = attrs.field(factory=dict)
    content_type: str = "application/json"
    delay: float = 0.0
    reset_after: int | None = None
    endless: bytes | None = None
    drip: float = 0.0
    twice: float | None = None

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def completion(text: str | None = "hello", **message_and_choice: Any) -> dict[str, Any]:
    """A chat payload; ``finish_reason``, ``logprobs``, ``usage``, ``model`` go where they belong."""
    more = dict(message_and_choice)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": more.pop("model", "served-model"),
        "choices": [
            {
                "index": 0,
                "finish_reason": more.pop("finish_reason", "stop"),
                "logprobs": more.pop("logprobs", None),
                "message": {"role": "assistant", "content": text, **more.pop("message", {})},
            }
        ],
        "usage": more.pop(
            "usage", {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        ),
        **more,
    }


def first_token(shares: dict[str, float]) -> dict[str, Any]:
    """Log-probabilities of one token, in the chat shape, from probabilities."""
    import math

    tops = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in shares.items()]
    return {"content": [{**tops[0], "top_logprobs": tops}]}


Handler = Callable[[Request], Answer]


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.server.connections += 1
        self.server.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.open.discard(self)
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if data[:1] == b"\x16":
            # A TLS greeting: answered in plain text, as web servers do.
            self.answer(Answer(status=400, body=b"plain HTTP only"))
            self.transport.close()
            return
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines[1:])
            }
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            method, path = lines[0].split(" ")[:2]
            request = Request(method=method, path=path, headers=headers, body=rest[:length])
            self.server.requests.append(request)
            self.answer(self.server.handler(request))

    def answer(self, answer: Answer) -> None:
        whole = answer.delay or answer.drip or answer.endless is not None
        if not whole and answer.reset_after is None and answer.twice is None:
            self.transport.write(_head(answer) + answer.data)
            return
        task = asyncio.get_running_loop().create_task(self._slowly(answer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _slowly(self, answer: Answer) -> None:
        await asyncio.sleep(answer.delay)
        if answer.reset_after == 0:
            self._reset()
            return
        if answer.twice == 0:
            self.transport.write((_head(answer) + answer.data) * 2)
            self.server.sent_twice.set()
            return
        self.transport.write(_head(answer))
        if answer.reset_after is not None:
            self.transport.write(answer.data[: answer.reset_after])
            await asyncio.sleep(0.05)
            self._reset()
            return
        if answer.drip:
            for n in range(len(answer.data)):
                self.transport.write(answer.data[n : n + 1])
                await asyncio.sleep(answer.drip)
        else:
            self.transport.write(answer.data)
        if answer.twice is not None:
            await asyncio.sleep(answer.twice)
            self.transport.write(_head(answer) + answer.data)
            self.server.sent_twice.set()
        while answer.endless is not None and not self.transport.is_closing():
            self.transport.write(answer.endless)
            await asyncio.sleep(0.001)

    def _reset(self) -> None:
        # Lingering for no time makes the kernel send RST in place of FIN.
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def _head(answer: Answer) -> bytes:
    headers = {"content-type": answer.content_type, **answer.headers}
    if answer.endless is None and "transfer-encoding" not in headers:
        headers.setdefault("content-length", str(len(answer.data)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} X\r\n{lines}\r\n".encode("latin-1")


class Server:
    """A server in a thread of its own.

    Attributes:
        handler: Request → answer; may be exchanged while serving.
        requests: All requests, in order of arrival.
        connections: How many connections were opened.
        sent_twice: Set once an answer was sent for the second time.
    """

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.handler = handler
        self.requests: list[Request] = []
        self.connections = 0
        self.sent_twice = threading.Event()
        self.open: set[_Connection] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, ready: Callable[[], None], done: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await done.wait()
        for connection in list(self.open):
            connection.transport.abort()
        server.close()


@contextlib.contextmanager
def serving(
    handler: Handler | Answer | dict[str, Any], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """A server for the length of a block. An answer or a payload stands for a handler that gives it."""
    if isinstance(handler, dict):
        handler = Answer(body=handler)
    if isinstance(handler, Answer):
        fixed = handler
        handler = lambda _: fixed  # noqa: E731 - a named function would say no more
    server = Server(handler, tls)
    ready = threading.Event()
    ends: dict[str, Any] = {}

    async def main() -> None:
        ends["loop"], ends["done"] = asyncio.get_running_loop(), asyncio.Event()
        await server.serve(ready.set, ends["done"])

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(60), "the test server did not start"
    try:
        yield server
    finally:
        ends["loop"].call_soon_threadsafe(ends["done"].set)
        thread.join(10)


def one_after_another(*answers: Answer | dict[str, Any]) -> Handler:
    """A handler that gives the answers in order, and the last one from then on."""
    waiting = [a if isinstance(a, Answer) else Answer(body=a) for a in answers]

    def handler(_: Request) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return handler


async def _forever() -> None:
    done = asyncio.Event()
    fixed = Answer(body=completion("instant"))
    server = Server(lambda _: fixed)
    server.requests = _Nothing()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, lambda: (sys.stdin.read(), loop.call_soon_threadsafe(done.set)))
    await server.serve(lambda: print(server.url, flush=True), done)


class _Nothing(list[Request]):
    def append(self, item: Request) -> None:
        """Keep memory flat over millions of requests."""


if __name__ == "__main__":
    asyncio.run(_forever())
