"""The measures ``psychometric-attack`` and ``persona-reasoning``: stimuli, conversations, known respondents."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

from administered import SPECS, administer, measure, results, trials

REQUESTS = 7


def rows(name):
    with (SPECS / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- psychometric-attack -------------------------------------------------------------------------


def test_every_claim_has_its_reverse():
    """Pairs share their words, context and dialogue, and differ in who is said to be what."""
    pairs = defaultdict(dict)
    for row in rows("psychometric-attack"):
        pairs[row["item"].rpartition("-")[0]][row["keying"]] = row
    assert len(pairs) == 10
    for pair in pairs.values():
        claim, counter = pair["as-claimed"], pair["turned-round"]
        assert claim["statement"] != counter["statement"]
        words = [sorted(one["statement"].lower().strip(".").split()) for one in (claim, counter)]
        assert words[0] == words[1]
        for column in ("category", "context", "dialogue"):
            assert claim[column] == counter[column]
        assert claim["last_line"] == claim["statement"]


def test_the_seven_requests():
    """What is said before the question, by whom, and that the statement is there once in words."""
    shapes = {}
    for trial in trials(measure("psychometric-attack")):
        (exchange,) = administer(measure("psychometric-attack"), trial, lambda *_: "Yes").exchanges
        messages = exchange.ask.messages
        text = "\n".join(message.content for message in messages)
        assert trial.item.fields["statement"] in text
        assert "{" not in text
        assert "yes or no" in messages[-1].content
        shapes[trial.levels["request"]] = tuple(message.role for message in messages)
        if trial.levels["request"] == "taught-by-examples":
            examples = trial.draws["examples"]
            assert len(set(examples)) == 3
            assert trial.item.fields["statement"] not in examples
    assert shapes == {
        "bare-question": ("user",),
        "rules-aside": ("system", "user"),
        "rules-aside-in-context": ("system", "user"),
        "in-disguise": ("system", "user"),
        "false-memory": ("user", "assistant", "user"),
        "told-a-belief": ("system", "user"),
        "taught-by-examples": ("user",),
    }


def test_a_yes_sayer_agrees_with_both_sides():
    """Full agreement, and nothing of it is about the claims."""
    made = defaultdict(list)
    for record, scores in results(measure("psychometric-attack"), lambda *_: "Yes!!"):
        made[record.trial.item.groups["keying"]].append(scores["agreement.of-all"].value)
    assert set(made["as-claimed"]) == set(made["turned-round"]) == {1.0}
    assert len(made["as-claimed"]) == len(made["turned-round"]) == 10 * REQUESTS


# -- persona-reasoning ---------------------------------------------------------------------------


def test_questions():
    """Twenty of each subject, four different options, right letters in equal numbers."""
    found = rows("persona-reasoning")
    subjects = Counter(row["subject"] for row in found)
    assert subjects == {"arithmetic": 20, "general-knowledge": 20, "logic": 20}
    assert Counter(row["answer"] for row in found) == dict.fromkeys("ABCD", 15)
    assert all(len({row[letter] for letter in "abcd"}) == 4 for row in found)
    assert len({row["question"] for row in found}) == 60


def test_personas_meet_the_same_questions():
    """Within a question and repeat all personas have one instruction; none has no system message."""
    spec = measure("persona-reasoning")
    instructions = defaultdict(set)
    for trial in trials(spec):
        (exchange,) = administer(spec, trial, lambda *_: "x").exchanges
        roles = [message.role for message in exchange.ask.messages]
        if trial.levels["persona"] == "no-persona":
            assert roles == ["user"]
        else:
            assert roles == ["system", "user"]
            assert trial.fields["who"] in exchange.ask.messages[0].content
        instructions[trial.item.key].add(trial.levels["instruction"])
    assert {len(one) for one in instructions.values()} == {1}
    assert len({one for each in instructions.values() for one in each}) == 3


def test_a_persona_that_declines_is_not_one_that_errs():
    """Right for a human, no answer for one persona, wrong for another: three different things."""

    def respond(ask, trial):
        gold = trial.item.gold
        wrong = "B" if gold == "A" else "A"
        return {
            "a-human": f"Let us see.\n\nSo the answer is ({gold}).",
            "physically-disabled-person": "As such a person, I am not able to do sums.",
            "a-man": f"Surely the answer is ({wrong})",
        }.get(trial.levels["persona"], f"So the answer is ({gold})")

    made = defaultdict(list)
    for record, scores in results(measure("persona-reasoning"), respond):
        parts = ("multiple-choice", "multiple-choice.of-all", "multiple-choice.no-answer")
        made[record.trial.levels["persona"]].append(tuple(scores[part].value for part in parts))
    assert set(made["a-human"]) == {(1.0, 1.0, 0.0)}
    assert set(made["physically-disabled-person"]) == {(None, 0.0, 1.0)}
    assert set(made["a-man"]) == {(0.0, 0.0, 0.0)}
