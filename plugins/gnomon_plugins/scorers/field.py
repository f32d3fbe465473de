"""``field``: a number that the stimulus brings with it, as a score.

One invariant: the number is the one of the item; a text that is no finite number has no score. It puts
values from outside (a share, a rank, a human rating) beside what is measured, so that a statistic of two
scores can relate them.
"""

from __future__ import annotations

import math
from typing import ClassVar

import attrs

from gnomon import Score, TrialRecord, did_you_mean


@attrs.frozen(kw_only=True)
class Field:
    """A numeric field or draw of the trial.

    Example::

        [[score]]
        use = "field"
        field = "human_rating"
        as = "human"

    Attributes:
        field: Its name.
    """

    name: ClassVar[str] = "field"
    accepts: ClassVar[tuple[str, ...]] = ("ok", "refused", "filtered", "truncated", "error")

    field: str

    def score(self, record: TrialRecord) -> Score:
        """The field's value."""
        fields = record.trial.fields
        if self.field not in fields:
            reason = f"the trial has no field {self.field!r}{did_you_mean(self.field, fields)}"
            return Score(name=self.name, value=None, status="error", detail={"reason": reason})
        value = fields[self.field]
        try:
            number = float("nan") if isinstance(value, bool | tuple) else float(value)
        except ValueError:
            number = float("nan")
        if not math.isfinite(number):
            return Score(
                name=self.name, value=None, status="unparsed", detail={"value": str(value)[:200]}
            )
        return Score(name=self.name, value=number)
