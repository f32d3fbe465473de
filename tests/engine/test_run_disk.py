"""What can happen to the file under a run, and what comes of it: one outcome each, stated and resumable."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny

from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE, StoreError, WriteError
from gnomon.store import Store
from gnomon.store.batch import Batch
from long_runs import write_measure

AGAIN = "give the same command again to go on where it stopped"
Gnomon = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def subject() -> Iterator[type[tiny.Subject]]:
    """The subject, with its calls forgotten before each test."""
    tiny.Subject.calls = []
    tiny.Subject.answer = lambda ask: "an answer"
    yield tiny.Subject
    tiny.Subject.answer = lambda ask: "an answer"


def at_call(number: int, act: Callable[[], object]) -> Callable[[object], str]:
    """An answer that does something when it is given for the so many-th time."""

    def answer(_: object) -> str:
        if len(tiny.Subject.calls) == number:
            act()
        return "an answer"

    return answer


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("a small file system needs the right to mount; the test below needs none")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def stored(database: Path) -> int:
    """Replies in a database that verifies."""
    with Store.open(database) as store:
        assert store.verify() == []
        return int(next(store.query("SELECT count(*) FROM reply")[1])[0])


def counts(said: str) -> tuple[int, int]:
    """How many replies a sentence says are stored, and how many are not."""
    words = said.rsplit(": ", maxsplit=1)[-1].split()
    return int(words[0]), int(words[7])


def test_a_full_disk(small_disk: Path, tmp_path: Path, run_gnomon: Gnomon) -> None:
    """Exit 3 with one sentence that counts; with more room the same command goes on."""
    spec = write_measure(tmp_path, 8000)
    database = small_disk / "a.db"
    command = [
        "run",
        str(spec),
        "--plugin",
        str(tmp_path / "length.py"),
        "--model",
        "scripted:fill",
    ]
    done = run_gnomon(*command, "--db", str(database), "--quiet")
    kept, lost = counts(done.stderr)
    assert (done.returncode, done.stderr) == (
        EXIT_INCOMPLETE,
        f"gnomon: the disk of the database {database} is full: {kept} replies of this session are "
        f"stored, {lost} that had just come are not; free some space and {AGAIN}\n",
    )
    assert stored(database) == kept > 0
    # More room, here: another file system.
    for file in small_disk.glob("a.db*"):
        shutil.copy(file, tmp_path)
    again = run_gnomon(*command, "--db", str(tmp_path / "a.db"), "--limit", "200", "--json")
    assert again.returncode == EXIT_DONE, again.stderr
    assert f'"calls": {8000 - kept},' in again.stdout
    assert stored(tmp_path / "a.db") == 8000


def test_a_disk_that_is_full_from_the_beginning(small_disk: Path, run_gnomon: Gnomon) -> None:
    """A database that cannot even be made is said at once."""
    spec = write_measure(small_disk, 400)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * (4 << 20))
    database = small_disk / "a.db"
    done = run_gnomon(
        "run", str(spec), "--plugin", str(small_disk / "length.py"), "--model", "scripted:fill",
        "--db", str(database),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        f"gnomon: the disk of the database {database} is full, so nothing can be written to it; free "
        "some space and give the same command again\n",
    )


def test_a_limit_on_the_size_of_files(tmp_path: Path, run_gnomon: Gnomon) -> None:
    """A quota shows as an error of the disk; the outcome is that of a full one."""
    spec = write_measure(tmp_path, 8000)
    database = tmp_path / "a.db"
    command = [
        "run",
        str(spec),
        "--plugin",
        str(tmp_path / "length.py"),
        "--model",
        "scripted:fill",
    ]
    command += ["--db", str(database)]
    quota = 2_500_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (quota, quota))

    done = run_gnomon(*command, "--quiet", preexec_fn=limit)
    kept, lost = counts(done.stderr)
    assert (done.returncode, done.stderr) == (
        EXIT_INCOMPLETE,
        f"gnomon: the database {database} cannot be written (disk I/O error): {kept} replies of this "
        f"session are stored, {lost} that had just come are not; mend the cause and {AGAIN}\n",
    )
    assert stored(database) == kept > 0
    again = run_gnomon(*command, "--json")
    assert again.returncode == EXIT_DONE, again.stderr
    assert f'"calls": {8000 - kept},' in again.stdout


def test_a_file_that_becomes_read_only(
    tmp_path: Path, subject: type[tiny.Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is written, what was committed stays, and a writable file is gone on with."""
    connections: list[sqlite3.Connection] = []
    made = Batch.__init__

    def remember(batch: Batch, connection: sqlite3.Connection, path: Path) -> None:
        connections.append(connection)
        made(batch, connection, path)

    monkeypatch.setattr(Batch, "__init__", remember)
    # What SQLite answers on a file system that was mounted anew for reading only.
    monkeypatch.setattr("gnomon.store.batch.SECONDS", 1e9)
    subject.answer = at_call(5, lambda: connections[-1].execute("PRAGMA query_only = ON"))
    with pytest.raises(WriteError) as error:
        tiny.run_tiny(tmp_path, count=10, concurrency=1)
    database = tmp_path / "results.db"
    assert str(error.value) == (
        f"the database {database} has become read-only: 1 replies of this session are stored, 19 "
        f"that had just come are not; make it writable and {AGAIN}"
    )
    assert stored(database) == 1  # the first score takes away older estimates, at once
    subject.answer = lambda ask: "an answer"
    assert tiny.run_tiny(tmp_path, count=10).exit_code == EXIT_DONE


