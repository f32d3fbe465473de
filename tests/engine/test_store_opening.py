"""Opening: a file that cannot be opened is left as it was, and a sentence says what to do."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from store_samples import FACTS, small_run

import gnomon
from gnomon import StoreError
from gnomon.store import Store


def refusal(path: Path, *, write: bool) -> str:
    with pytest.raises(StoreError) as caught:
        Store.open(path, write=write)
    return str(caught.value)


@pytest.mark.parametrize("write", [False, True])
def test_a_folder_is_no_database(tmp_path: Path, write: bool) -> None:
    """A folder in the file's place is named as one."""
    assert refusal(tmp_path, write=write) == (
        f"{tmp_path} is a folder, not a database file; give a file in it"
    )


def test_reading_makes_no_database(tmp_path: Path) -> None:
    """A misspelt file is not made by looking at it."""
    path = tmp_path / "a.db"
    assert refusal(path, write=False) == f"there is no database {path}; 'gnomon run' makes one"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_made(tmp_path: Path) -> None:
    """A misspelt folder is not made either."""
    path = tmp_path / "no" / "a.db"
    assert refusal(path, write=True) == (
        f"the folder {tmp_path / 'no'} of the database {path} does not exist; make it first, or give "
        "another file"
    )


@pytest.mark.parametrize("write", [False, True])
def test_another_kind_of_file_is_left_alone(tmp_path: Path, write: bool) -> None:
    """Whatever it is, it is not overwritten."""
    path = tmp_path / "a.db"
    path.write_text("item,answer\nsalt,pepper\n")
    assert refusal(path, write=write) == f"{path} is not an SQLite database; give another file"
    assert path.read_text() == "item,answer\nsalt,pepper\n"


