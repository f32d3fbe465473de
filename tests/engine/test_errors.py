"""Errors are sentences with a place, a nearest match and an exit code."""

from __future__ import annotations

import pickle

import pytest

import gnomon
from gnomon import errors
from gnomon.errors import CallFailed, Fault, GnomonError, SpecError, did_you_mean, listing


def tree() -> list[type[GnomonError]]:
    return [value for value in vars(errors).values() if isinstance(value, type)
            and issubclass(value, GnomonError)]  # fmt: skip


def test_every_error_is_in_the_drawing_and_public() -> None:
    """The tree in the module's docstring is the tree, and each branch is a public name."""
    for cls in tree():
        assert cls.__name__ in (errors.__doc__ or "")
        assert cls.__name__ in gnomon.__all__


@pytest.mark.parametrize("cls", tree(), ids=lambda cls: cls.__name__)
def test_exit_codes_are_documented_ones(cls: type[GnomonError]) -> None:
    """2 for what the user can mend, 3 for a run that is not finished."""
    assert cls.exit_code == (3 if cls.__name__ in {"Incomplete", "WriteError"} else 2)


def test_a_failed_call_survives_a_process_border() -> None:
    """Every fact a backend states is there after pickling."""
    failed = CallFailed("429 from the provider", retry=True, after=2.5, fatal=False, limited=True)
    copy = pickle.loads(pickle.dumps(failed))
    assert (str(copy), copy.message, copy.retry, copy.after, copy.fatal, copy.limited) == (
        "429 from the provider", "429 from the provider", True, 2.5, False, True
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (Fault(3, 7, "turn[1].user", "is empty"), "m.toml:3:7 turn[1].user: is empty"),
        (Fault(3, 7, "", "is no TOML"), "m.toml:3:7: is no TOML"),
        (Fault(0, 0, "seed", "is missing"), "m.toml seed: is missing"),
        (Fault(0, 0, "", "is empty"), "m.toml: is empty"),
    ],
)
def test_a_fault_shows_its_place(fault: Fault, shown: str) -> None:
    """file:line:col key.path: sentence, less what there is not."""
    assert fault.show("m.toml") == shown


def test_faults_come_in_the_order_of_the_text_and_once() -> None:
    """A fault found twice is told once."""
    error = SpecError(
        "m.toml", [Fault(9, 1, "b", "two"), Fault(2, 1, "a", "one"), Fault(9, 1, "b", "two")]
    )
    assert str(error) == "m.toml:2:1 a: one\nm.toml:9:1 b: two"
    assert [fault.message for fault in error.faults] == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("sorce", ["source", "scorer"], " (did you mean 'source'?)"),
        ("zebra", ["source"], ""),
        ("x", [], ""),
    ],
)
def test_the_nearest_name_or_nothing(name: str, known: list[str], hint: str) -> None:
    """A hint only where something is near."""
    assert did_you_mean(name, known) == hint


def test_lists_are_sorted_and_never_empty() -> None:
    """``none`` stands for an empty list."""
    assert listing(["b", "a"]) == "a, b"
    assert listing([]) == "none"
