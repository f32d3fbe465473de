"""Commands in processes that are forked off one that has imported everything, to be killed by the hundred.

One invariant: what a child does is what ``gnomon`` does with the same arguments; only its start is spared.
Each commit is written down by the child once the database has acknowledged it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FORKER = """\
import os, signal, sys, time
import numpy, scipy.special, sqlite_utils, filelock
import gnomon.cli.run, gnomon.cli.display, gnomon.cli.results, gnomon.run.expect, gnomon.run.freezing
import gnomon_plugins.statistics, gnomon_plugins.sources, gnomon_plugins.executors
import gnomon_plugins.procedures, gnomon_plugins.scorers
from gnomon.cli import main
from gnomon.store import batch

batch.ROWS = int(sys.argv[2])
acknowledge = batch.Batch.clear

def clear(self):
    acknowledge(self)
    os.write(log, b"%d\\n" % self.acknowledged)

batch.Batch.clear = clear
for line in sys.stdin:
    seconds, *words = line.split("\\0")[:-1]
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 0)
        os.dup2(quiet, 1)
        sys.argv = ["gnomon", *words]
        try:
            main()
        except SystemExit as end:
            os._exit(end.code or 0)
        finally:
            os._exit(99)
    os.close(log)
    end = time.monotonic() + float(seconds)
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < end:
        time.sleep(0.002)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        # Not reaped yet, so the number is still the child's own.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    print(status, flush=True)
"""


class Forker:
    """Starts commands one after another.

    Attributes:
        commits: Where the running child writes the number of replies acknowledged, a line a commit.
    """

    def __init__(self, process: subprocess.Popen[str], commits: Path) -> None:
        self._process = process
        self.commits = commits

    def run(self, arguments: Sequence[str], kill_after: float = 200.0) -> int:
        """The wait status of a command, which is killed after so many seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        words = [repr(kill_after), *arguments]
        self._process.stdin.write("".join(f"{word}\0" for word in words) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def acknowledged(self) -> int:
        """Replies that the last command had committed when it ended."""
        lines = self.commits.read_text().splitlines() if self.commits.exists() else []
        return int(lines[-1]) if lines else 0


@contextmanager
def forker(folder: Path, rows: int) -> Iterator[Forker]:
    """A forker whose commands commit after so many replies."""
    commits = folder / "commits.txt"
    with subprocess.Popen(
        [sys.executable, "-c", FORKER, str(commits), str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    ) as process:
        try:
            yield Forker(process, commits)
        finally:
            assert process.stdin is not None
            process.stdin.close()
