"""``apart``: every turn on its own, whatever became of the others.

One invariant: no turn sees another, and a turn that is refused keeps none from being asked, so that refusals
can be compared between turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from gnomon import Ask, Asking, Trial, Turn, ask_of, turns_for


@attrs.frozen(kw_only=True)
class Apart:
    """Asks all turns of a trial at once, each as a conversation of its own.

    For counterfactual forms of one question, where an answer to one must not colour the next. A turn with
    several ``samples`` is asked so often. Turns may not name each other's replies.

    Example::

        [procedure]
        use = "apart"
    """

    name: ClassVar[str] = "apart"
    remembers: ClassVar[bool] = False

    def administer(self, trial: Trial, turns: Sequence[Turn]) -> Asking:
        """Yields the asks of one trial as one list."""
        asks: list[Ask] = [
            ask_of(turn, trial, (), trial.fields, sample=sample)
            for turn in turns_for(turns, trial)
            if turn.assistant is None
            for sample in range(turn.samples)
        ]
        yield asks
