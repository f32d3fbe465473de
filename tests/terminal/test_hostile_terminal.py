"""On a terminal nothing that a stranger wrote acts: providers, spec files, databases and their names."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile_run import ANSWERS, write

from gnomon.cli import terminal
from gnomon.cli.tables import Column, Table, text

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")

ACTS = "\x1b]0;taken\x07\u202e\x9b31m"
SPELT = r"\u001b]0;taken\u0007\u202e\u009b31m"
SEEN = r"␛]0;taken␇\u202e\x9b31m"
_OURS = re.compile(r"\x1b\[(\?25[lh]|2K|1A|[0-9;]*m)|\r")
"""How a bar is drawn, and what a terminal adds."""

_ONCE = ("--limit", "1", "--retries", "1", "--max-wait", "0.5")
COMMANDS = (
    ("run", "hostile.toml", "--model", "scripted:answers.toml"),
    ("run", "hostile.toml", "--model", f"http:m?base_url=http://127.0.0.1:1/{ACTS}", *_ONCE),
    ("check", "bad.toml"),
    ("query", "select nope from v"),
    ("query", "--csv", "select reply from conversations"),
    ("query", "--json", "select reply from conversations"),
    ("export", "--to", "csv", "--view", "trials"),
    ("export", "--to", "jsonl", "--view", "trials"),
    ("verify",),
    ("report", "-o", f"{ACTS}.html"),
)
_RUN = """
import json, sys
from gnomon.cli import main
for number, words in enumerate(json.loads(sys.argv[1])):
    print(f"<{number}>", flush=True)
    try:
        main(words)
    except SystemExit:
        sys.stdout.flush()
"""


def shown(folder: Path, *commands: tuple[str, ...]) -> list[str]:
    """What each command writes on a terminal, less what draws its bar."""
    import json

    ours, theirs = pty.openpty()
    try:
        started = subprocess.Popen(
            [sys.executable, "-c", _RUN, json.dumps(commands)], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=theirs, stderr=theirs,
            env={**os.environ, "COLUMNS": "400", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        )  # fmt: skip
        os.close(theirs)
        data = b""
        # Linux says the end of a terminal like a fault.
        try:
            while piece := os.read(ours, 1 << 16):
                data += piece
        except OSError:
            pass
        started.wait(60)
    finally:
        os.close(ours)
    return re.split(r"<\d+>\n", _OURS.sub("", data.decode()))[1:]


def test_nothing_acts_on_a_terminal(tmp_path: Path) -> None:
    """Not the sentence of a provider, a key of a spec, a column or table of a database, or a reply."""
    write(tmp_path)
    answers = ANSWERS.replace("{long}", "x").replace("the service", f"the {SPELT} service")
    answers = answers.replace("I am sorry", f"{SPELT} sorry")
    (tmp_path / "answers.toml").write_text(answers, "utf-8")
    (tmp_path / "bad.toml").write_text(f'measure = "bad"\n"{SPELT}" = 1\n', "utf-8")
    shown(tmp_path, COMMANDS[0])
    with sqlite3.connect(tmp_path / "results.db") as forger:
        forger.execute("PRAGMA foreign_keys = OFF")
        forger.execute(f'CREATE VIEW v AS SELECT 1 AS "{ACTS}"')
        forger.execute(f'CREATE TABLE "{ACTS}" (a REFERENCES run (id))')
        forger.execute(f'INSERT INTO "{ACTS}" VALUES (99)')
    forger.close()
    said = dict(zip(COMMANDS, shown(tmp_path, *COMMANDS), strict=True))
    for words, told in said.items():
        assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told) is None, (words, told)
    assert f"most often: the {SEEN} service is down" in said[COMMANDS[0]]
    assert f"gnomon: there is no column 'nope'; 'v' has: {SEEN}\n" in said[COMMANDS[3]]
    assert f"row 1 of {SEEN} refers to a row of run that is not there\n" in said[COMMANDS[8]]
    assert f"{SEEN} sorry" in said[COMMANDS[4]]


def test_in_a_pipe_every_sign_stays_as_it_is(tmp_path: Path) -> None:
    """Programs read what is stored."""
    write(tmp_path)
    env = {**os.environ, "PYTHONUTF8": "1"}
    for words in (COMMANDS[0], ("query", "--csv", "select reply from conversations")):
        done = subprocess.run(
            [sys.executable, "-c", "from gnomon.cli import main; main()", *words],
            cwd=tmp_path, capture_output=True, env=env, check=False,
        )  # fmt: skip
    assert "\u202eevil" in done.stdout.decode()
    assert "\x1b[31mI cannot\x1b[0m" in done.stdout.decode()


@pytest.mark.parametrize("sign", ["日", "ש", "e" + "\u0301" * 12, "␛", "👩🏽‍🔬", "["])
def test_a_long_text_without_blanks_takes_time_as_long_as_it_is(sign: str) -> None:
    """Eight times the signs take about eight times as long, where each line could measure all that is left."""

    def seconds(many: int) -> float:
        given = sign * (many // len(sign))
        began = time.process_time()
        lines = terminal.wrapped(given, 60)
        taken = time.process_time() - began
        assert "".join(lines) == given
        assert max(map(terminal.cells, lines)) <= 60
        return taken

    seconds(1_000)
    few = min(seconds(8_000) for _ in range(3))
    assert seconds(64_000) < 30 * max(few, 0.002)


def test_a_cell_of_any_length_is_fitted_at_once() -> None:
    """Not one cell of the terminal at a time, where two columns are equally wide."""
    columns = tuple(Column(name, gives="cut") for name in ("one", "two", "three"))
    table = Table(columns=columns, rows=(("x" * 1_000_000,) * 3,))
    began = time.process_time()
    made = text(table, 80)
    assert time.process_time() - began < 5
    assert max(map(len, made.split("\n"))) <= 80
