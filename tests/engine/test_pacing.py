"""Rate limits: named ones are kept, unknown ones are found, and who waits is told. In virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import VirtualLoop

import gnomon
from gnomon import CallFailed, Reply
from gnomon.cli.display import line
from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE, UsageError
from gnomon.loading import load
from gnomon.run import Outcome, RunRequest, Tally, run
from gnomon.run.limits import Bucket
from gnomon.run.pacing import Gate
from gnomon.run.pausing import Pauses
from servers import Answer, Request, completion, serving


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every event loop of the test has a clock that jumps."""
    monkeypatch.setattr(asyncio.events, "new_event_loop", VirtualLoop)
    return


@attrs.define
class Provider:
    """A model behind a known limit.

    Attributes:
        rate: Calls a second that it accepts, None for any.
        burst: Calls that it saves up.
        wide: Calls at once that it accepts, None for any.
        latency: Seconds a reply takes on average.
        after: What it says in ``retry-after``.
    """

    rate: float | None = None
    burst: float = 10
    wide: int | None = None
    latency: float = 0.05
    after: float | None = None
    accepted: list[float] = attrs.field(factory=list)
    refused: list[float] = attrs.field(factory=list)
    _saved: float = attrs.field(default=attrs.Factory(lambda self: self.burst, takes_self=True))
    _at: float = 0.0
    _inside: int = 0
    _rng: random.Random = attrs.field(factory=lambda: random.Random(5))

    def _full(self, now: float) -> bool:
        if self.wide is not None:
            return self._inside >= self.wide
        if self.rate is None:
            return False
        self._saved = min(self.burst, self._saved + (now - self._at) * self.rate)
        self._at = now
        if self._saved < 1:
            return True
        self._saved -= 1
        return False

    async def ask(self, ask: gnomon.Ask) -> Reply:
        now = asyncio.get_running_loop().time()
        if self._full(now):
            self.refused.append(now)
            raise CallFailed("too many calls", retry=True, after=self.after, limited=True)
        self.accepted.append(now)
        number = len(self.accepted)
        self._inside += 1
        await asyncio.sleep(self._rng.expovariate(1 / self.latency))
        self._inside -= 1
        return Reply(text=f"fine {number}", tokens_in=7, tokens_out=3)

    def backend(self) -> type:
        provider = self

        class Limited:
            name = "limited"
            offers = gnomon.Capability(kinds=["chat"])

            def __init__(self, model: str) -> None:
                self.model = model

            async def ask(self, ask: gnomon.Ask) -> Reply:
                return await provider.ask(ask)

        return Limited

    def run(self, folder: Path, trials: int, **options: Any) -> Outcome:
        options = {"concurrency": 40, "roles": {"subject": "limited:x"}, **options}
        return tiny.run_tiny(folder, count=trials // 2, extra=(self.backend(),), **options)

    @property
    def rejected(self) -> float:
        """Share of the calls that were refused."""
        return len(self.refused) / (len(self.refused) + len(self.accepted))

    def sustained(self, begun: float = 0.0) -> float:
        """Calls a second that were accepted after a share of the time."""
        start, end = self.accepted[0], self.accepted[-1]
        start += (end - start) * begun
        return sum(when > start for when in self.accepted) / (end - start)


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize(
    ("provider", "options"),
    [
        (Provider(rate=10), {"rpm": {"": 600}}),
        (Provider(rate=500, burst=50), {"rpm": {"subject": 30_000}}),
        (Provider(rate=100), {"tpm": {"": 60_000}}),
    ],
    ids=["rpm", "quick", "tpm"],
)
def test_a_named_limit_is_kept_and_used(
    tmp_path: Path, provider: Provider, options: dict[str, Any]
) -> None:
    """Nine tenths of the limit are sustained from the first call on, and less than 2 % is refused."""
    outcome = provider.run(tmp_path, 800, **options)
    assert outcome.exit_code == EXIT_DONE
    assert provider.rate is not None
    assert provider.sustained() >= 0.9 * provider.rate
    assert provider.rejected < 0.02
    assert outcome.tally.limited == len(provider.refused)


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize(
    ("provider", "limit"),
    [
        (Provider(rate=50, burst=50), 50),
        (Provider(rate=50, burst=50, after=1.0), 50),
        (Provider(rate=100, after=0.1), 100),
        (Provider(rate=10, burst=300), 10),
        (Provider(wide=20, latency=1.0), 20),
    ],
    ids=["rate", "retry-after", "short-retry-after", "saved-up", "calls-at-once"],
)
def test_an_unknown_limit_is_found(tmp_path: Path, provider: Provider, limit: float) -> None:
    """Without any option, nine tenths of the limit are sustained once it was found."""
    outcome = provider.run(tmp_path, 2_400)
    assert outcome.exit_code == EXIT_DONE
    assert provider.sustained(begun=0.25) >= 0.9 * limit
    assert 0 < provider.rejected < 0.02
    assert outcome.tally.limited == len(provider.refused)


@pytest.mark.usefixtures("virtual")
def test_a_provider_of_few_calls_at_once_refuses_few_in_the_beginning(tmp_path: Path) -> None:
    """Fifty trials that could all be asked at once meet a provider of twenty calls: no more than one of each
    fifty calls of a quarter of a minute is refused, and nine tenths of what it takes are used."""
    provider = Provider(wide=20, latency=0.4)
    assert provider.run(tmp_path, 750, concurrency=50).exit_code == EXIT_DONE
    assert len(provider.refused) <= 15
    assert provider.sustained() >= 0.9 * 50


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize("latency", [0.0005, 10.0])
def test_a_provider_without_a_limit_soon_has_all_calls_at_once(
    tmp_path: Path, latency: float
) -> None:
    """Those that may go at once are under way within a second, sooner where replies come sooner; and then
    nothing is counted any more."""
    provider, gates = Provider(latency=latency), []
    made = Gate.__init__

    def remember(self: Gate, *given: Any) -> None:
        made(self, *given)
        gates.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gate, "__init__", remember)
        assert provider.run(tmp_path, 400, concurrency=50).exit_code == EXIT_DONE
    begun = provider.accepted[0]
    assert provider.accepted[7] == begun
    assert provider.accepted[49] - begun <= min(0.7, 8 * latency)
    assert [gate.free for gate in gates] == [True]
    assert not provider.refused


