"""``gnomon describe``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.catalogue import KINDS, Catalogue
from gnomon.cli import terminal
from gnomon.cli.common import plugin_option, print_json
from gnomon.errors import UsageError, did_you_mean, listing

SINGULAR = {singular: kind for kind, (singular, _) in KINDS.items()}


@click.command("describe")
@click.argument("kind", metavar="KIND")
@click.argument("name", required=False)
@plugin_option
def command(kind: str, name: str | None, plugin_files: tuple[Path, ...]) -> None:
    """Explain a measure or a plugin: what it is for and every option.

    KIND is measure, source, procedure, backend, scorer, statistic, correction or executor; or spec, for
    the keys that a measure may hold; or schema, for a JSON Schema of them that editors read.

    \b
    gnomon describe measure implicit-bias
    gnomon describe scorer association-d
    gnomon describe spec turn
    gnomon describe schema > spec.schema.json
    """
    catalogue = Catalogue(files=plugin_files)
    if kind == "spec":
        _spec(name)
        return
    if kind == "schema":
        from gnomon.reference.schema import json_schema

        print_json(json_schema(catalogue))
        return
    known = ("measure", *SINGULAR, "spec", "schema")
    if kind not in known:
        raise UsageError(
            f"there is no kind {kind!r}{did_you_mean(kind, known)}; there are: {listing(known)}"
        )
    if name is None:
        kinds = SINGULAR.get(kind, "measures")
        raise UsageError(f"say which {kind}: gnomon describe {kind} NAME (gnomon list {kinds})")
    if kind == "measure":
        _measure(name, catalogue)
        return
    from gnomon.reference.plugins import plugin_text

    plugin = catalogue.get(SINGULAR[kind], name)
    told = plugin_text(SINGULAR[kind], name, plugin.cls, plugin.provider.origin)
    terminal.explain(told)


def _spec(name: str | None) -> None:
    from gnomon.reference.specs import BLOCKS, CALLS, spec_text

    text = spec_text(name)
    if text is None:
        known = [*BLOCKS, *CALLS]
        raise UsageError(
            f"there is no block {name!r} in a spec{did_you_mean(str(name), known)}; "
            f"there are: {listing(known)}"
        )
    terminal.explain(text)


def _measure(name: str, catalogue: Catalogue) -> None:
    from gnomon.loading import load
    from gnomon.reference.gallery import run_command

    spec = load(catalogue.find_measure(name), catalogue)
    keys = spec.keys
    paragraphs = [f"{keys.measure} (version {keys.version}): {keys.title}"]
    if keys.about:
        paragraphs.append(keys.about.strip())
    rows = {
        "file": str(spec.path),
        "needs": ", ".join(keys.needs),
        "papers": ", ".join(keys.cites) or "none named",
        "tags": ", ".join(keys.tags) or "none",
        "roles": ", ".join(f"{role}: {what}" for role, what in keys.roles.items())
        or "subject only",
        "items": f"from the source {spec.source.name}",
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
        "try it": run_command(name, spec),
    }
    width = max(map(len, rows)) + 2
    paragraphs.append("\n".join(f"{label:<{width}}{value}" for label, value in rows.items()))
    terminal.explain("\n\n".join(paragraphs))
