"""The run loop: from a spec to stored replies, scores and estimates, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import tiny
from virtual_time import take_the_clock

import gnomon
from gnomon import CallFailed, Capability, Chat, Item, Message, Reply
from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE, CapabilityError, UsageError
from gnomon.run.loop import TICK
from gnomon.store import Store
from gnomon.store.batch import SECONDS, Batch


@pytest.fixture(autouse=True)
def subject() -> Iterator[type[tiny.Subject]]:
    """The subject, with its calls forgotten before each test."""
    tiny.Subject.calls = []
    tiny.Subject.answer = lambda ask: "an answer"
    yield tiny.Subject
    tiny.Subject.answer = lambda ask: "an answer"


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store.open(folder / "results.db") as store:
        _, found = store.query(sql)
        return list(found)


def test_everything_is_stored(tmp_path: Path) -> None:
    """Six trials make six asks, six replies, six scores, and one estimate per tone."""
    outcome = tiny.run_tiny(tmp_path)
    assert outcome.exit_code == EXIT_DONE
    assert rows(tmp_path, "select count(*) from trial") == [(6,)]
    assert rows(tmp_path, "select count(*) from ask") == [(6,)]
    assert rows(tmp_path, "select status, count(*) from reply group by 1") == [("ok", 6)]
    assert rows(tmp_path, "select distinct value from scores") == [(9.0,)]
    assert rows(tmp_path, 'select "group", value, n from results') == [
        ('{"tone":"plain"}', None, None),
        ('{"tone":"polite"}', None, None),
    ]


def test_the_views_say_whose_each_row_is_and_how_far_its_run_came(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """Nothing has to be joined to ask by measure and model, or which run was cut and why."""

    def shy(ask: gnomon.Ask) -> str:
        if "word1" in ask.messages[-1].content:  # type: ignore[attr-defined]  # asks here are chats
            raise CallFailed("the server is away")
        return "fine"

    subject.answer = shy
    tiny.run_tiny(tmp_path, max_calls=3)
    assert rows(
        tmp_path,
        "select measure, model, options, finished, planned, ended, calls, gnomon from runs",
    ) == [
        (
            "tiny",
            "subject:one",
            None,
            2,
            6,
            "the budget of 3 calls is used up (--max-calls)",
            3,
            gnomon.__version__,
        )
    ]
    assert rows(
        tmp_path, "select distinct measure, model, item from conversations order by item"
    ) == [
        ("tiny", "subject:one", "w0"),
        ("tiny", "subject:one", "w1"),
    ]
    assert rows(
        tmp_path, "select what, measure, model, item from failures where what = 'score'"
    ) == rows(tmp_path, "select 'score', measure, model, item from scores where value is null")
    assert rows(
        tmp_path, "select run, measure, model, item from failures where what = 'reply'"
    ) == [(1, "tiny", "subject:one", "w1")]


def test_same_run_again_makes_no_call(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """A complete run that is asked for again calls nobody and is the same run."""
    first = tiny.run_tiny(tmp_path)
    calls = len(subject.calls)
    second = tiny.run_tiny(tmp_path)
    assert (second.run_id, second.tally.calls, second.tally.done) == (first.run_id, 0, 0)
    assert len(subject.calls) == calls


def test_fresh_run_uses_the_store_and_says_so(tmp_path: Path) -> None:
    """A fresh run makes its own rows from stored replies, each marked cached."""
    tiny.run_tiny(tmp_path)
    again = tiny.run_tiny(tmp_path, fresh=True)
    assert (again.tally.calls, again.tally.cached) == (0, 6)
    assert rows(tmp_path, "select cached, count(*) from ask group by 1") == [(0, 6), (1, 6)]


def test_more_repeats_ask_only_the_new_ones(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """Repeats have replies of their own, and those of the first run are used again."""
    tiny.run_tiny(tmp_path)
    outcome = tiny.run_tiny(tmp_path, repeats=3)
    assert (outcome.tally.calls, outcome.tally.cached) == (12, 6)
    assert len(subject.calls) == 18


def test_failed_trials_are_tried_again_alone(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """A call that cannot succeed is an attempt and no answer; the next run asks only for it."""

    def sometimes(ask: gnomon.Ask) -> str:
        if "word1" in ask.messages[-1].content:  # type: ignore[attr-defined]  # asks here are chats
            raise CallFailed("the server is away")
        return "fine"

    subject.answer = sometimes
    first = tiny.run_tiny(tmp_path)
    assert first.exit_code == EXIT_INCOMPLETE
    assert first.reason == (
        "2 trials could not be finished, most often: the server is away; "
        "give the same command again to try only these"
    )
    assert rows(tmp_path, "select status, count(*) from reply group by 1") == [
        ("error", 2),
        ("ok", 4),
    ]
    assert rows(tmp_path, "select count(*) from scores") == [(4,)]
    subject.answer = lambda ask: "now it is here"
    subject.calls = []
    second = tiny.run_tiny(tmp_path)
    assert (second.exit_code, second.tally.calls, len(subject.calls)) == (EXIT_DONE, 2, 2)
    assert rows(tmp_path, "select count(*) from scores") == [(6,)]
    assert rows(tmp_path, "select count(*) from ask") == [(6,)]


def test_passing_failures_are_tried_again_within_the_call(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A call that may succeed later is repeated after the time named; every attempt is kept."""
    tries = iter([CallFailed("slow down", retry=True, after=0.0)] * 2)

    def twice(ask: gnomon.Ask) -> str:
        failure = next(tries, None)
        if failure is not None:
            raise failure
        return "fine"

    subject.answer = twice
    outcome = tiny.run_tiny(tmp_path, count=1, concurrency=1)
    assert (outcome.exit_code, outcome.tally.calls) == (EXIT_DONE, 4)
    assert rows(tmp_path, "select attempt, status from reply order by id") == [
        (1, "error"),
        (2, "error"),
        (3, "ok"),
        (1, "ok"),
    ]


