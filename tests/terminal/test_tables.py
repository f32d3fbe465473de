"""The one writer of tables: widths, cuts, and what a cell can never do."""

from __future__ import annotations

import csv
import io
import re
from typing import Literal

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from gnomon.cli.markup import latex, markdown, print_csv, safe_cell
from gnomon.cli.tables import Column, Table, text
from gnomon.cli.terminal import cut, flowed, visible, wrapped

CELLS = st.text(max_size=60)
GIVES = st.sampled_from(["no", "cut", "wrap", "name"])


@st.composite
def tables(draw: st.DrawFn, gives: st.SearchStrategy[str] = GIVES) -> Table:
    """Any table of one to six columns."""
    width = draw(st.integers(1, 6))
    rows = draw(st.lists(st.tuples(*[CELLS] * width), max_size=5))
    return Table(
        title=draw(CELLS),
        columns=tuple(
            Column(draw(CELLS), right=draw(st.booleans()), gives=draw(gives)) for _ in range(width)
        ),
        rows=tuple(rows),
        notes=tuple(draw(st.lists(CELLS, max_size=2))),
    )


@given(tables(), st.integers(40, 130))
def test_no_line_is_wider_than_told(table: Table, width: int) -> None:
    """Whatever the cells hold, and whatever gives way: where columns cannot, rows become blocks."""
    assert [line for line in text(table, width).splitlines() if cell_len(line) > width] == []


@given(tables())
def test_a_wide_terminal_shows_every_cell_whole(table: Table) -> None:
    """Nothing is cut or broken where there is room."""
    lines = text(table, 1000)
    for row in table.rows:
        for cell in row:
            # Blanks at the end of a line are not kept.
            assert visible(cell).rstrip() in lines


LETTERS = st.text("abc de", max_size=30)


@given(
    st.lists(st.tuples(LETTERS, LETTERS, LETTERS), max_size=4),
    st.tuples(*[st.sampled_from(["no", "cut", "name"])] * 3),
)
def test_in_a_pipe_nothing_is_cut(
    rows: list[tuple[str, str, str]], gives: tuple[Literal["no", "cut", "name"], ...]
) -> None:
    """A row that another program reads is one line with every cell whole, or a block with all its text."""
    columns = tuple(Column(f"column {at}", gives=one) for at, one in enumerate(gives))
    lines = text(Table(columns=columns, rows=tuple(rows)), 40, whole=True).split("\n")
    assert len(lines) == 1 + len(rows)
    for line, row in zip(lines[1:], rows, strict=True):
        assert all(cell.rstrip() in line for cell in row)


def test_in_a_pipe_a_row_that_is_no_line_is_a_whole_block() -> None:
    """However many lines a cell takes there."""
    prompt = " ".join(f"word{number}" for number in range(300))
    table = Table(columns=(Column("prompt", gives="cut"), Column("n")), rows=((prompt, "1"),))
    shown = text(table, 80, whole=True)
    assert " ".join(shown.replace("prompt", "").split()).startswith(f"── 1 {'─' * 35} {prompt} n 1")
    narrow = Table(columns=table.columns * 20, rows=((prompt, "1") * 20,))
    assert "… (2,289 characters)" in text(narrow, 80)


@given(st.text(max_size=200))
@example("a\x1b[2Jb\x9b31m\u202e\u2066\ud800\x00\x7f\r\n\U000e0041")
def test_visible_text_is_printable(given: str) -> None:
    """No control character, no turning of direction, no half of a pair, in one line."""
    shown = visible(given)
    assert (
        re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
        is None
    )
    assert visible(shown) == shown
    shown.encode("utf-8")


@given(st.text(max_size=200), st.integers(1, 40))
def test_cutting_and_breaking_keep_to_the_width(given: str, width: int) -> None:
    """A cut text fits and says that it is cut; broken lines lose nothing but the blanks at the breaks."""
    shown = visible(given)
    assert cell_len(cut(shown, width)) <= width
    assert cut(shown, width) == shown or cut(shown, width).endswith("…")
    lines = wrapped(shown, max(width, 2))
    assert [line for line in lines if cell_len(line) > max(width, 2)] == []
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", shown)


