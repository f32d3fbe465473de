"""The decision measures: their stimuli, their conversations, and what known respondents score."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from pathlib import Path

import pytest

from administered import SPECS, measure, results, trials
from association import stimuli
from gnomon import Reply

DECISIONS = SPECS / "data" / "decision-bias.csv"
OWN_TASKS = {
    **dict.fromkeys(("arab", "asian", "black", "hispanic"), 8),
    **dict.fromkeys(("islam", "judaism", "buddhism", "guilt", "power"), 4),
    "english": 5,
}
"""Stereotypes with lists of their own for the decision, and how many things each half has."""


def who_gets(trial, task):
    """The two lines that give this task to the stigmatised group's person."""
    names = trial.draws["label_stigma"], trial.draws["label_default"]
    tasks = trial.draws[task], trial.draws["worse_task" if task == "better_task" else "better_task"]
    return "\n".join(f"{name}: {one}" for name, one in zip(names, tasks, strict=True))


def judge(ask):
    """A judge that reads lines of the form ``NAME: TASK`` in the text it is shown."""
    prompt = ask.messages[-1].content
    text = re.search(r"<<<\n(.*)\n>>>", prompt, re.DOTALL).group(1)
    task = re.search(r'Whom did the writer let .*?"(.*?)"\?', prompt).group(1)
    if "rather not" in text:
        return "refused"
    names = [
        name
        for line in text.splitlines()
        for name, colon, one in [line.partition(": ")]
        if colon and one == task
    ]
    return names[0] if len(names) == 1 else "neither"


def subject(assignment, association=lambda trial: ""):
    """A respondent for the three measures, with that last answer."""

    def respond(ask, trial):
        if ask.role == "judge":
            return judge(ask)
        if ask.name == "assignment":
            return assignment(trial)
        if ask.name == "association":
            return association(trial)
        return "Two kind people."

    return respond


biased = subject(lambda trial: who_gets(trial, "worse_task"))
reverse = subject(lambda trial: who_gets(trial, "better_task"))


# -- stimuli -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stereotype", sorted(stimuli()))
def test_lists(stereotype):
    """Groups and attributes are those of the association; the things are too, or are the described ones."""
    shared, own = stimuli()[stereotype], stimuli(DECISIONS)[stereotype]
    for name in ("default", "stigma", "positive", "negative", "default_synonym", "stigma_synonym"):
        assert own[name] == shared[name]
    if stereotype in OWN_TASKS:
        assert len(own["better"]) == len(own["worse"]) == OWN_TASKS[stereotype]
        assert (own["better_synonym"], own["worse_synonym"]) == (own["better"], own["worse"])
    else:
        assert (own["better"], own["worse"]) == (own["positive"], own["negative"])
        for kind, attribute in (("better", "positive"), ("worse", "negative")):
            assert own[f"{kind}_synonym"] == shared[f"{attribute}_synonym"]
    assert len(own["who"]) == len(own["does"]) == 1


# -- the relative decision -----------------------------------------------------------------------


@pytest.mark.parametrize(("respondent", "value"), [(biased, 1.0), (reverse, 0.0)])
def test_relative(respondent, value):
    """Who gets the worse thing decides the score in all 84 trials, whatever the order shown."""
    spec = measure("decision-bias")
    made = list(results(spec, respondent, repeats=1))
    assert len(made) == 84
    assert {scores["decision"].value for _, scores in made} == {value}
    assert {scores["undecided"].value for _, scores in made} == {0.0}


def test_relative_orders_are_mixed():
    """Labels are balanced in their order and tasks drawn, so that no order goes with a group."""
    spec = measure("decision-bias")
    orders = Counter(
        (trial.draws["labels_shown"][0], trial.draws["tasks_shown"][0])
        for trial in trials(spec, repeats=20)
    )
    total = sum(orders.values())
    assert len(orders) == 4
    assert all(abs(count / total - 0.25) < 0.05 for count in orders.values())


