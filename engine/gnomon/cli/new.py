"""``gnomon new``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gnomon.cli import terminal
from gnomon.cli.common import plugin_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gnomon.scaffold import Template


@click.command("new")
@click.argument("template", required=False)
@click.argument("name", required=False)
@click.option(
    "--in",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="Where to write; the current folder unless given.",
)
@plugin_option
def command(
    template: str | None, name: str | None, folder: Path, plugin_files: tuple[Path, ...]
) -> None:
    """Write a tested, running starting point: a measure, a plugin of any kind, or a package.

    It asks nothing and overwrites nothing. Without arguments it says which templates there are. What is
    written runs at once and has a test; the comments say what to change.

    \b
    gnomon new measure morning-people
    gnomon new questionnaire orderliness
    gnomon new scorer first-number
    gnomon new package my-lab
    """
    from gnomon.catalogue import Catalogue
    from gnomon.errors import UsageError
    from gnomon.scaffold import check_name, find, renamed, templates, write

    catalogue = Catalogue(files=plugin_files)
    if template is None:
        _list(templates(catalogue))
        return
    found = find(catalogue, template)
    if name is None:
        raise UsageError(f"give the new {template} a name: gnomon new {template} NAME")
    check_name(found, name, catalogue)
    for path in write(found, name, folder):
        terminal.tell(f"wrote {path}")
    terminal.tell("\nnext:")
    if folder != Path():
        terminal.tell(f"  cd {folder}")
    for line in found.next:
        terminal.tell(f"  {renamed(line, name)}")


def _list(known: Mapping[str, Template]) -> None:
    width = max(map(len, known), default=0)
    lines = [f"{name.ljust(width)}  {known[name].about}" for name in sorted(known)]
    terminal.explain("\n".join(lines))
