"""The one place that writes tables: for people at any width, and as JSON, CSV, Markdown and LaTeX.

One invariant: a cell is text, whatever is in it. Nothing in it acts on a terminal, is a formula to a
spreadsheet, or is markup to Markdown or LaTeX; and what was cut is seen to be cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import attrs
import click

from gnomon.cli import terminal
from gnomon.errors import UsageError

Form = Literal["text", "json", "csv", "md", "latex"]
Command = TypeVar("Command", bound=Callable[..., Any])

GAP = 2
LEAST = 12
"""Cells that a column which gives way keeps."""
PIPED = 200
"""Most cells of a line in a pipe."""
_HELP = {
    "json": "Print JSON for programs.",
    "csv": "Print CSV; no cell is a formula to a spreadsheet.",
    "md": "Print Markdown tables.",
    "latex": "Print LaTeX tables, for the package booktabs.",
}


@attrs.frozen
class Column:
    """One column of a table.

    Attributes:
        heading: What stands above it.
        right: Set flush right, as numbers are.
        gives: How it gives way where the table is too wide: not at all, cut with an ellipsis, broken into
            several lines, or, for a name, broken on a terminal and whole in a pipe, where programs look
            for it.
    """

    heading: str
    right: bool = False
    gives: Literal["no", "cut", "wrap", "name"] = "no"


@attrs.frozen(kw_only=True)
class Table:
    """A table for people.

    Attributes:
        title: What it shows; empty for none.
        columns: The columns.
        rows: Their cells, as text.
        notes: Sentences below it: methods, the family of tests, what is missing.
        above: Lines above the title, such as which run it is of.
        headed: Whether the headings are shown.
    """

    title: str = ""
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    headed: bool = True


def form_options(function: Command) -> Command:
    """``--json``, ``--csv``, ``--md`` and ``--latex``, as the one argument ``form``; two are refused."""
    for form, text in reversed(_HELP.items()):
        option = click.option(
            f"--{form}", is_flag=True, expose_value=False, callback=_one_form, help=text
        )
        function = option(function)
    return function


def _one_form(ctx: click.Context, option: click.Parameter, given: bool) -> None:
    """Note the form that an option asks for.

    Raises:
        UsageError: Another form was asked for already.
    """
    before = ctx.params.setdefault("form", None)
    if given and before is not None:
        raise UsageError(f"--{before} and --{option.name} are two forms of one table; give one")
    if given:
        ctx.params["form"] = option.name


def write(
    form: Form | None,
    tables: Sequence[Table],
    rows: Callable[[], Any],
    empty: str,
    *,
    heads: Sequence[str] = (),
) -> None:
    """Write tables in the form asked for.

    Args:
        form: The form; None for people.
        tables: What people, Markdown and LaTeX get.
        rows: What JSON and CSV get: all numbers in full. CSV takes rows of one set of names.
        empty: The sentence for people where there is no table.
        heads: What CSV has above no rows.
    """
    if form == "json":
        from gnomon.cli.common import print_json

        print_json(rows())
    elif form == "csv":
        from gnomon.cli.markup import print_csv

        found = rows()
        if not (found or heads):
            return
        print_csv(list(found[0]) if found else list(heads), (list(row.values()) for row in found))
    elif form in ("md", "latex"):
        from gnomon.cli import markup

        one = markup.markdown if form == "md" else markup.latex
        parts = [one(table) for table in tables]
        terminal.say("\n\n".join(parts) if parts else empty)
    else:
        _say_texts(tables, empty)


def _say_texts(tables: Sequence[Table], empty: str) -> None:
    width = terminal.width()
    whole = terminal.is_piped()
    last: tuple[str, ...] = ()
    for number, table in enumerate(tables):
        # A blank line is before what is about something else; what is about the same needs no saying.
        if table.above == last:
            table = attrs.evolve(table, above=())  # noqa: PLW2901 -- the same table, said once
        last = table.above or last
        terminal.say(("\n" if number and table.above else "") + text(table, width, whole=whole))
    if not tables:
        terminal.say(empty)


def plain_table(
    rows: Sequence[Mapping[str, Any]],
    *,
    named: Sequence[str] = (),
    wraps: Sequence[str] = (),
    right: Sequence[str] = (),
) -> Table:
    """Rows of equal names as a table.

    Args:
        rows: The rows.
        named: Columns of names, which are broken on a terminal and whole in a pipe.
        wraps: Columns that are broken into lines where there is no room.
        right: Columns of numbers.
    """
    names = list(rows[0]) if rows else []
    columns = tuple(
        Column(
            name,
            right=name in right,
            gives="wrap" if name in wraps else "name" if name in named else "no",
        )
        for name in names
    )
    cells = tuple(tuple("" if row[n] is None else str(row[n]) for n in names) for row in rows)
    return Table(columns=columns, rows=cells)


def text(table: Table, width: int, *, whole: bool = False) -> str:
    """The table for people, in lines of at most ``width`` cells where that is possible.

    Columns that give way do so, the widest first. Where that is not enough each row becomes a block of
    its own with a line for each column.

    Args:
        table: The table.
        width: Cells of a line.
        whole: Nothing is cut and no name is broken: lines are longer, up to ``PIPED`` cells, or each row is
            a block with all of its text.
    """
    if whole:
        kept = [attrs.evolve(c, gives="wrap" if c.gives == "wrap" else "no") for c in table.columns]
        table = attrs.evolve(table, columns=tuple(kept))
    rows = [tuple(map(terminal.visible, row)) for row in table.rows]
    heads = tuple(terminal.visible(column.heading) for column in table.columns)
    natural = [
        max(terminal.cells(row[place]) for row in ((heads,) if table.headed else ()) + tuple(rows))
        if rows or table.headed
        else 0
        for place in range(len(heads))
    ]
    widths = _fitted(table.columns, heads, rows, natural, width)
    if widths is None and whole:
        widths = _fitted(table.columns, heads, rows, natural, PIPED)
    out = [
        terminal.bold(line) if given is table.above[0] else line
        for given in table.above
        for line in terminal.wrapped(terminal.visible(given), width)
    ]
    if table.title:
        title = terminal.visible(table.title)
        out += [terminal.bold(line) for line in terminal.wrapped(title, width)]
    if widths is None:
        out += _upright(heads, rows, width, whole=whole)
    else:
        shown = ([heads] if table.headed else []) + rows
        for row in shown:
            out += _lines(table.columns, row, widths, is_head=row is heads)
    for note in table.notes:
        lines = terminal.wrapped(terminal.visible(note), width - GAP)
        out += [terminal.dim(f"{'':{GAP}}{line}") for line in lines]
    return "\n".join(out)


def _fitted(
    columns: Sequence[Column],
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    natural: Sequence[int],
    width: int,
) -> list[int] | None:
    """Widths that fit; None where there are none. Words are broken only where nothing else helps."""
    giving = [place for place, column in enumerate(columns) if column.gives != "no"]
    # None that gives way comes out wider than this, so a text of any length need not be narrowed step by step.
    most = max(width, 3 * LEAST)
    widths = [min(n, most) if place in giving else n for place, n in enumerate(natural)]
    pieces = {
        place: max(map(terminal.longest_piece, (heads[place], *(row[place] for row in rows))))
        for place in giving
    }
    least = {
        place: min(natural[place], max(LEAST, min(terminal.cells(heads[place]), 2 * LEAST)))
        for place in giving
        if columns[place].gives == "cut"
    }
    whole = {at: min(natural[at], pieces[at], 3 * LEAST) for at in giving if at not in least}
    broken = {at: min(whole[at], LEAST) for at in whole}
    for limits in ({**least, **whole}, {**least, **broken}):
        over = sum(widths) + GAP * (len(widths) - 1) - width
        while over > 0 and (room := [at for at in giving if widths[at] > limits[at]]):
            widest = max(room, key=lambda at: widths[at])
            rest = max((widths[at] for at in room if at != widest), default=0)
            step = min(over, max(widths[widest] - max(rest, limits[widest]), 1))
            widths[widest] -= step
            over -= step
        if over <= 0:
            return widths
    return None


def _lines(
    columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], *, is_head: bool
) -> list[str]:
    """One row: one line, or several where a cell is broken; a heading stands low."""
    parts = [
        terminal.wrapped(cell, width)
        if column.gives in ("wrap", "name")
        else [terminal.cut(cell, width) if column.gives == "cut" else cell]
        for column, cell, width in zip(columns, row, widths, strict=True)
    ]
    deep = max(map(len, parts), default=0)
    if is_head:
        parts = [[""] * (deep - len(part)) + part for part in parts]
    out = []
    for at in range(deep):
        line = [
            terminal.pad(part[at] if at < len(part) else "", width, right=column.right)
            for column, part, width in zip(columns, parts, widths, strict=True)
        ]
        out.append((" " * GAP).join(line).rstrip())
    return out


UPRIGHT_LINES = 4
"""Most lines of a cell where a row is a block of its own."""


def _upright(
    heads: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, whole: bool
) -> list[str]:
    """Each row as a block, with a line for each column that has something, or all its lines."""
    out: list[str] = []
    left = min(max(map(terminal.cells, heads), default=0), width // 2)
    for number, row in enumerate(rows, 1):
        out.append(terminal.dim(f"── {number} ".ljust(min(width, 40), "─")))
        for head, cell in zip(heads, row, strict=True):
            if not cell:
                continue
            lines = terminal.wrapped(cell, width - left - GAP)
            if len(lines) > UPRIGHT_LINES and not whole:
                last = f"{terminal.ELLIPSIS} ({len(cell):,} characters)"
                lines = [*lines[: UPRIGHT_LINES - 1], last]
            for at, line in enumerate(lines):
                name = terminal.pad(terminal.cut(head, left) if at == 0 else "", left)
                out.append(f"{name}{'':{GAP}}{line}".rstrip())
    return out
