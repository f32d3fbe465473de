"""A plugin's own check of the spec it is used in: its method ``check``, where it has one."""

from __future__ import annotations

from gnomon.loading.draft import Draft
from gnomon.spec import SpecKeys


def check_plugins(draft: Draft, keys: SpecKeys) -> None:
    """Ask every plugin that has a ``check`` what it finds wrong with the spec."""
    for path, use in draft.uses:
        check = getattr(use.plugin, "check", None)
        for sentence in check(keys) if callable(check) else ():
            draft.fault(path, sentence)
