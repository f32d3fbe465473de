"""``words``: single words with numbers from outside, as WEFAT has them.

One invariant: a number that is not a finite number stops the run before it starts; nothing stands in for
it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings
from gnomon_plugins.sources._rows import Row, check_columns, chosen, rows


@attrs.frozen(kw_only=True)
class Words:
    """Reads a table with one row per word; every item also gets the two attribute sets.

    Example::

        [stimuli]
        use = "words"
        file = "data/occupations.csv"
        a = ["she", "her"]
        b = ["he", "his"]
        numbers = ["share"]

    Attributes:
        file: The table, beside the spec: ``.csv``, ``.tsv`` or ``.jsonl``.
        a: The first attribute set.
        b: The second attribute set.
        word: The column with the word.
        numbers: Columns with a number for each word.
        groups: Columns for ``by``.
        keep: Only these words.
        limit: No more than this many words.
    """

    name: ClassVar[str] = "words"

    file: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    word: str = "word"
    numbers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"'limit' must be at least 1, not {self.limit}")
        seen: dict[str, str] = {}
        for side, words in (("a", self.a), ("b", self.b)):
            if len(words) < 2:
                raise ValueError(f"{side!r} needs at least 2 words; it has {len(words)}")
            for word in words:
                if word.casefold() in seen:
                    raise ValueError(
                        f"{word!r} is in {side!r} and already in {seen[word.casefold()]!r}; "
                        "an attribute stands once"
                    )
                seen[word.casefold()] = side

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The words in the file's order.

        Raises:
            SourceError: A column is missing, a word is empty, there twice or an attribute, or a
                number is none.
        """
        return chosen(self._all(around.folder.text(self.file)), self.keep, self.limit, self.file)

    def _all(self, text: str) -> Iterator[Item]:
        seen: dict[str, int] = {}
        attributes = {word.casefold() for word in (*self.a, *self.b)}
        for line, row in rows(text, self.file):
            check_columns(row, (self.word, *self.numbers, *self.groups), self.file)
            word = str(row[self.word]).strip()
            if not word:
                raise SourceError(f"{self.file!r} line {line}: {self.word!r} is empty")
            if word.casefold() in seen:
                raise SourceError(
                    f"{self.file!r} line {line}: {word!r} is also in line {seen[word.casefold()]}; "
                    "every word stands once"
                )
            if word.casefold() in attributes:
                raise SourceError(
                    f"{self.file!r} line {line}: {word!r} is an attribute too; it would have a "
                    "cosine of 1 with itself"
                )
            seen[word.casefold()] = line
            yield Item(
                word,
                fields={
                    "word": word,
                    "a": self.a,
                    "b": self.b,
                    **{name: self._number(row, name, line) for name in self.numbers},
                },
                groups={name: str(row[name]) for name in self.groups},
            )

    def _number(self, row: Row, name: str, line: int) -> float:
        cell = row[name]
        try:
            value = float("nan") if isinstance(cell, bool | tuple) else float(cell)
        except ValueError:
            value = float("nan")
        if not math.isfinite(value):
            raise SourceError(
                f"{self.file!r} line {line}: {name!r} is {cell!r}; it must be a finite number"
            )
        return value
