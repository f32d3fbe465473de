"""What is left behind when something fails half-way, and how the next invocation mends it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import tiny
from click.testing import CliRunner
from store_samples import FACTS

import gnomon
from gnomon import CallFailed, Capability, Chat, Message, Reply, Score
from gnomon.catalogue import Catalogue
from gnomon.cli import cli
from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE, SourceError, UsageError
from gnomon.loading import load
from gnomon.run.analysis import estimates_of
from gnomon.run.rescore import rescore
from gnomon.seeds import Seed
from gnomon.store import Store


@pytest.fixture(autouse=True)
def subject() -> Iterator[type[tiny.Subject]]:
    """The subject, with its calls forgotten before each test."""
    tiny.Subject.calls = []
    tiny.Subject.answer = lambda ask: "an answer"
    yield tiny.Subject
    tiny.Subject.answer = lambda ask: "an answer"


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store.open(folder / "results.db") as store:
        return list(store.query(sql)[1])


@attrs.frozen(kw_only=True)
class Panel:
    """An item score that a judge gives.

    Attributes:
        role: Who judges.
    """

    name: ClassVar[str] = "panel"
    over: ClassVar[str] = "item"
    role: str = "judge"

    def score(self, record: gnomon.ItemRecord) -> gnomon.Asking:
        text = record.item.key
        reply = yield Chat(role=self.role, name="mark", messages=(Message("user", text),))
        return [Score(name="panel", value=float(reply.text))]


class Judge:
    """A judge that can be away."""

    name: ClassVar[str] = "judge"
    away: ClassVar[bool] = False
    offers: ClassVar[Capability] = Capability(kinds=["chat"], blocking=False)

    def __init__(self, model: str) -> None:
        self.model = model

    def ask(self, ask: gnomon.Ask) -> Reply:
        if Judge.away:
            raise CallFailed("the judge is away")
        return Reply(text=str(len(tiny.Subject.calls) + int(ask.messages[0].content[-1])))  # type: ignore[attr-defined]  # a chat


PANEL = (
    tiny.SPEC.replace('use = "length"', 'use = "panel"')
    .replace('of = "length"\nby = ["tone"]', 'of = "panel"')
    .replace("[stimuli]", '[roles]\njudge = "marks"\n\n[stimuli]')
    .replace('correction = "holm"\n', "")
)


def test_item_scores_that_come_later_are_estimated(tmp_path: Path) -> None:
    """A judge that was away gives the item scores at the next invocation, and the estimates follow."""
    Judge.away = True
    first = tiny.run_tiny(tmp_path, PANEL, extra=(Panel, Judge), roles={"judge": "judge:j"})
    assert first.exit_code == EXIT_INCOMPLETE
    Judge.away = False
    second = tiny.run_tiny(tmp_path, PANEL, extra=(Panel, Judge), roles={"judge": "judge:j"})
    assert second.exit_code == EXIT_DONE
    assert rows(tmp_path, "select n, note from results") == [(3, None)]


def test_estimates_never_rest_on_fewer_scores_than_there_are(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A budget leaves partial estimates; the next invocation's are made of all scores."""
    subject.answer = lambda ask: "x" * (len(subject.calls) % 5 + 1)
    tiny.run_tiny(tmp_path, count=10, max_calls=8)
    assert sum(n for (n,) in rows(tmp_path, "select n from results")) == 8
    tiny.run_tiny(tmp_path, count=10)
    assert sum(n for (n,) in rows(tmp_path, "select n from results")) == 20


def test_rescoring_that_is_cut_leaves_no_trace(tmp_path: Path) -> None:
    """A pass that was never completed is seen by nobody, and the next pass takes its place."""
    tiny.run_tiny(tmp_path)
    before = rows(tmp_path, "select value from scores order by trial")
    found = tiny.catalogue()
    with Store.open(tmp_path / "results.db", write=True) as store:
        scoring = store.begin_scoring(1, provisional=True)
        store.add_scores(1, scoring, [Score(name="length", value=0.0)], scorer="length", trial_id=1)
    assert rows(tmp_path, "select value from scores order by trial") == before
    assert tiny.run_tiny(tmp_path).exit_code == EXIT_DONE
    with Store.open(tmp_path / "results.db", write=True) as store:
        assert rescore(store, 1, found).trials == 6
    assert rows(tmp_path, "select value from scores order by trial") == before
    assert rows(tmp_path, "select pass from scoring order by 1") == [(1,), (2,)]


