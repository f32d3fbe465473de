"""A valid spec becomes values of the declared types, and the loader stays small and quick."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from loading_plugins import MeanOf, Probing, Share, Turns, TwoItems, catalogue, offer
from valid_specs import ASKING, FULL, KINDS, MINIMAL

import gnomon
from gnomon.catalogue import Catalogue
from gnomon.errors import CatalogueError, SpecError
from gnomon.loading import Around, load
from gnomon.spec import Spec, Use

Load = Callable[..., Spec]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Loads a text as the file ``valid.toml``."""

    def load_it(text: str, plugins: Catalogue | None = None, **further: Any) -> Spec:
        file = tmp_path / "valid.toml"
        file.write_bytes(text.encode())
        return load(file, plugins or catalogue(), **further)

    return load_it


def faults_of(load_text: Load, text: str, *arguments: Any, **further: Any) -> list[str]:
    """The faults of a text, without the name of the file."""
    with pytest.raises(SpecError) as caught:
        load_text(text, *arguments, **further)
    return [fault.show("f") for fault in caught.value.faults]


@pytest.mark.parametrize("text", [FULL, MINIMAL, KINDS, ASKING])
def test_valid_specs_load(load_text: Load, text: str) -> None:
    """Every shape of valid spec loads, and keeps its text."""
    spec = load_text(text)
    assert spec.name == "valid"
    assert spec.text == text


def test_plugins_are_made_from_their_options(load_text: Load) -> None:
    """Blocks that call plugins hold instances with the options as written."""
    spec = load_text(FULL)
    assert spec.source == Use(name="two-items", plugin=TwoItems(count=2), options={"count": 2})
    assert spec.procedure == Use(name="turns", plugin=Turns(), options={})
    assert [block.label for block in spec.scores] == ["share", "reversed", "judged"]
    assert spec.scores[1].use.plugin == Share(reverse=True, weights={"oak": 1.0})
    assert spec.statistics[0].use.plugin == MeanOf(against=1.0)
    assert spec.statistics[0].of == ("share", "reversed.unread")
    assert spec.statistics[0].correction is not None


def test_a_whole_number_stands_where_a_number_is_declared(load_text: Load) -> None:
    """1 is accepted for a number and becomes 1.0, so that 1 and 1.0 are one spec."""
    one, point = (
        load_text(MINIMAL + f"[decoding]\ntemperature = {text}\n") for text in ("1", "1.0")
    )
    assert type(one.keys.decoding.temperature) is float
    assert one.keys == point.keys


def test_windows_line_ends_are_the_same_spec(load_text: Load) -> None:
    """CRLF changes neither the values, nor the text that is stored, nor the places of faults."""
    assert load_text(FULL.replace("\n", "\r\n")).text == FULL
    wrong = FULL.replace("repeats = 3", "repeats = 0")
    assert faults_of(load_text, wrong.replace("\n", "\r\n")) == faults_of(load_text, wrong)


def test_files_of_the_user(load_text: Load, tmp_path: Path) -> None:
    """A file that the user names stands in for the one that the spec asks for."""
    words = tmp_path / "elsewhere" / "own.txt"
    words.parent.mkdir()
    words.write_text("fir elm")
    text = MINIMAL.replace('use = "two-items"', 'use = "two-items"\nfile = "words.txt"')
    assert load_text(text, files={"words.txt": words}).source.options == {"file": "words.txt"}
    assert faults_of(load_text, text) == [
        "f:10:8 stimuli.file: there is no file 'words.txt' beside the spec"
    ]


def test_names_that_a_procedure_adds_are_fields(load_text: Load) -> None:
    """A procedure's own names can be used in templates with it, and not without it."""
    text = MINIMAL.replace("Hello", "Hello {round}")
    probing = text + '[procedure]\nuse = "probing"\nrounds = 2\n'
    assert load_text(probing).procedure.plugin == Probing(rounds=2)
    assert faults_of(load_text, text) == [
        "f:13:8 turn[0].user: the slot {round} has no field; there are: left, n, right, topic, words"
    ]


