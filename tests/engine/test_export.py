"""What is exported whole and imported again is the same database; each view and refusal of the export."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from store_samples import FACTS, administer, chat_of, key_of, small_run, trial_of

from gnomon import (
    Embed,
    Estimate,
    GnomonError,
    Item,
    Message,
    Reply,
    Score,
    StoreError,
    TokenLogprob,
    UsageError,
)
from gnomon.cli import cli
from gnomon.export.archive import MANIFEST, export_all, tables
from gnomon.export.cells import csv_reader, csv_writer, json_line, json_row, safe_text
from gnomon.export.files import FORMS, new_file
from gnomon.export.parquet import read_parquet
from gnomon.export.restore import restore
from gnomon.export.views import Chosen, export_view
from gnomon.store import Store
from gnomon.store.migrations import NAMES, create
from gnomon.store.opening import take_lock
from gnomon.store.tidy import VIEWS

# Every character, lone surrogates too, and what breaks files of text.
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "", "\x00", "a\x00b", "\ud800", "x\udfff", "שלום \u202eabc", "🧭👩🏽‍🔬", "=1+1", " @SUM(A1)", "+1", "-1",
        "'", "''=1", "\t=1", "\r", "\n", "\r\n", 'a"b', "a,b", "\u2028", "\ufeff", "0x41", "1e5", "NaN", "null",
    ]
)  # fmt: skip
FLOATS = st.floats(allow_nan=False)
REPLIES = st.builds(
    Reply,
    text=TEXTS,
    status=st.sampled_from(["ok", "refused", "truncated"]),
    finish=st.none() | TEXTS,
    probabilities=st.none() | st.dictionaries(TEXTS, FLOATS, max_size=2),
    coverage=st.none() | FLOATS,
    tokens=st.none() | st.lists(st.builds(TokenLogprob, TEXTS, FLOATS), max_size=2).map(tuple),
    vectors=st.none() | st.lists(st.lists(FLOATS, max_size=3).map(tuple), max_size=2).map(tuple),
    tokens_in=st.none() | st.integers(0, 2**40),
    cost=st.none() | FLOATS,
    raw=st.none() | TEXTS,
    model=st.none() | TEXTS,
)
SCORES = st.lists(FLOATS | st.sampled_from(["refused", "unparsed"]), max_size=2)
ESTIMATES = st.builds(
    Estimate,
    statistic=st.just("mean"),
    of=st.just("length"),
    quantity=st.just("mean"),
    value=st.none() | FLOATS,
    low=st.none() | FLOATS,
    n=st.integers(0, 5),
    method=st.just("mean"),
    note=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5),
    group=st.dictionaries(st.just("instruction"), st.just("plain"), max_size=1),
)
ITEMS = st.builds(
    Item,
    key=TEXTS,
    fields=st.dictionaries(st.sampled_from(["word", "other"]), TEXTS | FLOATS, max_size=2),
    groups=st.dictionaries(st.just("category"), TEXTS, max_size=1),
    gold=st.none() | TEXTS | FLOATS | st.integers(-5, 5),
)


@st.composite
def contents(draw: st.DrawFn) -> list[list[tuple[Item, str, Reply, list[float | str]]]]:
    """Runs, each of trials: item, prompt, reply, scores."""
    trial = st.tuples(ITEMS, TEXTS, REPLIES, SCORES)
    return draw(st.lists(st.lists(trial, max_size=3), min_size=1, max_size=2))


def build(path: Path, runs: Any, estimates: list[Estimate]) -> None:
    """A database with these contents."""
    with Store.open(path, write=True) as store:
        for number, trials in enumerate(runs):
            run = store.begin_run(attrs.evolve(FACTS, seed=number, repeats=1))
            scoring = store.begin_scoring(run)
            for ordinal, (item, prompt, reply, scores) in enumerate(trials):
                fields = {**item.groups, **item.fields, "instruction": "plain"}
                trial = trial_of(ordinal, item=item, draws={}, fields=fields, repeat=0)
                ask = chat_of(
                    trial, prompt, messages=(Message("system", "s"), Message("user", prompt))
                )
                trial_id = administer(store, run, trial, (ask, reply))
                made = [
                    Score(name=f"s{place}", value=None, status=value)  # type: ignore[arg-type]
                    if isinstance(value, str)
                    else Score(name=f"s{place}", value=value, detail={"text": "=x", "at": place})
                    for place, value in enumerate(scores)
                ]
                store.add_scores(run, scoring, made, scorer="s", trial_id=trial_id)
            store.replace_estimates(run, scoring, estimates)
            store.note_lock(run, "the lock", ["something differs"])
            store.close_session(run, reason="done", calls=1, cost=None)


def content(path: Path) -> dict[str, Any]:
    """Everything that a database says: tables, views, records, and what verify finds."""
    with Store.open(path) as store:
        held = {
            name: sorted(map(repr, store.query(f"SELECT * FROM {name}")[1]))
            for name in [*tables(store._connection), *VIEWS, "dictionary"]
        }
        held["records"] = [list(store.trial_records(run["run"])) for run in store.runs()]
        held["verify"] = store.verify()
    return held


@settings(
    max_examples=25,
    suppress_health_check=list(HealthCheck),
    # Shrinking would build hundreds of databases; the example that is found is printed.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(runs=contents(), estimates=st.lists(ESTIMATES, max_size=2), form=st.sampled_from(FORMS))
def test_imported_again_it_is_the_same_database(
    runs: Any, estimates: list[Estimate], form: str, tmp_path_factory
) -> None:
    """Every table, view and record is equal, whatever the texts, and every hash is that of its content."""
    folder = tmp_path_factory.mktemp("export")
    build(folder / "a.db", runs, estimates)
    made = export_all(folder / "a.db", form, folder / "out")
    again = restore(folder / "out", folder / "b.db")
    assert made.rows == again.rows
    before, after = content(folder / "a.db"), content(folder / "b.db")
    assert before == after
    assert after["verify"] == []
    with Store.open(folder / "b.db", write=True) as store:
        # It goes on as the old one would: the same run is resumed.
        assert store.begin_run(attrs.evolve(FACTS, seed=0, repeats=1)) == 1


@pytest.mark.parametrize("form", FORMS)
def test_huge_texts_and_vectors(form: str, tmp_path: Path) -> None:
    """Texts longer than a cell may be by default, and vectors as bytes."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    long = "=né\x00" * 400_000
    with Store.open(path, write=True) as store:
        ask = Embed(texts=("a",))
        vectors = (tuple(float(n) / 3 for n in range(4_000)),) * 3
        store.add_reply(key_of(ask), ask, Reply(text=long, vectors=vectors), attempt=1)
    limit = csv.field_size_limit()
    export_all(path, form, tmp_path / "out")
    restore(tmp_path / "out", tmp_path / "b.db")
    assert content(tmp_path / "b.db") == content(path)
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_the_rows(form: str, tmp_path: Path) -> None:
    """Five times the rows: the peak of what Python holds is about the same."""
    peaks = []
    for count in (5_000, 25_000):
        path = tmp_path / f"{count}.db"
        small_run(path, 1)
        connection = sqlite3.connect(path)
        with connection:
            connection.executemany(
                "INSERT INTO text (id, body) VALUES (?, ?)",
                ((n + 1_000, f"{n} " * 20) for n in range(count)),
            )
        connection.close()
        tracemalloc.start()
        export_all(path, form, tmp_path / f"out-{count}")
        restore(tmp_path / f"out-{count}", tmp_path / f"again-{count}.db")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_500_000


