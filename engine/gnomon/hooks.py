"""Whether a module's hooks fit, said before anything is registered.

One invariant: a function that looks like a hook either is one or is refused with a sentence; pluggy alone
would ignore an unmarked function in silence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gnomon import hookspecs
from gnomon.errors import CatalogueError, did_you_mean, listing

PREFIX = "register_"
_MARK = f"{hookspecs.PROJECT}_impl"


def known_hooks() -> Sequence[str]:
    """The names of all hooks."""
    return [name for name in vars(hookspecs) if name.startswith(PREFIX)]


def check_hooks(module: object, who: str) -> int:
    """Check everything in a module that is a hook or looks like one, and count the hooks.

    Args:
        module: A module, or an object whose methods are hooks.
        who: The plugin and its owner, for messages.

    Raises:
        CatalogueError: A name that is no hook, a hook without the mark, or one that takes arguments.
    """
    known = known_hooks()
    count = 0
    for name, value in _candidates(module):
        if name not in known:
            raise CatalogueError(
                f"{who} has an unknown hook {name!r}{did_you_mean(name, known)}; "
                f"there are: {listing(known)}"
            )
        if not hasattr(value, _MARK):
            raise CatalogueError(
                f"the hook {name!r} of {who} is not marked; put '@gnomon.hookimpl' above it"
            )
        wanted = _required(value)
        if wanted:
            raise CatalogueError(
                f"the hook {name!r} of {who} takes an argument {wanted[0]!r}; hooks take none"
            )
        count += 1
    return count


def _candidates(module: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    own = getattr(module, "__name__", None)
    for name in dir(module):
        value = getattr(module, name)
        if not callable(value):
            continue
        # A helper imported from elsewhere is nobody's hook unless it is marked.
        here = getattr(value, "__module__", None) == own
        if hasattr(value, _MARK) or (name.startswith(PREFIX) and here):
            yield name, value


def _required(hook: Callable[..., Any]) -> list[str]:
    return [
        name
        for name, parameter in inspect.signature(hook).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
