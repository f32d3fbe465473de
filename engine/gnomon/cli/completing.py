"""What the shell is offered when a word is completed: measures, models, runs, columns, names of plugins.

One invariant: completing calls no model, opens no database for writing, and says nothing when something is
wrong; a shell that is told nothing offers nothing.

Every command gets its completions here, by the name of its parameter, so that a new command has them too.
"""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from gnomon.catalogue import KINDS, Catalogue
from gnomon.errors import GnomonError
from gnomon.structure import opening

Words = Iterable[tuple[str, str]]
"""Words with what they are."""
_SINGULAR = {singular: kind for kind, (singular, _) in KINDS.items()}


def _catalogue(ctx: click.Context) -> Catalogue:
    files = ctx.params.get("plugin_files") or ()
    return Catalogue(files=[Path(file) for file in files])


def _told(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def measures(ctx: click.Context, begun: str) -> Words:
    """Measures that are offered, and spec files from here on."""
    if "/" not in begun and not begun.startswith("."):
        for name, (path, _) in sorted(_catalogue(ctx).measures().items()):
            yield name, str(_told(path).get("title", ""))
    yield from _specs_in(begun)


def _specs_in(begun: str) -> Words:
    folder = Path(begun).parent if begun else Path()
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                yield f"{path}/", ""
            elif path.suffix == ".toml" and "measure" in _told(path):
                yield str(path), str(_told(path).get("title", ""))


def models(ctx: click.Context, begun: str) -> Words:
    """Backends; behind a backend's colon, the models that it can bring."""
    backends = _catalogue(ctx).of_kind("backends")
    name, colon, _ = begun.partition(":")
    if not colon:
        for backend, plugin in sorted(backends.items()):
            yield f"{backend}:", opening(plugin.cls)
    elif name in backends:
        known = getattr(backends[name].cls, "models", None)
        for info in known() if known is not None else ():
            yield f"{name}:{info.name}", info.note


def roles(ctx: click.Context, begun: str) -> Words:
    """``ROLE=`` of the measure, and behind it models."""
    role, equals, model = begun.partition("=")
    if equals:
        return [(f"{role}={word}", said) for word, said in models(ctx, model)]
    told = _of_measure(ctx).get("roles", {})
    return [(f"{name}=", str(said)) for name, said in told.items()]


def _of_measure(ctx: click.Context) -> Mapping[str, Any]:
    """The text of the measure that the command line names so far."""
    # An option that still waits for its value leaves the words before it unread.
    named = ctx.params.get("measure") or next(iter(ctx.args), None)
    return _told(_catalogue(ctx).find_measure(named)) if named else {}


def only(ctx: click.Context, begun: str) -> Words:
    """``COLUMN=``: factors and groups of the measure, and behind it levels of a factor."""
    told = _of_measure(ctx)
    design = told.get("design", {})
    factors = {**design.get("factors", {}), **design.get("balanced", {})}
    column, equals, values = begun.partition("=")
    if equals:
        done, comma, _ = values.rpartition(",")
        return [(f"{column}={done}{comma}{level}", "") for level in factors.get(column, ())]
    groups = told.get("stimuli", {}).get("groups", [])
    return [(f"{name}=", "") for name in (*factors, *groups, "item")]


def _rows(ctx: click.Context, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the results database, opened read-only; none when there is none."""
    database = Path(ctx.params.get("database") or "results.db")
    if not database.is_file():
        return []
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.Error:
        return []
    finally:
        connection.close()


def runs(ctx: click.Context, begun: str) -> Words:  # noqa: ARG001 - the form of all completions
    """Runs of the database, newest first."""
    sql = (
        "SELECT run.id, measure.name, run.started_at FROM run JOIN measure "
        "ON measure.id = run.measure_id ORDER BY run.id DESC LIMIT 50"
    )
    return [(str(number), f"{name}, {at[:16]}") for number, name, at in _rows(ctx, sql)]


def columns(ctx: click.Context, begun: str) -> Words:
    """In a query, the tables, views and columns of the database, for the word that is being written."""
    start = max(begun.rfind(mark) for mark in " ,(=<>+-*/.") + 1
    sql = (
        "SELECT DISTINCT name FROM (SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "UNION SELECT info.name FROM sqlite_master AS held, pragma_table_info(held.name) AS info) "
        "WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return [(begun[:start] + name, "") for (name,) in _rows(ctx, sql)]


def kinds(ctx: click.Context, begun: str) -> Words:  # noqa: ARG001 - the form of all completions
    """What ``describe`` knows."""
    return [(kind, "") for kind in ("measure", "spec", "schema", *_SINGULAR)]


def named(ctx: click.Context, begun: str) -> Words:
    """Names of the kind that was named before."""
    kind = str(ctx.params.get("kind", ""))
    if kind == "measure":
        return measures(ctx, begun)
    if kind == "spec":
        from gnomon.reference.specs import BLOCKS

        return [(name, block.heading) for name, block in BLOCKS.items()]
    found = _catalogue(ctx).of_kind(_SINGULAR[kind]) if kind in _SINGULAR else {}
    return [(name, opening(one.cls)) for name, one in sorted(found.items())]


def executors(ctx: click.Context, begun: str) -> Words:  # noqa: ARG001 - the form of all completions
    """Where asks can be answered."""
    return [(name, "") for name in sorted(_catalogue(ctx).of_kind("executors"))]


def templates(ctx: click.Context, begun: str) -> Words:  # noqa: ARG001 - the form of all completions
    """What ``new`` can make."""
    from gnomon.scaffold import templates as known

    return [(name, template.about) for name, template in sorted(known(_catalogue(ctx)).items())]


_BY_ARGUMENT: Mapping[str, Callable[[click.Context, str], Words]] = {
    "measure": measures,
    "measures": measures,
    "runs": runs,
    "run_id": runs,
    "first": runs,
    "second": runs,
    "sql": columns,
    "template": templates,
}
_BY_OPTION: Mapping[str, Callable[[click.Context, str], Words]] = {
    "model": models,
    "models": models,
    "roles": roles,
    "only": only,
    "executor": executors,
    "measure": measures,
}


def equip(command: click.Command) -> click.Command:
    """Give every parameter of a command the completion that goes with its name."""
    for parameter in command.params:
        known = _BY_ARGUMENT if isinstance(parameter, click.Argument) else _BY_OPTION
        complete = known.get(parameter.name or "")
        if command.name == "describe" and isinstance(parameter, click.Argument):
            complete = {"kind": kinds, "name": named}.get(parameter.name or "")
        if complete is not None:
            setattr(parameter, "shell_complete", _quietly(complete))  # noqa: B010 - an instance has its own
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            equip(inner)
    return command


def _quietly(
    complete: Callable[[click.Context, str], Words],
) -> Callable[[click.Context, str], list[CompletionItem]]:
    @wraps(complete)
    def offered(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        try:
            return list(_items(complete(ctx, incomplete), incomplete))
        except (GnomonError, OSError, ValueError, TypeError, AttributeError, sqlite3.Error):
            # A shell in the middle of a word is no place for a sentence.
            return []

    return offered


def _items(words: Words, begun: str) -> Iterator[CompletionItem]:
    for word, said in words:
        if word.startswith(begun):
            yield CompletionItem(word, help=said or None)