def test_an_export_during_a_run_is_one_moment(tmp_path: Path) -> None:
    """Nothing refers to what is not there, though rows are written all the while."""
    path = tmp_path / "a.db"
    small_run(path, 3)
    stop = threading.Event()

    def write() -> None:
        with Store.open(path, write=True) as store:
            run = store.begin_run(FACTS)
            ordinal = 3
            while not stop.is_set():
                administer(store, run, trial_of(ordinal), scoring=store.newest_scoring(run))
                store.flush()
                ordinal += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        counts = []
        for number in range(4):
            export_all(path, FORMS[number % 3], tmp_path / f"out-{number}")
            restore(tmp_path / f"out-{number}", tmp_path / f"{number}.db")
            with Store.open(tmp_path / f"{number}.db") as store:
                assert store.verify() == []
                (row,) = store.query("SELECT count(*), count(DISTINCT trial) FROM scores")[1]
                assert row[0] == row[1]
                counts.append(row[0])
    finally:
        stop.set()
        thread.join()
    assert counts == sorted(counts)


def test_a_database_of_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """An export is filled into the schema it had, and the later changes are made to that."""
    path = tmp_path / "a.db"
    small_run(path)
    export_all(path, "jsonl", tmp_path / "out")
    older = sqlite3.connect(":memory:")
    create(older, NAMES[:2])
    there = tables(older)
    older.close()
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    kept = [entry for entry in manifest["tables"] if entry["table"] in there]
    change(tmp_path / "out", migrations=list(NAMES[:2]), tables=kept)
    for entry in kept:
        columns = there[entry["table"]]
        held = [
            json.loads(line)
            for line in (tmp_path / "out" / entry["file"]).read_bytes().splitlines()
        ]
        lines = [json.dumps({column: row[column] for column in columns}) + "\n" for row in held]
        forge(tmp_path / "out", entry["table"], "".join(lines).encode(), columns=columns)
    restore(tmp_path / "out", tmp_path / "b.db")
    before, after = content(path), content(tmp_path / "b.db")
    assert after["verify"] == []
    assert [after[view] for view in VIEWS] == [before[view] for view in VIEWS]
    with Store.open(tmp_path / "b.db", write=True) as store:
        assert store.begin_run(FACTS) == 1


