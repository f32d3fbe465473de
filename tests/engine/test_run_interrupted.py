"""Ctrl-C while a run ends: the estimates of what was answered, or nothing more at all."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import tiny

import gnomon
from gnomon.cli.display import line
from gnomon.errors import EXIT_DONE, EXIT_INTERRUPTED
from gnomon.run import Tally, analysis, loop
from gnomon.store import Store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX has them")


@attrs.frozen(kw_only=True)
class Interrupted:
    """A subject during whose third answer Ctrl-C is pressed, so many times.

    Attributes:
        model: How many times.
    """

    name: ClassVar[str] = "interrupted"
    offers: ClassVar[gnomon.Capability] = gnomon.Capability(kinds=["chat"], blocking=False)
    calls: ClassVar[list[gnomon.Ask]] = []
    model: str

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        self.calls.append(ask)
        if len(self.calls) == 3:
            for _ in range(int(self.model)):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0.05)
        return gnomon.Reply(text="fine")


def estimates(folder: Path) -> int:
    with Store.open(folder / "results.db") as store:
        return len(store.estimates([1]))


@pytest.mark.parametrize(("times", "made"), [(1, True), (2, False)])
def test_control_c_once_makes_estimates_and_twice_does_not(
    tmp_path: Path, times: int, made: bool
) -> None:
    """What is in flight ends, and is estimated; the second press stops at once. Both go on later."""
    Interrupted.calls.clear()
    options: dict[str, Any] = {
        "extra": (Interrupted,),
        "roles": {"subject": f"interrupted:{times}"},
        "concurrency": 1,
    }
    outcome = tiny.run_tiny(tmp_path, **options)
    assert (outcome.exit_code, outcome.reason) == (
        EXIT_INTERRUPTED,
        "interrupted; give the same command again to go on",
    )
    assert 2 <= outcome.tally.done <= 3
    assert bool(estimates(tmp_path)) is made
    finished = tiny.run_tiny(tmp_path, **options)
    assert finished.exit_code == EXIT_DONE
    assert finished.tally.before + finished.tally.done == 6
    assert estimates(tmp_path)


def test_control_c_while_estimates_are_made_leaves_them_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops there and then, says so, and the same command makes the estimates without a call."""
    told: list[str] = []
    real = analysis.analyse

    def slow(spec: Any, store: Store, *rest: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(spec, store, *rest)

    class Watching:
        def begin(self, tally: Tally) -> None:
            self.tally = tally

        def end(self) -> None:
            told.append(line(self.tally))

        def say(self, sentence: str) -> None: ...
        def progress(self, here: int, in_all: int | None) -> None: ...

    monkeypatch.setattr(loop, "analyse", slow)
    monkeypatch.setattr(tiny, "Silent", Watching)
    outcome = tiny.run_tiny(tmp_path)
    assert outcome.exit_code == EXIT_INTERRUPTED
    assert (outcome.tally.done, estimates(tmp_path)) == (6, 0)
    assert "making the estimates" in told[0]
    monkeypatch.setattr(loop, "analyse", real)
    again = tiny.run_tiny(tmp_path)
    assert (again.exit_code, again.tally.calls) == (EXIT_DONE, 0)
    assert estimates(tmp_path)