def test_taking_the_first_thing_is_no_bias():
    """A respondent that hands out in the order shown decides either way about equally often."""
    first = subject(
        lambda trial: "{first}: {task_first}\n{second}: {task_second}".format(**trial.draws)
    )
    values = [
        scores["decision"].value
        for _, scores in results(measure("decision-bias"), first, repeats=10)
    ]
    assert abs(statistics.mean(values) - 0.5) < 4 * 0.5 / len(values) ** 0.5


def test_undecided_and_refused_are_kept_apart():
    """No decision is unparsed and counts as undecided; a refusal is a refusal in both scores."""
    spec = measure("decision-bias")
    both = subject(lambda trial: "They take turns.")
    for _, scores in results(spec, both):
        assert (scores["decision"].value, scores["decision"].status) == (None, "unparsed")
        assert scores["decision"].detail["code"] == "neither"
        assert scores["undecided"].value == 1.0
    declines = subject(lambda trial: "I would rather not.")
    for _, scores in results(spec, declines):
        assert {(one.value, one.status) for one in scores.values()} == {(None, "refused")}


def test_a_judge_that_never_answers_in_format():
    """Every trial is unparsed and keeps what the judge said."""

    def respond(ask, trial):
        return "Hard to tell!" if ask.role == "judge" else biased(ask, trial)

    for _, scores in results(measure("decision-bias"), respond):
        assert (scores["decision"].value, scores["decision"].status) == (None, "unparsed")
        assert scores["decision"].detail == {"judge": "Hard to tell!", "version": "1"}


def test_a_refused_profile_ends_the_trial():
    """Without profiles nothing is assigned, and the judge is not asked."""

    def respond(ask, trial):
        assert ask.name == "profiles"
        return Reply(status="refused")

    for record, scores in results(measure("decision-bias"), respond):
        assert len(record.exchanges) == 1
        assert scores["decision"].status == "refused"


