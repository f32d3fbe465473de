"""Vectors whose association is known on average, for planted respondents.

One invariant: the expected effect size of the vectors is the one wanted, small sets included; the words of
a set differ at random, so that with nothing planted every partition of them is as likely as any other.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from gnomon import Seed

Vector = tuple[float, float, float]

A: Vector = (1.0, 0.0, 0.0)
"""The one direction, which all words of the first attributes have."""
B: Vector = (0.0, 1.0, 0.0)
"""The other, which all words of the second attributes have."""
LARGEST = 1.2
"""Beyond this an effect size of small sets, which cannot pass 2, is hardly ever reached on average."""
_UNIT = 0.05
_SHIFTS = 8.0
_STEPS = 161


def associated(strength: float) -> Vector:
    """A unit vector whose cosine with ``A`` less that with ``B`` is the strength, within ±1.4."""
    half = max(-0.7, min(0.7, strength / 2))
    return half, -half, math.sqrt(1 - 2 * half * half)


def leaning(strength: float) -> Vector:
    """A unit vector whose cosine with ``A`` is the strength, within ±0.99."""
    cosine = max(-0.99, min(0.99, strength))
    return cosine, 0.0, math.sqrt(1 - cosine * cosine)


def strengths(first: int, second: int, effect: float, ddof: int, seed: Seed) -> np.ndarray:
    """Associations of two sets of words, of shape (first + second,), whose expected effect size is given.

    Args:
        first: Words of the first set.
        second: Words of the second set.
        effect: Expected difference of means in standard deviations of all words.
        ddof: As for the effect size.
        seed: Draws of the words.
    """
    shift = shift_of(first, second, ddof, effect)
    drawn = seed.child("words").numpy().normal(size=first + second)
    drawn[:first] += shift / 2
    drawn[first:] -= shift / 2
    made: np.ndarray = _UNIT * drawn
    return made


def shift_of(first: int, second: int, ddof: int, effect: float) -> float:
    """By how many standard deviations within a set the sets must differ for an expected effect size."""
    import numpy as np

    shifts, expected = _table(first, second, ddof)
    return float(np.interp(effect, expected, shifts))


@lru_cache(maxsize=256)
def _table(first: int, second: int, ddof: int) -> tuple[np.ndarray, np.ndarray]:
    shifts = [_SHIFTS * (2 * step / (_STEPS - 1) - 1) for step in range(_STEPS)]
    import numpy as np

    return np.array(shifts), np.array([expected_d(first, second, ddof, at) for at in shifts])


def expected_d(first: int, second: int, ddof: int, shift: float) -> float:
    """The expectation of d for normal associations of standard deviation 1 whose means differ by a shift.

    With D the difference of the means, W the squares within the sets (χ² with N − 2) and
    h = n m / N: d = D / sqrt((W + h D²) / (N − ddof)), averaged over a grid of quantiles of both.
    """
    import numpy as np
    from scipy import special

    total = first + second
    weight = first * second / total
    middles = (np.arange(400) + 0.5) / 400
    difference = shift + special.ndtri(middles) / math.sqrt(weight)
    if total == 2:
        within = np.zeros(1)
    else:
        chances = (np.arange(100) + 0.5) / 100
        within = special.chdtri(total - 2, 1 - chances)
    spread = np.sqrt((within[:, None] + weight * difference**2) / (total - ddof))
    return float((difference / spread).mean())
