"""Whether what is installed here, and a results database, can be used.

One invariant: looking changes nothing. No model is asked, nothing is fetched or made, and of the environment
names are told and never values.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

import gnomon
from gnomon.catalogue import KINDS, Catalogue, Provider
from gnomon.errors import GnomonError, counted, listing
from gnomon.weights import cache_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["ok", "absent", "wrong"]

_KEY = "_API_KEY"
_LITTLE = 1_000_000_000
_OURS = frozenset({"dev"})


@attrs.frozen
class Finding:
    """One thing that was looked at.

    Attributes:
        what: What it is.
        state: ``ok``; ``absent`` where nothing is wrong and something is not there; ``wrong``.
        says: What was found, and what to do where something is to be done.
    """

    what: str
    state: State
    says: str


def examine(catalogue: Catalogue, database: Path) -> Iterator[Finding]:
    """Everything that a run, or reading its results, needs of this machine.

    Args:
        catalogue: The plugins.
        database: The results database; it need not be there.
    """
    yield Finding(
        "gnomon",
        "ok",
        f"{gnomon.__version__} on Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.machine()}, {counted(os.cpu_count() or 1, 'processor')}",
    )
    yield from _packages()
    yield from _plugins(catalogue)
    yield from _models(catalogue)
    yield _keys()
    yield _database(database)
    yield _room("disk of the database", database.absolute().parent)


# -- packages --------------------------------------------------------------------------------------


def _packages() -> Iterator[Finding]:
    """What gnomon itself needs as one finding, and each extra as another."""
    from packaging.requirements import Requirement

    wanted: dict[str, list[Requirement]] = {"": []}
    for extra in metadata.metadata("gnomon").get_all("Provides-Extra") or ():
        if extra not in _OURS:
            wanted[extra] = []
    for line in metadata.requires("gnomon") or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            wanted[""].append(requirement)
            continue
        for extra, needs in wanted.items():
            if extra and marker.evaluate({"extra": extra}):
                needs.append(requirement)
    for extra, needs in wanted.items():
        yield _installed(extra, needs)


def _installed(extra: str, needs: list[Requirement]) -> Finding:
    """Whether packages are there, and new enough; those of an extra may be missing."""
    found, missing, other = [], [], []
    for need in needs:
        try:
            version = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            missing.append(need.name)
            continue
        found.append(f"{need.name} {version}")
        if not need.specifier.contains(version, prereleases=True):
            other.append(f"{need.name} is {version} and has to be {need.specifier}")
    what = f"extra {extra}" if extra else "packages"
    remedy = f"pip install -U 'gnomon[{extra}]'" if extra else "pip install -U gnomon"
    if missing and not extra:
        other.append(f"{listing(missing)} is not there")
    if other:
        return Finding(what, "wrong", f"{'; '.join(other)}; mend it with: {remedy}")
    if missing:
        return Finding(what, "absent", f"without {listing(missing)}; get it with: {remedy}")
    return Finding(what, "ok", ", ".join(found))


# -- plugins and models ----------------------------------------------------------------------------


def _plugins(catalogue: Catalogue) -> Iterator[Finding]:
    """Everyone who offers plugins, by where they come from."""
    try:
        catalogue.load_all()
        offered = [plugin.provider for kind in KINDS for plugin in catalogue.of_kind(kind).values()]
        measures = [provider for _, provider in catalogue.measures().values()]
    except GnomonError as error:
        yield Finding("plugins", "wrong", str(error))
        return
    failing = {provider.origin: provider for provider in catalogue.failures()}
    for origin in dict.fromkeys(provider.origin for provider in catalogue.providers):
        if origin in failing:
            yield _failing(failing[origin])
            continue
        counts = [
            counted(sum(one.origin == origin for one in held), noun)
            for held, noun in ((measures, "measure"), (offered, "plugin"))
        ]
        yield Finding(f"plugins of {origin}", "ok", " and ".join(counts))


def _failing(provider: Provider) -> Finding:
    last = (provider.failure or "").strip().splitlines()[-1:]
    said = f"{provider.name} does not load: {last[0] if last else 'it does not say why'}"
    return Finding(
        f"plugins of {provider.origin}", "wrong", f"{said}; 'gnomon plugins' shows where"
    )


def _models(catalogue: Catalogue) -> Iterator[Finding]:
    """The models whose files a backend can bring, and where they are kept."""
    try:
        for backend, _, info in catalogue.models():
            what = f"model {backend}:{info.name}"
            if info.path is not None:
                yield Finding(what, "ok", str(info.path))
            else:
                yield Finding(what, "absent", f"get it with: gnomon models pull {info.name}")
    except GnomonError:
        return  # said of the plugins already
    folder = cache_folder()
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        yield Finding(
            "folder of models",
            "wrong",
            f"{folder} is no folder that can be written to; name another in GNOMON_CACHE",
        )
        return
    yield _room("folder of models", folder)


def _keys() -> Finding:
    """Names of the keys that are in the environment."""
    names = sorted(name for name, value in os.environ.items() if name.endswith(_KEY) and value)
    if names:
        return Finding("keys", "ok", f"in the environment: {', '.join(names)}")
    return Finding("keys", "absent", f"no variable that ends in {_KEY} is set; providers want one")


# -- what is written -------------------------------------------------------------------------------


def _database(path: Path) -> Finding:
    """Whether results can be read, without looking at each of them."""
    from gnomon.store import Store

    what = f"database {path}"
    if not path.exists():
        return Finding(what, "absent", "there is none yet; 'gnomon run' makes it")
    try:
        with Store.open(path) as store:
            runs, written = store.runs(), store.is_being_written()
    except (GnomonError, sqlite3.DatabaseError) as error:
        return Finding(what, "wrong", str(error))
    trials = counted(sum(int(run["finished"]) for run in runs), "finished trial")
    size = sum(
        beside.stat().st_size
        for beside in (path, path.with_name(f"{path.name}-wal"))
        if beside.exists()
    )
    being = "; another gnomon is writing it" if written else ""
    return Finding(
        what,
        "ok",
        f"{counted(len(runs), 'run')} with {trials}, {size / 1e6:.1f} MB{being}; 'gnomon verify' looks at every row",
    )


def _room(what: str, folder: Path) -> Finding:
    """How much can still be written where a folder is, or will be."""
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), None)
    if there is None or not os.access(there, os.W_OK):
        return Finding(what, "wrong", f"{folder} cannot be written to")
    free = shutil.disk_usage(there).free
    said = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _LITTLE:
        return Finding(what, "wrong", f"{said}; a run ends when nothing is left")
    return Finding(what, "ok", said)
