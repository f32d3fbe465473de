"""``gnomon merge``: several databases in one, and nothing twice."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import FACTS, administer, chat_of, small_run, trial_of

from gnomon import Message, Reply
from gnomon.errors import StoreError
from gnomon.store import Store, merging
from gnomon.store.merging import LEFT_OUT, OWNED, UNIFIED, Merged, merge

VIEWS = {
    "trials": "run, measure, model, format, item, groups, fields, gold, levels, repeat, ordinal, draws, "
    "finished, system, prompt, reply, status, error, cached",
    "scores": "run, measure, model, item, levels, repeat, score, value, status, detail",
    "results": "run, measure, statistic, of, quantity, value, low, high, n, method, note",
    "conversations": "run, item, repeat, role, name, position, system, prompt, messages, reply, status",
    "failures": "what, run, item, role, name, status, attempt, reason, prompt, reply",
}


def merged(target: Path, *sources: Path) -> list[Merged]:
    return list(merge(target, sources))


def columns(store: Store, view: str) -> str:
    """The columns of a view that say the same in every database, the run by its uid."""
    names = {row[1] for row in store._connection.execute(f"PRAGMA table_info({view})")}
    wanted = [name.strip() for name in VIEWS[view].split(",")]
    shown = [
        "(SELECT uid FROM run WHERE run.id = v.run)" if name == "run" else f'v."{name}"'
        for name in wanted
        if name in names
    ]
    return ", ".join(shown)


def said(path: Path) -> dict[str, Counter[Any]]:
    """What the views say, whatever the numbers of rows are."""
    with Store.open(path) as store:
        return {
            view: Counter(
                store._connection.execute(f"SELECT {columns(store, view)} FROM {view} AS v")
            )
            for view in VIEWS
        }


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.iterdump())
    finally:
        connection.close()


def sane(path: Path) -> None:
    with Store.open(path) as store:
        assert store.verify() == []


def fill(
    path: Path, ordinals: list[int], *, seed: int = 7, turns: int = 1, fail: bool = False
) -> None:
    """A run with some trials, scores and an estimate; called again, it goes on."""
    from gnomon import Estimate

    with Store.open(path, write=True) as store:
        run = store.begin_run(attrs.evolve(FACTS, seed=seed, command=("gnomon", path.name)))
        newest = store.newest_scoring(run)
        scoring = store.begin_scoring(run) if newest is None else newest
        finished = store.finished(run)
        for ordinal in ordinals:
            if ordinal in finished:
                continue
            trial = trial_of(ordinal)
            several = []
            for turn in range(turns):
                ask = chat_of(trial, f"question {ordinal} of {seed}, turn {turn}")
                messages = (
                    Message("system", "be brief"),
                    *ask.messages,
                    Message("assistant", "so"),
                )
                reply = Reply(
                    text=f"answer {ordinal}", seconds=0.25 + ordinal, model="served", raw="{}"
                )
                several.append(
                    (attrs.evolve(ask, messages=messages[: 1 + 2 * turn] + ask.messages), reply)
                )
            administer(
                store, run, trial, *several, scoring=scoring, value=float(ordinal), finish=not fail
            )
            if fail:
                ask = chat_of(trial, "a question that fails")
                store.add_reply(
                    b"k" * 16,
                    ask,
                    Reply(status="error", error="away", seconds=float(ordinal)),
                    attempt=1,
                )
        store.replace_estimates(
            run, scoring, [Estimate(quantity="mean", value=float(len(ordinals)), method="m", n=3)]
        )
        store.close_session(run, reason="done", calls=len(ordinals))


def test_every_table_is_merged_or_left_out_on_purpose(tmp_path: Path) -> None:
    """A new table has to say what merging does with it."""
    small_run(tmp_path / "a.db")
    connection = sqlite3.connect(tmp_path / "a.db")
    tables = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite_%'"
        )
    }
    connection.close()
    assert tables == {*UNIFIED, *OWNED, *LEFT_OUT}


def test_two_databases_become_one(tmp_path: Path) -> None:
    """Views of the target say what those of the sources say together, and every hash fits."""
    a, b, target = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "all.db"
    fill(a, [0, 1, 2], turns=2)
    fill(b, [0, 1, 4], seed=8)
    fill(b, [7], seed=9, fail=True)
    first, second = merged(target, a, b)
    assert [(run.source, run.run, run.state, run.trials) for run in first.runs] == [
        (1, 1, "new", 3)
    ]
    assert [(run.source, run.run, run.state, run.trials) for run in second.runs] == [
        (1, 2, "new", 3),
        (2, 3, "new", 0),
    ]
    assert (first.replies, second.replies) == (6, 5)
    sane(target)
    one, other, both = said(a), said(b), said(target)
    assert all(both[view] == one[view] + other[view] for view in VIEWS if view != "failures")
    with Store.open(a) as source, Store.open(target) as store:
        assert [record for _, record in store.trial_records(1)] == [
            record for _, record in source.trial_records(1)
        ]
        assert [row.estimate for row in store.estimates([1])] == [
            row.estimate for row in source.estimates([1])
        ]
        assert store.facts(1) == source.facts(1)


def test_what_is_equal_is_stored_once(tmp_path: Path) -> None:
    """Two runs on the same items and words bring their texts and items once."""
    a, b, target = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "all.db"
    small_run(a)
    small_run(b)
    _, second = merged(target, a, b)
    assert second.texts == 0
    with Store.open(target) as store, Store.open(a) as source:
        for table in ("item", "condition", "measure", "text", "score_name"):
            sql = f"SELECT count(*) FROM {table}"
            assert list(store.query(sql)[1]) == list(source.query(sql)[1])
        assert list(store.query("SELECT count(*) FROM run")[1]) == [(2,)]


SHARDS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 9), max_size=4, unique=True),
        st.integers(7, 9),
        st.integers(1, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=15)
@given(first=SHARDS, second=SHARDS)
def test_merging_again_changes_nothing_and_order_does_not_matter(first: Any, second: Any) -> None:
    """Whatever is in two databases, runs that both of them continued from one copy included."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        a, b = folder / "a.db", folder / "b.db"
        fill(a, [0, 1])
        shutil.copy(a, b)
        for path, shards in ((a, first), (b, second)):
            for ordinals, seed, turns, fail in shards:
                fill(path, ordinals, seed=seed, turns=turns, fail=fail)
        before = dump(a), dump(b)
        one, other = folder / "one.db", folder / "other.db"
        merged(one, a, b)
        content = dump(one)
        again = merged(one, b, a, b)
        assert dump(one) == content
        assert {run.state for source in again for run in source.runs} == {"kept"}
        assert [source.replies for source in again] == [0, 0, 0]
        sane(one)
        merged(other, b, a)
        sane(other)
        assert replies(one) == replies(other)
        assert (dump(a), dump(b)) == before
        ranks = [ranked(a), ranked(b)]
        if all(
            ranks[0][uid] != ranks[1][uid] or len(first) == 0 for uid in ranks[0].keys() & ranks[1]
        ):
            ours, theirs = said(one), said(other)
            assert all(ours[view] == theirs[view] for view in VIEWS if view != "failures")


