"""kill -9 at hundreds of random moments of whole runs: nothing acknowledged is lost or asked again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_run_kill import ESTIMATES, SCORES, STORED, Campaign

from forking import Forker, forker
from gnomon.store import Store

TRIALS = 400
DELAY = 0.002
ROWS = 20  # replies between two commits: many moments fall into one


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    """One process from which all commands are forked."""
    with forker(tmp_path_factory.mktemp("forker"), ROWS) as made:
        yield made


def arguments(campaign: Campaign) -> list[str]:
    """The campaign's command without the interpreter."""
    return [*campaign.command[campaign.command.index("run") :], "--quiet"]


def run_out(forks: Forker, campaign: Campaign) -> float:
    """Seconds that the command takes, undisturbed."""
    began = time.monotonic()
    assert forks.run(arguments(campaign)) == 0
    return time.monotonic() - began


def killed(forks: Forker, campaign: Campaign, after: float) -> bool:
    """The command, killed after so many seconds; False when it had ended before."""
    status = forks.run(arguments(campaign), after)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


@pytest.mark.parametrize(
    "moments", [8, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(2700)])]
)
def test_killed_at_random_moments(tmp_path: Path, forks: Forker, moments: int) -> None:
    """After each death the database opens, verifies, and holds every reply it acknowledged.

    Runs are killed again and again until they are through, each at moments spread evenly over the time
    that a calm run takes: while it opens, plans, asks, commits, scores and estimates.
    """
    draw = random.Random(moments)
    calm = Campaign(tmp_path / "calm", TRIALS, DELAY)
    took = run_out(forks, calm)
    deaths = runs = 0
    while deaths < moments:
        runs += 1
        campaign = Campaign(tmp_path / f"run-{runs}", TRIALS, DELAY)
        stored: set[str] = set()
        before = 0
        alive = True
        while alive and deaths < moments:
            alive = killed(forks, campaign, draw.uniform(0.0, took))
            deaths += alive
            made = campaign.calls()
            assert not stored & set(made[before:]), "a reply that was committed was asked for again"
            before = len(made)
            if not campaign.database.exists():
                continue
            with Store.open(campaign.database, write=True) as store:
                assert store.verify() == []
                now = {str(ordinal) for (ordinal,) in store.query(STORED)[1]}
            assert stored <= now, "a reply that was committed is gone"
            assert len(now) >= len(stored) + forks.acknowledged()
            stored = now
        run_out(forks, campaign)
        assert not stored & set(campaign.calls()[before:])
        assert campaign.rows(SCORES) == calm.rows(SCORES)
        assert campaign.rows(ESTIMATES) == calm.rows(ESTIMATES)
    print(f"{deaths} deaths in {runs} runs of {took:.2f} s")
