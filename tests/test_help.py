"""Inline help: examples in every command, completion in the shell, the nearest word for a wrong one."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from gnomon.cli import COMMANDS, cli, main


def commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, (module, _) in COMMANDS.items():
        command = importlib.import_module(module).command
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", inner) for sub, inner in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_help_shows_an_example(name: str, command: click.Command) -> None:
    """A line that could be typed, kept on a line of its own."""
    lines = inspect.cleandoc(command.help or "").splitlines()
    shown = lines[lines.index("\b") + 1 :] if "\b" in lines else []
    assert any(f"gnomon {name}" in line for line in shown), f"gnomon {name} shows no example"


def complete(*words: str) -> list[str]:
    """What the shell is offered for the last word."""
    completer = ShellComplete(cli, {}, "gnomon", "_GNOMON_COMPLETE")
    return [item.value for item in completer.get_completions(list(words[:-1]), words[-1])]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec of one's own and a database with two runs."""
    monkeypatch.chdir(tmp_path)
    for words in (
        ["new", "measure", "own-one"],
        ["run", "own-one.toml", "--model", "scripted:fill", "--limit", "1", "--quiet"],
        ["run", "own-one.toml", "--model", "scripted:echo", "--limit", "1", "--quiet"],
    ):
        with pytest.raises(SystemExit):
            main(words)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "among"),
    [
        (("ru",), ["run"]),
        (("run", "implicit-b"), ["implicit-bias"]),
        (("run", "./ow"), []),
        (("run", "own"), ["own-one.toml"]),
        (("check", "implicit-bias", "we"), ["weat"]),
        (("run", "weat", "--model", "scr"), ["scripted:"]),
        (("run", "weat", "--model", "local:"), ["local:smollm2-135m"]),
        (("run", "decision-bias", "--role", ""), ["judge="]),
        (("run", "decision-bias", "--role", "judge=scr"), ["judge=scripted:"]),
        (("run", "implicit-bias", "--only", "va"), ["variation="]),
        (("run", "implicit-bias", "--only", "variation=plain,sy"), ["variation=plain,synonym"]),
        (("run", "weat", "--on", "in"), ["in-process"]),
        (("results", ""), ["2", "1"]),
        (("compare", "1", "2"), ["2"]),
        (("query", "select lev"), ["select level", "select levels"]),
        (("describe", "sc"), ["schema", "scorer"]),
        (("describe", "scorer", "yes"), ["yes-no"]),
        (("describe", "spec", "dr"), ["draw"]),
        (("new", "que"), ["questionnaire"]),
        (("run", "weat", "--mod"), ["--model"]),
    ],
)
def test_words_are_completed(words: tuple[str, ...], among: list[str], folder: Path) -> None:
    """Commands, measures, files, models, roles, columns, levels, runs, kinds and names."""
    found = complete(*words)
    assert set(among) <= set(found)
    assert all(word.startswith(words[-1]) for word in found)


