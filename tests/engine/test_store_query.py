"""A person's SQL reads, and can do nothing else."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest
from store_samples import rows, small_run

from gnomon import Embed, Reply, StoreError
from gnomon.store import Store

READ_ONLY = (
    "the query was refused: it may only read, so it is one SELECT statement without ATTACH, PRAGMA "
    "settings or extensions"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A small finished run, opened for reading."""
    small_run(tmp_path / "a.db")
    with Store.open(tmp_path / "a.db") as opened:
        yield opened


def refusal(store: Store, sql: str, *parameters: object) -> str:
    with pytest.raises(StoreError) as caught:
        list(store.query(sql, parameters)[1])
    return str(caught.value)


def test_columns_and_rows(store: Store) -> None:
    """Names of the columns, then the rows, with parameters."""
    columns, found = store.query("SELECT item, reply FROM trials WHERE ordinal < ?", (2,))
    assert columns == ("item", "reply")
    assert list(found) == [("item-0", "answer 0"), ("item-1", "answer 1")]


@pytest.mark.parametrize(
    ("sql", "written", "found"),
    [
        ("SELECT DISTINCT instruction FROM scores", "levels ->> 'instruction'", [("plain",)]),
        (
            "SELECT DISTINCT scores.instruction FROM scores",
            "levels ->> 'instruction'",
            [("plain",)],
        ),
        ("SELECT instruction FROM results", "[group] ->> 'instruction'", []),
    ],
)
def test_a_level_that_is_taken_for_a_column_is_led_to(
    store: Store, sql: str, written: str, found: list[tuple[str]]
) -> None:
    """Levels and groups stand in JSON, which nobody knows who sees them as columns elsewhere."""
    said = refusal(store, sql)
    assert f"(write {written}); " in said
    right = sql.replace("scores.instruction", "instruction").replace("instruction", written, 1)
    assert list(store.query(right)[1]) == found
    assert "write" not in refusal(store, "SELECT instructions FROM scores")


def test_the_column_group_is_a_word_of_sql(store: Store) -> None:
    """How to write it is said, in a way that stays as it is in either quotes of a shell."""
    assert refusal(store, "SELECT group FROM results") == (
        'the query failed: near "group": syntax error; the column of that name is written [group], for '
        "GROUP is a word of SQL"
    )
    assert list(store.query("SELECT [group] FROM results")[1]) == []


@pytest.mark.parametrize(
    ("sql", "parameters", "counts"),
    [
        ("SELECT ?", (), "1 place for a parameter (?), and none were given"),
        ("SELECT ?, ?", ("a",), "2 places for a parameter (?), and 1 was given"),
        ("SELECT 1", ("a", "b"), "no place for a parameter (?), and 2 were given"),
    ],
)
def test_parameters_that_do_not_fit_are_counted(
    store: Store, sql: str, parameters: tuple[str, ...], counts: str
) -> None:
    """How many places there are, how many were given, and where they go."""
    assert refusal(store, sql, *parameters) == (
        f"the query has {counts}; give each behind the query, in order"
    )


@pytest.mark.parametrize(
    ("sql", "parameters"), [("SELECT '\udcff'", ()), ("SELECT ?", ("\udcff",))]
)
def test_bytes_that_are_no_text_are_said(
    store: Store, sql: str, parameters: tuple[str, ...]
) -> None:
    """A command line may bring bytes that are nothing in UTF-8."""
    assert refusal(store, sql, *parameters) == (
        "the query, or one of its parameters, is no text: it holds bytes that are not UTF-8"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM trial",
        "INSERT INTO score_name VALUES (9, 'a', 'b')",
        "UPDATE reply SET text = 'x'",
        "DROP TABLE reply",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TABLE mine (a)",
        "ATTACH 'other.db' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "VACUUM INTO 'copy.db'",
        "VACUUM",
        "REINDEX",
        "BEGIN IMMEDIATE",
        "SELECT load_extension('x')",
        "WITH a AS (SELECT 1) DELETE FROM trial",
    ],
)
def test_everything_but_reading_is_refused(store: Store, sql: str, tmp_path: Path) -> None:
    """The sentence says so and the file is as it was."""
    before = (tmp_path / "a.db").read_bytes()
    assert refusal(store, sql) == READ_ONLY
    assert (tmp_path / "a.db").read_bytes() == before
    assert not (tmp_path / "other.db").exists()


