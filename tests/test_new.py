"""``gnomon new``: what it writes runs, passes its own tests and the linter, and never replaces anything."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon.catalogue import Catalogue
from gnomon.cli import main
from gnomon.scaffold import Template, renamed, templates

ROOT = Path(__file__).resolve().parents[1]
ALL: dict[str, Template] = dict(templates(Catalogue()))
PLAIN = sorted(set(ALL) - {"package"})
"""Templates whose files lie beside each other."""


@pytest.fixture
def gnomon(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: exit code, output, errors."""

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(words)
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every template but the package, each in a folder of its name."""
    folder = tmp_path_factory.mktemp("new")
    for name in PLAIN:
        with pytest.raises(SystemExit) as end:
            main(["new", name, f"some-{name}-x1", "--in", str(folder / name)])
        assert not end.value.code
    return folder


def test_there_is_a_template_for_every_kind(gnomon) -> None:
    """Measures, every kind of plugin and a package; without arguments they are listed."""
    kinds = {template.kind for template in ALL.values()}
    assert kinds == {
        "measure", "source", "procedure", "backend", "scorer", "statistic", "correction", "executor",
        "package",
    }  # fmt: skip
    code, out, _ = gnomon("new")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[0] != " "] == sorted(ALL)


@pytest.mark.parametrize("name", PLAIN)
def test_it_runs_at_once(name: str, written: Path, gnomon, monkeypatch) -> None:
    """Every command line that is printed under 'next' works as it stands, but for what the tests do."""
    monkeypatch.chdir(written / name)
    lines = [renamed(line, f"some-{name}-x1") for line in ALL[name].next]
    assert any(line.startswith("gnomon run ") for line in lines)
    assert lines[-1] == f"pytest test_some_{name}_x1.py"
    for line in lines:
        words = shlex.split(line)
        if words[0] == "gnomon" and words[1] != "validate":
            code, out, err = gnomon(*words[1:])
            assert code == 0, f"{line}\n{out}\n{err}"
            assert "my-thing" not in out + err


def test_their_own_tests_pass(written: Path) -> None:
    """Those of all templates in one process, in which every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *PLAIN],
        cwd=written,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_has_nothing_to_say(written: Path) -> None:
    """With the rules of this repository, in a folder that knows nothing of it."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated"),
            *("--line-length", "100", "--target-version", "py311"),
            *("--select", ",".join(lint["select"]), "--ignore", ",".join(lint["ignore"])),
            *("--config", "lint.pydocstyle.convention = 'google'"),
            *("--config", f"src = {PLAIN}", *PLAIN),
        ],
        cwd=written,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_trace_of_the_template_is_left(written: Path) -> None:
    """In no file and no file's name."""
    for path in (path for path in written.rglob("*") if path.is_file()):
        if path.suffix in (".toml", ".csv", ".py"):
            text = path.name + path.read_text("utf-8")
            assert not any(word in text for word in ("my-thing", "my_thing", "MyThing", "My thing"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("measure", "My Measure"),
            "'My Measure' cannot be a name: names are lower-case letters and digits in words joined by "
            "single hyphens, at most 60 characters, and begin with a letter (try 'my-measure')",
        ),
        (
            ("scorer", "2fast"),
            "'2fast' cannot be a name: names are lower-case letters and digits in words joined by single "
            "hyphens, at most 60 characters, and begin with a letter (try 'fast')",
        ),
        (
            ("scorer", "../up"),
            "'../up' cannot be a name: names are lower-case letters and digits in words joined by single "
            "hyphens, at most 60 characters, and begin with a letter (try 'up')",
        ),
        (
            ("scorer", "§"),
            "'§' cannot be a name: names are lower-case letters and digits in words joined by single "
            "hyphens, at most 60 characters, and begin with a letter",
        ),
        (("scorer", "class"), "'class' cannot be a name: it is a word that Python or gnomon uses"),
        (("package", "gnomon"), "'gnomon' cannot be a name: it is a word that Python or gnomon uses"),
        (
            ("scorer", "json"),
            "'json' cannot be a name: its module would be called 'json', and there is one of that name "
            "already; try 'json-scorer'",
        ),
        (
            ("measure", "my-thing"),
            "'my-thing' is what the template itself is called; give a name of your own",
        ),
        (
            ("mesure", "x"),
            "there is no template 'mesure' (did you mean 'measure'?); there are: backend, correction, "
            "executor, measure, package, procedure, questionnaire, scorer, source, statistic",
        ),
        (("measure",), "give the new measure a name: gnomon new measure NAME"),
    ],
)  # fmt: skip
def test_what_cannot_be_made(words, sentence, gnomon, tmp_path, monkeypatch) -> None:
    """A sentence, with a name that would do where there is one; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert gnomon("new", *words) == (2, "", f"gnomon: {sentence}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "name"), [("scorer", "yes-no"), ("measure", "implicit-bias")])
def test_a_name_that_is_taken(kind, name, gnomon, tmp_path, monkeypatch) -> None:
    """The owner is named, and a name that is free."""
    monkeypatch.chdir(tmp_path)
    code, _, err = gnomon("new", kind, name)
    assert code == 2
    assert err.startswith(f"gnomon: there is a {kind} {name!r} already, from gnomon ")
    assert err.endswith(f"give another, such as 'own-{name}'\n")


def test_nothing_is_overwritten(gnomon, tmp_path: Path, monkeypatch) -> None:
    """One file that is there already is enough; the others are not written either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "early.csv").write_text("mine", "utf-8")
    assert gnomon("new", "measure", "early") == (
        2,
        "",
        "gnomon: nothing was written, because there is already: early.csv\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["early.csv"]
    assert (tmp_path / "early.csv").read_text("utf-8") == "mine"


def test_a_folder_that_cannot_be_written(gnomon, tmp_path: Path, monkeypatch) -> None:
    """What stands in the way is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("", "utf-8")
    code, _, err = gnomon("new", "scorer", "early", "--in", "file/inside")
    assert (code, err) == (2, "gnomon: nothing was written: 'file/inside': Not a directory\n")


def test_names_are_spelled_in_four_ways() -> None:
    """As a name, a module, a class and a title."""
    given = "my-thing my_thing MyThing My thing mything"
    assert renamed(given, "one-2-three") == "one-2-three one_2_three One2Three One 2 three mything"
