"""The interval of d where the library cannot compute the noncentral t."""

from __future__ import annotations

import math

import pytest

from gnomon_plugins.statistics._effects import noncentral_interval, noncentral_t_interval


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


@pytest.mark.parametrize(("df1", "df2"), [(3, 20.0), (1, 5.0), (1, math.inf), (4, math.inf)])
def test_the_limit_of_a_noncentrality_joins_the_exact_form(df1: int, df2: float) -> None:
    """Just before and just after the place where the limit takes over, the ends are alike."""
    far = 1e8 if math.isinf(df2) else 1e8 / df1
    before = noncentral_interval(far * 0.999999, df1, df2, 0.95)
    after = noncentral_interval(far * 1.000001, df1, df2, 0.95)
    assert after == pytest.approx(before, rel=1e-5)


def test_the_interval_of_an_f_without_bound_is_finite() -> None:
    """Where the library has no number any more, the limit has."""
    low, high = noncentral_interval(1e25, 2, 7.0, 0.95)
    assert 0 < low < high < math.inf
