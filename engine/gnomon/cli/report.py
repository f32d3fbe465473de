"""``gnomon report``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_and_runs, plugin_option, second_database_option
from gnomon.errors import counted


@click.command("report")
@click.argument("words", nargs=-1, metavar="[DB] [RUN]...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    help="The HTML file to write.",
)
@click.option("--measure", help="Only this measure.")
@click.option(
    "--charts",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write each chart as SVG, PNG, PDF, Vega-Lite and the SQL that made it.",
)
@second_database_option
@plugin_option
def command(
    words: tuple[str, ...],
    out: Path,
    measure: str | None,
    charts: Path | None,
    database: Path | None,
    plugin_files: tuple[Path, ...],
) -> None:
    """Write what was measured, how, and what was found as one HTML file that needs no network.

    Estimates with their intervals, heat maps, distributions, what the design did, reliability, what is missing
    with examples, the prompts as they were sent; and for every figure the SQL that made it.

    \b
    gnomon report
    gnomon report results.db -o report.html --charts figures
    gnomon report results.db 3 4 --measure implicit-bias
    """
    from gnomon.catalogue import Catalogue
    from gnomon.report import write_report
    from gnomon.store import Store

    path, runs = database_and_runs(words, database)
    with Store.open(path) as store:
        made = write_report(
            store,
            out,
            Catalogue(files=plugin_files),
            runs=runs,
            measure=measure,
            charts=charts,
        )
    for notice in made.notices:
        terminal.tell(f"note: {notice}", err=True)
    size = out.stat().st_size
    figures = len(made.figures())
    terminal.tell(f"{out}: {counted(figures, 'figure')}, {size / 1e6:.1f} MB")
