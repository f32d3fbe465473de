"""A spec's files lie in its folder, are UTF-8, and nothing leads out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon import SourceError
from gnomon.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spec's folder with one file, and a secret beside the folder."""
    inside = tmp_path / "specs"
    (inside / "data").mkdir(parents=True)
    (inside / "data" / "words.csv").write_text("word\nyes\n", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    return inside


def refusal(folder: Folder, name: str) -> str:
    with pytest.raises(SourceError) as caught:
        folder.text(name)
    return str(caught.value)


def leads_out(name: str) -> str:
    return (
        f"{name!r} leads out of the spec's folder; a spec may only name files beside it "
        f"(to use a file of your own, give --file {name}=PATH)"
    )


def test_a_file_beside_the_spec_is_read(folder: Path) -> None:
    """Names are relative to the spec, and inner '..' that stays inside is fine."""
    assert Folder(folder).text("data/words.csv") == "word\nyes\n"
    assert Folder(folder).text("data/../data/words.csv") == "word\nyes\n"


def test_a_byte_order_mark_and_crlf_are_taken_away(folder: Path) -> None:
    """A file saved by a spreadsheet reads the same as one saved by an editor."""
    (folder / "sheet.csv").write_bytes(b"\xef\xbb\xbfword\r\nyes\r\n")
    assert Folder(folder).text("sheet.csv") == "word\nyes\n"


@pytest.mark.parametrize("name", ["../secret.txt", "data/../../secret.txt", "../specs-other/x"])
def test_a_path_with_dots_may_not_leave(folder: Path, name: str) -> None:
    """'..' out of the folder is refused before the file is looked for."""
    assert refusal(Folder(folder), name) == leads_out(name)


def test_an_absolute_path_may_not_leave(folder: Path) -> None:
    """An absolute path is no way out."""
    name = str(folder.parent / "secret.txt")
    assert refusal(Folder(folder), name) == leads_out(name)


def test_a_symbolic_link_may_not_leave(folder: Path) -> None:
    """A link is judged by what it points at, for a file and for a folder."""
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "up").symlink_to(folder.parent)
    assert refusal(Folder(folder), "link.txt") == leads_out("link.txt")
    assert refusal(Folder(folder), "up/secret.txt") == leads_out("up/secret.txt")


def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    """A link that stays inside is an ordinary file; so is a spec folder that is itself a link."""
    (folder / "same.csv").symlink_to(folder / "data" / "words.csv")
    (folder.parent / "linked").symlink_to(folder)
    assert Folder(folder).text("same.csv") == "word\nyes\n"
    assert Folder(folder.parent / "linked").text("data/words.csv") == "word\nyes\n"


def test_a_missing_file_names_the_nearest(folder: Path) -> None:
    """The nearest file of that folder is offered."""
    assert (
        refusal(Folder(folder), "data/word.csv")
        == "there is no file 'data/word.csv' beside the spec (did you mean 'data/words.csv'?)"
    )
    assert (
        refusal(Folder(folder), "nowhere/x.csv")
        == "there is no file 'nowhere/x.csv' beside the spec"
    )


def test_a_folder_is_no_file(folder: Path) -> None:
    """Naming a folder is the same fault as naming nothing."""
    assert refusal(Folder(folder), "data") == "there is no file 'data' beside the spec"


@pytest.mark.parametrize("name", ["a\0b.csv", "a\ud800.csv", "x" * 5000, "loop.csv"])
def test_a_name_that_no_file_can_have_is_a_sentence(folder: Path, name: str) -> None:
    """NUL bytes, surrogates, endless names and links that go round are missing files, no tracebacks."""
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    assert refusal(Folder(folder), name) == f"there is no file {name!r} beside the spec"


def test_text_that_is_not_utf8_names_the_byte(folder: Path) -> None:
    """The first wrong byte and what to do about it."""
    (folder / "latin.csv").write_bytes("Zürich".encode("latin-1"))
    assert (
        refusal(Folder(folder), "latin.csv")
        == "'latin.csv' is not UTF-8 text (byte 1: 0xfc); save it as UTF-8"
    )


def test_the_user_may_point_a_name_elsewhere(folder: Path, tmp_path: Path) -> None:
    """--file NAME=PATH is the user's word, so it may lead anywhere, and must exist."""
    own = tmp_path / "own.csv"
    own.write_text("mine", "utf-8")
    assert Folder(folder, {"data/words.csv": own}).text("data/words.csv") == "mine"
    gone = tmp_path / "gone.csv"
    assert (
        refusal(Folder(folder, {"data/words.csv": gone}), "data/words.csv")
        == f"there is no file {str(gone)!r}, which was given for 'data/words.csv'"
    )


def test_a_file_that_cannot_be_read_says_why(folder: Path) -> None:
    """What the system says is passed on; this file of the system's exists and never reads."""
    unreadable = Path("/proc/self/mem")
    if not unreadable.exists():
        pytest.skip("this system has no file that exists and cannot be read")
    assert (
        refusal(Folder(folder, {"a.csv": unreadable}), "a.csv")
        == "'a.csv' cannot be read: Input/output error"
    )
