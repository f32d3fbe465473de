"""Random subsets of a given size, each equally likely, by their sums alone.

One invariant: a draw is an n-subset without replacement, exactly as a shuffled partition gives it. The
words are cut into blocks of at most ``BLOCK``; how many of the n fall into each block is multivariate
hypergeometric, and given that number every subset of the block is equally likely, so its sum is looked up
in a table of all the block's subset sums. A draw thus costs a few look-ups in place of N random
numbers and a partial sort.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BLOCK = 13
CHUNK = 1 << 16


def sampled_sums(
    units: np.ndarray, size: int, draws: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Sums of random subsets, in chunks.

    Args:
        units: Values in whole units, int64 of shape (words,).
        size: Words in the subset.
        draws: How many subsets.
        rng: Where the randomness comes from.

    Yields:
        int64 arrays; ``draws`` sums in all.
    """
    import numpy as np

    pieces = -(-len(units) // BLOCK)
    blocks = np.array_split(units, pieces)
    tables = [_table(block) for block in blocks]
    colours = [len(block) for block in blocks]
    for start in range(0, draws, CHUNK):
        count = min(CHUNK, draws - start)
        left = np.full(count, size)
        rest = len(units)
        sums = np.zeros(count, dtype=np.int64)
        for (table, first, ways), colour in zip(tables, colours, strict=True):
            rest -= colour
            taken = rng.hypergeometric(colour, rest, left) if rest else left
            left = left - taken
            # 53 random bits over at most 1716 ways: the bias is below 1e-12.
            which = (rng.random(count) * ways[taken]).astype(np.int64)
            sums += table[first[taken] + which]
        yield sums


def _table(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Subset sums ordered by subset size; where each size begins; how many there are of it."""
    import numpy as np

    sums = [np.zeros(1, dtype=np.int64)]
    for value in block:
        sums = [
            sums[0],
            *(np.concatenate([sums[j], sums[j - 1] + value]) for j in range(1, len(sums))),
            sums[-1] + value,
        ]
    ways = np.array([len(column) for column in sums])
    return np.concatenate(sums), np.concatenate([[0], ways.cumsum()[:-1]]), ways
