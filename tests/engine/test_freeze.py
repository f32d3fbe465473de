"""Locks: what was frozen, what a run differs in, and that results say so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from tiny import SPEC, catalogue, run_tiny, write_spec

from gnomon import UsageError
from gnomon.cli import cli
from gnomon.loading import load
from gnomon.run import RunRequest
from gnomon.run.freezing import freeze, read_lock
from gnomon.run.request import Lock
from gnomon.store import Store


def frozen(folder: Path, *, model: str | None = None, **options: Any) -> Path:
    """A lock of the tiny measure."""
    found = catalogue()
    spec = load(write_spec(folder), found)
    roles = {} if model is None else {"subject": model}
    path = folder / "tiny.lock.toml"
    path.write_text(freeze(RunRequest(spec=spec, roles=roles, **options), found, ["longer"]))
    return path


def label(folder: Path, run_id: int = 1) -> tuple[str, list[str]]:
    with Store.open(folder / "results.db") as store:
        name, sentences = store.locks()[run_id]
    return name, list(sentences)


def test_a_lock_names_all_that_decides_the_numbers(tmp_path: Path) -> None:
    """Spec, plan, statistics, hypotheses, versions, time and its own hash are in the file."""
    content = tomllib.loads(frozen(tmp_path).read_text())
    assert content["measure"] == "tiny"
    assert content["trials"] == 6
    assert content["hypotheses"] == ["longer"]
    assert content["statistics"][0].startswith("t-one-sample of length (")
    assert "gnomon" in content["versions"]
    assert {"lock", "hash", "spec", "plan", "frozen_at", "seed", "repeats"} <= set(content)


def test_a_run_as_frozen_is_confirmatory(tmp_path: Path) -> None:
    """Nothing differs, and it stays so when the run is continued."""
    lock = read_lock(frozen(tmp_path))
    run_tiny(tmp_path, lock=lock)
    run_tiny(tmp_path, lock=lock)
    assert label(tmp_path) == ("confirmatory", [])


def test_a_run_without_a_lock_has_no_label(tmp_path: Path) -> None:
    """Exploratory is said of a lock that was not kept, not of work without one."""
    run_tiny(tmp_path)
    with Store.open(tmp_path / "results.db") as store:
        assert store.locks() == {}


def _changed(lock: Lock, section: str, **values: str) -> Lock:
    part = lock.frozen[section]
    return attrs.evolve(lock, frozen={**lock.frozen, section: {**part, **values}})


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        (
            {"seed": 12},
            [
                "the seed: 11 in the lock, 12 in the run",
            ],
        ),
        (
            {"repeats": 2},
            [
                "the number of repeats: 1 in the lock, 2 in the run",
                "the number of trials: 6 in the lock, 12 in the run",
                "the plan (items, levels and draws of every trial) is not the frozen one",
            ],
        ),
        (
            {"limit": 2},
            [
                "the limit of items: none in the lock, 2 in the run",
                "the number of trials: 6 in the lock, 4 in the run",
                "the plan (items, levels and draws of every trial) is not the frozen one",
            ],
        ),
        (
            {"only": {"tone": ("plain",)}},
            [
                "--only tone: none in the lock, plain in the run",
                "the number of trials: 6 in the lock, 3 in the run",
                "the plan (items, levels and draws of every trial) is not the frozen one",
            ],
        ),
        ({"format": "free"}, ["the format: auto in the lock, free in the run"]),
        (
            {"roles": {"subject": "subject:two"}},
            ["the model of the role subject: subject:one in the lock, subject:two in the run"],
        ),
    ],
)
def test_another_request_is_exploratory(
    tmp_path: Path, options: dict[str, Any], sentences: list[str]
) -> None:
    """Each thing the command line can change is a difference with a sentence."""
    run_tiny(tmp_path, lock=read_lock(frozen(tmp_path, model="subject:one")), **options)
    assert label(tmp_path) == ("exploratory", sentences)


def test_a_model_left_open_is_no_difference(tmp_path: Path) -> None:
    """A lock without models may be run on any."""
    run_tiny(tmp_path, lock=read_lock(frozen(tmp_path)), roles={"subject": "subject:two"})
    assert label(tmp_path) == ("confirmatory", [])


def test_one_role_may_be_left_open(tmp_path: Path) -> None:
    """A lock that binds a judge binds no subject; a judge that is another is said."""
    lock = read_lock(frozen(tmp_path))
    bound = attrs.evolve(lock, frozen={**lock.frozen, "models": {"judge": "judge:one"}})
    run_tiny(tmp_path, lock=bound, roles={"subject": "subject:two"})
    assert label(tmp_path) == (
        "exploratory",
        ["the model of the role judge: judge:one in the lock, none in the run"],
    )


def test_another_spec_is_exploratory(tmp_path: Path) -> None:
    """A changed prompt changes the spec's text; a changed statistic is named as well."""
    lock = read_lock(frozen(tmp_path))
    run_tiny(tmp_path, SPEC.replace("Say something", "Write something"), lock=lock)
    assert label(tmp_path) == ("exploratory", ["the text of the spec is not the frozen one"])
    run_tiny(tmp_path, SPEC.replace('by = ["tone"]', "by = []"), lock=lock)
    name, sentences = label(tmp_path, 2)
    assert name == "exploratory"
    assert [re.sub(r"\b[0-9a-f]{12}\b", "HASH", sentence) for sentence in sentences] == [
        "the text of the spec is not the frozen one",
        "the statistic t-one-sample of length: HASH in the lock, HASH in the run",
    ]


