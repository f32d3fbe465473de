"""The permutation options that WEAT and WEFAT share, and their result as score parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gnomon import Seed
from gnomon_plugins._association import Method, PartitionTest, Ties, partition_test

if TYPE_CHECKING:
    import numpy as np

P_PARTS = ("p", "p-low", "p-high", "p-two-sided", "p-two-sided-low", "p-two-sided-high")


def check_options(ddof: int, draws: int, tolerance: float) -> None:
    """Refuse options without a meaning.

    Raises:
        ValueError: With the option and what it may be.
    """
    if ddof not in (0, 1):
        raise ValueError(f"'ddof' is 1 (divide by n - 1) or 0 (divide by n), not {ddof}")
    if draws < 100:
        raise ValueError(f"'draws' must be at least 100, not {draws}")
    if not tolerance > 0:
        raise ValueError(f"'tolerance' must be above 0, not {tolerance:g}")


def tested(
    first: np.ndarray,
    second: np.ndarray,
    *,
    method: Method,
    ties: Ties,
    draws: int,
    tolerance: float,
    key: str,
) -> PartitionTest:
    """The test, drawing, where it draws, from a stream of its own for each item."""
    return partition_test(
        first,
        second,
        method=method,
        ties=ties,
        draws=draws,
        tolerance=tolerance,
        rng=Seed(0).child("partitions", key).numpy(),
    )


def p_values(test: PartitionTest) -> Mapping[str, float]:
    """Part → value, in the order of ``P_PARTS``."""
    values = (
        test.p,
        test.p_low,
        test.p_high,
        test.two_sided,
        test.two_sided_low,
        test.two_sided_high,
    )
    return dict(zip(P_PARTS, values, strict=True))


def how(test: PartitionTest, ties: Ties, ddof: int) -> dict[str, Any]:
    """How the p-value was found, for the score's detail."""
    return {
        "method": test.method,
        "partitions": test.partitions,
        "draws": test.draws,
        "bounds": test.bounds,
        "ties": ties,
        "ddof": ddof,
    }
