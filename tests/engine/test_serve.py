"""``gnomon serve``: a real server, asked over loopback and looked at in a real browser."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import jinja2
import pytest
from click.testing import CliRunner
from report_samples import HOSTILE, facts_of, hostile, sample, write_run

from browser import chromium, watch
from gnomon import Score
from gnomon.cli import cli
from gnomon.export.files import long_cells
from gnomon.serving.questions import QUESTIONS, canned
from gnomon.store import Store
from gnomon.store.dictionary import DICTIONARY

pytest.importorskip("datasette")
VIEWS = ("results", "scores", "trials", "conversations", "failures", "runs")


@contextmanager
def serving(database: Path) -> Iterator[str]:
    """The command in a process of its own; gives the address it says."""
    started = subprocess.Popen(
        [sys.executable, "-u", "-c", "from gnomon.cli import main; main()", "serve", str(database),
         "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        assert started.stdout is not None
        line = started.stdout.readline()
        found = re.fullmatch(r"(.+) is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", line)
        assert found, line
        assert found.group(1) == str(database)
        yield found.group(2)
    finally:
        started.terminate()
        started.communicate(timeout=120)


def get(address: str, host: str | None = None) -> tuple[int, str]:
    """Status and text of a page."""
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, each with an unread reply."""
    return sample(tmp_path_factory.mktemp("served") / "two.db")


@pytest.fixture(scope="module")
def server(database: Path) -> Iterator[str]:
    with serving(database) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def visit(browser: Any, server: str, *pages: str) -> Any:
    """Visit pages one after the other; none may complain or ask another machine for anything."""
    seen = watch(browser)
    for page in pages:
        answer = seen.page.goto(server + page)
        assert answer.status == 200, page
        assert seen.complaints == [], page
    assert [asked for asked in seen.requests if not asked.startswith((server, "data:"))] == []
    return seen.page


def test_pages_load_without_a_complaint(browser: Any, server: str) -> None:
    """The first page with its charts, every view and table, a row, the report."""
    page = visit(
        browser,
        server,
        "",
        "two",
        *(f"two/{name}" for name in (*VIEWS, "dictionary", "trial", "estimate")),
    )
    page = visit(browser, server, "two/run/1", "-/report", "")
    for chart in page.query_selector_all("figure img"):
        chart.scroll_into_view_if_needed()
    shown = "[...document.querySelectorAll('figure img')].every(i => i.complete && i.naturalWidth > 100)"
    # The page itself may not evaluate what it is waited for with. A busy machine draws for long.
    for _ in range(1200):
        if page.evaluate(shown):
            break
        page.wait_for_timeout(100)
    assert page.evaluate(shown)
    assert page.locator("figure img").count() == 2


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_an_answer(server: str, name: str) -> None:
    """Rows come without any parameter, and for one run where a run can be named."""
    status, text = get(f"{server}two/{name}.json?_shape=array")
    assert status == 200, text
    rows = json.loads(text)
    assert rows
    if ":run" in QUESTIONS[name][2] or "[run]" in QUESTIONS[name][2]:
        _, text = get(f"{server}two/{name}.json?_shape=array&run=2")
        ones = json.loads(text)
        assert ones
        assert len(ones) <= len(rows)
        assert {row["run"] for row in ones if "run" in row} <= {2}


def test_a_question_is_asked_in_the_browser(browser: Any, server: str) -> None:
    """From the first page by its title; its parameter is filled in and the rows change."""
    page = visit(browser, server, "")
    with page.expect_navigation():
        page.click("text=How do groups differ?")
    assert page.inner_text("h1") == "How do groups differ?"
    assert page.locator("table.rows-and-columns tbody tr").count() == 4
    page.fill("input[name=run]", "1")
    with page.expect_navigation():
        page.click("input[type=submit]")
    assert "run=1" in page.url
    assert page.locator("table.rows-and-columns tbody tr").count() == 2


