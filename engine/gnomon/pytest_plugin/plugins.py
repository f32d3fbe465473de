"""One-file plugins as tests: one for each check of the conformance kit.

One invariant: a file is imported only when it was collected for what it offers, and what is wrong with it is a
failed test with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gnomon.errors import CatalogueError
from gnomon.pytest_plugin.specs import Violated

if TYPE_CHECKING:
    from gnomon.testing import Check

_HOOK = re.compile(r"@(?:gnomon\.)?hookimpl\s+def register_", re.MULTILINE)


def is_plugin(path: Path) -> bool:
    """Whether a Python file has a hook of gnomon."""
    try:
        return _HOOK.search(path.read_text("utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


class PluginFile(pytest.File):
    """The checks of all plugins of one file."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each check; a file that cannot be loaded is one failed test."""
        from gnomon.catalogue import KINDS, Catalogue
        from gnomon.testing import checks_of

        try:
            catalogue = Catalogue(entry_points=(), files=[self.path])
            offered = [one for kind in KINDS for one in catalogue.of_kind(kind).values()]
        except CatalogueError as error:
            yield Fails.from_parent(self, name="loads", sentence=str(error))
            return
        for plugin in offered:
            singular = KINDS[plugin.kind][0]
            for check in checks_of(plugin.cls, kind=plugin.kind, folder=self.path.parent):
                yield Conforms.from_parent(
                    self, name=f"{singular} {plugin.name}: {check.name}", check=check
                )


class PluginTest(pytest.Item):
    """One test of a plugin."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Sentences for what is wrong with the plugin; a traceback for what is wrong with us."""
        if isinstance(excinfo.value, Violated):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The file and the name."""
        return self.path, None, self.name


class Conforms(PluginTest):
    """A check has nothing to say."""

    def __init__(self, *, check: Check, **options: Any) -> None:
        super().__init__(**options)
        self._check = check

    def runtest(self) -> None:
        """Do the check."""
        problems = self._check()
        if problems:
            raise Violated("\n".join(problems))


class Fails(PluginTest):
    """A file that cannot be loaded."""

    def __init__(self, *, sentence: str, **options: Any) -> None:
        super().__init__(**options)
        self._sentence = sentence

    def runtest(self) -> None:
        """Say why."""
        raise Violated(self._sentence)
