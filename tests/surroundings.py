"""What a source is given, made by hand."""

from __future__ import annotations

import attrs

from gnomon import Seed
from gnomon.files import Folder


@attrs.frozen
class Around:
    folder: Folder
    seed: Seed = attrs.field(factory=lambda: Seed(1))
    round: int = 0
    scores: dict = attrs.field(factory=dict)
