"""``genbit``: how differently a corpus writes around the words of two lists.

One invariant: the corpus is the item's texts; the interval resamples texts, for words of one text go together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar

import attrs

from gnomon import Item, ItemRecord, Score, TemplateError, TrialRecord, did_you_mean, listing
from gnomon_plugins.scorers._cooccurrence import (
    Counts,
    Difference,
    Lists,
    Marked,
    count,
    difference,
    words_of,
)
from gnomon_plugins.scorers._fields import reply_of

if TYPE_CHECKING:
    import numpy as np

_FIELD = re.compile(r"\{(\w+)\}")
_SHOWN = 20
NOT_ASKED = "'resamples' is 0, so that there is no interval"
ONE_TEXT = "one text cannot be resampled"
NO_INTERVAL = "too many resampled corpora have no word that is frequent near both lists"


def list_words(item: Item, words: Sequence[str]) -> list[str]:
    """The words of an option, ``{name}`` replaced by all values of that field of the item.

    Raises:
        TemplateError: There is no such field.
    """
    out: list[str] = []
    for word in words:
        field = _FIELD.fullmatch(word)
        if field is None:
            out.append(word)
            continue
        value = item.fields.get(field[1])
        if value is None:
            raise TemplateError(
                f"the item has no field {field[1]!r}{did_you_mean(field[1], item.fields)}; "
                f"there are: {listing(item.fields)}"
            )
        out.extend(value if isinstance(value, tuple) else (str(value),))
    return out


@attrs.frozen(kw_only=True)
class GenBit:
    """The GenBit score of all texts of an item: 0 when what stands around both lists is the same.

    Mean absolute log ratio of the probability of a frequent word near words of the first and of the second
    list (Sengupta, Maher, Groves & Olieman, 2021), from counts that fall with distance; lemmas are not
    formed. Parts: ``signed`` (mean log ratio, positive where words stand nearer to the first list),
    ``ratio`` (of the raw counts), ``words`` (frequent words), ``texts``, ``share`` (of the first list
    among the words of both), and ``low`` and ``high``, the 95 % percentile interval over resampled texts.
    The score cannot be below 0 and grows as a corpus gets smaller, so compare corpora of one size, and its
    interval is that of a biased number.

    Example::

        [[score]]
        use = "genbit"
        first = ["{male}"]
        second = ["{female}"]
        window = 10

    Attributes:
        first: Words of the first list; ``{name}`` stands for all values of a list field of the item.
        second: Words of the second list, likewise.
        stop: Words that are passed over unless they are in a list, likewise.
        reply: Name of the reply that is the text; the trial's last reply unless given.
        window: Farthest distance that counts, in words.
        decay: Weight of a word at distance k is decay to the power of k.
        percentile: Words whose counts are at least at this percentile are frequent.
        smoothing: Added to every count.
        resamples: Resampled corpora; 0 for no interval.
    """

    name: ClassVar[str] = "genbit"
    over: ClassVar[str] = "item"
    # A story that was cut off is a text; what is none is counted here.
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")
    parts: ClassVar[tuple[str, ...]] = (
        "signed",
        "ratio",
        "words",
        "texts",
        "share",
        "low",
        "high",
    )

    first: tuple[str, ...]
    second: tuple[str, ...]
    stop: tuple[str, ...] = ()
    reply: str | None = None
    window: int = 30
    decay: float = 0.95
    percentile: float = 80.0
    smoothing: float = 1.0
    resamples: int = 500

    def __attrs_post_init__(self) -> None:
        if not self.first or not self.second:
            raise ValueError("'first' and 'second' need at least one word each")
        if self.window < 1:
            raise ValueError(f"'window' must be at least 1, not {self.window}")
        if not 0 < self.decay <= 1:
            raise ValueError(f"'decay' lies above 0 and is at most 1; it is {self.decay:g}")
        if not 0 <= self.percentile < 100:
            raise ValueError(f"'percentile' lies from 0 to below 100; it is {self.percentile:g}")
        if not 0 <= self.smoothing < float("inf"):
            raise ValueError(f"'smoothing' must be at least 0, not {self.smoothing:g}")
        if self.resamples < 0:
            raise ValueError(f"'resamples' must be at least 0, not {self.resamples}")

    def score(self, record: ItemRecord) -> list[Score]:
        """The score and its parts, or the reason why there is none."""
        import numpy as np

        lists = Lists.of(
            *(list_words(record.item, words) for words in (self.first, self.second, self.stop))
        )
        shared = lists.first & lists.second
        if shared:
            return self._none(f"{min(shared)!r} is in both lists")
        texts, lost = self._texts(record.trials)
        counts = count(
            [lists.read(words_of(text)) for text in texts],
            lists,
            window=self.window,
            decay=self.decay,
        )
        marked = Marked.of(counts.words, lists)
        found = self._of(counts, np.ones(len(texts)), marked) if texts else None
        if found is None:
            return self._none(
                "no word is frequent near both lists: the texts are too few or too short, or words of "
                "a list do not occur",
                texts=len(texts),
                missing=lost,
            )
        return self._scores(
            found, len(texts), lost, self._interval(counts, marked, record.item.key)
        )

    def _texts(self, trials: Sequence[TrialRecord]) -> tuple[list[str], int]:
        replies = [reply_of(trial, self.reply) for trial in trials]
        texts = [one.text for one in replies if not isinstance(one, str)]
        return texts, len(replies) - len(texts)

    def _of(self, counts: Counts, weights: np.ndarray, marked: Marked) -> Difference | None:
        return difference(
            marked,
            counts.summed(weights),
            percentile=self.percentile,
            smoothing=self.smoothing,
        )

    def _interval(self, counts: Counts, marked: Marked, key: str) -> tuple[float, float] | None:
        import numpy as np

        texts = len(counts.times)
        if not self.resamples or texts < 2:
            return None
        # Seeded by the item, so that scoring again gives the same interval.
        seed = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        draws = np.random.default_rng(seed).multinomial(
            texts, [1 / texts] * texts, size=self.resamples
        )
        made = [self._of(counts, weights.astype(float), marked) for weights in draws]
        scores = [one.score for one in made if one is not None]
        if len(scores) < 0.9 * self.resamples:
            return None
        low, high = np.quantile(scores, [0.025, 0.975])
        return float(low), float(high)

    def _scores(
        self, found: Difference, texts: int, lost: int, interval: tuple[float, float] | None
    ) -> list[Score]:
        far = sorted(found.log_ratios.items(), key=lambda one: -abs(one[1]))[:_SHOWN]
        detail = {"cutoff": found.cutoff, "missing": lost, "farthest": dict(far)}
        parts = {
            "signed": found.signed,
            "ratio": found.ratio,
            "words": float(found.words),
            "texts": float(texts),
            "share": found.of_first / (found.of_first + found.of_second),
        }
        made = [
            Score(name=self.name, value=found.score, detail=detail),
            *(Score(name=f"{self.name}.{part}", value=value) for part, value in parts.items()),
        ]
        if interval is None:
            why = ONE_TEXT if texts < 2 else NO_INTERVAL if self.resamples else NOT_ASKED
            return [*made, *(self._missing(end, why) for end in ("low", "high"))]
        ends = zip(("low", "high"), interval, strict=True)
        return [*made, *(Score(name=f"{self.name}.{end}", value=value) for end, value in ends)]

    def _none(self, reason: str, **detail: object) -> list[Score]:
        return [
            Score(
                name=self.name, value=None, status="unparsed", detail={"reason": reason, **detail}
            ),
            *(self._missing(part, reason) for part in self.parts),
        ]

    def _missing(self, part: str, reason: str) -> Score:
        detail = {"reason": reason}
        return Score(name=f"{self.name}.{part}", value=None, status="unparsed", detail=detail)
