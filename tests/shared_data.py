"""Where published data for replication tests lies, when it is there at all."""

from __future__ import annotations

import os
from pathlib import Path


def shared_data() -> Path | None:
    """The folder named by GNOMON_SHARED_DATA, else ``../shared/data`` beside the repository, if there."""
    given = os.environ.get("GNOMON_SHARED_DATA")
    if given:
        return Path(given) if Path(given).is_dir() else None
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return beside if beside.is_dir() else None
