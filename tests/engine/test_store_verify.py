"""verify() derives every hash again and names what does not agree."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from store_samples import small_run

from gnomon.cli import cli, main
from gnomon.store import Store

CHANGES = [
    (
        "UPDATE text SET body = 'forged' WHERE body = 'question 3'",
        [
            "text {text} was changed: its hash is not that of its content",
            "ask 4 was changed: the key of its reply is not that of what was asked",
        ],
    ),
    (
        "UPDATE item SET gold = 'forged' WHERE key = 'item-1'",
        ["item 2 ('item-1') was changed: its hash is not that of its content"],
    ),
    (
        "UPDATE run SET seed = 8",
        ["run 1 was changed: its key is not that of its spec, seed, models and plan"],
    ),
    (
        "UPDATE trial SET repeat = 9 WHERE ordinal = 2",
        ["ask 3 was changed: the key of its reply is not that of what was asked"],
    ),
    (
        "UPDATE score SET trial_id = 99 WHERE id = 1",
        ["row 1 of score refers to a row of trial that is not there"],
    ),
]


@pytest.mark.parametrize(("sql", "expected"), CHANGES, ids=[sql for sql, _ in CHANGES])
def test_a_change_is_found(tmp_path: Path, sql: str, expected: list[str]) -> None:
    """A forged text, item, seed, repeat or reference is named."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as forger:
        (text,) = forger.execute("SELECT id FROM text WHERE body = 'question 3'").fetchone()
        forger.execute(sql)
    forger.close()
    with Store.open(path) as store:
        assert store.verify() == [line.format(text=text) for line in expected]


SCHEMA = [
    (
        "DROP VIEW results; CREATE VIEW results AS SELECT 1 AS run, 0.001 AS p",
        "the view results is not the one that gnomon makes, so what it shows may be something else",
    ),
    (
        "DROP TABLE served; CREATE VIEW served AS SELECT 1 AS run_id, 'a' AS role, 'b' AS model",
        "the table served is not the one that gnomon makes, so what it holds may be something else",
    ),
    (
        "ALTER TABLE score ADD COLUMN twice REAL AS (2 * value)",
        "the table score is not the one that gnomon makes, so what it holds may be something else",
    ),
    (
        "DROP INDEX reply_by_key",
        "the index reply_by_key is not the one that gnomon makes, so what it holds may be something else",
    ),
    (
        "CREATE TRIGGER better AFTER INSERT ON score BEGIN UPDATE score SET value = 1; END",
        "the trigger 'better' acts on score, and gnomon makes none; what is written may be changed by it",
    ),
]


@pytest.mark.parametrize(("sql", "expected"), SCHEMA, ids=[sql for sql, _ in SCHEMA])
def test_a_changed_schema_is_found(tmp_path: Path, sql: str, expected: str) -> None:
    """A view that shows other numbers than are stored, and whatever else stands between a reader and the rows."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as forger:
        forger.executescript(sql)
    forger.close()
    with Store.open(path) as store:
        assert store.verify() == [expected]


def test_what_a_user_added_is_let_be(tmp_path: Path) -> None:
    """Their own tables, views, triggers on these, and indexes."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as user:
        user.executescript(
            "CREATE TABLE notes (a); CREATE VIEW mine AS SELECT * FROM results; CREATE INDEX i ON notes (a);"
            "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END; CREATE INDEX j ON reply (text)"
        )
    user.close()
    with Store.open(path) as store:
        assert store.verify() == []


JSON = [
    ("UPDATE trial SET draws = '{' WHERE id = 2", "draws of row 2 of trial", "object"),
    ("UPDATE condition SET levels = '[]' WHERE id = 1", "levels of row 1 of condition", "object"),
    ("UPDATE run SET command = 'null'", "command of row 1 of run", "array"),
    (
        "UPDATE score SET detail = cast(x'ff' as text) WHERE id = 3",
        "detail of row 3 of score",
        "object",
    ),
    ("UPDATE session SET more = '3'", "more of row 1 of session", "object"),
]