def test_every_table_and_column_is_explained(server: str) -> None:
    """In the words of the database's own dictionary, in the order of the columns."""
    import html

    for name, columns in DICTIONARY.items():
        status, text = get(f"{server}two/{name}")
        assert status == 200
        said = html.unescape(text)
        for column, meaning in columns.items():
            # A page does not say of a view that it is for people.
            told = meaning.replace("For people: every", "Every")
            assert told in said, (name, column)
    _, text = get(f"{server}two/scores")
    shown = re.findall(r"<dt>(.*?)</dt>", text)
    assert shown[:4] == ["run", "measure", "model", "format"]


def test_a_trial_is_read_as_a_whole(browser: Any, server: str) -> None:
    """From its number in a table to what was said and scored, and on to the next."""
    page = visit(browser, server, "two/scores")
    with page.expect_navigation():
        page.click("td.col-trial a >> nth=0")
    assert page.inner_text("h1") == "Trial 1"
    assert page.locator(".said .words").all_inner_texts()[0].startswith("plain: say something")
    assert page.inner_text(".score .speaker") == "length"
    assert page.inner_text(".score .value") == "unparsed"
    assert "saw" in page.inner_text(".score .facts")
    with page.expect_navigation():
        page.click("a[rel=next]")
    assert page.inner_text("h1") == "Trial 2"
    with page.expect_navigation():
        page.click("text=All of this item in this run")
    assert page.inner_text("h2.count") == '4 rows where item = "a" and run = 1'
    assert page.locator(".records > li").count() == 4
    for none in ("0", "9999", "1" * 18):
        assert get(f"{server}-/trial/{none}") == (404, f"there is no trial {int(none)}\n")


def test_a_page_can_be_heard_and_used_by_keyboard(browser: Any, server: str) -> None:
    """A language, one main heading, one main part, a way past what is on every page, a name for every control."""
    for place in ("", "two", "two/scores", "two/trials?run=1", "two/what-was-asked", "-/trial/1",
                  "two/run/1", "two?sql=select+1"):  # fmt: skip
        page = visit(browser, server, place)
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.locator("h1").count() == page.locator("main").count() == 1, place
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), place
        unnamed = page.evaluate(
            """[...document.querySelectorAll('input:not([type=submit],[type=hidden]), select, textarea')]
            .filter(c => !c.labels?.length && !c.getAttribute('aria-label') && c.offsetParent)
            .map(c => c.outerHTML)"""
        )
        # The editor of SQL brings a hidden text field of its own.
        assert [one for one in unnamed if "autocorrect" not in one] == [], place
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_no_served_page_scrolls_sideways(browser: Any, server: str, width: int) -> None:
    """Wide tables scroll in themselves; on a narrow screen a row is a card."""
    page = watch(browser, viewport={"width": width, "height": 800}).page
    for place in ("", "two", "-/trial/1", "two/run/1",
                  *(f"two/{name}" for name in (*VIEWS, *QUESTIONS))):  # fmt: skip
        page.goto(server + place)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
    page.close()


def test_rows_that_others_point_at_are_called_by_their_names(server: str) -> None:
    """Not by their numbers alone."""
    _, text = get(f"{server}two/score")
    assert '<a href="/two/score_name/1">length</a>' in text
    _, text = get(f"{server}two/trial")
    assert '<a href="/two/item/2">b</a>' in text


def test_json_is_shown_as_names_and_values(server: str) -> None:
    """Whoever asks for JSON has it as it is stored."""
    _, text = get(f"{server}two/scores")
    assert '<span class="key">tone</span> plain</span>' in text
    _, text = get(f"{server}two/scores.json?_shape=array&_size=1")
    assert json.loads(text)[0]["levels"] == '{"tone":"plain"}'


