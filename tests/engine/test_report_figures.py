"""How a report writes numbers and names, and what it draws when there is much to draw."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import SPEC, estimate, facts_of, write_run

from gnomon import Score
from gnomon.catalogue import Catalogue
from gnomon.report import Figure, Report, collect, page
from gnomon.report.charts import histogram
from gnomon.report.drawing import svg
from gnomon.report.heat import Cells, cell_of, heat_map
from gnomon.report.ordering import beside, ordered
from gnomon.report.palette import CELLS, STAND_IN
from gnomon.report.wording import anchor, called, group, interval, number, p_value, scores_told
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


def labels_in(chart: object) -> list[str]:
    """The texts of a drawing, in order."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg(chart))  # type: ignore[arg-type]


def test_counts_are_whole_numbers(tmp_path: Path) -> None:
    """However few there are, no line of the axis stands between two of them and none is said twice."""
    for most in (1, 2, 3, 7, 1_200):
        bars = [
            {"model": "one", "start": at, "end": at, "count": count}
            for at, count in enumerate((most, 1))
        ]
        shown = labels_in(histogram(bars, score="length", discrete=True))
        counts = [text for text in shown if re.fullmatch(r"[\d,]+(\.\d+)?", text)]
        # The two values of the score stand below the bars.
        counts = counts[2:] if counts[:2] == ["0", "1"] else counts[:-2]
        assert len(set(counts)) == len(counts) > 1
        assert all(float(text.replace(",", "")).is_integer() for text in counts)


@pytest.mark.parametrize("models", [1, 2, 3, 4, 5])
def test_every_panel_has_one_axis(models: int) -> None:
    """None stands where there is no panel, and none is missing."""
    bars = [
        {"model": f"model {number}", "start": at, "end": at + 1, "count": 3 + at}
        for number in range(models)
        for at in range(3)
    ]
    shown = labels_in(histogram(bars, score="how long", discrete=False))
    # Two stand side by side; where both columns end in a panel, its axis is the column's.
    assert shown.count("how long") == (models if models % 2 else 2)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_a_greater_value_never_has_a_lower_colour(values: list[float]) -> None:
    """Whatever the values are; what is 0 but for rounding has the colour of 0."""
    scale = Cells.of(values)
    places = [CELLS.index(scale.cell(value)) for value in sorted(values)]
    assert places == sorted(places)
    if max(map(abs, values)) < 1e-12:
        assert set(places) == {CELLS.index("level-0")}


@pytest.mark.parametrize(
    ("values", "told", "colours"),
    [
        ([-2.0, 0.1, 2.0], "blue above 0, orange below it, stronger further away", 3),
        ([3.1, 3.2, 3.3], "all above 0, stronger is greater, from 3.100 to 3.300", 3),
        (
            [-3.1, -3.3],
            "all below 0, stronger further away, from 3.100 to 3.300 below it",
            2,
        ),
        ([-2e-16, 1e-16], "blue above 0, orange below it, stronger further away", 1),
    ],
)
def test_values_that_lie_close_together_are_told_apart(
    values: list[float], told: str, colours: int
) -> None:
    """Means of answers from 1 to 5 all lie above 3 and still differ; the caption says how to read them."""
    scale = Cells.of(values)
    assert scale.told == told
    assert len({scale.cell(value) for value in values}) == colours


def row(value: float, **columns: str) -> dict[str, object]:
    return {"value": value, "columns": columns, "run": 1}


def test_crossed_groups_stand_together() -> None:
    """By the first column, within it by the second; beside a line only what is new is said."""
    rows = [
        row(1.0, form="plain", side="east"),
        row(9.0, form="polite", side="east"),
        row(4.0, form="plain", side="west"),
        row(2.0, form="polite", side="west"),
    ]
    drawn, left_out = ordered(rows)
    assert [one["value"] for one in drawn] == [9.0, 2.0, 4.0, 1.0]
    assert left_out == ""
    assert list(beside(drawn).values()) == ["polite · east", "west", "plain · west", "east"]


def test_many_crossed_groups_are_cut_to_the_ends() -> None:
    """Then all are in one order, and the caption says so."""
    rows = [row(float(at), form=f"form {at % 10}", side=f"side {at}") for at in range(80)]
    drawn, left_out = ordered(rows)
    assert [one["value"] for one in drawn] == [*range(79, 59, -1), *range(19, -1, -1)]
    assert left_out.startswith("Of 80 groups the 20 greatest and the 20 least are drawn")


def test_values_without_a_letter_are_named() -> None:
    """A number or a sign says nothing by itself."""
    assert group({"round": 0, "side": "east"}) == "round 0 · east"
    assert group({"keyed": "-"}) == "keyed -"
    assert group({"": 3, "name": "日本"}) == "3 · 日本"
    assert group({}) == "all"


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("length", "length"),
        ("length, words", "length, words"),
        ("weat, weat.p, weat.words", "weat and its parts"),
        ("a, b, c, d, e", "a, b and 3 more"),
    ],
)
def test_many_scores_are_told_in_few_words(of: str, told: str) -> None:
    """So that a heading stays one."""
    assert scores_told(of) == told


def test_many_groups_without_intervals_are_drawn(tmp_path: Path) -> None:
    """Few are a table, which says as much."""
    for count in (4, 13):
        path = tmp_path / f"{count}.db"
        with Store.open(path, write=True) as store:
            run = write_run(store, estimates=False)
            found = [
                estimate(float(at), low=None, high=None, group={"side": f"side {at}"})
                for at in range(count)
            ]
            store.replace_estimates(run, 1, found)
        report = made(path)
        chapter = next(c for c in report.measures[0].chapters if c.title == "Estimates")
        assert len(chapter.figures) == (count > 12)
        assert len(chapter.tables) == (count <= 12)


