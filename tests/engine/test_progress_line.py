"""What a run shows while it goes on."""

from __future__ import annotations

import io
import re
from functools import partial

import pytest
import rich.console

from gnomon.cli.display import Live, line
from gnomon.run import Tally


@pytest.mark.parametrize(
    ("replies", "unpriced", "cost", "said"),
    [
        ({}, 0, 0.0, None),
        ({"ok": 3}, 3, 0.0, "cost unknown"),
        ({"error": 2, "ok": 1}, 2, 0.25, "0.2500 $"),
    ],
)
def test_the_cost_is_said_when_it_is_known(
    replies: dict[str, int], unpriced: int, cost: float, said: str | None
) -> None:
    """Calls that are still under way say nothing of it: not that they are free either."""
    tally = Tally(calls=20, unpriced=unpriced, cost=cost)
    tally.statuses.update(replies)
    parts = line(tally).split(" · ")
    assert [part for part in parts if "$" in part or "cost" in part] == ([said] if said else [])


def test_why_calls_wait_is_shown_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of eighty columns too, over several lines."""
    shown = io.StringIO()
    console = partial(rich.console.Console, file=shown, force_terminal=True, width=80)
    monkeypatch.setattr(rich.console, "Console", lambda **_: console())
    reason = "7 wait to try again, the next in 18 s, after: http:m at http://127.0.0.1:8000/v1 answered 429: slow"
    live = Live()
    live.begin(Tally(planned=9, done=2, waits=lambda: [reason]))
    live.end()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    assert reason.replace(" ", "") in re.sub(r"[^!-~]", "", text)
