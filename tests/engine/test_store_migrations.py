"""Migrations: every older schema, and every half-made one, becomes the newest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database
from store_samples import small_run

from gnomon import StoreError
from gnomon.cli import cli
from gnomon.store import Store
from gnomon.store.migrations import NAMES, SET, migrations
from gnomon.store.opening import upgrade


def schema(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


def test_the_names_are_those_of_the_migrations() -> None:
    """The quick check of a schema and the migrations themselves agree."""
    with closing(sqlite3.connect(":memory:")) as connection:
        pending = migrations().pending(Database(connection))
        assert tuple(each.name for each in pending) == NAMES


@pytest.mark.parametrize("upto", range(len(NAMES)))
def test_an_older_schema_becomes_the_newest(tmp_path: Path, upto: int) -> None:
    """From blank, from the oldest and from each in between, the result is the same."""
    small_run(tmp_path / "new.db", 1)
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrations().apply(Database(connection), stop_before=NAMES[upto])
    connection.close()
    if upto:
        with pytest.raises(StoreError) as caught:
            Store.open(path)
        assert str(caught.value) == (
            f"the database {path} was made by an older gnomon; 'gnomon upgrade --db {path}' brings it up to "
            "date, and changes no number"
        )
    small_run(path, 1)
    assert schema(path) == schema(tmp_path / "new.db")
    with Store.open(path) as store:
        assert store.verify() == []


def test_upgrade_reads_no_model_and_changes_no_number(tmp_path: Path) -> None:
    """Who never runs a model can read an older database after one command, which says what it did."""
    path = tmp_path / "a.db"
    small_run(path, 2)
    before = rows_of_tables(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'whose-views'")
    connection.execute("DROP VIEW conversations")
    connection.execute("CREATE VIEW conversations AS SELECT id AS ask FROM ask")
    connection.close()
    done = CliRunner().invoke(cli, ["upgrade", "--db", str(path)])
    assert (done.exit_code, done.output) == (0, f"{path}: brought up to date (whose-views)\n")
    assert rows_of_tables(path) == before
    with Store.open(path) as store:
        assert store.verify() == []
    done = CliRunner().invoke(cli, ["upgrade", "--db", str(path)])
    assert (done.exit_code, done.output) == (0, f"{path}: it was up to date\n")


def test_upgrade_makes_no_database(tmp_path: Path) -> None:
    """A name that is mistyped stays without a file, and another's database is left as it is."""
    path = tmp_path / "none.db"
    with pytest.raises(StoreError) as caught:
        upgrade(path)
    assert str(caught.value) == f"there is no database {path}; 'gnomon run' makes one"
    assert list(tmp_path.iterdir()) == []
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE mine (a)")
    other.close()
    with pytest.raises(StoreError) as caught:
        upgrade(tmp_path / "other.db")
    assert str(caught.value) == (
        f"{tmp_path / 'other.db'} is an SQLite database, but not one that gnomon made; give another file"
    )


def rows_of_tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables that hold what was measured."""
    connection = sqlite3.connect(path)
    try:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("run", "trial", "ask", "reply", "score", "estimate", "dictionary")
        }
    finally:
        connection.close()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half a change of the schema is no change."""
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path, isolation_level=None)
    broken = migrations()
    broken._migrations[-1].fn = _stop_half_way
    with pytest.raises(ZeroDivisionError):
        broken.apply(Database(connection))
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert "half" not in names
    assert "trial" in names
    connection.close()
    small_run(path, 1)


def _stop_half_way(db: Database) -> None:
    db.execute("CREATE TABLE half (a)")
    raise ZeroDivisionError


def test_migrations_are_recorded_by_name(tmp_path: Path) -> None:
    """The database says itself which changes it has had."""
    small_run(tmp_path / "a.db", 1)
    with Store.open(tmp_path / "a.db") as store:
        _, rows = store.query("SELECT migration_set, name FROM _sqlite_migrations ORDER BY id")
        assert list(rows) == [(SET, name) for name in NAMES]