def replies(path: Path) -> set[Any]:
    """What came, however often; replies that are alike in everything cannot be told apart."""
    with Store.open(path) as store:
        return set(store.query("SELECT key, attempt, status, text, error FROM reply")[1])


def ranked(path: Path) -> dict[str, Any]:
    """How far each run has come."""
    with Store.open(path) as store:
        return {
            uid: tuple(
                store._connection.execute(
                    merging._STATE.format(db="main"), {"run": number}
                ).fetchone()
            )
            for uid, number in store.query("SELECT uid, id FROM run")[1]
        }


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["behind-first", "further-first"])
def test_of_two_states_of_a_run_the_further_is_kept(tmp_path: Path, order: tuple[int, int]) -> None:
    """A copy that went on takes the place of the run it was copied from, whole, in either order."""
    paths = [tmp_path / "a.db", tmp_path / "copy.db"]
    fill(paths[0], [0, 1])
    shutil.copy(paths[0], paths[1])
    fill(paths[1], [0, 1, 2, 3])
    fill(paths[0], [5])
    target = tmp_path / "all.db"
    states = [source.runs[0].state for source in merged(target, *(paths[at] for at in order))]
    assert states == (["new", "further"] if order == (0, 1) else ["new", "kept"])
    sane(target)
    assert {view: said(target)[view] for view in VIEWS} == said(paths[1])
    # What the other state had asked is there for whoever goes on.
    with Store.open(target) as store:
        assert list(store.query("SELECT count(*) FROM reply WHERE text = 'answer 5'")[1]) == [(1,)]


