"""The wheel holds the two packages and works with the sources out of reach."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network by the build back end that is installed."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """Every file of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_sources_hold_what_the_documents_call(root: Path, tmp_path: Path) -> None:
    """Who unpacks the source distribution can give the commands that README and CONTRIBUTING name."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    told = (root / "README.md").read_text("utf-8") + (root / "CONTRIBUTING.md").read_text("utf-8")
    called = set(re.findall(r"(?:scripts|requirements)/[a-z.]*[a-z]|\.ci/run", told))
    assert {"scripts/demo", "scripts/test", ".ci/run"} <= called
    assert called - held == set()


def test_the_top_level_holds_exactly_the_two_packages(wheel: Path, names: list[str]) -> None:
    """Nothing called engine, plugins, tests or specs lands in site-packages."""
    info = "-".join(wheel.stem.split("-")[:2]) + ".dist-info"
    assert {name.split("/")[0] for name in names} == {"gnomon", "gnomon_plugins", info}


def test_the_wheel_carries_what_the_sources_have(root: Path, names: list[str]) -> None:
    """Every module, every spec and its data, the typing marks and the licence; no code among specs."""
    expected = {
        str(path.relative_to(root / base))
        for base, package in (("engine", "gnomon"), ("plugins", "gnomon_plugins"))
        for path in (root / base / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {
        f"gnomon_plugins/specs/{path.relative_to(root / 'specs')}"
        for path in (root / "specs").rglob("*")
        if path.is_file()
    }
    packed = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert packed == expected
    assert "gnomon/py.typed" in packed
    assert "gnomon_plugins/py.typed" in packed
    assert "gnomon_plugins/specs/implicit-bias.toml" in packed
    assert not [name for name in packed if "/specs/" in name and name.endswith(".py")]
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_entry_points_name_modules_of_the_wheel(wheel: Path, names: list[str]) -> None:
    """One script, and first-party plugins by kind, each a module that was packed."""
    with zipfile.ZipFile(wheel) as archive:
        (found,) = (name for name in names if name.endswith("entry_points.txt"))
        parser = configparser.ConfigParser(delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
        parser.read_string(archive.read(found).decode("utf-8"))
    assert dict(parser["console_scripts"]) == {"gnomon": "gnomon.cli:main"}
    for module in parser["gnomon"].values():
        path = module.replace(".", "/")
        assert f"{path}.py" in names or f"{path}/__init__.py" in names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``gnomon`` script of a fresh environment: the wheel, and this environment's libraries."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    (site,) = (folder / "lib").glob("python*/site-packages")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index",
         "--no-deps", wheel],
        check=True,
        env=clean_environment(),
    )  # fmt: skip
    # A plain path line gives the libraries; it reads no .pth of theirs, so no editable install leaks in.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return folder / "bin" / "gnomon"


def clean_environment() -> dict[str, str]:
    """This process's environment without paths to the sources."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": "100"}


def test_the_smoke_part_runs_from_the_wheel(installed: Path, tmp_path: Path, root: Path) -> None:
    """Help, list, check, run, results and query, far from the checkout."""

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [installed, *arguments],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = subprocess.run(
        [installed.parent / "python", "-c", "import gnomon, gnomon_plugins as p; print(gnomon.__file__, p.__file__)"],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert str(root) not in where
    assert where.count("site-packages") == 2

    assert "implicit-bias" in call("list")
    assert call("--help").startswith("Usage: gnomon")
    assert call("check", "implicit-bias").rstrip().endswith("implicit-bias.toml: no faults")
    done = call("run", "implicit-bias", "--model", "scripted:fill", "--limit", "2", "--db", "t.db")
    assert "8 of 8 trials" in done
    assert "association-d" in call("results", "--db", "t.db")
    sql = "select status, count(*) as n from trials group by 1"
    assert json.loads(call("query", sql, "--db", "t.db", "--json")) == [{"status": "ok", "n": 8}]