@pytest.mark.parametrize(
    "words", [("run", "no-such", "--only", ""), ("results", "--db", "x.db", "")]
)
def test_nothing_is_said_when_something_is_wrong(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measure that is not there, a database that is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.db").write_text("no database", "utf-8")
    assert complete(*words) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It calls gnomon with the variable that click looks for."""
    with pytest.raises(SystemExit) as end:
        main(["completion", shell])
    assert not end.value.code
    assert f"_GNOMON_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_completing_a_measure_imports_nothing_heavy(tmp_path: Path) -> None:
    """A shell waits for it at every press of a key."""
    code = (
        "import json, sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from gnomon.cli import cli\n"
        "found = ShellComplete(cli, {}, 'gnomon', 'X').get_completions(['run'], 'we')\n"
        "heavy = ('numpy', 'scipy', 'sqlite_utils', 'rich', 'litellm', 'xllamacpp')\n"
        "print(json.dumps([[one.value for one in found], [m for m in heavy if m in sys.modules]]))"
    )
    began = os.times()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found, heavy = json.loads(done.stdout)
    assert (found, heavy) == (["weat", "wefat-names", "wefat-occupations"], [])
    # Of the processor: how long a busy machine takes for it says nothing.
    ended = os.times()
    assert ended.children_user + ended.children_system - sum(began[2:4]) < 10


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("rum",), "there is no command 'rum' (did you mean 'run'?)"),
        (("describe", "scorrer", "x"), "there is no kind 'scorrer' (did you mean 'scorer'?)"),
        (("describe", "scorer", "yes-now"), "there is no scorer 'yes-now' (did you mean 'yes-no'?)"),
        (("describe", "spec", "turns"), "there is no block 'turns' in a spec (did you mean 'turn'?)"),
        (("models", "pul"), "there is no command 'pul' (did you mean 'pull'?); there are: pull"),
        (("cache", "why"), "there is no command 'why'; there are: explain"),
        (("describe", "scorer"), "say which scorer: gnomon describe scorer NAME (gnomon list scorers)"),
        (("check", "implicit-bais"), "there is no measure 'implicit-bais' (did you mean 'implicit-bias'?)"),
        (
            ("run", "weat", "--model", "vector:x"),
            "there is no backend 'vector' (did you mean 'vectors'?)",
        ),
        (
            ("run", "weat", "--model", "vectors:glove-6b-100"),
            "(did you mean 'glove-6b-100d'?)",
        ),
        (("run", "weat", "--modle", "x"), "(Did you mean"),
        (
            ("run", "weat", "--model", "scripted:fill", "--on", "in-proces"),
            "there is no executor 'in-proces' (did you mean 'in-process'?)",
        ),
    ],
)  # fmt: skip
def test_the_nearest_word(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch
) -> None:
    """Commands, kinds, names, blocks, measures, backends, models, options and executors."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert sentence.casefold() in " ".join(capsys.readouterr().err.casefold().split())


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """The output of a command that ends well."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(words)
    assert not end.value.code
    return capsys.readouterr().out


def test_describe_says_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Help, facts, options with types and defaults, and an example, all from the class."""
    out = told(capsys, "describe", "scorer", "likert")
    assert "plants  answers, so that a measure with it can be validated" in out
    assert "  points (a list of strings, required)\n      The scale's points in words" in out
    assert "  first (a whole number, default 1)" in out
    assert 'Example:\n  [[score]]\n  use = "likert"' in out
    assert re.search(r"\nasks +embed of the subject\n", told(capsys, "describe", "scorer", "weat"))
    assert "\nused by  gnomon correlate\n" in told(capsys, "describe", "statistic", "pearson")


def test_describe_spec_shows_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    """One block, or all of them."""
    assert "  user (a string, optional)" in told(capsys, "describe", "spec", "turn")
    for name, block in (("design.draw", "draw"), ("[[design.draw]]", "draw"), ("[stop]", "stop")):
        assert told(capsys, "describe", "spec", name) == told(capsys, "describe", "spec", block)
    assert " ".join(told(capsys, "describe", "spec", "stimuli").split()) == (
        "[stimuli] 'use' names a source, and all other keys are its options: gnomon list sources, and gnomon "
        "describe source NAME."
    )
    whole = told(capsys, "describe", "spec")
    assert "[[design.draw]]" in whole
    assert "  half_width (a number, optional)" in whole


@pytest.mark.parametrize(
    ("words", "has", "lacks"),
    [
        (("--tag", "implicit"), "implicit-bias", "weat"),
        (("--need", "embed"), "weat", "implicit-bias"),
        (("--paper", "2402.04105", "--need", "chat"), "implicit-bias", "weat"),
        (("scorers", "--need", "embed"), "wefat", "yes-no"),
        (("statistics", "--paper", "Feldt"), "cronbach-alpha", "t-welch"),
        (("corrections", "--paper", "Holm (1979)"), "holm", "benjamini-hochberg"),
    ],
)
def test_list_filters(
    words: tuple[str, ...], has: str, lacks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By kind, tag, need and paper."""
    rows = json.loads(told(capsys, "list", *words, "--json"))
    names = {row.get("measure", row.get("name")) for row in rows}
    assert has in names
    assert lacks not in names


def test_plugins_shows_measures_and_templates_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything a provider offers stands beside it."""
    offered = {
        row["entry"]: row["offers"]
        for row in json.loads(told(capsys, "plugins", "--json"))["plugins"]
    }
    assert "yes-no (scorer)" in offered["first.scorers"]
    assert "implicit-bias (measure)" in offered["first.specs"]
    assert "questionnaire (template)" in offered["first.templates"]
