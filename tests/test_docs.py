"""Every block of README.md, CONTRIBUTING.md and docs/*.md is executed, or checked by what would read it.

How a fenced block is treated, by its language:

==========  ==========================================================================================
bash        each line that is a ``gnomon`` command is run, in order, in one folder per document
console     as bash, for the lines that begin with ``$``; the rest is a picture of the output
python      saved when its first line is ``# FILE.py``, else executed, in that folder
toml        saved when its first line is ``# FILE.toml``, and checked by the loader when it has a
            ``measure``; else a piece, which must be TOML
csv, text   saved when the first line, ``# FILE``, says so; that line is left out
sql         asked of the database that the commands above it made
==========  ==========================================================================================

An HTML comment before a block changes that:

``<!-- shown -->``          not executed: a picture, or a command of another tool
``<!-- model: MODEL -->``   the block's commands run on this model in place of the one written
``<!-- exit: N -->``        the block's commands end with this code
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/calls.md", "docs/campaigns.md")
SCRIPTS = ("scripts/demo", "scripts/test", "scripts/lock", ".ci/run")
FENCE = re.compile(
    r"(?P<marks>(?:^<!--[^\n]*-->\n+)*)^(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@attrs.frozen
class Block:
    """A fenced block: where it begins, what it is, what the comments before it say."""

    document: str
    line: int
    language: str
    text: str
    marks: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the first line names."""
        found = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return found.group(1) if found else None


def blocks(document: str) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    text = (ROOT / document).read_text("utf-8")
    for found in FENCE.finditer(text):
        marks = dict(re.findall(r"<!--\s*(shown|model|exit)\s*:?\s*(.*?)\s*-->", found["marks"]))
        line = text.count("\n", 0, found.start("fence")) + 1
        yield Block(document, line, found["language"], found["text"], marks)


def commands(block: Block) -> list[list[str]]:
    """The commands of a block as words; a line that ends in a backslash goes on."""
    text = block.text.replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    if block.language == "console":
        lines = [line[1:].strip() for line in lines if line.startswith("$")]
    return [shlex.split(line, comments=True) for line in lines if shlex.split(line, comments=True)]


def on_model(words: list[str], model: str | None) -> list[str]:
    """The command with another model after ``--model``."""
    if model is None or "--model" not in words:
        return words
    at = words.index("--model") + 1
    return [*words[:at], model, *words[at + 1 :]]


def run_commands(block: Block, folder: Path, run_gnomon) -> None:
    """Run every ``gnomon`` command; scripts of the checkout must exist; others need ``shown``."""
    for words in commands(block):
        if words[0] in SCRIPTS:
            # Running the tests from a test would not end, and the demonstration has a run of its own.
            assert (ROOT / words[0]).is_file(), f"{block}: there is no {words[0]}"
            continue
        assert words[0] == "gnomon", f"{block}: {' '.join(words)!r} is no command of gnomon"
        done = run_gnomon(*on_model(words, block.marks.get("model"))[1:], cwd=folder, timeout=800)
        wanted = int(block.marks.get("exit") or 0)
        assert done.returncode == wanted, (
            f"{block}: {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        )


def check_toml(block: Block, folder: Path, run_gnomon) -> None:
    """TOML; a whole measure is loaded by the loader with the files saved so far."""
    data = tomllib.loads(block.text)
    if block.file is None:
        return
    (folder / block.file).write_text(block.text, "utf-8")
    if "measure" in data:
        files = (path for path in sorted(folder.glob("*.py")) if not path.name.startswith("test_"))
        plugins = [word for path in files for word in ("--plugin", path.name)]
        done = run_gnomon("check", block.file, *plugins, cwd=folder)
        assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"


def run_python(block: Block, folder: Path) -> None:
    """Save a file that names itself; execute anything else in a process of its own."""
    compile(block.text, str(block), "exec")
    if block.file is not None:
        (folder / block.file).write_text(block.text, "utf-8")
        return
    done = subprocess.run(
        [sys.executable, "-c", block.text], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block}: {done.stderr}"


def ask_sql(block: Block, folder: Path) -> None:
    """Every statement answers on the newest database of the folder."""
    databases = sorted(folder.glob("*.db"), key=lambda path: path.stat().st_mtime)
    assert databases, f"{block}: no command above made a database"
    connection = sqlite3.connect(f"file:{databases[-1]}?mode=ro", uri=True)
    try:
        for statement in filter(str.strip, block.text.split(";")):
            connection.execute(statement).fetchall()
    finally:
        connection.close()


@pytest.mark.timeout(
    900
)  # the README measures a real model, which takes its time on a busy machine
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_does_what_it_says(document: str, tmp_path: Path, run_gnomon) -> None:
    """The document is followed from top to bottom in one empty folder, as a reader would."""
    executed = 0
    for block in blocks(document):
        if "shown" in block.marks:
            continue
        executed += 1
        if block.language in ("bash", "console"):
            run_commands(block, tmp_path, run_gnomon)
        elif block.language == "python":
            run_python(block, tmp_path)
        elif block.language == "toml":
            check_toml(block, tmp_path, run_gnomon)
        elif block.language == "sql":
            ask_sql(block, tmp_path)
        elif block.language in ("csv", "text") and block.file is not None:
            (tmp_path / block.file).write_text(block.text.split("\n", 1)[1], "utf-8")
        else:
            pytest.fail(f"{block}: a block of {block.language!r} is neither run nor marked shown")
    assert executed or document == "README.md"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_leads_somewhere(document: str) -> None:
    """Relative links name files of the repository."""
    text = (ROOT / document).read_text("utf-8")
    gone = [
        target
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text)
        if not (ROOT / target).exists()
    ]
    assert gone == []


def test_the_readme_is_short() -> None:
    """At most 150 lines: the rest is help of commands, docstrings and CONTRIBUTING."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_blocks_are_found_with_their_marks(tmp_path: Path, monkeypatch) -> None:
    """The reader of documents reads what it should: languages, comments, continued lines."""
    (tmp_path / "D.md").write_text(
        "# T\n\n<!-- model: scripted:fill -->\n<!-- exit: 1 -->\n```bash\n"
        "gnomon run x --model local:m \\\n  --limit 1   # few\n```\n\n```toml\n# a.toml\nb = 1\n```\n",
        "utf-8",
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    first, second = blocks("D.md")
    assert (first.language, first.line, dict(first.marks)) == (
        "bash",
        5,
        {"model": "scripted:fill", "exit": "1"},
    )
    (words,) = commands(first)
    assert on_model(words, "scripted:fill") == [
        "gnomon",
        "run",
        "x",
        "--model",
        "scripted:fill",
        "--limit",
        "1",
    ]
    assert (second.file, second.text) == ("a.toml", "# a.toml\nb = 1\n")