def test_nobody_waits_on_the_time_of_a_call_for_what_the_backend_takes_at_once(
    tmp_path: Path,
) -> None:
    """With two connections and twenty trials at once, the clock of a call starts when it has its connection."""
    with serving(Answer(body=completion("slow"), delay=0.2)) as server:
        subject = f"http:m?base_url={server.url}&connections=2"
        options: dict[str, Any] = {"count": 5, "concurrency": 20, "timeout": 0.8, "retries": 0}
        outcome = tiny.run_tiny(tmp_path, roles={"subject": subject}, **options)
    assert (outcome.exit_code, outcome.tally.calls, len(server.requests)) == (EXIT_DONE, 10, 10)
    assert server.connections == 2


@pytest.mark.usefixtures("virtual")
def test_a_backend_that_takes_few_at_once_is_not_limited_otherwise(tmp_path: Path) -> None:
    """It is sent as many as it takes all the time, however many trials are under way, and says who waits."""
    inside: list[int] = []
    said: list[str] = []

    class Narrow:
        name = "narrow"
        offers = gnomon.Capability(kinds=["chat"], concurrency=3)

        def __init__(self, model: str) -> None:
            self.model = model
            self.inside = 0

        async def ask(self, ask: gnomon.Ask) -> Reply:
            self.inside += 1
            inside.append(self.inside)
            await asyncio.sleep(1.0)
            self.inside -= 1
            return Reply(text="narrow")

    catalogue = tiny.catalogue(Narrow)
    spec = load(tiny.write_spec(tmp_path, count=30), catalogue)
    request = RunRequest(spec=spec, roles={"subject": "narrow:x"}, concurrency=20)

    class Looking:
        def say(self, sentence: str) -> None:
            pass

        def progress(self, here: int, in_all: int | None) -> None:
            pass

        def begin(self, tally: Tally) -> None:
            async def look() -> None:
                await asyncio.sleep(5.5)
                said.extend(tally.waits())

            self.task = asyncio.get_running_loop().create_task(look())

        def end(self) -> None:
            pass

    outcome = run(request, catalogue, tmp_path / "results.db", Looking())
    assert (outcome.exit_code, max(inside), len(inside)) == (EXIT_DONE, 3, 60)
    assert said == ["17 wait for narrow:x, which works on 3 at once"]