# -- cells ---------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(["", "'", "=", "''", "\r\n=", "＝1"]),
)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | FLOATS,
            CELLS,
            st.none() | st.binary(max_size=5),
            CELLS | FLOATS | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=3),
        )
    )
)
def test_cells_and_lines_say_what_the_values_were(rows: list[tuple[Any, ...]]) -> None:
    """The same values, of the same types, through CSV and through JSONL; and no cell is a formula."""
    types = ["INTEGER", "REAL", "TEXT", "BLOB", "ANY"]
    out = io.StringIO()
    write = csv_writer(types)
    csv.writer(out).writerows([write(row) for row in rows])
    read = csv_reader(types)
    cells = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert [repr(read(row)) for row in cells] == [repr(list(row)) for row in rows]
    for row, values in zip(cells, rows, strict=True):
        for cell, value in zip(row, values, strict=True):
            assert not isinstance(value, str) or cell.lstrip()[:1] not in tuple("=+-@\t\r＝＋－＠")
    for row in rows:
        line = json_line(types, row)
        assert "\n" not in line
        assert repr(json_row(types, line.encode())) == repr(list(row))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain", "plain"), ("", ""), ("=1", "'=1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"),
        ("\tx", "'\tx"), ("  =1", "'  =1"), ("'a", "''a"), ("a=1", "a=1"), ("＝1", "'＝1"), ("\n=1", "'\n=1"),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_takes_for_a_formula_has_an_apostrophe(text: str, cell: str) -> None:
    """The rule of the help, case by case."""
    assert safe_text(text) == cell


# -- one view ------------------------------------------------------------------------------------


def exported(path: Path, view: str, form: str, **chosen: Any) -> bytes:
    out = io.BytesIO()
    export_view(path, view, form, out, Chosen(**chosen))
    return out.getvalue()


