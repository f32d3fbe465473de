"""``gnomon plugins``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import json_option, plugin_option, print_json


@click.command("plugins")
@plugin_option
@json_option
def command(plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Show who offers what, from where, how long its import takes, and what failed to load.

    \b
    gnomon plugins
    gnomon plugins --plugin my_scorer.py
    """
    from gnomon.catalogue import KINDS, Catalogue
    from gnomon.cli.listing import print_rows
    from gnomon.scaffold import templates

    catalogue = Catalogue(files=plugin_files)
    catalogue.load_all()
    rows = []
    for provider in catalogue.providers:
        offered = [
            f"{plugin.name} ({KINDS[kind][0]})"
            for kind in KINDS
            for plugin in catalogue.of_kind(kind).values()
            if plugin.provider == provider
        ]
        offered += [
            f"{name} (measure)" for name, (_, by) in catalogue.measures().items() if by == provider
        ]
        offered += [
            f"{name} (template)"
            for name, template in templates(catalogue).items()
            if template.provider == provider
        ]
        rows.append(
            {
                "from": provider.origin,
                "entry": provider.name,
                "import": "failed"
                if provider.failure
                else f"{(provider.seconds or 0) * 1000:.0f} ms",
                "offers": ", ".join(offered),
            }
        )
    if as_json:
        failures = {provider.name: provider.failure for provider in catalogue.failures()}
        print_json({"plugins": rows, "failures": failures})
        return
    print_rows(rows)
    for provider in catalogue.failures():
        terminal.tell(f"\n{provider.name} of {provider.origin} failed to load:\n{provider.failure}")
