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
from gnomon.errors import GnomonError, UsageError, did_you_mean, listing
from gnomon.report import estimates, methods, scores, trouble
from gnomon.report.designs import effects
from gnomon.report.estimates import Block
from gnomon.report.parts import Chapter, Figure, Finding, MeasurePart, Report, RunCard, Table
from gnomon.report.wording import (
    anchor,
    clean,
    group,
    interval,
    listed,
    missing,
    number,
    p_value,
    plural,
    short,
    unwrapped,
    whole,
)
from gnomon.run.analysis import statistics_that
from gnomon.run.effects import factors_of, scores_of
from gnomon.store import Store

Row = Mapping[str, Any]
MOST_FINDINGS = 12


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
        catalogue: Where the statistics of design effects and reliability are found.
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
            model if models.count(model) == 1 else f"{short(model, 32)} · run {run['run']}"
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
    declared = _spec(spec)
    return MeasurePart(
        name=prefix,
        measure=clean(first["measure"]),
        version=int(first["version"]),
        title=clean(newest["title"]),
        about=unwrapped(declared.get("about", "")),
        cites=[clean(one) for one in declared.get("cites", ())],
        findings=_findings(found, labels, {run: label for run, (label, _) in locks.items()}),
        tests=_tests(found, labels),
        notices=_notices(store, runs, found, cards, mixed=mixed),
        chapters=list(_chapters(store, catalogue, runs, labels, spec, found, prefix)),
        cards=cards,
        spec=clean(spec),
    )


