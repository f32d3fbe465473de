"""A trial as a conversation: each thing once, in order, whatever kind of ask it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hostile_run import said
from tiny import SPEC, Subject, run_tiny, trial_of

from gnomon import (
    Ask,
    Chat,
    Choose,
    Constraint,
    Embed,
    Exchange,
    Loglik,
    Message,
    Reply,
    TokenLogprob,
)
from gnomon.cli import cli
from gnomon.telling import Said, conversation


def chat(*texts: str, **more: object) -> Chat:
    """Messages of user and assistant in turn."""
    roles = ("user", "assistant")
    return Chat(messages=tuple(Message(roles[n % 2], text) for n, text in enumerate(texts)), **more)


def test_what_was_said_before_is_not_said_again() -> None:
    """A second turn brings the first with it; only what is new is shown."""
    talk = list(
        conversation(
            [
                Exchange(chat("one?"), Reply(text="1", finish="stop", tokens_out=3, seconds=0.5)),
                Exchange(chat("one?", "1", "two?"), Reply(text="2", status="truncated")),
                Exchange(chat("three?", name="third"), Reply(status="error", error="gone")),
            ],
            (True, False, False),
        )
    )
    assert talk == [
        Said("user", "one?"),
        Said("subject answers", "1", "reply · ok · stop · 3 tokens · 0.5 s · from the store"),
        Said("user", "two?"),
        Said("subject answers", "2", "reply · truncated"),
        Said("a new conversation", "", weak=True),
        Said("user", "three?"),
        Said("subject answers", "gone", "third · error"),
    ]


def test_every_kind_of_ask_is_put_in_words() -> None:
    """What was asked for beside messages, and what came back beside text."""
    choose = Choose(messages=(Message("user", "Which?"),), options=("A", "B"))
    held = chat("Yes?", constraint=Constraint(regex="Yes|No"))
    tokens = (TokenLogprob("a", -1.0), TokenLogprob("b", -0.5))
    talk = list(
        conversation(
            [
                Exchange(choose, Reply(probabilities={"A": 0.25, "B": 0.75}, exact=False)),
                Exchange(Loglik(text="rain", context="the "), Reply(tokens=tokens)),
                Exchange(Embed(texts=("a", "b")), Reply(vectors=((1.0, 0.0), ()), missing=("b",))),
                Exchange(held, Reply()),
            ]
        )
    )
    assert [(one.who, one.text) for one in talk] == [
        ("user", "Which?"),
        ("asked for", "one of: A, B"),
        ("subject answers", "0.250  A (from samples)\n0.750  B (from samples)"),
        ("a new conversation", ""),
        ("asked for", "the probability of: rain, after: the "),
        ("subject answers", "log-probability -1.500 over 2 tokens"),
        ("asked for", "vectors of: a, b"),
        ("subject answers", "2 vectors of 0, 2 numbers\nno vector for: b"),
        ("user", "Yes?"),
        ("asked for", "a reply held to a regex"),
        ("subject answers", "(empty)"),
    ]


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with two scores that ask the judge the same."""
    monkeypatch.setattr(
        Subject, "answer", lambda ask: "7" if ask.role == "judge" else "rain\tis \x1b[1mwet"
    )
    text = SPEC.replace(
        'use = "length"', 'use = "judged"\n[[score]]\nuse = "judged"\nas = "again"', 1
    )
    text = text.replace('of = "length"', 'of = "judged"') + '\n[roles]\njudge = "marks"\n'
    run_tiny(tmp_path, text, count=2, roles={"judge": "subject:judge"})
    return tmp_path / "results.db"


def test_a_judge_is_shown_once_with_the_scores_beside(judged: Path) -> None:
    """What two scorers asked alike is one question; on a wide terminal scores stand beside."""
    narrow = said("show", "1:0", "--db", str(judged))
    assert narrow.count("Mark this from 0 to 9") == 1
    assert "rain    is ␛[1mwet" in narrow
    assert narrow.endswith("\nscores\njudged  7.000\nagain  7.000\n")
    wide = said("show", "1:0", "--db", str(judged), width=120).splitlines()
    assert [line.rpartition("│ ")[2] for line in wide if "│ " in line][:3] == [
        "scores",
        "judged  7.000",
        "again  7.000",
    ]
    assert {line.index("│") for line in wide if "│" in line} == {84}


def test_json_has_all_of_it(judged: Path) -> None:
    """For programs: asks, replies, what scorers asked, scores with their details."""
    made = json.loads(CliRunner().invoke(cli, ["show", "1", "--json", "--db", str(judged)]).output)
    assert (made["trial"], made["run"], made["item"], made["finished"]) == (1, 1, "w0", True)
    assert made["exchanges"][0]["reply"] == "rain\tis \x1b[1mwet"
    assert [one["role"] for one in made["asked_by_scorers"]] == ["judge", "judge"]
    assert [(one["name"], one["value"]) for one in made["scores"]] == [
        ("judged", 7.0),
        ("again", 7.0),
    ]


def test_what_a_judge_wrote_is_grouped_not_what_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge who answers at length is what could not be read; the nearest that could stands beside."""

    def answer(ask: Ask) -> str:
        if ask.role != "judge":
            return f"fine {trial_of(ask).item.key}"
        return "7" if "w0" in trial_of(ask).item.key else "I would say 8 of 9."

    monkeypatch.setattr(Subject, "answer", answer)
    text = SPEC.replace('use = "length"', 'use = "judged"', 1).replace(
        'of = "length"', 'of = "judged"'
    )
    text += '\n[roles]\njudge = "marks"\n'
    run_tiny(tmp_path, text, count=3, roles={"judge": "subject:judge"})
    made = said("failures", "--db", str(tmp_path / "results.db"))
    assert made == (
        "tiny · subject:one · run 1\n"
        "judged: 4 of 6 scores unparsed\n"
        "n  trial  reply               would be read\n"
        "4      3  i would say # of #  as this was: 7\n"
    ), made
