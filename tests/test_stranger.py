"""A stranger's distribution: built, installed from its wheel without a network, used, clashing, and removed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

import gnomon.testing
from gnomon.catalogue import KINDS, Catalogue

STRANGER = Path(__file__).resolve().parent / "stranger"


@attrs.frozen
class Place:
    """A fresh environment with a stranger's wheel, and a folder to work in."""

    folder: Path
    python: Path
    wheel: Path

    def pip(self, *words: object) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, "--quiet", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        code = "from gnomon.cli import main; main()"
        return subprocess.run(
            [self.python, "-c", code, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


def build(source: Path, into: Path) -> Path:
    """A wheel, built without a network by the back end that is installed."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", into, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Place:
    """This environment's libraries and gnomon as they are, and nothing of the stranger's yet."""
    folder = tmp_path_factory.mktemp("stranger")
    wheel = build(STRANGER, folder / "dist")
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = (environment / "lib").glob("python*/site-packages")
    here = sysconfig.get_path("purelib")
    lines = [here, str(root / "engine"), str(root / "plugins")]
    (site / "libraries.pth").write_text("\n".join(lines) + "\n", "utf-8")
    return Place(folder, environment / "bin" / "python", wheel)


@pytest.fixture
def installed(place: Place):
    """The stranger's wheel, taken away again afterwards."""
    place.pip("install", "--no-index", "--no-deps", place.wheel)
    yield place
    place.pip("uninstall", "--yes", "gnomon-stranger")


def rows(place: Callable[..., subprocess.CompletedProcess[str]], *words: str):
    done = place(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_of_it_is_used_and_goes_without_a_trace(place: Place) -> None:
    """Listed, described, checked, run and queried; afterwards nothing is left of it."""
    before = rows(place, "list")
    place.pip("install", "--no-index", "--no-deps", place.wheel)
    offered = {row["entry"]: row for row in rows(place, "plugins")["plugins"]}
    assert offered["stranger.scorers"]["from"] == "gnomon-stranger 2.5.0"
    assert offered["stranger.specs"]["offers"] == "calendar (measure)"
    assert "calendar" in {row["measure"] for row in rows(place, "list")}
    told = place("describe", "backend", "parrot").stdout
    assert told.startswith("parrot (backend, from gnomon-stranger 2.5.0)\n")
    assert '  word (a string, default "three")\n      What it says.' in told
    assert place("check", "calendar").returncode == 0
    (ran,) = rows(place, "run", "calendar", "--model", "parrot:polly?word=May", "--db", "s.db")
    assert (ran["trials"]["now"], ran["estimates"][0]["value"]) == (4, 3.0)
    sql = "select kind, name, distribution, version from plugin where distribution = 'gnomon-stranger'"
    stored = {(row["kind"], row["name"]) for row in rows(place, "query", sql, "--db", "s.db")}
    assert {("sources", "months"), ("scorers", "letters"), ("statistics", "largest")} <= stored
    place.pip("uninstall", "--yes", "gnomon-stranger")
    assert rows(place, "list") == before
    gone = place("run", "calendar", "--model", "scripted:fill", "--db", "s.db")
    assert gone.returncode == 2
    assert gone.stderr.startswith("gnomon: there is no measure 'calendar'")
    # What was measured can still be read.
    (left,) = rows(place, "query", "select count(*) as n from scores", "--db", "s.db")
    assert left == {"n": 4}


def test_a_name_of_ours_is_refused_in_words(installed: Place, tmp_path: Path) -> None:
    """Both owners are named; only what needs that kind is stopped."""
    source = tmp_path / "clash"
    shutil.copytree(STRANGER, source)
    for path, old, new in (
        ("pyproject.toml", '"gnomon-stranger"', '"gnomon-clash"'),
        ("pyproject.toml", "src/stranger", "src/clash"),
        ("pyproject.toml", '= "stranger.', '= "clash.'),
        ("pyproject.toml", '"stranger.', '"clash.'),
        ("src/stranger/scorers.py", '"letters"', '"yes-no"'),
    ):
        file = source / path
        file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    (source / "src" / "stranger" / "specs" / "calendar.toml").unlink()
    (source / "src" / "stranger").rename(source / "src" / "clash")
    installed.pip("install", "--no-index", "--no-deps", build(source, tmp_path / "dist"))
    try:
        refused = installed("check", "implicit-bias")
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert line.startswith("gnomon: two plugins offer the s")
        assert line.endswith("; remove one of them, or rename its class")
        assert "gnomon-clash 2.5.0" in line
        # Listing measures looks at no scorer.
        assert installed("list").returncode == 0
    finally:
        installed.pip("uninstall", "--yes", "gnomon-clash")
    assert installed("check", "implicit-bias").returncode == 0


def test_a_stranger_s_plugins_pass_the_same_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit asks nothing of first-party plugins that it does not ask of others."""
    import importlib

    monkeypatch.syspath_prepend(str(STRANGER / "src"))
    modules = {
        kind: importlib.import_module(f"stranger.{kind}")
        for kind in ("sources", "backends", "scorers", "statistics")
    }
    catalogue = Catalogue(entry_points=(), modules=modules)
    found = [one for kind in KINDS for one in catalogue.of_kind(kind).values()]
    assert len(found) == 4
    for plugin in found:
        gnomon.testing.assert_conforms(plugin.cls)
