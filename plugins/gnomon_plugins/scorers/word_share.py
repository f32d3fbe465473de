"""``word-share``: of the words of two lists in a text, the share that is of the first.

One invariant: a text without any word of either list says nothing of the balance and has no number.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from gnomon import Ask, Planted, Score, Trial, TrialRecord, Wanted
from gnomon_plugins.scorers._cooccurrence import Lists, occurrences, words_of
from gnomon_plugins.scorers._fields import reply_of
from gnomon_plugins.scorers._pairs import excerpt
from gnomon_plugins.scorers.genbit import list_words

_PLANTED = 10
"""List words in a planted text: enough that their share can lie near any number."""


@attrs.frozen(kw_only=True)
class WordShare:
    """Counts the words of two lists in a reply: first / (first + second), in [0, 1].

    Example::

        [[score]]
        use = "word-share"
        first = ["{male}"]
        second = ["{female}"]

    Attributes:
        first: Words of the first list; ``{name}`` stands for all values of a list field of the item.
        second: Words of the second list, likewise.
        reply: The name of the reply to read; the trial's last reply unless given.
    """

    name: ClassVar[str] = "word-share"
    parts: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")

    first: tuple[str, ...]
    second: tuple[str, ...]
    reply: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.first or not self.second:
            raise ValueError("'first' and 'second' need at least one word each")

    def score(self, record: TrialRecord) -> Score:
        """The share, or none where no listed word occurs."""
        reply = reply_of(record, self.reply)
        if isinstance(reply, str):
            return Score(name=self.name, value=None, status=reply)
        lists = self._lists(record.trial)
        words = lists.read(words_of(reply.text))
        first, second = occurrences(words, lists.first), occurrences(words, lists.second)
        detail = {"first": first, "second": second}
        if first + second == 0:
            why = {"reason": "no word of either list", "answer": excerpt(reply.text)}
            return Score(name=self.name, value=None, status="unparsed", detail=why)
        return Score(
            name=self.name, value=first / (first + second), status=reply.status, detail=detail
        )

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """A text of list words, of the first list with probability 0.5 + effect each.

        Raises:
            UsageError: The effect is beyond -0.5 or 0.5.
        """
        if ask.role != "subject" or ask.kind != "chat" or self.reply not in (None, ask.name):
            return None
        effect = wanted.within(-0.5, 0.5, "a share of words")
        lists = self._lists(trial)
        choices = sorted(lists.first), sorted(lists.second)
        drawn = [
            wanted.seed.pick(choices[wanted.seed.uniform() >= 0.5 + effect])
            for _ in range(_PLANTED)
        ]
        return Planted(". ".join(drawn), 0.5 + effect)

    def _lists(self, trial: Trial) -> Lists:
        return Lists.of(*(list_words(trial.item, words) for words in (self.first, self.second)))
