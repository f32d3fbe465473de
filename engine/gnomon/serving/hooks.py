"""What gnomon adds to Datasette: its pages, its charts, and walls.

One invariant: hooks act only for an application that names its database under the plugin ``gnomon``, so that
another Datasette in the same process is left as it is.

Datasette finds hooks as functions of a module, which is why this one imports it at the top; nothing imports
this module but the application.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from datasette import hookimpl
from datasette.utils import path_with_replaced_args
from datasette.utils.asgi import Response

from gnomon.errors import GnomonError
from gnomon.report.palette import style_sheet
from gnomon.serving import cells, pictures, trials, walls
from gnomon.serving.questions import QUESTIONS
from gnomon.store.dictionary import DICTIONARY, TABLE

REPORT = "/-/report"
STYLE = "/-/serve.css"
VIEWS = ("results", "scores", "trials", "conversations", "failures", "runs")
"""In the order in which people want them."""

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Any, Send], Awaitable[None]]
Hook = TypeVar("Hook", bound=Callable[..., Any])
# Datasette publishes no types.
hook = cast("Callable[[Hook], Hook]", hookimpl)


# Asked for each cell, and Datasette takes its time to say.
_paths: WeakKeyDictionary[Any, Path | None] = WeakKeyDictionary()


def _path(datasette: Any) -> Path | None:
    if datasette not in _paths:
        config = datasette.plugin_config("gnomon") or {}
        _paths[datasette] = Path(config["path"]) if "path" in config else None
    return _paths[datasette]


@hook
def prepare_connection(conn: sqlite3.Connection, database: str, datasette: Any) -> None:
    """Read, and nothing else: a second wall behind the file's own read-only mode.

    Datasette keeps its own schema tables in memory, under a name that begins with an underscore.
    """
    if _path(datasette) is not None and not database.startswith("_"):
        conn.execute("PRAGMA query_only = ON")
        conn.execute("PRAGMA busy_timeout = 5000")


@hook
def prepare_jinja2_environment(env: Any, datasette: Any) -> None:
    """Rows and meanings as our templates want them."""
    if _path(datasette) is not None:
        env.filters.update(
            cells_of_table=cells.of_table, cells_of_query=cells.of_query, meaning=cells.meaning
        )


@hook
def render_cell(value: Any, column: str, datasette: Any) -> Any:
    """A cell as people read it; JSON and CSV have it as it is."""
    return None if _path(datasette) is None else cells.shown(value, column)


@hook
def extra_template_vars(template: str, columns: Any, request: Any, datasette: Any) -> Any:
    """What the first page says (findings, charts and questions), and where headings of tables lead."""
    path = _path(datasette)
    if path is None:
        return {}
    if template == "table.html":
        return {"sorting": {name: _sorted_by(request, name) for name in columns or ()}}
    if template != "index.html":
        return {}

    async def found() -> dict[str, Any]:
        return {
            "measures": await asyncio.to_thread(pictures.overview, path),
            "questions": {name: title for name, (title, _, _) in QUESTIONS.items()},
            "meanings": {name: DICTIONARY[name][TABLE] for name in VIEWS},
        }

    return found


def _sorted_by(request: Any, column: str) -> str:
    """The page sorted by a column; the other way round where it is so already."""
    turned = request.args.get("_sort") == column
    changes = (
        {"_sort": None, "_sort_desc": column} if turned else {"_sort": column, "_sort_desc": None}
    )
    return str(path_with_replaced_args(request, {**changes, "_next": None}))


@hook
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    """The report, its charts, and single trials."""
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

    async def one_trial(request: Any) -> Any:
        number = int(request.url_vars["number"])
        try:
            told = await asyncio.to_thread(trials.trial, path, number)
        except GnomonError as error:
            return Response.text(f"gnomon: {error}\n", status=500)
        if told is None:
            return Response.text(f"there is no trial {number}\n", status=404)
        context = {"trial": told, "database": path.stem}
        return Response.html(await datasette.render_template("trial.html", context, request))

    async def style(request: Any) -> Any:  # noqa: ARG001 - Datasette's signature
        text = style_sheet() + (files("gnomon.serving") / "templates" / "serve.css").read_text(
            "utf-8"
        )
        return Response(text, content_type="text/css; charset=utf-8")

    return [
        (rf"^{REPORT}$", report),
        (r"^/-/charts/(?P<name>[a-z0-9-]+)\.svg$", chart),
        # SQLite knows no greater numbers than 18 digits hold.
        (r"^/-/trial/(?P<number>[0-9]{1,18})$", one_trial),
        (rf"^{re.escape(STYLE)}$", style),
    ]


@hook
def asgi_wrapper(datasette: Any) -> Callable[[Application], Application]:
    """Answer to this machine's own names and pages only, and forbid pages to ask any other machine for anything."""
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
            why = walls.refused(dict(scope["headers"]))
            if why is not None:
                await Response.text(why, status=403).asgi_send(walls.guarded("", send))
                return
            await inner(scope, receive, walls.guarded(scope["path"], send))

        return outer

    return wrap if ours else (lambda inner: inner)