@pytest.mark.parametrize("write", [False, True])
def test_another_programs_database_is_left_alone(tmp_path: Path, write: bool) -> None:
    """An SQLite database of someone else gets no tables of ours."""
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    before = path.read_bytes()
    assert refusal(path, write=write) == (
        f"{path} is an SQLite database, but not one that gnomon made; give another file"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_database_is_left_alone(tmp_path: Path, write: bool) -> None:
    """An old gnomon does not touch what a newer one made."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    with sqlite3.connect(path) as other:
        other.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('gnomon', 'holograms', '')"
        )
    other.close()
    assert refusal(path, write=write) == (
        f"the database {path} was made by a newer gnomon: its schema has had the change 'holograms', "
        f"which gnomon {gnomon.__version__} does not know; upgrade gnomon to use it"
    )


def test_a_damaged_database_is_named_so(tmp_path: Path) -> None:
    """A file whose first page was overwritten cannot be read, and nothing else is said of it."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    data = bytearray(path.read_bytes())
    data[100:2000] = b"\xff" * 1900
    path.write_bytes(data)
    assert refusal(path, write=False) == (
        f"{path} is damaged and cannot be read as an SQLite database (database disk image is "
        "malformed); restore a copy"
    )


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    """What a process killed while making it leaves behind is used."""
    path = tmp_path / "a.db"
    path.touch()
    small_run(path, 1)
    with Store.open(path) as store:
        assert len(store.runs()) == 1


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    """One process writes; another is told its number; readers come in."""
    path = tmp_path / "a.db"
    code = (
        "import sys; from gnomon.store import Store\n"
        "store = Store.open(sys.argv[1], write=True); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        assert refusal(path, write=True) == (
            f"the database {path} is being written by another gnomon (process {other.pid}); wait until "
            "it ends, or give another file"
        )
        with Store.open(path) as store:
            assert store.runs() == []
        other.kill()
    # The lock ended with its holder; nobody has to clear it away.
    small_run(path, 1)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks for the lock in /proc")
def test_the_lock_of_a_dead_process_is_waited_for(tmp_path: Path) -> None:
    """What it had just begun, or the system, may hold its lock a moment longer; nobody writes, so none is told so."""
    path = tmp_path / "a.db"
    code = (
        "import os, subprocess, sys, time; from gnomon.store import Store\n"
        "store = Store.open(sys.argv[1], write=True)\n"
        "held = {int(n): os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')}\n"
        "held = [n for n, file in held.items() if file.endswith('.lock')]\n"
        "subprocess.Popen(['sleep', '1'], pass_fds=held, stdout=subprocess.DEVNULL)\n"
        "print('open', len(held), flush=True); time.sleep(100)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open 1\n"
        other.kill()
        other.wait()
        small_run(path, 1)
    with Store.open(path) as store:
        assert len(store.runs()) == 1


def test_two_writers_of_one_process_are_kept_apart_too(tmp_path: Path) -> None:
    """A notebook that opens twice gets the same sentence."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True):
        assert refusal(path, write=True) == (
            f"the database {path} is being written by another gnomon (process {os.getpid()}); wait "
            "until it ends, or give another file"
        )


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that another user can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def as_anyone(path: Path, *, write: bool) -> str:
    # Permissions do not hold for root, so the sentence is asked for by a user without rights.
    code = (
        # pathlib brings urllib when it is first asked, and that user may not be able to read it.
        "import os, sys, urllib.parse\n"
        "from gnomon import StoreError\nfrom gnomon.store import Store\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try:\n    with Store.open(sys.argv[1], write=sys.argv[2] == 'True') as store:\n"
        "        print(len(store.runs()))\n"
        "except StoreError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(write)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file permissions of this kind are POSIX")
def test_an_unwritable_folder_is_said(shared_folder: Path) -> None:
    """No database can be made where nothing can be written."""
    shared_folder.chmod(0o555)
    path = shared_folder / "a.db"
    assert as_anyone(path, write=True) == (
        f"the database {path} cannot be made, because the folder {shared_folder} cannot be written "
        "to; give a file in another folder"
    )


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has this folder")
def test_a_folder_that_takes_no_file_is_not_taken_for_a_writer() -> None:
    """Where no lock can be made, nobody holds one; root passes the check of permissions there."""
    said = refusal(Path("/proc/x.db"), write=True)
    assert said in (
        "the database /proc/x.db cannot be locked for writing: no file can be made in /proc; give another "
        "file",
        "the database /proc/x.db cannot be made, because the folder /proc cannot be written to; give a "
        "file in another folder",
    )


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file permissions of this kind are POSIX")
def test_a_read_only_file_is_said_and_can_be_read(shared_folder: Path) -> None:
    """A read-only database is refused to writers and open to readers, even in a read-only folder."""
    path = shared_folder / "a.db"
    small_run(path, 1)
    path.chmod(0o444)
    assert as_anyone(path, write=True) == (
        f"the database {path} is read-only; make it writable, or give another file"
    )
    (shared_folder / "a.db.lock").unlink()
    shared_folder.chmod(0o555)
    assert as_anyone(path, write=False) == "1"
    path.chmod(0o666)
    assert as_anyone(path, write=True) == (
        f"the database {path} cannot be written, because its folder {shared_folder} is read-only; make "
        "the folder writable, or give another file"
    )


def still_open(path: Path, folder: Path, *ends: str) -> None:
    """Copies of a database's files at a moment when its last changes are still in its log."""
    small_run(path, 1)
    with Store.open(path, write=True) as store:
        store.begin_run(attrs.evolve(FACTS, measure="other"))
        store.flush()
        for end in ("", "-wal", *ends):
            copy = folder / f"a.db{end}"
            copy.write_bytes(path.with_name(path.name + end).read_bytes())
            copy.chmod(0o644)
    assert (folder / "a.db-wal").stat().st_size > 0
    folder.chmod(0o555)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file permissions of this kind are POSIX")
def test_what_is_in_the_log_is_not_passed_over(tmp_path: Path, shared_folder: Path) -> None:
    """Where the log cannot be read, nothing is, rather than only the rows that were there before."""
    still_open(tmp_path / "b.db", shared_folder)
    path = shared_folder / "a.db"
    assert as_anyone(path, write=False) == (
        f"the database {path} cannot be read where it is: its last changes are still in a.db-wal, and its "
        f"folder {shared_folder} is read-only; make the folder writable, or copy both files to one that is"
    )


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file permissions of this kind are POSIX")
def test_a_merge_from_a_read_only_folder_has_all_rows(tmp_path: Path, shared_folder: Path) -> None:
    """With its index beside it the log can be read, and is, as the first look at the file does."""
    still_open(tmp_path / "b.db", shared_folder, "-shm")
    path = shared_folder / "a.db"
    assert as_anyone(path, write=False) == "2"
    code = (
        "import os, sys, tempfile\nfrom pathlib import Path\n"
        "from gnomon.store.merging import merge\n"
        # Once before the rights are given up, for whoever has none may not import.
        "list(merge(Path(sys.argv[2]) / 'first.db', [Path(sys.argv[1])]))\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    print(*(len(made.runs) for made in merge(Path(folder) / 'all.db', [Path(sys.argv[1])])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path)],
        stdout=subprocess.PIPE, text=True, check=True, cwd="/",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout == "2\n"


def test_a_database_is_marked_as_gnomons(tmp_path: Path) -> None:
    """The file says whose it is, logs ahead, and has strict tables only."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True) as store:
        store.begin_run(FACTS)
        with sqlite3.connect(path) as other:
            assert other.execute("PRAGMA application_id").fetchone() == (0x676E6F6D,)
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            loose = other.execute(
                "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict "
                "AND schema = 'main' AND name NOT LIKE '%sqlite_%'"
            ).fetchall()
            assert loose == []
        other.close()


def test_reading_does_not_import_sqlite_utils(tmp_path: Path) -> None:
    """Only making or migrating a database costs that import."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    code = (
        "import sys; from gnomon.store import Store\n"
        "with Store.open(sys.argv[1], write=True) as store: store.runs()\n"
        "print([name for name in ('sqlite_utils', 'numpy', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


MAGIC = bytes.fromhex("d9d505f920a163d7")


def hot_journal(path: Path, other: Path) -> Path:
    """A journal as a crash leaves it beside a database, which says that another file belongs to the change."""
    with sqlite3.connect(path) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    page = path.read_bytes()[:size]
    check = (1 + sum(page[size - 200 : 0 : -200])) % 2**32
    name = os.fsencode(other)
    journal = path.with_name(f"{path.name}-journal")
    journal.write_bytes(
        (MAGIC + struct.pack(">IIIII", 1, 1, pages, 512, size)).ljust(512, b"\0")
        + struct.pack(">I", 1) + page + struct.pack(">I", check)
        + struct.pack(">I", 2**30 // size + 1) + name + struct.pack(">II", len(name), sum(name))
        + MAGIC
    )  # fmt: skip
    return journal


def test_a_journal_that_names_another_file_has_none_deleted(tmp_path: Path) -> None:
    """A database comes from anyone, and SQLite deletes what such a journal names when it is rolled back."""
    path, precious = tmp_path / "a.db", tmp_path / "thesis.txt"
    small_run(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    precious.write_text("years of work")
    journal = hot_journal(path, precious)
    assert refusal(path, write=True) == (
        f"{journal} is of a change of several files, which gnomon never makes, and undoing it could delete a file "
        "elsewhere; if you do not know where it comes from, remove it"
    )
    assert precious.read_text() == "years of work"
    # What SQLite itself does shows that the journal is taken for one.
    with sqlite3.connect(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
    connection.close()
    assert not precious.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    """As the database, and as the lock beside it: reading them would never end."""
    path = tmp_path / "a.db"
    small_run(path)
    lock = tmp_path / "a.db.lock"
    lock.unlink()
    os.mkfifo(lock)
    with Store.open(path) as store:
        assert not store.is_being_written()
    lock.unlink()
    lock.symlink_to("/dev/zero")
    with Store.open(path) as store:
        assert not store.is_being_written()
    pipe = tmp_path / "pipe.db"
    os.mkfifo(pipe)
    for write in (False, True):
        assert refusal(pipe, write=write) == (
            f"{pipe} is a pipe or a device, not a database file; give another file"
        )


@pytest.mark.parametrize("held", ["9" * 30, "-1", "a", "", "\xff"])
def test_a_lock_that_names_no_process_is_nobodys(tmp_path: Path, held: str) -> None:
    """Whatever stands in the file, it is read as a number of a process or as nothing."""
    path = tmp_path / "a.db"
    small_run(path)
    (tmp_path / "a.db.lock").write_text(held, "latin-1")
    with Store.open(path) as store:
        assert not store.is_being_written()
