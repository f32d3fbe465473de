"""Checks that the database still says what was put into it.

One invariant: every hash is derived again from what it was made of, and the tables and views that are read are the
ones that gnomon makes. A difference is a sentence that names what differs; nothing is mended here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from gnomon.errors import StoreError
from gnomon.store.cleaning import NOT_STORED
from gnomon.store.dictionary import DICTIONARY
from gnomon.store.keys import reply_key
from gnomon.store.migrations import NAMES, create
from gnomon.store.provenance import facts
from gnomon.store.reading import Lookup
from gnomon.store.values import digest, join_text, text_bytes, to_json

_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_LISTS = ("command", "differences", "exact", "hidden", "messages", "missing")
"""Columns of JSON that hold lists; the others hold objects."""
_MOST = 100
"""Sentences of one kind after which the rest is only counted."""


def verify(connection: sqlite3.Connection) -> list[str]:
    """One sentence for each thing that is wrong; none when all is well."""
    found: list[str] = []
    for check in (_integrity, _schema, _json, _references, _texts, _items, _runs, _replies):
        problems: list[str] = []
        try:
            problems.extend(check(connection))
        except StoreError as error:
            problems.append(str(error))
        except sqlite3.DatabaseError as error:
            found.append(f"the database is damaged: {error}; restore a copy")
            break
        finally:
            found.extend(problems[:_MOST])
            if len(problems) > _MOST:
                found.append(f"… and {len(problems) - _MOST} more of this kind")
    return found


def _integrity(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"the database is damaged: {line}; restore a copy"


def _schema(connection: sqlite3.Connection) -> Iterator[str]:
    """What a row goes through beside the tables and views that gnomon makes; what a user added stands apart."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        create(fresh, NAMES)
        made = {(kind, name): sql for kind, name, _, sql in fresh.execute(_SCHEMA)}
    there = {}
    for kind, name, table, sql in connection.execute(_SCHEMA):
        there[kind, name] = sql
        if kind == "trigger" and {("table", table), ("view", table)} & made.keys():
            yield (
                f"the trigger {name!r} acts on {table}, and gnomon makes none; what is written may be changed by it"
            )
    for (kind, name), sql in made.items():
        if there.get((kind, name)) != sql:
            what = "shows" if kind == "view" else "holds"
            yield (
                f"the {kind} {name} is not the one that gnomon makes, so what it {what} may be something else"
            )


def _json(connection: sqlite3.Connection) -> Iterator[str]:
    """Columns of JSON, as the dictionary names them."""
    for table, columns in _kept(connection).items():
        for column in columns:
            if not DICTIONARY[table].get(column, "").startswith("JSON"):
                continue
            kind = "array" if column in _LISTS else "object"
            rows = connection.execute(
                f'SELECT "{columns[0]}" FROM "{table}" WHERE "{column}" IS NOT NULL AND '  # noqa: S608 -- names of our own
                f'CASE WHEN json_valid("{column}") THEN json_type("{column}") <> ? ELSE 1 END',
                (kind,),
            )
            for (number,) in rows:
                yield f"{column} of row {number} of {table} was changed: it is not the JSON {kind} that it should be"


def _kept(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Tables with their columns; views are made of these."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: [column for _, column, *_ in connection.execute(f'PRAGMA table_info("{name}")')]
        for (name,) in names
        if name in DICTIONARY
    }


def _references(connection: sqlite3.Connection) -> Iterator[str]:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} refers to a row of {parent} that is not there"


def _texts(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT text.id, text_hash.hash, body, exact FROM text_hash "
        "JOIN text ON text.id = text_hash.text_id"
    )
    count = 0
    for number, key, body, exact in rows:
        count += 1
        if digest(text_bytes(join_text(body, exact))[0]) != key:
            yield f"text {number} was changed: its hash is not that of its content"
    (texts,) = connection.execute("SELECT count(*) FROM text").fetchone()
    if texts != count:
        yield f"{texts - count} texts have no hash"


def _items(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute("SELECT id, hash, key, fields, groups, gold, exact FROM item")
    for number, stored, key, fields, groups, gold, exact in rows:
        identity = to_json([key, gold]) if exact is None else exact
        if digest("\n".join((identity, fields or "", groups or "")).encode()) != stored:
            yield f"item {number} ({key!r}) was changed: its hash is not that of its content"


def _runs(connection: sqlite3.Connection) -> Iterator[str]:
    for number, key in connection.execute("SELECT id, key FROM run").fetchall():
        stored = facts(connection, number)
        secret = any(NOT_STORED in str(role.options) for role in stored.roles.values())
        if not secret and stored.key != key:
            yield f"run {number} was changed: its key is not that of its spec, seed, models and plan"


def _replies(connection: sqlite3.Connection) -> Iterator[str]:
    # Only asks of trials: the repeat, which is in the key, is known for them.
    lookup = Lookup(connection)
    roles = {
        number: facts(connection, number).roles
        for (number,) in connection.execute("SELECT id FROM run").fetchall()
    }
    rows = connection.execute(
        "SELECT ask.id, ask.run_id, trial.repeat, reply.key, ask.form_id, ask.sample, ask.seed, "
        "ask.system_id, prompt.body, prompt.exact, ask.messages, trial.item_id, trial.condition_id FROM ask "
        "JOIN trial ON trial.id = ask.trial_id JOIN reply ON reply.id = ask.reply_id "
        "LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id WHERE ask.phase = 'trial'"
    )
    for (
        number,
        run_id,
        repeat,
        key,
        form_id,
        sample,
        seed,
        system_id,
        body,
        exact,
        messages,
        item,
        condition,
    ) in rows:
        prompt = None if body is None else join_text(body, exact)
        ask = lookup.ask(form_id, sample, seed, system_id, prompt, messages, None)
        role = roles.get(run_id, {}).get(ask.role)
        if role is None or NOT_STORED in str(role.options):
            continue
        again = reply_key(
            ask,
            backend=role.backend,
            model=role.model,
            options=role.options,
            identity=role.identity,
            repeat=repeat,
            trial=lookup.administered(item, condition),
        )
        if again != key:
            yield f"ask {number} was changed: the key of its reply is not that of what was asked"
