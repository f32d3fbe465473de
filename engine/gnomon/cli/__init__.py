"""The command line: parses and prints, and decides nothing.

One invariant: a command's module is imported only when that command is called, so that ``--help`` and
``list`` cost what click costs. The table below is what ``--help`` shows; a test holds it against the
commands themselves.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "cache": (
        "gnomon.cli.cache",
        "Say why replies were, or were not, taken from the store.",
    ),
    "check": (
        "gnomon.cli.check",
        "Validate measures, by name or path, with the loader that runs use.",
    ),
    "compare": (
        "gnomon.cli.compare",
        "Compare two runs of one measure: first minus second, paired by item, condition and repeat.",
    ),
    "completion": (
        "gnomon.cli.completion",
        "Print what a shell needs to complete commands, measures, models, runs and columns.",
    ),
    "correlate": (
        "gnomon.cli.correlate",
        "Relate one score to others, of the same run or of other measures.",
    ),
    "describe": (
        "gnomon.cli.describe",
        "Explain a measure or a plugin: what it is for and every option.",
    ),
    "doctor": (
        "gnomon.cli.doctor",
        "Say whether what is installed here, and a results database, can be used, and what to do if not.",
    ),
    "export": (
        "gnomon.cli.export",
        "Write results for other programs: everything, one view, logs of Inspect, or what to cite.",
    ),
    "failures": (
        "gnomon.cli.failures",
        "Show the commonest replies that could not be read, and what would have been; refusals and errors.",
    ),
    "freeze": (
        "gnomon.cli.freeze",
        "Write down what a run will be before it is made, so that the run can be held against it.",
    ),
    "import": (
        "gnomon.cli.importing",
        "Store replies that others published as a run, and score them.",
    ),
    "list": ("gnomon.cli.listing", "List measures, runs, or plugins of a kind."),
    "merge": (
        "gnomon.cli.merge",
        "Merge results databases into one, such as the shards of a campaign.",
    ),
    "models": ("gnomon.cli.models", "List or pull model files."),
    "new": (
        "gnomon.cli.new",
        "Write a tested, running starting point: a measure, a plugin of any kind, or a package.",
    ),
    "plan": (
        "gnomon.cli.plan",
        "Show trials, asks, example prompts, tokens and cost of a run, without asking anything.",
    ),
    "plugins": (
        "gnomon.cli.plugins",
        "Show who offers what, from where, how long its import takes, and what failed to load.",
    ),
    "power": (
        "gnomon.cli.power",
        "Say how many repeats or items a measure needs to find an effect, by simulation.",
    ),
    "query": (
        "gnomon.cli.query",
        "Ask SQL of a results database. It is opened read-only; nothing can be changed.",
    ),
    "report": (
        "gnomon.cli.report",
        "Write what was measured, how, and what was found as one HTML file that needs no network.",
    ),
    "results": (
        "gnomon.cli.results",
        "Show the estimates with interval, p, corrected p, n, and what is missing and why.",
    ),
    "run": ("gnomon.cli.run", "Run a measure, by name or path, on one or several models."),
    "score": (
        "gnomon.cli.score",
        "Score the stored replies of a run again, without calling a model.",
    ),
    "serve": (
        "gnomon.cli.serve",
        "Browse a results database on this machine: tables, questions and charts, read-only.",
    ),
    "show": (
        "gnomon.cli.show",
        "Show a trial: the whole conversation, and beside it what was read off it.",
    ),
    "upgrade": (
        "gnomon.cli.upgrade",
        "Bring a results database that an older gnomon made up to date.",
    ),
    "validate": (
        "gnomon.cli.validate",
        "Try a measure on planted respondents: does it find what is there, and nothing else?",
    ),
    "verify": (
        "gnomon.cli.verify",
        "Derive every hash of a results database again and say what does not fit.",
    ),
}


class _PipeClosed(Exception):
    """The reader of a pipe has gone away, as ``head`` does; that is no error of ours."""


class Commands(click.Group):
    """A group that knows its commands' names and first lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        if ctx.resilient_parsing:
            # So it is when a shell completes a word, and only then.
            from gnomon.cli.completing import equip

            equip(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name when there is none."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from gnomon.errors import did_you_mean

            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, which would exit with the code of a violated expectation when a pipe is closed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _PipeClosed from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table, from the names and first lines above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 done, 1 an expectation was violated, 2 usage or spec error, 3 incomplete "
        "(calls failed or a budget was reached), 130 interrupted (give the command again to go on)."
    ),
)
@click.version_option(package_name="gnomon", message="gnomon %(version)s")
def cli() -> None:
    """Gnomon measures what language models do not say of themselves.

    \b
    gnomon run implicit-bias --model local:smollm2-135m
    gnomon results
    gnomon query "select measure, model, count(*) from trials group by 1, 2"
    """


def _say_no_more() -> None:
    """Let what is still to be flushed at the end go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(sentence: str) -> None:
    """An error for the user, which may name what a stranger's file is called or holds."""
    from gnomon.cli.terminal import tell

    tell(f"gnomon: {sentence}", err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors meant for the user are printed as a sentence."""
    from gnomon.errors import EXIT_INTERRUPTED, EXIT_USAGE, GnomonError

    try:
        result: Any = cli.main(args=arguments, prog_name="gnomon", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except GnomonError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except _PipeClosed:
        _say_no_more()
        sys.exit(0)
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            _say_no_more()
            _say(f"what is said cannot be written: {error.strerror}")
            sys.exit(EXIT_USAGE)
        if error.filename is None:
            raise
        _say(f"{error.filename}: {error.strerror}")
        sys.exit(EXIT_USAGE)
    except Exception as error:
        # Named by its module, for sqlite3 is not imported for --help.
        if type(error).__module__ == "sqlite3" and "decode to UTF-8" in str(error):
            _say(
                "the results database holds a text that is not UTF-8, so it was changed by something else"
            )
            sys.exit(EXIT_USAGE)
        if type(error).__module__ != "sqlite3" or "malformed" not in str(error):
            raise
        _say(
            "the results database is damaged (SQLite calls it malformed); restore a copy, or save "
            "what can be read with sqlite3's .recover"
        )
        sys.exit(EXIT_USAGE)
    sys.exit(result if isinstance(result, int) else 0)