@pytest.mark.usefixtures("virtual")
def test_a_limit_that_is_lifted_is_noticed(tmp_path: Path) -> None:
    """After a provider grants ten times as much, the run is soon much quicker."""
    provider = Provider(rate=10, burst=10)

    class Lifted(Provider):
        def _full(self, now: float) -> bool:
            self.rate = 10.0 if now < 20 else 100.0
            return super()._full(now)

    provider = Lifted(rate=10, burst=10)
    assert provider.run(tmp_path, 4_000).exit_code == EXIT_DONE
    assert sum(19 < when <= 20 for when in provider.accepted) <= 12
    assert provider.accepted[-1] < 140
    assert provider.rejected < 0.02


@pytest.mark.usefixtures("virtual")
def test_retry_after_holds_back_every_call_to_that_model(tmp_path: Path) -> None:
    """One refused call that names 20 seconds keeps all others waiting as well, and no longer."""
    sent: list[float] = []

    class Once:
        name = "limited"
        offers = gnomon.Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            sent.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.5)
            if len(sent) == 4 and sent[-1] < 1:
                raise CallFailed("come back later", retry=True, after=20.0)
            return Reply(text="fine")

    outcome = tiny.run_tiny(
        tmp_path, count=20, extra=(Once,), roles={"subject": "limited:x"}, concurrency=4
    )
    assert outcome.exit_code == EXIT_DONE
    assert [when for when in sent if when < 20] == [0.0] * 4
    assert sent[4] == pytest.approx(20.5)


class Refusing:
    """A backend whose first call is refused at once, the others answered.

    Attributes:
        sent: When each call came, in the loop's seconds.
        loop: The run's loop; its clock stands still when the run has ended.
    """

    sent: ClassVar[list[float]]
    loop: ClassVar[asyncio.AbstractEventLoop]

    @classmethod
    def by(cls, failure: CallFailed) -> type:
        """The backend with what its first call is refused by."""

        class Made(cls):  # type: ignore[valid-type,misc]  # a class made for one test
            name = "limited"
            offers = gnomon.Capability(kinds=["chat"])
            sent: ClassVar[list[float]] = []

            def __init__(self, model: str) -> None:
                self.model = model

            async def ask(self, ask: gnomon.Ask) -> Reply:
                Made.loop = asyncio.get_running_loop()
                Made.sent.append(Made.loop.time())
                if len(Made.sent) == 1:
                    raise failure
                return Reply(text="fine")

        return Made


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize("limited", [True, False])
def test_a_time_longer_than_max_wait_stops_the_run(tmp_path: Path, limited: bool) -> None:
    """Nobody is kept waiting for it, and nobody else asks that provider before it."""
    failure = CallFailed("come back tomorrow", retry=True, after=86_400.0, limited=limited)
    cls = Refusing.by(failure)
    outcome = tiny.run_tiny(
        tmp_path, count=20, extra=(cls,), roles={"subject": "limited:x"}, concurrency=1
    )
    assert (outcome.exit_code, outcome.tally.calls) == (EXIT_INCOMPLETE, 1)
    assert outcome.reason == (
        "come back tomorrow; the next call may be made in 86400 s, and at most 600 s are waited "
        "(--max-wait)"
    )
    assert cls.loop.time() < 1


