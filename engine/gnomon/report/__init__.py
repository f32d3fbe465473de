"""Reports: one HTML file that says what was measured, how, and what was found.

One invariant: a report only reads. It can be made while a run goes on, and made again when it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnomon.catalogue import Catalogue
from gnomon.errors import UsageError
from gnomon.export.files import new_file
from gnomon.report.charts import altair
from gnomon.report.contents import collect
from gnomon.report.drawing import write_charts
from gnomon.report.page import jinja, page
from gnomon.report.parts import Figure, Report
from gnomon.store import Store
from gnomon.store.opening import check_place

__all__ = ["Figure", "Report", "collect", "page", "write_charts", "write_report"]


def write_report(
    store: Store,
    path: Path,
    catalogue: Catalogue,
    *,
    runs: Sequence[int] = (),
    measure: str | None = None,
    charts: Path | None = None,
) -> Report:
    """Write a report, and its charts as files when a folder is given.

    Args:
        store: The store.
        path: The HTML file; one that is there is replaced.
        catalogue: Where statistics are found.
        runs: Only these runs.
        measure: Only this measure.
        charts: A folder for each chart as SVG, PNG, PDF, Vega-Lite and SQL.

    Raises:
        UsageError: A package is missing, there is no such run or measure, or a file cannot be written.
    """
    altair()
    jinja()
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file in it, such as {path / 'report.html'}")
    if not path.parent.is_dir():
        raise UsageError(
            f"the folder {path.parent} of the report does not exist; make it first, or give another file"
        )
    check_place(path)
    made = collect(store, catalogue, runs=runs, measure=measure)
    text = page(made)
    with new_file(path) as file:
        file.write(text.encode())
    if charts is not None:
        write_charts(made.figures(), charts)
    return made