def test_balanced_levels_are_all_tried(load_text: Load) -> None:
    """A slot that only one level of a balanced factor leaves empty is found."""
    text = MINIMAL.replace("Hello", "Hello {shown}") + (
        '[design.balanced]\nside = ["l", "r"]\n'
        '[[design.draw]]\nname = "shown"\npick = "words"\nonly = { side = "l" }\n'
    )
    assert faults_of(load_text, text) == [
        "f:13:8 turn[0].user: under side = 'r' the slot {shown} has no field; "
        "there are: left, n, right, side, topic, words"
    ]


def test_plugins_at_fault_are_not_the_fault_of_the_spec(load_text: Load) -> None:
    """Two plugins of one name stop the loading with their own error."""

    class Twin(Turns):
        name: ClassVar[str] = "turns"

    modules = {"a": offer(procedures=(Turns,)), "b": offer(procedures=(Twin,))}
    with pytest.raises(CatalogueError) as caught:
        load_text(MINIMAL, Catalogue(entry_points=[], modules=modules))
    assert str(caught.value) == (
        "two plugins offer the procedure 'turns': module a and module b; "
        "remove one of them, or rename its class"
    )


def test_a_plugin_that_failed_to_load_is_named(load_text: Load) -> None:
    """A name that may belong to a plugin that did not load says so, and where to look."""
    broken = EntryPoint(name="broken", value="no_such_module", group="gnomon")
    plugins = Catalogue(entry_points=[broken], modules={"m": offer(procedures=(Turns,))})
    assert faults_of(load_text, MINIMAL, plugins) == [
        "f:9:7 stimuli.use: there is no source 'two-items'; there are: none; the plugin 'broken' "
        "of no_such_module failed to load and may offer it: 'gnomon plugins' shows why"
    ]


def test_types_that_only_a_checker_imports(load_text: Load) -> None:
    """A class whose other annotations cannot be evaluated still takes its options."""

    @attrs.frozen(kw_only=True)
    class Guarded(Turns):
        """Asks the turns.

        Attributes:
            rounds: How often.
        """

        name: ClassVar[str] = "turns"
        cache: ClassVar[NotImportedAtRunTime]  # type: ignore[name-defined]  # noqa: F821 - meant
        rounds: int = 1

    modules = {"m": offer(sources=(TwoItems,), procedures=(Guarded,))}
    text = MINIMAL + '[procedure]\nuse = "turns"\nrounds = 2\n'
    spec = load_text(text, Catalogue(entry_points=[], modules=modules))
    assert spec.procedure.plugin == Guarded(rounds=2)


def test_a_source_that_gives_something_else(load_text: Load) -> None:
    """What is no item is named for what it is."""

    @attrs.frozen
    class Texts:
        """Texts, where items belong."""

        name: ClassVar[str] = "two-items"

        def items(self, around: gnomon.Surroundings) -> Iterator[str]:
            yield "text"

    plugins = Catalogue(
        entry_points=[], modules={"m": offer(sources=(Texts,), procedures=(Turns,))}
    )
    assert faults_of(load_text, MINIMAL, plugins) == [
        "f:8:1 stimuli: the source 'two-items' gave a str, not an item"
    ]


def test_surroundings_depend_on_the_seed_only(tmp_path: Path) -> None:
    """The source's draws follow the seed, whatever the file is called and wherever it lies."""
    one = Around.beside(tmp_path / "a.toml", 7)
    other = Around.beside(tmp_path / "b" / "c.toml", 7)
    assert one.seed.below(10**9) == other.seed.below(10**9)
    assert one.folder.root == tmp_path
    assert (one.round, one.scores) == (0, {})


def test_loading_is_quick(load_text: Load) -> None:
    """A normal spec loads well within 100 ms of the processor."""
    load_text(FULL)
    best = min(_seconds(lambda: load_text(FULL)) for _ in range(5))
    assert best < 0.1


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    """Neither the loader nor the model strings need numpy, scipy or a provider's library."""
    (tmp_path / "valid.toml").write_text(FULL, encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from loading_plugins import catalogue\n"
        "from gnomon.loading import load\n"
        "from gnomon.modelname import make_backend\n"
        f"load(Path({str(tmp_path / 'valid.toml')!r}), catalogue())\n"
        "make_backend(catalogue(), 'echo:m')\n"
        "print(sorted({'numpy', 'scipy', 'litellm', 'cattrs', 'tomlkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
