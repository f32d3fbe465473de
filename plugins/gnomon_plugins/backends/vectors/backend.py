"""``vectors:FILE`` or ``vectors:NAME``: static word vectors.

One invariant: a text gets the vector of exactly that text, or it is named as missing; nothing is split,
averaged or replaced by a near word.
"""

from __future__ import annotations

import json
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
    ModelInfo,
    Progress,
    Reply,
    cache_folder,
)
from gnomon_plugins.backends.vectors.known import PUBLISHED, info, pull, table_of
from gnomon_plugins.backends.vectors.table import VectorTable


def _silent(_: str) -> None:
    return None


@attrs.frozen(kw_only=True)
class Vectors:
    """Looks texts up among word vectors (GloVe, word2vec, .npz, gensim, JSON).

    The file is converted once into a table in the cache folder. A word is missing when it is not in the
    vocabulary, or when its vector holds a number that is not finite; the raw reply tells which.

    Example::

        gnomon run weat --model vectors:glove-6b-100d

    Attributes:
        model: A file, or the name of published vectors such as ``glove-6b-100d``.
        lower: Look texts up in lower case. Unless given, this is done when the vocabulary holds no word
            with a capital letter.
        cache: Folder for the converted tables; ``vectors`` in gnomon's cache folder unless given.
    """

    name: ClassVar[str] = "vectors"
    may: ClassVar[Capability] = Capability(kinds={"embed"}, prefill=False, system=False)

    model: str
    lower: bool | None = None
    cache: str | None = None

    @property
    def offers(self) -> Capability:
        """Vectors of texts, and nothing else."""
        return self.may

    @property
    def identity(self) -> Mapping[str, Any]:
        """The content the vectors were read from."""
        return {"sha256": self._table.about["sha256"], "lower": self._folds}

    @cached_property
    def _table(self) -> VectorTable:
        return VectorTable(table_of(self.model, self._cache, _silent))

    @property
    def _cache(self) -> Path:
        return Path(self.cache).expanduser() if self.cache else _tables()

    @property
    def _folds(self) -> bool:
        return not self._table.about["capitals"] if self.lower is None else self.lower

    def prepare(self, say: Callable[[str], None], progress: Progress | None = None) -> None:
        """Bring and convert what is not there yet."""
        table_of(self.model, self._cache, say, progress)

    @classmethod
    def models(cls) -> Sequence[ModelInfo]:
        """The vectors that can be pulled."""
        return [info(name, _tables()) for name in PUBLISHED]

    @classmethod
    def pull(cls, model: str, progress: Progress | None = None) -> ModelInfo:
        """Bring published vectors to this machine."""
        pull(model, _tables(), progress)
        return info(model, _tables())

    def ask(self, ask: Ask) -> Reply:
        """The vectors of the texts, in their order.

        Raises:
            CallFailed: The ask is not for vectors.
        """
        import numpy as np

        if not isinstance(ask, Embed):
            raise CallFailed(
                f"'vectors' answers asks of kind 'embed', not {ask.kind!r}", fatal=True
            )
        vectors: list[Sequence[float]] = []
        missing: list[str] = []
        not_finite: list[str] = []
        for text in ask.texts:
            found = self._table.find(text.lower() if self._folds else text)
            if found is not None and not np.isfinite(found).all():
                not_finite.append(text)
                found = None
            if found is None:
                missing.append(text)
            vectors.append(() if found is None else tuple(found.tolist()))
        return Reply(
            vectors=tuple(vectors),
            missing=tuple(missing),
            model=self.model,
            raw=json.dumps({"not_finite": not_finite}) if not_finite else None,
        )


def _tables() -> Path:
    return cache_folder() / "vectors"
