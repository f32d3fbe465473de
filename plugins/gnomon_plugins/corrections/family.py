"""Step-wise corrections over a declared family of p-values.

One invariant: what is adjusted is the whole family at once; the result does not depend on the order in
which its members are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

import gnomon

if TYPE_CHECKING:
    import numpy as np


def _checked(p: np.ndarray) -> np.ndarray:
    import numpy as np

    p = np.asarray(p, dtype=float)
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise gnomon.StatisticError(
            f"a family of tests holds the p-value {p[wrong][0]:g}, which is not between 0 and 1; "
            "leave tests that were refused out of the family"
        )
    return p


@attrs.frozen(kw_only=True)
class Holm:
    """Holm's step-down correction: the chance of any false rejection in the family stays below alpha.

    Valid under any dependence between the tests. Holm (1979), Scand. J. Statist. 6:65.

    Example::

        [[statistic]]
        use = "t-one-sample"
        of = "score"
        by = ["category"]
        correction = "holm"
    """

    name: ClassVar[str] = "holm"

    def adjust(self, p: np.ndarray) -> np.ndarray:
        """Adjusted p-values.

        Args:
            p: Raw p-values of shape (tests,).

        Returns:
            Adjusted p-values of the same shape and order.

        Raises:
            StatisticError: A p-value is not between 0 and 1.
        """
        import numpy as np

        p = _checked(p)
        order = np.argsort(p, kind="stable")
        steps = p[order] * np.arange(len(p), 0, -1)
        adjusted = np.empty_like(p)
        adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else steps
        return adjusted


@attrs.frozen(kw_only=True)
class BenjaminiHochberg:
    """The expected share of false rejections among all rejections stays below alpha.

    Valid for independent or positively dependent tests. Benjamini & Hochberg (1995), JRSS B 57:289.

    Example::

        [[statistic]]
        use = "t-one-sample"
        of = "score"
        by = ["category"]
        correction = "benjamini-hochberg"
    """

    name: ClassVar[str] = "benjamini-hochberg"

    def adjust(self, p: np.ndarray) -> np.ndarray:
        """Adjusted p-values of the same shape and order; see ``Holm.adjust``."""
        return _false_discovery(p, "bh")


@attrs.frozen(kw_only=True)
class BenjaminiYekutieli:
    """The false discovery rate stays below alpha under any dependence between the tests.

    Benjamini & Yekutieli (2001), Ann. Statist. 29:1165.

    Example::

        [[statistic]]
        use = "t-one-sample"
        of = "score"
        by = ["category"]
        correction = "benjamini-yekutieli"
    """

    name: ClassVar[str] = "benjamini-yekutieli"

    def adjust(self, p: np.ndarray) -> np.ndarray:
        """Adjusted p-values of the same shape and order; see ``Holm.adjust``."""
        return _false_discovery(p, "by")


def _false_discovery(p: np.ndarray, method: str) -> np.ndarray:
    import numpy as np
    from scipy import stats

    p = _checked(p)
    # scipy refuses an empty family; there is nothing to adjust in one.
    adjusted: np.ndarray = (
        np.asarray(stats.false_discovery_control(p, method=method)) if len(p) else p
    )
    return adjusted
