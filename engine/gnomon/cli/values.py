"""Values of options and arguments: numbers, choices and numbers of runs, and what is said of those that are none.

One invariant: a value that cannot be used is said in the words of this project, with what could be, and not in
those of the library that reads the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gnomon.errors import UsageError, did_you_mean, listing


class _Worded(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """Converts as click does, and refuses with a sentence of ours."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value.

        Raises:
            UsageError: It is none; as ``lacks`` says.
        """
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise UsageError(self.lacks(_name_of(param), value)) from None

    def lacks(self, name: str, value: Any) -> str:
        """What is said of a value that is none."""
        return f"{name} is {self._what()}; it is {_shown(value)}"

    def _what(self) -> str:
        raise NotImplementedError


def _name_of(param: click.Parameter | None) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return "the argument" if param is None else param.human_readable_name.strip("[].")


def _shown(value: Any) -> str:
    """A value as it was typed: a number bare, a text in quotes."""
    try:
        float(value)
    except (TypeError, ValueError):
        return repr(value)
    return str(value)


class Whole(_Worded, click.types.IntParamType):
    """A whole number."""

    def _what(self) -> str:
        return "a whole number"


class Number(_Worded, click.types.FloatParamType):
    """A number."""

    def _what(self) -> str:
        return "a number"


class AtLeast(_Worded, click.IntRange):
    """A whole number that is not less than another."""

    def __init__(self, least: int) -> None:
        super().__init__(min=least)

    def _what(self) -> str:
        return f"a whole number of at least {self.min:g}"


class NotBelow(_Worded, click.FloatRange):
    """A number that is not less than another."""

    def __init__(self, least: float) -> None:
        super().__init__(min=least)

    def _what(self) -> str:
        return f"a number of at least {self.min:g}"


class Between(_Worded, click.FloatRange):
    """A number between two others, which are left out."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__(low, high, min_open=True, max_open=True)

    def _what(self) -> str:
        return f"a number between {self.min:g} and {self.max:g}"

    def lacks(self, name: str, value: Any) -> str:
        """As of others; percent of what is a share are told."""
        hint = ""
        try:
            share = float(value) / 100
        except (TypeError, ValueError):
            share = 0.0
        if (self.min, self.max) == (0, 1) and 0.01 <= share < 1:
            hint = f" (did you mean {share:g}?)"
        return super().lacks(name, value) + hint


class OneOf(_Worded, click.Choice):  # type: ignore[type-arg]  # generic since click 8.2 only
    """One of some words."""

    def lacks(self, name: str, value: Any) -> str:
        """The nearest word, and all of them."""
        words = [str(choice) for choice in self.choices]
        hint = did_you_mean(str(value), words)
        who = (
            f"{name} {value}: there is no such choice"
            if name.startswith("-")
            else f"{value!r} is none"
        )
        return f"{who}{hint}; there are: {listing(words, ordered=False)}"


class Run(Whole):
    """The number of a run."""

    name = "run"

    def lacks(self, name: str, value: Any) -> str:  # noqa: ARG002 -- the value says enough
        """A file is pointed to its place."""
        text = str(value)
        is_file = Path(text).suffix in (".db", ".sqlite") or Path(text).is_file()
        hint = f"; a database is given with --db {text}" if is_file else ""
        return f"{text!r} is not the number of a run{hint}; 'gnomon list runs' shows them"