def test_a_view_as_csv_jsonl_and_parquet(tmp_path: Path) -> None:
    """The columns and rows of the view; only of the runs that were chosen."""
    import pyarrow.parquet as pq

    path = tmp_path / "a.db"
    small_run(path, 2)
    with Store.open(path, write=True) as store:
        store.add_scores(
            1,
            store.newest_scoring(1) or 0,
            [Score(name="spread", value=None, status="unparsed", detail={"why": "x"})],
            scorer="spread",
            item_id=1,
        )
        other = store.begin_run(attrs.evolve(FACTS, measure="other"))
        scoring = store.begin_scoring(other)
        administer(store, other, trial_of(0), scoring=scoring, value=-0.5)
    for view in VIEWS:
        with Store.open(path) as store:
            columns, rows = store.query(f"SELECT * FROM {view}")
            wanted = [dict(zip(columns, row, strict=True)) for row in rows]
        told = [json.loads(line) for line in exported(path, view, "jsonl").splitlines()]
        assert sorted(told, key=repr) == sorted(wanted, key=repr)
        cells = list(csv.DictReader(io.StringIO(exported(path, view, "csv").decode(), newline="")))
        assert len(cells) == len(wanted)
        assert exported(path, view, "csv").decode().split("\r\n")[0] == ",".join(columns)
    whole = pq.read_table(io.BytesIO(exported(path, "scores", "parquet"))).to_pylist()
    told = [json.loads(line) for line in exported(path, "scores", "jsonl").splitlines()]
    assert sorted(whole, key=repr) == sorted(told, key=repr)
    text = exported(path, "scores", "csv", measures=("other",)).decode()
    assert text.count("\n") == 2
    assert ",-0.5,ok," in text
    (tmp_path / "scores.parquet").write_bytes(exported(path, "scores", "parquet", runs=(1,)))
    table = pq.read_table(tmp_path / "scores.parquet").to_pydict()
    assert (table["value"], table["item"]) == ([0.0, 1.0, None], ["item-0", "item-1", "item-0"])


# -- the command ---------------------------------------------------------------------------------


def run_cli(*words: str | Path) -> None:
    cli.main(args=[str(word) for word in words], standalone_mode=False)


def said(call: Callable[[], Any]) -> str:
    with pytest.raises(GnomonError) as caught:
        call()
    return str(caught.value)


def test_out_and_back_on_the_command_line(tmp_path: Path, capsys) -> None:
    """Export, import and verify; a view to standard output."""
    path, out = tmp_path / "a.db", tmp_path / "out"
    small_run(path)
    run_cli("export", path, "--to", "csv", "-o", out)
    rows = sum(json.loads((out / MANIFEST).read_text())["tables"][n]["rows"] for n in range(18))
    assert capsys.readouterr().out == f"{out}: {rows} rows of 18 tables\n"
    run_cli("import", out, "--db", tmp_path / "b.db")
    assert capsys.readouterr().out == (
        f"{tmp_path / 'b.db'}: rows 1 of run, 6 of trial, 6 of reply, 6 of score; 'gnomon verify' "
        "derives every hash again\n"
    )
    run_cli("import", out, "--db", tmp_path / "c.db", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "database": str(tmp_path / "c.db"),
        "rows": {"run": 1, "trial": 6, "reply": 6, "score": 6},
    }
    run_cli(
        "export", "--db", path, "1", "--to", "csv", "--view", "scores", "-o", tmp_path / "s.csv"
    )
    assert capsys.readouterr().out == f"{tmp_path / 's.csv'}: 6 rows of scores\n"
    assert sorted(entry.name for entry in tmp_path.iterdir() if ".part" in entry.name) == []


def test_a_view_goes_to_standard_output(tmp_path: Path, run_gnomon) -> None:
    """For a pipe."""
    small_run(tmp_path / "results.db", 2)
    done = run_gnomon("export", "--to", "jsonl", "--view", "trials", cwd=tmp_path)
    assert [json.loads(line)["reply"] for line in done.stdout.splitlines()] == [
        "answer 0",
        "answer 1",
    ]