@pytest.mark.parametrize(
    ("name", "of_view"),
    [
        (
            "what-is-missing",
            "SELECT run, measure, model, score, status, count(*) FROM scores GROUP BY run, score, status",
        ),
        (
            "which-items-score-most",
            "SELECT run, score, item, round(avg(value), 4), count(value), count(*) - count(value) "
            "FROM scores GROUP BY run, score, item",
        ),
        (
            "does-the-wording-matter",
            "SELECT run, score, level.key, level.value, round(avg(scores.value), 4), count(scores.value) "
            "FROM scores, json_each(scores.levels) AS level GROUP BY run, score, level.key, level.value",
        ),
    ],
)
def test_questions_that_count_first_say_what_the_view_says(
    tmp_path: Path, name: str, of_view: str
) -> None:
    """Also for a run that was scored again, with a score of items: the newest pass alone counts."""
    with Store.open(sample(tmp_path / "again.db"), write=True) as store:
        scoring = store.begin_scoring(1)
        scores = [Score(name="length", value=at) for at in (1.0, 4.0)]
        store.add_scores(1, scoring, scores[:1], scorer="length", trial_id=2)
        store.add_scores(1, scoring, scores[1:], scorer="length", item_id=1)
        store.flush()
        sql = canned()[name]["sql"]
        for run in ("", "1", "2"):
            mine = list(store.query(sql, {"run": run})[1])
            kept = (
                f"WITH kept AS ({of_view}) SELECT * FROM kept WHERE :run IN ('', CAST(run AS TEXT))"
            )
            assert sorted(map(repr, mine)) == sorted(map(repr, store.query(kept, {"run": run})[1]))
            assert mine


def test_sorting_and_facets_work(browser: Any, server: str) -> None:
    """A click on a heading sorts; a facet counts, and a click on it filters."""
    page = visit(browser, server, "two/scores?_facet=model")
    counts = page.locator(".facet-results .facet-info li").all_inner_texts()
    assert sorted(line.split()[0] for line in counts) == ["scripted:one", "scripted:two"]
    with page.expect_navigation():
        page.click(".facet-results .facet-info a:has-text('scripted:two')")
    assert "scripted" in page.url
    models = page.locator("td.col-model").all_inner_texts()
    assert set(models) == {"scripted:two"}
    with page.expect_navigation():
        page.click("th.col-value a")
    assert "_sort" in page.url
    values = page.locator("td.col-value").all_inner_texts()
    numbers = [float(value) for value in values if value.strip()]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 3


def test_nothing_can_be_changed(database: Path, server: str) -> None:
    """Writing, attaching and settings are refused, and the file is as it was."""
    before = database.read_bytes()
    for sql in (
        "delete from run",
        "select 1; drop table run",
        "attach database '/tmp/other.db' as other",
        "pragma query_only = off",
        "with x as (select 1) insert into dictionary values ('a', 'b', 'c')",
    ):
        status, text = get(f"{server}two.json?sql={urllib.parse.quote(sql)}")
        assert status == 400, text
    assert database.read_bytes() == before


def test_only_this_machines_own_names_are_answered(server: str) -> None:
    """A page elsewhere that has its name point here gets nothing."""
    assert get(server, host="example.invalid") == (
        403,
        "this server answers to the names of this machine only\n",
    )
    port = server.rstrip("/").rpartition(":")[2]
    assert get(server, host=f"localhost:{port}")[0] == 200
    assert get(f"{server}-/charts/none.svg") == (404, "there is no chart none\n")


class _Elsewhere(BaseHTTPRequestHandler):
    """A page of somebody else that would show, run and time what is served."""

    served = ""
    chart = ""

    def do_GET(self) -> None:
        shown = f"{self.served}{self.chart}"
        asked = f"{self.served}two.json?sql=select+1"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(
            f"""<!doctype html><link rel="icon" href="data:,"><script>
            const told = {{}};
            const image = new Image();
            image.onload = () => told.image = 'shown';
            image.onerror = () => told.image = 'refused';
            image.src = '{shown}';
            fetch('{asked}', {{mode: 'no-cors'}})
                .then(() => told.asked = 'answered', () => told.asked = 'refused');
            </script><a href="{self.served}two">the tables</a>""".encode()
        )

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_pages_elsewhere_cannot_show_run_or_time_what_is_served(
    browser: Any, server: str, name: str
) -> None:
    """Neither of another site nor of another port of this machine; a link leads here as any does."""
    drawn = re.search(r"-/charts/[a-z0-9-]+\.svg", get(server)[1])
    assert drawn is not None
    _Elsewhere.served, _Elsewhere.chart = server, drawn.group()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            page = watch(browser).page
            codes: dict[str, int] = {}
            page.on("response", lambda got: codes.update({got.url: got.status}))
            page.goto(f"http://{name}:{other.server_port}/")
            page.wait_for_function("() => told.image && told.asked")
            assert page.evaluate("() => told") == {"image": "refused", "asked": "refused"}
            assert {code for url, code in codes.items() if url.startswith(server)} <= {403}
            page.click("a")
            page.wait_for_selector("h1")
            assert page.inner_text("h1") == "Tables and views"
            page.close()
        finally:
            other.shutdown()
            thread.join()
    asked = urllib.request.Request(server, headers={"Sec-Fetch-Site": "cross-site"})
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(asked):
        pass
    with caught.value as answer:
        assert (answer.code, answer.read()) == (403, b"this server answers to its own pages only\n")


