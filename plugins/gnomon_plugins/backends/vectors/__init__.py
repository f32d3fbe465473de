"""``vectors:``: static word vectors from a file, or from a package that carries them."""

from __future__ import annotations

from gnomon_plugins.backends.vectors.backend import Vectors

__all__ = ["Vectors"]