def test_what_does_not_go_together(tmp_path: Path) -> None:
    """A sentence each, before anything is read or written."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    assert (
        said(lambda: run_cli("export", path, "--to", "csv")) == "say with -o which folder to write"
    )
    assert said(lambda: run_cli("export", path, "1", "--to", "csv", "-o", tmp_path / "x")) == (
        "a whole database is exported so that it can be imported again; to choose runs, measures or "
        "models give a --view"
    )
    assert said(lambda: run_cli("export", path, "--to", "bibtex", "--view", "runs")) == (
        "--view goes with --to csv, jsonl, parquet; it got --to bibtex"
    )
    assert said(lambda: run_cli("export", path, "--to", "parquet", "--view", "runs")) == (
        "Parquet is not for a terminal; say with -o which file to write"
    )
    assert said(lambda: run_cli("import", path)) == (
        "a table of replies needs --as and --map; only a folder that 'gnomon export' wrote is imported "
        "without"
    )
    assert said(lambda: run_cli("import", path, "--as", "implicit-bias")) == (
        "a table of replies needs --map; only a folder that 'gnomon export' wrote is imported without"
    )
    assert said(lambda: run_cli("import", tmp_path, "--as", "implicit-bias")) == (
        "a folder that 'gnomon export' wrote is imported by itself, into a new database; give nothing "
        "else than --db"
    )


def test_nothing_to_export(tmp_path: Path) -> None:
    """No database, one without runs, and a run without scores."""
    path = tmp_path / "a.db"
    assert said(lambda: export_all(path, "csv", tmp_path / "out")) == (
        f"there is no database {path}; 'gnomon run' makes one"
    )
    with Store.open(path, write=True):
        pass
    nothing = f"{path} holds no runs yet, so there is nothing to export; 'gnomon run' makes one"
    assert said(lambda: export_all(path, "csv", tmp_path / "out")) == nothing
    assert said(lambda: exported(path, "scores", "csv")) == nothing
    assert not (tmp_path / "out").exists()
    with Store.open(path, write=True) as store:
        store.begin_run(FACTS)
    assert said(lambda: exported(path, "scores", "csv", runs=(1,))) == (
        "run 1 has no scores yet; they come while it runs, and 'gnomon score 1' scores what is stored"
    )
    assert exported(path, "scores", "jsonl") == b""


def test_unknown_runs_measures_and_models(tmp_path: Path) -> None:
    """As in Python: the nearest name and the list."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    assert said(lambda: exported(path, "scores", "csv", measures=("tinny",))) == (
        f"there is no measure 'tinny' in {path} (did you mean 'tiny'?); there are: tiny"
    )
    assert said(lambda: exported(path, "trials", "csv", runs=(4,))) == (
        f"there is no run 4 in {path}; there are: 1"
    )
    assert said(lambda: exported(path, "trials", "csv", models=("scripted:answer",))) == (
        f"there is no model 'scripted:answer' in {path} (did you mean 'scripted:answers'?); there are: "
        "scripted:answers"
    )


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is full, a file in its place, no such folder, a folder for a file."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("mine")
    assert said(lambda: export_all(path, "csv", full)) == (
        f"{full} is a folder that is not empty; give a new folder with -o"
    )
    assert said(lambda: export_all(path, "csv", full / "x")) == (
        f"{full / 'x'} is a file; give a new folder with -o"
    )
    nowhere = tmp_path / "no" / "out"
    assert said(lambda: export_all(path, "csv", nowhere)) == (
        f"the folder {nowhere} cannot be made: No such file or directory"
    )
    assert (
        said(lambda: run_cli("export", path, "--to", "csv", "--view", "runs", "-o", nowhere))
        == f"{nowhere} cannot be written: No such file or directory"
    )
    assert (
        said(lambda: run_cli("export", path, "--to", "csv", "--view", "runs", "-o", full))
        == f"{full} is a folder; -o takes a file here"
    )
    assert [entry.name for entry in full.iterdir()] == ["x"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert export_all(path, "csv", empty).path == empty


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk(tmp_path: Path) -> None:
    """A sentence; and a device is written into, not replaced."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    out = tmp_path / "runs.csv"
    out.symlink_to("/dev/full")
    assert said(lambda: run_cli("export", path, "--to", "csv", "--view", "runs", "-o", out)) == (
        f"{out} cannot be written: No space left on device"
    )
    assert out.is_symlink()
    assert Path("/dev/full").is_char_device()


def test_a_file_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    """What was begun is taken away, and a file of the name that it might have had is left alone."""
    path, mine = tmp_path / "runs.csv", tmp_path / "runs.csv.part"
    path.write_text("before")
    mine.write_text("mine")

    def half() -> None:
        with new_file(path) as out:
            out.write(b"half")
            raise OSError(28, "No space left on device")

    assert said(half) == f"{path} cannot be written: No space left on device"
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {
        "runs.csv": "before",
        "runs.csv.part": "mine",
    }


def test_folders_and_files_beside_are_left_alone(tmp_path: Path) -> None:
    """Whatever somebody has called NAME.part stays as it was."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    (tmp_path / "out.part").mkdir()
    mine = [tmp_path / "out.part" / "thesis.txt", tmp_path / "s.csv.part", tmp_path / "b.db.part"]
    for file in mine:
        file.write_text("mine")
    run_cli("export", path, "--to", "csv", "-o", tmp_path / "out")
    run_cli("export", path, "--to", "csv", "--view", "scores", "-o", tmp_path / "s.csv")
    run_cli("import", tmp_path / "out", "--db", tmp_path / "b.db")
    assert [file.read_text() for file in mine] == ["mine"] * 3
    assert list(tmp_path.glob(".*.part")) == []


def test_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty one is filled, and is still the folder one is in."""
    small_run(tmp_path / "a.db", 1)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run_cli("export", tmp_path / "a.db", "--to", "jsonl", "-o", ".")
    assert capsys.readouterr().out.startswith(".: ")
    assert Path(MANIFEST).exists()
    restore(Path(), tmp_path / "b.db")
    assert content(tmp_path / "b.db") == content(tmp_path / "a.db")
    assert sorted(entry.name for entry in tmp_path.iterdir() if ".part" in entry.name) == []


@pytest.mark.parametrize("name", ["a.db", "other.db", "link.db"])
def test_no_database_is_written_over(tmp_path: Path, name: str) -> None:
    """Not the one that is exported, and no other."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    small_run(tmp_path / "other.db", 1)
    (tmp_path / "link.db").symlink_to(path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.glob("*.db")}
    out = tmp_path / name
    for words in (("csv", "--view", "runs"), ("bibtex",)):
        assert said(lambda words=words: run_cli("export", path, "--to", *words, "-o", out)) == (
            f"{out} is a database, which would be overwritten; give another file"
        )
    assert {entry.name: entry.read_bytes() for entry in tmp_path.glob("*.db")} == before


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, before anything is made."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    assert said(lambda: export_all(path, "parquet", tmp_path / "out")) == (
        "Parquet needs the package pyarrow, which is not installed; install it with: pip install "
        "'gnomon[parquet]'"
    )
    assert not (tmp_path / "out").exists()


