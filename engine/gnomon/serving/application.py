"""The server: Datasette with this database's own words, and nothing a visitor could do harm with.

One invariant: what is explained here comes from the table ``dictionary`` of the database itself.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from gnomon.errors import UsageError
from gnomon.serving.questions import canned
from gnomon.store import Store
from gnomon.store.opening import only_as_unchanging

LOOPBACK = "127.0.0.1"
FACETS = {
    "results": ["measure", "model", "statistic"],
    "runs": ["measure", "model"],
    "failures": ["what", "status"],
}
"""Columns by which small views are offered at once; others on request."""
SIZES = {"trials": 20, "conversations": 20, "failures": 20, "text": 20, "reply": 20}
"""Rows a page where they hold long texts."""
LABELS = {"item": "key", "measure": "name", "score_name": "name"}
"""Columns that say what a row is where another table points at it."""
HIDDEN = ("text_hash", "_sqlite_migrations")
SETTINGS = {
    "sql_time_limit_ms": 15_000,
    "facet_time_limit_ms": 8_000,
    "suggest_facets": False,
    "default_page_size": 50,
    "max_returned_rows": 5_000,
    "default_cache_ttl": 0,
    "allow_download": False,
    "truncate_cells_html": 600,
}


def datasette() -> Any:
    """The library, or a sentence that says how to get it."""
    try:
        import datasette.app
        import uvicorn  # noqa: F401 - asked for here, so that a missing one is known at once
    except ImportError as error:
        raise UsageError(
            f"serving needs the package {str(error.name).partition('.')[0]!r}, which is not installed; "
            "install it with: pip install 'gnomon[serve]'"
        ) from None
    return datasette


def _metadata(path: Path) -> dict[str, Any]:
    """Titles, descriptions of every table and column, questions."""
    meanings: dict[str, dict[str, str]] = {}
    tables: dict[str, dict[str, Any]] = {}
    with Store.open(path) as store:
        for name, column, meaning in store.query("SELECT object, column, meaning FROM dictionary")[
            1
        ]:
            meanings.setdefault(name, {})[column] = meaning
        for name, said in meanings.items():
            # In the order in which the table has them.
            there = store.query(f'SELECT * FROM "{name}" LIMIT 0')[0]  # noqa: S608 - a name of the schema
            tables[name] = {
                "description": said.get("", ""),
                "columns": {column: said[column] for column in there if column in said},
            }
    for name, columns in FACETS.items():
        tables[name]["facets"] = columns
    for name, size in SIZES.items():
        tables[name]["size"] = size
    for name, column in LABELS.items():
        tables[name]["label_column"] = column
    for name in HIDDEN:
        tables[name]["hidden"] = True
    return {
        "title": path.name,
        "plugins": {"gnomon": {"path": str(path)}},
        "databases": {
            path.stem: {
                "description": "A results database of gnomon, read-only. The views are made for people; "
                "the table dictionary explains every column.",
                "tables": tables,
                "queries": canned(),
            }
        },
    }


def application(path: Path) -> Any:
    """The ASGI application for one database.

    Args:
        path: The file; it is opened for reading and may be written by a run meanwhile.

    Raises:
        StoreError: It is no database of gnomon, or cannot be read.
        UsageError: A package is missing.
    """
    library = datasette()
    from datasette.plugins import pm

    from gnomon.serving import hooks

    path = path.resolve()
    # Plugins of Datasette that happen to be installed are left out: nobody knows what they run or fetch.
    for plugin, _ in pm.list_plugin_distinfo():
        if pm.is_registered(plugin):
            pm.unregister(plugin)
    if not pm.is_registered(hooks):
        pm.register(hooks, "gnomon.serving.hooks")
    here = files("gnomon.serving")
    # Where no file can be made beside the database, it can only be read as one that nobody writes.
    unchanging = only_as_unchanging(path)
    made = library.app.Datasette(
        files=[] if unchanging else [str(path)],
        immutables=[str(path)] if unchanging else [],
        metadata=_metadata(path),
        settings=SETTINGS,
        template_dir=str(here / "templates"),
    )
    return made.app()


def serve(path: Path, port: int, *, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        path: The database.
        port: A port of this machine; 0 for any that is free.
        ready: Told the address once it can be visited.

    Raises:
        StoreError: It is no database of gnomon, or cannot be read.
        UsageError: The port cannot be had, or a package is missing.
    """
    made = application(path)
    import rich
    import uvicorn

    # Datasette prints every refused query with all its variables, texts of the database among them.
    rich.reconfigure(quiet=True)

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with listening:
        try:
            listening.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "a port is 0 to 65535"
            raise UsageError(
                f"port {port} cannot be listened on: {why}; give another with --port, or 0 for any "
                "that is free"
            ) from None
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(made, log_level="warning", lifespan="on"))
        ready(f"http://{LOOPBACK}:{listening.getsockname()[1]}/")
        server.run(sockets=[listening])