def test_a_database_removed_under_a_run(
    tmp_path: Path, subject: type[tiny.Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had been committed is saved beside it; moved back, nothing of it is asked again."""
    monkeypatch.setattr("gnomon.store.batch.ROWS", 4)
    monkeypatch.setattr("gnomon.store.batch.SECONDS", 1e9)
    database = tmp_path / "results.db"

    def remove() -> None:
        for file in tmp_path.glob("results.db*"):
            if file.suffix != ".lock":
                file.unlink()

    subject.answer = at_call(10, remove)
    with pytest.raises(WriteError) as error:
        tiny.run_tiny(tmp_path, count=10, concurrency=1)
    saved = tmp_path / "results.db.rescued"
    assert str(error.value) == (
        f"the database {database} was removed or replaced while it was being written; what had been "
        f"committed was saved as {saved}: move it to {database} and give the same command again to "
        "go on"
    )
    assert not database.exists()
    saved.rename(database)
    assert stored(database) == 9
    subject.calls = []
    subject.answer = lambda ask: "an answer"
    assert tiny.run_tiny(tmp_path, count=10).exit_code == EXIT_DONE
    assert len(subject.calls) == 20 - 9


def test_two_runs_on_one_database_at_once(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """The second is refused before its first call, and the first is not disturbed."""
    refused: list[StoreError] = []

    def another() -> None:
        before = len(subject.calls)
        with pytest.raises(StoreError) as error:
            tiny.run_tiny(tmp_path, count=10)
        refused.append(error.value)
        assert len(subject.calls) == before

    subject.answer = at_call(3, another)
    # A run within the loop of a run: its own loop is never begun.
    assert tiny.run_tiny(tmp_path, count=10).exit_code == EXIT_DONE
    assert [str(error) for error in refused] == [
        f"the database {tmp_path / 'results.db'} is being written by another gnomon (process "
        f"{os.getpid()}); wait until it ends, or give another file"
    ]
    assert len(subject.calls) == 20


def test_a_reader_that_never_ends_its_transaction(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """The run is not held up, and the reader sees its own moment; the log beside the database is emptied once the reader has ended."""
    database = tmp_path / "results.db"
    tiny.run_tiny(tmp_path, count=1)
    reader = sqlite3.connect(database, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM trial").fetchone() == (2,)
    assert tiny.run_tiny(tmp_path, count=400, database="results.db").exit_code == EXIT_DONE
    assert reader.execute("SELECT count(*) FROM trial").fetchone() == (2,)
    log = tmp_path / "results.db-wal"
    assert log.stat().st_size > 0
    reader.close()
    assert stored(database) == 800
    with Store.open(database, write=True):
        pass
    assert not log.exists() or log.stat().st_size == 0


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7, 0.99])
def test_a_power_cut(
    tmp_path: Path, subject: type[tiny.Subject], monkeypatch: pytest.MonkeyPatch, kept: float
) -> None:
    """A log that was not wholly written costs its last commits; only they are asked for again."""
    monkeypatch.setattr("gnomon.store.batch.ROWS", 4)
    after = tmp_path / "after"
    after.mkdir()

    def cut() -> None:
        shutil.copy(tmp_path / "results.db", after)
        log = (tmp_path / "results.db-wal").read_bytes()
        (after / "results.db-wal").write_bytes(log[: int(len(log) * kept)])

    subject.answer = at_call(30, cut)
    assert tiny.run_tiny(tmp_path, count=20, concurrency=1).exit_code == EXIT_DONE
    left = 0
    if (after / "results.db").stat().st_size and kept:
        with Store.open(after / "results.db", write=True) as store:
            assert store.verify() == []
            left = int(next(store.query("SELECT count(*) FROM reply")[1])[0])
    assert left <= 29
    subject.calls = []
    subject.answer = lambda ask: "an answer"
    assert tiny.run_tiny(after, count=20).exit_code == EXIT_DONE
    assert len(subject.calls) == 40 - left
    assert stored(after / "results.db") == 40
