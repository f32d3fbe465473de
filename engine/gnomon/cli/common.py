"""Options and helpers that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gnomon.cli import terminal
from gnomon.cli.values import OneOf, Whole
from gnomon.errors import UsageError

if TYPE_CHECKING:
    from gnomon.catalogue import Catalogue
    from gnomon.run.states import RunState
    from gnomon.spec import Spec

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_DATABASE = "results.db"
DATABASE_VARIABLE = "GNOMON_DB"
"""The environment variable that names the database where no word and no option does."""

database_option = click.option(
    "--db",
    "database",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATABASE,
    show_default=True,
    envvar=DATABASE_VARIABLE,
    show_envvar=True,
    help="The results database.",
)

second_database_option = click.option(
    "--db",
    "database",
    type=click.Path(path_type=Path),
    help=f"The results database, when it is not the first word; what {DATABASE_VARIABLE} names, or "
    f"{DEFAULT_DATABASE}, unless given.",
)
"""For commands that take the file as their first word; see ``database_of``."""
plugin_option = click.option(
    "--plugin",
    "plugin_files",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE.py",
    help="Load a one-file plugin. May be given again.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
junit_option = click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the outcome of every check as JUnit's XML.",
)
file_option = click.option(
    "--file",
    "files",
    multiple=True,
    metavar="NAME=PATH",
    help="Use your own file for a file that the measure names. May be given again.",
)

plan_options = (
    click.option("--repeats", type=Whole(), help="In place of the measure's own repeats."),
    click.option("--limit", type=Whole(), help="Only the first so many items."),
    click.option(
        "--only",
        multiple=True,
        metavar="COLUMN=VALUE[,VALUE]",
        help="Only these levels, groups or items. May be given again, also for more values of a column. A value "
        "with a comma stands in double quotes: 'item=\"one, two\",three'.",
    ),
    click.option("--seed", type=Whole(), help="In place of the measure's own seed."),
)
"""Which trials there are: for what is run and for what is simulated."""


class Named(click.Group):
    """A group that answers a name it does not have with those it has."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name when there is none."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            from gnomon.errors import did_you_mean, listing

            ctx.fail(
                f"there is no command {args[0]!r}{did_you_mean(args[0], known)}; there are: {listing(known)}"
            )
        return super().resolve_command(ctx, args)


def request_options(function: Command) -> Command:
    """The options that say what is run; shared by ``run`` and ``plan``."""
    for option in reversed(
        [
            click.option(
                "--role",
                "roles",
                multiple=True,
                metavar="ROLE=MODEL",
                help="The model for another role, such as a judge.",
            ),
            *plan_options,
            click.option(
                "--format",
                "format_",
                type=OneOf(["auto", "free", "constrained"]),
                default="auto",
                show_default=True,
                help="Let the model answer in its own words, or hold it to the form.",
            ),
            file_option,
            plugin_option,
        ]
    ):
        function = option(function)
    return function


def pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    """``NAME=VALUE`` words as a mapping.

    Raises:
        UsageError: A word without ``=``, or a name given twice.
    """
    out: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} takes NAME=VALUE; it got {word!r}")
        if name in out:
            raise UsageError(f"{option} names {name!r} twice")
        out[name] = value
    return out


def values_of(given: tuple[str, ...], option: str) -> dict[str, tuple[str, ...]]:
    """``COLUMN=VALUE[,VALUE]`` words as column → values; a column that is named again gets more of them.

    Values are apart as in a line of CSV: one with a comma stands in double quotes, and a double quote in such
    a one is doubled. A quote that does not begin a value is only a quote.

    >>> values_of(("item=a,b", 'item="c, d"'), "--only")
    {'item': ('a', 'b', 'c, d')}

    Raises:
        UsageError: A word without ``=``, or quotes that are not closed or go on behind their end.
    """
    out: dict[str, tuple[str, ...]] = {}
    for word in given:
        ((name, values),) = pairs((word,), option).items()
        out[name] = tuple(dict.fromkeys((*out.get(name, ()), *_apart(values, word, option))))
    return out


def _apart(values: str, word: str, option: str) -> list[str]:
    """The values of a word."""
    import csv

    if '"' not in values:
        return values.split(",")
    try:
        (row,) = csv.reader([values], strict=True)
    except csv.Error:
        raise UsageError(
            f"{option} has a value that begins with a double quote and does not end with one: {word!r}; a "
            "double quote within the quotes is doubled"
        ) from None
    return row


