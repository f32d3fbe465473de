"""First-party procedures; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.procedures.apart import Apart
from gnomon_plugins.procedures.turns import Turns


@gnomon.hookimpl
def register_procedures() -> Iterable[type]:
    """The procedures of this package."""
    return [
        Apart,
        Turns,
    ]
