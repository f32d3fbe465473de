"""``word-sets``: tests made of several sets of words, as WEAT and SEAT have them.

One invariant: within a test a word stands in one set and once, without regard to case. A target word that
were also an attribute would have a cosine of 1 with itself, and one in both targets would speak for
neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings, TemplateError, render
from gnomon_plugins.sources._rows import check_columns, chosen, rows

ANY = "any"


@attrs.define
class _Test:
    """One test while its rows are read: set → words with their kinds, and set → label."""

    sets: dict[str, dict[str, str]] = attrs.field(factory=dict)
    labels: dict[str, str] = attrs.field(factory=dict)
    seen: dict[str, tuple[str, int]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class WordSets:
    """Reads a table with one row per word: ``test``, ``set``, ``label``, ``word``, and perhaps ``kind``.

    Each test is one item with one list field per set, in the file's order. With ``templates`` a word
    becomes several sentences, and a further field ``SET_words`` says which word each is of. The groups ``targets`` and ``attributes`` name the
    sets of either sort by their labels.

    Example::

        [stimuli]
        use = "word-sets"
        file = "data/tests.csv"
        templates = { any = ["This is {word}."] }

    Attributes:
        file: The table, beside the spec: ``.csv``, ``.tsv`` or ``.jsonl``.
        targets: The two sets that are compared.
        attributes: The two sets that they are compared with.
        templates: Kind of word → sentences with a slot ``{word}``; ``any`` is for kinds that are not
            named, and for tables without the column ``kind``.
        least: Fewest words in a set.
        keep: Only these tests.
        limit: No more than this many tests.
    """

    name: ClassVar[str] = "word-sets"

    file: str
    targets: tuple[str, ...] = ("x", "y")
    attributes: tuple[str, ...] = ("a", "b")
    templates: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    least: int = 2
    keep: tuple[str, ...] = ()
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"'limit' must be at least 1, not {self.limit}")
        if self.least < 1:
            raise ValueError(f"'least' must be at least 1, not {self.least}")
        for kind, templates in self.templates.items():
            if not templates:
                raise ValueError(f"'templates' has no sentence for {kind!r}")
            for template in templates:
                _check_template(template)

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The tests in the order in which the file first names them.

        Raises:
            SourceError: A column or set is missing, a set is too small, or a word is there twice.
        """
        tests = self._gather(around.folder.text(self.file))
        return chosen(
            (self._item(key, test) for key, test in tests.items()),
            self.keep,
            self.limit,
            self.file,
        )

    def _gather(self, text: str) -> dict[str, _Test]:
        tests: dict[str, _Test] = {}
        wanted = ("test", "set", "label", "word")
        for line, row in rows(text, self.file):
            check_columns(row, wanted, self.file)
            key, name, label, word = (str(row[column]).strip() for column in wanted)
            for column, value in zip(wanted, (key, name, label, word), strict=True):
                if not value:
                    raise SourceError(f"{self.file!r} line {line}: {column!r} is empty")
            test = tests.setdefault(key, _Test())
            if word.casefold() in test.seen:
                where, before = test.seen[word.casefold()]
                raise SourceError(
                    f"{self.file!r} line {line}: {word!r} is in the set {name!r} of {key!r} and, in "
                    f"line {before}, in its set {where!r}; within a test a word stands once"
                )
            test.seen[word.casefold()] = name, line
            test.labels.setdefault(name, label)
            test.sets.setdefault(name, {})[word] = str(row.get("kind", ANY)).strip() or ANY
        return tests

    def _item(self, key: str, test: _Test) -> Item:
        for name in (*self.targets, *self.attributes):
            words = test.sets.get(name, {})
            if len(words) < self.least:
                raise SourceError(
                    f"{self.file!r}: the set {name!r} of {key!r} has {len(words)} "
                    f"{'word' if len(words) == 1 else 'words'}; a set needs at least {self.least}"
                )
        return Item(
            key,
            fields=self._fields(test),
            groups={
                "targets": " / ".join(test.labels[name] for name in self.targets),
                "attributes": " / ".join(test.labels[name] for name in self.attributes),
            },
        )

    def _fields(self, test: _Test) -> dict[str, tuple[str, ...]]:
        if not self.templates:
            return {name: tuple(words) for name, words in test.sets.items()}
        out: dict[str, tuple[str, ...]] = {}
        for name, words in test.sets.items():
            pairs = self._sentences(words)
            out[name] = tuple(sentence for _, sentence in pairs)
            out[f"{name}_words"] = tuple(word for word, _ in pairs)
        return out

    def _sentences(self, words: Mapping[str, str]) -> list[tuple[str, str]]:
        """Every word with each of its sentences."""
        out: list[tuple[str, str]] = []
        for word, kind in words.items():
            templates = self.templates.get(kind, self.templates.get(ANY))
            if templates is None:
                raise SourceError(
                    f"{self.file!r}: there is no template for words of kind {kind!r}, such as "
                    f"{word!r}; add 'templates.{kind}' or 'templates.{ANY}'"
                )
            out.extend((word, render(template, {"word": word})) for template in templates)
        return out


def _check_template(template: str) -> None:
    mark = "\x00"
    try:
        filled = render(template, {"word": mark})
    except TemplateError as error:
        raise ValueError(f"the template {template!r}: {error}") from None
    if mark not in filled:
        raise ValueError(f"the template {template!r} has no slot {{word}}, so all words read alike")