@pytest.mark.parametrize(("sql", "what", "kind"), JSON, ids=[sql for sql, *_ in JSON])
def test_what_is_no_json_is_found(tmp_path: Path, sql: str, what: str, kind: str) -> None:
    """Or JSON of another kind; what cannot be looked at for it is said too."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as forger:
        forger.execute(sql)
    forger.close()
    with Store.open(path) as store:
        found = store.verify()
    assert f"{what} was changed: it is not the JSON {kind} that it should be" in found


def test_verify_ends_with_what_else_was_changed(tmp_path: Path) -> None:
    """A text that is gone, or bytes that are no text, end no check but their own."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as forger:
        (text,) = forger.execute("SELECT form_id FROM ask").fetchone()
        forger.execute("UPDATE text SET exact = x'ff' WHERE id = ?", (text,))
        forger.execute("UPDATE ask SET form_id = 999 WHERE id = 1")
        forger.execute("UPDATE ask SET run_id = 999 WHERE id = 2")
    forger.close()
    changed = "so it was changed by something else; 'gnomon verify' says what does not fit"
    with Store.open(path) as store:
        assert store.verify() == [
            "row 1 of ask refers to a row of text that is not there",
            "row 2 of ask refers to a row of run that is not there",
            f"the database holds b'\\xff' where a text belongs, {changed}",
            f"the database holds 999 where the number of a row that is there belongs, {changed}",
        ]


FORGED = [
    ("UPDATE trial SET draws = '[]'", ("show", "1"), "'[]' where a JSON object"),
    ("UPDATE condition SET levels = '{'", ("show", "1"), "'{' where JSON"),
    (
        f"UPDATE run SET plan = '{'[' * 100_000}'",
        ("failures",),
        f'"{"[" * 59}… where JSON'.replace('"', "'"),
    ),
    ("UPDATE run SET command = 'null'", ("list", "runs"), "'null' where a JSON list"),
    ("UPDATE session SET more = '3'", ("results",), "'3' where a JSON object"),
    ("UPDATE binding SET options = '['", ("list", "runs"), "'[' where JSON"),
    (
        "UPDATE reply SET tokens = x'00'",
        ("show", "1"),
        r"b'\x00' where log-probabilities of tokens",
    ),
    ("UPDATE trial SET item_id = 99", ("show", "1"), "99 where the number of a row that is there"),
]


@pytest.mark.parametrize(("sql", "words", "said"), FORGED, ids=[sql[:40] for sql, *_ in FORGED])
def test_what_was_changed_by_something_else_is_a_sentence(
    tmp_path: Path, sql: str, words: tuple[str, ...], said: str
) -> None:
    """A database comes from anyone; what stands in it is no reason for a traceback."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as forger:
        forger.execute(sql)
    forger.close()
    done = CliRunner().invoke(cli, [*words, "--db", str(path)])
    assert str(done.exception) == (
        f"the database holds {said} belongs, so it was changed by something else; 'gnomon verify' says what does "
        "not fit"
    )


def test_a_text_that_is_not_utf8_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite keeps any bytes as a text."""
    path = tmp_path / "a.db"
    small_run(path)
    with sqlite3.connect(path) as forger:
        forger.execute("UPDATE measure SET name = cast(x'ff' as text)")
    forger.close()
    with pytest.raises(SystemExit) as caught:
        main(["list", "runs", "--db", str(path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "gnomon: the results database holds a text that is not UTF-8, so it was changed by something else\n"
    )


def test_damage_is_found(tmp_path: Path) -> None:
    """Bytes lost in the middle of the file are a sentence and no traceback."""
    path = tmp_path / "a.db"
    small_run(path, 600)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 16384] = b"\xee" * 16384
    path.write_bytes(data)
    with Store.open(path) as store:
        problems = store.verify()
    assert (
        problems[-1] == "the database is damaged: database disk image is malformed; restore a copy"
    )


def test_an_untouched_database_is_clean(tmp_path: Path) -> None:
    """Nothing is said of what is in order."""
    small_run(tmp_path / "a.db", 50)
    with Store.open(tmp_path / "a.db") as store:
        assert store.verify() == []