# -- what cannot be imported ---------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export as JSONL."""
    small_run(tmp_path / "a.db")
    return export_all(tmp_path / "a.db", "jsonl", tmp_path / "out").path


def refused(folder: Path) -> str:
    made = folder.parent / "b.db"
    with pytest.raises((StoreError, UsageError)) as caught:
        restore(folder, made)
    assert not made.exists()
    assert list(folder.parent.glob(".*.part*")) == []
    return str(caught.value)


def change(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def test_a_folder_that_is_no_export(folder: Path) -> None:
    """Without a manifest, with another file of that name, or with a newer one."""
    assert refused(folder.parent) == (
        f"the folder {folder.parent} is not an export of gnomon, for it has no gnomon-export.json; "
        "'gnomon export --to jsonl' makes one that can be imported"
    )
    change(folder, form="toml")
    assert refused(folder) == f"{folder / MANIFEST} is not the manifest of an export of gnomon"
    newer = f"{folder} was exported by gnomon 9.0, which is newer than this one; upgrade gnomon to import it"
    change(folder, form="jsonl", gnomon_export=2, gnomon="9.0")
    assert refused(folder) == newer
    change(folder, gnomon_export=1, migrations=[*NAMES, "colours"])
    assert refused(folder) == newer
    (folder / MANIFEST).write_text("[1, 2")
    assert refused(folder) == f"{folder / MANIFEST} is not the manifest of an export of gnomon"


@pytest.mark.parametrize(
    "wrong",
    [
        {"migrations": None}, {"migrations": "tables"}, {"migrations": []}, {"migrations": ["views"]},
        {"migrations": [["tables"]]}, {"form": ["jsonl"]}, {"tables": None}, {"tables": "run"},
        {"tables": [{}]}, {"tables": [1]}, {"tables": {}},
    ],
)  # fmt: skip
def test_a_manifest_of_another_make(folder: Path, wrong: dict[str, Any]) -> None:
    """Whatever stands in it, a sentence."""
    change(folder, **wrong)
    assert refused(folder) == f"{folder / MANIFEST} is not the manifest of an export of gnomon"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("table", None), ("table", "elsewhere"), ("table", ["run"]), ("file", None),
        ("file", "../reply.jsonl"), ("file", 1), ("sha256", None), ("columns", 3), ("columns", {"id": 1}),
    ],
)  # fmt: skip
def test_an_entry_of_another_make(folder: Path, name: str, value: Any) -> None:
    """None stands for a name that is not there."""
    listed = json.loads((folder / MANIFEST).read_text())["tables"]
    listed[3][name] = value
    if value is None:
        del listed[3][name]
    change(folder, tables=listed)
    assert refused(folder) == f"{folder / MANIFEST} is not the manifest of an export of gnomon"


