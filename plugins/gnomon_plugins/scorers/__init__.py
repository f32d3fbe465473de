"""First-party scorers; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.scorers.association_d import AssociationD


@gnomon.hookimpl
def register_scorers() -> Iterable[type]:
    """The scorers of this package."""
    return [
        AssociationD,
    ]
