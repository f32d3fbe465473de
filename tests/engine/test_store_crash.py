"""What was acknowledged survives: kill -9, a full disk, a removed file, other programs."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from store_samples import FACTS, administer, chat_of, key_of, rows, small_run, trial_of

from gnomon import Reply, StoreError
from gnomon.store import Store, opening

WRITER = """
import sys, itertools
sys.path.insert(0, sys.argv[2])
from store_samples import *
with Store.open(sys.argv[1], write=True) as store:
    run = store.begin_run(FACTS)
    scoring = store.newest_scoring(run) or store.begin_scoring(run)
    store.on_commit = lambda count: print(start + count, flush=True)
    finished = store.finished(run)
    start = len(finished)
    assert [o for o in range(start + 5) if o in finished] == list(range(start))
    print(start, flush=True)
    for ordinal in itertools.count(start):
        administer(store, run, trial_of(ordinal), scoring=scoring)
"""


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed when is decided by the test, and not by how long a busy machine takes for it."""
    monkeypatch.setattr("gnomon.store.batch.SECONDS", 1e9)


@pytest.mark.parametrize("moments", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_kill_minus_nine_loses_nothing_acknowledged(tmp_path: Path, moments: int) -> None:
    """At random moments: every acknowledged reply is there, the database is sound, the run goes on."""
    path = tmp_path / "a.db"
    draw = random.Random(moments)
    acknowledged = 0
    for _ in range(moments):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            assert int(writer.stdout.readline()) >= acknowledged
            time.sleep(draw.uniform(0.0, 0.4))
            writer.send_signal(signal.SIGKILL)
            counts = [int(line) for line in writer.stdout.read().splitlines(keepends=True)]
        acknowledged = max([acknowledged, *counts])
        with Store.open(path) as store:
            assert len(store.finished(1)) >= acknowledged
            for ordinal in {0, acknowledged // 2, acknowledged - 1} if acknowledged else ():
                ask = chat_of(trial_of(ordinal))
                found = store.find_reply(key_of(ask, ordinal // 3))
                assert found is not None
                assert found.reply.text == f"answer {ordinal}"
            assert store.verify() == []
            # Scores are of the same commits as their replies.
            assert rows(store, "SELECT count(*) FROM score WHERE scoring_id = 1") == rows(
                store, "SELECT count(*) FROM trial WHERE finished"
            )
    assert acknowledged > 0


def fill(store: Store, run: int, ordinals: range) -> None:
    for ordinal in ordinals:
        administer(store, run, trial_of(ordinal))


def test_a_full_disk_is_said_and_the_run_goes_on_later(tmp_path: Path) -> None:
    """The sentence counts what is stored; nothing half-written; the same calls go on afterwards."""
    path = tmp_path / "a.db"
    small_run(path, 100)
    store = Store.open(path, write=True)
    run = store.begin_run(FACTS)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreError) as caught:
        fill(store, run, range(100, 5000))
    stored = store.acknowledged
    assert str(caught.value) == (
        f"the disk of the database {path} is full: {stored} replies of this session are stored, 200 "
        "that had just come are not; free some space and give the same command again to go on where "
        "it stopped"
    )
    store.close(flush=False)
    with Store.open(path, write=True) as store:
        assert len(store.finished(run)) == 100 + stored
        assert store.verify() == []
        administer(store, run, trial_of(100 + stored))


def test_a_flush_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    """When space was freed meanwhile, the same rows are written."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        long = "much text " * 10_000
        trial = trial_of(0)
        administer(store, run, trial, (chat_of(trial, long), Reply(text=long)))
        with pytest.raises(StoreError, match="is full"):
            store.flush()
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.flush()
        ((_, record),) = store.trial_records(run)
        assert record.last.text == long


def test_a_removed_database_is_rescued(tmp_path: Path) -> None:
    """Rows written to a deleted file would be lost in silence; they are saved beside it."""
    path = tmp_path / "a.db"
    store = Store.open(path, write=True)
    run = store.begin_run(FACTS)
    administer(store, run, trial_of(0))
    store.flush()
    for file in tmp_path.glob("a.db*"):
        file.unlink()
    administer(store, run, trial_of(1))
    with pytest.raises(StoreError) as caught:
        store.flush()
    assert str(caught.value) == (
        f"the database {path} was removed or replaced while it was being written; what had been "
        f"committed was saved as {path}.rescued: move it to {path} and give the same command again to "
        "go on"
    )
    store.close(flush=False)
    (tmp_path / "a.db.rescued").rename(path)
    with Store.open(path, write=True) as store:
        assert store.begin_run(FACTS) == run
        assert [ordinal for ordinal in range(3) if ordinal in store.finished(run)] == [0]
        assert store.verify() == []


def test_another_program_that_writes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short lock of another program is waited for; a long one is a sentence, and nothing is lost."""
    monkeypatch.setattr(opening, "BUSY_MS", 50)
    path = tmp_path / "a.db"
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        administer(store, run, trial_of(0))
        with pytest.raises(StoreError) as caught:
            store.flush()
        assert str(caught.value) == (
            f"the database {path} is locked by another program that writes to it: 0 replies of this "
            "session are stored, 1 that had just come are not; end that program and give the same "
            "command again to go on where it stopped"
        )
        store._connection.execute("PRAGMA busy_timeout = 60000")
        ending = threading.Timer(0.1, other.execute, ["COMMIT"])
        ending.start()
        store.flush()
        ending.join()
        other.close()
        assert len(store.finished(run)) == 1


def test_a_reader_is_never_in_the_way(tmp_path: Path) -> None:
    """A reader that keeps its transaction open sees its own moment; the writer goes on."""
    path = tmp_path / "a.db"
    run = small_run(path, 3)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM trial").fetchone() == (3,)
    with Store.open(path, write=True) as store:
        for ordinal in range(3, 600):
            administer(store, run, trial_of(ordinal))
        store.flush()
        assert reader.execute("SELECT count(*) FROM trial").fetchone() == (3,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM trial").fetchone() == (600,)
    reader.close()


def test_a_new_database_whose_log_is_lost_is_one_of_gnomons(tmp_path: Path) -> None:
    """What was in the log is gone; the file is a database without runs, not someone else's."""
    path = tmp_path / "a.db"
    copy = tmp_path / "copy.db"
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial_of(0))
        store.flush()
        copy.write_bytes(path.read_bytes())
    with Store.open(copy) as store:
        assert (store.verify(), list(store.runs())) == ([], [])


@pytest.mark.parametrize("lost", [1, 100, 5000, 20000])
def test_a_power_cut_that_shortens_the_log_loses_only_its_end(tmp_path: Path, lost: int) -> None:
    """A truncated write-ahead log costs the last commits, never the database."""
    path = tmp_path / "a.db"
    copy = tmp_path / "copy.db"
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        for ordinal in range(300):
            administer(store, run, trial_of(ordinal))
            if ordinal % 50 == 0:
                store.flush()
        store.flush()
        copy.write_bytes(path.read_bytes())
        log = (tmp_path / "a.db-wal").read_bytes()
        (tmp_path / "copy.db-wal").write_bytes(log[: len(log) - lost])
    with Store.open(copy, write=True) as store:
        assert store.verify() == []
        finished = store.finished(run)
        assert [ordinal in finished for ordinal in range(len(finished))] == [True] * len(finished)
        assert 0 < len(finished) <= 300
