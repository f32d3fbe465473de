"""First-party executors; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.executors.in_process import InProcess


@gnomon.hookimpl
def register_executors() -> Iterable[type]:
    """Where asks are answered."""
    return [InProcess]