def test_a_table_that_the_manifest_lacks_or_has_twice(folder: Path) -> None:
    """An export without its replies is none."""
    listed = json.loads((folder / MANIFEST).read_text())["tables"]
    (reply,) = [entry for entry in listed if entry["table"] == "reply"]
    change(folder, tables=[entry for entry in listed if entry != reply])
    assert refused(folder) == (
        f"the manifest of {folder} names the table 'reply' 0 times, and it has to be there once; export "
        "the database again"
    )
    change(folder, tables=[*listed, reply])
    assert refused(folder) == (
        f"the manifest of {folder} names the table 'reply' 2 times, and it has to be there once; export "
        "the database again"
    )


def test_a_file_that_was_cut_short_changed_or_lost(folder: Path) -> None:
    """Before anything is made of it."""
    path = folder / "reply.jsonl"
    whole = path.read_bytes()
    changed = (
        f"{path} was changed or cut short after it was exported: its SHA-256 is not the one in "
        "gnomon-export.json; export the database again"
    )
    path.write_bytes(whole[:-5])
    assert refused(folder) == changed
    path.write_bytes(whole.replace(b"answer 0", b"answer 9"))
    assert refused(folder) == changed
    path.unlink()
    assert refused(folder) == f"{path} is missing or cannot be read; export the database again"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs devices")
@pytest.mark.parametrize("name", ["reply.jsonl", MANIFEST])
def test_a_file_without_end_is_not_read(folder: Path, name: str) -> None:
    """A folder comes from anyone, and a link in it may lead to a device."""
    path = folder / name
    path.unlink()
    path.symlink_to("/dev/zero")
    assert refused(folder) == (
        f"{path} is not the manifest of an export of gnomon"
        if name == MANIFEST
        else f"{path} is missing or cannot be read; export the database again"
    )


def forge(folder: Path, table: str, data: bytes, **more: Any) -> Path:
    """Put another file into an export, with the right hash."""
    from hashlib import sha256

    manifest = json.loads((folder / MANIFEST).read_text())
    for entry in manifest["tables"]:
        if entry["table"] == table:
            (folder / entry["file"]).write_bytes(data)
            entry.update(sha256=sha256(data).hexdigest(), **more)
            path = folder / entry["file"]
    change(folder, tables=manifest["tables"])
    return path


