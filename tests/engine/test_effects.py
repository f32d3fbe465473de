"""``gnomon results --effects``: what the design did, found through the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import SPEC, Subject, run_tiny, trial_of

import gnomon
from gnomon.cli import cli

ORDERED = SPEC.replace(
    'tone = ["plain", "polite"]\n',
    'tone = ["plain", "polite"]\n[[design.draw]]\nname = "shown"\narrange = ["word", "half"]\n'
    'into = ["first", "second"]\n',
)


def answer(ask: gnomon.Ask) -> str:
    """Polite answers are three characters longer; items and repeats vary."""
    trial = trial_of(ask)
    length = 10 + 3 * (trial.levels["tone"] == "polite") + int(trial.item.key[1:]) % 4
    return "x" * (length + (trial.repeat * 7 + int(trial.item.key[1:]) * 5) % 3)


def effects(database: Path, *words: str) -> list[dict]:
    done = CliRunner().invoke(
        cli, ["results", "--effects", "--json", "--db", str(database), *words]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_factors_and_drawn_orders_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crossed factor and the order that was drawn are both analysed; the planted effect is found."""
    monkeypatch.setattr(Subject, "answer", answer)
    run_tiny(tmp_path, ORDERED, count=8, design_repeats=4)
    rows = {row["quantity"]: row for row in effects(tmp_path / "results.db")}
    assert {row["columns"]["factor"] for row in rows.values() if "factor" in row["columns"]} == {
        "tone",
        "shown",
    }
    assert rows["range[tone]"]["value"] == pytest.approx(3)
    assert rows["deviation[tone=polite]"]["value"] == pytest.approx(1.5)
    shares = [row["value"] for name, row in rows.items() if name.startswith("share[")]
    assert sum(shares) == pytest.approx(1)
    assert rows["sign-stability[sign]"]["value"] == 1.0
    assert rows["sign-stability[sign]"]["of"] == "length"


def test_the_table_is_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People see a block for each of the four questions."""
    monkeypatch.setattr(Subject, "answer", answer)
    run_tiny(tmp_path, count=8, design_repeats=4)
    done = CliRunner().invoke(
        cli, ["results", "--effects", "--db", str(tmp_path / "results.db")], terminal_width=120
    )
    assert done.exit_code == 0
    for heading in ("factor, level", "source", "conclusion", "tone, polite", "clustered by item"):
        assert heading in done.output
    assert "deviation[" not in done.output


def test_a_measure_without_factors_says_so(tmp_path: Path) -> None:
    """No factor is a sentence, not an empty table."""
    plain = SPEC.replace('[design.factors]\ntone = ["plain", "polite"]\n', "").replace(
        "{{tone}} ", ""
    )
    run_tiny(tmp_path, plain.replace('by = ["tone"]\n', ""))
    (row,) = effects(tmp_path / "results.db")
    assert row["value"] is None
    assert row["note"] == "no estimate: the measure has no factors and no drawn order"


def test_a_constant_score_is_refused_in_words(tmp_path: Path) -> None:
    """A subject that always says the same has no variance to share out."""
    run_tiny(tmp_path)
    (row,) = effects(tmp_path / "results.db")
    assert row["note"] == (
        "no estimate: all 6 values of 'length' are equal (9); an analysis of the design needs "
        "values that differ"
    )


def said(*words: str) -> str:
    """The sentence with which a command is refused."""
    done = CliRunner().invoke(cli, list(words))
    assert isinstance(done.exception, gnomon.UsageError), done.output
    return str(done.exception)


def test_a_score_that_no_run_has_is_refused(tmp_path: Path) -> None:
    """With --effects, without, and in a comparison: the nearest, and what there is."""
    run_tiny(tmp_path)
    database = ("--db", str(tmp_path / "results.db"))
    sentence = "run 1 has no score 'lenght' (did you mean 'length'?); there are: length"
    assert said("results", "--score", "lenght", *database) == sentence
    assert said("results", "--effects", "--score", "lenght", *database) == sentence
    assert said("failures", "--score", "lenght", *database) == sentence
    run_tiny(tmp_path, roles={"subject": "subject:two"})
    several = (
        "none of the runs 1, 2 has a score 'lenght' (did you mean 'length'?); there are: length"
    )
    assert said("results", "--effects", "--score", "lenght", *database) == several
    assert said("compare", "1", "2", "--score", "lenght", *database) == several
    assert said("compare", "1", "2", "--score", "x", *database) == (
        "none of the runs 1, 2 has a score 'x'; there are: length"
    )


def test_results_of_one_score(tmp_path: Path) -> None:
    """Runs and estimates that are not of it are left out; a score no statistic is of is said."""
    two = (
        SPEC + '\n[[score]]\nuse = "length"\nas = "size"\n[[score]]\nuse = "length"\nas = "bare"\n'
    )
    two += '\n[[statistic]]\nuse = "mean"\nof = "size"\n'
    run_tiny(tmp_path)
    run_tiny(tmp_path, two)
    words = ["results", "--json", "--db", str(tmp_path / "results.db")]

    def found(*more: str) -> list[tuple[int, str]]:
        done = CliRunner().invoke(cli, [*words, *more])
        assert done.exit_code == 0, done.output
        return [(row["run"], row["of"]) for row in json.loads(done.output)]

    assert set(found()) == {(1, "length"), (2, "length"), (2, "size")}
    assert found("--score", "size") == [(2, "size")]
    assert set(found("--score", "size", "--score", "length")) == set(found())
    assert {row[0] for row in found("--effects", "--score", "size")} == {2}
    assert said(*words, "--score", "bare") == (
        "no statistic of the measure is of the score 'bare'; there are estimates of: length, size; "
        "'gnomon results --effects --score bare' looks at it"
    )
