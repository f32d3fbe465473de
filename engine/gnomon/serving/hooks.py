"""What gnomon adds to Datasette: its first page, its charts, and walls.

One invariant: hooks act only for an application that names its database under the plugin ``gnomon``, so that
another Datasette in the same process is left as it is.

Datasette finds hooks as functions of a module, which is why this one imports it at the top; nothing imports
this module but the application.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from datasette import hookimpl
from datasette.utils.asgi import Response

from gnomon.errors import GnomonError
from gnomon.serving import pictures
from gnomon.serving.questions import QUESTIONS

POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
NAMES = ("127.0.0.1", "localhost", "[::1]")
REPORT = "/-/report"

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Any, Send], Awaitable[None]]
Hook = TypeVar("Hook", bound=Callable[..., Any])
# Datasette publishes no types.
hook = cast("Callable[[Hook], Hook]", hookimpl)


def _path(datasette: Any) -> Path | None:
    config = datasette.plugin_config("gnomon") or {}
    return Path(config["path"]) if "path" in config else None


@hook
def prepare_connection(conn: sqlite3.Connection, database: str, datasette: Any) -> None:
    """Read, and nothing else: a second wall behind the file's own read-only mode.

    Datasette keeps its own schema tables in memory, under a name that begins with an underscore.
    """
    if _path(datasette) is not None and not database.startswith("_"):
        conn.execute("PRAGMA query_only = ON")
        conn.execute("PRAGMA busy_timeout = 5000")


@hook
def render_cell(value: Any, datasette: Any) -> str | None:
    """A number with as many digits as a reader wants; JSON and CSV have them all."""
    if _path(datasette) is None or not isinstance(value, float):
        return None
    return f"{value:.5g}"


@hook
def extra_css_urls(datasette: Any) -> list[str]:
    """The look of the pages."""
    return [] if _path(datasette) is None else ["/gnomon/serve.css"]


@hook
def menu_links(datasette: Any) -> list[dict[str, str]]:
    """The report, from every page."""
    if _path(datasette) is None:
        return []
    return [{"href": REPORT, "label": "Report with charts"}]


@hook
def extra_template_vars(template: str, datasette: Any) -> Any:
    """What the first page says: findings, charts and questions."""
    path = _path(datasette)
    if path is None or template != "index.html":
        return {}

    async def found() -> dict[str, Any]:
        return {
            "measures": await asyncio.to_thread(pictures.overview, path),
            "questions": {name: title for name, (title, _, _) in QUESTIONS.items()},
        }

    return found


@hook
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    """The report and its charts."""
    path = _path(datasette)
    if path is None:
        return []

    async def report(request: Any) -> Any:  # noqa: ARG001 - Datasette's signature
        try:
            text = await asyncio.to_thread(pictures.report, path)
        except GnomonError as error:
            return Response.text(f"gnomon: {error}\n", status=500)
        return Response.html(text)

    async def chart(request: Any) -> Any:
        name = request.url_vars["name"]
        try:
            drawn = await asyncio.to_thread(pictures.chart, path, name)
        except GnomonError as error:
            return Response.text(f"gnomon: {error}\n", status=500)
        if drawn is None:
            return Response.text(f"there is no chart {name}\n", status=404)
        return Response(drawn, content_type="image/svg+xml; charset=utf-8")

    return [(r"^/-/report$", report), (r"^/-/charts/(?P<name>[a-z0-9-]+)\.svg$", chart)]


@hook
def asgi_wrapper(datasette: Any) -> Callable[[Application], Application]:
    """Answer to this machine's own names only, and forbid pages to ask any other machine for anything.

    A page elsewhere could have its name point here; the browser would then send that name.
    """
    ours = _path(datasette) is not None

    def wrap(inner: Application) -> Application:
        async def outer(scope: Scope, receive: Any, send: Send) -> None:
            if scope["type"] == "lifespan":
                await inner(scope, receive, send)
                return
            if scope["type"] != "http":
                # Nothing here speaks over a websocket, and its host would be looked at by nobody.
                await send({"type": "websocket.close", "code": 1008})
                return
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if host.rpartition(":")[0] not in NAMES and host not in NAMES:
                refusal = Response.text(
                    "this server answers to the names of this machine only\n", status=403
                )
                await refusal.asgi_send(send)
                return

            async def send_with_policy(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [
                        *message.get("headers", []),
                        (b"content-security-policy", POLICY),
                        (b"referrer-policy", b"no-referrer"),
                        (b"x-content-type-options", b"nosniff"),
                    ]
                await send(message)

            await inner(scope, receive, send_with_policy)

        return outer

    return wrap if ours else (lambda inner: inner)