@pytest.mark.usefixtures("virtual")
def test_retry_after_is_kept_by_others_when_the_call_itself_is_given_up(tmp_path: Path) -> None:
    """A call that is not tried again has learnt all the same when the provider is to be asked."""
    cls = Refusing.by(CallFailed("come back later", retry=True, after=20.0))
    outcome = tiny.run_tiny(
        tmp_path, extra=(cls,), roles={"subject": "limited:x"}, concurrency=1, retries=0
    )
    assert (outcome.exit_code, outcome.tally.calls) == (EXIT_INCOMPLETE, 6)
    assert cls.sent == pytest.approx([0.0, *[20.0] * 5])


@pytest.mark.usefixtures("virtual")
def test_roles_on_one_model_share_the_lowest_of_their_limits(tmp_path: Path) -> None:
    """A judge that only the limit for all others is for keeps the subject to it as well."""
    text = (
        tiny.SPEC.replace('use = "length"', 'use = "judged"')
        .replace('of = "length"', 'of = "judged"')
        .replace("[stimuli]", '[roles]\njudge = "marks the answers"\n\n[stimuli]')
    )
    provider = Provider()
    tiny.run_tiny(
        tmp_path,
        text,
        count=10,
        extra=(provider.backend(),),
        roles={"subject": "limited:x", "judge": "limited:x"},
        rpm={"": 60.0, "subject": 600.0},
    )
    assert len(provider.accepted) == 40
    assert provider.sustained() == pytest.approx(1, rel=0.05)


@pytest.mark.usefixtures("virtual")
def test_a_call_that_may_not_be_sent_does_not_wait_for_its_turn(tmp_path: Path) -> None:
    """With the budget used up, the run ends at once and not ten seconds later."""
    provider, loops = Provider(), []
    cls = provider.backend()
    asked = cls.ask

    async def ask(self: Any, given: gnomon.Ask) -> Reply:
        loops.append(asyncio.get_running_loop())
        return await asked(self, given)

    cls.ask = ask  # type: ignore[attr-defined]  # a class made for this test
    outcome = tiny.run_tiny(
        tmp_path,
        extra=(cls,),
        roles={"subject": "limited:x"},
        rpm={"": 6.0},
        max_calls=2,
        concurrency=1,
    )
    assert outcome.reason == "the budget of 2 calls is used up (--max-calls)"
    assert provider.accepted == pytest.approx([0.0, 10 / 0.99])
    assert loops[-1].time() < 11


@pytest.mark.usefixtures("virtual")
def test_an_open_gate_holds_nobody_back() -> None:
    """Neither those who waited nor those who come afterwards."""

    async def main() -> float:
        gate, ask = Gate("m", rpm=1), gnomon.Chat(messages=())
        for _ in range(2):
            passing = asyncio.create_task(gate.enter(ask))
            await asyncio.sleep(0.5)
        gate.open()
        await passing
        await gate.enter(ask)
        assert gate.in_flight == 3
        return asyncio.get_running_loop().time()

    assert asyncio.run(main()) == 1.0


@pytest.mark.usefixtures("virtual")
def test_one_models_limit_is_no_other_models(tmp_path: Path) -> None:
    """A judge with a limit of its own slows the judge's calls and no others."""
    text = (
        tiny.SPEC.replace('use = "length"', 'use = "judged"')
        .replace('of = "length"', 'of = "judged"')
        .replace("[stimuli]", '[roles]\njudge = "marks the answers"\n\n[stimuli]')
    )
    subject, judge = Provider(), Provider()

    class Judge:
        name = "judge"
        offers = gnomon.Capability(kinds=["chat"])

        def __init__(self, model: str) -> None:
            self.model = model

        async def ask(self, ask: gnomon.Ask) -> Reply:
            return await judge.ask(ask)

    tiny.run_tiny(
        tmp_path,
        text,
        count=30,
        extra=(subject.backend(), Judge),
        roles={"subject": "limited:x", "judge": "judge:y"},
        rpm={"judge": 60.0},
        concurrency=60,
    )
    assert subject.accepted[-1] < 1
    assert judge.sustained() == pytest.approx(1, rel=0.05)


