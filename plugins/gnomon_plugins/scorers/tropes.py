"""``tropes``: justifications that come again and again in the replies to one item.

One invariant: a trope is a sentence that was really written; nothing is paraphrased, and what belongs to no
trope is counted.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from gnomon import Ask, Embed, ItemRecord, Reply, Score, ScoreStatus, TrialRecord
from gnomon_plugins.scorers._fields import reply_of
from gnomon_plugins.scorers._pairs import excerpt
from gnomon_plugins.scorers.likert import Likert

if TYPE_CHECKING:
    import numpy as np

_MOST = 4_000
"""Sentences of one side of one item that are compared with each other."""
_KEPT = 50


@attrs.frozen
class _Side:
    """Sentences of replies of one stance, and the tropes among them."""

    name: str
    sentences: Sequence[str]
    rows: Any
    tropes: Sequence[tuple[int, int]]
    """Place of the representative, and support."""


@attrs.frozen(kw_only=True)
class Tropes:
    """Clusters of like sentences over all replies to an item, for those who agree and who disagree apart.

    Sentences longer than ``shortest`` characters become vectors and are clustered by DBSCAN with cosine
    distance; noise, clusters of no more than ``least`` sentences, and among several clusters one of at
    least half of what is left are dropped. A trope is the sentence nearest to its cluster's mean (Wright et al. 2024,
    without their filter by a model). With ``role`` the vectors come from an embedding model; else they
    are TF-IDF, which finds like wording and not like meaning, and needs a larger ``eps``.

    The score is the number of tropes. Further ones: ``.covered``, the share of sentences in tropes;
    ``.sentences``; and ``.shared``, the share of tropes of both sides that lie within ``eps`` of one of the
    other side (missing with fewer than two sides). The detail holds the tropes with stance and support.

    Example::

        [[score]]
        use = "tropes"
        of = "argument"
        stance = "stance"
        points = ["strongly disagree", "disagree", "agree", "strongly agree"]
        eps = 0.5

    Attributes:
        of: The name of the replies that are searched.
        stance: The name of the reply that says where a writer stands; without it all are one side.
        points: The points of the stance, lowest first; the lower half disagrees.
        role: The role that embeds; TF-IDF without it.
        eps: Largest cosine distance of sentences that are alike.
        least: Fewest like sentences around a core; a trope has more.
        shortest: Sentences have more characters than this.
    """

    name: ClassVar[str] = "tropes"
    over: ClassVar[str] = "item"
    parts: ClassVar[tuple[str, ...]] = ("covered", "sentences", "shared")
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    of: str
    stance: str | None = None
    points: tuple[str, ...] = ()
    role: str | None = None
    eps: float = 0.15
    least: int = 10
    shortest: int = 20

    def __attrs_post_init__(self) -> None:
        if not 0 < self.eps < 1:
            raise ValueError(f"'eps' is a cosine distance between 0 and 1, not {self.eps:g}")
        for name in ("least", "shortest"):
            if getattr(self, name) < 1:
                raise ValueError(f"'{name}' must be at least 1, not {getattr(self, name)}")
        if (self.stance is None) != (not self.points):
            raise ValueError("'stance' and 'points' go together: a reply, and what it can say")

    def score(
        self, record: ItemRecord
    ) -> list[Score] | Generator[Sequence[Ask], Sequence[Reply], list[Score]]:
        """The four scores; a generator where a model embeds."""
        if self.role is None:
            return self._scores(self._texts(record), {})
        return self._embedded(self._texts(record))

    def _embedded(
        self, texts: dict[str, list[str]]
    ) -> Generator[Sequence[Ask], Sequence[Reply], list[Score]]:
        assert self.role is not None
        named = [name for name, own in texts.items() if own]
        if not named:
            return self._scores(texts, {})
        replies = yield [
            Embed(role=self.role, name=f"{self.name}-{name}", texts=tuple(texts[name]))
            for name in named
        ]
        failed = [reply.status for reply in replies if reply.vectors is None or reply.missing]
        if failed:
            status = failed[0] if failed[0] not in ("ok", "truncated") else "error"
            return self._none(status, reason=f"{self.role!r} gave no vectors for some sentences")
        return self._scores(
            texts, {name: reply.vectors for name, reply in zip(named, replies, strict=True)}
        )

    def _texts(self, record: ItemRecord) -> dict[str, list[str]]:
        """Side → its sentences, in plan order."""
        from gnomon_plugins.scorers._sentences import sentences

        sides = ("disagree", "agree") if self.stance is not None else ("all",)
        out: dict[str, list[str]] = {side: [] for side in sides}
        for trial in record.trials:
            reply = reply_of(trial, self.of)
            side = self._side(trial)
            if not isinstance(reply, str) and side is not None:
                out[side].extend(sentences(reply.text, self.shortest))
        return {side: own[:_MOST] for side, own in out.items()}

    def _side(self, trial: TrialRecord) -> str | None:
        if self.stance is None:
            return "all"
        read = Likert(points=self.points, reply=self.stance).score(trial)
        if read.value is None:
            return None
        middle = (1 + len(self.points)) / 2
        return None if read.value == middle else "agree" if read.value > middle else "disagree"

    def _scores(self, texts: dict[str, list[str]], vectors: dict[str, Any]) -> list[Score]:
        total = sum(map(len, texts.values()))
        if not total:
            return self._none("unparsed", reason="no reply has a sentence that is long enough")
        sides = self._clustered(texts, vectors)
        found = [
            {"stance": side.name, "support": support, "sentence": excerpt(side.sentences[place])}
            for side in sides
            for place, support in sorted(side.tropes, key=lambda one: (-one[1], one[0]))
        ]
        covered = sum(support for side in sides for _, support in side.tropes) / total
        detail = {"tropes": found[:_KEPT], "vectors": "TF-IDF" if self.role is None else self.role}
        shared = self._shared(sides)
        return [
            Score(name=self.name, value=float(len(found)), detail=detail),
            Score(name=f"{self.name}.covered", value=covered),
            Score(name=f"{self.name}.sentences", value=float(total)),
            Score(name=f"{self.name}.shared", value=None, status="unparsed")
            if shared is None
            else Score(name=f"{self.name}.shared", value=shared),
        ]

    def _clustered(self, texts: dict[str, list[str]], vectors: dict[str, Any]) -> list[_Side]:
        from gnomon_plugins.scorers._sentences import tf_idf, unit_rows

        named = [(name, own) for name, own in texts.items() if own]
        if self.role is None:
            # One vocabulary for all sides, so that they can be compared.
            every = tf_idf([text for _, own in named for text in own])
            ends = [0]
            for _, own in named:
                ends.append(ends[-1] + len(own))
            rows = [every[start:end] for start, end in pairwise(ends)]
        else:
            rows = [unit_rows(vectors[name]) for name, _ in named]
        return [
            _Side(name, own, part, self._tropes(part))
            for (name, own), part in zip(named, rows, strict=True)
        ]

    def _tropes(self, rows: Any) -> list[tuple[int, int]]:
        import numpy as np

        from gnomon_plugins.scorers._sentences import clusters, nearest_to_mean

        labels = clusters(rows, self.eps, self.least)
        members = [np.flatnonzero(labels == number) for number in range(labels.max(initial=-1) + 1)]
        large = [one for one in members if len(one) > self.least]
        left = sum(map(len, large))
        # What most of all sentences say is the way the model writes, unless it says one thing only.
        kept = [one for one in large if len(large) == 1 or len(one) < left / 2]
        return [(nearest_to_mean(rows, one), len(one)) for one in kept]

    def _shared(self, sides: Sequence[_Side]) -> float | None:
        if len(sides) < 2:
            return None
        counts = [len(side.tropes) for side in sides]
        if not all(counts):
            return 0.0 if any(counts) else None
        near = _products(sides[0], sides[1]) >= 1 - self.eps - 1e-12
        matched = int(near.any(axis=1).sum()) + int(near.any(axis=0).sum())
        return matched / sum(counts)

    def _none(self, status: ScoreStatus, **detail: str) -> list[Score]:
        return [
            Score(name=name, value=None, status=status, detail=detail)
            for name in (self.name, *(f"{self.name}.{part}" for part in self.parts))
        ]


def _products(first: _Side, second: _Side) -> np.ndarray:
    """Cosines of the tropes of two sides."""
    import numpy as np

    parts = [side.rows[[place for place, _ in side.tropes]] for side in (first, second)]
    products = parts[0] @ parts[1].T
    dense: np.ndarray = products if isinstance(products, np.ndarray) else products.toarray()
    return dense
