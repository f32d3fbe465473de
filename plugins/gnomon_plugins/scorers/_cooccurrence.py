"""Which words stand near the words of two lists, and how far that differs between the lists.

One invariant: a word's counts are sums over texts, so that a corpus is the sum of its texts and resampling
texts is resampling rows.

The measure is that of GenBit (Sengupta, Maher, Groves & Olieman, 2021; its released code where that and the
page that describes it differ), without lemmas: for a word w, with c_A(w) the distance-weighted count of words
of list A around w plus ``smoothing``,

    p(w | A) = c_A(w) / (number of words of list A + size of the vocabulary)
    score    = mean over frequent words w of |ln(p(w | A) / p(w | B))|

where frequent words are those of neither list whose counts sum to at least the 80th percentile of the sums
above 2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    import numpy as np

_WORD = re.compile(r"[^\W\d_]+")
LEAST_COUNT = 2.0
JOIN = " "


def words_of(text: str) -> list[str]:
    """The runs of letters of a text, in lower case.

    >>> words_of("She's 20; he isn't.")
    ['she', 's', 'he', 'isn', 't']
    """
    return _WORD.findall(text.lower())


@attrs.frozen
class Lists:
    """Two lists of words, and words that say nothing.

    Attributes:
        first: Words and phrases of the first list, as ``words_of`` gives them, joined by blanks.
        second: Those of the second.
        stop: Words that are passed over unless they are in a list.
    """

    first: frozenset[str]
    second: frozenset[str]
    stop: frozenset[str] = frozenset()
    _phrases: Mapping[str, tuple[tuple[str, ...], ...]] = attrs.field(init=False)

    @_phrases.default
    def _longest_first(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        for phrase in self.first | self.second:
            words = tuple(phrase.split(JOIN))
            if len(words) > 1:
                found.setdefault(words[0], []).append(words)
        return {word: tuple(sorted(some, key=len, reverse=True)) for word, some in found.items()}

    @classmethod
    def of(cls, first: Iterable[str], second: Iterable[str], stop: Iterable[str] = ()) -> Lists:
        """Lists of words as they are written."""

        def plain(words: Iterable[str]) -> frozenset[str]:
            return frozenset(JOIN.join(words_of(word)) for word in words) - {""}

        return cls(plain(first), plain(second), plain(stop))

    @property
    def both(self) -> frozenset[str]:
        """The words of either list."""
        return self.first | self.second

    def read(self, words: Sequence[str]) -> list[str]:
        """The words of a text with phrases joined and stop words taken out."""
        return [word for word in self._joined(words) if word in self.both or word not in self.stop]

    def _joined(self, words: Sequence[str]) -> Iterator[str]:
        place = 0
        while place < len(words):
            for phrase in self._phrases.get(words[place], ()):
                if tuple(words[place : place + len(phrase)]) == phrase:
                    yield JOIN.join(phrase)
                    place += len(phrase)
                    break
            else:
                yield words[place]
                place += 1


@attrs.frozen
class Counts:
    """Counts of a corpus, one row for each text.

    Attributes:
        words: The vocabulary, sorted.
        times: (texts, words) how often each word occurs.
        first: (texts, words) weighted count of first-list words around it.
        second: The same for the second list.
    """

    words: tuple[str, ...]
    times: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def summed(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts of the corpus with each text taken so many times; of shape (words,) each."""
        return weights @ self.times, weights @ self.first, weights @ self.second


def count(texts: Sequence[Sequence[str]], lists: Lists, *, window: int, decay: float) -> Counts:
    """Count the words around list words, a word at distance k as ``decay ** k``.

    Args:
        texts: The words of each text, phrases joined and stop words out.
        lists: The two lists.
        window: Farthest distance that counts, in words.
        decay: Weight lost with each word of distance, in (0, 1].
    """
    import numpy as np

    words = tuple(sorted({word for text in texts for word in text}))
    place = {word: index for index, word in enumerate(words)}
    times, first, second = (np.zeros((len(texts), len(words))) for _ in range(3))
    weight = [decay**distance for distance in range(window + 1)]
    for row, text in enumerate(texts):
        columns = [place[word] for word in text]
        for index, word in enumerate(text):
            times[row, columns[index]] += 1
            counts = first if word in lists.first else second if word in lists.second else None
            if counts is None:
                continue
            for other in range(max(0, index - window), min(len(text), index + window + 1)):
                if other != index:
                    counts[row, columns[other]] += weight[abs(other - index)]
    return Counts(words, times, first, second)


@attrs.frozen(kw_only=True)
class Difference:
    """How far the words around the two lists differ.

    Attributes:
        score: Mean absolute log ratio of the conditional probabilities; 0 is no difference.
        signed: Mean log ratio; positive where words stand nearer to the first list.
        ratio: Mean log ratio of the raw counts.
        cutoff: Sum of counts that makes a word frequent.
        words: Number of frequent words.
        of_first: Occurrences of words of the first list.
        of_second: Those of the second.
        log_ratios: The log ratios by word.
    """

    score: float
    signed: float
    ratio: float
    cutoff: float
    words: int
    of_first: float
    of_second: float
    log_ratios: Mapping[str, float]


@attrs.frozen
class Marked:
    """A vocabulary and which of its words are in which list; made once for all resampled corpora.

    Attributes:
        words: The vocabulary.
        in_first: (words,) whether each is in the first list.
        in_second: The same for the second.
    """

    words: Sequence[str]
    in_first: np.ndarray
    in_second: np.ndarray

    @classmethod
    def of(cls, words: Sequence[str], lists: Lists) -> Marked:
        """The marks of a vocabulary."""
        import numpy as np

        in_first, in_second = (
            np.array([word in some for word in words], dtype=bool)
            for some in (lists.first, lists.second)
        )
        return cls(words, in_first, in_second)


def difference(
    vocabulary: Marked,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    percentile: float = 80.0,
    smoothing: float = 1.0,
) -> Difference | None:
    """The measure of a corpus; None when no word is frequent or a list does not occur.

    Args:
        vocabulary: The words; those that do not occur are passed over.
        sums: How often each occurs, and its weighted counts of first-list and second-list words.
        percentile: Which words are frequent.
        smoothing: Added to each count.
    """
    import numpy as np

    times, first, second = sums
    there = times > 0
    in_first, in_second = vocabulary.in_first, vocabulary.in_second
    of_first, of_second = float(times[in_first].sum()), float(times[in_second].sum())
    if not of_first or not of_second:
        return None
    a, b = first + smoothing, second + smoothing
    both = a + b
    counted = both[there & (both > LEAST_COUNT)]
    if not len(counted):
        return None
    cutoff = float(np.percentile(counted, percentile))
    kept = there & ~in_first & ~in_second & (both >= cutoff) & (a > 0) & (b > 0)
    if not kept.any():
        return None
    size = int(there.sum())
    ratios = np.log(a[kept] / b[kept])
    logs = ratios - math.log((of_first + size) / (of_second + size))
    names = [word for word, keep in zip(vocabulary.words, kept, strict=True) if keep]
    return Difference(
        score=float(np.abs(logs).mean()),
        signed=float(logs.mean()),
        ratio=float(ratios.mean()),
        cutoff=cutoff,
        words=len(names),
        of_first=of_first,
        of_second=of_second,
        log_ratios=dict(zip(names, logs.tolist(), strict=True)),
    )


def occurrences(words: Sequence[str], some: Collection[str]) -> int:
    """How many of the words are among some."""
    return sum(word in some for word in words)