class _Watcher:
    """An observer that keeps the tally."""

    tally: Tally

    def say(self, sentence: str) -> None: ...
    def progress(self, here: int, in_all: int | None) -> None: ...
    def end(self) -> None: ...
    def begin(self, tally: Tally) -> None:
        self.tally = tally


def watched(folder: Path, provider: Provider, at: float, **options: Any) -> list[str]:
    """What the progress line says of waiting, so many seconds after the beginning."""
    folder.mkdir()
    watcher, said = _Watcher(), []
    cls = provider.backend()
    asked = cls.ask

    def look() -> None:
        said.extend(watcher.tally.waits())
        assert " · ".join(said) in line(watcher.tally)

    async def ask(self: Any, given: gnomon.Ask) -> Reply:
        if not provider.accepted:
            asyncio.get_running_loop().call_later(at, look)
        return await asked(self, given)

    cls.ask = ask  # type: ignore[attr-defined]  # a class made for this test
    found = tiny.catalogue(cls)
    spec = load(tiny.write_spec(folder, count=100), found)
    roles = {"subject": "limited:x"}
    request = RunRequest(spec=spec, roles=roles, concurrency=40, **options)
    run(request, found, folder / "results.db", watcher)
    return said


@pytest.mark.usefixtures("virtual")
def test_the_progress_line_says_who_waits_and_why(tmp_path: Path) -> None:
    """The model, the number of calls that wait for it, and what holds them back."""
    quick = {"latency": 0.001}
    assert watched(tmp_path / "rpm", Provider(**quick), 1.05, rpm={"": 600.0}) == [
        "40 wait for limited:x, at most 600 calls a minute (--rpm)"
    ]
    assert watched(tmp_path / "tpm", Provider(**quick), 1.04, tpm={"": 6000.0}) == [
        "40 wait for limited:x, at most 6000 tokens a minute (--tpm)"
    ]
    assert watched(tmp_path / "start", Provider(latency=30.0), 0.2) == [
        "27 wait for limited:x, which is sent 13 calls at once to begin with"
    ]
    # The thirtieth was refused, so that the other ten were not even sent.
    held = watched(tmp_path / "held", Provider(rate=10, burst=29, after=5.0, **quick), 2.0)
    assert held == [
        "39 wait for limited:x, which is left alone for 3 s more",
        "1 waits to try again, the next in 3 s, after: too many calls",
    ]


@pytest.mark.usefixtures("virtual")
def test_a_pause_that_is_cut_short_counts_as_long_as_it_was() -> None:
    """Ten seconds that were ended after four are four; the next one to come does not wait at all."""

    async def main() -> None:
        tally = Tally()
        pauses = Pauses(tally)
        assert (await pauses.pause(2.0, "busy"), tally.waiting, pauses.says()) == (False, 2.0, [])
        waiting = asyncio.create_task(pauses.pause(10.0, "busy"))
        await asyncio.sleep(4.0)
        assert pauses.says() == ["1 waits to try again, the next in 6 s, after: busy"]
        pauses.wake()
        assert (await waiting, tally.waiting) == (True, 6.0)
        assert (await pauses.pause(10.0, "busy"), tally.waiting) == (True, 6.0)

    asyncio.run(main())


@pytest.mark.usefixtures("virtual")
def test_max_time_ends_those_who_wait(tmp_path: Path) -> None:
    """A run that waits for its turn stops when its time is used up, not at the next turn."""
    provider = Provider()
    outcome = provider.run(tmp_path, 20, rpm={"": 1.0}, max_time=5.0)
    assert outcome.exit_code == EXIT_INCOMPLETE
    assert outcome.reason == "the time of 5 s is used up (--max-time)"
    assert (len(provider.accepted), outcome.tally.calls) == (1, 1)


