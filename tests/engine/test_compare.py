"""``gnomon compare``: two runs of one measure, paired."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from tiny import SPEC, Subject, run_tiny, trial_of

import gnomon
from gnomon import UsageError
from gnomon.catalogue import Catalogue
from gnomon.cli import cli
from gnomon.run.comparing import compare
from gnomon.store import Store


def longer(by: int) -> object:
    """A subject whose answers are longer by so many characters, give or take one."""

    def answer(ask: gnomon.Ask) -> str:
        trial = trial_of(ask)
        number = int(trial.item.key[1:])
        wobble = (number * number * (by + 1) + trial.repeat * (by + 3)) % 5
        return "x" * (10 + 5 * number + by + wobble)

    return answer


def two_runs(folder: Path, monkeypatch: pytest.MonkeyPatch, **second: object) -> Path:
    monkeypatch.setattr(Subject, "answer", longer(0))
    run_tiny(folder, count=6, design_repeats=4)
    monkeypatch.setattr(Subject, "answer", longer(2))
    options = {"roles": {"subject": "subject:two"}, "count": 6, "design_repeats": 4, **second}
    run_tiny(folder, str(options.pop("text", SPEC)), **options)
    return folder / "results.db"


def compared(database: Path, *words: str) -> dict:
    done = CliRunner().invoke(cli, ["compare", "2", "1", "--json", "--db", str(database), *words])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def refused(database: Path, first: int, second: int) -> str:
    with Store.open(database) as store, pytest.raises(UsageError) as caught:
        compare(store, first, second, Catalogue())
    return str(caught.value)


def test_runs_are_paired_by_item_condition_and_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paired test is that of item means, its unit is stated, and pairing gains where items differ."""
    database = two_runs(tmp_path, monkeypatch)
    made = compared(database)
    assert made["paired_by"] == ["item", "tone", "repeat"]
    assert made["notes"] == []
    rows = {row["quantity"]: row for row in made["estimates"]}
    with Store.open(database) as store:
        columns = store.score_columns([2, 1], ["length"])
    means = np.array(
        [
            [
                columns.scores["length"][
                    (columns.labels["run"] == run) & (columns.labels["item"] == f"w{item}")
                ].mean()
                for item in range(6)
            ]
            for run in ("2", "1")
        ]
    )
    wanted = stats.ttest_rel(*means)
    paired, unpaired = rows["difference"], rows["difference-unpaired"]
    assert paired["value"] == pytest.approx(float((means[0] - means[1]).mean()))
    assert paired["p"] == pytest.approx(wanted.pvalue)
    assert paired["n"] == 48
    assert paired["method"] == (
        "paired t test of run 2 - run 1, paired by item, tone, repeat, two-sided, clustered by item "
        "(6 clusters)"
    )
    assert unpaired["p"] == pytest.approx(stats.ttest_ind(*means, equal_var=False).pvalue)
    assert rows["error-ratio"]["value"] == pytest.approx(unpaired["error"] / paired["error"])
    assert rows["error-ratio"]["value"] > 5


def test_the_table_states_unit_cluster_and_gain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People see both tests and the ratio."""
    database = two_runs(tmp_path, monkeypatch)
    done = CliRunner().invoke(cli, ["compare", "2", "1", "--db", str(database)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(
        "run 2 (subject:two) minus run 1 (subject:one), paired by item, tone, repeat\n"
    )
    for words in ("difference-unpaired", "error-ratio", "(6 clusters)"):
        assert words in " ".join(done.output.split())


def test_other_seeds_are_paired_by_condition_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeats of different seeds have nothing in common and are averaged."""
    made = compared(two_runs(tmp_path, monkeypatch, seed=99))
    assert made["paired_by"] == ["item", "tone"]
    assert made["notes"] == [
        "the runs have different seeds, so repeats drew differently; they are averaged within item and "
        "condition before pairing"
    ]
    assert made["estimates"][0]["n"] == 12


def test_runs_of_other_lengths_are_paired_as_far_as_they_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one of them has fewer repeats is said."""
    made = compared(two_runs(tmp_path, monkeypatch, design_repeats=1))
    assert made["notes"][-1] == "the first run has 1 repeat, the second 4"


def test_rows_without_a_partner_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of fewer items pairs what there is and says what was left."""
    made = compared(two_runs(tmp_path, monkeypatch, limit=4))
    assert made["estimates"][0]["n"] == 32
    assert "16" in made["estimates"][0]["note"]


def test_a_version_of_its_own_cannot_be_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version means that numbers may have changed."""
    database = two_runs(tmp_path, monkeypatch, text=SPEC.replace("version = 1", "version = 2"))
    assert refused(database, 1, 2) == (
        "run 1 is of version 1 of 'tiny' and run 2 of version 2; numbers of two versions are not "
        "comparable, so run one of them again"
    )


def test_a_run_is_not_compared_with_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run is no pair."""
    assert refused(two_runs(tmp_path, monkeypatch), 1, 1) == (
        "run 1 cannot be compared with itself; name two runs"
    )


def test_equal_runs_differ_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs of the same replies differ by 0 everywhere, which no test can say more of."""
    monkeypatch.setattr(Subject, "answer", longer(0))
    run_tiny(tmp_path, count=6)
    run_tiny(tmp_path, count=6, roles={"subject": "subject:two"})
    (row,) = compared(tmp_path / "results.db")["estimates"]
    assert (row["value"], row["p"], row["low"]) == (0.0, None, None)
    assert row["note"] == (
        "no test: all 12 values of the difference run 2 - run 1 are equal (0); a comparison of two "
        "runs needs values that differ"
    )
