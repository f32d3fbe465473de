"""What a report says: gathered from a store, measure by measure.

One invariant: runs of different versions of a measure are never put into one picture, for their numbers may
differ for that reason alone.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import gnomon
from gnomon.catalogue import Catalogue
from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.report import designs, estimates, methods, reliability, scores, summary, tabled, trouble
from gnomon.report.estimates import Block
from gnomon.report.parts import Answer, Chapter, Figure, MeasurePart, Report
from gnomon.report.wording import (
    anchor,
    called,
    clean,
    listed,
    plural,
    short,
    unwrapped,
)
from gnomon.run.effects import factors_of, scores_of
from gnomon.store import Store

Row = Mapping[str, Any]


def collect(
    store: Store,
    catalogue: Catalogue,
    *,
    runs: Sequence[int] = (),
    measure: str | None = None,
) -> Report:
    """Everything a report of some runs says.

    Args:
        store: The store.
        catalogue: Where the statistics about designs and reliability are found.
        runs: These runs; all unless given.
        measure: Only this measure.

    Raises:
        UsageError: There is no such run or measure.
    """
    chosen = _chosen(store, runs, measure)
    by_version: dict[tuple[str, int], list[Row]] = {}
    for run in chosen:
        by_version.setdefault((run["measure"], run["version"]), []).append(run)
    parts = [
        _part(store, catalogue, held, mixed=_versions(chosen, name) > 1)
        for (name, _), held in by_version.items()
    ]
    names = list(dict.fromkeys(name for name, _ in by_version))
    notices = [] if chosen else ["There is no run in this database yet; 'gnomon run' makes one."]
    return Report(
        title=_title(names, chosen),
        database=clean(store.path.name),
        made=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=gnomon.__version__,
        measures=parts,
        notices=notices,
    )


def _title(names: list[str], runs: Sequence[Row]) -> str:
    if not runs:
        return "Nothing measured yet"
    models = len({run["model"] for run in runs})
    what = short(listed(names), 100) if len(names) < 3 else plural(len(names), "measure")
    return f"{what}, {plural(models, 'model')}"


def _versions(runs: Sequence[Row], name: str) -> int:
    return len({run["version"] for run in runs if run["measure"] == name})


def _chosen(store: Store, runs: Sequence[int], measure: str | None) -> list[Row]:
    held = store.runs()
    known = {int(run["run"]) for run in held}
    for run in runs:
        if run not in known:
            there = ", ".join(map(str, sorted(known))) or "none"
            raise UsageError(f"there is no run {run}; there are: {there}")
    if measure is not None and measure not in (names := {str(run["measure"]) for run in held}):
        raise UsageError(
            f"there is no run of a measure {measure!r}{did_you_mean(measure, names)}; "
            f"there are runs of: {listing(names)}"
        )
    return [
        run
        for run in held
        if (not runs or run["run"] in runs) and measure in (None, run["measure"])
    ]


def labels_of(runs: Sequence[Row]) -> dict[int, str]:
    """What each run is called: its model, and what tells it from another run of that model."""
    models = [str(run["model"] or "no model") for run in runs]
    out = {}
    for run, model in zip(runs, models, strict=True):
        out[int(run["run"])] = (
            model if models.count(model) == 1 else f"{called(model, 32)} · run {run['run']}"
        )
    return out


def _part(store: Store, catalogue: Catalogue, runs: Sequence[Row], *, mixed: bool) -> MeasurePart:
    labels = labels_of(runs)
    first, newest = runs[0], runs[-1]
    spec = store.facts(int(newest["run"])).spec_text
    prefix = anchor(first["measure"], f"v{first['version']}")
    found = estimates.blocks(store, labels)
    locks = store.locks()
    cards = [
        methods.card(store, run, labels[int(run["run"])], locks.get(int(run["run"])))
        for run in runs
    ]
    declared = summary.spec_of(spec)
    return MeasurePart(
        name=prefix,
        measure=clean(first["measure"]),
        version=int(first["version"]),
        title=clean(newest["title"]),
        about=unwrapped(declared.get("about", "")),
        cites=[clean(one) for one in declared.get("cites", ())],
        findings=summary.findings(
            found, labels, {run: label for run, (label, _) in locks.items()}, declared
        ),
        tests=summary.tests(found, labels),
        notices=summary.notices(store, runs, found, cards, mixed=mixed),
        chapters=list(_chapters(store, catalogue, runs, labels, spec, found, prefix)),
        cards=cards,
        spec=clean(spec),
    )


def _chapters(
    store: Store,
    catalogue: Catalogue,
    runs: Sequence[Row],
    labels: Mapping[int, str],
    spec: str,
    found: Sequence[Block],
    prefix: str,
) -> list[Chapter]:
    counts = scores.counted(store, list(labels))
    there = list(dict.fromkeys(row["score"] for row in counts.rows))
    wanted = [name for name in _scores_of(spec) if name in there]
    names = wanted + [name for name in there if name not in wanted]
    out = [_estimates(found, prefix), _heat(found, prefix)]
    spread = [scores.distribution(store, counts, labels, name, prefix) for name in names[:6]]
    out.append(
        Chapter(
            name=f"{prefix}-spread",
            title="Distribution of scores",
            figures=[figure for figure in spread if figure is not None],
        )
    )
    main = names[0] if names else None
    if main is not None:
        out.append(_design(store, catalogue, labels, spec, main, counts, prefix))
        out.append(reliability.chapter(store, catalogue, runs, labels, found, main, prefix))
        out.append(trouble.chapter(store, counts, labels, names, prefix))
    family = tabled.families(found)
    if family is not None:
        out.append(
            Chapter(
                name=f"{prefix}-families",
                title="Tests that were corrected together",
                text=("p-values are corrected over all tests of a family, by run.",),
                tables=[("Families", family)],
            )
        )
    return [
        chapter
        for chapter in out
        if chapter.before or chapter.figures or chapter.tables or chapter.examples
    ]


def _scores_of(spec: str) -> Sequence[str]:
    try:
        return scores_of(spec)
    except (tomllib.TOMLDecodeError, KeyError):
        return ()


def _estimates(found: Sequence[Block], prefix: str) -> Chapter:
    """The estimates over all rows in one table, those by group as forest plots; last those there are none of."""
    figures: list[Figure] = []
    tables = []
    made = [block for block in found if block.quantities]
    overall = [row for block in made if not block.by for row in block.rows]
    models = len({row["label"] for row in overall})
    before = []
    if overall:
        before.append(("Over all rows", tabled.table(overall, (), several=models > 1, named=True)))
    for block in made:
        drawn = list(estimates.forests(block, prefix)) if estimates.worth_drawing(block) else []
        figures += drawn
        if block.by and not drawn:
            several = len({row["label"] for row in block.rows}) > 1
            tables.append((block.title, tabled.table(block.rows, block.by, several=several)))
    none = tabled.refused([block for block in found if not block.quantities])
    if none is not None:
        tables.append(("Estimates that could not be made", none))
    return Chapter(
        name=f"{prefix}-estimates",
        title="Estimates",
        text=("A mark is an estimate, the line through it its interval, the broken line 0.",)
        if figures
        else (),
        before=before,
        figures=figures,
        tables=tables,
    )


def _heat(found: Sequence[Block], prefix: str) -> Chapter:
    figures = [figure for block in found for figure in estimates.heat_maps(block, prefix)]
    return Chapter(name=f"{prefix}-heat", title="Groups and models side by side", figures=figures)


def _design(
    store: Store,
    catalogue: Catalogue,
    labels: Mapping[int, str],
    spec: str,
    score: str,
    counts: Answer,
    prefix: str,
) -> Chapter:
    factors = _factors_of(spec)
    levels = [designs.by_level(store, labels, score, factor, prefix) for factor in factors[:6]]
    cells = []
    if len(labels) == 1 and factors:
        ((run, label),) = labels.items()
        cells = [
            designs.by_item(store, run, label, score, factor, prefix) for factor in factors[:2]
        ]
    drawn, tables, notes = designs.effects(store, catalogue, labels, score, counts, prefix)
    return Chapter(
        name=f"{prefix}-design",
        title="What the design did",
        text=notes,
        figures=[figure for figure in (*levels, *cells, *drawn) if figure is not None],
        tables=tables,
    )


def _factors_of(spec: str) -> Sequence[str]:
    try:
        return factors_of(spec)
    except (tomllib.TOMLDecodeError, KeyError):
        return ()
