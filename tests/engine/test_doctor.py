"""``gnomon doctor``: what it says of a machine, and that it tells no value and changes nothing."""

from __future__ import annotations

import json
import re
import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from store_samples import FACTS, administer, trial_of

from gnomon.cli import cli
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED
from gnomon.store import Store


def found(code: int, *arguments: str) -> dict[str, tuple[str, str]]:
    """What was looked at → state and sentence."""
    done = CliRunner().invoke(cli, ["doctor", "--json", *arguments])
    assert done.exit_code == code, (done.output, done.exception)
    rows: list[dict[str, Any]] = json.loads(done.output)
    assert len({row["what"] for row in rows}) == len(rows)
    return {row["what"]: (row["state"], row["says"]) for row in rows}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_machine_on_which_all_is_well(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything has a row, what may be missing is no fault, and no value and no file comes of looking."""
    monkeypatch.setenv("SOMEONES_API_KEY", "sk-notreal0123456789")
    monkeypatch.setenv("EMPTY_API_KEY", "")
    rows = found(EXIT_DONE)
    assert set(rows) >= {"gnomon", "packages", "extra http", "keys", "disk of the database"}
    assert rows["database results.db"] == (
        "absent",
        "there is none yet; 'gnomon run' makes it",
    )
    state, said = rows["keys"]
    assert (state, "sk-notreal" in json.dumps(rows)) == ("ok", False)
    names = said.removeprefix("in the environment: ").split(", ")
    assert "SOMEONES_API_KEY" in names
    assert "EMPTY_API_KEY" not in names
    assert f"pluggy {metadata.version('pluggy')}" in rows["packages"][1].split(", ")
    assert rows["plugins of gnomon " + metadata.version("gnomon")][0] == "ok"
    assert list(place.iterdir()) == []


def test_a_database_that_can_be_read(place: Path) -> None:
    """How much is in it, and whether it is being written."""
    with Store.open(place / "results.db", write=True) as store:
        run_id = store.begin_run(FACTS)
        administer(store, run_id, trial_of(0))
        store.flush()
        state, said = found(EXIT_DONE)["database results.db"]
        assert state == "ok"
        assert re.sub(r"\d+\.\d MB", "SIZE", said) == (
            "1 run with 1 finished trial, SIZE; another gnomon is writing it; 'gnomon verify' looks at "
            "every row"
        )
    assert "writing" not in found(EXIT_DONE)["database results.db"][1]


def test_what_is_wrong_ends_with_1(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is none, a plugin that does not load, a folder that is none, a full disk."""
    (place / "notes.db").write_text("no database at all")
    (place / "broken_pkg.py").write_text("import nowhere_to_be_found\n")
    about = place / "stranger-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[gnomon]\nstranger.scorers = broken_pkg\n")
    monkeypatch.syspath_prepend(place)
    (place / "taken").write_text("")
    monkeypatch.setenv("GNOMON_CACHE", str(place / "taken"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    rows = found(EXIT_VIOLATED, "--db", "notes.db")
    wrong = {what: said for what, (state, said) in rows.items() if state == "wrong"}
    assert wrong == {
        "database notes.db": f"{place / 'notes.db'} is not an SQLite database; give another file",
        "plugins of stranger 1.2": (
            "stranger.scorers does not load: ModuleNotFoundError: No module named 'nowhere_to_be_found'; "
            "'gnomon plugins' shows where"
        ),
        "folder of models": (
            f"{place / 'taken'} is no folder that can be written to; name another in GNOMON_CACHE"
        ),
        "disk of the database": f"{place}, 0.0 GB free; a run ends when nothing is left",
    }


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an extra lacks may be missing; what gnomon lacks, and what is too old, may not."""
    version = metadata.version

    def installed(name: str) -> str:
        if name in ("aiohttp", "filelock"):
            raise metadata.PackageNotFoundError(name)
        return "2.3" if name == "ray" else version(name)

    monkeypatch.setattr(metadata, "version", installed)
    rows = found(EXIT_VIOLATED)
    assert rows["extra http"] == (
        "absent",
        "without aiohttp; get it with: pip install -U 'gnomon[http]'",
    )
    assert rows["extra ray"] == (
        "wrong",
        "ray is 2.3 and has to be >=2.40; mend it with: pip install -U 'gnomon[ray]'",
    )
    assert rows["packages"] == (
        "wrong",
        "filelock is not there; mend it with: pip install -U gnomon",
    )


def test_a_table_for_people() -> None:
    """It keeps to the terminal."""
    done = CliRunner().invoke(cli, ["doctor"], env={"COLUMNS": "80"})
    assert done.exit_code == EXIT_DONE
    lines = done.output.splitlines()
    assert lines[0].split() == ["what", "state", "says"]
    assert max(map(len, lines)) <= 80