def test_rescoring_uses_the_spec_stored_with_the_run(tmp_path: Path) -> None:
    """Neither the file nor its stimuli need be there any more, and a file that was changed changes nothing."""
    tiny.run_tiny(tmp_path)
    before = rows(tmp_path, "select quantity, value, n, statistic from results")
    (tmp_path / "tiny.toml").unlink()
    with Store.open(tmp_path / "results.db", write=True) as store:
        done = rescore(store, 1, tiny.catalogue())
    assert (done.trials, done.version, done.stored, done.now) == (6, 1, True, None)
    assert rows(tmp_path, "select quantity, value, n, statistic from results") == before
    assert rows(tmp_path, "select pass, spec_id from scoring order by 1") == [(1, None), (2, None)]


def test_rescoring_with_another_spec_keeps_that_spec(tmp_path: Path) -> None:
    """The text that the numbers of a pass come from is stored with the pass."""
    tiny.run_tiny(tmp_path)
    changed = tiny.SPEC.replace("version = 1", "version = 2").replace("t-one-sample", "mean")
    changed = changed.replace('correction = "holm"\n', "")
    path = tiny.write_spec(tmp_path, changed)
    with Store.open(tmp_path / "results.db", write=True) as store:
        done = rescore(store, 1, tiny.catalogue(), str(path))
        assert store.verify() == []
    assert (done.version, done.stored) == (2, False)
    stored = "select text.body from scoring join text on text.id = scoring.spec_id where pass = 2"
    assert rows(tmp_path, stored) == [(path.read_text(),)]
    assert rows(tmp_path, "select distinct statistic from results") == [("mean",)]


MARKED = (
    tiny.SPEC.replace('use = "length"', 'use = "judged"')
    .replace('of = "length"', 'of = "judged"')
    .replace("[stimuli]", '[roles]\njudge = "marks"\n\n[stimuli]')
)


