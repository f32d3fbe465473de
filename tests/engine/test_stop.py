"""``[stop]``: a run ends when the answer is known, and says what it spared."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tiny import SPEC, Subject, catalogue, run_tiny, trial_of, write_spec

from gnomon import Ask, Capability, Reply, SpecError
from gnomon.loading import load
from gnomon.store import Store

RULE = """
[stop]
use = "confidence-sequence"
of = "length"
lower = 0.0
upper = 20.0
every = 6
"""
NARROW = SPEC + RULE + "half_width = 3.0\n"


def reasons(folder: Path) -> list[str]:
    with Store.open(folder / "results.db") as store:
        return store.reasons(1)


def test_a_run_stops_when_the_interval_is_narrow(tmp_path: Path) -> None:
    """No further trial is sent, the run is done, and the reason is stored."""
    outcome = run_tiny(tmp_path, NARROW, design_repeats=200, concurrency=1)
    assert outcome.exit_code == 0
    assert outcome.reason is None
    assert outcome.tally.planned == 1200
    assert 12 <= outcome.tally.done < 600
    assert outcome.tally.done % 6 == 0
    assert outcome.stopped is not None
    assert outcome.stopped.startswith("stopped by rule: the interval of length, ")
    assert outcome.stopped.endswith("at level 0.95, has a half-width of at most 3")
    assert reasons(tmp_path) == [outcome.stopped]


def test_a_stopped_run_stays_stopped(tmp_path: Path) -> None:
    """The same command again asks nothing and gives the same reason."""
    first = run_tiny(tmp_path, NARROW, design_repeats=200, concurrency=1)
    Subject.calls.clear()
    second = run_tiny(tmp_path, NARROW, design_repeats=200, concurrency=1)
    assert Subject.calls == []
    assert second.exit_code == 0
    assert second.stopped == first.stopped
    assert second.tally.before == first.tally.done


def test_an_interrupted_run_stops_where_it_would_have(tmp_path: Path) -> None:
    """A budget in between changes neither the decision nor the number of trials."""
    whole = run_tiny(tmp_path, NARROW, design_repeats=200, concurrency=1)
    other = tmp_path / "other"
    other.mkdir()
    part = run_tiny(other, NARROW, design_repeats=200, concurrency=1, max_calls=7)
    assert part.stopped is None
    assert part.exit_code == 3
    rest = run_tiny(other, NARROW, design_repeats=200, concurrency=1)
    assert rest.tally.before + rest.tally.done == whole.tally.done
    assert rest.stopped == whole.stopped


def test_a_run_stops_when_it_is_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value lies outside the interval: the side is said."""
    monkeypatch.setattr(Subject, "answer", lambda _: "x" * 15)
    outcome = run_tiny(
        tmp_path, SPEC + RULE + "decision = 10.0\n", design_repeats=200, concurrency=1
    )
    assert outcome.stopped is not None
    assert outcome.stopped.endswith("at level 0.95, lies above 10")


def test_least_and_most_trials(tmp_path: Path) -> None:
    """Nothing is decided before ``min``, and ``max`` ends the run."""
    rule = SPEC + RULE + "half_width = 3.0\nmin = 600\n"
    assert run_tiny(tmp_path, rule, design_repeats=200, concurrency=1).tally.done == 600
    rule = SPEC + RULE + "half_width = 0.001\nmax = 30\n"
    outcome = run_tiny(tmp_path, rule, design_repeats=200, concurrency=1)
    assert outcome.tally.done == 30
    assert outcome.stopped == ("stopped by rule: the most trials of the rule, 30, were finished")


MOST = SPEC.replace(
    "[[score]]", '[[turn]]\nname = "more"\nuser = "And of {{word}}?"\n\n[[score]]', 1
)
MOST += RULE.replace("every = 6", "every = 2") + "half_width = 0.001\nmax = 4\n"


class Slow:
    """Answers about the first four trials soon, and about the others when those are finished."""

    name = "slow"
    offers = Capability(kinds=["chat"])
    asked: ClassVar[list[int]] = []

    def __init__(self, model: str) -> None:
        self.model = model

    async def ask(self, ask: Ask) -> Reply:
        Slow.asked.append(trial_of(ask).ordinal)
        await asyncio.sleep(0.5 if Slow.asked[-1] >= 4 else 0.02)
        return Reply(text="slow")


