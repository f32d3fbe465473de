"""``wefat``: how much nearer one word lies to one set of attributes than to another.

One invariant: the word is compared with the attributes that have vectors, and those that have none are
named.

    (mean cosine with A - mean cosine with B) / standard deviation of the cosines with A and B together

(Caliskan, Bryson & Narayanan, 2017; also called the single-category WEAT). p is the share of
partitions of A and B into sets of the same sizes whose difference of means is at least the observed one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import attrs

from gnomon import Ask, Embed, Need, Planted, Reply, Score, Trial, TrialRecord, Wanted
from gnomon_plugins._association import Method, Ties, cosines, planting, standardised
from gnomon_plugins.scorers._permutation import P_PARTS, check_options, how, p_values, tested
from gnomon_plugins.scorers._vectors import NotScored, not_scored, planted_for, sets_of


@attrs.frozen(kw_only=True)
class Wefat:
    """The association of one word with two sets of attributes, with ``.s``, ``.p`` and further parts.

    Parts: ``.s`` is the difference of mean cosines; ``.p`` and ``.p-two-sided`` the p-values, with
    ``-low`` and ``-high`` bounds; ``.coverage`` the share of words that have a vector.

    Example::

        [[score]]
        use = "wefat"
        draws = 100000

    Attributes:
        word: Field of the word.
        a: Field of the first attributes.
        b: Field of the second attributes.
        reply: Name of the embed turn; the last one unless given.
        role: Who turned the texts into vectors.
        ddof: 1 divides the squared deviations by n - 1, as the published values do; 0 by n.
        method: As for ``weat``.
        ties: As for ``weat``.
        tolerance: Wanted relative width of the bounds.
        draws: Partitions drawn when sampled; p is then (hits + 1) / (draws + 1).
        least: Fewest usable words in an attribute set; with fewer there is no score.
    """

    name: ClassVar[str] = "wefat"
    needs: ClassVar[tuple[Need, ...]] = (Need(kind="embed"),)
    parts: ClassVar[tuple[str, ...]] = ("s", *P_PARTS, "coverage")

    word: str = "word"
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

    def __attrs_post_init__(self) -> None:
        check_options(self.ddof, self.draws, self.tolerance)
        if self.least < 1:
            raise ValueError(f"'least' must be at least 1, not {self.least}")

    def score(self, record: TrialRecord) -> Iterable[Score]:
        """The association and its parts, or the reason why there is none."""
        try:
            return self._scores(record)
        except NotScored as reason:
            return not_scored(self.name, self.parts, reason)

    def _scores(self, record: TrialRecord) -> list[Score]:
        sets = sets_of(
            record,
            {"word": self.word, "a": self.a, "b": self.b},
            reply=self.reply,
            least={"word": 1, "a": self.least, "b": self.least},
        )
        if len(sets.rows["word"]) > 1:
            raise NotScored(
                "error",
                f"the field {self.word!r} holds several words; one is measured",
                sets.detail,
            )
        to_a = cosines(sets.rows["word"], sets.rows["a"])[0]
        to_b = cosines(sets.rows["word"], sets.rows["b"])[0]
        value = standardised(to_a, to_b, self.ddof)
        if math.isnan(value):
            raise NotScored(
                "error", "all attributes have the same cosine with the word: 0 / 0", sets.detail
            )
        try:
            test = tested(
                to_a,
                to_b,
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
            "s": float(to_a.mean() - to_b.mean()),
            **p_values(test),
            "coverage": sets.coverage,
        }
        return [
            Score(name=self.name, value=value, detail=detail),
            *(
                Score(name=f"{self.name}.{part}", value=part_value)
                for part, part_value in parts.items()
            ),
        ]

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """Vectors whose expected association is the effect, the same for every word.

        Raises:
            UsageError: The effect is beyond -1.2 or 1.2.
        """
        sets = planted_for(
            ask, trial, (self.word, self.a, self.b), reply=self.reply, role=self.role
        )
        if sets is None:
            return None
        effect = wanted.within(-planting.LARGEST, planting.LARGEST, "an association")
        attributes = [*dict.fromkeys(sets[self.a]), *dict.fromkeys(sets[self.b])]
        first = len(set(sets[self.a]))
        drawn = planting.strengths(first, len(attributes) - first, effect, self.ddof, wanted.seed)
        vectors = {
            text: planting.leaning(float(value))
            for text, value in zip(attributes, drawn, strict=True)
        }
        assert isinstance(ask, Embed)
        reply = Reply(vectors=tuple(vectors.get(text, planting.A) for text in ask.texts))
        return Planted(reply, wanted.planned)
