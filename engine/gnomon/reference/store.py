"""The store's tables: how they hang together, and what every column means.

One invariant: both are read off a database that was just made, never off a description of one.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from gnomon.reference.specs import cell
from gnomon.store import Store
from gnomon.store.dictionary import DICTIONARY, TABLE


def store_page() -> str:
    """The page ``docs/store.md``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        Store.open(path, write=True).close()
        connection = sqlite3.connect(path)
        try:
            tables = _names(connection, "table")
            views = _names(connection, "view")
            diagram = _diagram(connection, tables)
            types = {name: _types(connection, name) for name in (*tables, *views)}
        finally:
            connection.close()
    lines = [
        "# The store",
        "",
        "One SQLite file. The views are made for people; the tables are what they are made of. The same words are",
        "in every database, in its table `dictionary`.",
        "",
        "```mermaid",
        *diagram,
        "```",
    ]
    for heading, names in (("Views", views), ("Tables", tables)):
        lines += ["", f"## {heading}"]
        for name in names:
            described = DICTIONARY.get(name, {})
            lines += ["", f"### {name}", "", described.get(TABLE, ""), ""]
            lines += ["| column | type | meaning |", "|---|---|---|"]
            lines += [
                f"| `{column}` | {kind} | {cell(described.get(column, ''))} |"
                for column, kind in types[name]
            ]
    return "\n".join([*lines, ""])


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY name",
        (kind,),
    )
    return [name for (name,) in rows]


def _types(connection: sqlite3.Connection, name: str) -> list[tuple[str, str]]:
    rows = connection.execute("SELECT name, type FROM pragma_table_xinfo(?)", (name,))
    return [(column, (kind or "").lower() or "any") for column, kind in rows]


def _diagram(connection: sqlite3.Connection, tables: list[str]) -> list[str]:
    """An entity–relationship diagram in Mermaid: one line for each foreign key."""
    lines = ["erDiagram"]
    for name in tables:
        keys = connection.execute(
            'SELECT "table", "from" FROM pragma_foreign_key_list(?) ORDER BY "from"', (name,)
        )
        lines += [f'    {target} ||--o{{ {name} : "{column}"' for target, column in keys]
    return lines
