"""A run whose names and replies are as unpleasant as they come: quotes, Hebrew, emoji, escapes, formulas."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from gnomon.cli import cli

SPEC = """\
measure = "hostile"
title = "Yes to a statement, by a model that misbehaves"
version = 1
seed = 3
needs = ["chat"]

[stimuli]
use = "table"
file = "claims.csv"
key = "claim"
groups = ["topic"]

[design]
repeats = 3
factors = { tone = ["plain", "polite"] }

[[turn]]
user = "Is it true that {claim}? Answer yes or no."

[[score]]
use = "yes-no"

[[statistic]]
use = "proportion"
of = "yes-no"
by = ["topic"]

[[statistic]]
use = "t-one-sample"
of = "yes-no"
by = ["tone"]
against = 0.5
correction = "holm"
"""
CLAIMS = """\
claim,topic
tea is hot,food
bread is soft,food
"a ""quoted"" thing, with a comma",food
שלום עולם טוב מאוד,rtl עברית
日本語の文は長い,日本語 👩‍👩‍👧
"=HYPERLINK(""x"")",weather & <b>climate</b>
snow is cold,weather & <b>climate</b>
"""
ANSWERS = """\
default = "Yes."

[[rule]]
match = "tea"
reply = "\\u001b[31mI cannot\\u001b[0m answer that for **tea is hot** 12."
[[rule]]
match = "bread"
reply = "No, I would not say so."
[[rule]]
match = "quoted"
reply = '{long}'
[[rule]]
match = "HYPER"
reply = "=cmd|' /C calc'!A0"
[[rule]]
match = "日本"
reply = "はい、そうです。\\u202eevil"
[[rule]]
match = "snow"
reply = "I am sorry, I cannot help with snow."
status = "refused"
[[rule]]
match = "שלום"
fail = "the service is down (request 8123)"
"""


def write(folder: Path, spec: str = SPEC) -> None:
    """The measure and its respondent as files."""
    (folder / "hostile.toml").write_text(spec, "utf-8")
    (folder / "claims.csv").write_text(CLAIMS, "utf-8")
    (folder / "answers.toml").write_text(ANSWERS.replace("{long}", "x" * 10_000), "utf-8")


def gnomon(*words: str, width: int = 80, **environment: str) -> Result:
    """A command in this process, as wide as told."""
    return CliRunner(env={"COLUMNS": str(width), **environment}).invoke(cli, list(words))


def said(*words: str, width: int = 80) -> str:
    """What a command that succeeds prints."""
    done = gnomon(*words, width=width)
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.stdout
