"""Tail probabilities survive underflow and agree with scipy before it."""

import math
from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gnomon_plugins.statistics import _tails as tails

LN10 = math.log(10)


@given(t=st.floats(-30, 30), df=st.floats(1, 500))
def test_t_equals_scipy(t, df):
    """Within the range of a float, all three sides equal scipy's."""
    for side, p in {
        "greater": stats.t.sf(t, df),
        "less": stats.t.cdf(t, df),
        "two-sided": 2 * stats.t.sf(abs(t), df),
    }.items():
        found, log10_p = tails.t_tail(t, df, side)
        assert found == pytest.approx(p, rel=1e-9)
        assert log10_p == pytest.approx(math.log10(p), abs=1e-9)


@pytest.mark.parametrize("df", [2.5, 30, 400, 5000])
@pytest.mark.parametrize("x", [0.001, 0.05, 0.3])
@pytest.mark.parametrize("b", [0.5, 1.0, 3.5])
def test_continued_fraction_of_beta(df, x, b):
    """The logarithm from the continued fraction equals that of scipy's function where that is not 0."""
    expected = stats.beta.cdf(x, df / 2, b)
    if expected > 0:
        assert tails.log_betainc(df / 2, b, x) == pytest.approx(math.log(expected), rel=1e-10)


@pytest.mark.parametrize("df", [1, 4, 33])
@pytest.mark.parametrize("x", [60.0, 200.0, 900.0])
def test_continued_fraction_of_gamma(df, x):
    """The same for the incomplete gamma function."""
    expected = stats.chi2.sf(x, df)
    if expected > 0:
        found = tails.log_gammaincc(df / 2, x / 2)
        assert found == pytest.approx(math.log(expected), rel=1e-10)


def test_t_of_one_degree_beyond_floats():
    """With 1 df the tail of a large t is 2/(π t), here at t = 1e300."""
    assert tails.t_tail(1e300, 1)[1] == pytest.approx(math.log10(2 / math.pi) - 300, rel=1e-12)


def test_even_degrees_by_exact_series():
    """With 4 df the tail is a polynomial in t/√(4+t²), summed here in 900 digits."""
    getcontext().prec = 900
    t = Decimal(10) ** 90
    u = t / (4 + t * t).sqrt()
    exact = 1 - Decimal(3) / 2 * u + u**3 / 2
    p, log10_p = tails.t_tail(1e90, 4)
    assert p == 0.0
    assert log10_p == pytest.approx(float(exact.log10()), rel=1e-12)


def test_chi_square_of_two_degrees():
    """With 2 df the tail is exp(-x/2), here far below the smallest float."""
    p, log10_p = tails.chi2_tail(40_000, 2)
    assert p == 0.0
    assert log10_p == pytest.approx(-20_000 / LN10, rel=1e-12)


def test_f_of_one_and_df_is_t_squared():
    """F(1, df) at t² has the two-sided tail of t, also where it underflows."""
    for t in (3.0, 80.0, 300.0):
        assert tails.f_tail(t * t, 1, 500)[1] == pytest.approx(tails.t_tail(t, 500)[1], rel=1e-11)


def test_published_implicit_bias_overall():
    """t(33599) = 76.393 has a p far below the smallest float; its logarithm is kept."""
    p, log10_p = tails.t_tail(76.393, 33599)
    assert p == 0.0
    assert log10_p == pytest.approx(tails.normal_tail(76.393)[1] * 0.925, rel=0.02)
