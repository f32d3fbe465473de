"""Write all generated pages of a checkout: ``python -m gnomon.reference [ROOT]``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gnomon.reference.pages import write


def main(root: Path) -> None:
    """Write what differs, and say so."""
    if not (root / "specs").is_dir() or not (root / "engine" / "gnomon").is_dir():
        raise SystemExit(f"{str(root)!r} is not the root of a checkout of gnomon")
    for path in write(root):
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
