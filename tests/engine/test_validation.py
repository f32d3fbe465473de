"""``validate``: a sound measure holds, a broken one is caught, and the rates are right."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import attrs
import pytest
from tiny import Growing, catalogue, write_spec

import gnomon
from gnomon import Item, Planting, Score, UsageError
from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.run import RunRequest
from gnomon.simulation import Report, Setting, Workplace, setting_of, simulate_many, validate
from gnomon.simulation.many import Job
from gnomon_plugins.scorers.association_d import AssociationD

REPO = Path(__file__).parents[2]

CHOICE = """\
measure = "tiny"
title = "Which of two"
version = 1
seed = 5
needs = ["chat"]

[stimuli]
use = "twos"

[design]
{balanced}

{draw}

[[turn]]
user = "{first} or {second}? Think of {{word}}, and answer with one word."

[[score]]
use = "yes-no"
yes = ["alpha"]
no = ["beta"]

[[statistic]]
use = "t-one-sample"
of = "yes-no"
against = 0.5
"""
ARRANGE = """\
[[design.draw]]
name = "shown"
arrange = ["one", "other"]
by = "order"
into = ["first", "second"]
"""


@attrs.frozen(kw_only=True)
class Twos:
    """Forty words with the same two options."""

    name: ClassVar[str] = "twos"

    def items(self, around: object) -> Iterator[Item]:
        for number in range(40):
            fields = {"word": f"word{number}", "one": "alpha", "other": "beta"}
            yield Item(key=f"w{number}", fields=fields)


@attrs.frozen(kw_only=True)
class ZeroD(AssociationD):
    """A scorer with a fault: a reply that cannot be read counts as no bias."""

    name: ClassVar[str] = "zero-d"

    def score(self, record: gnomon.TrialRecord) -> Iterator[Score]:
        for score in super().score(record):
            yield Score(name=score.name, value=0.0) if score.value is None else score


def choice(folder: Path, *, balanced: bool) -> Workplace:
    found = catalogue(Twos)
    text = CHOICE.replace("{balanced}", 'balanced = { order = ["ab", "ba"] }' if balanced else "")
    text = text.replace("{draw}", ARRANGE if balanced else "")
    for name, fixed in (("first", "alpha"), ("second", "beta")):
        text = text.replace(f"{{{name}}}", f"{{{{{name}}}}}" if balanced else fixed)
    spec = load(write_spec(folder, text), found)
    return Workplace(setting=setting_of(RunRequest(spec=spec, roles={}), found))


def shipped(measure: str, **options: object) -> Workplace:
    found = Catalogue()
    spec = load(found.find_measure(measure), found)
    return Workplace(setting=setting_of(RunRequest(spec=spec, roles={}, **options), found))  # type: ignore[arg-type]


def faults(report: Report) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.faults:
            out.setdefault(finding.nuisance, []).extend(finding.faults)
    return out


def test_a_counterbalanced_choice_holds(tmp_path: Path) -> None:
    """With the order balanced no nuisance breaks a simple choice but a liking for one of its labels."""
    report = validate(choice(tmp_path, balanced=True), effect=0.2, runs=60)
    assert set(faults(report)) == {"label bias"}


def test_a_choice_in_a_fixed_order_is_caught(tmp_path: Path) -> None:
    """Without counterbalancing the option shown first is taken for an effect."""
    report = validate(choice(tmp_path, balanced=False), effect=0.2, runs=60)
    assert report.failed
    assert "order bias" in report.breaking
    assert "none" not in report.breaking
    assert any(
        sentence.startswith("finds an effect in ") for sentence in faults(report)["order bias"]
    )


def test_missing_counted_as_zero_is_caught(tmp_path: Path) -> None:
    """A scorer that makes 0 of what it cannot read shrinks the estimate when answers are refused."""
    folder = tmp_path / "data"
    folder.mkdir()
    source = REPO / "specs"
    (folder / "implicit-bias.csv").write_bytes((source / "data/implicit-bias.csv").read_bytes())
    text = (source / "implicit-bias.toml").read_text("utf-8")
    text = text.replace('"implicit-bias"', '"zero"', 1).replace("association-d", "zero-d")
    (tmp_path / "zero.toml").write_text(text, "utf-8")
    found = catalogue(ZeroD)
    request = RunRequest(spec=load(tmp_path / "zero.toml", found), roles={})
    report = validate(Workplace(setting=setting_of(request, found)), effect=0.4, runs=20)
    assert report.failed
    assert report.breaking == ("refusals",)
    assert any(sentence.startswith("is off by -0.0") for sentence in faults(report)["refusals"])


def test_type_1_error_and_coverage_of_the_t_test_are_nominal() -> None:
    """Over 600 null runs of 40 trials 5 % reject and 95 % of intervals hold, within three errors."""
    workplace = shipped("implicit-bias", limit=10)
    jobs = [Job(planting=Planting(noise=0.1), seed=seed) for seed in range(600)]
    overall = [
        next(one for one in outcomes if one.block == 0)
        for outcomes in simulate_many(workplace, jobs)
    ]
    truth = sum(one.truth or 0 for one in overall) / len(overall)
    assert -0.003 < truth < 0
    rejected = sum((one.p or 0) < 0.05 for one in overall) / len(overall)
    held = sum((one.low or 0) <= truth <= (one.high or 0) for one in overall) / len(overall)
    error = math.sqrt(0.05 * 0.95 / len(overall))
    assert abs(rejected - 0.05) < 3 * error
    assert abs(held - 0.95) < 3 * error


@pytest.mark.parametrize("effect", [-0.5, 0.1, 0.6])
def test_planted_effects_are_recovered(effect: float) -> None:
    """The mean estimate lies within four errors of the planted D, less the formula's own shift."""
    workplace = shipped("implicit-bias", limit=10)
    jobs = [Job(planting=Planting(effect=effect), seed=seed) for seed in range(60)]
    values = [outcomes[0].value or 0.0 for outcomes in simulate_many(workplace, jobs)]
    mean = sum(values) / len(values)
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / 59 / 60)
    assert abs(mean - (effect - 0.0013)) < 4 * error