def test_a_merged_run_is_continued_without_asking_twice(tmp_path: Path) -> None:
    """The same command on the merged database goes on where a shard stopped."""
    tiny.Subject.calls = []
    first = tiny.run_tiny(tmp_path, count=6, max_calls=5, database="shard.db")
    assert first.exit_code == 3
    tiny.run_tiny(tmp_path, count=6, roles={"subject": "subject:two"}, database="other.db")
    merged(tmp_path / "all.db", tmp_path / "other.db", tmp_path / "shard.db")
    outcome = tiny.run_tiny(tmp_path, count=6, database="all.db")
    assert (outcome.exit_code, outcome.resumed, outcome.tally.calls) == (0, True, 7)
    assert outcome.run_id == 2
    sane(tmp_path / "all.db")


def test_a_source_that_is_being_written_is_read_as_it_was_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on is no obstacle; merging again brings what came since."""
    # Nothing is committed for the only reason that a busy machine took a second.
    monkeypatch.setattr("gnomon.store.batch.SECONDS", 1e9)
    path, target = tmp_path / "a.db", tmp_path / "all.db"
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial_of(0))
        store.flush()
        administer(store, run, trial_of(1))
        ((first,),) = [source.runs for source in merged(target, path)]
        assert (first.state, first.trials) == ("new", 1)
    ((second,),) = [source.runs for source in merged(target, path)]
    assert (second.state, second.trials) == ("further", 2)


def test_what_cannot_be_merged_is_said(tmp_path: Path) -> None:
    """A sentence each, and nothing is merged before every file was looked at."""
    from sqlite_utils import Database

    from gnomon.store.migrations import migrations

    good, target = tmp_path / "a.db", tmp_path / "all.db"
    small_run(good)
    old = sqlite3.connect(tmp_path / "old.db")
    migrations().apply(Database(old, execute_plugins=False), stop_before="locks")
    old.close()
    new = tmp_path / "new.db"
    shutil.copy(good, new)
    connection = sqlite3.connect(new)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('gnomon', 'flying', '')"
    )
    connection.commit()
    connection.close()
    (tmp_path / "notes.txt").write_text("no database at all, only text")
    import gnomon

    wrong = {
        target: f"the database {target} cannot be merged into itself; name another file to merge into",
        tmp_path
        / "none.db": f"there is no database {tmp_path / 'none.db'}; 'gnomon run' makes one",
        tmp_path
        / "notes.txt": f"{tmp_path / 'notes.txt'} is not an SQLite database; give another file",
        tmp_path
        / "old.db": f"the database {tmp_path / 'old.db'} was made by an older gnomon; 'gnomon upgrade --db "
        f"{tmp_path / 'old.db'}' brings it up to date, and changes no number",
        new: f"the database {new} was made by a newer gnomon: its schema has had the change 'flying', "
        f"which gnomon {gnomon.__version__} does not know; upgrade gnomon to use it",
    }
    for path, sentence in wrong.items():
        with pytest.raises(StoreError) as refused:
            merged(target, good, path)
        assert str(refused.value) == sentence
        assert not target.exists()


def test_a_merge_that_fails_leaves_nothing_of_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was merged before stays; of the source that failed nothing is there."""
    a, b, target = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "all.db"
    fill(a, [0, 1])
    fill(b, [2, 3], seed=8)
    merged(target, a)
    before = dump(target)
    connection = sqlite3.connect(b)
    connection.execute("UPDATE trial SET item_id = 999 WHERE ordinal = 3")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError) as refused:
        merged(target, b)
    assert str(refused.value) == (
        f"{b} could not be merged into {target} (NOT NULL constraint failed: trial.item_id): nothing of "
        "it was; mend the cause and give the same command again"
    )
    assert dump(target) == before


def test_the_command_says_what_came(tmp_path: Path, run_gnomon) -> None:
    """A line for each source and each run; JSON for programs."""
    tiny.run_tiny(tmp_path, database="a.db")
    tiny.run_tiny(tmp_path, seed=12, database="b.db")
    words = ("merge", "a.db", "b.db", "--into", "all.db")
    done = run_gnomon(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "a.db: 1 run: 1 came; 6 replies and 8 texts were not there before\n"
        "  run 1 is run 1, 6 finished trials: came\n"
        "b.db: 1 run: 1 came; 6 replies and 0 texts were not there before\n"
        "  run 1 is run 2, 6 finished trials: came\n"
    )
    report = json.loads(run_gnomon(*words, "--json", cwd=tmp_path).stdout)
    assert [(one["path"], one["replies"], one["texts"]) for one in report] == [
        ("a.db", 0, 0),
        ("b.db", 0, 0),
    ]
    assert [one["runs"][0]["state"] for one in report] == ["kept", "kept"]
    assert run_gnomon("verify", "--db", "all.db", cwd=tmp_path).returncode == 0