def test_no_cell_of_a_served_table_is_a_formula(tmp_path: Path) -> None:
    """In a table, all of it and the rows of a question: a text is a text, a number a number, however long."""
    bad = (
        '=HYPERLINK("https://example.invalid")',
        "@SUM(1)",
        "-1+1",
        "\t=1",
        "+1 \r\n,=2",
        "=" + "x" * 200_000,
    )
    path = tmp_path / "cells.db"
    with Store.open(path, write=True) as store:
        write_run(store, facts=facts_of("one"), replies=bad)
    asked = urllib.parse.quote("select reply, -1.5 as less, 'a' as letter from conversations")
    with serving(path) as server:
        for address in (
            "cells/conversations.csv?_size=max",
            "cells/conversations.csv?_stream=on",
            f"cells.csv?sql={asked}",
        ):
            status, text = get(server + address)
            assert status == 200
            with long_cells():
                rows = list(csv.DictReader(io.StringIO(text, newline="")))
            assert {row["reply"] for row in rows} == {f"'{one}" for one in bad}
        assert {(row["less"], row["letter"]) for row in rows} == {("-1.5", "a")}


@pytest.mark.parametrize(
    ("kind", "reached", "said"),
    [
        ("lifespan", ["lifespan"], []),
        ("websocket", [], [{"type": "websocket.close", "code": 1008}]),
    ],
)
def test_only_pages_are_asked_for(
    database: Path, kind: str, reached: list[str], said: list[dict[str, Any]]
) -> None:
    """A websocket is closed before anybody hears of it, whatever host it names."""
    from gnomon.serving import hooks

    heard: list[str] = []
    sent: list[dict[str, Any]] = []

    async def inner(scope: dict[str, Any], receive: Any, send: Any) -> None:
        heard.append(scope["type"])

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    class Served:
        def plugin_config(self, _: str) -> dict[str, str]:
            return {"path": str(database)}

    asked = hooks.asgi_wrapper(Served())(inner)
    scope = {"type": kind, "headers": [(b"host", b"example.invalid")]}
    # The browser of other tests has an event loop in this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(asked(scope, None, send))).result()
    assert (heard, sent) == (reached, said)


def test_hostile_texts_stay_texts(browser: Any, tmp_path: Path) -> None:
    """On the first page, in tables, in questions and in charts."""
    with serving(hostile(tmp_path / "hostile.db")) as server:
        page = visit(
            browser, server, "", "hostile/trials", "hostile/conversations", "hostile/scores",
            "hostile/failures", "hostile/what-could-not-be-read", "hostile/what-was-asked", "-/trial/3",
            "hostile/item/3", "-/trial/20", "hostile/trials",
        )  # fmt: skip
        assert page.evaluate("() => window.hacked") is None
        assert HOSTILE[7] in page.inner_text("body")


def test_a_run_that_goes_on_is_seen_to_go_on(tmp_path: Path) -> None:
    """What is committed while the server runs is there when the page is asked for again."""
    path = tmp_path / "live.db"
    with Store.open(path, write=True) as store:
        write_run(store, facts=facts_of("first"), ended=False)
        with serving(path) as server:
            assert "scripted:second" not in get(server)[1]
            assert "scripted:second" not in get(f"{server}-/report")[1]
            write_run(store, facts=facts_of("second"))
            assert "scripted:second" in get(server)[1]
            assert "scripted:second" in get(f"{server}-/report")[1]