def test_files_of_another_make(folder: Path) -> None:
    """With the right hash and the wrong content."""
    path = forge(folder, "score_name", b'{"id":1,"scorer":"a","name":"b"}\n{"id":2\n')
    assert refused(folder) == (
        f"line 2 of {path} cannot be read: Expecting ',' delimiter: line 2 column 1 (char 8)"
    )
    path = forge(folder, "score_name", b'{"id":1,"name":"b"}\n')
    assert refused(folder) == (
        f"line 1 of {path} cannot be read: it is not an object with the columns of the table"
    )
    path = forge(folder, "score_name", b'{"id":{"$number":[1]},"scorer":"a","name":"b"}\n')
    assert refused(folder) == (
        f"line 1 of {path} cannot be read: float() argument must be a string or a real number, not "
        "'list'"
    )
    path = forge(folder, "score_name", b'{"id":1,"scorer":"a","name":[1]}\n')
    assert refused(folder).startswith(f"{path} does not fit into a gnomon database: ")
    path = forge(folder, "score_name", b'{"id":1,"scorer":null,"name":"b"}\n')
    assert refused(folder) == (
        f"{path} does not fit into a gnomon database: NOT NULL constraint failed: score_name.scorer"
    )
    path = forge(folder, "score_name", b"[" * 1_000_000)
    assert refused(folder).startswith(f"line 1 of {path} cannot be read: maximum recursion depth")
    path = forge(folder, "score_name", b'{"id":1,"scorer":"\\ud800","name":"b"}\n')
    assert refused(folder) == (
        f"{path} does not fit into a gnomon database: 'utf-8' codec can't encode character '\\ud800' in "
        "position 0: surrogates not allowed"
    )
    forge(folder, "score_name", b"", columns={"id": "INTEGER", "x": "TEXT"})
    assert refused(folder) == (
        f"the table 'score_name' of {folder} does not have the columns of a gnomon database"
    )


def test_csv_and_parquet_of_another_make(tmp_path: Path) -> None:
    """With the place where it goes wrong."""
    small_run(tmp_path / "a.db", 1)
    folder = export_all(tmp_path / "a.db", "csv", tmp_path / "csv").path
    path = forge(folder, "score_name", b"id,scorer,name\n1,a,b\nx,a,b\n")
    assert refused(folder) == (
        f"row 2 of {path} cannot be read: invalid literal for int() with base 10: 'x'"
    )
    path = forge(folder, "score_name", b"id,name\n")
    assert refused(folder) == f"{path} does not have the columns that its manifest says"
    folder = export_all(tmp_path / "a.db", "parquet", tmp_path / "parquet").path
    path = forge(folder, "score_name", b"PAR1")
    assert refused(folder).startswith(f"{path} cannot be read as Parquet: ")
    whole = (folder / "text.parquet").read_bytes()
    path = forge(folder, "text", whole[:20] + b"\xee" * 8 + whole[28:])
    forge(folder, "score_name", b"PAR1")
    assert refused(folder).startswith(f"{path} cannot be read as Parquet: ")
    with pytest.raises(StoreError) as caught:
        list(read_parquet(folder / "text.parquet", {"id": "TEXT"}))
    assert str(caught.value) == (
        f"{folder / 'text.parquet'} does not have the columns that its manifest says"
    )


def test_a_database_that_is_there_already(folder: Path) -> None:
    """Nothing is overwritten."""
    there = folder.parent / "a.db"
    before = there.read_bytes()
    assert said(lambda: restore(folder, there)) == (
        f"{there} exists already; an export is imported into a new database, so give another file with "
        "--db ('gnomon merge' joins databases)"
    )
    assert there.read_bytes() == before
    nowhere = folder.parent / "no" / "b.db"
    assert said(lambda: restore(folder, nowhere)) == (
        f"the database {nowhere} cannot be made: unable to open database file"
    )


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_what_is_left_of_another_database_is_not_mixed_in(folder: Path, suffix: str) -> None:
    """SQLite would play an old log into the new database."""
    left = folder.parent / f"b.db{suffix}"
    left.write_bytes(b"old")
    assert refused(folder) == (
        f"{left} is left of a database that is no longer there; remove it, or give another file with --db"
    )
    assert left.read_bytes() == b"old"
    left.write_bytes(b"")
    left.with_name("b.db-shm").write_bytes(b"an index of the log")
    assert restore(folder, folder.parent / "b.db").rows["run"] == 1
    assert not left.exists()
    assert content(folder.parent / "b.db") == content(folder.parent / "a.db")


def test_a_database_that_is_about_to_be_made_is_not_replaced(folder: Path) -> None:
    """Another gnomon has the right to write a file that is not there yet."""
    path = folder.parent / "b.db"
    lock = take_lock(path)
    try:
        assert refused(folder) == (
            f"the database {path} is being written by another gnomon (process {os.getpid()}); wait until "
            "it ends, or give another file"
        )
    finally:
        lock.release()
    restore(folder, path)
    take_lock(path).release()
