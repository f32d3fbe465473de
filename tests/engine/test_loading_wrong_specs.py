"""Every wrong spec under ``wrong_specs`` is refused with exactly the text beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from loading_plugins import catalogue

from gnomon.errors import SpecError
from gnomon.loading import load

FOLDER = Path(__file__).with_name("wrong_specs")
WRONG = sorted(file.stem for file in FOLDER.glob("*.toml"))


def test_there_are_many() -> None:
    """At least sixty wrong specs, each with its expected message, and no message without a spec."""
    assert len(WRONG) >= 60
    assert sorted(file.stem for file in FOLDER.glob("*.txt")) == WRONG


@pytest.mark.parametrize("name", WRONG)
def test_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole message is as written down: every fault, its place, its path and its sentence."""
    monkeypatch.chdir(FOLDER)
    with pytest.raises(SpecError) as caught:
        load(Path(f"{name}.toml"), catalogue())
    assert f"{caught.value}\n" == Path(f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.toml", "nowhere.toml: there is no such file"),
        (".", ".: this is a folder; give the path of a .toml file"),
        ("a\0b.toml", "a\0b.toml: the file cannot be read: embedded null byte"),
        ("x" * 300, "x" * 300 + ": the file cannot be read: File name too long"),
    ],
)
def test_file_that_cannot_be_read(
    path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be read is one fault without a place."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as caught:
        load(Path(path), catalogue())
    assert str(caught.value) == message
