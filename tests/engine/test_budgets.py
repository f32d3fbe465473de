"""Budgets of calls, dollars and seconds: kept whatever the calls cost, how long they take, and which fail."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import take_the_clock

import gnomon
from gnomon import CallFailed, Capability, Reply
from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE, UsageError
from gnomon.run import Outcome

WORDS = 8
TRIALS = 2 * WORDS


@attrs.define
class Call:
    """What one call will be like.

    Attributes:
        cost: Dollars.
        seconds: How long it takes.
        fails: Whether it fails, to be tried again at once.
    """

    cost: float
    seconds: float
    fails: bool


@attrs.define
class Bill:
    """What was sent, and what it came to.

    Attributes:
        calls: What calls will be like, over and over.
        sent: Time at which each call was sent.
        spent: Dollars of the calls that have come back.
        flying: Cost of each call under way.
        at_send: For each call: dollars spent before it was sent, and the cost of all then under way,
            itself included.
        answered: The prompts that were answered.
    """

    calls: list[Call]
    sent: list[float] = attrs.field(factory=list)
    spent: float = 0.0
    flying: dict[int, float] = attrs.field(factory=dict)
    at_send: list[tuple[float, float]] = attrs.field(factory=list)
    answered: list[str] = attrs.field(factory=list)


class Priced:
    """Answers as the bill has it."""

    name: ClassVar[str] = "priced"
    offers: ClassVar[Capability] = Capability(kinds=["chat"], blocking=False)
    bill: ClassVar[Bill]

    def __init__(self, model: str) -> None:
        self.model = model

    async def ask(self, ask: gnomon.Ask) -> Reply:
        bill = self.bill
        number = len(bill.sent)
        call = bill.calls[number % len(bill.calls)]
        bill.sent.append(asyncio.get_running_loop().time())
        bill.flying[number] = 0.0 if call.fails else call.cost
        bill.at_send.append((bill.spent, sum(bill.flying.values())))
        await asyncio.sleep(call.seconds)
        bill.spent += bill.flying.pop(number)
        if call.fails:
            raise CallFailed("not now", retry=True, after=0.0)
        bill.answered.append(ask.messages[0].content)  # type: ignore[attr-defined]  # a chat
        return Reply(text="dear", cost=call.cost)


CALLS = st.lists(
    st.builds(
        Call,
        cost=st.sampled_from([0.01, 0.05, 0.10, 0.40]),
        seconds=st.sampled_from([0.0, 0.001, 0.003]),
        fails=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=7,
).filter(lambda calls: not all(call.fails for call in calls))
AT_ONCE = st.integers(1, 12)


def run_priced(folder: Path, bill: Bill, **options: Any) -> Outcome:
    """The tiny measure on the priced model."""
    Priced.bill = bill
    given_: dict[str, Any] = {"extra": (Priced,), "roles": {"subject": "priced:x"}, "retries": 50}
    return tiny.run_tiny(folder, count=WORDS, **given_, **options)


def check_resumed(folder: Path, first: Bill, calls: list[Call], outcome: Outcome) -> None:
    """Without a budget the same command asks for the rest, and for nothing that was answered."""
    rest = Bill(calls)
    done = run_priced(folder, rest, concurrency=3)
    assert done.exit_code == EXIT_DONE
    assert done.tally.before + done.tally.done == TRIALS
    assert sorted([*first.answered, *rest.answered]) == sorted({*first.answered, *rest.answered})
    assert outcome.exit_code == (EXIT_DONE if outcome.reason is None else EXIT_INCOMPLETE)


@settings(max_examples=15)
@given(calls=CALLS, at_once=AT_ONCE, most=st.integers(1, 30))
def test_never_a_call_more_than_allowed(calls: list[Call], at_once: int, most: int) -> None:
    """Tries that fail count too; the last call allowed is sent, and the next one is not."""
    with tempfile.TemporaryDirectory() as name:
        bill = Bill(calls)
        outcome = run_priced(Path(name), bill, concurrency=at_once, max_calls=most)
        assert len(bill.sent) == outcome.tally.calls <= most
        if outcome.reason is not None:
            assert outcome.reason == f"the budget of {most} calls is used up (--max-calls)"
            assert len(bill.sent) == most
        check_resumed(Path(name), bill, calls, outcome)


@settings(max_examples=15)
@given(calls=CALLS, at_once=AT_ONCE, most=st.sampled_from([0.01, 0.10, 0.35, 1.0, 3.0]))
def test_never_more_dollars_than_what_was_in_flight(
    calls: list[Call], at_once: int, most: float
) -> None:
    """No call is sent once the money is spent, and what is over it was under way by then."""
    with tempfile.TemporaryDirectory() as name:
        bill = Bill(calls)
        outcome = run_priced(Path(name), bill, concurrency=at_once, max_cost=most)
        assert all(spent < most for spent, _ in bill.at_send)
        spent, flying = bill.at_send[-1]
        assert bill.spent <= spent + flying + 1e-9
        assert outcome.tally.cost == pytest.approx(bill.spent)
        if len({call.cost for call in calls}) == 1:
            # The first call goes alone, and once its price is known, calls under way are taken to cost it:
            # only the one that is sent when less than its price is left is over.
            price = calls[0].cost
            assert bill.spent <= most + price + 1e-9
        if outcome.reason is not None:
            assert outcome.reason == f"the budget of {most:g} $ is used up (--max-cost)"
        check_resumed(Path(name), bill, calls, outcome)


@settings(max_examples=8)
@given(calls=CALLS, at_once=AT_ONCE, most=st.sampled_from([0.001, 0.01, 0.05]))
def test_never_a_call_after_the_time(calls: list[Call], at_once: int, most: float) -> None:
    """Calls under way when the time is up are waited for; no other is sent."""
    slow = [attrs.evolve(call, seconds=call.seconds + 0.005) for call in calls]
    with tempfile.TemporaryDirectory() as name:
        bill = Bill(slow)
        with pytest.MonkeyPatch.context() as patch:
            # A clock that stands still between the look at it and the call, however busy the machine.
            take_the_clock(patch)
            outcome = run_priced(Path(name), bill, concurrency=at_once, max_time=most)
        assert all(sent < most for sent in bill.sent)
        if outcome.reason is not None:
            assert outcome.reason == f"the time of {most:g} s is used up (--max-time)"
        check_resumed(Path(name), bill, calls, outcome)


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1.0])
def test_a_cost_that_is_none_keeps_no_budget(tmp_path: Path, cost: float) -> None:
    """It is a price that is not known, so the run stops, and the bill says nothing of it."""

    class Odd(Priced):
        name = "odd"

        async def ask(self, ask: gnomon.Ask) -> Reply:
            return Reply(text="odd", cost=cost)

    outcome = tiny.run_tiny(tmp_path, extra=(Odd,), roles={"subject": "odd:x"}, max_cost=5.0)
    assert (outcome.exit_code, outcome.tally.calls, outcome.tally.spent) == (
        EXIT_INCOMPLETE,
        1,
        None,
    )
    assert outcome.reason == (
        "the price of a reply is unknown, so --max-cost cannot be kept; use --max-calls"
    )


def test_what_the_filter_kept_back_does_not_stop_a_run_with_a_budget(tmp_path: Path) -> None:
    """A provider names no price for what it did not answer; the answers beside it have one."""

    class Filtering(Priced):
        name = "filtering"

        async def ask(self, ask: gnomon.Ask) -> Reply:
            if "word1" in ask.messages[0].content:  # type: ignore[attr-defined]  # a chat
                return Reply(status="filtered", finish="content_filter")
            return Reply(text="dear", cost=0.5)

    roles = {"subject": "filtering:x"}
    outcome = tiny.run_tiny(tmp_path, extra=(Filtering,), roles=roles, max_cost=5.0)
    assert (outcome.exit_code, outcome.reason, outcome.tally.cost) == (EXIT_DONE, None, 2.0)
    assert outcome.tally.statuses == {"ok": 4, "filtered": 2}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_calls": 0}, "--max-calls must be at least 1; it is 0"),
        ({"max_calls": -3}, "--max-calls must be at least 1; it is -3"),
        ({"max_cost": 0.0}, "--max-cost must be above 0; it is 0"),
        ({"max_cost": -2.5}, "--max-cost must be above 0; it is -2.5"),
        ({"max_cost": float("nan")}, "--max-cost must be above 0; it is nan"),
        ({"max_time": 0.0}, "--max-time must be above 0; it is 0"),
        ({"max_time": -1.0}, "--max-time must be above 0; it is -1"),
        ({"max_wait": -1.0}, "--max-wait must not be negative; it is -1"),
        ({"max_wait": float("nan")}, "--max-wait must not be negative; it is nan"),
        ({"timeout": 0.0}, "--timeout must be above 0; it is 0"),
        ({"retries": -1}, "--retries must be at least 0; it is -1"),
        ({"concurrency": 0}, "--concurrency must be at least 1; it is 0"),
        ({"concurrency": -4}, "--concurrency must be at least 1; it is -4"),
        ({"concurrency": 1_000_000_000}, "--concurrency must be at most 10000; it is 1000000000"),
    ],
)
def test_absurd_limits_are_refused(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    """Each with a sentence, before there is a database."""
    with pytest.raises(UsageError) as error:
        tiny.run_tiny(tmp_path, **options)
    assert str(error.value) == sentence
    assert not (tmp_path / "results.db").exists()
