"""First-party corrections for multiple testing; one idea a file.

One invariant: an adjusted p-value is never below the raw one, never above 1, and the order of the raw
p-values is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.corrections.family import BenjaminiHochberg, BenjaminiYekutieli, Holm


@gnomon.hookimpl
def register_corrections() -> Iterable[type]:
    """Corrections over a declared family of tests."""
    return [Holm, BenjaminiHochberg, BenjaminiYekutieli]
