"""``power``: simulated power agrees with the exact formula, and the size found has the power wanted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gnomon import UsageError
from gnomon.catalogue import Catalogue
from gnomon.cli import cli
from gnomon.loading import load
from gnomon.run import RunRequest
from gnomon.simulation import Setting, power_of


def setting(measure: str, **options: object) -> Setting:
    found = Catalogue()
    spec = load(found.find_measure(measure), found)
    return Setting(request=RunRequest(spec=spec, roles={}, **options))  # type: ignore[arg-type]


def test_simulation_and_formula_agree() -> None:
    """At every size tried the two lie within four Monte-Carlo errors, and the target is reached."""
    report = power_of(setting("implicit-bias"), effect=0.08, runs=150, most=8)
    assert report.repeats is not None
    reached = {one.repeats: one for one in report.tried if one.items == 21}
    assert reached[report.repeats].power >= 0.8
    assert reached[report.repeats - 1].power < 0.8
    for one in report.tried:
        assert one.exact is not None
        assert abs(one.power - one.exact) < 4 * max(one.error, 0.02)


def test_fewer_items_may_be_enough() -> None:
    """A large effect is found with some of the items at the measure's own repeats."""
    report = power_of(setting("implicit-bias"), effect=0.3, runs=40, most=4)
    assert report.repeats == 1
    assert report.items is not None
    assert 1 < report.items < 10


def test_a_comparison_of_levels_is_planned_for() -> None:
    """Where a statistic compares levels it is the one whose power is found, with no exact formula."""
    report = power_of(setting("decision-bias-absolute"), effect=0.5, runs=30, most=4)
    assert report.statistic == "group-difference"
    assert report.repeats in (1, 2)
    assert all(one.exact is None for one in report.tried)


def test_too_few_repeats_are_said() -> None:
    """No number of repeats is given when the most allowed do not reach the power."""
    report = power_of(setting("implicit-bias", limit=2), effect=0.01, runs=10, most=2)
    assert report.repeats is None
    assert report.items is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 1.0}, "--power must lie between 0 and 1; it is 1"),
        ({"alpha": 0.0}, "--alpha must lie between 0 and 1; it is 0"),
        (
            {"statistic": "overal"},
            "the measure 'implicit-bias' has no statistic 'overal' (did you mean 'overall'?); there "
            "are: by-category, by-stereotype, by-variation, one-sided-rate, overall, "
            "overall-clustered, share-parsed",
        ),
        (
            {"statistic": "share-parsed", "runs": 2, "most": 1},
            "the statistic 'share-parsed' of 'implicit-bias' gave no p-value in any simulated run, so "
            "it has no power; name another with --statistic",
        ),
    ],
)
def test_what_has_no_power_is_refused(options: dict[str, object], message: str) -> None:
    """Each with a sentence."""
    with pytest.raises(UsageError) as refused:
        power_of(setting("implicit-bias", limit=2), effect=0.1, **options)  # type: ignore[arg-type]
    assert str(refused.value) == message


def test_few_runs_leave_the_power_open() -> None:
    """An interval is Wilson's, so all of five runs say at least 0.57; a size without a test says why."""
    from scipy import stats

    report = power_of(
        setting("implicit-bias"), effect=0.3, runs=5, most=1, statistic="overall-clustered"
    )
    tried = {one.items: one for one in report.tried}
    assert tried[21].power == 1
    for one in tried.values():
        exact = stats.binomtest(round(5 * one.power), 5).proportion_ci(method="wilson")
        assert (one.low, one.high) == pytest.approx((exact.low, exact.high))
    assert tried[21].why is None
    assert (tried[1].units, tried[1].power, tried[1].why) == (
        0,
        0,
        "a one-sample t test clustered by 'item' needs at least 2 clusters, and all 4 rows have the same "
        "'item' ('racism')",
    )


def test_the_command_prints_a_table() -> None:
    """Each size with its interval; one without a test has a note."""
    words = ["power", "implicit-bias", "--effect", "0.3", "--runs", "5", "--most", "1"]
    done = CliRunner().invoke(cli, [*words, "--statistic", "overall-clustered"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[1] == "repeats  items     n  power %   95% interval"
    assert lines[2] == "      1      1  none  no test"
    assert "      1     21    84    100.0  [56.6, 100.0]" in lines
    assert "power 80% needs 1 repeat of all items" in lines
    assert (
        "1 × 1: no test could be made: a one-sample t test clustered by 'item' needs at least 2 clusters, "
        "and all 4 rows have the same 'item' ('racism')"
    ) in " ".join(done.output.split())


def test_the_command_gives_calls_and_tokens() -> None:
    """The JSON holds the repeats found and what a run of them asks."""
    command = [sys.executable, "-m", "gnomon", "power", "implicit-bias", "--effect", "0.4"]
    said = subprocess.run(
        [*command, "--runs", "20", "--json"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    report = json.loads(said.stdout)
    assert report["repeats"] == 1
    assert report["roles"]["subject"]["asks"] == report["trials"] == 84
