"""Cosines, associations and effect sizes of Caliskan, Bryson & Narayanan (2017), equations 1 to 3.

One invariant: vectors enter as float64 rows that are finite and not zero; ``usable`` says which are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def usable(vector: object) -> bool:
    """Whether a vector has a direction: it is there, finite throughout, and not zero."""
    import numpy as np

    array = np.asarray(vector, dtype=np.float64)
    return bool(array.ndim == 1 and array.size and np.isfinite(array).all() and array.any())


def cosines(words: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Cosine similarity of every word with every attribute.

    Args:
        words: Shape (words, dimensions).
        attributes: Shape (attributes, dimensions).

    Returns:
        Shape (words, attributes), each in [-1, 1] up to rounding.
    """
    import numpy as np

    def unit(rows: np.ndarray) -> np.ndarray:
        # The largest entry goes out first, so that very long or short vectors neither overflow nor vanish.
        rows = rows / np.abs(rows).max(axis=1, keepdims=True)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return np.asarray(unit(words) @ unit(attributes).T)


def associations(words: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """s(w, A, B): mean cosine with A minus mean cosine with B.

    Args:
        words: Shape (words, dimensions).
        a: Shape (attributes of A, dimensions).
        b: Shape (attributes of B, dimensions).

    Returns:
        Shape (words,), in [-2, 2].
    """
    import numpy as np

    return np.asarray(cosines(words, a).mean(axis=1) - cosines(words, b).mean(axis=1))


def effect_size(x: np.ndarray, y: np.ndarray, ddof: int) -> float:
    """d: difference of the two sets' mean associations over their standard deviation in X ∪ Y.

    Args:
        x: Associations of X, shape (words of X,).
        y: Associations of Y, shape (words of Y,).
        ddof: 1 divides the squared deviations by the number of words less one (the published values),
            0 by the number of words.

    Returns:
        About -2 to 2; NaN when all associations are equal, so that there is nothing to divide by.
    """
    import numpy as np

    together = np.concatenate([x, y])
    spread = float(together.std(ddof=ddof))
    # Equal values leave a spread of rounding errors, not of nothing.
    if spread <= 1e-12 * max(1e-300, float(np.abs(together).max())):
        return float("nan")
    return float((x.mean() - y.mean()) / spread)


def standardised(to_a: np.ndarray, to_b: np.ndarray, ddof: int) -> float:
    """The WEFAT association of one word: the same d, over its cosines with A and with B."""
    return effect_size(to_a, to_b, ddof)
