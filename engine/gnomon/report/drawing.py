"""Drawings from specifications: SVG for a page; SVG, PNG and PDF for a paper.

One invariant: only shapes, text and plain attributes leave this module. A drawing is parsed and written anew
from a list of what is allowed, so that nothing in it can run or fetch, whatever a library or a label says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.errors import UsageError
from gnomon.report.palette import LIGHT, as_variables, style_sheet, with_colours
from gnomon.report.wording import clean

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from gnomon.report.parts import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_TAGS = frozenset({"svg", "g", "path", "line", "rect", "circle", "text", "tspan", "title", "defs"})
_ATTRIBUTES = frozenset(
    {
        "clip-path", "cx", "cy", "d", "direction", "display", "dx", "dy", "fill", "fill-opacity",
        "font-family", "font-size", "font-style", "font-weight", "height", "opacity", "r", "rx", "ry",
        "stroke", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
        "stroke-opacity", "stroke-width", "text-anchor", "transform", "viewBox", "width", "x", "x1",
        "x2", "y", "y1", "y2",
    }
)  # fmt: skip
PNG_SCALE = 2.0


def _version() -> str:
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def svg(chart: Mapping[str, Any]) -> str:
    """A drawing with stand-in colours and nothing but shapes and text."""
    from xml.etree import ElementTree as ET

    import vl_convert

    drawn = vl_convert.vegalite_to_svg(_cleaned(chart), vl_version=_version())
    root = ET.fromstring(drawn)  # noqa: S314 - drawn by our own library a moment ago
    kept = _kept(root)
    assert kept is not None
    kept.set("xmlns", "http://www.w3.org/2000/svg")
    return ET.tostring(kept, encoding="unicode")


def _cleaned(value: Any) -> Any:
    """Plain data without characters that XML may not hold."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(name): _cleaned(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(held) for held in value]
    return value


def _reaches_out(value: str) -> bool:
    return any(word in value.lower() for word in ("url(", "javascript:"))


def _kept(element: Element) -> Element | None:
    from xml.etree.ElementTree import Element, SubElement

    tag = element.tag.removeprefix(_SVG)
    if tag not in _TAGS:
        return None
    made = Element(
        tag,
        {
            name: value
            for name, value in element.attrib.items()
            if name in _ATTRIBUTES and not _reaches_out(value)
        },
    )
    made.text = element.text
    # What Vega says of a mark for screen readers is shown when the mark is pointed at.
    told = element.get("aria-label")
    if told and element.get("aria-roledescription") not in (None, "axis", "legend"):
        SubElement(made, "title").text = told
    for inner in element:
        kept = _kept(inner)
        if kept is not None:
            kept.tail = inner.tail
            made.append(kept)
    return made


def for_page(chart: Mapping[str, Any]) -> str:
    """A drawing whose colours are the page's."""
    return with_colours(svg(chart), as_variables())


def for_image(chart: Mapping[str, Any]) -> str:
    """A drawing complete in itself that follows the reader's light or dark setting."""
    opened, closing, rest = svg(chart).partition(">")
    return with_colours(f"{opened}{closing}<style>{style_sheet()}</style>{rest}", as_variables())


def for_paper(chart: Mapping[str, Any]) -> str:
    """A drawing in the light colours, complete in itself."""
    return with_colours(svg(chart), LIGHT)


def write_charts(figures: list[Figure], folder: Path) -> list[Path]:
    """Each figure as SVG, PNG, PDF, Vega-Lite and SQL in a folder.

    Raises:
        UsageError: The folder cannot be written.
    """
    import vl_convert

    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            if figure.chart is None:
                continue
            text = with_colours(json.dumps(_cleaned(figure.chart)), LIGHT)
            light = {**json.loads(text), "background": LIGHT["paper"]}
            files: dict[str, bytes] = {
                "svg": for_paper(figure.chart).encode(),
                "png": vl_convert.vegalite_to_png(light, vl_version=_version(), scale=PNG_SCALE),
                "pdf": vl_convert.vegalite_to_pdf(light, vl_version=_version()),
                "vl.json": json.dumps(light, indent=1, ensure_ascii=False).encode(),
                "sql": clean(figure.sql).encode() + b"\n",
            }
            for ending, content in files.items():
                path = folder / f"{figure.name}.{ending}"
                path.write_bytes(content)
                written.append(path)
    except OSError as error:
        raise UsageError(
            f"the charts cannot be written to {folder}: {error.strerror}; give another folder"
        ) from None
    return written
