"""A spec while it is being checked: what could be made of it so far, and every fault found.

One invariant: faults are only added. A check asks ``is_sound`` before it builds on a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import Fault, did_you_mean, listing
from gnomon.spec import Design, Draw, Only, SpecKeys, Turn, Use
from gnomon.structure import Document, KeyPath, found, show_path, structure_fields

# The columns that every table of scores has; no factor may take their names.
COLUMNS = ("item", "repeat", "format", "model")


@attrs.define(eq=False)
class Draft:
    """A spec while it is being checked.

    Attributes:
        path: The file.
        document: Its text, data and positions.
        catalogue: Where plugins are looked up.
        files: Files of the user's own.
        parts: The attributes of ``SpecKeys`` that could be made.
        design: The attributes of ``Design`` that could be made.
        factors: Factor → its levels, crossed and balanced; None when they are at fault.
        faults: What was found so far.
        is_whole: Whether the keys could be made without a fault.
        uses: The plugins loaded so far, with the paths of their blocks.
    """

    path: Path
    document: Document
    catalogue: Catalogue
    files: Mapping[str, Path]
    parts: dict[str, Any]
    design: dict[str, Any]
    factors: dict[str, tuple[str, ...] | None]
    faults: list[Fault]
    is_whole: bool
    uses: list[tuple[KeyPath, Use]] = attrs.field(factory=list)

    @classmethod
    def of(
        cls, path: Path, document: Document, catalogue: Catalogue, files: Mapping[str, Path]
    ) -> Draft:
        """A draft with the keys structured and nothing else checked."""
        faults: list[Fault] = []
        parts = structure_fields(SpecKeys, document.data, (), document.positions, faults)
        written = document.data.get("design", {})
        design: dict[str, Any] = {}
        if isinstance(written, dict):
            # The faults of this second look are those of the first.
            design = structure_fields(Design, written, ("design",), document.positions, [])
        return cls(
            path=path,
            document=document,
            catalogue=catalogue,
            files=files,
            parts=parts,
            design=design,
            factors=_factors(written),
            faults=faults,
            is_whole=not faults,
        )

    @property
    def data(self) -> Mapping[str, Any]:
        """The file as ``tomllib`` returned it."""
        return self.document.data

    def fault(self, path: KeyPath, message: str, *, key: bool = False) -> None:
        """Note a fault at a value, or at its key."""
        self.faults.append(self.document.positions.fault(path, message, key=key))

    def written(self, path: KeyPath) -> Any:
        """The value at a path as it stands in the file."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return value

    def is_sound(self, path: KeyPath) -> bool:
        """Whether nothing at or beneath a path is at fault so far."""
        text = show_path(path)
        return not any(
            fault.path == text or fault.path.startswith((f"{text}.", f"{text}["))
            for fault in self.faults
        )

    def blocks(self, name: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """The tables of an array of tables as written, with their paths; others are skipped."""
        written = self.data.get(name)
        for index, block in enumerate(written if isinstance(written, list) else ()):
            if isinstance(block, dict):
                yield (name, index), block

    def turns(self) -> Iterator[tuple[KeyPath, Turn]]:
        """The turns that could be made, with their paths."""
        for index, turn in enumerate(self.parts.get("turn", ())):
            if turn is not None:
                yield ("turn", index), turn

    def draws(self) -> Iterator[tuple[KeyPath, Draw]]:
        """The draws that could be made, with their paths."""
        for index, draw in enumerate(self.design.get("draw", ())):
            if draw is not None:
                yield ("design", "draw", index), draw

    def check_only(self, only: Only, path: KeyPath) -> None:
        """Check that an ``only`` names factors and levels of the design."""
        for factor, wanted in only.items():
            if self.check_factor(factor, (*path, factor), key=True):
                self.check_levels(factor, wanted, (*path, factor))

    def check_factor(self, name: str, path: KeyPath, *, key: bool = False) -> bool:
        """Check that the design has a factor of this name."""
        if name in self.factors:
            return True
        hint = f"{did_you_mean(name, self.factors)}; there are: {listing(self.factors)}"
        self.fault(path, f"there is no factor {name!r}{hint}", key=key)
        return False

    def check_least(self, number: int | None, least: int, path: KeyPath) -> None:
        """Check that a whole number is not too small."""
        if number is not None and number < least:
            message = f"expected a whole number of at least {least}, found {found(number)}"
            self.fault(path, message)

    def check_levels(self, factor: str, wanted: str | tuple[str, ...], path: KeyPath) -> None:
        """Check that a factor has these levels."""
        levels = self.factors[factor]
        if levels is None:
            return
        if not wanted:
            self.fault(path, f"no level of the factor {factor!r} is given")
        for place, level in each_named(wanted, path):
            if level and level not in levels:
                hint = f"{did_you_mean(level, levels)}; its levels are: {listing(levels, ordered=False)}"
                self.fault(place, f"the factor {factor!r} has no level {level!r}{hint}")


def each_named(names: str | tuple[str, ...], path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The names under a key that holds one name or several, each with its place."""
    if isinstance(names, str):
        yield path, names
    else:
        yield from (((*path, index), name) for index, name in enumerate(names))


def _factors(design: object) -> dict[str, tuple[str, ...] | None]:
    out: dict[str, tuple[str, ...] | None] = {}
    for key in ("factors", "balanced"):
        written = design.get(key) if isinstance(design, dict) else None
        for name, levels in (written if isinstance(written, dict) else {}).items():
            is_listed = isinstance(levels, (list, dict)) and all(
                isinstance(level, str) for level in levels
            )
            out[name] = tuple(levels) if is_listed else None
    return out


def overlap(one: Only, other: Only, factors: Mapping[str, tuple[str, ...] | None]) -> bool:
    """Whether some trial can have levels that both ``only`` let through."""
    return all(
        _levels(one, factor, levels) & _levels(other, factor, levels)
        for factor, levels in factors.items()
        if levels
    )


def _levels(only: Only, factor: str, levels: tuple[str, ...]) -> set[str]:
    wanted = only.get(factor, levels)
    return {wanted} if isinstance(wanted, str) else set(wanted)
