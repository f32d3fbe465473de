"""``weat``: whether one set of target words lies nearer to one set of attributes than another does.

One invariant: d and p are of the words that have vectors, and the words that have none are named.

With s(w) the mean cosine of w with A minus that with B (Caliskan, Bryson & Narayanan, 2017,
doi:10.1126/science.aal4230):

    S = sum of s over X - sum of s over Y
    d = (mean of s over X - mean of s over Y) / standard deviation of s over X and Y together

and p is the share of partitions of the words of X and Y into sets of the same sizes whose difference of
means is at least the observed one. The same score of sentence vectors is SEAT (May et al., 2019,
doi:10.18653/v1/N19-1063).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import attrs

from gnomon import Ask, Embed, Need, Planted, Reply, Score, Trial, TrialRecord, Wanted
from gnomon_plugins._association import Method, Ties, associations, effect_size, planting
from gnomon_plugins.scorers._permutation import P_PARTS, check_options, how, p_values, tested
from gnomon_plugins.scorers._vectors import NotScored, not_scored, planted_for, sets_of, written


@attrs.frozen(kw_only=True)
class Weat:
    """The word embedding association test: d, with ``.s``, ``.p`` and further parts.

    Parts: ``.s`` is S; ``.p`` and ``.p-two-sided`` the p-values, with ``-low`` and ``-high`` bounds;
    ``.coverage`` the share of words that have a vector; ``.words`` the number of target words used.
    A p-value that was bracketed is the upper bound; the detail says how it was found.

    Example::

        [[score]]
        use = "weat"
        method = "exact"

    Attributes:
        x: Field of the first targets, or name of the turn whose replies they are.
        y: Field of the second targets, or name of the turn whose replies they are.
        a: Field of the first attributes.
        b: Field of the second attributes.
        reply: Name of the embed turn; the last one unless given.
        role: Who turned the texts into vectors.
        ddof: 1 divides the squared deviations by n - 1, as the published values do; 0 by n.
        method: ``exact``, ``bounded``, ``sampled``, or ``auto``: exact up to about 20 + 20 words,
            with certain bounds up to 128 words, sampled beyond.
        ties: ``>=`` counts partitions just as far as the observed one, itself included; ``>`` does
            not, and so can give 0.
        tolerance: Wanted relative width of the bounds.
        draws: Partitions drawn when sampled; p is then (hits + 1) / (draws + 1).
        least: Fewest usable words in a set; with fewer there is no score.
        by_word: The mean vector of all sentences of a word stands for it, so that words are
            permuted and not sentences. The source ``word-sets`` says which word a sentence is of.
    """

    name: ClassVar[str] = "weat"
    needs: ClassVar[tuple[Need, ...]] = (Need(kind="embed"),)
    # A text that a model wrote in an earlier turn may have been cut off.
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated")
    parts: ClassVar[tuple[str, ...]] = ("s", *P_PARTS, "coverage", "words")

    x: str = "x"
    y: str = "y"
    a: str = "a"
    b: str = "b"
    reply: str | None = None
    role: str = "subject"
    ddof: int = 1
    method: Method = "auto"
    ties: Ties = ">="
    tolerance: float = 0.01
    draws: int = 1_000_000
    least: int = 2
    by_word: bool = False

    def __attrs_post_init__(self) -> None:
        check_options(self.ddof, self.draws, self.tolerance)
        if self.least < 1:
            raise ValueError(f"'least' must be at least 1, not {self.least}")

    def score(self, record: TrialRecord) -> Iterable[Score]:
        """The effect size d and its parts, or the reason why there is none."""
        try:
            return self._scores(record)
        except NotScored as reason:
            return not_scored(self.name, self.parts, reason)

    def _scores(self, record: TrialRecord) -> list[Score]:
        fields = {"x": self.x, "y": self.y, "a": self.a, "b": self.b}
        sets = sets_of(
            record,
            fields,
            reply=self.reply,
            least=dict.fromkeys(fields, self.least),
            by_word=self.by_word,
        )
        a, b = sets.rows["a"], sets.rows["b"]
        x, y = associations(sets.rows["x"], a, b), associations(sets.rows["y"], a, b)
        d = effect_size(x, y, self.ddof)
        if math.isnan(d):
            raise NotScored(
                "error", "all target words have the same association, so d is 0 / 0", sets.detail
            )
        try:
            test = tested(
                x,
                y,
                method=self.method,
                ties=self.ties,
                draws=self.draws,
                tolerance=self.tolerance,
                key=record.trial.item.key,
            )
        except ValueError as error:
            raise NotScored("error", str(error), sets.detail) from None
        detail = {**how(test, self.ties, self.ddof), **sets.detail, "coverage": sets.coverage}
        parts = {
            "s": float(x.sum() - y.sum()),
            **p_values(test),
            "coverage": sets.coverage,
            "words": float(len(x) + len(y)),
        }
        return [
            Score(name=self.name, value=d, detail=detail),
            *(Score(name=f"{self.name}.{part}", value=value) for part, value in parts.items()),
        ]

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """Vectors whose expected d is the effect; the texts of one word differ like those of two.

        Attributes are two fixed directions; a target's association is normal about plus or minus half
        of what gives that d for sets of these sizes. Order and label have no place in an embedding.

        Raises:
            UsageError: The effect is beyond -1.2 or 1.2.
        """
        text = written(ask, trial, (self.x, self.y))
        if text is not None:
            return Planted(text)
        sets = planted_for(
            ask, trial, (self.x, self.y, self.a, self.b), reply=self.reply, role=self.role
        )
        if sets is None:
            return None
        effect = wanted.within(-planting.LARGEST, planting.LARGEST, "an association d")
        vectors: dict[str, planting.Vector] = dict.fromkeys(sets[self.a], planting.A)
        vectors |= dict.fromkeys(sets[self.b], planting.B)
        targets = [*dict.fromkeys(sets[self.x]), *dict.fromkeys(sets[self.y])]
        first = len(set(sets[self.x]))
        drawn = planting.strengths(first, len(targets) - first, effect, self.ddof, wanted.seed)
        vectors |= {
            text: planting.associated(float(value))
            for text, value in zip(targets, drawn, strict=True)
        }
        assert isinstance(ask, Embed)
        reply = Reply(vectors=tuple(vectors.get(text, planting.A) for text in ask.texts))
        return Planted(reply, wanted.planned)