def only_of(given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """``--only`` words as column → values."""
    return values_of(given, "--only")


def limits_of(given: tuple[str, ...], option: str) -> dict[str, float]:
    """``[ROLE=]N`` words as role → number; the role is empty where none is named.

    Raises:
        UsageError: No number, or a role named twice.
    """
    out: dict[str, float] = {}
    for word in given:
        role, equals, value = word.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            raise UsageError(f"{option} takes a number or ROLE=NUMBER; it got {word!r}") from None
        if equals and not role:
            raise UsageError(f"{option} takes a number or ROLE=NUMBER; it got {word!r}")
        if role in out:
            raise UsageError(f"{option} is given twice" + (f" for {role!r}" if role else ""))
        out[role] = number
    return out


def database_and_runs(words: tuple[str, ...], database: Path | None) -> tuple[Path, list[int]]:
    """The file and the numbers of runs; a first word that is no number is the file."""
    rest = list(words)
    first = rest.pop(0) if rest and not rest[0].isdigit() else None
    path = database_of(first, database)
    for word in rest:
        if not word.isdigit():
            raise UsageError(f"{word!r} is not the number of a run")
    return path, [int(word) for word in rest]


def database_of(word: str | None, option: Path | None) -> Path:
    """The file that a word names, or else ``--db``, or else the environment.

    Raises:
        UsageError: Word and option are both given.
    """
    if word is not None and option is not None:
        raise UsageError(f"the database is given twice: {word} and --db {option}")
    return Path(word or option or os.environ.get(DATABASE_VARIABLE) or DEFAULT_DATABASE)


def files_of(given: tuple[str, ...]) -> dict[str, Path]:
    """``--file`` words as name → path."""
    return {name: Path(path) for name, path in pairs(given, "--file").items()}


def load_measure(
    measure: str, plugin_files: tuple[Path, ...], files: Mapping[str, Path]
) -> tuple[Catalogue, Spec]:
    """The catalogue with the given plugins, and the loaded measure."""
    from gnomon.catalogue import Catalogue
    from gnomon.loading import load

    catalogue = Catalogue(files=plugin_files)
    spec = load(catalogue.find_measure(measure), catalogue, files=files)
    check_files(spec, files)
    return catalogue, spec


def check_files(spec: Spec, files: Mapping[str, Path]) -> None:
    """Each ``--file`` stands for a file that the measure names, so that none is passed over.

    Raises:
        UsageError: One does not.
    """
    from gnomon.errors import did_you_mean, listing

    uses = [spec.source, spec.procedure]
    uses += [block.use for block in spec.scores]
    uses += [block.use for block in spec.statistics]
    texts = {value for use in uses for value in use.options.values() if isinstance(value, str)}
    for name in files:
        if name not in texts:
            named = {text for text in texts if _is_beside(spec.folder, text)}
            there = f"it names: {listing(named)}" if named else "it names no file"
            raise UsageError(
                f"--file {name}: the measure {spec.name!r} names no such file"
                f"{did_you_mean(name, named)}; {there}"
            )


def _is_beside(folder: Path, text: str) -> bool:
    try:
        return (folder / text).is_file()
    except (OSError, ValueError):
        # A prompt is an option too, and no file can be called so.
        return False


def no_runs(database: Path) -> str:
    """What is said of a database in which nothing was run."""
    return (
        f"there are no runs in {database} yet; 'gnomon run MEASURE --model BACKEND:MODEL' makes one"
    )


def of_measure(states: list[RunState], measure: str | None, database: Path) -> list[RunState]:
    """The runs of one measure; all of them when none is named.

    Raises:
        UsageError: There are runs, and none of that measure.
    """
    chosen = [state for state in states if measure in (None, state.measure)]
    if measure is not None and states and not chosen:
        from gnomon.errors import did_you_mean, listing

        known = {state.measure for state in states}
        raise UsageError(
            f"there is no run of the measure {measure!r} in {database}"
            f"{did_you_mean(measure, known)}; there are: {listing(known)}"
        )
    return chosen


def print_json(value: object) -> None:
    """JSON for programs: UTF-8, two spaces, missing numbers as null."""
    import json

    terminal.give(
        json.dumps(value, indent=2, ensure_ascii=not _utf8(), default=str, allow_nan=False)
    )


def _utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
