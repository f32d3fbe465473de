"""The arithmetic of association tests: cosines, effect sizes, and p-values over partitions.

One invariant: nothing here knows where vectors come from or what the words mean; the same functions
serve words (WEAT), single words (WEFAT) and sentences (SEAT). All computing is in float64.
"""

from __future__ import annotations

from gnomon_plugins._association import planting
from gnomon_plugins._association.effect import (
    associations,
    cosines,
    effect_size,
    standardised,
    usable,
)
from gnomon_plugins._association.permutation import Method, PartitionTest, Ties, partition_test

__all__ = [
    "Method",
    "PartitionTest",
    "Ties",
    "associations",
    "cosines",
    "effect_size",
    "partition_test",
    "planting",
    "standardised",
    "usable",
]