@pytest.mark.parametrize(
    ("section", "name", "sentence"),
    [
        ("versions", "python", "the version of python: 2.7 in the lock, {} in the run"),
        ("files", "a.csv", "the stimulus file a.csv: 2.7abcabcabc in the lock, none in the run"),
        ("plugins", "p.py", "the plugin file p.py: 2.7abcabcabc in the lock, none in the run"),
    ],
)
def test_other_files_and_versions_are_exploratory(
    tmp_path: Path, section: str, name: str, sentence: str
) -> None:
    """What is installed and what lies beside the spec count too; of a hash twelve digits are shown."""
    lock = read_lock(frozen(tmp_path))
    here = lock.frozen["versions"]["python"]
    was = "2.7" if section == "versions" else "2.7" + 20 * "abc"
    run_tiny(tmp_path, lock=_changed(lock, section, **{name: was}))
    assert label(tmp_path) == ("exploratory", [sentence.format(here)])


def test_a_lock_that_was_edited_is_said(tmp_path: Path) -> None:
    """A hypothesis rewritten after the fact does not go unseen."""
    path = frozen(tmp_path)
    path.write_text(path.read_text().replace('"longer"', '"shorter"'))
    run_tiny(tmp_path, lock=read_lock(path))
    assert label(tmp_path) == (
        "exploratory",
        ["the lock was changed after it was frozen: its hash is not that of its content"],
    )


def test_a_run_begun_before_the_lock_is_said(tmp_path: Path) -> None:
    """A lock made when results were there already confirms nothing."""
    run_tiny(tmp_path)
    lock = attrs.evolve(read_lock(frozen(tmp_path)), frozen_at="2999-01-01T00:00:00+00:00")
    run_tiny(tmp_path, lock=lock)
    name, (sentence,) = label(tmp_path)
    assert name == "exploratory"
    assert sentence.endswith("before the lock was frozen at 2999-01-01T00:00:00+00:00")


def test_results_show_the_label(tmp_path: Path) -> None:
    """The differences stand above the table, and in the JSON."""
    run_tiny(tmp_path, lock=read_lock(frozen(tmp_path)), seed=12)
    words = ["results", "--db", str(tmp_path / "results.db")]
    shown = CliRunner().invoke(cli, words).output
    assert "exploratory, for the run differs from its lock:" in shown
    assert "the seed: 11 in the lock, 12 in the run" in shown
    row = json.loads(CliRunner().invoke(cli, [*words, "--json"]).output)[0]
    assert row["label"] == "exploratory"
    assert row["deviations"] == ["the seed: 11 in the lock, 12 in the run"]


def test_freeze_writes_once(tmp_path: Path) -> None:
    """The command writes a lock that can be read, and never over another."""
    path = tmp_path / "a.lock.toml"
    words = ["freeze", "implicit-bias", "--limit", "2", "--out", str(path)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    assert read_lock(path).whole
    assert read_lock(path).frozen["files"].keys() == {"data/implicit-bias.csv"}
    again = CliRunner().invoke(cli, words)
    assert str(again.exception) == (
        f"there is a lock {str(path)!r} already, and locks are not overwritten; name another file with "
        "--out"
    )


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    """No file, and a file that is something else."""
    path = tmp_path / "a.toml"
    with pytest.raises(UsageError) as caught:
        read_lock(path)
    assert str(caught.value) == f"there is no lock {str(path)!r}; 'gnomon freeze' writes one"
    path.write_bytes(b"\xff\xfe\x00lock")
    with pytest.raises(UsageError) as caught:
        read_lock(path)
    assert str(caught.value) == (
        f"{str(path)!r} is not a lock: it is no text in UTF-8; 'gnomon freeze' writes one"
    )
    path.write_text("lock lock\n")
    with pytest.raises(UsageError) as caught:
        read_lock(path)
    assert str(caught.value) == (
        f"{str(path)!r} is not a lock: it is no TOML (Expected '=' after a key in a key/value pair "
        "(at line 1, column 6)); 'gnomon freeze' writes one"
    )
    with pytest.raises(UsageError) as caught:
        read_lock(tmp_path)
    assert str(caught.value) == (f"{str(tmp_path)!r} is a folder, not a lock; give a file in it")
    path.write_text("lock = 1\n")
    with pytest.raises(UsageError) as caught:
        read_lock(path)
    assert str(caught.value) == (
        f"{str(path)!r} is not a lock of form 1: it has no 'measure'; 'gnomon freeze' writes one"
    )


def test_verify_says_what_was_changed(tmp_path: Path) -> None:
    """Exit code 0 for an intact database, 1 with a sentence for one that was edited."""
    import sqlite3

    run_tiny(tmp_path)
    path = tmp_path / "results.db"
    done = CliRunner().invoke(cli, ["verify", "--db", str(path)])
    assert (done.exit_code, done.output) == (0, f"{path}: every hash is that of its content\n")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE item SET key = 'other' WHERE id = 1")
    connection.commit()
    connection.close()
    done = CliRunner().invoke(cli, ["verify", "--db", str(path)])
    assert (done.exit_code, done.output) == (
        1,
        "item 1 ('other') was changed: its hash is not that of its content\n"
        f"{path}: 1 thing is wrong\n",
    )
    done = CliRunner().invoke(cli, ["verify", "--json", "--db", str(path)])
    assert len(json.loads(done.output)["problems"]) == 1
