"""``gnomon report``: what is in it, that its SQL is real, and that bad input is met with a sentence."""

from __future__ import annotations

import html
import json
import re
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner
from report_samples import HOSTILE, SPEC, estimate, facts_of, hostile, sample, write_run
from store_samples import FACTS

from gnomon import Estimate, UsageError
from gnomon.catalogue import Catalogue
from gnomon.cli import cli
from gnomon.report import collect, write_report
from gnomon.store import Store

pytest.importorskip("altair")


def report(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["report", *map(str, words)])
    if isinstance(done.exception, UsageError):
        assert code == 2
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def refused(*words: str | Path) -> str:
    done = CliRunner().invoke(cli, ["report", *map(str, words)])
    assert done.exception is not None
    return str(done.exception)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A database of two models and its report."""
    folder = tmp_path_factory.mktemp("report")
    database = sample(folder / "it's.db")
    output = report(database, "-o", folder / "out.html", "--charts", folder / "figures")
    assert output.startswith(f"{folder / 'out.html'}: ")
    return database, (folder / "out.html").read_text("utf-8")


class Outline(HTMLParser):
    """Headings, ids, references, and elements that have no place in a report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        held = dict(attributes)
        self.tags.append((tag, held))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if held.get("id"):
            self.ids.append(str(held["id"]))
        if tag == "a":
            self.links.append(str(held.get("href")))


def test_a_report_says_what_was_measured_and_found(made: tuple[Path, str]) -> None:
    """Models, estimates with intervals, what is missing, prompts as they were sent, versions and cost."""
    _, text = made
    for words in (
        "A tiny measure",
        "How long the answers are.",
        "scripted:one",
        "scripted:two",
        "[3.500, 6.500]",
        "missing: 1 refused",
        "plain: say something about a (0)",
        "0.2500 US dollars",
        "gnomon 0.1.0",
        "no idea",
        "holm",
    ):
        assert html.escape(words) in text, words


def test_every_figure_has_the_sql_that_made_it(made: tuple[Path, str], run_gnomon) -> None:
    """Each query is shown, and ``gnomon query`` gives as many rows as the report says it gave."""
    database, text = made
    shown = re.findall(
        r'<code class="sql">(.*?)</code></pre>\s*<p class="note">.*?It gave ([\d,]+) rows',
        text,
        re.S,
    )
    with Store.open(database) as store:
        figures = collect(store, Catalogue()).figures()
    assert [html.unescape(sql) for sql, _ in shown] == [figure.sql for figure in figures]
    assert len(figures) >= 7
    for sql, rows in dict(shown).items():
        done = CliRunner().invoke(
            cli, ["query", html.unescape(sql), "--db", str(database), "--json"]
        )
        assert done.exit_code == 0, done.output
        assert len(json.loads(done.output)) == int(rows)


def test_the_sql_of_a_figure_can_be_pasted_as_the_page_says(made: tuple[Path, str]) -> None:
    """Between the double quotes of ``gnomon query --db FILE "…"`` a shell leaves every query as it is."""
    database, _ = made
    with Store.open(database) as store:
        figures = collect(store, Catalogue()).figures()
    assert any("[group]" in figure.sql for figure in figures)
    for figure in figures:
        assert shlex.split(f'gnomon query "{figure.sql}"') == ["gnomon", "query", figure.sql]
        assert not set("$`!") & set(figure.sql)


def test_a_database_with_a_blank_in_its_name_is_quoted_in_commands(tmp_path: Path) -> None:
    """What is shown as a command can be given."""
    database = sample(tmp_path / "my results.db")
    report(database, "-o", tmp_path / "page.html")
    text = html.unescape((tmp_path / "page.html").read_text("utf-8"))
    assert "gnomon query --db 'my results.db' \"…\"" in text


def test_a_figure_shows_what_its_query_gives(made: tuple[Path, str]) -> None:
    """The forest plot's table holds the estimates of the view ``results``."""
    database, _ = made
    with Store.open(database) as store:
        (forest,) = [
            figure
            for figure in collect(store, Catalogue()).figures()
            if figure.title == "length by side"
        ]
        _, rows = store.query(f"SELECT value, low, high FROM ({forest.sql})")
        wanted = {(f"{value:.3f}", f"[{low:.3f}, {high:.3f}]") for value, low, high in rows}
    at = forest.table.headings.index("estimate")
    assert {tuple(row[at : at + 2]) for row in forest.table.rows} == wanted
    assert forest.chart is not None
    assert "3.000 (east)" in forest.alt


