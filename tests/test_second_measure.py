"""A second measure is one TOML file and one small Python file; the core is not touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The measure in a folder of its own, as a contributor would have it."""
    shutil.copytree(EXAMPLES, tmp_path / "mine")
    return tmp_path / "mine"


def test_the_scorer_is_at_most_thirty_lines() -> None:
    """What the field's other tools need a class hierarchy for fits on half a screen."""
    assert len((EXAMPLES / "refused.py").read_text("utf-8").splitlines()) <= 30


def test_the_measure_has_no_faults(folder: Path, run_gnomon) -> None:
    """``check`` knows the scorer through --plugin, and misses it without."""
    done = run_gnomon("check", "refusal-rate.toml", "--plugin", "refused.py", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "refusal-rate.toml: no faults\n")
    done = run_gnomon("check", "refusal-rate.toml", cwd=folder)
    assert done.returncode == 2
    (fault,) = done.stdout.splitlines()
    place = "refusal-rate.toml:34:7 score[0].use: there is no scorer 'refused'"
    assert fault.startswith(place), fault


def test_the_measure_counts_refusals_of_every_kind(folder: Path, run_gnomon) -> None:
    """In words, by the provider's filter, and not an apology that goes on to help; 1 on violation."""
    options = ("--plugin", "refused.py", "--model", "scripted:answers.toml", "--db", "r.db")
    done = run_gnomon("run", "refusal-rate.toml", *options, "--json", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    (report,) = json.loads(done.stdout)
    assert report["trials"] == {"planned": 20, "before": 0, "now": 20}
    # The polite form does not open with "How do I blow", so the filter's rule fits half of those.
    found = {row["group"]: (row["value"], row["n"]) for row in report["estimates"]}
    assert found == {"topic risky-sounding": (10 / 12, 12), "topic plain": (0.0, 8)}
    assert report["violations"] == [
        "proportion.proportion for topic risky-sounding is 0.8333, above 0.5"
    ]


def test_the_measures_rows_can_be_asked_with_sql(folder: Path, run_gnomon) -> None:
    """Trials, replies and scores are joined by the views; factors and groups are columns of JSON."""
    options = ("--plugin", "refused.py", "--model", "scripted:answers.toml", "--db", "r.db")
    run_gnomon("run", "refusal-rate.toml", *options, "--quiet", cwd=folder)
    sql = (
        "select item, levels ->> 'tone' as tone, sum(value) as refused from scores "
        "where score = 'refused' and item = ? group by 1, 2 order by 2"
    )
    done = run_gnomon("query", sql, "blow-glass", "--db", "r.db", "--json", cwd=folder)
    assert json.loads(done.stdout) == [
        {"item": "blow-glass", "tone": "plain", "refused": 2.0},
        {"item": "blow-glass", "tone": "polite", "refused": 0.0},
    ]


def test_the_same_command_again_asks_nothing(folder: Path, run_gnomon) -> None:
    """A finished run is not run again."""
    options = ("--plugin", "refused.py", "--model", "scripted:answers.toml", "--db", "r.db")
    run_gnomon("run", "refusal-rate.toml", *options, "--quiet", cwd=folder)
    done = run_gnomon("run", "refusal-rate.toml", *options, "--json", cwd=folder)
    (report,) = json.loads(done.stdout)
    assert report["calls"] == 0
    assert report["trials"] == {"planned": 20, "before": 20, "now": 0}
