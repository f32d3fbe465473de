"""Tables as CSV, Markdown and LaTeX.

One invariant: a cell stays the text it is. CSV cells are no formulas, Markdown and LaTeX cells no markup.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gnomon.cli import terminal
from gnomon.export.cells import safe_text
from gnomon.export.latex import latex_text

if TYPE_CHECKING:
    from gnomon.cli.tables import Table

_TENS = re.compile(r"(-?\d(?:\.\d+)?)e([+-]?\d+)\Z")
_NEGATIVE = re.compile(r"-\d+(\.\d+)?\Z|\[-?\d+\.\d+, -?\d+\.\d+\]\Z")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def safe_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: model output is hostile. Numbers stay numbers."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (dict, list, tuple)):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return safe_text(value) if isinstance(value, str) else value


def print_csv(names: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """CSV on standard output, a block of rows at a time."""
    out = io.StringIO()
    writer = csv.writer(
        out
    )  # its line ends are those of RFC 4180, and a lone one in a cell is quoted
    writer.writerow(map(safe_cell, names))
    for number, row in enumerate(rows, 1):
        writer.writerow([safe_cell(value) for value in row])
        if number % 1000 == 0:
            terminal.give(out.getvalue(), end="")
            out.seek(0)
            out.truncate()
    terminal.give(out.getvalue(), end="")


def markdown(table: Table) -> str:
    """The table as GitHub's Markdown has them, its title above and its notes below."""
    heads = [_md(column.heading) or " " for column in table.columns]
    rule = ["---:" if column.right else "---" for column in table.columns]
    lines = [_row(heads), _row(rule), *(_row(map(_md, row)) for row in table.rows)]
    title = [*map(_md, table.above), *([f"**{_md(table.title)}**"] if table.title else [])]
    parts = ["  \n".join(title), "\n".join(lines), "\n".join(f"- {_md(n)}" for n in table.notes)]
    return "\n\n".join(part for part in parts if part)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    text = terminal.visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def latex(table: Table) -> str:
    """The table as a ``table`` environment for booktabs, its notes in small type below."""
    places = "".join(_place(table, at) for at in range(len(table.columns)))
    caption = ". ".join([*map(_tex, table.above), *([_tex(table.title)] if table.title else [])])
    lines = [r"\begin{table}", r"\centering"]
    lines += [rf"\caption{{{caption}}}"] if caption else []
    lines += [rf"\begin{{tabular}}{{{places}}}", r"\toprule"]
    lines += [_tex_row(column.heading for column in table.columns), r"\midrule"]
    lines += [_tex_row(row) for row in table.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {_tex(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}"])


_WIDE = 40
"""Characters from which on a column is a paragraph, so that the page breaks its lines."""


def _place(table: Table, at: int) -> str:
    """How LaTeX sets a column."""
    column = table.columns[at]
    long = [n for n in (_longest(table, place) for place in range(len(table.columns))) if n > _WIDE]
    if column.gives != "no" and _longest(table, at) > _WIDE:
        return rf"p{{{0.8 / len(long):.2f}\textwidth}}"
    return "r" if column.right else "l"


def _longest(table: Table, at: int) -> int:
    return max((len(row[at]) for row in table.rows), default=0)


def _tex_row(cells: Iterable[str]) -> str:
    return " & ".join(map(_tex, cells)) + r" \\"


_TYPED = {
    ord("↵"): " ",
    **{0x2400 + code: rf"\x{code:02x}" for code in range(0x20)},
}
"""The signs that stand for control characters, which few fonts have."""


def _as_typed(text: str) -> str:
    return text.translate(_TYPED)


def _tex(text: str) -> str:
    tens = _TENS.match(text)
    if tens is not None:
        return rf"${tens.group(1)}\times 10^{{{int(tens.group(2))}}}$"
    if _NEGATIVE.match(text):
        return f"${text}$"
    # After the break of a row, a bracket would be taken for its length and a star for a part of it.
    made = latex_text(_as_typed(terminal.visible(text)))
    return f"{{{made}}}" if made.lstrip().startswith(("[", "*")) else made
