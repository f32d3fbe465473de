"""One kept-open aiohttp session to one server.

One invariant: every call ends, with a whole body of at most ``max_body`` bytes or with a ``CallFailed``:
a server that drips, never stops, or sends too much cannot hold a run.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gnomon import CallFailed, ModelError
from gnomon_plugins.backends import faults
from gnomon_plugins.backends._quiet import quiet_connector

if TYPE_CHECKING:
    import aiohttp

_CONNECT = 10.0
_OPENSSL = re.compile(r"^\[SSL: \w+\] | \(_ssl\.c:\d+\)$")
_PLAIN = "wrong version number"
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@attrs.frozen(kw_only=True)
class Limits:
    """Where a call ends.

    Attributes:
        connections: Calls at once.
        timeout: Seconds for a whole call.
        body_timeout: Seconds for the body, once the header is there.
        max_body: Bytes.
    """

    connections: int
    timeout: float
    body_timeout: float
    max_body: int


@attrs.define(eq=False)
class Connection:
    """Calls to the server at an address.

    Attributes:
        base_url: The address up to and with the version, such as ``http://127.0.0.1:8000/v1``.
        who: Name for sentences.
        key_env: Name of the environment variable that holds the key; None for no key.
        limits: Where a call ends.
    """

    base_url: str
    who: str
    key_env: str | None
    limits: Limits
    _session: aiohttp.ClientSession | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _urls: dict[str, Any] = attrs.field(factory=dict)
    _reached: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Sockets stay where they are; a copy opens its own.
        return Connection, (self.base_url, self.who, self.key_env, self.limits)

    def check(self) -> None:
        """See that calls can be made at all.

        Raises:
            ModelError: aiohttp is not installed, or the key is not in the environment.
        """
        try:
            import aiohttp  # noqa: F401 - only whether it is there
        except ModuleNotFoundError:
            raise ModelError(
                "models on servers need aiohttp, which is not installed; "
                "install it with: pip install 'gnomon[http]'"
            ) from None
        if self.key_env is not None and not self._key:
            raise ModelError(
                f"{self.who} needs a key in the environment variable {self.key_env}, "
                "which is not set"
            )
        if not self._key.isprintable():
            raise ModelError(
                f"the key of {self.who} in the environment variable {self.key_env} holds a line break or "
                "another control character, which no header can; set it to the key alone"
            )

    @property
    def _key(self) -> str:
        return os.environ.get(self.key_env, "").strip() if self.key_env else ""

    def _open(self) -> aiohttp.ClientSession:
        try:
            self.check()
        except ModelError as error:
            raise CallFailed(str(error), fatal=True) from None
        import aiohttp

        headers = dict(_JSON)
        if self.key_env is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=quiet_connector()(limit=self.limits.connections, ttl_dns_cache=60),
            headers=headers,
            # Nothing that one reply sets may travel with the next call.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self.limits.timeout, sock_connect=_CONNECT),
        )
        return self._session

    async def close(self) -> None:
        """Close the session; a later call opens another."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, path: str, body: bytes) -> bytes:
        """The body that the server answers with.

        Raises:
            CallFailed: It answered with an error, or not wholly, or not at all.
        """
        session = self._session
        if session is None or self._loop is not asyncio.get_running_loop():
            session = self._open()
        import aiohttp

        url = self._urls.get(path)
        if url is None:
            from yarl import URL

            url = self._urls[path] = URL(self.base_url + path)
        try:
            async with session.post(url, data=body, allow_redirects=False) as response:
                data = await self._body(response)
                self._reached = True
                if response.status == 200:
                    return data
                text = data[:100_000].decode("utf-8", "replace")
                raise self.refused(response.status, text, response.headers)
        except aiohttp.ConnectionTimeoutError:
            raise CallFailed(
                f"{self.who} could not be reached within {_CONNECT:g} s", retry=True
            ) from None
        except TimeoutError:
            raise CallFailed(
                f"{self.who} did not answer within {self.limits.timeout:g} s", retry=True
            ) from None
        except aiohttp.ClientError as error:
            raise self._broken(error) from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        content, most = response.content, self.limits.max_body
        length = response.content_length
        # With small replies all of the body came together with the header.
        if content.is_eof() and length is not None and length <= most:
            return content.read_nowait()
        if length is not None and length > most:
            raise self._too_large(f"{length:,}")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_timeout):
                async for part in content.iter_any():
                    parts.append(part)
                    size += len(part)
                    if size > most:
                        raise self._too_large(f"more than {most:,}")
        except TimeoutError:
            raise CallFailed(
                f"{self.who} began to answer and did not finish within "
                f"{self.limits.body_timeout:g} s",
                retry=True,
            ) from None
        return b"".join(parts)

    def _too_large(self, size: str) -> CallFailed:
        return CallFailed(
            f"{self.who} answered with {size} bytes, and {self.limits.max_body:,} are allowed "
            "(max_body)",
            retry=True,
        )

    def refused(self, status: int, text: str, headers: Mapping[str, str]) -> Exception:
        """What a status and a body mean, without the key: a failure, or ``Filtered``."""
        if faults.is_filtered(status, text):
            return Filtered()
        return faults.from_status(status, text, self.who, headers, time.time(), [self._key])

    def scrub(self, text: str) -> str:
        """The text without the key, and without other secrets."""
        return faults.scrub(text, [self._key])

    def _broken(self, error: aiohttp.ClientError) -> CallFailed:
        """The failure that a broken connection means."""
        import aiohttp

        said = self.scrub(_cause(error))
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return CallFailed(
                f"{self.who} has a certificate that cannot be trusted: {said}", fatal=True
            )
        if isinstance(error, aiohttp.ClientSSLError):
            # OpenSSL's word for an answer in plain text.
            plain = " (without TLS, the address begins with http://)" * (said == _PLAIN)
            return CallFailed(
                f"{self.who} does not speak TLS as it should: {said}{plain}", fatal=True
            )
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            # A name that was found before will be found again; one that never was is misspelt.
            return CallFailed(
                f"the name of {self.who} is not known: {said}",
                retry=self._reached,
                fatal=not self._reached,
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            return CallFailed(f"{self.who} could not be reached: {said}", retry=True)
        if isinstance(error, aiohttp.ClientResponseError):
            return CallFailed(f"{self.who} answered with what is no HTTP: {said}", retry=True)
        if isinstance(error, aiohttp.ClientPayloadError):
            return CallFailed(f"{self.who} broke off in the middle of its answer", retry=True)
        return CallFailed(f"{self.who} broke the connection off: {said}", retry=True)


def _cause(error: Exception) -> str:
    """What went wrong, without the client's own words around it."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    number = getattr(cause, "errno", None)
    if isinstance(number, int) and number > 0 and type(cause).__module__ != "ssl":
        return os.strerror(number)
    words = [getattr(cause, name, None) for name in ("verify_message", "strerror", "message")]
    said = str(next((word for word in words if word), cause))
    return faults.sentence_of(_OPENSSL.sub("", said)) or type(error).__name__


class Filtered(Exception):
    """The server's content filter refused the prompt by status."""
