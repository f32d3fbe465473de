"""Model strings: ``BACKEND:MODEL[?option=value&…]``, as given on a command line.

One invariant: no secret passes through here. A model string is stored with every run, so an option that
would hold a key is refused before anything else is looked at; keys come from the environment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin
from urllib.parse import unquote

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.protocols import Backend, Executor
from gnomon.structure.walker import is_required, key_of, options_of, type_of
from gnomon.structure.words import LISTS, TABLES, arms, expected

_BACKEND = re.compile(r"[a-z][a-z0-9-]*\Z")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")
# The last word of a name, as in api_key; key_column and max_tokens are no secrets.
_SECRET_LAST = {"key", "apikey", "token", "auth", "pwd", "pass"}
_SECRET_ANYWHERE = {
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "bearer",
    "credential",
    "credentials",
}
_SECRET_VALUE = re.compile(
    r"(?i)\bbearer\s|\bauthorization\s*:|://[^/\s]*@|://[^/\s:]*:(?!\d+/)[^\s@]*@"
    r"|://[^\s]*[?&;](?:[^=&\s]*[-_])?(?:key|token|secret|password|pwd|pass|auth|sig|signature|code)="
)
# What keys of providers begin with, wherever they stand: in the path of an address, or in place of a model.
_KEY_SHAPE = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|gsk|xai)[-_]|hf_|gh[pousr]_|github_pat_|xox[abps]-|AIza|AKIA)"
    r"(?:[A-Za-z0-9]+-)*(?=[A-Za-z_]*\d)\w{16,}"
)
# A user in front of an address without its scheme; in the model part @ may stand for a revision.
_USER_VALUE = re.compile(r"[^\s/:@]+:(?!//)[^\s@]+@")
_BOOLEANS = {"true": True, "false": False}
_UNREADABLE: Any = object()


@attrs.frozen
class ModelName:
    """A model string taken apart; ``str()`` puts it together again.

    Attributes:
        backend: The backend's name.
        model: What the backend is to load or call: everything up to the first question mark.
        options: The backend's options as text, in the order given.
    """

    backend: str
    model: str
    options: Mapping[str, str] = attrs.field(factory=dict)

    def __str__(self) -> str:
        pairs = "&".join(
            f"{name}={value.replace('%', '%25').replace('&', '%26')}"
            for name, value in self.options.items()
        )
        return f"{self.backend}:{self.model}{'?' if pairs else ''}{pairs}"


def parse_model(text: str) -> ModelName:
    """A model string taken apart.

    In option values ``%26`` stands for an ampersand and ``%25`` for a percent sign.

    Raises:
        UsageError: It is not of the form ``BACKEND:MODEL[?option=value&…]``, or it holds a secret.
    """
    head, _, tail = text.partition("?")
    pairs = [pair.partition("=") for pair in tail.split("&")] if "?" in text else []
    for name, _, value in pairs:
        _refuse_secret(name, unquote(value))
    _refuse_secret("", head)
    backend, colon, model = head.partition(":")
    if not colon:
        raise UsageError(f"the model {text!r} names no backend; write BACKEND:MODEL")
    if not _BACKEND.match(backend):
        raise UsageError(
            f"the model {text!r} begins with {backend!r}, which is not the name of a backend; "
            "write BACKEND:MODEL"
        )
    if not model:
        raise UsageError(f"the model {text!r} has nothing behind {backend + ':'!r}; name a model")
    options: dict[str, str] = {}
    for name, equals, value in pairs:
        if not name or not equals:
            raise UsageError(
                f"the model {text!r} has {name + equals + value!r} among its options; "
                "write ?option=value&option=value"
            )
        if name in options:
            raise UsageError(f"the model {text!r} gives the option {name!r} twice")
        options[name] = unquote(value)
    return ModelName(backend, model, options)


def _refuse_secret(name: str, value: str) -> None:
    words = [word.lower() for word in _WORD.findall(name)]
    is_secret = bool(words) and (words[-1] in _SECRET_LAST or bool(_SECRET_ANYWHERE & {*words}))
    is_secret = is_secret or any(shape.search(value) for shape in (_SECRET_VALUE, _KEY_SHAPE))
    if not is_secret and not (name and _USER_VALUE.match(value)):
        return
    where = f"the option {name!r} of a model string" if name else "this model string"
    raise UsageError(
        f"{where} looks like it holds a secret, and model strings are stored with every run; "
        "put the secret into the backend's environment variable instead"
    )


def make_backend(catalogue: Catalogue, text: str) -> Backend:
    """The backend that a model string describes.

    Option values are text here and are read as the type that the backend declares: ``2``, ``0.5``,
    ``true``, ``a,b``.

    Raises:
        UsageError: The string is malformed, or options are unknown, unreadable, missing or refused
            by the backend; all of them in one message, one a line.
        CatalogueError: There is no such backend.
    """
    name = parse_model(text)
    cls = catalogue.get("backends", name.backend).cls
    given = {"model": name.model}
    backend: Backend = _make(cls, given, name.options, f"the model {str(name)!r}", "the backend")
    return backend


def executor_name(text: str) -> str:
    """The name in front of an executor's options."""
    return text.partition("?")[0]