def test_what_ends_a_run_later_does_not_undo_its_rule(tmp_path: Path) -> None:
    """A budget that was used up by trials under way is no reason to go on another time."""
    options: dict[str, Any] = {"extra": (Slow,), "roles": {"subject": "slow:x"}, "concurrency": 8}
    Slow.asked.clear()
    outcome = run_tiny(tmp_path, MOST, count=10, max_calls=12, **options)
    rule = "stopped by rule: the most trials of the rule, 4, were finished"
    assert (outcome.exit_code, outcome.reason, outcome.stopped) == (0, None, rule)
    assert (outcome.tally.done, outcome.tally.calls) == (4, 12)
    assert reasons(tmp_path) == [rule]
    again = run_tiny(tmp_path, MOST, count=10, **options)
    assert (again.tally.calls, again.stopped) == (0, rule)


def test_a_run_that_is_killed_when_its_rule_was_met_stays_stopped(tmp_path: Path) -> None:
    """The reason is in the database before the trials under way have ended; without it, the rule is asked again first."""
    options: dict[str, Any] = {"extra": (Slow,), "roles": {"subject": "slow:x"}, "concurrency": 8}
    noted: list[str] = []

    class Watching(Slow):
        name = "watching"

        async def ask(self, ask: Ask) -> Reply:
            reply = await super().ask(ask)
            if trial_of(ask).ordinal >= 4:
                noted.extend(reasons(tmp_path))
            return reply

    watched = {**options, "extra": (Watching,), "roles": {"subject": "watching:x"}}
    first = run_tiny(tmp_path, MOST, count=10, **watched)
    assert noted[0] == first.stopped is not None
    other = tmp_path / "other"
    other.mkdir()
    run_tiny(other, MOST, count=2, concurrency=1)
    with sqlite3.connect(other / "results.db") as connection:
        connection.execute("UPDATE session SET reason = NULL, ended_at = NULL")
    Subject.calls.clear()
    assert run_tiny(other, MOST, count=2, concurrency=1).stopped == first.stopped
    assert Subject.calls == []


def test_a_rule_that_is_not_reached_changes_nothing(tmp_path: Path) -> None:
    """The whole plan is run."""
    outcome = run_tiny(tmp_path, SPEC + RULE + "half_width = 0.001\n", design_repeats=4)
    assert (outcome.tally.done, outcome.stopped, outcome.exit_code) == (24, None, 0)
    assert reasons(tmp_path) == ["done"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            '[stop]\nuse = "mean"\nof = "length"\nhalf_width = 1.0\n',
            "stop.use: the statistic 'mean' is not valid under continuous looking; those that are: "
            "confidence-sequence",
        ),
        (RULE, "stop: expected one of 'half_width' and 'decision'"),
        (
            RULE + "half_width = 0.0\n",
            "stop.half_width: expected a number above 0, found the number 0.0",
        ),
        (
            RULE + "decision = 1.0\nalpha = 1.5\n",
            "stop.alpha: expected a number between 0 and 1, found the number 1.5",
        ),
        (
            RULE + "decision = 1.0\nlevel = 0.9\n",
            "stop.level: the level is 1 - alpha; leave it out",
        ),
        (
            RULE.replace('"length"', '"lenght"') + "decision = 1.0\n",
            "stop.of: there is no score 'lenght' (did you mean 'length'?); there are: length",
        ),
        (
            RULE + "decision = 1.0\nmin = 10\nmax = 5\n",
            "stop.max: expected a whole number of at least 10, found the whole number 5",
        ),
    ],
)
def test_wrong_rules(tmp_path: Path, rule: str, sentence: str) -> None:
    """Each fault is a sentence with its place."""
    path = write_spec(tmp_path, SPEC + rule)
    with pytest.raises(SpecError) as caught:
        load(path, catalogue())
    (line,) = str(caught.value).splitlines()
    assert line.split(" ", 1)[1] == sentence


def test_bounds_that_do_not_hold_stop_nothing(tmp_path: Path) -> None:
    """Scores out of the declared bounds give no interval, so the run goes on to its end."""
    rule = SPEC + RULE.replace("20.0", "5.0") + "half_width = 3.0\n"
    assert run_tiny(tmp_path, rule, design_repeats=4).stopped is None
