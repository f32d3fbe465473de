"""What to cite for the results in a database: the papers behind its measures, the measures, and gnomon.

One invariant: nothing is made up. A spec names papers by identifier, so that is what an entry has; a reference
manager completes it from there.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tomllib
from pathlib import Path
from urllib.parse import quote

import attrs

import gnomon
from gnomon.errors import StoreError
from gnomon.export.latex import latex_text
from gnomon.export.moment import moment
from gnomon.export.views import Chosen

FORMS = ("bibtex", "citation")
_AUTHORS = "The gnomon authors"


@attrs.frozen
class Measure:
    """A measure that was run, and what its spec cites.

    Attributes:
        name: Its name.
        version: Its version.
        title: Its title.
        cites: Papers, as ``arXiv:…`` or ``doi:…``.
    """

    name: str
    version: int
    title: str
    cites: tuple[str, ...]


def measures(connection: sqlite3.Connection, runs: list[int] | None) -> list[Measure]:
    """The measures of runs, each version once, in the order in which they were first run."""
    found: dict[tuple[str, int], Measure] = {}
    for run, name, version, title, spec in connection.execute(
        "SELECT run, measure, version, title, spec FROM runs ORDER BY run"
    ):
        if runs is None or run in runs:
            found.setdefault((name, version), Measure(name, version, title, _cites(spec)))
    return list(found.values())


def _cites(spec: str) -> tuple[str, ...]:
    try:
        cites = tomllib.loads(spec).get("cites", [])
    except tomllib.TOMLDecodeError:
        return ()
    return tuple(text for text in cites if isinstance(text, str)) if isinstance(cites, list) else ()


def citation(database: Path, form: str, chosen: Chosen) -> str:
    """The citations as text.

    Args:
        database: The database.
        form: ``bibtex``, or ``citation`` for the Citation File Format 1.2.0 (CITATION.cff).
        chosen: Of which runs.

    Raises:
        StoreError: The database cannot be read, has no runs, or none of those that are asked for.
    """
    with moment(database) as connection:
        used = measures(connection, chosen.of(connection, database))
    papers: dict[str, list[Measure]] = {}
    for measure in used:
        for cite in measure.cites:
            papers.setdefault(cite, []).append(measure)
    return (_bibtex if form == "bibtex" else _cff)(used, papers)


def _identifiers(cite: str) -> dict[str, str]:
    """The fields that name a paper; StoreError where the text names none."""
    scheme, colon, name = cite.partition(":")
    if colon and scheme.lower() == "arxiv":
        # Every arXiv paper has a DOI of this form since 2022.
        return {
            "eprint": name,
            "archiveprefix": "arXiv",
            "doi": f"10.48550/arXiv.{name}",
            "url": f"https://arxiv.org/abs/{name}",
        }
    if colon and scheme.lower() == "doi":
        return {"doi": name, "url": f"https://doi.org/{name}"}
    raise StoreError(f"a spec cites {cite!r}, which is neither arXiv:… nor doi:…")


_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What LaTeX cannot set, and what acts on a terminal or turns the direction of what stands behind it."""


_BRACES = {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}
"""BibTeX counts braces before LaTeX sees them, those behind a backslash too."""


def _latex(text: str) -> str:
    plain = _UNSEEN.sub("", " ".join(text.split()))
    return "".join(
        _BRACES.get(part, latex_text(part)) for part in re.split(r"([{}])", plain) if part
    )


def _address(text: str) -> str:
    """An identifier or address in the signs that those have; others are written as in an address."""
    return quote(text, safe="!#$%&'()*+,-./:;<=>?@[]^_|~")


def _key(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.:-]+", "-", text)


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    # Identifiers and addresses are not prose: their underscores stay.
    lines = [
        f"  {name} = {{{_address(text) if name in ('doi', 'url', 'eprint') else _latex(text)}}},"
        for name, text in fields.items()
    ]
    return "\n".join([f"@{kind}{{{_key(key)},", *lines, "}"])


def _sources(sources: list[Measure]) -> str:
    return "; ".join(f"{one.name} {one.version}, {one.title}" for one in sources)


def _bibtex(used: list[Measure], papers: dict[str, list[Measure]]) -> str:
    entries = [
        _entry(
            "software",
            "gnomon",
            {"title": "gnomon", "author": _AUTHORS, "version": gnomon.__version__},
        ).replace(_AUTHORS, f"{{{_AUTHORS}}}")
    ]
    entries += [
        _entry(
            "misc",
            cite,
            {
                "title": cite,
                **_identifiers(cite),
                "note": f"Source of the measure {_sources(sources)}",
            },
        )
        for cite, sources in papers.items()
    ]
    entries += [
        _entry(
            "misc",
            f"gnomon:{measure.name}-{measure.version}",
            {
                "title": measure.title,
                "howpublished": f"Measure {measure.name} of gnomon",
                "version": str(measure.version),
            },
        )
        for measure in used
    ]
    head = "% Papers are named by their identifiers, from which a reference manager fetches authors and titles."
    return "\n\n".join([head, *entries]) + "\n"


def _cff(used: list[Measure], papers: dict[str, list[Measure]]) -> str:
    # A text in JSON is a text in YAML.
    text = json.dumps
    lines = [
        "cff-version: 1.2.0",
        'message: "Please cite gnomon, the measures that were run, and the papers behind them."',
        "type: software",
        "title: gnomon",
        f"version: {text(gnomon.__version__)}",
        "license: Apache-2.0",
        f"authors:\n  - name: {text(_AUTHORS)}",
        "references:",
    ]
    for cite, sources in papers.items():
        fields = _identifiers(cite)
        lines += [
            f"  - type: article\n    title: {text(cite)}",
            f"    authors:\n      - name: {text(f'Authors of {cite}')}",
            f"    doi: {text(fields['doi'])}\n    url: {text(fields['url'])}",
            f"    notes: {text(f'Source of the measure {_sources(sources)}')}",
        ]
    for measure in used:
        lines += [
            f"  - type: software\n    title: {text(measure.title)}",
            f"    authors:\n      - name: {text(_AUTHORS)}",
            f"    version: {text(str(measure.version))}",
            f"    notes: {text(f'Measure {measure.name} of gnomon')}",
        ]
    return "\n".join(lines) + "\n"
