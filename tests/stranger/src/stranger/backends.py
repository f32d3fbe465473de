"""A backend of one's own."""

from collections.abc import Iterable
from typing import ClassVar

import attrs

import gnomon


@attrs.frozen(kw_only=True)
class Parrot:
    """Says the same word whatever is asked.

    Example::

        gnomon run calendar --model parrot:polly

    Attributes:
        model: The parrot's name.
        word: What it says.
    """

    name: ClassVar[str] = "parrot"
    model: str
    word: str = "three"

    @property
    def offers(self) -> gnomon.Capability:
        """Free text."""
        return gnomon.Capability(kinds=("chat",), blocking=False)

    def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """The word."""
        if not isinstance(ask, gnomon.Chat):
            raise gnomon.CallFailed("a parrot only talks", fatal=True)
        return gnomon.Reply(text=self.word, model=self.model)


@gnomon.hookimpl
def register_backends() -> Iterable[type]:
    """What this module offers."""
    return [Parrot]
