"""A whole ``gnomon run`` that dies: kill -9 at any moment, and Ctrl-C."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gnomon.errors import EXIT_DONE, EXIT_INTERRUPTED
from gnomon.store import Store
from long_runs import write_measure

TRIALS = 1200

# A backend that takes a moment, and writes down each call before it answers. One short write to a file
# opened for appending is whole or not there, also when the process is killed.
SLOW = '''\
"""Answers after a moment, and keeps a list of its calls."""

import asyncio
import os
from typing import ClassVar

import attrs

import gnomon


@attrs.frozen(kw_only=True)
class Slow:
    """Answers after a moment, and keeps a list of its calls.

    Attributes:
        model: The file with the list.
        delay: Seconds.
    """

    name: ClassVar[str] = "slow"
    offers: ClassVar[gnomon.Capability] = gnomon.Capability(kinds=["chat"], blocking=False)
    model: str
    delay: float = 0.01

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """The length of the answer is that of the question, halved."""
        await asyncio.sleep(self.delay)
        said = ask.messages[-1].content
        line = f"{ask.trial.ordinal}\\n".encode()
        calls = os.open(self.model, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(calls, line)
        os.close(calls)
        return gnomon.Reply(text=said[: len(said) // 2 + ask.trial.repeat % 7])


@gnomon.hookimpl
def register_backends():
    """One backend."""
    return [Slow]
'''

STARTER = """\
import sys
from gnomon.cli import main
main()
"""


class Campaign:
    """One command, given again and again, and what became of its calls."""

    def __init__(self, folder: Path, trials: int = TRIALS, delay: float = 0.01) -> None:
        spec = write_measure(folder, trials)
        (folder / "slow.py").write_text(SLOW)
        self.database = folder / "long.db"
        self.log = folder / "calls.txt"
        self.log.touch()
        plugins = ["--plugin", str(folder / "length.py"), "--plugin", str(folder / "slow.py")]
        model = f"slow:{self.log.name}?delay={delay}"
        self.folder = folder
        self.command = [sys.executable, "-c", STARTER, "run", str(spec), *plugins]
        self.command += ["--model", model, "--db", str(self.database), "--json"]

    def start(self) -> subprocess.Popen[str]:
        """The command, begun."""
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
        )

    def finish(self) -> tuple[int, str]:
        """The command to its end: exit code, and what it said on standard error."""
        with self.start() as process:
            _, said = process.communicate(timeout=600)
        return process.returncode, said

    def wait_for_calls(self, process: subprocess.Popen[str], more: int) -> None:
        """Until so many further calls were made, or the command has ended."""
        wanted = len(self.calls()) + more
        end = time.monotonic() + 60
        while len(self.calls()) < wanted and process.poll() is None:
            assert time.monotonic() < end, "the run makes no calls"
            time.sleep(0.01)

    def calls(self) -> list[str]:
        """The trial of each call, in order."""
        return self.log.read_text().splitlines()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What is in the database."""
        with Store.open(self.database) as store:
            return list(store.query(sql)[1])


SCORES = (
    "SELECT trial.ordinal, score.value, score.status FROM score "
    "JOIN trial ON trial.id = score.trial_id ORDER BY 1, 2"
)
STORED = (
    "SELECT DISTINCT trial.ordinal FROM ask JOIN trial ON trial.id = ask.trial_id "
    "JOIN reply ON reply.id = ask.reply_id WHERE reply.status = 'ok'"
)
ESTIMATES = "SELECT quantity, value, low, high, n FROM results ORDER BY 1, 2"


def undisturbed(folder: Path) -> Campaign:
    """The same measure, left alone."""
    campaign = Campaign(folder, delay=0.0001)
    assert campaign.finish()[0] == EXIT_DONE
    return campaign


def test_kill_minus_nine_at_any_moment(tmp_path: Path) -> None:
    """Every committed reply stays and is not asked for again, and the end is that of a calm run."""
    moments = 6  # of processes begun from nothing; test_run_killed_often has hundreds
    campaign = Campaign(tmp_path / "killed")
    draw = random.Random(moments)
    stored: set[str] = set()
    before = 0
    for _ in range(moments):
        with campaign.start() as process:
            campaign.wait_for_calls(process, 1)
            # Within the time that the run takes, spread over all its phases.
            time.sleep(draw.uniform(0.0, TRIALS / moments / 900))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        made = campaign.calls()
        assert not stored & set(made[before:]), "a reply that was committed was asked for again"
        before = len(made)
        with Store.open(campaign.database) as store:
            assert store.verify() == []
        now = {str(ordinal) for (ordinal,) in campaign.rows(STORED)}
        assert stored <= now, "a reply that was committed is gone"
        stored = now
    code, said = campaign.finish()
    assert code == EXIT_DONE, said
    assert not stored & set(campaign.calls()[before:])
    with Store.open(campaign.database) as store:
        assert store.verify() == []
    calm = undisturbed(tmp_path / "calm")
    assert len(campaign.rows(SCORES)) == TRIALS
    assert campaign.rows(SCORES) == calm.rows(SCORES)
    assert campaign.rows(ESTIMATES) == calm.rows(ESTIMATES)
    # Asked twice is only what was in flight or not yet committed when the process died.
    again = len(campaign.calls()) - TRIALS
    assert again <= moments * (200 + 2 * 16)


def test_control_c_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    """Exit code 130, everything that arrived is stored, and the same command asks only for the rest."""
    campaign = Campaign(tmp_path / "interrupted")
    # Slow at first, so that a busy machine presses it long before the end.
    slow, takes = campaign.folder / "slow.py", campaign.folder / "takes.txt"
    slow.write_text(SLOW.replace("(self.delay)", "(float(open('takes.txt').read()))"))
    takes.write_text("0.5")
    with campaign.start() as process:
        campaign.wait_for_calls(process, 50)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED, said
    assert '"reason": "interrupted; give the same command again to go on"' in out
    made = campaign.calls()
    assert {str(ordinal) for (ordinal,) in campaign.rows(STORED)} == set(made)
    assert 50 <= len(made) < TRIALS
    takes.write_text("0.0001")
    assert campaign.finish()[0] == EXIT_DONE
    assert sorted(campaign.calls(), key=int) == [str(ordinal) for ordinal in range(TRIALS)]


def test_the_same_command_twice_makes_no_call(tmp_path: Path) -> None:
    """The second invocation finds every reply and says the same."""
    campaign = undisturbed(tmp_path / "twice")
    assert len(campaign.calls()) == TRIALS
    first = campaign.rows(ESTIMATES)
    assert campaign.finish()[0] == EXIT_DONE
    assert len(campaign.calls()) == TRIALS
    assert campaign.rows(ESTIMATES) == first


def test_a_lone_reply_is_committed(tmp_path: Path) -> None:
    """When no further reply comes, those that came do not wait for one; test_run_loop knows how soon."""
    campaign = Campaign(tmp_path / "lone", 400, delay=0.01)
    slow = tmp_path / "lone" / "slow.py"
    # All calls but the first never end.
    slow.write_text(SLOW.replace("(self.delay)", "(0.01 if ask.trial.ordinal == 0 else 1000)"))
    with campaign.start() as process:
        campaign.wait_for_calls(process, 1)
        end = time.monotonic() + 60
        while campaign.rows("SELECT finished FROM runs") != [(1,)]:
            assert time.monotonic() < end, "the reply is not committed"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert campaign.rows(STORED) == [(0,)]
    assert campaign.rows("SELECT finished, planned, ended FROM runs") == [(1, 400, None)]
    assert campaign.rows("SELECT count(*) FROM score") == [(1,)]
