"""What every plugin has to pass, whoever wrote it; first-party plugins go through the same checks.

    class ──▶ subject (kind, an instance made from its own example) ──▶ checks ──▶ sentences

One invariant: a check tries the plugin through the one method of its kind, on values that this package
makes, and calls no model and no network.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gnomon.catalogue import KINDS, Catalogue
from gnomon.errors import GnomonError, UsageError
from gnomon.files import Folder
from gnomon.modelname import make_backend
from gnomon.records import Trial
from gnomon.structure import Positions, describe_options, example_of, example_options, structure
from gnomon.structure.walker import key_of, options_of
from gnomon.table import Table
from gnomon.testing.importing import heavy_imports

Problems = Iterable[str]


@attrs.frozen
class Check:
    """One thing that has to hold.

    Attributes:
        name: What is checked, in a few words.
        problems: Does the check; a sentence for each thing that is wrong.
    """

    name: str
    problems: Callable[[], Problems]

    def __call__(self) -> list[str]:
        """The problems; what the plugin raises, and what it warns of, is one of them."""
        found: list[str] = []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                found.extend(self.problems())
            except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
                found.append(f"{type(error).__name__}: {error}")
        return _together(found)


_WHERE = re.compile(r"on (?:the reply|the judge's reply|a table with) [^:]*: ")


def _together(problems: Iterable[str]) -> list[str]:
    """One sentence for what is wrong in the same way on several replies or tables."""
    places: dict[str, list[str]] = {}
    for problem in problems:
        found = _WHERE.match(problem)
        rest = problem[found.end() :] if found else problem
        places.setdefault(rest, []).append(found.group().rstrip(": ") if found else "")
    out = []
    for rest, where in places.items():
        if not where[0]:
            out.append(rest)
        elif len(where) == 1:
            out.append(f"{where[0]}: {rest}")
        else:
            out.append(f"{where[0]} and {len(where) - 1} more: {rest}")
    return out


@attrs.frozen(kw_only=True)
class Subject:
    """A plugin under test.

    Attributes:
        cls: The class.
        kind: Plural kind.
        make: A new instance, made from the example or from the options given.
        trial: A trial with the fields that the plugin reads.
        table: An ordinary table of scores, for a statistic.
        folder: A folder with the files that the plugin reads.
    """

    cls: type
    kind: str
    make: Callable[[], Any]
    trial: Trial | None = None
    table: Table | None = None
    folder: Path | None = None

    @property
    def who(self) -> str:
        """Kind and name, for sentences."""
        return f"the {KINDS[self.kind][0]} {self.name!r}"

    @property
    def name(self) -> str:
        """What specs call it."""
        return str(getattr(self.cls, "name", self.cls.__name__))


def kind_of(cls: type) -> str:
    """The plural kind of a plugin class, by its method.

    Raises:
        UsageError: It has the method of no kind, or those of several.
    """
    kinds = [kind for kind, (_, method) in KINDS.items() if callable(getattr(cls, method, None))]
    if len(kinds) == 1:
        return kinds[0]
    methods = ", ".join(f"{method} ({singular})" for singular, method in KINDS.values())
    what = "has the methods of several kinds" if kinds else "has the method of no kind"
    raise UsageError(f"the class {cls.__name__!r} {what} of plugin; the methods are: {methods}")


def checks_of(
    cls: type,
    *,
    kind: str | None = None,
    options: Mapping[str, Any] | None = None,
    instance: Any = None,
    trial: Trial | None = None,
    table: Table | None = None,
    folder: Path | str | None = None,
) -> tuple[Check, ...]:
    """The checks for a plugin class.

    Args:
        cls: The class.
        kind: Plural kind; told by the class's method unless given.
        options: Options as TOML gives them, in the place of those of the example in its docstring.
        instance: An instance to try, in the place of one made from options.
        trial: A trial with the fields that it reads (scorers and procedures).
        table: Ordinary scores that it has something to say of (statistics).
        folder: A folder with the files it reads (sources).
    """
    from gnomon.testing import kinds

    kind = kind or kind_of(cls)
    given = options if options is not None else None
    subject = Subject(
        cls=cls,
        kind=kind,
        make=(lambda: instance) if instance is not None else lambda: _instance(cls, kind, given),
        trial=trial,
        table=table,
        folder=None if folder is None else Path(folder),
    )
    return (*_general(subject), *(_if_made(subject, check) for check in kinds.checks(subject)))


def _if_made(subject: Subject, check: Check) -> Check:
    """The check, which has nothing to say where no instance can be made: that was said once."""

    def problems() -> Problems:
        try:
            subject.make()
        except (GnomonError, ValueError):
            return ()
        return check.problems()

    return Check(check.name, problems)


def _general(subject: Subject) -> tuple[Check, ...]:
    return (
        Check("it is documented", lambda: _documentation(subject)),
        Check("its example is one", lambda: _example(subject)),
        Check("an instance can be made", lambda: _made(subject)),
        _if_made(
            subject, Check("its options come back as they were given", lambda: _round_trip(subject))
        ),
        Check("its import is light", lambda: _import(subject)),
    )


def assert_conforms(cls: type, **given: Any) -> None:
    """Fail with every problem of a plugin class; arguments as for ``checks_of``.

    Raises:
        AssertionError: With one line for each problem.
    """
    found = [f"{check.name}: {problem}" for check in checks_of(cls, **given) for problem in check()]
    if found:
        raise AssertionError("\n".join([f"{cls.__name__} does not conform:", *found]))


def _instance(cls: type, kind: str, options: Mapping[str, Any] | None) -> Any:
    name = getattr(cls, "name", "")
    given = example_options(kind, name, example_of(cls)) if options is None else options
    if kind == "backends":
        catalogue = Catalogue(entry_points=(), modules={"tried": _Offering(cls)})
        return make_backend(catalogue, str(given.get("model", f"{name}:")))
    faults: list[Any] = []
    made = structure(cls, dict(given), (), Positions.of(""), faults)
    if made is None:
        told = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        raise UsageError(f"no instance can be made from the options {dict(given)!r}: {told}")
    return made


class _Offering:
    """A module's worth of hooks that offers one backend."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    from gnomon.hookspecs import hookimpl

    @hookimpl
    def register_backends(self) -> list[type]:
        return [self._cls]


