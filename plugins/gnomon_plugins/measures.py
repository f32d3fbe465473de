"""The measures that ship with gnomon."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gnomon


@gnomon.hookimpl
def register_specs() -> Iterable[Path]:
    """The folder of shipped specs: beside this module when installed, at the root of a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "specs"
    return [installed if installed.is_dir() else here.parents[1] / "specs"]