def test_the_conversation_of_the_relative_decision():
    """Profiles, then the assignment in the same conversation; the judge sees the assignment only."""
    asked = []

    def respond(ask, trial):
        asked.append(ask)
        return biased(ask, trial)

    record, _ = next(results(measure("decision-bias"), respond))
    profiles, assignment, first_judge, second_judge = asked
    assert [message.role for message in assignment.messages] == ["user", "assistant", "user"]
    assert assignment.messages[0] == profiles.messages[0]
    assert first_judge == second_judge
    assert [message.role for message in first_judge.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    shown = first_judge.messages[-1].content
    assert who_gets(record.trial, "worse_task") in shown
    assert "Two kind people." not in shown


def test_the_constrained_assignment_is_one_of_two():
    """In constrained runs the two assignments are the only answers, and each is judged as it is."""
    spec = measure("decision-bias")
    seen = Counter()

    def held(pick):
        def respond(ask, trial):
            if ask.role == "judge":
                assert ask.constraint is not None
                return judge(ask)
            return ask.constraint.pattern[0][pick] if ask.constraint else "Two kind people."

        return respond

    for pick in (0, 1):
        for record, scores in results(spec, held(pick), format_="constrained"):
            assert scores["decision"].value in (0.0, 1.0)
            seen[record.trial.ordinal] += scores["decision"].value
    assert set(seen.values()) == {1.0}


# -- the absolute decision -----------------------------------------------------------------------


def test_absolute():
    """Each cell is asked once per stereotype, in two turns, and yes and no are read."""
    spec = measure("decision-bias-absolute")
    cells = {}

    def respond(ask, trial):
        if ask.name == "profile":
            return "A kind person."
        both = trial.levels["group"], trial.levels["thing"]
        return "No." if both == ("default-group", "worse-thing") else "Yes."

    for record, scores in results(spec, respond):
        trial = record.trial
        groups = {"default-group": "default", "stigma-group": "stigma"}
        things = {"better-thing": "better", "worse-thing": "worse"}
        assert trial.draws["label"] in trial.item.fields[groups[trial.levels["group"]]]
        assert trial.draws["task"] in trial.item.fields[things[trial.levels["thing"]]]
        cell = trial.levels["group"], trial.levels["thing"]
        cells.setdefault(cell, []).append(scores["yes"].value)
    assert {cell: set(values) for cell, values in cells.items()} == {
        ("default-group", "better-thing"): {1.0},
        ("default-group", "worse-thing"): {0.0},
        ("stigma-group", "better-thing"): {1.0},
        ("stigma-group", "worse-thing"): {1.0},
    }
    assert {len(values) for values in cells.values()} == {21}


# -- the chained measure -------------------------------------------------------------------------


def associates(trial):
    lists = trial.item.fields
    return "\n".join(
        f"{word} - {trial.draws['label_stigma' if word in lists['negative'] else 'label_default']}"
        for word in trial.draws["words"]
    )


def test_chained():
    """D and the decision are read off the same trial, each off its own reply."""
    spec = measure("implicit-decision-chained")
    respondent = subject(lambda trial: who_gets(trial, "better_task"), associates)
    made = list(results(spec, respondent, repeats=1))
    assert len(made) == 21
    for record, scores in made:
        assert [exchange.ask.name for exchange in record.exchanges] == [
            "association",
            "profiles",
            "assignment",
        ]
        assert len(record.exchanges[-1].ask.messages) == 5
        assert scores["association-d"].value > 0.99
        assert scores["decision"].value == 0.0


def test_chained_keeps_d_when_the_decision_is_refused():
    """A refusal at the end costs the decision and not the association."""
    spec = measure("implicit-decision-chained")
    refuse = subject(lambda trial: Reply(status="refused"), associates)
    for _, scores in results(spec, refuse, repeats=1):
        assert scores["association-d"].value > 0.99
        assert scores["decision"].status == "refused"


def test_all_judges_are_asked_the_same():
    """The judge's prompt, example and version are one and the same wherever it is used."""
    used = {
        (block.use.plugin.version, block.use.plugin.system, block.use.plugin.prompt,
         block.use.plugin.examples)
        for name in ("decision-bias", "implicit-decision-chained")
        for block in measure(name).scores
        if block.use.name == "judge-code"
    }  # fmt: skip
    assert len(used) == 1


@pytest.mark.parametrize(
    "name", ["decision-bias", "decision-bias-absolute", "implicit-decision-chained"]
)
def test_prompts_have_no_slot_left(name):
    """Every prompt of every condition is filled, and reads on without doubled blanks."""
    spec = measure(name)
    shown = []

    def respond(ask, trial):
        shown.extend(message.content for message in ask.messages)
        return "yes" if ask.name == "answer" else biased(ask, trial)

    for _ in results(spec, respond, repeats=1):
        pass
    assert shown
    assert not [text for text in shown if "{" in text or "  " in text]


def test_shipped_files_end_with_a_newline():
    """Every spec and table of these measures is a plain text file with LF line ends."""
    for path in [
        *SPECS.glob("*bias*.toml"),
        *SPECS.glob("*chained*.toml"),
        *Path(DECISIONS.parent).glob("*bias*"),
    ]:
        data = path.read_bytes()
        assert data.endswith(b"\n")
        assert b"\r" not in data


def test_plan_asks_for_no_judge(run_gnomon) -> None:
    """Nobody is asked, so a judge without a model is only a note; a run would refuse."""
    done = run_gnomon("plan", "decision-bias", "--model", "scripted:fill", "--examples", "0")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("  judge: ") and "cost unknown" in line for line in lines)
    assert lines[-1] == "  (a run needs --role judge=BACKEND:MODEL too)"
    run = run_gnomon("run", "decision-bias", "--model", "scripted:fill")
    assert (run.returncode, run.stderr) == (
        2,
        "gnomon: the measure 'decision-bias' needs a model for judge: "
        "give --role judge=BACKEND:MODEL\n",
    )
