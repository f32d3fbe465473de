"""First-party executors; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.executors.in_process import InProcess
from gnomon_plugins.executors.on_ray import OnRay


@gnomon.hookimpl
def register_executors() -> Iterable[type]:
    """Where asks are answered."""
    return [InProcess, OnRay]
