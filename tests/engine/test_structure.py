"""Positions agree with tomllib, and structuring coerces nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs
import pytest
from hypothesis import given, settings
from toml_texts import Written, toml_texts

from gnomon.errors import Fault
from gnomon.structure import Positions, flatten, show_path, structure, structure_fields


@settings(max_examples=400)
@given(toml_texts())
def test_paths_are_those_of_tomllib(written: Written) -> None:
    """The scanner finds exactly the paths of what tomllib returns."""
    assert Positions.of(written.text).paths == frozenset(flatten(tomllib.loads(written.text)))


@settings(max_examples=400)
@given(toml_texts())
def test_places_are_where_things_were_written(written: Written) -> None:
    """At the place of a key stands the key as written, and at that of a value the value."""
    positions = Positions.of(written.text)
    lines = written.text.split("\n")
    for places, find in ((written.keys, positions.key), (written.values, positions.value)):
        for path, (raw, offset) in places.items():
            line, column = find(path)
            rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
            assert rest.startswith(raw)
            assert sum(len(text) + 1 for text in lines[: line - 1]) + column - 1 == offset


TEXT = """top = 1
[a.b]
[[list]]
x = [1, [2,
  { y = 3 }]]
[[list]]
[list.inner]
'quoted key'.z = 4
[a]
"""


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("top",), (1, 1), (1, 7)),
        (("a",), (9, 2), (9, 1)),
        (("a", "b"), (2, 4), (2, 1)),
        (("list",), (3, 3), (3, 1)),
        (("list", 0), (3, 1), (3, 1)),
        (("list", 1), (6, 1), (6, 1)),
        (("list", 0, "x", 1, 1, "y"), (5, 5), (5, 9)),
        (("list", 1, "inner"), (7, 7), (7, 1)),
        (("list", 1, "inner", "quoted key", "z"), (8, 14), (8, 18)),
        (("list", 1, "inner", "missing"), (7, 1), (7, 1)),
        (("missing",), (1, 1), (1, 1)),
    ],
)
def test_places(path: Any, key: tuple[int, int], value: tuple[int, int]) -> None:
    """Headers, blocks, lists, inline tables and what is missing each have their place."""
    positions = Positions.of(TEXT)
    assert positions.key(path) == key
    assert positions.value(path) == value


def test_paths_are_shown_as_toml_writes_them() -> None:
    """Keys that TOML would quote are quoted, and stay on one line."""
    assert show_path(("a", 0, "b-c", "d.e", "f\n", 1)) == 'a[0].b-c."d.e"."f\\n"[1]'


@attrs.frozen(kw_only=True)
class Inner:
    """A nested table."""

    size: int = 1


@attrs.frozen(kw_only=True)
class Everything:
    """Every declared type that a spec knows."""

    kind: ClassVar[str] = "no option"
    text: str = ""
    whole: int = 0
    number: float = 0.0
    truth: bool = False
    choice: Literal["one", "two", 3] = "one"
    texts: tuple[str, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    rows: tuple[tuple[int, ...], ...] = ()
    table: Mapping[str, float] = attrs.field(factory=dict)
    either: str | tuple[str, ...] | None = None
    forms: tuple[str, ...] | Mapping[str, Mapping[str, int | str]] = ()
    mixed: int | float | bool | str = 0
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    renamed: str = attrs.field(default="", metadata={"key": "as"})
    anything: Any = None


def made(text: str) -> tuple[Everything | None, list[str]]:
    faults: list[Fault] = []
    out = structure(Everything, tomllib.loads(text), (), Positions.of(text), faults)
    return out, [fault.show("f") for fault in sorted(faults)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number = 1", Everything(number=1.0)),
        ("choice = 3", Everything(choice=3)),
        ("texts = ['a', 'b']", Everything(texts=("a", "b"))),
        ("pair = [1, 2.5]", Everything(pair=(1.0, 2.5))),
        ("rows = [[1], []]", Everything(rows=((1,), ()))),
        ("table = { a = 1 }", Everything(table={"a": 1.0})),
        ("either = 'a'", Everything(either="a")),
        ("either = ['a']", Everything(either=("a",))),
        ("forms = ['a']", Everything(forms=("a",))),
        ("[forms.a]\nx = 1\ny = 'z'", Everything(forms={"a": {"x": 1, "y": "z"}})),
        ("mixed = true", Everything(mixed=True)),
        ("mixed = 1", Everything(mixed=1)),
        ("mixed = 1.0", Everything(mixed=1.0)),
        ("inner.size = 2", Everything(inner=Inner(size=2))),
        ("[[inners]]\n[[inners]]\nsize = 3", Everything(inners=(Inner(), Inner(size=3)))),
        ("as = 'x'", Everything(renamed="x")),
        ("anything = [1, 'a']", Everything(anything=[1, "a"])),
    ],
)
def test_what_fits(text: str, expected: Everything) -> None:
    """What has the declared type is taken as it is, with the very same Python type."""
    out, faults = made(text)
    assert faults == []
    assert out == expected
    assert repr(out) == repr(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text = 1", "f:1:8 text: expected a string, found the whole number 1"),
        ("text = true", "f:1:8 text: expected a string, found true"),
        ("whole = true", "f:1:9 whole: expected a whole number, found true"),
        ("whole = 1.0", "f:1:9 whole: expected a whole number, found the number 1.0"),
        ("whole = '1'", 'f:1:9 whole: expected a whole number, found the string "1"'),
        ("number = true", "f:1:10 number: expected a number, found true"),
        ("number = '1.5'", 'f:1:10 number: expected a number, found the string "1.5"'),
        ("number = nan", "f:1:10 number: expected a finite number, found the number nan"),
        ("truth = 1", "f:1:9 truth: expected true or false, found the whole number 1"),
        ("truth = 'true'", 'f:1:9 truth: expected true or false, found the string "true"'),
        (
            "choice = true",
            'f:1:10 choice: expected one of "one", "two", 3, found true',
        ),
        (
            "choice = 'tow'",
            'f:1:10 choice: expected one of "one", "two", 3, found the string "tow" '
            "(did you mean 'two'?)",
        ),
        ("texts = 'Ben'", 'f:1:9 texts: expected a list of strings, found the string "Ben"'),
        ("texts = {}", "f:1:9 texts: expected a list of strings, found a table"),
        ("texts = ['a', 1]", "f:1:15 texts[1]: expected a string, found the whole number 1"),
        ("pair = [1]", "f:1:8 pair: expected a list of 2 numbers, found the list [1]"),
        ("rows = [1]", "f:1:9 rows[0]: expected a list of whole numbers, found the whole number 1"),
        ("table = []", "f:1:9 table: expected a table of numbers, found an empty list"),
        ("table = { a = true }", "f:1:15 table.a: expected a number, found true"),
        (
            "either = 1",
            "f:1:10 either: expected a string or a list of strings, found the whole number 1",
        ),
        ("either = [[]]", "f:1:11 either[0]: expected a string, found an empty list"),
        (
            "forms = 'a'",
            'f:1:9 forms: expected a list of strings or a table of tables, found the string "a"',
        ),
        (
            "mixed = []",
            "f:1:9 mixed: expected a whole number, a number, true or false or a string, "
            "found an empty list",
        ),
        ("inner = 1", "f:1:9 inner: expected a table, found the whole number 1"),
        ("inner.sise = 1", "f:1:7 inner.sise: unknown key 'sise' (did you mean 'size'?)"),
        ("[inners]", "f:1:1 inners: expected a list of tables, found a table; write [[inners]]"),
        ("[[inner]]", "f:1:1 inner: expected a table, found the list [{}]; write [inner]"),
        ("renamed = 'x'", "f:1:1 renamed: unknown key 'renamed'"),
        ("kind = 'x'", "f:1:1 kind: unknown key 'kind'"),
        ("whole = 07:30:00", "f:1:9 whole: expected a whole number, found the time 07:30:00"),
        (
            "whole = -9223372036854775809",
            "f:1:9 whole: the whole number -9223372036854775809 does not fit into 64 bits",
        ),
        (
            f"texts = '{'long ' * 20}'",
            'f:1:9 texts: expected a list of strings, found the string '
            '"long long long long long long long lo…"',
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit(text: str, message: str) -> None:
    """Nothing is coerced; the one message says what was expected, what was found, and where."""
    out, faults = made(text)
    assert out is None
    assert faults == [message]


def test_all_faults_in_one_pass() -> None:
    """A fault in one key hides no fault in another, at any depth."""
    out, faults = made("text = 1\ninner = { size = 'x', sise = 1 }\nrows = [[1, 'a'], 2]\nxyz = 1")
    assert out is None
    assert faults == [
        "f:1:8 text: expected a string, found the whole number 1",
        'f:2:18 inner.size: expected a whole number, found the string "x"',
        "f:2:23 inner.sise: unknown key 'sise' (did you mean 'size'?)",
        'f:3:13 rows[0][1]: expected a whole number, found the string "a"',
        "f:3:19 rows[1]: expected a list of whole numbers, found the whole number 2",
        "f:4:1 xyz: unknown key 'xyz'",
    ]


def test_fields_that_could_be_made_are_kept() -> None:
    """What is sound comes back although something else is not; failed elements leave None."""
    text = "text = 1\nwhole = 2\ntexts = ['a', 3]\ntable = { a = 1, b = 'x' }"
    faults: list[Fault] = []
    fields = structure_fields(Everything, tomllib.loads(text), (), Positions.of(text), faults)
    assert len(faults) == 3
    assert "text" not in fields
    assert fields["whole"] == 2
    assert fields["texts"] == ("a", None)
    assert fields["table"] == {"a": 1.0}
    assert fields["inner"] == Inner()


@attrs.frozen(kw_only=True)
class Guarded:
    """A class that refuses."""

    least: int
    most: int = attrs.field(default=9, validator=attrs.validators.le(9))

    def __attrs_post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"'least' is {self.least}, above 'most', which is {self.most}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[block]\nleast = 5\nmost = 2",
            "f:1:1 block: 'least' is 5, above 'most', which is 2",
        ),
        ("[block]\nleast = 5\nmost = 12", "f:1:1 block: 'most' must be <= 9: 12"),
        ("[block]\n", "f:1:1 block.least: missing key 'least': expected a whole number"),
    ],
)
def test_refusals_of_the_class(text: str, message: str) -> None:
    """What a class's own checks say is a fault at its block."""
    faults: list[Fault] = []
    data = tomllib.loads(text)["block"]
    assert structure(Guarded, data, ("block",), Positions.of(text), faults) is None
    assert [fault.show("f") for fault in faults] == [message]


def test_undeclarable_type() -> None:
    """An option whose type TOML cannot write is a bug of the class, not a fault of the text."""

    @attrs.frozen
    class Odd:
        value: complex = 0j

    with pytest.raises(
        TypeError, match=r"^an option of type <class 'complex'> cannot be written in TOML$"
    ):
        structure(Odd, {"value": 1}, (), Positions.of("value = 1"), [])
