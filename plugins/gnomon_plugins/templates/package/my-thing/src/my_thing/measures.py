"""Where the measures of this distribution lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gnomon


@gnomon.hookimpl
def register_specs() -> Iterable[Path]:
    """The folder whose TOML files are measures."""
    return [Path(__file__).resolve().parent / "specs"]
