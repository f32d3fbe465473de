"""The interval of d where the library cannot compute the noncentral t."""

from __future__ import annotations

import math

import pytest

from gnomon_plugins.statistics._effects import noncentral_t_interval


@pytest.mark.parametrize("df", [1, 2, 3])
@pytest.mark.parametrize("t", [-300.0, -12.0, 3.0, 8.0, 30.0, 900.0])
def test_an_interval_is_found_with_few_degrees_of_freedom(df: int, t: float) -> None:
    """It is finite and ordered, and nearly mirrored for -t, however extreme t is."""
    low, high = noncentral_t_interval(t, df, 0.95)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high
    mirrored = noncentral_t_interval(-t, df, 0.95)
    assert mirrored == pytest.approx((-high, -low), rel=5e-3)
