"""``gnomon check``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import file_option, files_of, json_option, plugin_option, print_json
from gnomon.errors import EXIT_USAGE, SpecError


@click.command("check")
@click.argument("measures", nargs=-1, required=True, metavar="MEASURE...")
@file_option
@plugin_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    measures: tuple[str, ...],
    files: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Validate measures, by name or path, with the loader that runs use.

    Every fault is shown, as file:line:col key.path: what is wrong.

    \b
    gnomon check implicit-bias
    gnomon check ./my-measure.toml --plugin my_scorer.py
    """
    from gnomon.catalogue import Catalogue
    from gnomon.loading import load

    catalogue = Catalogue(files=plugin_files)
    named = files_of(files)
    reports: list[tuple[str, SpecError | None]] = []
    for measure in measures:
        path = catalogue.find_measure(measure)
        try:
            load(path, catalogue, files=named)
        except SpecError as error:
            reports.append((str(path), error))
            if not as_json:
                terminal.tell(str(error))
        else:
            reports.append((str(path), None))
            if not as_json:
                terminal.tell(f"{path}: no faults")
    if as_json:
        print_json(
            [
                {
                    "file": file,
                    "faults": [
                        {
                            "line": fault.line,
                            "column": fault.column,
                            "path": fault.path,
                            "message": fault.message,
                        }
                        for fault in (error.faults if error else ())
                    ],
                }
                for file, error in reports
            ]
        )
    if any(error for _, error in reports):
        ctx.exit(EXIT_USAGE)
