"""A tiny measure with as many trials as wanted, and whole runs of it in processes of their own.

One invariant: what is measured is ``gnomon run`` as a user gives it, from its first import to its exit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs

ITEMS = 200

SPEC = """\
measure = "long"
title = "How long the answers to many small questions are"
version = 1
seed = 5
needs = ["chat"]

[stimuli]
use = "table"
file = "words.csv"
key = "word"
fields = ["word"]
groups = ["kind"]

[design]
repeats = {repeats}
[design.factors]
tone = ["plain", "polite"]

[[turn]]
user = "Say something {{tone}} about {{word}}, the {{kind}} one."

[[score]]
use = "length"

[[statistic]]
use = "mean"
of = "length"
by = ["kind"]
"""

PLUGIN = '''\
"""Characters of the reply."""

from typing import ClassVar

import attrs

import gnomon


@attrs.frozen(kw_only=True)
class Length:
    """Characters of the reply."""

    name: ClassVar[str] = "length"

    def score(self, record: gnomon.TrialRecord) -> gnomon.Score:
        """One score."""
        return gnomon.Score(name="length", value=float(len(record.last.text)))


@gnomon.hookimpl
def register_scorers():
    """One scorer."""
    return [Length]
'''

# The closing line goes to a descriptor of its own, so that the command's output stays what it is.
_MEASURED = """\
import os, resource, sys
from gnomon.cli import main
try:
    main()
finally:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    os.write(int(os.environ["MEASURED_FD"]), b"%d" % usage.ru_maxrss)
"""


@attrs.frozen(kw_only=True)
class Ran:
    """What came of a whole run.

    Attributes:
        peak: Peak resident memory in MiB.
        report: What ``gnomon run --json`` prints.
    """

    peak: float
    report: dict[str, Any]

    @property
    def rate(self) -> float:
        """Trials per second, from the first trial to the last estimate."""
        return float(self.report["trials"]["now"] / self.report["seconds"])


def write_measure(folder: Path, trials: int) -> Path:
    """The spec ``long.toml`` with its table and its plugin, for so many trials.

    Raises:
        ValueError: Two tones times 200 words do not divide the number.
    """
    repeats, rest = divmod(trials, 2 * ITEMS)
    if rest or not repeats:
        raise ValueError(f"the number of trials must be a multiple of {2 * ITEMS}, not {trials}")
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["word,kind"]
    lines += [f"word{number},{'odd' if number % 2 else 'even'}" for number in range(ITEMS)]
    (folder / "words.csv").write_text("\n".join(lines) + "\n")
    (folder / "length.py").write_text(PLUGIN)
    spec = folder / "long.toml"
    spec.write_text(SPEC.format(repeats=repeats))
    return spec


def whole_run(folder: Path, trials: int, model: str, *more: str, timeout: float = 600) -> Ran:
    """``gnomon run`` of so many trials, in a process of its own.

    Raises:
        RuntimeError: It did not exit with 0; what it said is in the message.
    """
    spec = write_measure(folder, trials)
    reading, writing = os.pipe()
    command = ["run", str(spec), "--plugin", str(folder / "length.py"), "--model", model]
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                _MEASURED,
                *command,
                "--db",
                str(folder / "long.db"),
                "--json",
                *more,
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            pass_fds=(writing,),
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
                "MEASURED_FD": str(writing),
            },
        )
        os.close(writing)
        writing = -1
        kilobytes = int(os.read(reading, 100) or 0)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if done.returncode:
        raise RuntimeError(f"gnomon run exited with {done.returncode}: {done.stdout}{done.stderr}")
    return Ran(peak=kilobytes / 1024, report=json.loads(done.stdout)[0])
