"""``gnomon describe``."""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from gnomon.catalogue import KINDS, Catalogue
from gnomon.cli.common import plugin_option
from gnomon.errors import UsageError, did_you_mean, listing

SINGULAR = {singular: kind for kind, (singular, _) in KINDS.items()}


@click.command("describe")
@click.argument("kind", metavar="KIND")
@click.argument("name")
@plugin_option
def command(kind: str, name: str, plugin_files: tuple[Path, ...]) -> None:
    """Explain a measure or a plugin: what it is for and every option.

    KIND is measure, source, procedure, backend, scorer, statistic, correction or executor.

    \b
    gnomon describe measure implicit-bias
    gnomon describe scorer association-d
    """
    catalogue = Catalogue(files=plugin_files)
    if kind == "measure":
        _measure(name, catalogue)
        return
    if kind not in SINGULAR:
        known = ("measure", *SINGULAR)
        raise UsageError(
            f"there is no kind {kind!r}{did_you_mean(kind, known)}; there are: {listing(known)}"
        )
    _plugin(SINGULAR[kind], name, catalogue)


def _measure(name: str, catalogue: Catalogue) -> None:
    from gnomon.loading import load

    spec = load(catalogue.find_measure(name), catalogue)
    keys = spec.keys
    click.echo(f"{keys.measure} (version {keys.version}): {keys.title}\n")
    if keys.about:
        click.echo(f"{keys.about.strip()}\n")
    rows = {
        "file": str(spec.path),
        "needs": ", ".join(keys.needs),
        "papers": ", ".join(keys.cites) or "none named",
        "roles": ", ".join(f"{role}: {what}" for role, what in keys.roles.items())
        or "subject only",
        "factors": ", ".join(
            f"{f} ({', '.join(levels)})" for f, levels in keys.design.factors.items()
        )
        or "none",
        "balanced": ", ".join(
            f"{f} ({', '.join(levels)})" for f, levels in keys.design.balanced.items()
        )
        or "none",
        "draws": ", ".join(dict.fromkeys(draw.name for draw in keys.design.draw)) or "none",
        "repeats": str(keys.design.repeats),
        "scores": ", ".join(block.label for block in spec.scores) or "none",
        "statistics": ", ".join(dict.fromkeys(block.label for block in spec.statistics)) or "none",
    }
    for label, value in rows.items():
        click.echo(f"{label:<11}{value}")


def _plugin(kind: str, name: str, catalogue: Catalogue) -> None:
    from gnomon.structure import describe_options

    plugin = catalogue.get(kind, name)
    doc = inspect.cleandoc(plugin.cls.__doc__ or "").split("\nAttributes:")[0].strip()
    click.echo(f"{name} ({KINDS[kind][0]}, from {plugin.provider.origin})\n\n{doc}\n")
    options = describe_options(plugin.cls)
    if not options:
        click.echo("It has no options.")
        return
    click.echo("Options:")
    for option in options:
        default = "required" if option.required else f"default {option.default_text}"
        click.echo(f"  {option.name} ({option.type_text}, {default})")
        click.echo(f"      {option.help}")