def test_an_empty_database_says_so(tmp_path: Path) -> None:
    """A whole first page with a sentence."""
    with Store.open(tmp_path / "empty.db", write=True):
        pass
    with serving(tmp_path / "empty.db") as server:
        status, text = get(server)
        assert status == 200
        assert "There is no run in this database yet; 'gnomon run' makes one." in text
        assert get(f"{server}-/report")[0] == 200


def refused(*words: str | Path) -> str:
    done = CliRunner().invoke(cli, ["serve", *map(str, words)])
    assert done.exception is not None
    return str(done.exception)


def test_what_cannot_be_served_is_said(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence for each."""
    assert refused(tmp_path / "gone.db") == (
        f"there is no database {tmp_path.resolve() / 'gone.db'}; 'gnomon run' makes one"
    )
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE x (y)")
    other.close()
    assert refused(tmp_path / "other.db") == (
        f"{tmp_path.resolve() / 'other.db'} is an SQLite database, but not one that gnomon made; give "
        "another file"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(database, "--port", str(port)) == (
            f"port {port} cannot be listened on: Address already in use; give another with --port, or 0 "
            "for any that is free"
        )
    assert refused(database, "--port", "99999") == (
        "port 99999 cannot be listened on: a port is 0 to 65535; give another with --port, or 0 for "
        "any that is free"
    )
    monkeypatch.setitem(sys.modules, "datasette.app", None)
    monkeypatch.setitem(sys.modules, "datasette", None)
    assert refused(database) == (
        "serving needs the package 'datasette', which is not installed; install it with: "
        "pip install 'gnomon[serve]'"
    )


def test_what_is_not_there_is_said_in_the_look_of_the_pages(browser: Any, server: str) -> None:
    """With a way back; nothing of a mistaken question is run."""
    page = watch(browser).page
    for place, status, said in (
        ("two/nope", 404, "Table not found"),
        ("two?sql=selec", 400, "Statement must be a SELECT"),
        ("two?sql=select+nope+from+runs", 400, "no such column: nope"),
    ):
        answer = page.goto(server + place)
        assert answer.status == status
        assert page.inner_text("p.notice") == said
        assert (
            page.evaluate("getComputedStyle(document.querySelector('header.bar')).display")
            == "flex"
        )
        assert page.locator("a[href='/']").count() >= 1
    page.close()


def test_a_page_of_many_rows_grows_with_the_rows() -> None:
    """Four times the rows take about four times as long, not sixteen times."""
    from gnomon.serving import cells

    asked = 0

    class Row(tuple):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            nonlocal asked
            asked += 1
            return super().__iter__()

    env = jinja2.Environment(
        autoescape=True, loader=jinja2.PackageLoader("gnomon.serving", "templates")
    )
    env.filters["to_css_class"] = str
    macro = env.get_template("_rows.html").module.reading
    counts = []
    for rows in (50, 200):
        asked = 0
        found = cells.of_query([("a", 1)] * rows, [("a", 1)] * rows, ("item", "n"))
        found = attrs.evolve(found, rows=[Row(row) for row in found.rows])
        assert str(macro(found)).count("<tr>") == rows + 1
        counts.append(asked)
    assert counts[1] == 4 * counts[0]


def test_a_row_has_all_of_its_json() -> None:
    """A table cuts what is long; the page of a row does not."""
    from gnomon.serving import cells

    text = json.dumps({f"name {at}": "x" * 300 for at in range(40)})
    (cell,) = cells.of_query([(cells.shown(text, "detail"),)], [(text,)], ("detail",)).rows[0]
    assert "and 28 more" in cell.shown
    assert "x" * 161 not in cell.shown
    assert cell.whole.count("x" * 300) == 40
    assert cells.shown('{"a": "<b>"}', "detail") == (
        '<span class="pair"><span class="key">a</span> &lt;b&gt;</span>'
    )
    for plain in ("[1, 2]", "{", "{}", "7", "[" * 100_000):
        assert cells.shown(plain, "detail") is None
    assert cells.shown('{"a": 1}', "prompt") is None
    assert cells.shown("out of time", "reason") is None
