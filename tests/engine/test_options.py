"""Options are described from the class: type, default, help; first-party plugins document all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import attrs
import pytest

from gnomon.catalogue import KINDS, Catalogue
from gnomon.spec import Design, Draw, ScoreKeys, StatisticKeys, Turn
from gnomon.structure import OptionDoc, describe_options


@attrs.frozen(kw_only=True)
class Base:
    """A base.

    Attributes:
        shared: What both
            classes have.
    """

    shared: str


@attrs.frozen(kw_only=True)
class Example(Base):
    """An example.

    Attributes:
        low, high: Ends of the interval.
        mode: How: quickly, or slowly.
        label: Its name.

    Raises:
        ValueError: Never; this is no option.
    """

    name: ClassVar[str] = "example"
    low: float = 0.5
    high: float | None = None
    mode: Literal["quick", "slow"] = "quick"
    label: str = attrs.field(default="x", metadata={"key": "as"})
    weights: Mapping[str, float] = attrs.field(factory=dict)
    _made: int = attrs.field(default=0, init=False)


def test_describe_options() -> None:
    """Each option in order, with its key, its type in words, its default as TOML, its help."""
    assert describe_options(Example) == [
        OptionDoc("shared", "a string", "", required=True, help="What both classes have."),
        OptionDoc("low", "a number", "0.5", required=False, help="Ends of the interval."),
        OptionDoc("high", "a number", "", required=False, help="Ends of the interval."),
        OptionDoc(
            "mode",
            'one of "quick", "slow"',
            '"quick"',
            required=False,
            help="How: quickly, or slowly.",
        ),
        OptionDoc("as", "a string", '"x"', required=False, help="Its name."),
        OptionDoc("weights", "a table of numbers", "{}", required=False, help=""),
    ]


def test_a_plain_class_has_no_options() -> None:
    """A class that is no attrs class takes nothing."""
    assert describe_options(type("Plain", (), {})) == []


@pytest.mark.parametrize("cls", [Draw, Design, ScoreKeys, StatisticKeys, Turn])
def test_keys_of_the_spec_are_documented(cls: type) -> None:
    """Every key of the format has a text."""
    assert [option.name for option in describe_options(cls) if not option.help] == []


@pytest.mark.parametrize("kind", KINDS)
def test_first_party_plugins_document_every_option(kind: str) -> None:
    """Every option of every plugin that ships has a text in its class docstring."""
    plugins = Catalogue().of_kind(kind)
    assert plugins
    assert [
        f"{name}.{option.name}"
        for name, plugin in plugins.items()
        for option in describe_options(plugin.cls)
        if not option.help
    ] == []