def test_each_chart_is_written_as_a_picture_and_as_data(made: tuple[Path, str]) -> None:
    """SVG, PNG, PDF, Vega-Lite and SQL by the figure's name; the SVG runs and fetches nothing."""
    database, _ = made
    folder = database.parent / "figures"
    with Store.open(database) as store:
        names = {figure.name for figure in collect(store, Catalogue()).figures() if figure.chart}
    found = {path.name for path in folder.iterdir()}
    assert found == {
        f"{name}.{ending}" for name in names for ending in ("svg", "png", "pdf", "vl.json", "sql")
    }
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    for path in folder.glob("*.pdf"):
        assert path.read_bytes().startswith(b"%PDF-")
    for path in folder.glob("*.svg"):
        drawn = path.read_text("utf-8")
        assert "<script" not in drawn
        assert "href" not in drawn
        assert "var(--" not in drawn
        assert "#0f1e" not in drawn
    for path in folder.glob("*.vl.json"):
        import altair as alt

        alt.Chart.from_json(path.read_text("utf-8"))  # validates


def test_the_page_is_put_together_as_a_document(made: tuple[Path, str]) -> None:
    """One h1, no heading level left out, landmarks, unique ids, every link leads somewhere."""
    outline = Outline(made[1])
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link[1:] in outline.ids for link in outline.links)
    tags = [tag for tag, _ in outline.tags]
    for landmark in ("header", "nav", "main", "footer"):
        assert landmark in tags
    assert tags.count("th") == sum(tag == "th" and "scope" in held for tag, held in outline.tags)
    for tag, held in outline.tags:
        if held.get("role") in ("img", "region"):
            assert held["aria-label"], tag


