"""A statistic of one's own."""

from collections.abc import Iterable
from typing import Any, ClassVar

import attrs

import gnomon


@attrs.frozen(kw_only=True)
class Largest:
    """The largest score.

    Example::

        [[statistic]]
        use = "largest"
        of = "letters"
    """

    name: ClassVar[str] = "largest"

    def estimate(self, table: gnomon.Table, rng: Any) -> gnomon.Estimate:
        """Refuses where there is no score, or an infinite one."""
        import numpy as np

        values = table.complete().values
        if not len(values) or np.isinf(values).any():
            raise gnomon.StatisticError(
                "the largest score needs at least one score, and finite ones"
            )
        return gnomon.Estimate(
            quantity="largest", value=float(values.max()), n=len(values), method="maximum"
        )


@gnomon.hookimpl
def register_statistics() -> Iterable[type]:
    """What this module offers."""
    return [Largest]
