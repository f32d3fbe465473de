"""What the commands show of a hostile run, whole, at 80 and 120 columns."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from hostile_run import SPEC, gnomon, said, write

PAGES = Path(__file__).with_name("pages")
WORDS = {
    "results": ["results"],
    "list-runs": ["list", "runs"],
    "show": ["show", "1"],
    "show-item": ["show", "1:tea is hot"],
    "show-long": ["show", "1:4"],
    "failures": ["failures"],
    "query": ["query", "select trial, item, groups, reply, status from trials order by 1 limit 14"],
    "query-wide": ["query", "select * from trials where trial = 3"],
}
FORMS = ("json", "csv", "md", "latex")
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one run that is not complete, for six of its calls failed."""
    folder = tmp_path_factory.mktemp("hostile")
    write(folder)
    here = Path.cwd()
    os.chdir(folder)
    try:
        done = gnomon("run", "hostile.toml", "--model", "scripted:answers.toml", "--quiet")
    finally:
        os.chdir(here)
    assert done.exit_code == 3, done.output
    return folder


def steady(text: str) -> str:
    """Without what differs from run to run: times."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-01-01 00:00", text)
    return re.sub(r"\d+\.\d s\b", "0.0 s", text)


def page(folder: Path, name: str, width: int = 80, *more: str) -> str:
    return steady(said(*WORDS[name], *more, "--db", str(folder / "results.db"), width=width))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", list(WORDS))
def test_the_page_is_as_it_was_looked_at(folder: Path, name: str, width: int) -> None:
    """Every line, as a person saw and approved it."""
    wanted = (PAGES / f"{name}-{width}.txt").read_text("utf-8")
    assert page(folder, name, width) == wanted


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", list(WORDS))
def test_no_line_is_wider_than_the_terminal(folder: Path, name: str, width: int) -> None:
    """Cells are counted, not characters."""
    from rich.cells import cell_len

    assert [line for line in page(folder, name, width).splitlines() if cell_len(line) > width] == []


@pytest.mark.parametrize("form", ["", *FORMS])
@pytest.mark.parametrize("name", list(WORDS))
def test_nothing_acts_on_the_terminal(folder: Path, name: str, form: str) -> None:
    """No escape, no control character, no turning of the direction reaches people; data stay as they are."""
    text = page(folder, name, 80, *([f"--{form}"] if form else []))
    if form == "json":
        assert "\x1b" not in text
        json.loads(text)
    elif form != "csv":
        assert UNSEEN.search(text) is None


@pytest.mark.parametrize("name", list(WORDS))
def test_no_csv_cell_is_a_formula(folder: Path, name: str) -> None:
    """A spreadsheet that opens the file computes nothing; numbers stay numbers."""
    rows = list(csv.reader(io.StringIO(page(folder, name, 80, "--csv"))))
    assert len({len(row) for row in rows}) == 1
    cells = [cell for row in rows for cell in row]
    number = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?\Z")
    assert [c for c in cells if c.startswith(tuple("=+-@\t\r\n")) and not number.match(c)] == []


def test_latex_has_no_open_sign(folder: Path) -> None:
    """What LaTeX would read as its own is written so that it does not."""
    text = page(folder, "failures", 80, "--latex")
    assert r"=cmd\textbar{}' /c calc'!a\#" in text
    assert r"weather \& \textless{}b\textgreater{}" in page(folder, "results", 80, "--latex")
    assert re.search(r"(?<!\\)[#%$_](?!\d|\\times|-)", text) is None


def test_markdown_holds_no_markup_of_others(folder: Path) -> None:
    """Bars, stars and tags of a reply are text."""
    text = page(folder, "results", 80, "--md")
    assert "| weather &amp; &lt;b&gt;climate&lt;/b&gt; |" in text
    assert "=cmd\\|' /c calc'!a\\#" in page(folder, "failures", 80, "--md")


def test_programs_are_told_all_of_a_run(folder: Path) -> None:
    """What a table has no room for is in the JSON."""
    (run,) = json.loads(said("list", "runs", "--json", "--db", str(folder / "results.db")))
    assert run["state"] == "incomplete"
    assert run["reason"] == (
        "6 trials could not be finished, most often: the service is down (request 8123)"
    )
    assert (run["finished"], run["planned"], run["seed"], run["repeats"]) == (36, 42, 3, 3)
    assert run["title"] == "Yes to a statement, by a model that misbehaves"


def test_in_a_pipe_names_are_whole(folder: Path) -> None:
    """What ``grep`` and ``awk`` read has no width: a run is a line, and its model stands in it."""
    words = [sys.executable, "-c", "from gnomon.cli import main; main()", "list", "runs"]
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment = {**kept, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=True, env=environment
    )
    assert steady(done.stdout) == (
        "run  measure  model                  format    trials  state       started (UTC)\n"
        "  1  hostile  scripted:answers.toml  free    36 of 42  incomplete  2026-01-01 00:00\n"
    )


def test_trials_of_an_item_are_numbers_to_programs(folder: Path) -> None:
    """Levels and scores have a column each, and a score that is none has a status."""
    words = ["show", "1:bread is soft", "--json", "--db", str(folder / "results.db")]
    first, *_ = json.loads(said(*words))
    assert first == {
        "trial": first["trial"],
        "run": 1,
        "ordinal": first["ordinal"],
        "item": "bread is soft",
        "repeat": 0,
        "tone": "plain",
        "yes-no": 0.0,
        "statuses": {"yes-no": "ok"},
    }
    assert isinstance(first["trial"], int)
    words[1] = "1:tea is hot"
    (statuses, *_), *_ = [(row["statuses"], row["yes-no"]) for row in json.loads(said(*words))]
    assert statuses == {"yes-no": "unparsed"}


def on_terminal(folder: Path, *words: str, width: int, **environment: str) -> str:
    """What a command writes to a real terminal of some width."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "TERM")}
    child = subprocess.Popen(
        [sys.executable, "-c", "from gnomon.cli import main; main()", *words],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={
            **kept,
            "TERM": "xterm-256color",
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment,
        },
    )
    os.close(theirs)
    out = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        out += piece
    os.close(ours)
    assert child.wait() == 0
    return steady(out.decode("utf-8").replace("\r\n", "\n"))


