"""What the served pages show beside tables: findings, charts, and the whole report.

One invariant: every call reads the database as it is now, so that a run that goes on is seen to go on. A report is
kept only as long as no commit has changed the file.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.report import collect, page
from gnomon.report.contents import labels_of
from gnomon.report.drawing import for_image
from gnomon.report.estimates import Block, blocks, forests, worth_drawing
from gnomon.report.parts import Figure
from gnomon.report.summary import findings, spec_of
from gnomon.report.wording import anchor, clean
from gnomon.store import Store

MOST_CHARTS = 4
"""Charts of a measure on the first page; the report has all."""
_kept: dict[tuple[Path, tuple[int, int]], str] = {}
_making = threading.Lock()


def _state(path: Path) -> tuple[int, int]:
    """What changes whenever something is committed: times of the file and of its log."""
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_mtime_ns, log.stat().st_mtime_ns if log.exists() else 0


def report(path: Path) -> str:
    """The report of the whole database as a page."""
    state = path, _state(path)
    with _making:
        if state not in _kept:
            _kept.clear()
            with Store.open(path) as store:
                _kept[state] = page(collect(store, Catalogue()))
        return _kept[state]


def _by_version(store: Store) -> list[tuple[list[dict[str, Any]], dict[int, str], list[Block]]]:
    """For each version of a measure its runs, what they are called, and their estimates."""
    held: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for run in store.runs():
        held.setdefault((run["measure"], run["version"]), []).append(run)
    return [
        (runs, labels, blocks(store, labels))
        for runs, labels in ((runs, labels_of(runs)) for runs in held.values())
    ]


def _prefix(runs: list[dict[str, Any]]) -> str:
    return anchor(runs[0]["measure"], f"v{runs[0]['version']}")


def _charts(found: list[Block], prefix: str, *, draw: bool) -> list[Figure]:
    """The forest plots of the report; they need no score to be read."""
    out: list[Figure] = []
    for block in found:
        if len(out) < MOST_CHARTS and worth_drawing(block):
            out += forests(block, prefix, draw=draw)
    return out[:MOST_CHARTS]


def overview(path: Path) -> list[dict[str, Any]]:
    """The first page: measures with their findings and the names of their charts; no chart is drawn."""
    with Store.open(path) as store:
        locks = {run: label for run, (label, _) in store.locks().items()}
        return [
            {
                "measure": clean(runs[0]["measure"]),
                "version": runs[0]["version"],
                "title": clean(runs[-1]["title"]),
                "name": _prefix(runs),
                "runs": len(runs),
                "findings": findings(
                    found, labels, locks, spec_of(store.facts(int(runs[-1]["run"])).spec_text)
                ),
                "charts": _charts(found, _prefix(runs), draw=False),
            }
            for runs, labels, found in _by_version(store)
        ]


def chart(path: Path, name: str) -> str | None:
    """One forest plot as an image; None when there is none of that name."""
    with Store.open(path) as store:
        for runs, _, found in _by_version(store):
            if not name.startswith(_prefix(runs)):
                continue
            for block in found:
                if any(
                    figure.name == name for figure in _charts([block], _prefix(runs), draw=False)
                ):
                    made = _charts([block], _prefix(runs), draw=True)
                    drawn = next(figure for figure in made if figure.name == name).chart
                    return None if drawn is None else for_image(drawn)
    return None
