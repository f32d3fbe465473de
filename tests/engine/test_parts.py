"""Numbers of a part of a run are said to be, wherever they are shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import run_tiny

from gnomon.cli import cli
from gnomon.cli.report import command as report_command
from gnomon.store import Store

BUDGET = "the budget of 4 calls is used up (--max-calls)"
REMARK = f"incomplete, 4 of 6 trials are finished: {BUDGET}"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Run 1 was ended by --max-calls, run 2 is whole."""
    assert run_tiny(tmp_path, max_calls=4, concurrency=1).exit_code == 3
    run_tiny(tmp_path, roles={"subject": "subject:two"})
    return str(tmp_path / "results.db")


def said(*words: str) -> str:
    done = CliRunner().invoke(cli, [*words])
    assert done.exit_code == 0, done.output
    return done.output


def test_results_and_lists_say_it(database: str) -> None:
    """Above the table, in a column, and in what programs are given."""
    assert REMARK in " ".join(said("results", "1", "--db", database).split())
    assert "incomplete" not in said("results", "2", "--db", database)
    assert f"{REMARK}" in said("results", "1", "--md", "--db", database).replace("\\", "")
    rows = json.loads(said("results", "--json", "--db", database))
    assert {(row["run"], row["state"], row["finished"], row["planned"]) for row in rows} == {
        (1, "incomplete", 4, 6),
        (2, "done", 6, 6),
    }
    assert ",incomplete,4,6" in said("results", "1", "--csv", "--db", database)
    lines = said("list", "runs", "--db", database).splitlines()
    assert re.search(r" free +4 of 6 +incomplete ", lines[1])
    assert re.search(r" free +6 +done ", lines[2])


def test_comparisons_and_relations_say_it(database: str) -> None:
    """Each run that is a part, as a note."""
    (note,) = json.loads(said("compare", "1", "2", "--json", "--db", database))["notes"]
    assert note == f"run 1 is {REMARK}"
    assert f"note: run 1 is {REMARK}" in " ".join(
        said("compare", "2", "1", "--db", database).split()
    )
    made = json.loads(said("correlate", "2:length", "1:length", "--json", "--db", database))
    assert made["notes"] == [f"run 1 is {REMARK}"]


def test_a_report_says_it(database: str, tmp_path: Path) -> None:
    """Where it says what was found, and where it says how."""
    page = tmp_path / "report.html"
    done = CliRunner().invoke(report_command, ["--db", database, "-o", str(page)])
    assert done.exit_code == 0, done.output
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text("utf-8")))
    sentence = f"I{REMARK[1:]}. The numbers of this run are of those trials."
    assert f"Run 1: {sentence}" in text
    assert "4 of 6 finished" in text


def test_a_run_that_was_killed_says_it(tmp_path: Path) -> None:
    """What a process left that could not say how it ended."""
    from store_samples import FACTS, administer, trial_of

    with Store.open(tmp_path / "killed.db", write=True) as store:
        run_id = store.begin_run(FACTS)
        administer(store, run_id, trial_of(0))
        store.flush()
    assert said("results", "--db", str(tmp_path / "killed.db")) == (
        "run 1 of 'tiny' has no estimates: it was cut off, and 1 trial is finished; run it again to go on\n"
    )
