"""Measures of one's own."""

from collections.abc import Iterable
from pathlib import Path

import gnomon


@gnomon.hookimpl
def register_specs() -> Iterable[Path]:
    """The folder beside this module."""
    return [Path(__file__).resolve().parent / "specs"]
