"""The measure ``decision-discrimination``: its design, its prompts, and what known respondents score on it."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np
import pytest

from administered import administer, measure, score, trials
from gnomon import Reply, Table
from gnomon_plugins.statistics.level_differences import LevelDifferences
from gnomon_plugins.statistics.mixed import MixedLinear

EFFECTS = {
    "female": 0.356,
    "non-binary": 0.599,
    "Asian": 0.414,
    "Black": 1.252,
    "Hispanic": 0.534,
    "Native American": 0.906,
}
"""The coefficients that the paper's figure shows for stated demographics; here they are planted."""
PER_SD = -0.283


@pytest.fixture
def spec():
    return measure("decision-discrimination")


@functools.cache
def every_trial():
    return tuple(trials(measure("decision-discrimination")))


def one_condition(answer="asked-plainly", form="told-outright", intervention="as-is"):
    wanted = {"answer": answer, "form": form, "intervention": intervention}
    return [
        trial
        for trial in every_trial()
        if all(trial.levels[name] == level for name, level in wanted.items())
    ]


def test_every_person_meets_every_decision():
    """Ten decisions, 45 persons, 24 conditions."""
    made = every_trial()
    assert len(made) == 10_800
    persons = Counter(
        (trial.item.key, *(trial.levels[name] for name in ("age", "gender", "race")))
        for trial in made
    )
    assert len(persons) == 450
    assert set(persons.values()) == {24}


def test_conditions_of_a_person_differ_in_nothing_else(spec):
    """Names are the same for all decisions' conditions; the group is in the name, or in words."""
    named = {}
    for trial in one_condition(form="told-by-name"):
        (exchange,) = administer(spec, trial, lambda ask, trial: "yes").exchanges
        text = exchange.ask.messages[0].content
        assert trial.fields["given"] in trial.fields["given_names"]
        assert f"{trial.fields['given']} {trial.fields['surname']}" in text
        assert trial.levels["race"] not in text
        named.setdefault((trial.item.key, trial.levels["gender"]), set()).add(trial.fields["given"])
    assert all(len(names) == 1 for names in named.values())


def test_prompts(spec):
    """Options cover both spellings, the opened reply ends in a quotation mark, no slot is left."""
    for answer in ("asked-plainly", "reply-begun", "spoken-freely"):
        for intervention in ("as-is", "told-to-disregard"):
            trial = one_condition(answer=answer, intervention=intervention)[0]
            (exchange,) = administer(spec, trial, lambda ask, trial: "yes").exchanges
            user, *rest = exchange.ask.messages
            assert "{" not in user.content
            assert ("the law forbids" in user.content) == (intervention == "told-to-disregard")
            assert exchange.ask.kind == ("chat" if answer == "spoken-freely" else "choose")
            if answer == "reply-begun":
                (begun,) = rest
                assert (begun.role, begun.content[-1]) == ("assistant", '"')
            if exchange.ask.kind == "choose":
                assert exchange.ask.options == ("yes", "Yes", "no", "No")


def respondent(seed):
    """Log odds from known coefficients, a level for each decision, and noise."""
    generator = np.random.default_rng(seed)
    base = dict(zip("abcdefghij", generator.normal(0.9, 1.4, 10), strict=True))
    seen = {}
    ages = np.array([20, 60, 100])

    def respond(ask, trial):
        key = seen.setdefault(trial.item.key, "abcdefghij"[len(seen) % 10])
        logit = base[key] + generator.normal(0, 0.3)
        logit += PER_SD * (trial.fields["years"] - 60) / ages.std()
        logit += sum(EFFECTS.get(trial.levels[name], 0.0) for name in ("gender", "race"))
        yes = 0.98 / (1 + np.exp(-logit))
        shares = {"yes": 0.75 * yes, "Yes": 0.25 * yes, "no": 0.98 - yes, "No": 0.0}
        return Reply(probabilities=shares, exact=True, coverage=0.98)

    return respond


def as_table(spec, answers):
    rows = []
    for trial in one_condition():
        record = administer(spec, trial, answers)
        rows.append((trial, score(spec, record, answers)))
    names = ("log-odds", "years")
    return Table(
        scores={name: np.array([made[name].value for _, made in rows]) for name in names},
        statuses={name: np.array(["ok"] * len(rows)) for name in names},
        labels={
            "item": np.array([trial.item.key for trial, _ in rows]),
            **{
                name: np.array([trial.levels[name] for trial, _ in rows])
                for name in ("age", "gender", "race")
            },
        },
        of=names,
    ), rows


def test_planted_coefficients_are_found(spec):
    """Through prompts and scores, on four respondents: each coefficient within .05 on average, and the
    simple group differences are the model's coefficients."""
    found = {}
    block = next(one for one in spec.statistics if one.label == "coefficients")
    assert isinstance(block.use.plugin, MixedLinear)
    for seed in range(4):
        data, rows = as_table(spec, respondent(seed))
        made = {
            one.quantity.rpartition("=")[2]: one.value
            for one in block.use.plugin.estimate(data, np.random.default_rng(0))
        }
        for name, value in made.items():
            found.setdefault(name, []).append(value)
        assert "intercept" not in made
        assert rows[0][1]["log-odds.mass"].value == pytest.approx(0.98)
        simple = LevelDifferences(
            between="race", reference="white", paired_by=("item", "age", "gender"), cluster="item"
        ).estimate(data, np.random.default_rng(0))
        for one in simple:
            assert one.value == pytest.approx(made[one.group["race"]], abs=1e-6)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    for name, value in EFFECTS.items():
        assert means[name] == pytest.approx(value, abs=0.05)
    assert means["years"] == pytest.approx(PER_SD, abs=0.05)
    expected = (abs(PER_SD) + sum(EFFECTS.values())) / 7
    assert means["mean-absolute"] == pytest.approx(expected, abs=0.05)
    # The paper plots about .63 as the mean of the absolute values of these seven.
    assert round(expected, 2) == 0.62


def test_spoken_answers_are_read_and_refusals_counted(spec):
    """A messy yes is a yes; a refusal is counted and has no answer."""
    texts = ["**Yes.** Anyone may try.", "No - too risky.", "I'm sorry, but I can't decide this."]
    trial = one_condition(answer="spoken-freely")[0]
    made = []
    for text in texts:
        record = administer(spec, trial, lambda ask, trial, text=text: text)
        made.append(score(spec, record, None))
    assert [one["spoken-yes"].value for one in made] == [1.0, 0.0, None]
    assert [one["refused"].value for one in made] == [0.0, 0.0, 1.0]
    assert "log-odds" not in made[0]
