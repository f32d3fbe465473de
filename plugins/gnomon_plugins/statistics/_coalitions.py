"""Games over the parts of a whole: Shapley values, exact and from random orders.

One invariant: the values of all players sum to the value of everybody less that of nobody (efficiency), in
exact arithmetic by construction and here up to rounding.

A game is an array ``v`` of length 2^d: entry m is the value of the coalition whose players are the bits of m.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@lru_cache(maxsize=16)
def weights(players: int) -> np.ndarray:
    """Coefficients c of shape (players, 2^players): the Shapley value of i is sum over m of c[i, m] v[m].

    Shapley (1953): |S|! (d - |S| - 1)! / d! for a coalition S that i joins, which is
    1 / (d C(d - 1, |S|)); coalitions with i count positive, those without negative.
    """
    import numpy as np

    masks = np.arange(1 << players)
    sizes = np.bitwise_count(masks).astype(int)
    joins = np.array([1 / (players * comb(players - 1, size)) for size in range(players)])
    made = np.empty((players, len(masks)))
    for i in range(players):
        inside = (masks >> i & 1).astype(bool)
        made[i, inside] = joins[sizes[inside] - 1]
        made[i, ~inside] = -joins[sizes[~inside]]
    made.flags.writeable = False
    return made


def interactions(v: np.ndarray, players: int) -> np.ndarray:
    """The Shapley interaction index of each pair (Grabisch & Roubens, 1999), of shape (players, players).

    I(i, j) = sum over S without both of |S|! (d - |S| - 2)! / (d - 1)! times
    v(S with both) - v(S with i) - v(S with j) + v(S). The diagonal is 0.
    """
    import numpy as np

    masks = np.arange(1 << players)
    sizes = np.bitwise_count(masks).astype(int)
    made = np.zeros((players, players))
    for i in range(players):
        for j in range(i):
            free = masks[(masks >> i & 1 == 0) & (masks >> j & 1 == 0)]
            share = np.array([1 / ((players - 1) * comb(players - 2, s)) for s in sizes[free]])
            both = v[free | 1 << i | 1 << j] - v[free | 1 << i] - v[free | 1 << j] + v[free]
            made[i, j] = made[j, i] = float(share @ both)
    return made


def kernel_weights(players: int, masks: np.ndarray) -> np.ndarray:
    """As ``weights``, from some subsets only: coefficients of shape (players, len(masks)).

    The weighted least-squares form of the Shapley value (Charnes et al., 1988; Lundberg & Lee, 2017,
    theorem 2): the additive game nearest to the scores, with weights
    (d - 1) / (C(d, s) s (d - s)), that keeps the values of nobody and of everybody. With all subsets it is
    the Shapley value; with fewer it is so for additive games.

    Args:
        players: d, at least 2.
        masks: The subsets that have a value; the empty and the full one among them.

    Raises:
        ValueError: The subsets do not tell the players apart.
    """
    import numpy as np

    everybody = (1 << players) - 1
    nobody_at, everybody_at = (
        int(np.flatnonzero(masks == 0)[0]),
        int(np.flatnonzero(masks == everybody)[0]),
    )
    inner = np.flatnonzero((masks != 0) & (masks != everybody))
    x = (masks[inner, None] >> np.arange(players) & 1).astype(float)
    sizes = x.sum(axis=1).astype(int)
    kernel = np.array(
        [0.0, *(1 / (comb(players, s) * s * (players - s)) for s in range(1, players))]
    )
    # The last player takes what the others leave, so the sum is kept exactly.
    z = (x[:, :-1] - x[:, -1:]) * np.sqrt(kernel[sizes])[:, None]
    if np.linalg.matrix_rank(z) < players - 1:
        raise ValueError("the subsets do not tell the players apart")
    solve = np.linalg.pinv(z) * np.sqrt(kernel[sizes])
    last = solve @ x[:, -1]
    made = np.zeros((players, len(masks)))
    made[:-1, inner] = solve
    made[:-1, nobody_at] = last - solve.sum(axis=1)
    made[:-1, everybody_at] = -last
    made[-1] = -made[:-1].sum(axis=0)
    made[-1, nobody_at] -= 1
    made[-1, everybody_at] += 1
    return made
