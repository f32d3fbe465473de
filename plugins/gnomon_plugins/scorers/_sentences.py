"""Sentences of replies, vectors of sentences, and groups of sentences that say the same.

One invariant: the same sentences in the same order give the same groups; nothing is drawn.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BREAK = re.compile(r"(?<=[.!?…])[\"'”’)\]*]*\s+|(?<=[。！？।؟])[\"'”’」』)\]*]*\s*|\n+")
"""Sentences of scripts without blanks between them end at their full stop."""
_BULLET = re.compile(r"^\s*(?:[-*•·#>]+|\(?\d{1,3}[.)])\s+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_LONGEST_REPLY = 40_000
_LONGEST_SENTENCE = 600
_BLOCK = 512


def sentences(text: str, shortest: int) -> list[str]:
    """The sentences of a text with more than so many characters, bullets and numbering taken off."""
    out = []
    for piece in _BREAK.split(text[:_LONGEST_REPLY]):
        bare = " ".join(_BULLET.sub("", piece or "").split()).strip("*_ ")
        if len(bare) > shortest:
            out.append(bare[:_LONGEST_SENTENCE])
    return out


def tf_idf(texts: Sequence[str]) -> csr_matrix:
    """Rows of unit length: term frequency times ln((1 + n)/(1 + df)) + 1 (smoothed idf; Salton 1988)."""
    from scipy.sparse import csr_matrix

    counts = [Counter(word.casefold() for word in _WORD.findall(text)) for text in texts]
    seen = Counter(word for one in counts for word in one)
    places = {word: place for place, word in enumerate(sorted(seen))}
    idf = {word: np.log((1 + len(texts)) / (1 + df)) + 1 for word, df in seen.items()}
    rows, columns, values = [], [], []
    for row, one in enumerate(counts):
        weights = {word: number * idf[word] for word, number in one.items()}
        length = float(np.sqrt(sum(value**2 for value in weights.values()))) or 1.0
        for word, value in weights.items():
            rows.append(row)
            columns.append(places[word])
            values.append(value / length)
    return csr_matrix((values, (rows, columns)), shape=(len(texts), max(1, len(places))))


def unit_rows(vectors: Sequence[Sequence[float]]) -> np.ndarray:
    """Vectors as rows of unit length; a zero vector stays what it is."""
    made = np.asarray(vectors, dtype=float)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(made, lengths, where=lengths > 0, out=np.zeros_like(made))
    return scaled


def clusters(rows: np.ndarray | csr_matrix, eps: float, least: int) -> np.ndarray:
    """DBSCAN by cosine distance (Ester et al. 1996): a cluster number for each row, -1 for noise.

    A row with at least ``least`` rows within ``eps``, itself among them, is a core; cores within
    ``eps`` of each other are one cluster, and other rows within ``eps`` of a core belong to the first
    one that reaches them.

    Args:
        rows: Unit vectors, shape (rows, dimensions).
        eps: Largest cosine distance of neighbours.
        least: Fewest neighbours of a core.
    """
    near: list[np.ndarray] = []
    count = rows.shape[0]
    for start in range(0, count, _BLOCK):
        products = rows[start : start + _BLOCK] @ rows.T
        dense = products if isinstance(products, np.ndarray) else products.toarray()
        near.extend(np.flatnonzero(row >= 1 - eps - 1e-12) for row in dense)
    is_core = np.array([len(one) >= least for one in near], dtype=bool)
    labels = np.full(count, -1)
    number = 0
    for first in range(count):
        if labels[first] >= 0 or not is_core[first]:
            continue
        labels[first] = number
        waiting = deque([first])
        while waiting:
            for other in near[waiting.popleft()]:
                if labels[other] < 0:
                    labels[other] = number
                    if is_core[other]:
                        waiting.append(int(other))
        number += 1
    return labels


def nearest_to_mean(rows: np.ndarray | csr_matrix, members: np.ndarray) -> int:
    """Which member lies nearest to the members' mean (Euclidean); the first of equals."""
    part = rows[members]
    dense = part if isinstance(part, np.ndarray) else part.toarray()
    distances = np.linalg.norm(dense - dense.mean(axis=0), axis=1)
    return int(members[int(np.argmin(np.round(distances, 12)))])
