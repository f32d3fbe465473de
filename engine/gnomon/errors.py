"""Everything gnomon says when something is wrong, and the exit code that goes with it.

One invariant: an error of this tree is a sentence for the user and is printed as one line without a
traceback; every other exception is a bug in gnomon or in a plugin and keeps its traceback.

    GnomonError                     exit 2
    ├── UsageError                  a command line or a call that cannot be carried out
    ├── SpecError                   one or several faults in a spec, each with its place
    ├── CatalogueError              plugins: unknown name, name clash, failed import
    ├── CapabilityError             a model cannot do what the measure needs
    ├── TemplateError               a slot without a field
    ├── SourceError                 stimuli that are missing, empty or malformed
    ├── ModelError                  a model that cannot be found, loaded or reached
    ├── StoreError                  a database that cannot be opened, read or written
    │   └── WriteError              exit 3: writing failed half-way; what was committed stays
    ├── StatisticError              a statistic that cannot be computed from what it was given
    ├── CallFailed                  one call to a model failed (kept as an attempt, never raised to the user)
    └── Incomplete                  exit 3: calls failed, or a budget was reached
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import attrs

EXIT_DONE = 0
EXIT_VIOLATED = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130


class GnomonError(Exception):
    """Base of every error meant for the user. ``exit_code`` is what the command returns."""

    exit_code: int = EXIT_USAGE


class UsageError(GnomonError):
    """A command line or a call that cannot be carried out as given."""


class CatalogueError(GnomonError):
    """A plugin that is unknown, doubly named, or failed to load."""


class CapabilityError(GnomonError):
    """A model that cannot do what the measure needs, found before the first call."""


class TemplateError(GnomonError):
    """A template that cannot be filled."""


class SourceError(GnomonError):
    """Stimuli that are missing, empty, or not in the form the source accepts."""


class ModelError(GnomonError):
    """A model that cannot be found, loaded or reached."""


class StoreError(GnomonError):
    """A database that cannot be opened, read or written."""


class WriteError(StoreError):
    """Writing failed half-way; what was committed stays, and the same command goes on from there."""

    exit_code = EXIT_INCOMPLETE


class StatisticError(GnomonError):
    """A statistic that refuses to estimate; the message is the reason that the user sees."""


class Incomplete(GnomonError):
    """The run stopped before everything was answered; what was answered is stored."""

    exit_code = EXIT_INCOMPLETE


class CallFailed(GnomonError):
    """One call to a model did not bring a reply.

    Backends raise it; the run loop decides what follows from the facts it carries.

    Args:
        message: What happened, without any secret.
        retry: Whether the same call may succeed later (429, 5xx, a reset connection).
        after: Seconds that the provider asked to wait, if it said so.
        fatal: Whether every further call would fail the same way (wrong key, no such model).
        limited: Whether the provider refused the call because it was asked too often or has too much to
            do (429, 529), so that all calls to it had better be fewer.
        cost: US dollars that were spent all the same; None when none are known of.
    """

    def __init__(
        self,
        message: str,
        *,
        retry: bool = False,
        after: float | None = None,
        fatal: bool = False,
        limited: bool = False,
        cost: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry = retry
        self.after = after
        self.fatal = fatal
        self.limited = limited
        self.cost = cost

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would be lost when the error crosses a process border.
        facts = (self.message, self.retry, self.after, self.fatal, self.limited, self.cost)
        return _restore_call_failed, facts


def _restore_call_failed(
    message: str,
    retry: bool,
    after: float | None,
    fatal: bool,
    limited: bool,
    cost: float | None,
) -> CallFailed:
    return CallFailed(message, retry=retry, after=after, fatal=fatal, limited=limited, cost=cost)


@attrs.frozen(order=True)
class Fault:
    """One thing wrong with a spec, and where.

    Attributes:
        line: 1-based line, 0 when the fault has no place in the text.
        column: 1-based column.
        path: Dotted key path with indices, such as ``turn[1].user``; empty for the whole file.
        message: What was found and what was expected.
    """

    line: int
    column: int
    path: str
    message: str

    def show(self, file: str) -> str:
        """The fault as ``file:line:col path: message``."""
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        return f"{place} {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class SpecError(GnomonError):
    """All the faults of one spec, in the order of the text."""

    def __init__(self, file: str, faults: Iterable[Fault]) -> None:
        self.file = file
        self.faults: Sequence[Fault] = tuple(sorted(set(faults)))
        super().__init__("\n".join(fault.show(file) for fault in self.faults))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A trailing `` (did you mean 'x'?)``, or an empty string when nothing is near.

    >>> did_you_mean("sorce", ["source", "scorer"])
    " (did you mean 'source'?)"
    >>> did_you_mean("zebra", ["source"])
    ''
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def counted(count: int, noun: str) -> str:
    """A count and its noun.

    >>> counted(1, "repeat"), counted(2, "repeat")
    ('1 repeat', '2 repeats')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listing(names: Iterable[str], most: int | None = None, *, ordered: bool = True) -> str:
    """Names separated by commas, or ``none``; one that would not keep to its line is put in quotes.

    Args:
        names: The names.
        most: Beyond so many the rest is counted.
        ordered: In the order of the alphabet, or in their own.

    >>> listing("dcab", most=2)
    'a, b and 2 more'
    >>> print(listing(["a\\nb", "c"]))
    'a\\nb', c
    """
    known = sorted(names) if ordered else list(names)
    known = [name if name.isprintable() else repr(name) for name in known]
    rest = 0 if most is None else max(len(known) - most, 0)
    shown = ", ".join(known[: len(known) - rest]) or "none"
    return f"{shown} and {rest} more" if rest else shown