def test_wait_longer_than_allowed_is_not_waited(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A provider that asks for more time than --max-wait ends the run at once."""

    def away(ask: gnomon.Ask) -> str:
        raise CallFailed("come back tomorrow", retry=True, after=86_400.0)

    subject.answer = away
    outcome = tiny.run_tiny(tmp_path, count=1, max_wait=5.0, concurrency=1)
    assert (outcome.exit_code, outcome.tally.calls, outcome.tally.waiting) == (3, 1, 0.0)
    assert outcome.reason == (
        "come back tomorrow; the next call may be made in 86400 s, and at most 5 s are waited "
        "(--max-wait)"
    )


def test_fatal_failure_stops_the_run(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """When every further call would fail the same way, no further call is sent."""

    def wrong_key(ask: gnomon.Ask) -> str:
        raise CallFailed("the key is not accepted", fatal=True)

    subject.answer = wrong_key
    outcome = tiny.run_tiny(tmp_path, count=100, concurrency=1)
    assert outcome.tally.calls == 1
    assert (outcome.exit_code, outcome.reason) == (EXIT_INCOMPLETE, "the key is not accepted")


def test_fifty_failures_in_a_row_stop_the_run(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """A run in which nothing works ends with a sentence instead of going through the plan."""

    def away(ask: gnomon.Ask) -> str:
        raise CallFailed("nobody is there")

    subject.answer = away
    outcome = tiny.run_tiny(tmp_path, count=500, concurrency=1)
    assert outcome.reason == (
        "50 trials in a row could not be finished, the last because: nobody is there"
    )
    assert outcome.tally.calls == 50


@pytest.mark.parametrize("ends", ["budget", "failure"])
def test_what_is_under_way_beside_an_ask_that_ends_is_waited_for(tmp_path: Path, ends: str) -> None:
    """Three samples asked at once: what was sent was paid for, so it is stored, and never asked for again."""
    sent: list[int] = []

    class Beside:
        name = "beside"
        offers = Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            sent.append(ask.sample)
            if ends == "failure" and sent == [0, 1, 2]:
                raise CallFailed("not this one")
            await asyncio.sleep(0.1)
            return Reply(text=f"sample {ask.sample}")

    text = tiny.SPEC.replace("[[turn]]", "[[turn]]\nsamples = 3")
    options: dict[str, Any] = {"extra": (Beside,), "roles": {"subject": "beside:x"}, "count": 1}
    most = 2 if ends == "budget" else None
    first = tiny.run_tiny(tmp_path, text, max_calls=most, only={"tone": ("plain",)}, **options)
    assert first.exit_code == EXIT_INCOMPLETE
    stored = "select sample from ask join reply on reply.id = ask.reply_id where status = 'ok' order by 1"
    assert rows(tmp_path, stored) == [(0,), (1,)]
    sent.clear()
    done = tiny.run_tiny(tmp_path, text, only={"tone": ("plain",)}, **options)
    assert (done.exit_code, sent) == (EXIT_DONE, [2])


def test_many_asks_that_are_never_accepted_do_not_keep_the_rest_from_being_asked(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """Prompts that are too long for the model, sixty items of them: what comes after is reached, and they stay failed."""

    def answer(ask: gnomon.Ask) -> str:
        if int(tiny.trial_of(ask).item.key[1:]) in too_long:
            raise CallFailed("the prompt is too long")
        return "short enough"

    subject.answer = answer
    too_long = range(10, 70)
    outcome = tiny.run_tiny(tmp_path, count=80, database="later.db")
    assert (outcome.exit_code, outcome.tally.done) == (EXIT_INCOMPLETE, 40)
    assert outcome.reason == (
        "120 trials could not be finished, most often: the prompt is too long; give the same command "
        "again to try only these"
    )
    # Where nothing was ever answered it may be the command that is wrong, so it stops and says so.
    too_long = range(60)
    options: dict[str, Any] = {"count": 80, "concurrency": 1}
    reason = "50 trials in a row could not be finished, the last because: the prompt is too long"
    stops = [tiny.run_tiny(tmp_path, **options) for _ in range(3)]
    assert [stop.reason for stop in stops[:2]] == [reason, reason]
    assert [stop.tally.done for stop in stops] == [0, 0, 40]
    assert sum(stops[2].tally.failed.values()) == 120


def test_slow_call_is_ended_by_the_timeout(tmp_path: Path) -> None:
    """A call that takes longer than --timeout is a failed attempt that may be tried again."""

    class Slow:
        name = "slow"
        offers = gnomon.Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            await asyncio.sleep(30)
            return Reply(text="too late")

    outcome = tiny.run_tiny(
        tmp_path,
        count=1,
        extra=(Slow,),
        roles={"subject": "slow:x"},
        timeout=0.05,
        retries=1,
        max_wait=0.0,
    )
    assert outcome.exit_code == EXIT_INCOMPLETE
    assert outcome.reason is not None
    assert "no reply within 0.05 s (--timeout)" in outcome.reason


def test_refusal_is_a_score_of_that_status_and_is_not_reused(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """The provider's refusal finishes the trial without a number, and a fresh run asks again."""
    subject.answer = lambda ask: Reply(status="refused", text="I will not")
    outcome = tiny.run_tiny(tmp_path)
    assert outcome.exit_code == EXIT_DONE
    assert rows(tmp_path, "select distinct value, status from scores") == [(None, "refused")]
    subject.answer = lambda ask: "well then"
    again = tiny.run_tiny(tmp_path, fresh=True)
    assert (again.tally.calls, again.tally.cached) == (6, 0)


def test_equal_asks_in_flight_are_one_call(tmp_path: Path) -> None:
    """Two trials that ask the very same thing at once share one call."""
    calls: list[str] = []

    class Waiting:
        name = "waiting"
        offers = gnomon.Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            calls.append(ask.name)
            await asyncio.sleep(0.05)
            return Reply(text="same")

    text = tiny.SPEC.replace("Say something {{tone}} about {{word}}.", "Say something.")
    outcome = tiny.run_tiny(tmp_path, text, extra=(Waiting,), roles={"subject": "waiting:x"})
    assert (len(calls), outcome.tally.calls, outcome.tally.cached) == (1, 1, 5)


def test_a_failure_that_is_shared_is_no_reply_that_was_used_again(tmp_path: Path) -> None:
    """Trials that waited for the same call fail with it; nothing came from the store."""

    class Away:
        name = "away"
        offers = gnomon.Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            await asyncio.sleep(0.05)
            raise CallFailed("nobody is there")

    text = tiny.SPEC.replace("Say something {{tone}} about {{word}}.", "Say something.")
    outcome = tiny.run_tiny(tmp_path, text, extra=(Away,), roles={"subject": "away:x"})
    assert (outcome.tally.calls, outcome.tally.cached) == (1, 0)
    assert rows(tmp_path, "select cached, count(*) from ask group by 1") == [(0, 6)]


def test_a_lone_reply_is_committed_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no further reply comes for long, those that came are committed a second and a look later."""
    now = take_the_clock(monkeypatch)
    commits: list[tuple[float, int]] = []
    clear = Batch.clear

    def noted(self: Batch) -> None:
        clear(self)
        if self.acknowledged:
            commits.append((now(), self.acknowledged))

    class Lone:
        name = "lone"
        offers = gnomon.Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            await asyncio.sleep(0.01 if tiny.trial_of(ask).ordinal == 0 else 100)
            return Reply(text="fine")

    monkeypatch.setattr(Batch, "clear", noted)
    tiny.run_tiny(tmp_path, extra=(Lone,), roles={"subject": "lone:x"})
    assert commits[0][1] == 1
    assert 0 < commits[0][0] <= SECONDS + TICK
    assert SECONDS == 1


def test_budget_of_calls_is_kept_and_resumable(tmp_path: Path, subject: type[tiny.Subject]) -> None:
    """No call beyond --max-calls is sent; the next invocation goes on from there."""
    first = tiny.run_tiny(tmp_path, count=10, max_calls=7)
    assert (len(subject.calls), first.exit_code) == (7, EXIT_INCOMPLETE)
    assert first.reason == "the budget of 7 calls is used up (--max-calls)"
    second = tiny.run_tiny(tmp_path, count=10)
    assert (second.exit_code, second.tally.calls) == (EXIT_DONE, 13)
    assert len(subject.calls) == 20


def test_judge_is_asked_in_a_role_of_its_own(tmp_path: Path) -> None:
    """A scorer that asks a judge is sent the judge's reply, stored beside the subject's."""
    text = (
        tiny.SPEC.replace('use = "length"', 'use = "judged"')
        .replace('of = "length"', 'of = "judged"')
        .replace("[stimuli]", '[roles]\njudge = "marks the answers"\n\n[stimuli]')
    )
    outcome = tiny.run_tiny(tmp_path, text, roles={"judge": "subject:judge"})
    assert outcome.exit_code == EXIT_DONE
    assert rows(tmp_path, "select role, count(*) from conversations group by 1 order by 1") == [
        ("judge", 6),
        ("subject", 6),
    ]
    assert rows(tmp_path, "select distinct status from scores") == [("unparsed",)]


def test_missing_judge_is_said_before_the_first_call(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A role without a model is a usage error that says what to give."""
    text = (
        tiny.SPEC.replace('use = "length"', 'use = "judged"')
        .replace('of = "length"', 'of = "judged"')
        .replace("[stimuli]", '[roles]\njudge = "marks the answers"\n\n[stimuli]')
    )
    with pytest.raises(UsageError) as error:
        tiny.run_tiny(tmp_path, text)
    assert str(error.value) == (
        "the measure 'tiny' needs a model for judge: give --role judge=BACKEND:MODEL"
    )
    assert subject.calls == []


def test_unknown_role_names_the_nearest(tmp_path: Path) -> None:
    """A model for a role that the measure does not have is refused in words."""
    with pytest.raises(UsageError) as error:
        tiny.run_tiny(tmp_path, roles={"subjekt": "subject:two"})
    assert str(error.value) == (
        "the measure 'tiny' has no role 'subjekt' (did you mean 'subject'?); its roles are: subject"
    )


def test_missing_capability_is_said_before_the_first_call(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A measure that needs log-probabilities is refused on a backend without them."""
    text = tiny.SPEC.replace("[[score]]", "[decoding]\nlogprobs = 5\n\n[[score]]")
    with pytest.raises(CapabilityError) as error:
        tiny.run_tiny(tmp_path, text)
    assert str(error.value) == (
        "the measure 'tiny' needs log-probabilities of 5 alternatives (it gives 0) from the "
        "subject, which 'subject:one' does not offer; backends that may: http, litellm, local, scripted"
    )
    assert subject.calls == []


JUDGED_WHEN_POLITE = (
    tiny.SPEC.replace("[stimuli]", '[roles]\njudge = "marks the answers"\n\n[stimuli]')
    .replace("[[score]]", '[[turn]]\nrole = "judge"\nname = "mark"\nonly = {{ tone = "polite" }}\n'
             'user = "Is this polite: {{reply}}"\nprefill = "It is "\n\n[[score]]', 1)
)  # fmt: skip


def test_levels_that_are_not_asked_need_no_model(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """With ``only`` a role that only other levels ask for may be left out, and is asked for else."""
    outcome = tiny.run_tiny(tmp_path, JUDGED_WHEN_POLITE, only={"tone": ("plain",)})
    assert outcome.exit_code == EXIT_DONE
    with pytest.raises(UsageError) as error:
        tiny.run_tiny(tmp_path, JUDGED_WHEN_POLITE, only={"tone": ("plain", "polite")})
    assert str(error.value) == (
        "the measure 'tiny' needs a model for judge: give --role judge=BACKEND:MODEL"
    )


def test_item_scores_read_all_trials_of_an_item(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """A scorer over items sees every condition and repeat of its item."""
    subject.answer = lambda ask: "x" * len(tiny.trial_of(ask).levels["tone"])
    text = tiny.SPEC.replace("[[statistic]]", '[[score]]\nuse = "spread"\n\n[[statistic]]', 1)
    tiny.run_tiny(tmp_path, text, design_repeats=2)
    found = rows(
        tmp_path,
        "select value, json_extract(detail, '$.trials') from scores where score = 'spread'",
    )
    assert found == [(1.0, 4)] * 3


def test_adaptive_source_sees_the_scores_and_resumes_alike(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """Each round is made from the scores before it, also when the run was cut in between."""
    subject.answer = lambda ask: "x" * len(tiny.trial_of(ask).item.key)
    text = tiny.SPEC.replace('use = "tiny-words"\ncount = {count}', 'use = "growing"\nrounds = 4')
    whole = tiny.run_tiny(tmp_path, text, database="whole.db")
    assert whole.exit_code == EXIT_DONE
    assert whole.searched == "the source made 4 rounds of items (2, 1, 1, 1) and asked for no more"
    assert tiny.run_tiny(tmp_path, text, max_calls=5).searched is None
    tiny.run_tiny(tmp_path, text, max_calls=2)
    assert tiny.run_tiny(tmp_path, text).searched == whole.searched
    sql = "select ordinal, trials.item, value from scores join trials using (trial) order by 1"
    with Store.open(tmp_path / "whole.db") as store:
        expected = list(store.query(sql)[1])
    assert [row[1] for row in expected] == [
        "a",
        "a",
        "bb",
        "bb",
        "bb+",
        "bb+",
        "bb++",
        "bb++",
        "bb+++",
        "bb+++",
    ]
    assert rows(tmp_path, sql) == expected


def test_source_may_ask_a_generator(tmp_path: Path) -> None:
    """A source that asks a model for its items is sent the reply, once."""

    class Maker(tiny.Subject):
        name = "maker"

        def ask(self, ask: gnomon.Ask) -> Reply:
            return Reply(text="sun moon")

    text = tiny.SPEC.replace('use = "tiny-words"\ncount = {count}', 'use = "generated"').replace(
        "[stimuli]", '[roles]\ngenerator = "makes the words"\n\n[stimuli]'
    )
    tiny.run_tiny(tmp_path, text, extra=(Maker,), roles={"generator": "maker:m"}, design_repeats=2)
    assert rows(tmp_path, "select item, count(*) from trials group by 1 order by 1") == [
        ("moon", 4),
        ("sun", 4),
    ]
    assert rows(tmp_path, "select count(*) from conversations where role = 'generator'") == [(1,)]


@attrs.frozen(kw_only=True)
class Inventing:
    """A source that has each of its words made, one after the other.

    Attributes:
        role: Who makes them.
    """

    name: ClassVar[str] = "inventing"
    asks: ClassVar[bool] = True
    role: str = "generator"

    def items(self, around: gnomon.Surroundings) -> Any:
        for number in range(3):
            message = Message("user", f"Word {number}, please.")
            reply = yield Chat(role=self.role, name=f"word{number}", messages=(message,))
            yield Item(key=str(number), fields={"word": reply.text})


def test_a_budget_that_ends_while_the_source_asks(
    tmp_path: Path, subject: type[tiny.Subject]
) -> None:
    """The run ends as by any budget, and goes on without asking the generator anything twice."""
    subject.answer = lambda ask: f"word{len(subject.calls)}"
    text = tiny.SPEC.replace('use = "tiny-words"\ncount = {count}', 'use = "inventing"').replace(
        "[stimuli]", '[roles]\ngenerator = "makes the words"\n\n[stimuli]'
    )
    options: dict[str, Any] = {"extra": (Inventing,), "roles": {"generator": "subject:maker"}}
    first = tiny.run_tiny(tmp_path, text, max_calls=2, **options)
    assert (first.exit_code, first.reason) == (
        EXIT_INCOMPLETE,
        "the budget of 2 calls is used up (--max-calls)",
    )
    second = tiny.run_tiny(tmp_path, text, **options)
    assert (second.exit_code, second.tally.calls) == (EXIT_DONE, 1 + 6)


def test_item_scores_only_where_they_are_for(tmp_path: Path) -> None:
    """An item of which no trial has the level that a score is for has no score, not a missing one."""
    text = (
        tiny.SPEC.replace('tone = ["plain", "polite"]', "")
        .replace("[design.factors]", '[design.balanced]\ntone = ["plain", "polite"]')
        .replace(
            "[[statistic]]", '[[score]]\nuse = "spread"\nonly = { tone = "plain" }\n\n[[statistic]]'
        )
    )
    tiny.run_tiny(tmp_path, text, count=4)
    plain = rows(tmp_path, "select item from trials where levels ->> 'tone' = 'plain' order by 1")
    assert len(plain) == 2
    found = rows(tmp_path, "select item, status from scores where score = 'spread' order by 1")
    assert found == [(item, "ok") for (item,) in plain]


@pytest.mark.parametrize(
    "text",
    [
        "nul \x00 byte",
        "lone \ud800 surrogate",
        "{word} {{braces}} {0.__class__}",
        "\N{RIGHT-TO-LEFT OVERRIDE}txet",
        "a" * 10_000_000,
    ],
    ids=["nul", "surrogate", "template", "rtl", "ten megabytes"],
)
def test_hostile_reply_is_kept_as_it_came(
    tmp_path: Path, subject: type[tiny.Subject], text: str
) -> None:
    """Whatever a model says is stored whole, scored, and reads back as the same text."""
    subject.answer = lambda ask: text
    outcome = tiny.run_tiny(tmp_path, count=1)
    assert outcome.exit_code == EXIT_DONE
    with Store.open(tmp_path / "results.db") as store:
        records = [record for _, record in store.trial_records(outcome.run_id)]
    assert [record.last.text for record in records] == [text, text]


def test_only_and_limit_choose_trials(tmp_path: Path) -> None:
    """--only keeps levels and groups, --limit the first items of those kept."""
    tiny.run_tiny(tmp_path, count=6, only={"tone": ("polite",), "half": ("odd",)}, limit=2)
    assert rows(tmp_path, "select item, levels from trials order by 1") == [
        ("w1", '{"tone":"polite"}'),
        ("w3", '{"tone":"polite"}'),
    ]


def test_only_with_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    """A misspelt column is a usage error, not an empty run."""
    with pytest.raises(UsageError) as error:
        tiny.run_tiny(tmp_path, only={"tune": ("polite",)})
    assert str(error.value) == (
        "--only names the column 'tune', which this measure does not have "
        "(did you mean 'tone'?); there are: half, item, tone"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"repeats": 0}, "--repeats must be at least 1; it is 0"),
        ({"limit": -1}, "--limit must be at least 1; it is -1"),
    ],
)
def test_absurd_options_are_refused(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    """Each option that cannot be meant is refused with its value."""
    with pytest.raises(UsageError) as error:
        tiny.run_tiny(tmp_path, **options)
    assert str(error.value) == sentence
