"""``log-odds``: how much likelier one answer is than the other, on the scale of the logit.

One invariant: the score is made of probabilities (or counts of samples) of the two answers alone and does
not change when both are multiplied by the same number; what lay on other answers is a score beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs

from gnomon import Ask, Choose, Planted, Reply, Score, ScoreStatus, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._codes import meant
from gnomon_plugins.scorers._fields import reply_of, without
from gnomon_plugins.scorers._pairs import excerpt, plain

_READABLE = ("ok", "truncated")


@attrs.frozen(kw_only=True)
class LogOdds:
    """ln(p(first) / p(second)) of a reply to ``choose``, or of the samples of a ``chat`` turn.

    From ``choose``: the probabilities of all spellings of an answer are added up; 0 means that both
    answers are equally likely, and the number is the logit of p(first)/(p(first) + p(second)).
    A probability below ``floor`` counts as ``floor``, and the detail says so: a provider that
    lists a few alternatives only says nothing of the others. From a chat turn with ``samples``:
    ln((k + ½)/(m + ½)) for k first and m second answers (Haldane 1955, Anscombe 1956); samples
    that are neither are left out.

    Further scores: ``.above`` (1 when the first is likelier, ½ at a tie), and ``.mass``, the probability of
    all options before they were normalised, or the share of samples that could be read.

    Example::

        [[score]]
        use = "log-odds"
        first = ["yes", "Yes"]
        second = ["no", "No"]

    Attributes:
        reply: The name of the reply to read; the trial's last reply unless given.
        first: The spellings of the first answer.
        second: The spellings of the second answer.
        floor: Least probability of an answer.
    """

    name: ClassVar[str] = "log-odds"
    parts: ClassVar[tuple[str, ...]] = ("above", "mass")
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    reply: str | None = None
    first: tuple[str, ...] = ("yes",)
    second: tuple[str, ...] = ("no",)
    floor: float = 1e-6

    def __attrs_post_init__(self) -> None:
        if not self.first or not self.second:
            raise ValueError("'first' and 'second' need at least one spelling each")
        shared = {plain(word) for word in self.first} & {plain(word) for word in self.second}
        if shared:
            raise ValueError(f"{min(shared)!r} is among the spellings of both answers")
        if not 0 < self.floor < 0.5:
            raise ValueError(f"'floor' must lie between 0 and 0.5, not {self.floor:g}")

    def score(self, record: TrialRecord) -> list[Score]:
        """The log odds, and what is known beside them."""
        return list(self._each(record))

    def _each(self, record: TrialRecord) -> Iterator[Score]:
        reply = reply_of(record, self.reply)
        if isinstance(reply, str):
            yield from self._missing(reply)
        elif reply.probabilities is not None:
            yield from self._of_options(reply)
        else:
            name = record.exchanges[-1].ask.name if self.reply is None else self.reply
            yield from self._of_samples(
                [exchange.reply for exchange in record.exchanges if exchange.ask.name == name]
            )

    def hint(self, record: TrialRecord) -> str:  # noqa: ARG002 - the form of all scorers
        """What would have been read."""
        words = " or ".join((*self.first, *self.second))
        return f"probabilities of {words}, or samples that begin with one of them"

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:  # noqa: ARG002 - the form of all scorers
        """Probabilities whose log odds are the effect; nuisances shift the probability."""
        if ask.role != "subject" or self.reply not in (None, ask.name):
            return None
        if not isinstance(ask, Choose):
            return None
        chance = 1 / (1 + math.exp(-wanted.effect)) + wanted.pull(
            self.first[0], self.second[0], ask
        )
        chance = min(1 - 1e-4, max(1e-4, chance))
        probabilities = dict.fromkeys(ask.options, 0.0)
        probabilities |= {self.first[0]: chance, self.second[0]: 1 - chance}
        reply = Reply(text=self.first[0], probabilities=probabilities, exact=True, coverage=1.0)
        return Planted(reply, wanted.planned)

    def _missing(self, status: ScoreStatus, **detail: object) -> Iterator[Score]:
        return without(self.name, self.parts, status, **detail)

    def _of_options(self, reply: Reply) -> Iterator[Score]:
        assert reply.probabilities is not None
        sums = []
        for spellings in (self.first, self.second):
            wanted = {plain(word) for word in spellings}
            found = [p for option, p in reply.probabilities.items() if plain(option) in wanted]
            sums.append(math.fsum(found) if found else math.nan)
        if not all(math.isfinite(one) and one >= 0 for one in sums) or not sum(sums) > 0:
            yield from self._missing("unparsed", probabilities=dict(reply.probabilities))
            return
        first, second = (max(self.floor, one) for one in sums)
        value = math.log(first / second)
        floored = {"floored": True} if min(sums) < self.floor else {}
        detail = {"first": sums[0], "second": sums[1], "exact": reply.exact, **floored}
        yield from self._scores(value, detail, reply.coverage, reply.status)

    def _of_samples(self, replies: list[Reply]) -> Iterator[Score]:
        codes = {plain(word): 1 for word in self.first} | {plain(word): 0 for word in self.second}
        said = [
            meant(reply.text, codes) if reply.status in _READABLE else None for reply in replies
        ]
        read = [code for code in said if code is not None]
        detail = {"first": sum(read), "second": len(read) - sum(read), "samples": len(replies)}
        if not read:
            yield from self._missing("unparsed", answer=excerpt(replies[-1].text), **detail)
            return
        value = math.log((detail["first"] + 0.5) / (detail["second"] + 0.5))
        yield from self._scores(value, detail, len(read) / len(replies), "ok")

    def _scores(
        self, value: float, detail: Mapping[str, object], mass: float | None, status: ScoreStatus
    ) -> Iterator[Score]:
        yield Score(name=self.name, value=value, status=status, detail=detail)
        above = 0.5 if value == 0 else float(value > 0)
        yield Score(name=f"{self.name}.above", value=above, status=status)
        if mass is not None:
            yield Score(name=f"{self.name}.mass", value=min(1.0, mass), status=status)
