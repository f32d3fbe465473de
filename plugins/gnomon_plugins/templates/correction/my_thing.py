"""The correction ``my-thing``: Šidák's, over a declared family of p-values.

One invariant: the whole family is adjusted at once, and no p-value gets smaller.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import attrs
import gnomon

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True)
class MyThing:
    """1 − (1 − p)^m for a family of m independent tests.

    Say here what is controlled and under which dependence. Šidák (1967), JASA 62:626.

    Example::

        [[statistic]]
        use = "t-one-sample"
        of = "score"
        by = ["item"]
        correction = "my-thing"
    """

    name: ClassVar[str] = "my-thing"

    def adjust(self, p: np.ndarray) -> np.ndarray:
        """Adjusted p-values of the same shape and order.

        Raises:
            StatisticError: A p-value is not between 0 and 1.
        """
        import numpy as np

        wrong = ~((p >= 0) & (p <= 1))
        if wrong.any():
            raise gnomon.StatisticError(
                f"a family of tests holds {p[wrong][0]:g}, which is no p-value"
            )
        with np.errstate(divide="ignore"):
            # The plain formula loses tiny p-values to rounding; rounding must not make one smaller either.
            adjusted: np.ndarray = np.maximum(p, -np.expm1(len(p) * np.log1p(-p)))
        return adjusted


@gnomon.hookimpl
def register_corrections() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
