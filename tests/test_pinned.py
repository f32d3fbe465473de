"""The pinned versions are the ones that pyproject.toml asks for, with hashes and without an address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PINNED = (ROOT / "requirements" / "ci.txt").read_text("utf-8")


def pins() -> dict[str, list[str]]:
    """Distribution → the versions pinned for it (several where they depend on the interpreter)."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", PINNED, re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def test_every_dependency_is_pinned_to_a_version_that_will_do() -> None:
    """After a change of pyproject.toml, scripts/lock has to be run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    stale = [
        f"{text}: pinned to {pins().get(canonicalize_name(Requirement(text).name))}; run scripts/lock"
        for text in asked
        if not (versions := pins().get(canonicalize_name(Requirement(text).name)))
        or not all(Requirement(text).specifier.contains(version) for version in versions)
    ]
    assert stale == []


def test_every_pin_has_hashes_and_none_has_an_address() -> None:
    """pip checks what it gets from wherever the user's own configuration gets it."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", PINNED)[1:]
    assert len(entries) == sum(map(len, pins().values()))
    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://|--index|--find-links|--extra", PINNED) == []


def test_nothing_enormous_is_pinned() -> None:
    """A white-box back end brings torch by its own extra; the tests do without."""
    assert "torch" not in pins()