def make_executor(catalogue: Catalogue, text: str) -> Executor:
    """The executor that ``NAME[?option=value&…]`` describes; options as in a model string.

    Raises:
        UsageError: As for ``make_backend``.
        CatalogueError: There is no such executor.
    """
    cls = catalogue.get("executors", executor_name(text)).cls
    # A model string has two parts before its options; any word does for the second.
    options = parse_model(text.replace("?", ":.?", 1)).options if "?" in text else {}
    executor: Executor = _make(cls, {}, options, f"the executor {text!r}", "the executor")
    return executor


def _make(cls: type, given: dict[str, Any], options: Mapping[str, str], who: str, what: str) -> Any:
    fields = {key_of(field): field for field in options_of(cls) if key_of(field) not in given}
    faults: list[str] = []
    for key, value in options.items():
        if key not in fields:
            hint = did_you_mean(key, fields) or f"; {what} takes: {listing(fields)}"
            faults.append(f"there is no option {key!r}{hint}")
            continue
        tp = type_of(cls, fields[key])
        made = _read(tp, value)
        if made is _UNREADABLE:
            faults.append(f"the option {key!r} is {_wanted(tp)}, {_why_not(tp, value)}")
        else:
            given[fields[key].alias or key] = made
    for key, field in fields.items():
        if is_required(field) and key not in options:
            faults.append(f"the option {key!r} is missing: {_wanted(type_of(cls, field))}")
    if not faults:
        try:
            return cls(**given)
        except (ValueError, TypeError) as error:
            first = error.args[0] if error.args else ""
            faults.append(first if isinstance(first, str) and first else str(error))
    raise UsageError("\n".join(f"{who}: {fault}" for fault in faults))


def _wanted(tp: Any) -> str:
    parts = arms(tp)
    if any(get_origin(arm) in LISTS for arm in parts):
        return f"{expected(tp)}, separated by commas"
    return expected(tp)


def _why_not(tp: Any, value: str) -> str:
    if all(get_origin(arm) in TABLES for arm in arms(tp)):
        return "which a model string cannot hold"
    choices = [
        str(part) for arm in arms(tp) if get_origin(arm) is Literal for part in get_args(arm)
    ]
    return f"and {value!r} is not{did_you_mean(value, choices)}"


def _read(tp: Any, text: str) -> Any:
    """The text as the first type of a union that can read it; text itself comes last."""
    parts = sorted(arms(tp), key=lambda arm: (arm is str, arm is Any))
    return next(
        (made for arm in parts if (made := _read_one(arm, text)) is not _UNREADABLE), _UNREADABLE
    )


def _read_one(tp: Any, text: str) -> Any:
    origin = get_origin(tp)
    if origin is Literal:
        choices = {
            str(choice).lower() if choice in (True, False) else str(choice): choice
            for choice in get_args(tp)
        }
        return choices.get(text, _UNREADABLE)
    if origin in LISTS:
        values = (
            tuple(_read(get_args(tp)[0], part.strip()) for part in text.split(",")) if text else ()
        )
        if any(value is _UNREADABLE for value in values):
            return _UNREADABLE
        return frozenset(values) if origin in (set, frozenset) else values
    if tp is bool:
        return _BOOLEANS.get(text.lower(), _UNREADABLE)
    if tp in (int, float):
        try:
            number = tp(text)
        except ValueError:
            return _UNREADABLE
        return number if math.isfinite(number) else _UNREADABLE
    return text if tp in (str, Any) else _UNREADABLE
