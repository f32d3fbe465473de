"""Whatever is done to a valid spec, loading it ends in a spec or in faults with places in the file."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from loading_plugins import catalogue
from valid_specs import ASKING, FULL, KINDS, MINIMAL

from gnomon.catalogue import Catalogue
from gnomon.errors import Fault, SpecError
from gnomon.loading import load
from gnomon.structure import KeyPath, flatten

SPECS = (FULL, FULL, KINDS, MINIMAL, ASKING)
DATA = tuple(tomlkit.parse(text).unwrap() for text in SPECS)
PLUGINS = catalogue()
WORDS = sorted({word for text in SPECS for word in text.replace('"', " ").split()})
_SCRAPS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(list("[]{}\"'=.,#\n\\")),
    st.sampled_from(
        ["[[turn]]\n", "[design]\n", "{first}", "{", "{{x}", '"""', "= nan", "\r", "\0"]
    ),
    st.text(max_size=3),
)
_VALUES = st.recursive(
    st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from([0, 1, -1, 2**63, 0.5, -1.5, True, False, "", "\0", "x" * 300]),
        st.sampled_from([float("nan"), float("inf"), dt.date(2024, 1, 1), dt.time(1, 2)]),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["use", "a", "user", "only", "x.y", ""]), inner, max_size=3
        ),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that every example writes anew."""
    return tmp_path_factory.mktemp("mutations") / "valid.toml"


def check(file: Path, text: bytes, plugins: Catalogue = PLUGINS) -> None:
    """Load the bytes; any fault has a place that the text has."""
    file.write_bytes(text)
    faults: tuple[Fault, ...] | None = None
    try:
        load(file, plugins)
    except SpecError as error:
        faults = tuple(error.faults)
    if faults is None:
        return
    assert faults
    lines = text.replace(b"\r\n", b"\n").decode("utf-8", "replace").split("\n")
    for fault in faults:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
        assert fault.message
        assert "\n" not in fault.show("file")


def places(data: object) -> list[KeyPath]:
    """Every path of the data, the deepest ones too."""
    return list(flatten(data))


def parent_of(data: Any, path: KeyPath) -> Any:
    """The table or list that holds what is at the path."""
    for part in path[:-1]:
        data = data[part]
    return data


@st.composite
def reshaped(draw: st.DrawFn) -> bytes:
    """A valid spec with keys deleted, renamed, moved, doubled or given other values."""
    data = copy.deepcopy(draw(st.sampled_from(DATA)))
    for _ in range(draw(st.integers(1, 3))):
        known = places(data)
        if not known:
            break
        path = draw(st.sampled_from(known))
        parent, last = parent_of(data, path), path[-1]
        deed = draw(
            st.sampled_from(["delete", "rename", "retype", "wrap", "table", "swap", "grow"])
        )
        if deed == "delete":
            del parent[last]
        elif deed == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from([f"{last}s", str(last)[1:], "use", "only", *WORDS]))] = (
                parent.pop(last)
            )
        elif deed == "wrap":
            parent[last] = [parent[last]]
        elif deed == "table":
            parent[last] = {"use": parent[last]}
        elif deed == "swap":
            other = draw(st.sampled_from(known))
            parent[last] = copy.deepcopy(parent_of(data, other)[other[-1]])
        elif deed == "grow" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        else:
            parent[last] = draw(_VALUES)
    return tomlkit.dumps(data).encode("utf-8", "surrogatepass")


@st.composite
def spliced(draw: st.DrawFn) -> bytes:
    """A valid spec's text with pieces cut, doubled, moved and put in between."""
    text = draw(st.sampled_from(SPECS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 40)))
        deed = draw(st.sampled_from(["cut", "double", "insert", "replace", "line"]))
        if deed == "cut":
            text = text[:start] + text[stop:]
        elif deed == "double":
            text = text[:stop] + text[start:]
        elif deed == "insert":
            text = text[:start] + draw(_SCRAPS) + text[start:]
        elif deed == "replace":
            text = text[:start] + draw(_SCRAPS) + text[stop:]
        else:
            lines = text.split("\n")
            lines.insert(start % len(lines), lines.pop(stop % len(lines)))
            text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


@settings(max_examples=1300)
@given(text=reshaped())
def test_reshaped(file: Path, text: bytes) -> None:
    """Keys deleted, renamed, retyped and moved."""
    check(file, text)


@settings(max_examples=1400)
@given(text=spliced())
def test_spliced(file: Path, text: bytes) -> None:
    """Text cut, doubled and spliced; most of it is no TOML any more."""
    check(file, text)


@settings(max_examples=300)
@given(text=st.binary(max_size=60), at=st.integers(0, len(FULL)))
def test_random_bytes(file: Path, text: bytes, at: int) -> None:
    """Bytes of any kind, alone and in the middle of a spec."""
    check(file, text)
    check(file, FULL.encode()[:at] + text + FULL.encode()[at:])


def deletions() -> Iterator[tuple[int, KeyPath]]:
    """Every single key of every valid spec."""
    return ((index, path) for index, data in enumerate(DATA) if index for path in places(data))


def test_every_deletion(file: Path) -> None:
    """Each key of each spec taken away, one at a time."""
    for index, path in deletions():
        data = copy.deepcopy(DATA[index])
        del parent_of(data, path)[path[-1]]
        check(file, tomlkit.dumps(data).encode())
