"""``gnomon cache explain``: why a reply was used again, or what kept it from being used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny

import gnomon
from gnomon import CallFailed, Reply
from gnomon.errors import StoreError
from gnomon.store import Explained, Store


@pytest.fixture(autouse=True)
def subject() -> Iterator[type[tiny.Subject]]:
    """The subject, as it is at first after each test."""
    tiny.Subject.answer = lambda ask: "an answer"
    yield tiny.Subject
    tiny.Subject.answer = lambda ask: "an answer"


def explained(folder: Path, run: int, item: str = "w1") -> Explained:
    """The explanation of the first ask about an item in a run."""
    with Store.open(folder / "results.db") as store:
        _, rows = store.query(
            "select min(trial) from trials where run = ? and item = ?", (run, item)
        )
        ((trial,),) = rows
        return store.explainer().trial(trial)[0]


def parts(found: Explained) -> dict[str, tuple[str, str]]:
    return {differs.part: (differs.here, differs.there) for differs in found.differs}


def decoded(temperature: float) -> str:
    return f"{tiny.SPEC}\n[decoding]\ntemperature = {temperature}\n"


def test_a_reply_that_was_used_names_the_ask_that_brought_it(tmp_path: Path) -> None:
    """A fresh run of the same asks takes everything from the first."""
    tiny.run_tiny(tmp_path)
    tiny.run_tiny(tmp_path, fresh=True)
    found = explained(tmp_path, 2)
    first = explained(tmp_path, 1)
    assert (found.why, found.near, found.near_run, found.near_trial) == (
        "used",
        first.ask,
        1,
        first.trial,
    )


def test_the_first_ask_of_all_has_nothing_like_it(tmp_path: Path) -> None:
    """There is no nearest ask where there is no other."""
    tiny.run_tiny(tmp_path, limit=1, only={"tone": ("plain",)})
    found = explained(tmp_path, 1, "w0")
    assert (found.why, found.near, found.differs) == ("new", None, ())


@pytest.mark.parametrize(
    ("text", "options", "differs"),
    [
        (decoded(0.25), {}, {"decoding.temperature": ("0.25", "0.5")}),
        (
            decoded(0.5).replace("about {{word}}.", "about {{word}}!"),
            {},
            {
                "message 1 (user)": (
                    "Say something plain about word1!",
                    "Say something plain about word1.",
                )
            },
        ),
        (decoded(0.5), {"roles": {"subject": "subject:two"}}, {"model": ("two", "one")}),
        (decoded(0.5), {"roles": {"subject": "other:one"}}, {"backend": ("other", "subject")}),
        (
            decoded(0.5),
            {"roles": {"subject": "subject:one?extra=3"}},
            {"option extra": ("3", "(nothing)")},
        ),
    ],
    ids=["decoding", "words", "model", "backend", "option"],
)
def test_what_differs_from_the_nearest_ask_is_named_and_nothing_else(
    tmp_path: Path, text: str, options: dict[str, Any], differs: dict[str, tuple[str, str]]
) -> None:
    """Every item of the second run finds its own counterpart in the first."""
    import attrs

    @attrs.define(kw_only=True)
    class Other(tiny.Subject):
        """As the subject, under another name."""

        name = "other"

    @attrs.define(kw_only=True)
    class Extra(tiny.Subject):
        """As the subject, with an option."""

        extra: int = 0

    tiny.run_tiny(tmp_path, decoded(0.5), extra=(Other,))
    original = tiny.Subject
    try:
        tiny.Subject = Extra  # type: ignore[misc]  # the module's hook takes it from there
        Extra.answer, Extra.calls = original.answer, original.calls
        tiny.run_tiny(tmp_path, text, extra=(Other,), **options)
    finally:
        tiny.Subject = original  # type: ignore[misc]  # as above
    for item in ("w0", "w1", "w2"):
        found = explained(tmp_path, 2, item)
        assert (found.why, found.near_run, found.note) == ("new", 1, "")
        shown = parts(found)
        wanted = {
            part: tuple(text.replace("word1", f"word{item[1]}") for text in pair)
            for part, pair in differs.items()
        }
        assert shown == wanted


def test_another_repeat_is_another_draw(tmp_path: Path) -> None:
    """The nearest ask of a second repeat is that of the first."""
    tiny.run_tiny(tmp_path, design_repeats=2)
    with Store.open(tmp_path / "results.db") as store:
        found = store.explainer().trial(6)[0], store.explainer().trial(7)[0]
    assert parts(found[1]) == {"repeat": ("1", "0")}
    assert (found[1].near_run, found[1].near_trial) == (1, 1)


def test_what_was_no_full_reply_is_asked_again(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """Refusals and failures are attempts; the explanation counts those there before, not its own tries."""
    subject.answer = lambda ask: Reply(status="refused", text="I will not")
    tiny.run_tiny(tmp_path)
    tries = iter([CallFailed("slow", retry=True, after=0.0)])

    def later(ask: gnomon.Ask) -> str:
        failure = next(tries, None)
        if failure is not None:
            raise failure
        return "well then"

    subject.answer = later
    tiny.run_tiny(tmp_path, fresh=True, concurrency=1)
    for item in ("w0", "w1"):
        found = explained(tmp_path, 2, item)
        assert (found.why, found.attempts, found.status) == ("failed-before", ("refused",), "ok")


def test_tries_that_are_not_stored_are_not_counted(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """Where fewer attempts are there than a reply says it took, all are its own and none was before."""
    import sqlite3

    subject.answer = lambda ask: Reply(status="refused", text="I will not")
    for _ in range(3):
        tiny.run_tiny(tmp_path, fresh=True, limit=1, only={"tone": ("plain",)})
    subject.answer = lambda ask: "well then"
    tiny.run_tiny(tmp_path, fresh=True, limit=1, only={"tone": ("plain",)})
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("update reply set attempt = 6 where status = 'ok'")
    connection.close()
    found = explained(tmp_path, 4, "w0")
    assert (found.why, found.attempts) == ("new", ())


def test_a_run_that_was_not_to_use_the_store(tmp_path: Path) -> None:
    """A full reply was there and was passed by."""
    tiny.run_tiny(tmp_path)
    tiny.run_tiny(tmp_path, fresh=True, cache=False)
    found = explained(tmp_path, 2)
    assert (found.why, found.attempts) == ("not-used", ("ok",))


def test_a_judges_asks_are_explained_too(tmp_path: Path) -> None:
    """Each ask of a trial, in order, in the role it was asked in."""
    text = (
        tiny.SPEC.replace('use = "length"', 'use = "judged"')
        .replace('of = "length"', 'of = "judged"')
        .replace("[stimuli]", '[roles]\njudge = "marks the answers"\n\n[stimuli]')
    )
    tiny.run_tiny(tmp_path, text, roles={"judge": "subject:judge"})
    tiny.run_tiny(tmp_path, text, roles={"judge": "subject:strict"})
    with Store.open(tmp_path / "results.db") as store:
        _, rows = store.query("select max(trial) from trials where item = 'w2'")
        ((trial,),) = rows
        found = store.explainer().trial(trial)
    assert [(one.role, one.name, one.why) for one in found] == [
        ("subject", "reply", "used"),
        ("judge", "mark", "used"),
    ]
    first = explained(tmp_path, 2, "w0")
    assert first.why == "used"
    with Store.open(tmp_path / "results.db") as store:
        called = list(store.explainer().called(2))
    # All answers are alike, so that the strict judge was called once.
    assert [(one.role, parts(one)) for one in called] == [("judge", {"model": ("strict", "judge")})]


def test_an_ask_changed_in_the_database_is_said_to_be(tmp_path: Path) -> None:
    """A key that this gnomon does not make of what is stored can never be matched."""
    import sqlite3

    tiny.run_tiny(tmp_path)
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("update ask set sample = 7 where trial_id = 1")
    connection.close()
    assert explained(tmp_path, 1, "w0").note == (
        "its key is not the one that this gnomon makes of it: it was stored by another version of "
        "the key, or with an option that is not stored"
    )


def test_the_command_explains_a_run(tmp_path: Path, run_gnomon) -> None:
    """Counts, where used replies came from, and one line for each kind of reason."""
    tiny.run_tiny(tmp_path, limit=2)
    tiny.run_tiny(tmp_path, repeats=2)
    done = run_gnomon("cache", "explain", "2", "--db", "results.db", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "run 2: 12 asks, 8 called, 4 from the store\n"
        "  4 with replies that run 1 brought\n"
        "  6: called; the nearest ask, 5 (run 2, trial 5), differs in\n"
        "    repeat: 1, there 0\n"
        "  2: called, because nothing like it was there\n"
    )
    report = json.loads(
        run_gnomon("cache", "explain", "2", "--json", "--db", "results.db", cwd=tmp_path).stdout
    )
    assert (report["run"], report["called"], report["used"]) == (2, 8, {"1": 4})
    assert {one["why"] for one in report["explained"]} == {"new"}
    repeats = [one for one in report["explained"] if one["item"] == "w0"]
    assert [[part["part"] for part in one["differs"]] for one in repeats] == [["repeat"]] * 2


def test_the_command_explains_a_trial(tmp_path: Path, run_gnomon) -> None:
    """A line for each ask; what a prompt holds cannot command a terminal."""
    tiny.run_tiny(tmp_path)
    tiny.run_tiny(tmp_path, tiny.SPEC.replace("Say", "\\u001b[31mSay"))
    done = run_gnomon("cache", "explain", "trial:7", "--db", "results.db", cwd=tmp_path)
    assert done.stdout == (
        "ask 7, 'reply' of the subject: ok; called; the nearest ask, 1 (run 1, trial 1), differs in\n"
        "  message 1 (user): \\x1b[31mSay something plain about word0., there Say something plain about "
        "word0.\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["nine"],
            "cache explain takes the number of a run, or trial:NUMBER; it got 'nine'",
        ),
        (
            ["item:3"],
            "cache explain takes the number of a run, or trial:NUMBER; it got 'item:3'",
        ),
        (["9"], "there is no run 9; there are: 1"),
        (
            ["trial:99"],
            "there is no trial 99; the view 'trials' lists them",
        ),
        (
            ["trial:99999999999999999999"],
            "there is no trial 99999999999999999999; the view 'trials' lists them",
        ),
    ],
    ids=str,
)
def test_what_is_not_there_is_said(
    tmp_path: Path, run_gnomon, words: list[str], sentence: str
) -> None:
    """A sentence each."""
    tiny.run_tiny(tmp_path)
    done = run_gnomon("cache", "explain", *words, "--db", "results.db", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"gnomon: {sentence}\n")


def test_the_explainer_says_what_is_not_there(tmp_path: Path) -> None:
    """The same in Python."""
    tiny.run_tiny(tmp_path)
    with Store.open(tmp_path / "results.db") as store, pytest.raises(StoreError):
        store.explainer().trial(99)