def test_nothing_is_fetched_and_nothing_runs(made: tuple[Path, str]) -> None:
    """No script, no address, no handler; a policy in the page forbids them besides."""
    outline = Outline(made[1])
    for tag, held in outline.tags:
        assert tag not in ("script", "iframe", "object", "embed", "link", "img", "form", "base")
        assert not [name for name in held if name.startswith("on") or name in ("src", "style")]
    policy = [held["content"] for tag, held in outline.tags if held.get("http-equiv")]
    assert policy == [
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_hostile_texts_are_shown_and_nothing_else(tmp_path: Path) -> None:
    """Wherever a payload stands, it is text: no element, no attribute, no template is made of it."""
    out = tmp_path / "out.html"
    report(hostile(tmp_path / "hostile.db"), "-o", out)
    text = out.read_text("utf-8")
    outline = Outline(text)
    assert "script" not in {tag for tag, _ in outline.tags}
    assert not {tag for tag, _ in outline.tags} & {"iframe", "img", "base", "math", "form", "link"}
    for _, held in outline.tags:
        assert not [name for name in held if name.startswith("on")]
        assert not str(held.get("href", "#")).startswith("javascript")
    assert "{{ 7 * 191 }}" in html.unescape(text)
    assert "1337" not in text
    assert html.escape(HOSTILE[0]).replace("&#x27;", "&#39;") in text
    assert "the first 2,000 of 10,000 characters" in text


def test_runs_and_measures_can_be_chosen(tmp_path: Path) -> None:
    """A run by its number, a measure by its name."""
    database = sample(tmp_path / "two.db")
    report(database, "2", "-o", tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text("utf-8")
    assert "scripted:two" in text
    assert "scripted:one" not in text
    assert refused(database, "9", "-o", tmp_path / "x.html") == (
        "there is no run 9; there are: 1, 2"
    )
    assert refused(database, "--measure", "tini", "-o", tmp_path / "x.html") == (
        "there is no run of a measure 'tini' (did you mean 'tiny'?); there are runs of: tiny"
    )
    assert refused(database, "two", "-o", tmp_path / "x.html") == (
        "'two' is not the number of a run"
    )


def test_versions_of_a_measure_are_kept_apart(tmp_path: Path) -> None:
    """Each version has a part of its own, which says that there are others."""
    with Store.open(tmp_path / "mixed.db", write=True) as store:
        write_run(store, facts=facts_of("old"))
        write_run(store, facts=attrs.evolve(facts_of("new", version=2), spec_text=SPEC + "\n"))
        write_run(store, facts=attrs.evolve(facts_of("newer", version=2), spec_text=SPEC + "\n\n"))
    with Store.open(tmp_path / "mixed.db") as store:
        parts = collect(store, Catalogue()).measures
    assert [(part.version, len(part.cards)) for part in parts] == [(1, 1), (2, 2)]
    assert parts[0].notices == [
        "The database holds several versions of this measure. This part is about version 1 alone; "
        "numbers of different versions should not be compared."
    ]
    assert parts[1].notices[1] == (
        "These runs were made with different texts of the spec under one version number. Compare them "
        "with care."
    )


def test_a_run_without_scores_and_one_that_goes_on(tmp_path: Path) -> None:
    """The page says so in a sentence, and shows what there is."""
    with Store.open(tmp_path / "half.db", write=True) as store:
        store.begin_run(facts_of("nothing yet"), fresh=True)
        write_run(store, facts=facts_of("on its way"), estimates=False, ended=False)
        store.flush()
        # The writer is still open, as it is while a run goes on.
        report(tmp_path / "half.db", "-o", tmp_path / "out.html")
    with Store.open(tmp_path / "half.db") as store:
        (part,) = collect(store, Catalogue()).measures
    assert part.notices == [
        "Run 1 (scripted:nothing yet) has no estimates yet: 0 trials finished.",
        "Run 1: Cut off, 0 trials are finished. The numbers of this run are of those trials.",
        "Run 2 (scripted:on its way) has no estimates yet: 16 trials finished.",
        "Run 2: Cut off, 16 trials are finished. The numbers of this run are of those trials.",
    ]
    text = (tmp_path / "out.html").read_text("utf-8")
    assert "Distribution of length" in text
    assert "Run 2: Going on, 16 trials are finished." in text


def test_an_empty_database_has_a_page_that_says_so(tmp_path: Path) -> None:
    """Exit 0, a note, and a whole page."""
    with Store.open(tmp_path / "empty.db", write=True):
        pass
    said = report(tmp_path / "empty.db", "-o", tmp_path / "out.html")
    sentence = "There is no run in this database yet; 'gnomon run' makes one."
    assert f"note: {sentence}" in said
    assert html.escape(sentence, quote=False).replace("'", "&#39;") in (
        tmp_path / "out.html"
    ).read_text("utf-8")


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    """A sentence each, and nothing is written."""
    database = sample(tmp_path / "two.db", models=("one",))
    (tmp_path / "notes.txt").write_text("not a database")
    there = tmp_path.resolve()
    assert refused(tmp_path / "gone.db") == (
        f"there is no database {there / 'gone.db'}; 'gnomon run' makes one"
    )
    assert refused(tmp_path / "notes.txt") == (
        f"{there / 'notes.txt'} is not an SQLite database; give another file"
    )
    assert refused(database, "-o", tmp_path) == (
        f"{tmp_path} is a folder; give a file in it, such as {tmp_path / 'report.html'}"
    )
    assert refused(database, "-o", tmp_path / "no" / "out.html") == (
        f"the folder {tmp_path / 'no'} of the report does not exist; make it first, or give another "
        "file"
    )
    assert refused(database, "-o", Path("/dev/full")) == (
        "/dev/full cannot be written: No space left on device"
    )
    assert refused(
        database, "-o", tmp_path / "out.html", "--charts", tmp_path / "notes.txt" / "x"
    ) == (
        f"the charts cannot be written to {tmp_path / 'notes.txt' / 'x'}: Not a directory; give "
        "another folder"
    )
    before = database.read_bytes()
    assert refused(database, "-o", database) == (
        f"{database} is a database, which would be overwritten; give another file"
    )
    assert database.read_bytes() == before
    assert refused(database, "--db", database) == (
        f"the database is given twice: {database} and --db {database}"
    )


@pytest.mark.parametrize("package", ["altair", "vl_convert", "jinja2"])
def test_a_missing_package_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """It says what to install."""
    database = sample(tmp_path / "two.db", models=("one",))
    monkeypatch.setitem(sys.modules, package, None)
    with Store.open(database) as store, pytest.raises(UsageError) as caught:
        write_report(store, tmp_path / "out.html", Catalogue())
    assert str(caught.value).endswith(
        f"need{'s' if package == 'jinja2' else ''} the package {package!r}, which is not installed; "
        "install it with: pip install 'gnomon[report]'"
    )


# -- the headline of a measure -------------------------------------------------------------------

CLUSTERED = SPEC.replace(
    'use = "mean"\nof = "length"\n',
    'use = "mean"\nof = "length"\ncluster = "none"\nas = "alone"\n\n'
    '[[statistic]]\nuse = "mean"\nof = "length"\nas = "together"\n',
)


def headlines(path: Path, made: list[Estimate], spec: str = SPEC) -> list[tuple[str, str, str]]:
    """Value, what it is of, and the rest, of a run with those estimates."""
    with Store.open(path, write=True) as store:
        run = write_run(store, facts=attrs.evolve(facts_of(), spec_text=spec), estimates=False)
        store.replace_estimates(run, store.begin_scoring(run), made)
    with Store.open(path) as store:
        (part,) = collect(store, Catalogue()).measures
        return [(one.value, one.what, one.rest) for one in part.findings]


def test_the_headline_is_an_interval_that_knows_which_rows_belong_together(tmp_path: Path) -> None:
    """Not the first one, where that takes all rows for independent."""
    made = [
        estimate(4.0, statistic="alone", counts={}),
        estimate(5.0, statistic="together", counts={}),
    ]
    expected = [("5.000", "mean of length", "n = 6; p = 0.010; none missing")]
    assert headlines(tmp_path / "r.db", made, CLUSTERED) == expected


def test_the_headline_is_the_independent_test_where_there_is_no_other(tmp_path: Path) -> None:
    """A number with a weak interval is better than none."""
    made = [estimate(4.0, statistic="alone", counts={})]
    expected = [("4.000", "mean of length", "n = 6; p = 0.010; none missing")]
    assert headlines(tmp_path / "r.db", made, CLUSTERED) == expected


def test_a_measure_with_estimates_of_groups_alone_has_their_range_as_headline(
    tmp_path: Path,
) -> None:
    """With the least and the greatest group; a group without estimate is not among them."""
    made = [
        estimate(value, statistic="by side", group={"side": side}, counts={})
        for side, value in (("east", 2.0), ("west", None), ("north", 7.0), ("south", -1.0))
    ]
    assert headlines(tmp_path / "r.db", made) == [
        (
            "−1.000 to 7.000",
            "mean of length by side",
            "least: south; greatest: north; 3 groups; none missing",
        )
    ]
    alike = [attrs.evolve(one, value=1.0, counts={"refused": 2}) for one in made[2:]]
    assert headlines(tmp_path / "alike.db", alike) == [
        ("1.000", "mean of length by side", "2 groups; missing: 4 refused")
    ]
    assert headlines(tmp_path / "one.db", made[:2]) == [
        ("2.000", "mean of length by side", "east alone; n = 6; p = 0.010; none missing")
    ]


def test_a_measure_without_estimates_stands_at_a_glance_all_the_same(tmp_path: Path) -> None:
    """A line that is not there would be taken for a measure that was not run."""
    path = tmp_path / "r.db"
    with Store.open(path, write=True) as store:
        write_run(store)
        write_run(store, facts=attrs.evolve(FACTS, measure="other"), estimates=False)
    report(path, "-o", tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text("utf-8")
    glance = text[text.index('class="glance"') : text.index("</section>")]
    assert '<bdi>other</bdi></a></th><td colspan="5">no estimate</td>' in glance


def test_headings_of_one_score_tell_its_statistics_and_quantities_apart(tmp_path: Path) -> None:
    """No two figures of a chapter read alike."""
    path = tmp_path / "r.db"
    made = [
        estimate(3.0, statistic=name, quantity=quantity, group={"side": side}, counts={})
        for name, quantities in (("means", ["mean"]), ("model", ["slope", "offset"]))
        for quantity in quantities
        for side in ("east", "west")
    ]
    with Store.open(path, write=True) as store:
        run = write_run(store, estimates=False)
        store.replace_estimates(run, store.begin_scoring(run), made)
    with Store.open(path) as store:
        titles = [figure.title for figure in collect(store, Catalogue()).figures()]
    assert titles[:3] == [
        "length by side: means",
        "length by side: model – slope",
        "length by side: model – offset",
    ]
    assert len(set(titles)) == len(titles)