def _spec(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _findings(
    found: Sequence[Block], labels: Mapping[int, str], locks: Mapping[int, str]
) -> list[Finding]:
    """The first overall estimate of the measure, for every model."""
    for block in found:
        rows = [row for row in block.rows if row["value"] is not None]
        if block.by or not rows:
            continue
        first = rows[0]["quantity"]
        return [
            Finding(
                who=short(labels[row["run"]], 60),
                what=f"{short(row['quantity'], 40)} of {short(block.of, 60)}",
                value=number(row["value"]),
                interval=interval(row["low"], row["high"]),
                level="" if row["level"] is None else f"{row['level']:.0%}",
                rest=_rest(row),
                label=locks.get(row["run"], ""),
            )
            for row in rows
            if row["quantity"] == first
        ][:MOST_FINDINGS]
    return []


def _rest(row: Row) -> str:
    lost = missing(row)
    p = p_value(row["p"])
    parts = [
        f"n = {whole(row['n'])}" if row["n"] is not None else "",
        f"p = {p}" if p else "",
        f"missing: {lost}" if lost else "none missing",
    ]
    return "; ".join(filter(None, parts))


def _tests(found: Sequence[Block], labels: Mapping[int, str]) -> Table | None:
    """How many corrected tests are below .05, by model and grouping; None without corrected tests."""
    blocks = [block for block in found if any(row["p_corrected"] is not None for row in block.rows)]
    if not blocks:
        return None

    def cell(block: Block, run: int) -> str:
        own = [r for r in block.rows if r["run"] == run and r["p_corrected"] is not None]
        clear = [r for r in own if r["p_corrected"] < estimates.ALPHA]
        if not own:
            return "–"
        names = listed([group(row["columns"]) for row in clear], 8)
        return f"{len(clear)} of {len(own)}{f': {names}' if clear else ''}"

    return Table(
        headings=("model", *(block.title for block in blocks)),
        words=1 + len(blocks),
        rows=[
            (short(label, 60), *(cell(block, run) for block in blocks))
            for run, label in labels.items()
        ],
        notes=("Tests whose p, corrected over their family, is below .05, of those made.",),
    )


def _notices(
    store: Store,
    runs: Sequence[Row],
    found: Sequence[Block],
    cards: Sequence[RunCard],
    *,
    mixed: bool,
) -> list[str]:
    out = []
    if mixed:
        out.append(
            f"The database holds several versions of this measure. This part is about version "
            f"{runs[0]['version']} alone; numbers of different versions should not be compared."
        )
    if len({store.facts(int(run["run"])).spec_text for run in runs}) > 1:
        out.append(
            "These runs were made with different texts of the spec under one version number. Compare "
            "them with care."
        )
    estimated = {row["run"] for block in found for row in block.rows}
    for run, card in zip(runs, cards, strict=True):
        if int(run["run"]) not in estimated:
            out.append(
                f"Run {run['run']} ({short(card.label, 60)}) has no estimates yet: "
                f"{plural(run['finished'], 'trial')} finished."
            )
        out += [f"Run {card.run}: {notice}" for notice in card.notices if "imported" not in notice]
    return out


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
        out.append(_design(store, catalogue, labels, spec, main, prefix))
        out.append(_reliability(store, catalogue, runs, labels, found, main, prefix))
        out.append(trouble.chapter(store, counts, labels, names, prefix))
    family = estimates.families(found)
    if family is not None:
        out.append(
            Chapter(
                name=f"{prefix}-families",
                title="Tests that were corrected together",
                text=("p-values are corrected over all tests of a family, by run.",),
                tables=[("Families", family)],
            )
        )
    return [chapter for chapter in out if chapter.figures or chapter.tables or chapter.examples]


def _scores_of(spec: str) -> Sequence[str]:
    try:
        return scores_of(spec)
    except (tomllib.TOMLDecodeError, KeyError):
        return ()


def _estimates(found: Sequence[Block], prefix: str) -> Chapter:
    figures: list[Figure] = []
    tables = []
    for block in found:
        several = len({row["label"] for row in block.rows}) > 1
        drawn: list[Figure] = []
        one = len(block.quantities) == 1
        if any(row["low"] is not None for row in block.rows) and (block.by or (several and one)):
            drawn = list(estimates.forests(block, prefix))
        figures += drawn
        if not drawn:
            tables.append((block.title, estimates.table(block.rows, block.by, several=several)))
    return Chapter(
        name=f"{prefix}-estimates",
        title="Estimates",
        text=("A mark is an estimate, the line through it its interval, the broken line 0.",)
        if figures
        else (),
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
    prefix: str,
) -> Chapter:
    factors = _factors_of(spec)
    levels = [scores.by_level(store, labels, score, factor, prefix) for factor in factors[:6]]
    cells = []
    if len(labels) == 1 and factors:
        ((run, label),) = labels.items()
        cells = [scores.by_item(store, run, label, score, factor, prefix) for factor in factors[:2]]
    tables, notes = effects(store, catalogue, labels, score)
    return Chapter(
        name=f"{prefix}-design",
        title="What the design did",
        text=notes,
        figures=[figure for figure in (*levels, *cells) if figure is not None],
        tables=tables,
    )


def _factors_of(spec: str) -> Sequence[str]:
    try:
        return factors_of(spec)
    except (tomllib.TOMLDecodeError, KeyError):
        return ()


def _reliability(
    store: Store,
    catalogue: Catalogue,
    runs: Sequence[Row],
    labels: Mapping[int, str],
    found: Sequence[Block],
    score: str,
    prefix: str,
) -> Chapter:
    """Coefficients that the measure declares, and how far item means agree over repeats."""
    declared = _reliability_blocks(store, catalogue, runs)
    tables = [
        (
            block.title,
            estimates.table(
                block.rows, block.by, several=len({row["label"] for row in block.rows}) > 1
            ),
        )
        for block in found
        if block.statistic in declared
    ]
    figures = list(scores.halves(store, labels, score, prefix))
    return Chapter(
        name=f"{prefix}-reliability",
        title="Reliability",
        text=() if tables else ("The measure declares no coefficient of reliability.",),
        figures=figures,
        tables=tables,
    )


def _reliability_blocks(store: Store, catalogue: Catalogue, runs: Sequence[Row]) -> set[str]:
    """Labels of the statistics whose plugin says that it is about reliability."""
    try:
        classes = statistics_that(catalogue, "reliability")
    except GnomonError:
        return set()
    names = {getattr(cls, "name", "") for cls in classes}
    out = set()
    for run in runs:
        for block in _spec(store.facts(int(run["run"])).spec_text).get("statistic", ()):
            if block.get("use") in names:
                out.add(str(block.get("as", block["use"])))
    return out