def test_rescoring_takes_what_the_judge_refused_for_what_it_is(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A refusal is never used again for another trial, and is the answer that this one was given."""

    def answer(ask: gnomon.Ask) -> Reply | str:
        said = ask.messages[-1].content  # type: ignore[attr-defined]  # a chat
        if ask.role == "judge":
            return Reply(status="refused", text="No.") if "word1" in said else "5"
        return str(said)

    subject.answer = answer
    tiny.run_tiny(tmp_path, MARKED, roles={"judge": "subject:judge"})
    sql = "select trial, value, status from scores order by 1"
    before = rows(tmp_path, sql)
    assert sorted({status for _, _, status in before}) == ["ok", "unparsed"]
    with Store.open(tmp_path / "results.db", write=True) as store:
        assert rescore(store, 1, tiny.catalogue()).trials == 6
    assert rows(tmp_path, sql) == before


@pytest.mark.parametrize("over", ["trial", "item"])
def test_rescoring_takes_the_judge_s_replies_of_the_same_run(
    tmp_path: Path, subject: type[tiny.Subject], over: str
) -> None:
    """A later run asked the judge the very same and was answered otherwise; each keeps its own scores."""
    marks = iter(["1"] * 6 + ["2"] * 6)
    asked = (MARKED, "judge") if over == "trial" else (PANEL, "judge")

    def answer(ask: gnomon.Ask) -> str:
        return next(marks) if ask.role == "judge" else str(ask.messages[-1].content)  # type: ignore[attr-defined]  # a chat

    subject.answer = answer
    options: dict[str, Any] = {"extra": (Panel,), "roles": {"judge": "subject:judge"}}
    tiny.run_tiny(tmp_path, asked[0], **options)
    if over == "item":
        marks = iter("222")
    tiny.run_tiny(tmp_path, asked[0], fresh=True, cache=False, **options)
    sql = "select run, min(value), max(value), count(*) from scores group by 1 order by 1"
    count = 6 if over == "trial" else 3
    assert rows(tmp_path, sql) == [(1, 1.0, 1.0, count), (2, 2.0, 2.0, count)]
    with Store.open(tmp_path / "results.db", write=True) as store:
        for run_id in (1, 2):
            rescore(store, run_id, tiny.catalogue(Panel))
    assert rows(tmp_path, sql) == [(1, 1.0, 1.0, count), (2, 2.0, 2.0, count)]


@pytest.mark.parametrize("text", [MARKED, PANEL])
def test_what_was_asked_once_is_there_once(
    tmp_path: Path, subject: type[tiny.Subject], text: str
) -> None:
    """Neither a run that is given again nor scoring again makes more of what a judge was asked."""
    subject.answer = lambda ask: "5"
    options: dict[str, Any] = {"extra": (Panel,), "roles": {"judge": "subject:judge"}}
    tiny.run_tiny(tmp_path, text, max_calls=3, **options)
    for _ in range(2):
        assert tiny.run_tiny(tmp_path, text, **options).exit_code == EXIT_DONE
    with Store.open(tmp_path / "results.db", write=True) as store:
        rescore(store, 1, tiny.catalogue(Panel))
    asked = rows(tmp_path, "select role, count(*) from conversations group by 1 order by 1")
    assert asked == [("judge", 6 if text is MARKED else 3), ("subject", 6)]


def test_a_failure_in_words_that_no_text_can_hold(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """What a server says goes into the reason of a run, half a character and all."""

    def answer(ask: gnomon.Ask) -> str:
        raise CallFailed("odd \ud800 and \x00")

    subject.answer = answer
    outcome = tiny.run_tiny(tmp_path)
    assert outcome.exit_code == EXIT_INCOMPLETE
    assert rows(tmp_path, "select reason from session") == [
        ("6 trials could not be finished, most often: odd \\ud800 and \\x00",)
    ]


@attrs.frozen(kw_only=True)
class Doubled:
    """Twice the characters of the reply."""

    name: ClassVar[str] = "doubled"

    def score(self, record: gnomon.TrialRecord) -> Score:
        return Score(name="doubled", value=2.0 * len(record.last.text))


def test_a_run_never_adds_its_scores_to_those_of_another_spec(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """Scored half-way with another text, and gone on with: all its trials are scored by its own scorers."""
    subject.answer = lambda ask: "x" * (len(subject.calls) % 5 + 1)
    own = tiny.SPEC.replace("[[statistic]]", '[[score]]\nuse = "spread"\n\n[[statistic]]')
    tiny.run_tiny(tmp_path, own, max_calls=2, extra=(Doubled,))
    other = tiny.SPEC.replace('use = "length"', 'use = "doubled"\nas = "length"')
    (tmp_path / "other").mkdir()
    path = tiny.write_spec(tmp_path / "other", other.replace("version = 1", "version = 2"))
    with Store.open(tmp_path / "results.db", write=True) as store:
        rescore(store, 1, tiny.catalogue(Doubled), str(path))
    sql = "select score, sum(value), count(*) from scores where score = 'length' group by 1"
    assert rows(tmp_path, sql) == [("length", 2 * (2.0 + 3.0), 2)]
    assert tiny.run_tiny(tmp_path, own, extra=(Doubled,)).exit_code == EXIT_DONE
    assert rows(tmp_path, sql) == [("length", 2.0 + 3.0 + 4.0 + 5.0 + 1.0 + 2.0, 6)]
    assert sum(n for (n,) in rows(tmp_path, "select n from results")) == 6
    assert rows(tmp_path, "select count(*) from scores where score = 'spread'") == [(3,)]
    passes = "select pass, spec_id is null from scoring order by 1"
    assert rows(tmp_path, passes) == [(1, 1), (2, 0), (3, 1)]
    # Said and done once: the newest pass is its own now.
    assert tiny.run_tiny(tmp_path, own, extra=(Doubled,)).exit_code == EXIT_DONE
    assert rows(tmp_path, passes) == [(1, 1), (2, 0), (3, 1)]


def test_rescoring_as_another_measure_is_refused(tmp_path: Path) -> None:
    """Numbers of one measure do not come to stand under the name of another, and nothing is stored."""
    tiny.run_tiny(tmp_path)
    path = tiny.write_spec(tmp_path, tiny.SPEC.replace('measure = "tiny"', 'measure = "other"'))
    path = path.rename(tmp_path / "other.toml")
    with (
        Store.open(tmp_path / "results.db", write=True) as store,
        pytest.raises(UsageError) as error,
    ):
        rescore(store, 1, tiny.catalogue(), str(path))
    assert str(error.value) == (
        "run 1 is of the measure 'tiny' and is not scored as one of 'other'; --measure takes another "
        "text of the same measure"
    )
    assert rows(tmp_path, "select pass from scoring") == [(1,)]


def test_a_column_that_items_lack_leaves_a_reason(tmp_path: Path) -> None:
    """A statistic may be asked to group by what the stored items do not have."""
    tiny.run_tiny(tmp_path)
    (block, *_) = load(tmp_path / "tiny.toml", tiny.catalogue()).statistics
    other = attrs.evolve(block, keys=attrs.evolve(block.keys, by=("colour",)))
    with Store.open(tmp_path / "results.db") as store:
        (made,) = estimates_of([other], store, [1], Seed(1), ("item",))
    assert made.note is not None
    assert made.note.startswith("no estimate: there is no column 'colour'; there are: format, half")


def test_rescoring_without_a_plugin_that_is_gone(tmp_path: Path) -> None:
    """A stored spec that needs a scorer nobody offers any more is said to, with what to do."""
    tiny.run_tiny(tmp_path)
    with (
        Store.open(tmp_path / "results.db", write=True) as store,
        pytest.raises(UsageError) as error,
    ):
        rescore(store, 1, Catalogue())
    first, second = str(error.value).split("\n")[:2]
    assert first == (
        "the spec stored with run 1 cannot be used as the plugins are now; "
        "give one that can: --measure NAME or PATH"
    )
    assert "there is no source 'tiny-words'" in second


def test_the_command_says_which_spec_scored(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's own; and when the measure has another text by now, how to use that."""
    for name in ("refusal-rate.toml", "refusal-rate.csv", "refused.py"):
        shutil.copy(root / "tests" / "examples" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    plugin = ["--plugin", "refused.py", "--db", "a.db"]

    def gnomon_(*words: str) -> str:
        done = CliRunner().invoke(cli, [*words, *plugin], catch_exceptions=False)
        assert done.exit_code == EXIT_DONE, done.output
        return re.sub(r" in [0-9.]+ s ", " in T s ", done.output)

    gnomon_("run", "refusal-rate.toml", "--model", "scripted:fill", "--quiet")
    spec = tmp_path / "refusal-rate.toml"
    spec.write_text(spec.read_text().replace("version = 1", "version = 2"))
    said = "20 trials scored again in T s with {} (version {})"
    assert gnomon_("score", "1").splitlines()[-1] == said.format("the spec stored with the run", 1)
    changed = gnomon_("score", "1", "--measure", "refusal-rate.toml").splitlines()
    assert changed[-1] == said.format("another spec than the run's", 2)
    monkeypatch.setattr(Catalogue, "measures", lambda _: {"refusal-rate": (spec, "me")})
    assert gnomon_("score", "1").splitlines()[-2:] == [
        said.format("the spec stored with the run", 1),
        "the measure has another text now (version 2); --measure NAME scores with that",
    ]
    made = json.loads(gnomon_("score", "1", "--json"))
    assert (made["run"], made["trials"], made["version"], made["stored_spec"]) == (1, 20, 1, True)
    shown = json.loads(gnomon_("results", "--json"))
    assert shown
    assert made["estimates"] == [{key: row[key] for key in made["estimates"][0]} for row in shown]


class Parallel:
    """A procedure that asks two things at once: one of its own, one that all trials share."""

    name: ClassVar[str] = "parallel"

    def administer(self, trial: gnomon.Trial, turns: object) -> gnomon.Asking:
        own = Chat(name="own", messages=(Message("user", trial.item.key),))
        shared = Chat(name="shared", messages=(Message("user", "the same for all"),))
        yield [shared, own]


def test_a_shared_call_outlives_the_trial_that_made_it(tmp_path: Path) -> None:
    """When the trial that made a shared call fails, the call goes on, and the others finish with its reply."""
    asked: list[str] = []

    class Slow:
        name = "slow"
        offers = Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            text = ask.messages[0].content  # type: ignore[attr-defined]  # a chat
            asked.append(text)
            if text == "w0":
                await asyncio.sleep(0.02)
                raise CallFailed("not this one")
            await asyncio.sleep(0.1)
            return Reply(text="fine")

    text = tiny.SPEC.replace("[[turn]]", '[procedure]\nuse = "parallel"\n\n[[turn]]')
    outcome = tiny.run_tiny(
        tmp_path, text, extra=(Slow, Parallel), roles={"subject": "slow:x"}, concurrency=6
    )
    assert (outcome.tally.done, sum(outcome.tally.failed.values())) == (4, 2)
    assert asked.count("the same for all") == 1


def test_a_later_round_waits_for_all_scores_of_the_earlier(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """An adaptive source is not asked again while a trial of its round has no score."""
    text = tiny.SPEC.replace('use = "tiny-words"\ncount = {count}', 'use = "growing"\nrounds = 3')

    def answer(ask: gnomon.Ask) -> str:
        trial = tiny.trial_of(ask)
        if trial.item.key == "bb" and len(subject.calls) < 5:
            raise CallFailed("not now")
        return "x" * len(trial.item.key)

    subject.answer = answer
    first = tiny.run_tiny(tmp_path, text)
    assert first.exit_code == EXIT_INCOMPLETE
    assert rows(tmp_path, "select distinct item from trials order by 1") == [("a",), ("bb",)]
    second = tiny.run_tiny(tmp_path, text)
    assert second.exit_code == EXIT_DONE
    assert rows(tmp_path, "select distinct item from trials order by 1") == [
        ("a",),
        ("bb",),
        ("bb+",),
        ("bb++",),
    ]


def test_cost_counts_what_is_in_flight(tmp_path: Path) -> None:
    """With a known price the cap is not passed by the calls that were under way."""

    class Priced:
        name = "priced"
        offers = Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            await asyncio.sleep(0.001)
            return Reply(text="dear", cost=0.10)

    options: dict[str, Any] = {"extra": (Priced,), "roles": {"subject": "priced:x"}}
    outcome = tiny.run_tiny(tmp_path, count=50, concurrency=1, max_cost=1.0, **options)
    assert outcome.tally.cost == pytest.approx(1.0)
    assert outcome.reason == "the budget of 1 $ is used up (--max-cost)"


def test_cost_cannot_be_capped_without_a_price(tmp_path: Path) -> None:
    """A reply without a price stops a run with --max-cost instead of running past it: the first call goes alone."""
    outcome = tiny.run_tiny(tmp_path, count=5, concurrency=5, max_cost=1.0)
    assert (outcome.exit_code, outcome.tally.calls) == (EXIT_INCOMPLETE, 1)
    assert outcome.reason == (
        "the price of a reply is unknown, so --max-cost cannot be kept; use --max-calls"
    )


def test_nothing_is_stored_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    """A filter that leaves no trial is said before there is a run, or a database."""
    with pytest.raises(SourceError) as error:
        tiny.run_tiny(tmp_path, only={"item": ("w9",)})
    assert str(error.value) == "no trial is left by --only item=w9"
    assert not (tmp_path / "results.db").exists()


def test_other_stimuli_under_the_same_run_are_refused(tmp_path: Path) -> None:
    """A trial begun with one item is not continued with another."""
    with Store.open(tmp_path / "results.db", write=True) as store:
        run_id = store.begin_run(FACTS)
        for key in ("one", "two"):
            item = gnomon.Item(key=key)
            trial = gnomon.Trial(ordinal=0, item=item, levels={}, repeat=0, draws={}, fields={})
            if key == "one":
                trial_id = store.add_trial(run_id, store.add_item(item), trial)
                store.finish_trial(trial_id)
                store.flush()
        with pytest.raises(gnomon.StoreError) as error:
            store.add_trial(run_id, store.add_item(item), trial)
    assert str(error.value) == (
        f"trial 0 of run {run_id} was begun with another item than 'two', so the stimuli are not "
        "those it was begun with; begin a new run with --fresh"
    )
