"""The measure ``implicit-bias``: its stimuli, its design, and what known respondents score on it."""

from __future__ import annotations

import csv
import random
import statistics
from collections import Counter

import pytest

from administered import administer, measure, results, trials
from association import STIMULI, stimuli
from bai_stimuli import HEADER, tidy
from gnomon_plugins.scorers._pairs import plain
from shared_data import shared_data

CATEGORIES = {"race": 9, "gender": 4, "religion": 3, "health": 5}
VARIATIONS = ("plain", "reworded", "labels-first", "synonym")


@pytest.fixture
def spec():
    return measure("implicit-bias")


def negative(trial):
    return set(trial.item.fields["negative"]) | set(trial.item.fields["negative_synonym"])


def pairing(choose):
    """A respondent that writes one line per word with the label that ``choose`` gives it."""

    def respond(ask, trial):
        return "\n".join(f"{word} - {choose(word, trial)}" for word in trial.draws["words"])

    return respond


biased = pairing(
    lambda word, trial: trial.draws["label_stigma" if word in negative(trial) else "label_default"]
)
reverse = pairing(
    lambda word, trial: trial.draws["label_default" if word in negative(trial) else "label_stigma"]
)
first_label = pairing(lambda word, trial: trial.draws["first"])


def d_values(spec, respondent, **options):
    return [made["association-d"].value for _, made in results(spec, respondent, **options)]


# -- stimuli -------------------------------------------------------------------------------------


def test_stimuli_are_the_published_ones():
    """The shipped table is the published one in tidy form, row by row."""
    data = shared_data()
    if data is None:
        pytest.skip("the published stimuli are not there (set GNOMON_SHARED_DATA)")
    with STIMULI.open(encoding="utf-8", newline="") as file:
        header, *rows = (tuple(row) for row in csv.reader(file))
    assert header == HEADER
    assert rows == list(tidy(data / "published" / "bai-2024" / "iat_stimuli_synonym.csv"))


def test_stereotypes_and_categories(spec):
    """21 stereotypes in 4 categories; age counts as health."""
    groups = {trial.item.key: trial.item.groups["category"] for trial in trials(spec)}
    assert len(groups) == 21
    assert Counter(groups.values()) == CATEGORIES
    assert groups["age"] == "health"


@pytest.mark.parametrize("stereotype", sorted(stimuli()))
def test_no_word_speaks_for_both_sides(stereotype):
    """Across wordings and synonyms no word is positive and negative, no label both groups', and none
    both a word and a label."""
    lists = {
        name: {plain(value) for value in values} for name, values in stimuli()[stereotype].items()
    }
    good = lists["positive"] | lists["positive_synonym"]
    bad = lists["negative"] | lists["negative_synonym"]
    labels = [lists[group] | lists[f"{group}_synonym"] for group in ("default", "stigma")]
    assert not good & bad
    assert not labels[0] & labels[1]
    assert not (good | bad) & (labels[0] | labels[1])
    assert "" not in good | bad | labels[0] | labels[1]


# -- design --------------------------------------------------------------------------------------


def test_one_repeat_is_84_trials(spec):
    """Every stereotype once under each variation, whose name and number are stored."""
    made = list(trials(spec))
    assert [trial.ordinal for trial in made] == list(range(84))
    assert Counter(trial.levels["variation"] for trial in made) == dict.fromkeys(VARIATIONS, 21)


def test_what_is_drawn(spec):
    """Labels are the item's, all its words are shown, and the order is the level's."""
    for trial in trials(spec, repeats=3):
        fields, draws = trial.item.fields, trial.draws
        tail = "_synonym" if trial.levels["variation"] == "synonym" else ""
        assert draws["label_default"] in fields[f"default{tail}"]
        assert draws["label_stigma"] in fields[f"stigma{tail}"]
        assert sorted(draws["words"]) == sorted(
            fields[f"positive{tail}"] + fields[f"negative{tail}"]
        )
        shown = (draws["label_default"], draws["label_stigma"])
        in_order = shown if trial.levels["label_order"] == "ab" else shown[::-1]
        assert (draws["first"], draws["second"]) == in_order


def test_label_order_is_balanced(spec):
    """Over two repeats every stereotype meets both orders."""
    orders = Counter(
        (trial.item.key, trial.levels["variation"], trial.levels["label_order"])
        for trial in trials(spec, repeats=2)
    )
    assert set(orders.values()) == {1}
    assert len(orders) == 21 * 4 * 2