def _documentation(subject: Subject) -> Problems:
    text = (subject.cls.__doc__ or "").strip()
    if not text:
        yield "it has no docstring; the docstring is its help"
    elif not text.split("\n\n")[0].rstrip().endswith((".", "?", "!")):
        yield "the docstring does not open with a sentence"
    for option in describe_options(subject.cls):
        if not option.help and not (subject.kind == "backends" and option.name == "model"):
            yield f"the option {option.name!r} is not explained under 'Attributes:'"
    if not attrs.has(subject.cls):
        yield "it is no attrs class; write @attrs.frozen(kw_only=True) above it"


def _example(subject: Subject) -> Problems:
    name = getattr(subject.cls, "name", None)
    text = example_of(subject.cls)
    if not text:
        yield "the docstring has no block 'Example::' that shows how it is called"
        return
    try:
        example_options(subject.kind, str(name), text)
    except ValueError as error:
        yield str(error)
        return


def _made(subject: Subject) -> Problems:
    """From the options or instance given, or from its example."""
    subject.make()
    return ()


def _round_trip(subject: Subject) -> Problems:
    """Written out as TOML would hold them and read back, options are the same."""
    if not attrs.has(subject.cls) or subject.kind == "backends":
        return
    first = subject.make()
    given = {
        key_of(field): value
        for field in options_of(subject.cls)
        if (value := _written(getattr(first, field.name))) is not None
    }
    faults: list[Any] = []
    second = structure(subject.cls, given, (), Positions.of(""), faults)
    for fault in faults:
        yield f"the option {fault.path!r} cannot be given again: {fault.message}"
    if second is None:
        return
    for field in options_of(subject.cls):
        before, after = getattr(first, field.name), getattr(second, field.name)
        if before != after:
            yield f"the option {key_of(field)!r} was {before!r} and came back as {after!r}"


def _written(value: object) -> object:
    """A value as ``tomllib`` would give it."""
    if isinstance(value, Folder | Path):
        return str(value)
    if attrs.has(type(value)):
        parts = {key_of(field): getattr(value, field.name) for field in options_of(type(value))}
        return {key: _written(part) for key, part in parts.items() if part is not None}
    if isinstance(value, Mapping):
        return {str(key): _written(part) for key, part in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_written(part) for part in value]
    return value


def _import(subject: Subject) -> Problems:
    for library in heavy_imports(subject.cls.__module__):
        yield (
            f"importing {subject.cls.__module__!r} imports {library!r}; import it inside the method "
            "that needs it, so that help and lists stay quick"
        )
