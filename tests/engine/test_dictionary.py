"""The dictionary in the database: every table, view and column is described, and nothing else."""

from __future__ import annotations

from pathlib import Path

from store_samples import rows, small_run

from gnomon.store import Store
from gnomon.store.dictionary import DICTIONARY, TABLE


def test_every_table_view_and_column_is_described(tmp_path: Path) -> None:
    """The words and the schema name the same things, in the same order."""
    small_run(tmp_path / "a.db", 1)
    with Store.open(tmp_path / "a.db") as store:
        names = rows(
            store,
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )
        schema = {
            name: [column for _, column, *_ in rows(store, f'PRAGMA table_xinfo("{name}")')]
            for (name,) in names
        }
    described = {name: [column for column in held if column] for name, held in DICTIONARY.items()}
    assert {name: sorted(held) for name, held in described.items()} == {
        name: sorted(held) for name, held in schema.items()
    }


def test_descriptions_say_something() -> None:
    """No meaning is empty, and each object has a sentence of its own."""
    for name, columns in DICTIONARY.items():
        assert columns[TABLE].endswith("."), name
        assert all(len(meaning) > 2 for meaning in columns.values()), name


def test_the_dictionary_travels_with_the_database(tmp_path: Path) -> None:
    """Someone who has only the file can read what its columns mean."""
    small_run(tmp_path / "a.db", 1)
    with Store.open(tmp_path / "a.db") as store:
        stored = rows(store, "SELECT object, column, meaning FROM dictionary")
    assert sorted(stored) == sorted(
        (name, column, meaning)
        for name, columns in DICTIONARY.items()
        for column, meaning in columns.items()
    )


def test_an_outdated_dictionary_is_renewed(tmp_path: Path) -> None:
    """Better words reach old databases when they are next written to."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    with Store.open(path, write=True) as store:
        store._connection.execute("UPDATE dictionary SET meaning = 'old'")
    small_run(path, 1)
    with Store.open(path) as store:
        assert rows(store, "SELECT count(*) FROM dictionary WHERE meaning = 'old'") == [(0,)]
