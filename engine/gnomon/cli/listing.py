"""``gnomon list``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnomon.cli.common import DATABASE_VARIABLE, DEFAULT_DATABASE, no_runs, plugin_option
from gnomon.cli.tables import Form, form_options, plain_table, write
from gnomon.cli.values import OneOf
from gnomon.errors import UsageError, did_you_mean, listing

if TYPE_CHECKING:
    from gnomon.store import Store

HIDDEN = (
    *("reason", "finished", "planned", "started_at"),
    *("version", "title", "seed", "repeats", "trial_limit", "command", "options"),
)
"""What programs are given of runs and a table has no room for."""
HEADINGS = {"started": "started (UTC)"}
"""What people are told of a column beyond its name."""
NAMED = ("measure", "model", "from")
WRAPS = ("title", "what")
RIGHT = ("run", "trials")
KINDS = ("sources", "procedures", "backends", "scorers", "statistics", "corrections", "executors")


@click.command("list")
@click.argument(
    "kind", type=OneOf(["measures", "runs", *KINDS]), default="measures", metavar="[KIND]"
)
@click.option(
    "--db",
    "database",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATABASE,
    show_default=True,
    envvar=DATABASE_VARIABLE,
    show_envvar=True,
    help="For runs: the results database.",
)
@click.option("--tag", metavar="WORD", help="Only measures with this tag.")
@click.option(
    "--need",
    metavar="KIND",
    help="Only measures, scorers and backends that need or offer asks of this kind, such as embed.",
)
@click.option(
    "--paper",
    metavar="TEXT",
    help="Only measures and plugins that name this paper: a DOI, an arXiv number, an author, a year.",
)
@plugin_option
@form_options
def command(
    kind: str, database: Path, plugin_files: tuple[Path, ...], form: Form | None, **wanted: str
) -> None:
    """List measures, runs, or plugins of a kind.

    KIND is measures (where it is left out), runs, sources, procedures, backends, scorers, statistics, corrections
    or executors.

    \b
    gnomon list
    gnomon list --tag bias --need embed
    gnomon list statistics --paper Holm
    gnomon list scorers
    gnomon list runs --db results.db
    """
    empty = _nothing(kind, wanted)
    _check_wanted(kind, wanted)
    if kind == "runs":
        rows: list[dict[str, Any]] = _runs(database)
        empty = no_runs(database)
    elif kind == "measures":
        rows = _measures(plugin_files, wanted)
    else:
        rows = _plugins(kind, plugin_files, wanted)
    hidden = HIDDEN if kind == "runs" else ()
    shown = [
        {HEADINGS.get(name, name): row[name] for name in row if name not in hidden} for row in rows
    ]
    tables = [plain_table(shown, named=NAMED, wraps=WRAPS, right=RIGHT)] if rows else []
    write(form, tables, lambda: rows, empty=empty)


def _nothing(kind: str, wanted: Mapping[str, str | None]) -> str:
    """What is said where nothing has all that is wanted."""
    given = " ".join(f"--{name} {value}" for name, value in wanted.items() if value is not None)
    return f"there are no {kind} that fit {given}" if given else f"there are no {kind}"


FOR: dict[str, tuple[str, tuple[str, ...]]] = {
    "tag": ("measures", ("measures",)),
    "need": ("measures, scorers and backends", ("measures", "scorers", "backends")),
    "paper": ("measures and plugins", ("measures", *KINDS)),
}
"""What each filter is for: in words, and the kinds."""


def _check_wanted(kind: str, wanted: Mapping[str, str | None]) -> None:
    """Refuse filters that are not for this kind, and kinds of ask that there are not.

    Raises:
        UsageError: There is one.
    """
    from gnomon.records import ASK_KINDS

    for name, (what, kinds) in FOR.items():
        if wanted[name] is not None and kind not in kinds:
            lacks = "plugins have no tags" if name == "tag" and kind in KINDS else f"not {kind}"
            raise UsageError(f"--{name} is for {what}; {lacks}")
    need = wanted["need"]
    if need is not None and need.casefold() not in ASK_KINDS:
        raise UsageError(
            f"there are no asks of the kind {need!r}{did_you_mean(need, ASK_KINDS)}; "
            f"there are: {listing(ASK_KINDS)}"
        )


def print_rows(rows: list[dict[str, str]]) -> None:
    """Rows in aligned columns; the last is broken where there is no room."""
    tables = [plain_table(rows, wraps=list(rows[0])[-1:])] if rows else []
    write(None, tables, list, empty="nothing to list")


def _is_wanted(wanted: Mapping[str, str | None], **held: Iterable[object]) -> bool:
    """Whether what is held has everything that is wanted; papers by any part of their text."""
    for name, values in held.items():
        want = wanted.get(name)
        texts = [str(value).casefold() for value in values]
        if want is None:
            continue
        if name == "paper" and not any(want.casefold() in text for text in texts):
            return False
        if name != "paper" and want.casefold() not in texts:
            return False
    return True


def _list_of(keys: Mapping[str, Any], name: str) -> list[object]:
    value = keys.get(name)
    return value if isinstance(value, list) else []


def _measures(
    plugin_files: tuple[Path, ...], wanted: Mapping[str, str | None]
) -> list[dict[str, str]]:
    import tomllib

    from gnomon.catalogue import Catalogue

    rows = []
    known: set[str] = set()
    for name, (path, provider) in Catalogue(files=plugin_files).measures().items():
        try:
            keys = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            keys = {"title": f"cannot be read; see: gnomon check {path}"}
        needs, tags = _list_of(keys, "needs"), _list_of(keys, "tags")
        known.update(map(str, tags))
        papers = [*_list_of(keys, "cites"), keys.get("about", "")]
        if not _is_wanted(wanted, tag=tags, need=needs, paper=papers):
            continue
        rows.append(
            {
                "measure": name,
                "needs": " ".join(map(str, needs)),
                "from": provider.origin.split(" ")[0],
                "title": str(keys.get("title", "")),
            }
        )
    tag = wanted["tag"]
    if tag is not None and tag.casefold() not in {one.casefold() for one in known}:
        raise UsageError(
            f"no measure has the tag {tag!r}{did_you_mean(tag, known)}; there are: {listing(known)}"
        )
    return sorted(rows, key=lambda row: row["measure"])


def _asks(cls: Any) -> list[str]:
    """The kinds of ask that a plugin needs, or that its models may answer."""
    may = getattr(cls, "may", None)
    return [*(need.kind for need in getattr(cls, "needs", ())), *(may.kinds if may else ())]


def _plugins(
    kind: str, plugin_files: tuple[Path, ...], wanted: Mapping[str, str | None]
) -> list[dict[str, str]]:
    from gnomon.catalogue import Catalogue
    from gnomon.structure import opening

    return [
        {
            "name": name,
            "from": plugin.provider.origin,
            "what": opening(plugin.cls),
        }
        for name, plugin in sorted(Catalogue(files=plugin_files).of_kind(kind).items())
        if _is_wanted(
            wanted,
            tag=(),
            need=_asks(plugin.cls),
            paper=(*getattr(plugin.cls, "cites", ()), plugin.cls.__doc__ or ""),
        )
    ]


def _runs(database: Path) -> list[dict[str, Any]]:
    import attrs

    from gnomon.run.states import states_of
    from gnomon.store import Store

    with Store.open(database) as store:
        stored = {run["run"]: run for run in store.runs()}
        states = states_of(store)
        options = _options(store)
    # Options are long, and needed only where runs would have one name without them.
    kinds: dict[tuple[str, str], set[str]] = {}
    for state in states:
        kinds.setdefault((state.measure, state.model), set()).add(str(options.get(state.run)))
    return [
        {
            "run": state.run,
            "measure": state.measure,
            "model": _model(
                state.model,
                options.get(state.run, {}) if len(kinds[state.measure, state.model]) > 1 else {},
            ),
            "format": state.format,
            "trials": state.trials,
            "state": state.state,
            "started": state.started_at[:16].replace("T", " "),
            **{
                name: value
                for name, value in {
                    **stored[state.run],
                    **attrs.asdict(state),
                    "options": options.get(state.run, {}),
                }.items()
                if name in HIDDEN
            },
        }
        for state in states
    ]


def _options(store: Store) -> dict[int, dict[str, str]]:
    """Run → the options of its subject, where it has some."""
    from gnomon.store.values import object_from_json

    _, rows = store.query(
        "SELECT run_id, options FROM binding WHERE role = 'subject' AND options IS NOT NULL"
    )
    return {run: object_from_json(options) for run, options in list(rows)}


def _model(name: str, options: Mapping[str, str]) -> str:
    from gnomon.modelname import ModelName

    backend, _, model = name.partition(":")
    return str(ModelName(backend, model, options)) if options else name
