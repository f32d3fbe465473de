"""``gambles``: pairs of risky options, with their expected values and what people chose.

One invariant: what the prompt says of a gamble and what its expected value is computed from are the same
outcomes and probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import ClassVar

import attrs

from gnomon import Item, SourceError, Surroundings, TemplateError, render
from gnomon_plugins.sources._rows import Row, check_columns, chosen, parsed, rows

Gamble = Sequence[tuple[float, float]]
"""(probability, outcome) of every outcome that can happen."""
_SUM = 1e-6
_BEYOND = 1e300
_PLACES = 4


@attrs.frozen(kw_only=True)
class Gambles:
    """Reads a table with one row per problem, and a JSON file with the outcomes of its two gambles.

    The files have the form of choices13k (Peterson et al., 2021): row n of the table belongs to the key
    ``"n"`` of the JSON object, counted from 0, which holds ``A`` and ``B`` as lists of [probability,
    outcome]. Fields: ``one`` and ``two`` (lists of outcomes in words), ``ev_one``, ``ev_two``,
    ``ev_difference`` (one less two), ``ev_choice`` (1 when the first has the greater expected value,
    otherwise 0, ties too), ``human`` (share of people who took the first) and ``human_choice`` (1 when more
    than half of them did, otherwise 0). Probabilities are rounded to four places, as they are told.

    Example::

        [stimuli]
        use = "gambles"
        file = "data/risky-choice.csv"
        outcomes = "data/risky-choice.json"
        key = "Problem"
        sample = 300
        outcome = "{chance} % chance of {amount} points"

    Attributes:
        file: The table, beside the spec.
        outcomes: The JSON file.
        people: Column with the share of people who took the *second* gamble.
        key: Column that names the problem; the row's number, from 0, unless given.
        where: Column → values of the rows to keep.
        sample: Keep so many rows, drawn by the seed, in the table's order; all unless given.
        outcome: How an outcome is told: a template with ``{amount}`` and ``{chance}`` (percent).
    """

    name: ClassVar[str] = "gambles"

    file: str
    outcomes: str
    people: str = "bRate"
    key: str | None = None
    where: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    sample: int | None = None
    outcome: str = "{amount} with a chance of {chance} %"

    def __attrs_post_init__(self) -> None:
        if self.sample is not None and self.sample < 1:
            raise ValueError(f"'sample' must be at least 1, not {self.sample}")
        try:
            told = render(self.outcome, {"amount": "\x00", "chance": "\x01"})
        except TemplateError as error:
            raise ValueError(f"'outcome': {error}") from None
        if "\x00" not in told or "\x01" not in told:
            raise ValueError("'outcome' must tell both {amount} and {chance}")

    def items(self, around: Surroundings) -> Iterator[Item]:
        """The problems that are kept.

        Raises:
            SourceError: A column or a problem is missing, or a gamble is none.
        """
        outcomes = self._outcomes(around.folder.text(self.outcomes))
        kept = list(self._kept(around.folder.text(self.file)))
        if not kept:
            given = ", ".join(f"{name} = {', '.join(some)}" for name, some in self.where.items())
            raise SourceError(
                f"{self.file!r} has no row in which {given}" if given else self._empty
            )
        if self.sample is not None and self.sample < len(kept):
            picked = around.seed.child("gambles").sample(range(len(kept)), self.sample)
            kept = [kept[index] for index in sorted(picked)]
        return chosen(
            (self._item(number, line, row, outcomes) for number, line, row in kept),
            (),
            None,
            self.file,
        )

    @property
    def _empty(self) -> str:
        return f"{self.file!r} has a header and no rows; there is nothing to administer"

    def _kept(self, text: str) -> Iterator[tuple[int, int, Row]]:
        named = () if self.key is None else (self.key,)
        for number, (line, row) in enumerate(rows(text, self.file)):
            check_columns(row, (self.people, *named, *self.where), self.file)
            if all(str(row[name]) in some for name, some in self.where.items()):
                yield number, line, row

    def _outcomes(self, text: str) -> Mapping[str, object]:
        made = parsed(text, self.outcomes)
        if not isinstance(made, dict):
            raise SourceError(
                f"{self.outcomes!r} must hold one JSON object, with a key for each row"
            )
        return made

    def _item(self, number: int, line: int, row: Row, outcomes: Mapping[str, object]) -> Item:
        both = outcomes.get(str(number))
        if not isinstance(both, dict):
            raise SourceError(
                f"{self.outcomes!r} has no problem {str(number)!r}, the one of line {line} of "
                f"{self.file!r}"
            )
        one, two = (self._gamble(both.get(name), f"{number}.{name}") for name in ("A", "B"))
        people = self._share(row[self.people], line)
        values = [_expected(gamble) for gamble in (one, two)]
        return Item(
            str(number) if self.key is None else f"{row[self.key]}/{number}",
            fields={
                "one": self._told(one),
                "two": self._told(two),
                "ev_one": float(values[0]),
                "ev_two": float(values[1]),
                "ev_difference": float(values[0] - values[1]),
                "ev_choice": float(values[0] > values[1]),
                "human": 1 - people,
                "human_choice": float(people < 0.5),
            },
        )

    def _gamble(self, given: object, where: str) -> Gamble:
        """The outcomes with equal ones put together, impossible ones left out.

        Raises:
            SourceError: It is no list of pairs, or its probabilities do not sum to 1.
        """
        sums: dict[float, float] = {}
        given_p, least = 0.0, 1.0
        pairs = given if isinstance(given, list) else []
        for pair in pairs:
            if not (
                isinstance(pair, list)
                and len(pair) == 2
                and all(isinstance(n, int | float) and abs(n) < _BEYOND for n in pair)
            ):
                pairs = []
                break
            given_p += float(pair[0])
            least = min(least, float(pair[0]))
            told = sums.get(float(pair[1]), 0.0) + round(float(pair[0]), _PLACES)
            sums[float(pair[1])] = round(told, _PLACES)
        if not pairs:
            raise SourceError(
                f"{self.outcomes!r} {where}: a gamble is a list of [probability, outcome] pairs"
            )
        if abs(given_p - 1) > _SUM or least < 0:
            raise SourceError(
                f"{self.outcomes!r} {where}: the probabilities sum to {given_p:g}; they must be at least "
                "0 and sum to 1"
            )
        return [(p, x) for x, p in sums.items() if p > 0]

    def _told(self, gamble: Gamble) -> tuple[str, ...]:
        return tuple(
            render(self.outcome, {"amount": _written(x), "chance": f"{100 * p:g}"})
            for p, x in gamble
        )

    def _share(self, given: object, line: int) -> float:
        try:
            share = float(str(given))
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            raise SourceError(
                f"{self.file!r} line {line}: {self.people!r} is {str(given)!r}; a share lies between 0 "
                "and 1"
            )
        return share


def _written(amount: float) -> str:
    """An amount with all of its digits, so that the prompt tells what is computed with."""
    return str(int(amount)) if amount.is_integer() else repr(amount)


def _expected(gamble: Gamble) -> Fraction:
    """The expected value of the decimals as written: in floating point equal gambles differ by rounding."""
    return sum((Fraction(str(p)) * Fraction(str(x)) for p, x in gamble), Fraction(0))
