"""Kept connections on which nothing has come since the last reply.

One invariant: an answer that nobody asked for never becomes the reply to the next ask.
"""

from __future__ import annotations

import select
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp


@lru_cache(maxsize=1)
def quiet_connector() -> type[aiohttp.TCPConnector]:
    """A connector that uses a kept connection again only when nothing has come on it meanwhile.

    What comes unasked (a response sent twice, an error page before the server hangs up) would otherwise
    be taken as the reply to the next ask, and every reply after it would belong to the ask before.
    """
    import aiohttp

    class Quiet(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            while True:
                connection = await super().connect(*args, **kwargs)
                protocol = connection.protocol
                if protocol is None or not (protocol.should_close or _has_input(protocol)):
                    return connection
                connection.close()

    return Quiet


def _has_input(protocol: Any) -> bool:
    """Whether bytes, or the end, wait in the socket and were not read yet."""
    transport = protocol.transport
    raw = transport.get_extra_info("socket") if transport is not None else None
    if raw is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    return bool(poll.poll(0))
