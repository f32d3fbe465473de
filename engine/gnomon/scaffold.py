"""New things from templates: what ``gnomon new`` writes.

    template (a folder of real, working files called my-thing) ──name──▶ files called NAME

One invariant: nothing is ever overwritten, and either all files of a template are written or none is.

A name is spelled in four ways, and all are replaced wherever they stand in a path or a text: ``my-thing``,
``my_thing``, ``MyThing`` and ``My thing``.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from gnomon.catalogue import KINDS, Catalogue, Provider
from gnomon.errors import CatalogueError, UsageError, did_you_mean, listing

ABOUT = "template.toml"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
_LONGEST = 60
_CACHES = {"__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache"}
_TAKEN = ("gnomon", "gnomon-plugins", "tests", "test", "src")


@attrs.frozen(kw_only=True)
class Template:
    """A starting point.

    Attributes:
        name: What ``gnomon new`` calls it: its folder's name.
        folder: Its files.
        about: What it makes, in a line.
        kind: What is made: ``measure``, a kind of plugin in the singular, or ``package``.
        next: Command lines to give afterwards.
        provider: Who offers it.
    """

    name: str
    folder: Path
    about: str
    kind: str
    next: tuple[str, ...]
    provider: Provider


def templates(catalogue: Catalogue) -> Mapping[str, Template]:
    """All templates that plugins offer, by name.

    Raises:
        CatalogueError: Two plugins offer one name, or a template does not say what it is.
    """
    out: dict[str, Template] = {}
    for root, provider in catalogue.template_folders():
        for about in sorted(root.glob(f"*/{ABOUT}")):
            made = _read(about, provider)
            if made.name in out:
                raise CatalogueError(
                    f"two plugins offer the template {made.name!r}: "
                    f"{out[made.name].provider.origin} and {provider.origin}; remove one of them"
                )
            out[made.name] = made
    return out


def _read(file: Path, provider: Provider) -> Template:
    try:
        told = tomllib.loads(file.read_text("utf-8"))
        return Template(
            name=file.parent.name,
            folder=file.parent,
            about=str(told["about"]),
            kind=str(told["kind"]),
            next=tuple(map(str, told["next"])),
            provider=provider,
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"cannot be read: {error}"
        raise CatalogueError(f"the template {str(file)!r} of {provider.origin} {what}") from None


def find(catalogue: Catalogue, name: str) -> Template:
    """The template of that name.

    Raises:
        UsageError: There is none.
    """
    known = templates(catalogue)
    if name not in known:
        raise UsageError(
            f"there is no template {name!r}{did_you_mean(name, known)}; there are: {listing(known)}"
        )
    return known[name]


def check_name(template: Template, name: str, catalogue: Catalogue) -> None:
    """Refuse a name that could not be used, with one that could.

    Raises:
        UsageError: It is not of the form that names have, too long, or taken.
    """
    if not _NAME.match(name) or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} cannot be a name: names are lower-case letters and digits in words joined by single "
            f"hyphens, at most {_LONGEST} characters, and begin with a letter{_suggestion(name)}"
        )
    if name == "my-thing":
        raise UsageError(
            "'my-thing' is what the template itself is called; give a name of your own"
        )
    module = name.replace("-", "_")
    writes_module = any(path.stem == "my_thing" for path in _files(template))
    if name in _TAKEN or keyword.iskeyword(module):
        raise UsageError(f"{name!r} cannot be a name: it is a word that Python or gnomon uses")
    if writes_module and _is_module(module):
        raise UsageError(
            f"{name!r} cannot be a name: its module would be called {module!r}, and there is one of that "
            f"name already; try {f'{name}-{template.kind}'!r}"
        )
    _check_free(template, name, catalogue)


def _check_free(template: Template, name: str, catalogue: Catalogue) -> None:
    kinds = {singular: plural for plural, (singular, _) in KINDS.items()}
    owner = None
    if template.kind in kinds:
        taken = catalogue.of_kind(kinds[template.kind]).get(name)
        owner = taken.provider.origin if taken else None
    elif template.kind == "measure":
        found = catalogue.measures().get(name)
        owner = found[1].origin if found else None
    if owner is not None:
        raise UsageError(
            f"there is a {template.kind} {name!r} already, from {owner}; two of one name cannot be used "
            f"together, so give another, such as {'own-' + name!r}"
        )


def _is_module(module: str) -> bool:
    if module in sys.stdlib_module_names:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _suggestion(name: str) -> str:
    """`` (try 'a-name')``: the nearest form that a name can have."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    made = re.sub(r"[^a-z0-9]+", "-", spaced.casefold()).strip("-")
    made = re.sub(r"\A[0-9-]+", "", made)[:_LONGEST].strip("-")
    return f" (try {made!r})" if _NAME.match(made) else ""


def _files(template: Template) -> Iterator[Path]:
    """The files of a template, relative to its folder."""
    for path in sorted(template.folder.rglob("*")):
        inside = path.relative_to(template.folder)
        if path.is_file() and inside.name != ABOUT and not _CACHES & {*inside.parts}:
            yield inside


def renamed(text: str, name: str) -> str:
    """A text or a path with the template's name replaced by another, in all four spellings."""
    words = name.split("-")
    spellings = {
        "my-thing": name,
        "my_thing": "_".join(words),
        "MyThing": "".join(word[:1].upper() + word[1:] for word in words),
        "My thing": " ".join(words).capitalize(),
    }
    return re.sub("|".join(spellings), lambda found: spellings[found.group()], text)


def write(template: Template, name: str, into: Path) -> Sequence[Path]:
    """Write a template's files under another name, all of them or none.

    Returns:
        The files written, in order.

    Raises:
        UsageError: One of them is there already, or the folder cannot be written to.
    """
    texts = {
        into / renamed(str(inside), name): renamed(
            (template.folder / inside).read_text("utf-8"), name
        )
        for inside in _files(template)
    }
    there = [str(path) for path in texts if path.exists() or path.is_symlink()]
    if there:
        raise UsageError(f"nothing was written, because there is already: {', '.join(there)}")
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UsageError(
            f"nothing was written: {str(error.filename or into)!r}: {error.strerror}"
        ) from None
    return written
