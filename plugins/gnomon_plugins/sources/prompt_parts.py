"""``prompt-parts``: one prompt with some of its parts left out, in every combination.

One invariant: every item of a vignette has the same parts in the same places; what is not shown stands
under the same stand-in wherever it is missing. Which parts are shown is a group of the item, so that
statistics see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings
from gnomon_plugins._subsets import JOIN, NOTHING, spelled
from gnomon_plugins.sources._rows import check_columns, chosen, rows

_COLUMNS = ("vignette", "field", "part", "text")


@attrs.frozen
class _Part:
    field: str
    text: str


@attrs.frozen(kw_only=True)
class PromptParts:
    """Reads a table with one row per part of a prompt: ``vignette``, ``field``, ``part``, ``text``.

    A field is what templates name; its parts are put together in the file's order with single blanks. A
    row without a part is always shown. Every subset of a vignette's parts is one item, up to ``most``
    parts; for more, the subsets are those met when parts are added one by one in ``permutations`` random
    orders, which is what Shapley values are estimated from. Groups: ``vignette``, ``absent`` (the label of
    the stand-in), ``shown`` (the names of the parts that are shown, with a plus between them; a dash for
    none) and ``permutation`` (the number of the random order; empty where all subsets are there, and for
    the empty and the full subset, which every order has).

    Example::

        [stimuli]
        use = "prompt-parts"
        file = "data/token-noise.csv"
        absent = { gap = "_", nothing = "" }

    Attributes:
        file: The table, beside the spec: ``.csv``, ``.tsv`` or ``.jsonl``.
        absent: Label → what stands in the place of a part that is not shown; an empty text leaves
            nothing. Attributions depend on it, so give two.
        most: Up to so many parts all subsets are items.
        permutations: Random orders for more parts than that.
        keep: Only these vignettes.
    """

    name: ClassVar[str] = "prompt-parts"

    file: str
    absent: Mapping[str, str] = attrs.field(factory=lambda: {"gap": "_"})
    most: int = 12
    permutations: int = 200
    keep: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not self.absent:
            raise ValueError("'absent' has no stand-in for parts that are not shown")
        if not 1 <= self.most <= 16:
            raise ValueError(f"'most' lies between 1 and 16, not {self.most}")
        if self.permutations < 2:
            raise ValueError(f"'permutations' must be at least 2, not {self.permutations}")

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The subsets of each vignette under each stand-in.

        Raises:
            SourceError: A column is missing, or a vignette's parts are not well named.
        """
        vignettes = self._gather(around.folder.text(self.file))
        whole = (Item(name) for name in vignettes)
        for vignette in chosen(whole, self.keep, None, self.file):
            parts = vignettes[vignette.key]
            for label, gap in self.absent.items():
                for permutation, shown in self._subsets(vignette.key, parts, around):
                    yield _item(vignette.key, label, gap, parts, shown, permutation)

    def _gather(self, text: str) -> dict[str, dict[str, _Part]]:
        found: dict[str, dict[str, _Part]] = {}
        for line, row in rows(text, self.file):
            check_columns(row, _COLUMNS, self.file)
            vignette, field, part, words = (str(row[name]).strip() for name in _COLUMNS)
            for name, value in (("vignette", vignette), ("field", field), ("text", words)):
                if not value:
                    raise SourceError(f"{self.file!r} line {line}: {name!r} is empty")
            if JOIN in part or part == NOTHING:
                raise SourceError(
                    f"{self.file!r} line {line}: the part is called {part!r}; a name has no "
                    f"{JOIN!r} and is not {NOTHING!r}, which the group 'shown' needs"
                )
            parts = found.setdefault(vignette, {})
            # What is always shown has no name; the line keeps such rows apart.
            name = part or f"{JOIN}{line}"
            if name in parts:
                raise SourceError(
                    f"{self.file!r} line {line}: {vignette!r} has two parts called {part!r}"
                )
            parts[name] = _Part(field, words)
        for vignette, parts in found.items():
            if not any(_named(parts)):
                raise SourceError(
                    f"{self.file!r}: no row of {vignette!r} has a name in 'part', so there is "
                    "nothing to leave out"
                )
        return found

    def _subsets(
        self, vignette: str, parts: Mapping[str, _Part], around: Surroundings
    ) -> Iterator[tuple[str, frozenset[str]]]:
        names = _named(parts)
        if len(names) <= self.most:
            for mask in product((False, True), repeat=len(names)):
                yield "", frozenset(n for n, on in zip(names, mask, strict=True) if on)
            return
        yield "", frozenset()
        yield "", frozenset(names)
        for number in range(self.permutations):
            order = around.seed.child("permutation", vignette, number).shuffled(names)
            for size in range(1, len(names)):
                yield str(number + 1), frozenset(order[:size])


def _named(parts: Mapping[str, _Part]) -> list[str]:
    return [name for name in parts if not name.startswith(JOIN)]


def _item(
    vignette: str,
    label: str,
    gap: str,
    parts: Mapping[str, _Part],
    shown: frozenset[str],
    permutation: str,
) -> Item:
    names = _named(parts)
    fields: dict[str, list[str]] = {}
    for name, part in parts.items():
        seen = name in shown or name.startswith(JOIN)
        fields.setdefault(part.field, []).append(part.text if seen else gap)
    bits = "".join("1" if name in shown else "0" for name in names)
    key = "/".join(piece for piece in (vignette, label, permutation, bits) if piece)
    return Item(
        key,
        fields={field: _joined(texts) for field, texts in fields.items()},
        groups={
            "vignette": vignette,
            "absent": label,
            "shown": spelled([name for name in names if name in shown]),
            "permutation": permutation,
        },
    )


def _joined(texts: Sequence[str]) -> str:
    return " ".join(text for text in texts if text)
