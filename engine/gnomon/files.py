"""Files of a spec: found inside its folder and nowhere else."""

from __future__ import annotations

from pathlib import Path

import attrs

from gnomon.errors import SourceError, did_you_mean


@attrs.frozen
class Folder:
    """The folder a spec lies in; the only place its paths may lead to.

    Attributes:
        root: The folder.
        user_files: Paths that the person at the command line named, by the name the spec gives
            them. A spec cannot leave its folder; its user can point it at their own copy.
    """

    root: Path
    user_files: dict[str, Path] = attrs.field(factory=dict)

    def path(self, name: str) -> Path:
        """The file of that name.

        Raises:
            SourceError: The path leaves the folder, or there is no such file.
        """
        if name in self.user_files:
            found = self.user_files[name]
            if not found.is_file():
                raise SourceError(f"there is no file {str(found)!r}, which was given for {name!r}")
            return found
        root = self.root.resolve()
        try:
            found = (root / name).resolve()
            is_there = found.is_file()
        except (OSError, ValueError, RuntimeError):
            # No file can be called so: a NUL byte, a lone surrogate, an endless name, a loop of links.
            raise SourceError(f"there is no file {name!r} beside the spec") from None
        if not found.is_relative_to(root):
            raise SourceError(
                f"{name!r} leads out of the spec's folder; a spec may only name files beside it "
                f"(to use a file of your own, give --file {name}=PATH)"
            )
        if not is_there:
            beside = (
                [
                    str(other.relative_to(root))
                    for other in found.parent.glob("*")
                    if other.is_file()
                ]
                if found.parent.is_dir()
                else []
            )
            raise SourceError(
                f"there is no file {name!r} beside the spec{did_you_mean(name, beside)}"
            )
        return found

    def text(self, name: str) -> str:
        """The file's text: UTF-8, a byte-order mark and CRLF line ends taken away.

        Raises:
            SourceError: As ``path``, or the file cannot be read or is not UTF-8.
        """
        try:
            data = self.path(name).read_bytes()
        except OSError as error:
            raise SourceError(f"{name!r} cannot be read: {error.strerror}") from error
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{name!r} is not UTF-8 text (byte {error.start}: {data[error.start]:#04x}); "
                "save it as UTF-8"
            ) from error
