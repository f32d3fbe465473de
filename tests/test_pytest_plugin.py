"""``pytest --gnomon``: measures as tests, tried in a pytest of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """\
measure = "{name}"
title = "Yes to a statement"
version = 1
seed = 3
needs = ["chat"]

[stimuli]
use = "table"
file = "claims.csv"
key = "claim"
groups = ["topic"]

[design]
repeats = 2

[[turn]]
user = "Is it true that {{claim}}? Answer yes or no."
constraint = {{ options = ["Yes", "No"] }}

[[score]]
use = "yes-no"

[[statistic]]
use = "proportion"
of = "yes-no"
by = ["topic"]
{more}
"""
CLAIMS = (
    "claim,topic\ntea is hot,food\nbread is soft,food\nrain is wet,weather\nsnow is cold,weather\n"
)
ANSWERS = 'default = "Yes."\n[[rule]]\nregex = "rain|snow"\nreply = "No."\n'

BLIND = """
import attrs, gnomon
from typing import ClassVar

@attrs.frozen(kw_only=True)
class Blind:
    "Embeds and cannot speak."
    name: ClassVar[str] = "blind"
    model: str = ""
    offers: ClassVar[gnomon.Capability] = gnomon.Capability(kinds={"embed"})

    def ask(self, ask):
        raise NotImplementedError

@gnomon.hookimpl
def register_backends():
    return [Blind]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two measures, a TOML file that is none, and a scripted model."""
    write(tmp_path, "steady", '[expect]\n"proportion[topic=food].proportion" = { min = 0.9 }\n')
    write(
        tmp_path,
        "shaky",
        '[expect]\n"proportion.proportion" = { min = 0.5, max = 1 }\n'
        '"proportion.missing" = { max = 0 }\n',
    )
    (tmp_path / "claims.csv").write_text(CLAIMS)
    (tmp_path / "answers.toml").write_text(ANSWERS)
    (tmp_path / "other.toml").write_text('[tool]\nname = "nothing to measure"\n')
    return tmp_path


def write(folder: Path, name: str, more: str = "") -> Path:
    """A measure as a file."""
    path = folder / f"{name}.toml"
    path.write_text(SPEC.format(name=name, more=more))
    return path


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A pytest of its own, without the settings of this repository."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "gnomon", "--rootdir=.", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


MODEL = ("--gnomon-model", "scripted:answers.toml")


def test_each_measure_loads_runs_and_keeps_to_its_expectations(folder: Path) -> None:
    """One test to load, one to run, one for each entry; what is violated is said in words."""
    done = run_pytest(folder, "--gnomon", *MODEL, "-rA", ".")
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes = [
        line.partition(" - ")[0]
        for line in done.stdout.splitlines()
        if line.startswith(("PASSED", "FAILED"))
    ]
    assert outcomes == [
        "PASSED shaky.toml::loads",
        "PASSED shaky.toml::runs",
        "PASSED shaky.toml::proportion.missing",
        "PASSED steady.toml::loads",
        "PASSED steady.toml::runs",
        "PASSED steady.toml::proportion[topic=food].proportion",
        "FAILED shaky.toml::proportion.proportion",
    ]
    assert (
        "proportion.proportion for topic weather is 0, below 0.5\n(1 of 2 estimates hold)\n"
        in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_nothing_is_collected_without_the_option(folder: Path) -> None:
    """TOML files are nobody's tests unless they are asked for."""
    done = run_pytest(folder, "-q")
    assert done.returncode == 5
    assert "no tests ran" in done.stdout


def test_without_a_model_measures_are_loaded(folder: Path) -> None:
    """A fault of a spec is a failed test with its place and sentence."""
    path = write(folder, "wrong", '[expect]\n"propotion.proportion" = { max = 1 }\n')
    done = run_pytest(folder, "--gnomon", "-q", ".")
    assert done.returncode == 1
    assert "3 passed" not in done.stdout
    assert "1 failed, 2 passed" in done.stdout
    place = path.read_text().splitlines().index('"propotion.proportion" = { max = 1 }') + 1
    assert (
        f':{place}:1 expect."propotion.proportion": there is no statistic '
        "'propotion' (did you mean 'proportion'?); there are: proportion"
    ) in done.stdout


def test_one_expectation_can_be_chosen(folder: Path) -> None:
    """A test has a name, so one can be run by it; the measure is run for it."""
    done = run_pytest(folder, "--gnomon", *MODEL, "-q", "shaky.toml", "-k", "missing")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 3 deselected" in done.stdout


def test_a_model_that_cannot_is_a_skipped_test(folder: Path) -> None:
    """A folder may hold measures for other kinds of model."""
    (folder / "blind.py").write_text(BLIND)
    options = ("--gnomon-plugin", "blind.py", "--gnomon-model", "blind:one")
    done = run_pytest(folder, "--gnomon", *options, "-q", "steady.toml", "-rs")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped" in done.stdout
    assert (
        "the measure 'steady' needs asks of kind 'chat' from the subject, which 'blind:one' does not "
        "offer"
    ) in done.stdout


def test_a_measure_that_cannot_be_run_fails(folder: Path) -> None:
    """A model that is not there is a sentence, not a traceback."""
    done = run_pytest(folder, "--gnomon", "--gnomon-model", "scriptd:x", "-q", "steady.toml")
    assert done.returncode == 1
    assert "steady.toml was not run: there is no backend 'scriptd' (did you mean 'scripted'?)" in (
        done.stdout
    )
    assert "Traceback" not in done.stdout


def test_runs_are_kept_where_asked(folder: Path) -> None:
    """The second time the replies come from the database."""
    for _ in range(2):
        done = run_pytest(folder, "--gnomon", *MODEL, "--gnomon-db", "r.db", "-q", "steady.toml")
        assert done.returncode == 0, done.stdout
    from gnomon.store import Store

    with Store.open(folder / "r.db") as store:
        (run,) = store.runs()
        assert (run["measure"], run["finished"]) == ("steady", 8)


def test_unused_it_imports_next_to_nothing() -> None:
    """pytest loads it in every project, so it brings in no part of gnomon that is not itself."""
    code = (
        "import sys, json; import pytest; before = set(sys.modules)\n"
        "import gnomon.pytest_plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["gnomon", "gnomon.pytest_plugin"]


def test_a_test_is_run_by_its_name(folder: Path) -> None:
    """The name that pytest prints can be given back, brackets and all."""
    name = "steady.toml::proportion[topic=food].proportion"
    done = run_pytest(folder, "--gnomon", *MODEL, "-q", name)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
