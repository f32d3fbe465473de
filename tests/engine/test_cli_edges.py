"""What the command line says of numbers, files and pipes that cannot be used."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from gnomon.cli import main; main()"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("validate", "implicit-bias", "--effect", "nan"),
            "Error: --effect is a finite number; it is nan",
        ),
        (
            ("validate", "implicit-bias", "--noise", "inf"),
            "Error: --noise is a finite number; it is inf",
        ),
        (
            ("validate", "implicit-bias", "--alpha", "2"),
            "Error: --alpha lies between 0 and 1; it is 2",
        ),
        (
            ("power", "implicit-bias", "--effect", "nan"),
            "Error: --effect is a finite number; it is nan",
        ),
        (
            ("run", "implicit-bias", "--model", "scripted:fill", "--seed", "9223372036854775808"),
            "gnomon: --seed does not fit into 64 bits; it is 9223372036854775808",
        ),
        (
            (
                "run",
                "implicit-bias",
                "--model",
                "scripted:fill",
                "--file",
                "data/implicit-bais.csv=x",
            ),
            "gnomon: --file data/implicit-bais.csv: the measure 'implicit-bias' names no such file (did "
            "you mean 'data/implicit-bias.csv'?); it names: data/implicit-bias.csv",
        ),
        (
            (
                *("run", "adaptive-questions", "--model", "scripted:fill", "--role"),
                *("judge=scripted:fill", "--role", "generator=scripted:fill", "--file", "x=y"),
            ),
            "gnomon: --file x: the measure 'adaptive-questions' names no such file; it names: "
            "data/adaptive-questions.csv",
        ),
    ],
)
def test_numbers_and_names_that_cannot_be_used(run_gnomon, tmp_path, arguments, message):
    """One sentence, exit code 2, and no database is left behind."""
    said = run_gnomon(*arguments, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.strip().splitlines()[-1] == message
    assert not list(tmp_path.iterdir())


def test_a_damaged_database_is_a_sentence(run_gnomon, tmp_path):
    """Pages written over are not a traceback."""
    run_gnomon("run", "implicit-bias", "--model", "scripted:fill", "--quiet", cwd=tmp_path)
    path = tmp_path / "results.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)
    said = run_gnomon("show", "1", cwd=tmp_path)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr


def test_a_closed_pipe_is_no_violation(run_gnomon, tmp_path):
    """``gnomon results | head -1`` ends with 0."""
    run_gnomon("run", "implicit-bias", "--model", "scripted:fill", "--quiet", cwd=tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        said = subprocess.run(
            [*COMMAND, "results"], stdout=out, stderr=subprocess.PIPE, cwd=tmp_path, check=False
        )
    assert (said.returncode, said.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX has them")
def test_ctrl_c_stops_an_instant_model_soon(tmp_path):
    """A run that never waits for a reply is stopped long before its end, and goes on later."""
    run = subprocess.Popen(
        [*COMMAND, "run", "implicit-bias", "--model", "scripted:fill", "--repeats", "400"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _trials(tmp_path):
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert 0 < _trials(tmp_path) < 33_000


def _trials(folder):
    path = folder / "results.db"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            found = connection.execute("SELECT count(*) FROM trial WHERE finished").fetchone()[0]
        connection.close()
    except sqlite3.OperationalError:
        return 0
    return found
