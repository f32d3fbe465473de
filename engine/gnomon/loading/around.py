"""What a source is given: its folder, its seed, and the scores so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from gnomon.files import Folder
from gnomon.records import Item, Score
from gnomon.seeds import Seed


@attrs.frozen(kw_only=True)
class Around:
    """The surroundings of a source.

    Attributes:
        folder: Opens files of the spec's folder, and nothing outside it.
        seed: Random draws of the source, by name.
        round: 0 at first; one more each time an adaptive source is asked again.
        scores: The scores so far, by item key and score name, in plan order.
        items: The items so far, by key, in plan order.
    """

    folder: Folder
    seed: Seed
    round: int = 0
    scores: Mapping[str, Mapping[str, Sequence[Score]]] = attrs.field(factory=dict)
    items: Mapping[str, Item] = attrs.field(factory=dict)

    @classmethod
    def beside(
        cls,
        spec: Path,
        seed: int,
        *,
        files: Mapping[str, Path] | None = None,
        round_: int = 0,
        scores: Mapping[str, Mapping[str, Sequence[Score]]] | None = None,
        items: Mapping[str, Item] | None = None,
    ) -> Around:
        """The surroundings of the source of a spec file, under a run's seed."""
        return cls(
            folder=Folder(spec.parent, dict(files or {})),
            seed=Seed(seed).child("stimuli"),
            round=round_,
            scores=scores or {},
            items=items or {},
        )
