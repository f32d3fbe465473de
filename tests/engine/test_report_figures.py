"""How a report writes numbers and names, and what it draws when there is much to draw."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import SPEC, estimate, facts_of, write_run

from gnomon.catalogue import Catalogue
from gnomon.report import Figure, Report, collect
from gnomon.report.charts import cell_of, heat_map
from gnomon.report.drawing import svg
from gnomon.report.palette import CELLS, STAND_IN
from gnomon.report.wording import anchor, called, interval, number, p_value
from gnomon.store import Store

pytest.importorskip("altair")


def made(path: Path) -> Report:
    with Store.open(path) as store:
        return collect(store, Catalogue())


def titled(report: Report, title: str) -> Figure:
    return next(figure for figure in report.figures() if figure.title == title)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0.0, "0.000"),
        (1e-15, "0.000"),
        (-0.25, "−0.250"),
        (0.00012, "1.2 × 10⁻⁴"),
        (-0.00012, "−1.2 × 10⁻⁴"),
        (1234.0, "1,234"),
        (1234.56, "1,234.6"),
        (5e9, "5.0 × 10⁹"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_written_as_a_paper_writes_them(value: float | None, shown: str) -> None:
    """Three digits, thousands apart, a real minus, powers of ten where three digits show nothing."""
    assert number(value) == shown


def test_p_values_never_read_as_zero() -> None:
    """Small ones are powers of ten, and those that underflow come from their logarithm."""
    assert [p_value(p) for p in (None, 0.5, 0.001, 3e-51)] == ["", "0.500", "0.001", "3.0 × 10⁻⁵¹"]
    assert p_value(0.0, -400.2) == "10⁻⁴⁰⁰"
    assert interval(None, 0.5) == "[−∞, 0.500]"


@given(st.text(), st.text(min_size=1, max_size=5))
def test_long_names_keep_their_end(start: str, end: str) -> None:
    """Names that differ at the end still differ, and none is longer than asked for."""
    told = called(f"{start}{'x' * 60}{end}|", 30)
    assert len(told) <= 30
    assert told.endswith("|")


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_colours_of_cells_follow_the_values(one: float, other: float) -> None:
    """A greater value never has a lower colour; the sign is that of the value."""
    low, high = sorted((one, other))
    places = [CELLS.index(cell_of(value, 1.0)) for value in (low, high)]
    ordered = ["below-4", "below-3", "below-2", "below-1", "level-0", "above-1"]
    assert list(CELLS)[: len(ordered)] == ordered
    assert places[0] <= places[1]
    assert (places[1] > 4) <= (high > 0)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("implicit-bias", "v1"), "implicit-bias-v1"),
        (("implicit-bias-v1", "spread", "length"), "implicit-bias-v1-spread-length"),
        (("m-v1", "forest", "average", "length", "mean", ""), "m-v1-forest-average-length-mean"),
    ],
)
def test_plain_words_are_a_name_as_they_are(words: tuple[str, ...], name: str) -> None:
    """Nothing is added where they can be read back."""
    assert anchor(*words) == name


def test_names_that_would_be_the_same_are_told_apart() -> None:
    """Cut, of other letters, in upper case, or with their hyphens elsewhere."""
    words = [
        ("m-v1", "spread", "x" * 100),
        ("m-v1", "spread", "x" * 99),
        ("m-v1", "spread", "猫"),
        ("m-v1", "spread", "犬"),
        ("m-v1", "spread", "a.b"),
        ("m-v1", "spread", "a b"),
        ("m-v1", "spread", "A b"),
        ("m-v1", "spread", "a-b"),
        ("m-v1", "spread", "a", "b"),
        ("m-v1", "spread"),
        ("m-v1", "spread", "-"),
        ("-",),
        ("\ud800",),
    ]
    names = [anchor(*one) for one in words]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert len(name) <= 80


@given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=3)), unique=True, max_size=8))
def test_no_two_pairs_of_words_have_one_name(pairs: list[tuple[str, str]]) -> None:
    """Whatever a database calls its scores and factors."""
    pairs = [(one, other) for one, other in pairs if one and other]
    assert len({anchor("m-v1", "level", *pair) for pair in pairs}) == len(pairs)


def test_a_report_has_no_name_twice(tmp_path: Path) -> None:
    """Groups, scores and statistics that differ by a sign only are in figures of their own."""
    with Store.open(tmp_path / "twins.db", write=True) as store:
        run = write_run(store)
        twins = [
            estimate(at, group={"side": side}, statistic=name)
            for name in ("by side", "by-side", "by.side")
            for at, side in enumerate(("east", "west"))
        ]
        scoring = store.begin_scoring(run)
        store.replace_estimates(run, scoring, twins)
    names = [figure.name for figure in made(tmp_path / "twins.db").figures()]
    assert len([name for name in names if "-forest-" in name]) == 3
    assert len(set(names)) == len(names)


def test_cells_are_not_written_in_powers_of_ten() -> None:
    """Nor as minus nothing."""
    rows = [{"group": "a", "column": str(v), "value": v} for v in (-0.0004, 0.0003, 0.6, -0.2)]
    shown = [row["shown"] for row in heat_map(rows, across="")["data"]["values"]]
    assert shown == ["0.00", "0.00", "0.60", "−0.20"]


def test_eighty_groups_are_cut_to_forty_and_the_table_has_all(tmp_path: Path) -> None:
    """The caption says what is not drawn; more models than panels make further figures."""
    with Store.open(tmp_path / "many.db", write=True) as store:
        for at in range(5):
            write_run(
                store,
                facts=facts_of(f"provider/a-model-with-a-rather-long-name-{at}"),
                items=[f"item {n}" for n in range(80)],
                groups=[f"group {n}" for n in range(80)],
                repeats=1,
            )
    report = made(tmp_path / "many.db")
    first, second = titled(report, "length by side (1)"), titled(report, "length by side (2)")
    assert "Of 80 groups the 20 greatest and the 20 least are drawn" in first.caption
    assert len(first.table.rows) == 4 * 80
    assert len(second.table.rows) == 80
    assert first.chart is not None
    drawn = json.dumps(first.chart)
    assert drawn.count('"group 79"') > 0
    assert '"group 40"' not in drawn
    headings = {row["model"] for row in first.chart["data"]["values"]}
    assert len(headings) == 4
    assert all(len(heading) <= 24 for heading in headings)


def test_a_model_has_one_colour_in_every_chart(tmp_path: Path) -> None:
    """Also where another model has nothing to show."""
    with Store.open(tmp_path / "two.db", write=True) as store:
        write_run(store, facts=facts_of("one"), levels=("plain",))
        write_run(store, facts=facts_of("two"))
    report = made(tmp_path / "two.db")
    scales = [
        json.dumps(layer["encoding"]["color"]["scale"])
        for title in ("length by side", "Mean length by tone")
        for layer in titled(report, title).chart["layer"]  # type: ignore[index]
        if layer["mark"]["type"] == "point"
    ]
    assert scales == [
        json.dumps(
            {
                "domain": ["scripted:one", "scripted:two"],
                "range": [STAND_IN["series-1"], STAND_IN["series-2"]],
            }
        )
    ] * len(scales)
    assert len(scales) == 2


@pytest.mark.parametrize("colour", ["url(#a)", "URL(//example.invalid/a)", "JavaScript:a()"])
def test_a_drawing_points_nowhere(colour: str) -> None:
    """However an address is spelled, the attribute that holds it is left out; others stay."""
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"x": 1}]},
        "mark": {"type": "bar", "fill": colour, "stroke": "#123456"},
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    }
    drawn = svg(chart)
    assert colour not in drawn
    assert 'stroke="#123456"' in drawn


def test_declared_reliability_is_shown(tmp_path: Path) -> None:
    """Which statistics are about reliability, the plugins say; an unfamiliar one stays an estimate."""
    spec = SPEC + '\n[[statistic]]\nuse = "icc"\nof = "length"\nas = "graders agree"\n'
    with Store.open(tmp_path / "icc.db", write=True) as store:
        run = write_run(store, facts=attrs.evolve(facts_of(), spec_text=spec), estimates=False)
        found = [estimate(0.8, statistic="graders agree", quantity="icc(2,1)"), estimate(5.0)]
        store.replace_estimates(run, 1, found)
    (part,) = made(tmp_path / "icc.db").measures
    (chapter,) = [chapter for chapter in part.chapters if chapter.title == "Reliability"]
    assert [title for title, _ in chapter.tables] == ["length: graders agree"]
    assert chapter.text == ()