def test_a_run_does_not_depend_on_the_others_or_on_the_process(monkeypatch) -> None:
    """Two processes give the numbers that one gives."""
    workplace = shipped("implicit-bias", limit=2)
    jobs = [Job(planting=Planting(effect=0.2, refusals=0.1), seed=seed) for seed in range(4)]
    here = simulate_many(workplace, jobs)
    assert simulate_many(workplace, jobs[2:]) == here[2:]
    monkeypatch.setattr("gnomon.simulation.many.WORTH_IT", 0)
    assert simulate_many(attrs.evolve(workplace, processes=2), jobs) == here


def test_a_judge_may_be_played_by_a_function() -> None:
    """A judge who always names nobody leaves no decision to test."""
    from gnomon_plugins.backends.scripted import Scripted

    workplace = shipped("decision-bias", limit=3)
    judge = Scripted(function=lambda ask: "neither")
    setting = Setting(request=workplace.setting.request, backends={"judge": judge})
    outcomes = simulate_many(
        Workplace(setting=setting), [Job(planting=Planting(effect=0.2), seed=1)]
    )[0]
    assert outcomes[0].value is None
    assert outcomes[0].note == "no estimate: all 12 values of 'decision' are missing"


def test_a_role_that_the_measure_does_not_have_is_refused() -> None:
    """With the nearest name and the list."""
    found = Catalogue()
    spec = load(found.find_measure("decision-bias"), found)
    request = RunRequest(spec=spec, roles={"judgge": "scripted:fill"})
    with pytest.raises(UsageError) as refused:
        setting_of(request, found)
    assert str(refused.value) == (
        "the measure 'decision-bias' has no role 'judgge' (did you mean 'judge'?); its roles are: "
        "judge, subject"
    )


def test_the_first_round_of_an_adaptive_source_is_tried(tmp_path: Path) -> None:
    """What later rounds ask depends on scores; the two items of the first are simulated."""
    found = catalogue(Growing)
    text = (
        'measure = "tiny"\ntitle = "t"\nversion = 1\nseed = 1\nneeds = ["chat"]\n'
        '[stimuli]\nuse = "growing"\n[design]\nrepeats = 20\n[[turn]]\nuser = "{word}"\n'
        '[[score]]\nuse = "yes-no"\n[[statistic]]\nuse = "t-one-sample"\nof = "yes-no"\n'
        'against = 0.5\ncluster = "none"\n'
    )
    (tmp_path / "tiny.toml").write_text(text)
    request = RunRequest(spec=load(tmp_path / "tiny.toml", found), roles={})
    report = validate(Workplace(setting=setting_of(request, found)), runs=4)
    clean = next(one for one in report.findings if one.nuisance == "none")
    assert clean.units == 40


def gnomon_says(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gnomon", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["validate", "power"])
def test_a_level_that_is_not_there_is_refused(command: str) -> None:
    """As in a run: the levels of the factor are listed."""
    more = ("--effect", "0.3") if command == "power" else ()
    said = gnomon_says(command, "implicit-bias", *more, "--only", "variation=plane")
    assert said.returncode == 2
    assert said.stderr.strip() == (
        "gnomon: --only variation=plane: the factor 'variation' has no such level (did you mean "
        "'plain'?); it has: plain, reworded, labels-first, synonym"
    )


def test_the_command_prints_json_and_its_exit_code() -> None:
    """A sound measure exits with 0, and the report holds each nuisance."""
    said = gnomon_says("validate", "implicit-bias", "--limit", "6", "--runs", "10", "--json")
    report = json.loads(said.stdout)
    assert said.returncode == 0, said.stderr
    assert report["failed"] is False
    assert report["simulated"] == 100
    assert list(dict.fromkeys(one["nuisance"] for one in report["findings"])) == [
        "none",
        "refusals",
        "format errors",
        "order bias",
        "label bias",
    ]


def test_an_effect_that_cannot_be_planted_is_a_sentence() -> None:
    """Exit code 2, and the range."""
    said = gnomon_says("validate", "decision-bias", "--effect", "0.7", "--runs", "2")
    assert said.returncode == 2
    assert said.stderr == (
        "gnomon: an effect of 0.7 cannot be planted in codes from 0 to 1: it has to lie between "
        "-0.5 and 0.5\n"
    )


def test_what_is_not_administered_is_not_judged() -> None:
    """A statistic that compares levels which ``only`` leaves out refuses in every run and is no fault."""
    found = Catalogue()
    spec = load(found.find_measure("psychometric-attack"), found)
    request = RunRequest(
        spec=spec, roles={}, repeats=1, limit=4, only={"request": ("bare-question",)}
    )
    report = validate(Workplace(setting=setting_of(request, found)), runs=2)
    left_out = [one for one in report.findings if one.statistic == "effect-of-request"]
    assert left_out
    assert all(one.refused == 1 and not one.judged and not one.faults for one in left_out)
