"""Starting points for ``gnomon new``: each folder is one, and works as it stands.

One invariant: a template is a real, tested thing called my-thing; to make another of it is to replace that
name, in its four spellings, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gnomon


@gnomon.hookimpl
def register_templates() -> Iterable[Path]:
    """The folder of templates."""
    return [Path(__file__).resolve().parent]