@pytest.mark.usefixtures("virtual")
def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    """Whoever waits behind it comes at the time at which it would have come."""

    async def main() -> list[float]:
        gate, ask = Gate("m", rpm=60 / 0.99), gnomon.Chat(messages=())
        loop, passed = asyncio.get_running_loop(), []

        async def pass_() -> None:
            tokens = await gate.enter(ask)
            passed.append(loop.time())
            gate.leave(Reply(text="x"), tokens, loop.time())

        tasks = [asyncio.create_task(pass_()) for _ in range(4)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert gate.in_flight == 0
        return passed

    assert asyncio.run(main()) == pytest.approx([0.0, 1.0, 2.0])


@given(
    per_minute=st.floats(1, 1e5),
    late=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_no_minute_holds_more_calls_than_named(per_minute: float, late: list[float]) -> None:
    """However late calls come, those of any minute are at most the limit, and one with those of ``LATE``."""
    bucket, now, times = Bucket(per_minute), 0.0, []
    for seconds in late:
        now = max(now + seconds, bucket.due)
        bucket.take(1.0, now)
        times.append(now)
    for begin in times:
        inside = sum(begin <= when < begin + 60 for when in times)
        assert inside <= per_minute * (1 + 0.1 / 60) + 1


def test_limits_hold_on_a_real_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over loopback and the http backend: a server that takes 30 calls a second refuses none of 60."""
    pytest.importorskip("aiohttp")
    import time

    asked: list[float] = []
    served: list[float] = []
    enter = Gate.enter

    async def noted(self: Gate, *given: Any) -> float:
        asked.append(time.monotonic())
        return await enter(self, *given)

    def handler(_: Request) -> Answer:
        served.append(time.monotonic())
        # Counted from the first, so that a busy machine, on which calls come late, makes none too early.
        if len(served) > 1 + 30 * (served[-1] - asked[0]):
            return Answer(status=429, body={"error": "too many"}, headers={"retry-after": "1"})
        return Answer(body=completion("fine"))

    monkeypatch.setattr(Gate, "enter", noted)

    with serving(handler) as server:
        outcome = tiny.run_tiny(
            tmp_path,
            count=30,
            roles={"subject": f"http:m?base_url={server.url}"},
            rpm={"": 1800.0},
        )
    assert (outcome.exit_code, outcome.tally.limited) == (EXIT_DONE, 0)
    assert len(served) == 60
    assert served[-1] - asked[0] >= 59 / 30


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rpm": {"": 0.0}}, "--rpm must be a number above 0; it is 0"),
        ({"rpm": {"": -3.0}}, "--rpm must be a number above 0; it is -3"),
        ({"tpm": {"": float("nan")}}, "--tpm must be a number above 0; it is nan"),
        ({"tpm": {"": float("inf")}}, "--tpm must be a number above 0; it is inf"),
        (
            {"rpm": {"sbject": 3.0}},
            "--rpm names the role 'sbject', which this run does not have (did you mean 'subject'?); "
            "its roles are: subject",
        ),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    """A sentence each, before anything is done."""
    with pytest.raises(UsageError) as refused:
        tiny.run_tiny(tmp_path, **options)
    assert str(refused.value) == sentence
    assert not (tmp_path / "results.db").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rpm", "many"], "--rpm takes a number or ROLE=NUMBER; it got 'many'"),
        (["--tpm", "=5"], "--tpm takes a number or ROLE=NUMBER; it got '=5'"),
        (["--rpm", "5", "--rpm", "6"], "--rpm is given twice"),
        (["--tpm", "judge=5", "--tpm", "judge=6"], "--tpm is given twice for 'judge'"),
    ],
    ids=str,
)
def test_words_that_are_no_limit_are_refused(run_gnomon, words: list[str], sentence: str) -> None:
    """The command line says what it takes."""
    done = run_gnomon("run", "weat", "--model", "scripted:fill", *words)
    assert (done.returncode, done.stderr) == (2, f"gnomon: {sentence}\n")