STYLE = re.compile("\x1b\\[[0-9;]*m")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["failures", "show"])
def test_a_real_terminal_shows_the_same_with_weight(folder: Path, name: str, width: int) -> None:
    """The width is that of the terminal; weight is all that is added, and no colour."""
    shown = on_terminal(folder, *WORDS[name], width=width)
    assert set(STYLE.findall(shown)) == {"\x1b[1m", "\x1b[2m", "\x1b[0m"} - (
        set() if name == "show" else {"\x1b[2m"}
    )
    assert STYLE.sub("", shown) == (PAGES / f"{name}-{width}.txt").read_text("utf-8")


@pytest.mark.parametrize("how", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_styles_where_none_are_wanted(folder: Path, how: dict[str, str]) -> None:
    """NO_COLOR, and a terminal that has no styles."""
    assert "\x1b" not in on_terminal(folder, "results", width=80, **how)


def test_a_terminal_of_another_encoding_gets_escapes(folder: Path) -> None:
    """What an encoding cannot say is written as its number; nothing fails."""
    done = subprocess.run(
        [sys.executable, "-c", "from gnomon.cli import main; main()", "results"],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "latin-1"},
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u65e5\\u672c\\u8a9e" in done.stdout


# -- what there is nothing, or not yet anything, to show of ---------------------------------------


EMPTY = "there are no runs in {} yet; 'gnomon run MEASURE --model BACKEND:MODEL' makes one\n"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A database in which nothing was run."""
    from gnomon.store import Store

    with Store.open(tmp_path / "empty.db", write=True):
        pass
    return tmp_path / "empty.db"


@pytest.mark.parametrize(
    "words", [["results"], ["list", "runs"], ["failures"], ["results", "--effects"]]
)
def test_an_empty_database_is_a_sentence(empty: Path, words: list[str]) -> None:
    """It says so, and what makes a run."""
    assert said(*words, "--db", str(empty)) == EMPTY.format(empty)
    assert said(*words, "--db", str(empty), "--json") == "[]\n"


def fails(*words: str) -> str:
    """The error that a command ends with."""
    done = gnomon(*words)
    assert done.exit_code != 0
    return str(done.exception)


def test_what_is_not_there_is_said(folder: Path, empty: Path) -> None:
    """The nearest name, and what there is."""
    database = str(folder / "results.db")
    assert fails("results", "9", "--db", database) == "there is no run 9; there are: 1"
    assert fails("failures", "9", "--db", database) == "there is no run 9; there are: 1"
    assert fails("results", "--measure", "hostle", "--db", database) == (
        f"there is no run of the measure 'hostle' in {database} (did you mean 'hostile'?); "
        "there are: hostile"
    )
    assert fails("failures", "--score", "yesno", "--db", database) == (
        "run 1 has no score 'yesno' (did you mean 'yes-no'?); there are: yes-no"
    )
    assert fails("show", "999", "--db", database) == (
        f"there is no trial 999 in {database}; the view 'trials' of 'gnomon query' has them all"
    )
    assert fails("show", "x", "--db", database) == (
        "'x' is no trial; give its number, RUN:ORDINAL or RUN:ITEM, such as 17 or 1:0"
    )
    assert fails("show", "9" * 30, "--db", database) == (
        f"'{'9' * 30}' is no trial; give its number, RUN:ORDINAL or RUN:ITEM, such as 17 or 1:0"
    )
    assert fails("show", f"1:{'9' * 30}", "--db", database).startswith(
        f"run 1 of 'hostile' has no trial at place '{'9' * 30}'; its items are: "
    )
    assert fails("compare", "9" * 30, "1", "--db", database) == (
        f"there is no run {'9' * 30}; there are: 1"
    )
    assert fails("show", "1:tea is hott", "--db", database).startswith(
        "run 1 of 'hostile' has no trial of an item 'tea is hott' (did you mean 'tea is hot'?); its "
        'items are: =HYPERLINK("x"), a "quoted" thing, with a comma, '
    )
    assert fails("show", "1:9999", "--db", database).startswith(
        "run 1 of 'hostile' has no trial at place '9999'; its items are: "
    )
    assert fails("show", "1:0", "--db", str(empty)) == "there is no run 1; there are: none"


def test_a_run_without_scores_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measure without scorers has replies and nothing else."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, SPEC[: SPEC.index("[[score]]")])
    gnomon("run", "hostile.toml", "--model", "scripted:answers.toml", "--quiet", "--limit", "3")
    assert said("results") == (
        "run 1 of 'hostile' has no estimates: the measure has no statistic, or none of its scores has a "
        "number\n"
    )
    assert said("failures") == "every score has a number and every call an answer\n"
    assert "scores\nnone yet\n" in said("show", "1")


def test_a_run_that_goes_on_is_told_from_one_that_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a process holds the right to write it goes on; without one, and without an end, it was cut."""
    from store_samples import FACTS, administer, trial_of

    from gnomon.store import Store

    path = tmp_path / "results.db"
    monkeypatch.chdir(tmp_path)
    with Store.open(path, write=True) as store:
        run_id = store.begin_run(FACTS)
        administer(store, run_id, trial_of(0))
        store.flush()
        assert said("results") == (
            "run 1 of 'tiny' has no estimates yet: it is going on, and 1 trial is finished; they come "
            "when it ends\n"
        )
        assert " going on " in said("list", "runs")
        store.note_planned(run_id, 1200)
        assert said("results") == (
            "run 1 of 'tiny' has no estimates yet: it is going on, and 1 of 1200 trials is finished; they "
            "come when it ends\n"
        )
    assert said("results") == (
        "run 1 of 'tiny' has no estimates: it was cut off, and 1 of 1200 trials is finished; run it again "
        "to go on\n"
    )
    assert " cut off " in said("list", "runs")