def test_wordings_share_their_draws(spec):
    """Within an item and repeat the three wordings differ in nothing but the wording."""
    drawn = {}
    for trial in trials(spec, repeats=2):
        if trial.levels["variation"] != "synonym":
            drawn.setdefault((trial.item.key, trial.repeat), []).append(trial.draws)
    assert all(one == first for first, *others in drawn.values() for one in others)


def test_prompts(spec):
    """Each prompt names both labels and all words once in their drawn order, and has no slot left."""
    prompts = {}
    for record, _ in results(spec, biased):
        (exchange,) = record.exchanges
        (message,) = exchange.ask.messages
        trial = record.trial
        assert message.role == "user"
        assert ", ".join(trial.draws["words"]) in message.content
        first, second = (message.content.find(trial.draws[name]) for name in ("first", "second"))
        assert 0 <= first < second
        assert not {"{", "}"} & set(message.content)
        prompts[trial.item.key, trial.levels["variation"]] = message.content
    assert len(set(prompts.values())) == 84


# -- known respondents ---------------------------------------------------------------------------


def test_a_biased_respondent(spec):
    """All negative words to the stigmatised group: D is as near to 1 as the number of words lets it."""
    for record, made in results(spec, biased):
        good = sum(word not in negative(record.trial) for word in record.trial.draws["words"])
        bad = len(record.trial.draws["words"]) - good
        assert made["association-d"].value == pytest.approx(
            bad / (bad + 0.01) + good / (good + 0.01) - 1
        )
        assert made["association-d.one-sided"].value == 0.0
        assert made["association-d.parsed"].value == 1.0


def test_a_reversed_respondent(spec):
    """The opposite pattern has D of exactly -1 in every trial."""
    assert set(d_values(spec, reverse)) == {-1.0}


def test_a_respondent_who_always_takes_the_first_label(spec):
    """A position habit is one-sided in every trial and shows no difference between the orders."""
    by_order = {"ab": [], "ba": []}
    for record, made in results(spec, first_label, repeats=2):
        assert made["association-d.one-sided"].value == 1.0
        if record.trial.levels["variation"] != "synonym":
            by_order[record.trial.levels["label_order"]].append(made["association-d"].value)
    assert statistics.mean(by_order["ab"]) == pytest.approx(statistics.mean(by_order["ba"]))


def test_a_respondent_who_tosses_a_coin(spec):
    """Without an association the mean of D is within four standard errors of 0."""
    toss = random.Random(5)
    coin = pairing(lambda word, trial: trial.draws[toss.choice(("first", "second"))])
    values = d_values(spec, coin, repeats=10)
    error = statistics.stdev(values) / len(values) ** 0.5
    assert abs(statistics.mean(values)) < 4 * error


def test_a_respondent_who_declines(spec):
    """A refusal in words has no D: it is unparsed, and none of it counts as read."""
    for _, made in results(spec, lambda ask, trial: "I would rather not sort people by labels."):
        assert (made["association-d"].value, made["association-d"].status) == (None, "unparsed")
        assert made["association-d.parsed"].value == 0.0


def test_the_constrained_form_is_read_whole(spec):
    """Any reply that the constraint allows is parsed completely, in every wording."""
    toss = random.Random(6)

    def held(ask, trial):
        parts = ask.constraint.pattern
        return "".join(part if isinstance(part, str) else toss.choice(part) for part in parts)

    for record, made in results(spec, held, format_="constrained"):
        assert record.trial.format == "constrained"
        assert made["association-d.parsed"].value == 1.0
        assert made["association-d"].detail["lines_unread"] == 0


def test_trials_are_the_same_every_time(spec):
    """The same seed gives the same prompts; the first one is what it always was."""

    def prompts():
        return [
            administer(spec, trial, biased).exchanges[0].ask.messages[0].content
            for trial in trials(spec)
        ]

    assert prompts() == prompts()
    first = next(iter(trials(spec)))
    assert first.item.key == "racism"
    assert first.draws["words"][:3] == GOLDEN_WORDS


GOLDEN_WORDS = ("humiliate", "beautiful", "glorious")
"""The beginning of the first trial's list under the spec's seed; a change here changes every result."""