def test_of_many_figures_the_first_are_open(tmp_path: Path) -> None:
    """Of the others the titles are seen; paper and the contents have them all."""
    with Store.open(tmp_path / "many.db", write=True) as store:
        run = write_run(store, estimates=False)
        found = [
            estimate(float(at), statistic=f"by side {number}", group={"side": side})
            for number in range(8)
            for at, side in enumerate(("east", "west"))
        ]
        store.replace_estimates(run, 1, found)
    text = page(made(tmp_path / "many.db"))
    assert re.findall(r'<details class="further"><summary><bdi>([^<]+)</bdi>', text) == [
        "length by side: by side 6",
        "length by side: by side 7",
    ]
    assert text.count("<figure ") == text.count("</figure>")


def test_corrected_tests_are_listed_by_grouping_and_model(tmp_path: Path) -> None:
    """How many of how many, and which; all of them are not named one by one."""
    with Store.open(tmp_path / "two.db", write=True) as store:
        write_run(store, facts=facts_of("one"))
        run = write_run(store, facts=facts_of("two"), estimates=False)
        found = [
            estimate(
                1.0, group={"side": side}, statistic="by side", p_corrected=p, correction="holm"
            )
            for side, p in (("east", 0.01), ("west", 0.2))
        ]
        store.replace_estimates(run, store.begin_scoring(run), found)
    tests = made(tmp_path / "two.db").measures[0].tests
    assert tests is not None
    assert tests.headings == ("tests", "model", "below .05", "which")
    assert tests.rows == [
        ("length by side", "scripted:one", "2 of 2", "all"),
        ("length by side", "scripted:two", "1 of 2", "east"),
    ]


def test_estimates_that_could_not_be_made_are_one_table(tmp_path: Path) -> None:
    """Each reason once, with the groups it is true of; no heading stands over nothing."""
    with Store.open(tmp_path / "none.db", write=True) as store:
        run = write_run(store, estimates=False)
        reason = "no estimate: 'tone' has no level 'rude' here"
        found = [
            estimate(None, quantity="none", statistic="rude", group={"side": side}, note=reason)
            for side in ("east", "west")
        ]
        found += [
            estimate(None, quantity="none", statistic="other", note="no estimate: n = 1"),
            estimate(5.0),
        ]
        store.replace_estimates(run, 1, found)
    chapter = next(
        c for c in made(tmp_path / "none.db").measures[0].chapters if c.title == "Estimates"
    )
    assert [title for title, _ in chapter.before] == ["Over all rows"]
    assert len(chapter.before[0][1].rows) == 1
    ((title, table),) = chapter.tables
    assert title == "Estimates that could not be made"
    assert table.headings == ("statistic", "of", "of which", "why")
    assert table.rows == [
        ("rude", "length", "east and west", "'tone' has no level 'rude' here"),
        ("other", "length", "all", "n = 1"),
    ]


def test_one_line_is_a_table(tmp_path: Path) -> None:
    """However many quantities it has; a picture of each would say less than a row."""
    with Store.open(tmp_path / "one.db", write=True) as store:
        run = write_run(store, estimates=False)
        found = [
            estimate(float(at), quantity=f"slope {at}", group={"side": "east"}, note="few rows")
            for at in range(5)
        ]
        store.replace_estimates(run, 1, found)
    chapter = next(
        c for c in made(tmp_path / "one.db").measures[0].chapters if c.title == "Estimates"
    )
    assert chapter.figures == []
    ((title, table),) = chapter.tables
    assert title == "length by side"
    assert len(table.rows) == 5
    assert table.notes[-1] == "scripted:answers · east: few rows."


def test_values_that_are_all_the_same_are_a_sentence(tmp_path: Path) -> None:
    """With how many are missing, and the table."""
    with Store.open(tmp_path / "same.db", write=True) as store:
        write_run(store, items=("a",), replies=("fine",), refused=("no",))
    figure = titled(made(tmp_path / "same.db"), "Distribution of length")
    assert figure.chart is None
    assert figure.caption == "Every value is 4. 1 missing score not shown."
    assert figure.table.rows == [("scripted:answers", "4.000", "3")]


@pytest.mark.parametrize(
    "values", [(math.inf, 1.5, 2.5), (math.inf,), (-math.inf, math.inf, 1.0), (1e308, -1e308, 3.3)]
)
def test_infinite_scores_and_estimates_are_counted_and_not_drawn(
    tmp_path: Path, values: tuple[float, ...]
) -> None:
    """The page is whole, and says how many it does not draw."""
    with Store.open(tmp_path / "far.db", write=True) as store:
        run = write_run(store)
        scoring = store.begin_scoring(run)
        for at, value in enumerate(values, 1):
            store.add_scores(
                run, scoring, [Score(name="length", value=value)], scorer="length", trial_id=at
            )
        store.replace_estimates(
            run,
            scoring,
            [
                estimate(value, group={"side": f"side {at}"}, low=-math.inf)
                for at, value in enumerate((*values, 0.5, 0.75))
            ],
        )
    report = made(tmp_path / "far.db")
    assert "Infinity" not in json.dumps([figure.chart for figure in report.figures()])
    infinite = sum(map(math.isinf, values))
    told = f"{infinite} infinite score{'s' * (infinite > 1)} not shown."
    spread = [f for f in report.figures() if f.title == "Distribution of length"]
    if len(values) > 1:
        assert (told in spread[0].caption) == bool(infinite)
    assert len(page(report)) > 10_000
