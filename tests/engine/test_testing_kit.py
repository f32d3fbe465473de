"""The conformance kit finds what is wrong with a plugin, and says it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

import gnomon
from gnomon import Estimate, Item, Reply, Score, UsageError
from gnomon.testing import (
    TEXTS,
    around,
    assert_conforms,
    assert_measure,
    checks_of,
    coverage,
    hostile,
    record,
    rejection_rate,
    table,
    trial,
)


def said(cls: type, **given: Any) -> dict[str, list[str]]:
    """Check → problems, of the checks that found one."""
    found = {check.name: check() for check in checks_of(cls, **given)}
    return {name: problems for name, problems in found.items() if problems}


class Bare:
    name = "bare"

    def score(self, record: Any) -> Score:
        return Score(name="bare", value=float(record.last.text))


def test_a_scorer_without_anything() -> None:
    """All that is missing is said at once, each thing once."""
    found = said(Bare, options={})
    assert found["it is documented"] == [
        "it has no docstring; the docstring is its help",
        "it is no attrs class; write @attrs.frozen(kw_only=True) above it",
    ]
    assert found["its example is one"] == [
        "the docstring has no block 'Example::' that shows how it is called"
    ]


@attrs.frozen(kw_only=True)
class Guessing:
    """Takes the reply for a number.

    Example::

        [[score]]
        use = "guessing"

    Attributes:
        scale: What it is multiplied by.
    """

    name: ClassVar[str] = "guessing"
    accepts: ClassVar[tuple[str, ...]] = ("ok", "refused")
    scale: float = 1.0

    def score(self, record: gnomon.TrialRecord) -> list[Score]:
        text = record.last.text
        if record.last.status == "refused":
            return [Score(name="guessing", value=0.0)]
        if text in TEXTS.values() and "\x00" in text:
            raise ValueError("embedded null character")
        number = float("nan") if text == "NaN" else float(len(text))
        return [Score(name="other", value=number, detail={"set": {1}})]


def test_a_scorer_that_guesses_and_raises() -> None:
    """Exceptions, NaN, names, details and scores of refusals are told apart."""
    found = said(Guessing)["hostile replies get a status, not an exception"]
    assert (
        "on the reply 'NUL bytes (chat)' and 1 more: it raises ValueError: embedded null character"
        in found
    )
    assert any(one.endswith("the score 'other' is nan") for one in found)
    assert any(
        one.endswith("the score 'guessing' is 0 although the reply is 'refused'") for one in found
    )
    assert any(
        "it gives a score 'other'; the first is 'guessing', further ones" in one for one in found
    )
    assert any(
        "the detail of 'other' cannot be stored as JSON: Object of type set" in one for one in found
    )


def test_all_problems_in_one_failure() -> None:
    """assert_conforms names the class and every problem on a line of its own."""
    with pytest.raises(AssertionError, match=r"^Guessing does not conform:\nhostile replies get"):
        assert_conforms(Guessing)


@attrs.frozen(kw_only=True)
class Restless:
    """Items that differ each time.

    Example::

        [stimuli]
        use = "restless"
    """

    name: ClassVar[str] = "restless"
    made: ClassVar[list[int]] = []

    def items(self, around: gnomon.Surroundings) -> Iterator[Item]:
        self.made.append(1)
        yield Item("x", fields={"n": len(self.made), "bad": [1, 2]})  # type: ignore[dict-item]
        yield Item("x")


def test_a_source_that_is_not_the_same_twice() -> None:
    """Draws from elsewhere, double keys and values that cannot be stored."""
    found = said(Restless)
    assert found["its items are the same each time"] == [
        "the source 'restless' gives other items the second time; draw only from 'around.seed', by name"
    ]
    assert found["its items are well formed"] == [
        "the field 'bad' of 'x' is [1, 2]; it may be a text, a number, true or false, or a tuple of texts",
        "two items have the key 'x'",
    ]


@attrs.frozen(kw_only=True)
class Careless:
    """A mean that never refuses.

    Example::

        [[statistic]]
        use = "careless"
        of = "score"
    """

    name: ClassVar[str] = "careless"

    def estimate(self, table: gnomon.Table, rng: Any) -> Estimate:
        table.values[0] = rng.uniform()
        value = float(table.values.mean())
        return Estimate(quantity="mean", value=value, low=value + 1, high=value, p=2.0)


def test_a_statistic_that_never_refuses() -> None:
    """NaN, intervals the wrong way round, p beyond 1, no method, and a table that was written to."""
    found = said(Careless)
    assert found["it estimates from ordinary scores"][0] == "p of 'mean' is 2.0"
    assert (
        "the estimate of 'mean' does not say its method"
        in found["it estimates from ordinary scores"]
    )
    assert found["it leaves the table as it was"] == [
        "it changes the scores 'score' of the table; work on a copy"
    ]
    refused = found["it refuses in words where it has nothing to say"]
    assert any("raise gnomon.StatisticError with the reason" in one for one in refused)
    assert any("'value' of 'mean' is NaN; leave it out and say why" in one for one in refused)


@attrs.frozen(kw_only=True)
class Boundless:
    """A ratio of what may be nothing.

    Example::

        [[statistic]]
        use = "boundless"
        of = "score"
    """

    name: ClassVar[str] = "boundless"

    def estimate(self, table: gnomon.Table, rng: Any) -> Estimate:
        return Estimate(
            quantity="mean", value=1.0, effect="ratio", effect_value=math.inf, n=1, method="ratio"
        )


def test_a_statistic_without_bound() -> None:
    """An infinite number is no number for a table."""
    assert said(Boundless)["it estimates from ordinary scores"] == [
        "'effect_value' of 'mean' is infinite; leave it out and say why in 'note', or refuse"
    ]


@attrs.frozen(kw_only=True)
class Smaller:
    """Makes every p smaller.

    Example::

        [[statistic]]
        use = "t"
        of = "score"
        correction = "smaller"
    """

    name: ClassVar[str] = "smaller"

    def adjust(self, p: Any) -> Any:
        return p / 2


def test_a_correction_that_makes_p_smaller() -> None:
    """Adjusted p-values are no smaller, and no p-value is refused."""
    found = said(Smaller)
    assert found["adjusted p-values are p-values, no smaller than before"][0] == (
        "of a family with one member it gives [0.02] for [0.04]"
    )
    assert found["what is no p-value is refused in words"] == [
        f"a family that holds {wrong} is adjusted; raise gnomon.StatisticError"
        for wrong in (-0.1, 1.1, float("nan"))
    ]


@attrs.frozen(kw_only=True)
class Boasting:
    """Offers what it cannot do.

    Example::

        gnomon run x --model boasting:x

    Attributes:
        model: Anything.
    """

    name: ClassVar[str] = "boasting"
    model: str

    @property
    def offers(self) -> gnomon.Capability:
        return gnomon.Capability(kinds=("chat", "choose"), constraints=("poem",), blocking=False)

    def ask(self, ask: gnomon.Ask) -> Reply:
        return Reply(text="yes", probabilities={"one": 1.0})


def test_a_backend_that_boasts() -> None:
    """Constraints that there are not, probabilities that are none, and kinds that it does not offer."""
    found = said(Boasting)
    assert found["what it offers is known without a network"] == [
        "it offers the constraint 'poem', which there is not"
    ]
    assert found["what it offers it answers"] == [
        "an ask of kind 'choose' has the probabilities {'one': 1.0}; each option needs one, and they sum to 1",
        "an ask of kind 'choose' does not say whether its probabilities are exact",
    ]
    assert found["a kind of ask that it does not offer is refused"] == [
        f"an ask of kind '{kind}' is answered (ok) although it is not offered"
        for kind in ("loglik", "embed", "hidden")
    ]


@attrs.frozen(kw_only=True)
class Endless:
    """Asks for ever.

    Example::

        [procedure]
        use = "endless"
    """

    name: ClassVar[str] = "endless"

    def administer(self, trial: gnomon.Trial, turns: Any) -> gnomon.Asking:
        while True:
            yield gnomon.Chat(messages=(gnomon.Message("user", "Again?"),))


def test_a_procedure_that_does_not_end() -> None:
    """It is stopped and said."""
    (first, *_) = said(Endless)["it comes to an end whatever is answered"]
    assert first.endswith("it raises RuntimeError: it asked 1000 times and did not end")


@attrs.frozen(kw_only=True)
class Heavy(Guessing):
    """Loaded with what is heavy."""


def test_a_heavy_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh interpreter tells, whatever this one has imported."""
    (tmp_path / "heavy_plugin.py").write_text("import numpy\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(Heavy, "__module__", "heavy_plugin")
    assert said(Heavy, options={}, instance=Heavy())["its import is light"] == [
        "importing 'heavy_plugin' imports 'numpy'; import it inside the method that needs it, so that "
        "help and lists stay quick"
    ]


def test_a_class_of_no_kind() -> None:
    """The methods of all kinds are named."""
    with pytest.raises(
        UsageError,
        match=r"^the class 'Item' has the method of no kind of plugin; the methods are: items \(source\),",
    ):
        checks_of(Item)


def test_the_corpus_has_replies_of_every_kind() -> None:
    """Each kind of ask has some that went wrong, refusals among them."""
    for kind in ("chat", "choose", "loglik", "embed", "hidden"):
        statuses = {reply.status for reply in hostile(kind).values()}
        assert {"refused", "filtered", "error"} <= statuses


def test_values_are_made_in_a_line() -> None:
    """A trial's fields hold groups, levels and draws too; a table has a column for every name."""
    made = trial(gold="5", groups={"size": "small"}, levels={"tone": "plain"}, sum="2 + 3")
    assert made.fields == {"sum": "2 + 3", "size": "small", "tone": "plain"}
    assert record("five", "six").last.text == "six"
    given = table([1, None, 3, 4])
    assert list(given.label("item")) == ["i0"] * 4
    assert list(given.label("anything")) == ["a", "b", "a", "b"]
    assert given.counts() == {"ok": 3, "unparsed": 1}
    assert around().round == 0


@attrs.frozen(kw_only=True)
class Coin:
    """p is uniform whatever the data."""

    name: ClassVar[str] = "coin"

    def estimate(self, table: gnomon.Table, rng: Any) -> Estimate:
        return Estimate(quantity="q", value=0.0, low=-1.0, high=1.0, p=float(rng.uniform()))


def test_calibration_counts() -> None:
    """A uniform p rejects at its level; an interval that always holds the truth covers always."""
    assert 0.03 < rejection_rate(Coin(), lambda rng: table([1.0]), data_sets=1000) < 0.07
    assert coverage(Coin(), lambda rng: table([1.0]), 0.5, data_sets=20) == 1.0
    assert coverage(Coin(), lambda rng: table([1.0]), 2.0, data_sets=20) == 0.0


SPEC = """\
measure = "fair"
title = "Does it say yes?"
version = 1
seed = 3
needs = ["chat"]
about = "Questions of no consequence."

[stimuli]
use = "table"
file = "fair.csv"

[design]
repeats = 2
balanced = { order = { yn = { asked = "Yes or no?" }, ny = { asked = "No or yes?" } } }

[[turn]]
user = "{question} {asked}"

[[score]]
use = "yes-no"

[[statistic]]
use = "t-one-sample"
of = "yes-no"
against = 0.5
cluster = "item"
"""


@pytest.fixture
def fair(tmp_path: Path) -> Path:
    rows = "\n".join(f"Is {number} a number?" for number in range(24))
    (tmp_path / "fair.csv").write_text(f"question\n{rows}\n", "utf-8")
    (tmp_path / "fair.toml").write_text(SPEC, "utf-8")
    return tmp_path / "fair.toml"


def test_a_measure_that_holds(fair: Path) -> None:
    """Its order is balanced; a bias for a word breaks it, and that is excused by name."""
    assert_measure(fair, excused=["label bias"])


def test_a_measure_that_does_not_hold(fair: Path) -> None:
    """What breaks it is said with the nuisance, and an excuse that is not needed too."""
    text = fair.read_text("utf-8").replace("No or yes?", "Yes or no, please?")
    fair.write_text(text.replace('about = "Questions of no consequence."\n', ""), "utf-8")
    with pytest.raises(AssertionError) as caught:
        assert_measure(fair, excused=["refusals"])
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{fair} does not hold:"
    assert (
        "it loads and says what it is: 'about' is empty; say what is measured, how, and what its "
        "readers will meet" in lines
    )
    assert any("nothing else: under order bias t-one-sample" in line for line in lines)
    assert any('"refusals" does not break it (any more); take it out' in line for line in lines)
