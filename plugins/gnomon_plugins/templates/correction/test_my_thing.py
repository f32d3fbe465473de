"""The correction my-thing: another implementation agrees, and the contract is kept."""

from __future__ import annotations

import gnomon.testing
import numpy as np
import pytest

from my_thing import MyThing


@pytest.mark.parametrize("seed", range(20))
def test_the_plain_formula_agrees(seed: int) -> None:
    """Where it loses nothing to rounding."""
    p = np.random.default_rng(seed).uniform(0.001, 1, size=seed + 1)
    assert MyThing().adjust(p) == pytest.approx(1 - (1 - p) ** len(p))


def test_the_chance_of_any_false_rejection() -> None:
    """Over 2,000 families of 10 true null hypotheses it is the level."""
    rng = np.random.default_rng(1)
    any_rejected = [(MyThing().adjust(rng.uniform(size=10)) < 0.05).any() for _ in range(2000)]
    assert 0.035 < np.mean(any_rejected) < 0.065


def test_it_keeps_the_contract() -> None:
    """Documented, light to import, never smaller, whatever the order."""
    gnomon.testing.assert_conforms(MyThing)
