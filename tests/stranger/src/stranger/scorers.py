"""A scorer of one's own."""

from collections.abc import Iterable
from typing import ClassVar

import attrs

import gnomon


@attrs.frozen(kw_only=True)
class Letters:
    """How many letters a reply has.

    Example::

        [[score]]
        use = "letters"
    """

    name: ClassVar[str] = "letters"

    def score(self, record: gnomon.TrialRecord) -> gnomon.Score:
        """The count."""
        count = sum(character.isalpha() for character in record.last.text)
        return gnomon.Score(name=self.name, value=float(count))


@gnomon.hookimpl
def register_scorers() -> Iterable[type]:
    """What this module offers."""
    return [Letters]