@given(
    st.lists(
        st.lists(
            st.one_of(st.text(), st.floats(allow_nan=False), st.integers()), min_size=2, max_size=2
        )
    )
)
def test_csv_comes_back_and_computes_nothing(rows: list[list[object]]) -> None:
    """A reader of CSV gets the rows; a text that begins as a formula has a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([map(safe_cell, row) for row in rows])
    back = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert back == [[str(safe_cell(value)) for value in row] for row in rows]
    for row in rows:
        for value in row:
            if isinstance(value, str):
                assert not str(safe_cell(value)).startswith(tuple("=+-@\t\r\n＝＋－＠"))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1", "'=1"), ("  =1+1", "'  =1+1"), ("\u00a0@SUM(A1)", "'\u00a0@SUM(A1)"), ("＝1", "'＝1"),
        ("'=1", "''=1"), ("", ""), ("a = 1", "a = 1"), (" a", " a"),
    ],
)  # fmt: skip
def test_a_printed_cell_is_guarded_as_an_exported_one(value: str, cell: str) -> None:
    """Also behind blanks, which a spreadsheet may take away."""
    assert safe_cell(value) == cell


def test_numbers_below_zero_stay_numbers_in_csv() -> None:
    """Only text is held off; lists and bytes become text."""
    assert [safe_cell(value) for value in (-1.5, None, True, b"\x01", {"a": "ü"}, ("x",))] == [
        -1.5,
        None,
        True,
        "01",
        '{"a": "ü"}',
        '["x"]',
    ]


@given(tables())
def test_markdown_has_a_line_a_row_and_no_tag(table: Table) -> None:
    """As many cells in each line as there are columns; nothing opens a tag or a fence."""
    made = markdown(table)
    lines = [line for line in made.splitlines() if line.startswith("| ")]
    assert len(lines) >= len(table.rows) + 2
    for line in lines[: len(table.rows) + 2]:
        assert len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) == len(table.columns) + 1
    assert "<" not in made


@given(tables())
def test_latex_is_balanced(table: Table) -> None:
    """Braces and environments close, and a row has a cell for each column."""
    made = latex(table)
    bare = re.sub(r"\\[{}&%#$_\\]", "", made)
    assert bare.count("{") == bare.count("}")
    assert made.count(r"\begin{") == made.count(r"\end{") == 2
    body = made.split(r"\midrule" + "\n")[1].split(r"\bottomrule")[0]
    rows = body.splitlines()
    assert len(rows) == len(table.rows)
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == len(table.columns) - 1


def test_a_table_in_every_form() -> None:
    """One table, whole."""
    table = Table(
        above=("a run",),
        title="t-test: 100 %",
        columns=(Column("group", gives="wrap"), Column("p", right=True), Column("interval")),
        rows=(("a_b", "5.9e-04", "[-0.3, 0.1]"), ("c|d", "-0.25", "")),
        notes=("p is not corrected (2 tests)",),
    )
    assert text(table, 80) == (
        "a run\nt-test: 100 %\ngroup        p  interval\na_b    5.9e-04  [-0.3, 0.1]\nc|d      -0.25\n"
        "  p is not corrected (2 tests)"
    )
    assert text(table, 20) == (
        "a run\nt-test: 100 %\n── 1 ───────────────\ngroup     a_b\np         5.9e-04\ninterval  [-0.3,\n"
        "          0.1]\n── 2 ───────────────\ngroup     c|d\np         -0.25\n  p is not corrected\n  (2 tests)"
    )
    assert markdown(table) == (
        "a run  \n**t-test: 100 %**\n\n| group | p | interval |\n| --- | ---: | --- |\n"
        "| a\\_b | 5.9e-04 | \\[-0.3, 0.1\\] |\n| c\\|d | -0.25 |  |\n\n- p is not corrected (2 tests)"
    )
    assert latex(table) == (
        "\\begin{table}\n\\centering\n\\caption{a run. t-test: 100 \\%}\n\\begin{tabular}{lrl}\n\\toprule\n"
        "group & p & interval \\\\\n\\midrule\n"
        "a\\_b & $5.9\\times 10^{-4}$ & $[-0.3, 0.1]$ \\\\\nc\\textbar{}d & $-0.25$ &  \\\\\n"
        "\\bottomrule\n\\end{tabular}\n\\par\\footnotesize p is not corrected (2 tests)\n\\end{table}"
    )


@pytest.mark.parametrize("many", [0, 999, 1000, 2500])
def test_csv_of_many_rows_is_whole(many: int) -> None:
    """Blocks of rows are written one after the other."""
    import click

    @click.command()
    def show() -> None:
        print_csv(["n"], ([number] for number in range(many)))

    wanted = "n\r\n" + "".join(f"{n}\r\n" for n in range(many))
    assert CliRunner().invoke(show).stdout_bytes == wanted.encode()


def test_two_hyphens_are_no_dash_in_latex() -> None:
    """The name of an option is set as it is typed."""
    table = Table(columns=(Column("what"),), rows=(("ended by --max-calls",),))
    assert r"ended by -{}-max-calls \\" in latex(table)


def test_no_cell_is_taken_for_a_part_of_a_row_or_for_another_sign_in_latex() -> None:
    """A star or a bracket at the beginning of a row, and signs that are set as one when they follow each other."""
    table = Table(columns=(Column("what"),), rows=(("* a",), ("  [2em]",), ("--- ''' ,,",)))
    made = latex(table)
    assert "{* a} \\\\\n{  [2em]} \\\\\n-{}-{}- '{}'{}' ,{}, \\\\\n" in made


def test_long_texts_are_paragraphs_in_latex() -> None:
    """A column that gives way and is long shares the width of the page; line breaks are blanks."""
    table = Table(
        columns=(Column("who"), Column("text", gives="wrap"), Column("more", gives="cut")),
        rows=(("user", "a line\nand\x1b another " * 4, "x" * 41),),
    )
    made = latex(table)
    assert r"\begin{tabular}{lp{0.40\textwidth}p{0.40\textwidth}}" in made
    assert r"user & a line and\textbackslash{}x1b another" in made


PROSE = """\
name (scorer)

Some words that are longer than a line, and go on
in another line of the file.

reads   replies of status ok, truncated, refused
plants  answers

Options:
  points (a list)
      The scale's points in words, lowest first.

Example:
  points = ["strongly disagree", "neither", "strongly agree"]"""


def test_prose_keeps_to_the_width_and_its_form() -> None:
    """Paragraphs run on, lists go on below their beginning, and code is left whole."""
    assert (
        flowed(PROSE, 40)
        == """\
name (scorer)

Some words that are longer than a line,
and go on in another line of the file.

reads   replies of status ok, truncated,
        refused
plants  answers

Options:
  points (a list)
      The scale's points in words,
      lowest first.

Example:
  points = ["strongly disagree", "neither", "strongly agree"]"""
    )


@given(st.lists(st.lists(st.text("ab c", max_size=30), min_size=1, max_size=4), max_size=4))
def test_flowed_prose_has_all_its_words(blocks: list[list[str]]) -> None:
    """And no line that is too wide, whatever it is made of."""
    given = "\n\n".join("\n".join(lines) for lines in blocks)
    made = flowed(given, 40)
    assert "".join(made.split()) == "".join(given.split())
    assert all(len(line) <= 40 for line in made.splitlines())
