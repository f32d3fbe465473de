"""A report as one HTML file.

One invariant: the page runs nothing and fetches nothing. Everything from a database is escaped by the template
engine, which is given it as values and never as a template; drawings hold only shapes and text; and a
content security policy in the page itself forbids scripts and every address.
"""

from __future__ import annotations

import shlex
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gnomon.errors import UsageError
from gnomon.report.drawing import for_page
from gnomon.report.palette import style_sheet
from gnomon.report.wording import clean, whole

if TYPE_CHECKING:
    from gnomon.report.parts import Figure, Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


UNFOLDED = 6
"""How many figures of a chapter are open; of the others the titles are seen."""


def jinja() -> Any:
    """The template engine, or a sentence that says how to get it."""
    try:
        import jinja2
    except ImportError:
        raise UsageError(
            "a report needs the package 'jinja2', which is not installed; "
            "install it with: pip install 'gnomon[report]'"
        ) from None
    return jinja2


def style() -> str:
    """The style sheet, colours included."""
    return style_sheet() + _file("page.css")


def _file(name: str) -> str:
    return (files("gnomon.report") / "templates" / name).read_text("utf-8")


def page(report: Report) -> str:
    """The page, complete in itself."""
    jinja2 = jinja()
    from markupsafe import Markup

    def drawing(figure: Figure) -> Markup:
        assert figure.chart is not None
        return Markup(for_page(figure.chart))  # noqa: S704 - written anew from allowed shapes and escaped text

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, loader=jinja2.BaseLoader()
    )
    # The template is a file of this package; what a database holds reaches it as values only.
    template = environment.from_string(_file("page.html"))
    made = template.render(
        report=report,
        policy=POLICY,
        style=Markup(style()),  # noqa: S704 - a file of this package
        drawing=drawing,
        whole=whole,
        database=shlex.quote(report.database),
        unfolded=UNFOLDED,
    )
    return clean(made)
