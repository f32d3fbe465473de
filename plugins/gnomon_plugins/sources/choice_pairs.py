"""``choice-pairs``: pairs of somebody's choices, to be compared in what they tell of a liking.

One invariant: in both choices of a pair a letter stands for the same thing, so that the pair differs in what
was chosen and forgone and not in names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings, TemplateError, render
from gnomon_plugins.sources._rows import check_columns, rows

TARGET = "x"


@attrs.frozen
class _Choice:
    """One choice: the bundle taken, and those forgone."""

    code: str
    taken: str
    forgone: tuple[str, ...]
    rank: float


@attrs.frozen(kw_only=True)
class ChoicePairs:
    """Reads a table with one row per choice: ``choice`` and ``rank``; each two of them are an item.

    A choice is written as bundles of letters with a slash between them, the one that was taken first: in
    ``x/dcba`` somebody took x alone and left four other things (the code of Jern, Lucas & Kemp, 2017). ``x``
    is the thing whose liking is in question. Which thing each letter is, is drawn for each pair from
    ``things``. Fields: ``one`` and ``two`` (the choices in words), ``target`` (what x is), and for either
    choice ``human_one``, ``human_two`` (its rank in the table, greater for stronger evidence; ``human_difference``
    is one less two),
    ``forgone_one``, ``forgone_two`` (how many forgone bundles lack x). Groups: ``left`` and ``right``, the
    codes.

    Example::

        [stimuli]
        use = "choice-pairs"
        file = "data/choice-inference.csv"
        things = ["mint drops", "toffees", "jelly bears"]

    Attributes:
        file: The table, beside the spec.
        things: What letters may stand for, at least as many as there are letters.
        bundle: How a bundle is told: a template with ``{things}``.
        only: How a choice without an alternative is told: a template with ``{taken}``.
        choice: How any other is told: ``{taken}`` and ``{forgone}``.
        either: What stands between forgone bundles.
    """

    name: ClassVar[str] = "choice-pairs"

    file: str
    things: tuple[str, ...]
    bundle: str = "a bag with {things}"
    only: str = "was given {taken} without a choice"
    choice: str = "took {taken} and left {forgone}"
    either: str = ", and left "

    def __attrs_post_init__(self) -> None:
        if len(set(self.things)) < len(self.things):
            raise ValueError("'things' names something twice")
        for name, template, slots in (
            ("bundle", self.bundle, ("things",)),
            ("only", self.only, ("taken",)),
            ("choice", self.choice, ("taken", "forgone")),
        ):
            _check(name, template, slots)

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The pairs, in the table's order.

        Raises:
            SourceError: A row is no choice, or is there twice.
        """
        choices = list(self._choices(around.folder.text(self.file)))
        letters = sorted({letter for one in choices for letter in one.code if letter != "/"})
        if len(letters) > len(self.things):
            raise SourceError(
                f"{self.file!r} has {len(letters)} letters ({''.join(letters)}) and 'things' names "
                f"{len(self.things)}"
            )
        for one, two in combinations(choices, 2):
            key = f"{one.code} {two.code}"
            drawn = around.seed.child("things", key).shuffled(self.things)
            names = dict(zip(letters, drawn, strict=False))
            yield Item(
                key,
                fields={
                    "one": self._told(one, names),
                    "two": self._told(two, names),
                    "target": names[TARGET],
                    "human_one": one.rank,
                    "human_two": two.rank,
                    "human_difference": one.rank - two.rank,
                    "forgone_one": _forgone(one),
                    "forgone_two": _forgone(two),
                },
                groups={"left": one.code, "right": two.code},
            )

    def _choices(self, text: str) -> Iterator[_Choice]:
        seen: set[str] = set()
        for line, row in rows(text, self.file):
            check_columns(row, ("choice", "rank"), self.file)
            code = str(row["choice"]).strip()
            taken, *forgone = code.split("/")
            bundles = (taken, *forgone)
            if not all(one.isalpha() and len(set(one)) == len(one) for one in bundles):
                raise SourceError(
                    f"{self.file!r} line {line}: {code!r} is no choice; write bundles of different "
                    "letters with a slash between them, the one taken first, such as 'ax/b'"
                )
            if TARGET not in taken:
                raise SourceError(
                    f"{self.file!r} line {line}: {TARGET!r} is not in the bundle taken of {code!r}, so it "
                    f"tells nothing of a liking for {TARGET!r}"
                )
            if code in seen:
                raise SourceError(f"{self.file!r} line {line}: {code!r} is there twice")
            seen.add(code)
            try:
                rank = float(str(row["rank"]))
            except ValueError:
                rank = math.nan
            if not math.isfinite(rank):
                raise SourceError(
                    f"{self.file!r} line {line}: 'rank' is {row['rank']!r}; it is a number"
                )
            yield _Choice(code, taken, tuple(forgone), rank)
        if len(seen) < 3:
            raise SourceError(
                f"{self.file!r} has {len(seen)} choices; at least 3 are needed to put them in an order"
            )

    def _told(self, one: _Choice, names: Mapping[str, str]) -> str:
        taken = self._bundle(one.taken, names)
        if not one.forgone:
            return render(self.only, {"taken": taken})
        forgone = self.either.join(self._bundle(bundle, names) for bundle in one.forgone)
        return render(self.choice, {"taken": taken, "forgone": forgone})

    def _bundle(self, letters: str, names: Mapping[str, str]) -> str:
        return render(self.bundle, {"things": _listed([names[letter] for letter in letters])})


def _forgone(one: _Choice) -> int:
    return sum(TARGET not in bundle for bundle in one.forgone)


def _listed(things: Sequence[str]) -> str:
    """The things in an order that tells nothing of the letters."""
    return ", ".join(sorted(things))


def _check(name: str, template: str, slots: Sequence[str]) -> None:
    marks = {slot: chr(index) for index, slot in enumerate(slots)}
    try:
        told = render(template, marks)
    except TemplateError as error:
        raise ValueError(f"'{name}': {error}") from None
    for slot, mark in marks.items():
        if mark not in told:
            raise ValueError(f"'{name}' must tell {{{slot}}}")
