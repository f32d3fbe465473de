"""Small plugins of every kind that a spec can name, for the tests of loading."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import attrs

import gnomon
from gnomon.catalogue import Catalogue


@attrs.frozen(kw_only=True)
class TwoItems:
    """Two items with words to sort.

    Attributes:
        file: A text file of words, one a line, in place of the built-in ones.
        count: How many items.
        mode: Which words.
    """

    name: ClassVar[str] = "two-items"
    file: str | None = None
    count: int = 2
    mode: Literal["kind", "plain"] = "plain"

    def __attrs_post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"'count' is a number of items and cannot be {self.count}")

    def items(self, around: gnomon.Surroundings) -> Iterator[gnomon.Item]:
        words = around.folder.text(self.file).split() if self.file else ["oak", "rose", "wasp"]
        for index in range(self.count):
            yield gnomon.Item(
                key=f"item-{index}",
                fields={"words": tuple(words), "left": "plant", "right": "animal", "n": index},
                groups={"topic": "nature"},
            )


@attrs.frozen(kw_only=True)
class AskingSource:
    """Asks a generator model before it has any item."""

    name: ClassVar[str] = "asking"
    needs: ClassVar[tuple[gnomon.Need, ...]] = (gnomon.Need(kind="chat", role="generator"),)

    def items(self, around: gnomon.Surroundings) -> Iterator[Any]:
        yield gnomon.Chat(role="generator", messages=(gnomon.Message("user", "go"),))


@attrs.frozen(kw_only=True)
class Turns:
    """Asks the turns in order."""

    name: ClassVar[str] = "turns"

    def administer(self, trial: Any, turns: Any) -> Any:
        yield from ()


@attrs.frozen(kw_only=True)
class Probing:
    """Asks the turns several times.

    Attributes:
        rounds: How often.
    """

    name: ClassVar[str] = "probing"
    adds: ClassVar[tuple[str, ...]] = ("round",)
    rounds: int

    def check(self, keys: Any) -> Iterator[str]:
        if len(keys.turn) > 1:
            yield f"'probing' repeats a single turn; there are {len(keys.turn)}"

    def administer(self, trial: Any, turns: Any) -> Any:
        yield from ()


@attrs.frozen(kw_only=True)
class Share:
    """The share of words.

    Attributes:
        label: The label counted.
        weights: A weight for each word.
        reverse: Count the other label.
        offset: Added to the share.
    """

    name: ClassVar[str] = "share"
    parts: ClassVar[tuple[str, ...]] = ("lines", "unread")
    label: str = "plant"
    weights: Mapping[str, float] = attrs.field(factory=dict)
    reverse: bool = False
    offset: float = 0.0

    def score(self, record: Any) -> Any:
        return ()


@attrs.frozen(kw_only=True)
class Judged:
    """A judge's number.

    Attributes:
        role: Who judges.
    """

    name: ClassVar[str] = "judged"
    role: str = "judge"

    def score(self, record: Any) -> Any:
        return ()


@attrs.frozen(kw_only=True)
class MeanOf:
    """The mean.

    Attributes:
        against: The value compared with.
        level: Confidence level.
    """

    name: ClassVar[str] = "mean"
    quantities: ClassVar[tuple[str, ...]] = ("mean", "d")
    against: float = 0.0
    level: float = attrs.field(
        default=0.95, validator=[attrs.validators.gt(0), attrs.validators.lt(1)]
    )

    def estimate(self, table: Any, rng: Any) -> Any:
        return ()


@attrs.frozen(kw_only=True)
class Doubled:
    """Doubles every p."""

    name: ClassVar[str] = "double"

    def adjust(self, p: Any) -> Any:
        return p


@attrs.frozen(kw_only=True)
class Tripled:
    """Triples every p."""

    name: ClassVar[str] = "triple"

    def adjust(self, p: Any) -> Any:
        return p


@attrs.frozen(kw_only=True)
class Echo:
    """Says the last message again.

    Attributes:
        model: Any name.
        base_url: Where.
        slots: How many at once.
        heat: A factor.
        loud: In capitals.
        stops: Ends.
        mode: How.
        table: Not for command lines.
    """

    name: ClassVar[str] = "echo"
    model: str
    base_url: str | None = None
    slots: int = 1
    heat: float = 1.0
    loud: bool = False
    stops: tuple[str, ...] = ()
    mode: Literal["quick", "slow"] = "quick"
    table: Mapping[str, str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.slots < 1:
            raise ValueError(f"'slots' is at least 1, not {self.slots}")

    @property
    def offers(self) -> gnomon.Capability:
        return gnomon.Capability(kinds={"chat"})

    def ask(self, ask: Any) -> Any:
        return gnomon.Reply(text="")


class Plugins(types.ModuleType):
    """A module with one hook for each kind."""


def offer(**classes: tuple[type, ...]) -> Plugins:
    """A module that offers these classes through its hooks, by plural kind."""
    module = Plugins("loading_test_plugins")
    for kind, offered in classes.items():
        setattr(module, f"register_{kind}", _hook(f"register_{kind}", offered))
    return module


def catalogue() -> Catalogue:
    """A catalogue of the plugins above and no others."""
    module = offer(
        sources=(TwoItems, AskingSource),
        procedures=(Turns, Probing),
        scorers=(Share, Judged),
        statistics=(MeanOf,),
        corrections=(Doubled, Tripled),
        backends=(Echo,),
    )
    return Catalogue(entry_points=[], modules={"test plugins": module})


def _hook(name: str, classes: tuple[type, ...]) -> Any:
    def register() -> tuple[type, ...]:
        return classes

    register.__name__ = name
    return gnomon.hookimpl(register)