def test_json_can_be_taken_apart(store: Store) -> None:
    """Factors, groups and details are JSON; the functions that read it are there from the first query on."""
    assert rows(store, "SELECT key, value FROM json_each('{\"a\": 1}')") == [("a", 1)]
    assert rows(store, "SELECT count(*) FROM json_tree('[[1], 2]')") == [(4,)]
    assert rows(store, "SELECT DISTINCT level.key FROM trials, json_each(trials.levels) AS level")


def test_a_table_that_is_not_there(store: Store, tmp_path: Path) -> None:
    """The nearest name and the list."""
    assert refusal(store, "SELECT * FROM trails") == (
        f"there is no table or view 'trails' in {tmp_path / 'a.db'} (did you mean 'trials'?); "
        "there are: ask, binding, condition, conversations, dictionary, estimate, failures, item, "
        "lock, measure, plugin, reply, results, run, runs, score, score_name, scores, scoring, served, "
        "session, text, text_hash, trial, trials"
    )


def test_a_column_that_is_not_there(store: Store) -> None:
    """The nearest name, and where to look."""
    assert refusal(store, "SELECT trials.promt FROM trials") == (
        "there is no column 'trials.promt' (did you mean 'prompt'?); 'trials' has: trial, run, "
        "measure, model, format, item, groups, fields, gold, levels, repeat, ordinal, draws, finished, "
        "system, prompt, reply, status, error, cached"
    )


def test_a_column_of_no_table(store: Store) -> None:
    """Without a table the whole database is looked through, and the dictionary is named."""
    assert refusal(store, "SELECT promt") == (
        "there is no column 'promt' (did you mean 'prompt'?); the table 'dictionary' says what each "
        "table and view has"
    )


def test_other_mistakes(store: Store) -> None:
    """SQLite's own words, one statement at a time, and not nothing."""
    assert refusal(store, "SELEC 1") == 'the query failed: near "SELEC": syntax error'
    assert refusal(store, "SELECT 1; SELECT 2") == (
        "the query holds several statements; write one SELECT statement"
    )
    assert refusal(store, "  ") == "the query is empty; write one SELECT statement"
    assert refusal(store, "SELECT json_extract('{', '$')") == "the query failed: malformed JSON"


def test_a_writer_sees_what_it_has_just_written(tmp_path: Path) -> None:
    """Rows still in memory are committed before a question is answered."""
    small_run(tmp_path / "a.db", 1)
    with Store.open(tmp_path / "a.db", write=True) as store:
        store.add_reply(b"k", Embed(texts=()), Reply(text="a new text"), attempt=1)
        assert rows(store, "SELECT count(*) FROM reply WHERE text = 'a new text'") == [(1,)]


def test_a_long_query_can_be_interrupted(store: Store) -> None:
    """Ctrl-C ends a query that would never end."""
    # Datasette turns these on for the whole process; Ctrl-C may come while the handler runs.
    sqlite3.enable_callback_tracebacks(False)

    assert rows(store, "SELECT 1") == [(1,)]
    waiting = threading.Lock()
    waiting.acquire()
    # Pressed any earlier it would end the tests, and not the query.
    store._queries.create_function("begun", 0, waiting.release)

    def press() -> None:
        waiting.acquire()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        list(
            store.query(
                "WITH RECURSIVE n(i) AS (SELECT begun() UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
            )[1]
        )
    thread.join()
    assert rows(store, "SELECT 1") == [(1,)]
