"""Corrections over a family agree with statsmodels and keep their promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

import gnomon
from gnomon_plugins.corrections import register_corrections

CORRECTIONS = {cls.name: cls() for cls in register_corrections()}
THEIRS = {"holm": "holm", "benjamini-hochberg": "fdr_bh", "benjamini-yekutieli": "fdr_by"}
families = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_names():
    """The three corrections are offered under the names of the literature."""
    assert set(CORRECTIONS) == set(THEIRS)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("seed", range(20))
def test_equals_statsmodels(name, seed):
    """Adjusted p-values equal those of statsmodels, ties included."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(0.4, 2, size=rng.integers(1, 60)), 3)
    expected = multipletests(p, method=THEIRS[name])[1]
    np.testing.assert_allclose(CORRECTIONS[name].adjust(p), expected, rtol=1e-12, atol=1e-15)


def test_holm_by_hand():
    """Four p-values worked by hand: .01×4, .02×3, .03×2 raised to .06, .04 raised to .06."""
    adjusted = CORRECTIONS["holm"].adjust(np.array([0.04, 0.01, 0.03, 0.02]))
    np.testing.assert_allclose(adjusted, [0.06, 0.04, 0.06, 0.06])


@pytest.mark.parametrize("name", THEIRS)
@given(p=families, data=st.data())
def test_promises(name, p, data):
    """Never below the raw p, never above 1, order kept, and independent of the order given."""
    raw = np.array(p)
    adjusted = CORRECTIONS[name].adjust(raw)
    assert (adjusted >= raw - 1e-15).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= -1e-15).all()
    order = np.array(data.draw(st.permutations(range(len(p)))))
    np.testing.assert_allclose(CORRECTIONS[name].adjust(raw[order]), adjusted[order])


@pytest.mark.parametrize("name", THEIRS)
def test_one_test_is_not_adjusted(name):
    """A family of one, or of none, is left as it is."""
    assert CORRECTIONS[name].adjust(np.array([0.03])) == pytest.approx([0.03])
    assert CORRECTIONS[name].adjust(np.array([])).shape == (0,)


def test_holm_controls_the_family():
    """Over 2,000 families of 21 true null hypotheses Holm rejects anything in at most 6 %."""
    p = np.random.default_rng(4).uniform(size=(2_000, 21))
    wrong = sum((CORRECTIONS["holm"].adjust(row) < 0.05).any() for row in p)
    assert 0.035 <= wrong / len(p) <= 0.06


@pytest.mark.parametrize("bad", [1.5, float("nan")])
@pytest.mark.parametrize("name", THEIRS)
def test_refuses_what_is_no_p_value(name, bad):
    """A p-value outside [0, 1] is refused with what to do."""
    with pytest.raises(gnomon.StatisticError) as caught:
        CORRECTIONS[name].adjust(np.array([0.1, bad]))
    assert str(caught.value) == (
        f"a family of tests holds the p-value {bad:g}, which is not between 0 and 1; "
        "leave tests that were refused out of the family"
    )
