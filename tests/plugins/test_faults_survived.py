"""What a run makes of a provider that fails: one table, read from left to right.

Each row is a fault as the server shows it, how often the call is made, what is stored of it, and what
becomes of the trial. One run meets all the faults of the first table at once, each in a trial of its own;
those of the second end a run. The same tables hold for every backend that a fault can be shown to.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
import tiny
from test_http_faults import self_signed

import gnomon
from gnomon.errors import EXIT_DONE, EXIT_INCOMPLETE
from gnomon.run import Outcome
from gnomon.store import Store
from long_runs import write_measure
from servers import Answer, Request, completion, serving

# litellm's own libraries leave warnings behind when the loop they were used in is closed.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

KEY = "sk-notreal0123456789abcdef"
WHO = "http:m at URL"
RETRIES = 2
MAX_WAIT = 20.0
# Thirty first calls over litellm at once keep a busy machine for seconds; a good reply is among them.
TIMEOUT = 20.0
SAYS = re.compile(f"litellm:openai/gpt-4o |no reply within {TIMEOUT:g} s")
GOOD = Answer(body=completion("hello"))


def fault(status: int, message: str = "oh", code: str | None = None, **headers: str) -> Answer:
    """An error as providers send it."""
    return Answer(
        status=status,
        body={"error": {"message": message, "type": "t", "code": code}},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def in_two_seconds(clock: float) -> Callable[[], Answer]:
    """429 with a date to come back at, by a server whose clock is so many seconds off."""

    def answer() -> Answer:
        now = int(time.time()) + clock
        dates = {
            "retry_after": formatdate(now + 2, usegmt=True),
            "date": formatdate(now, usegmt=True),
        }
        return fault(429, **dates)

    return answer


@attrs.frozen
class Row:
    """A fault and what follows from it.

    Attributes:
        fault: In words.
        answers: What the server says to the first call, the second, and so on; the last for ever.
        calls: How often the call is made.
        kept: Statuses of what is stored, in order.
        ends: What becomes of the trial: its score, the status of a score without a value, or
            ``unfinished``, and then there is no score at all.
        says: What is stored with each failure, behind the name of who failed; None where nothing did.
            The words are the http backend's; litellm has some of its client's.
        wait: Least seconds between the first call and the second.
        only: The backend that the fault is shown to, where another would not notice it.
    """

    fault: str
    answers: tuple[Answer | Callable[[], Answer], ...]
    calls: int
    kept: str
    ends: float | str
    says: str | None = None
    wait: float = 0.0
    only: str | None = None


THREE = 1 + RETRIES
GIVEN_UP = "error error error"
FILTER = "The response was flagged as content_filter"

# fmt: off
ROWS = [
    # fault                             the server answers                                     calls  stored        the trial     because
    Row("429, then well",               (fault(429), GOOD),                                    2, "error ok",    5.0,          "answered 429: oh", 0.5),
    Row("429 with seconds to wait",     (fault(429, retry_after="2"), GOOD),                   2, "error ok",    5.0,          "answered 429: oh", 2.0),
    Row("429 with a date to wait for",  (in_two_seconds(0), GOOD),                           2, "error ok",    5.0,          "answered 429: oh", 2.0),
    Row("429, its clock an hour ahead", (in_two_seconds(3600), GOOD),                        2, "error ok",    5.0,          "answered 429: oh", 2.0),
    Row("429, its clock a day behind",  (in_two_seconds(-86400), GOOD),                      2, "error ok",    5.0,          "answered 429: oh", 2.0),
    Row("429 for ever",                 (fault(429, retry_after="0"),),                        THREE, GIVEN_UP,  "unfinished", "answered 429: oh"),
    Row("500, then well",               (fault(500), GOOD),                                    2, "error ok",    5.0,          "answered 500: oh", 0.5),
    Row("502 with a page, then well",   (Answer(status=502, body=b"<h1>Bad gateway</h1>", content_type="text/html"), GOOD),
                                                                                               2, "error ok",    5.0,          "answered 502: Bad gateway", 0.5),
    Row("503, then well",               (fault(503), GOOD),                                    2, "error ok",    5.0,          "answered 503: oh", 0.5),
    Row("529, then well",               (fault(529), GOOD),                                    2, "error ok",    5.0,          "answered 529: oh", 0.5),
    Row("503 for ever",                 (fault(503, retry_after="0"),),                        THREE, GIVEN_UP,  "unfinished", "answered 503: oh"),
    Row("an error under status 200",    (Answer(body={"error": {"message": "busy", "code": 503}}), GOOD),
                                                                                               2, "error ok",    5.0,          "answered 503: busy", 0.5),
    Row("reset before the body",        (Answer(reset_after=0), GOOD),                         2, "error ok",    5.0,          "broke the connection off: Connection reset by peer", 0.5),
    Row("reset in the body",            (Answer(body=completion("x" * 5000), reset_after=100), GOOD),
                                                                                               2, "error ok",    5.0,          "broke off in the middle of its answer", 0.5),
    Row("a body that never ends",       (Answer(endless=b" " * 50_000), GOOD),                 2, "error ok",    5.0,          "answered with more than 1,000,000 bytes, and 1,000,000 are allowed (max_body)", 0.5, only="http"),
    Row("a trickle that never ends",    (Answer(endless=b" "), GOOD),                          2, "error ok",    5.0,          "began to answer and did not finish within 1 s", 0.5),
    Row("a body of 50 MB",              (Answer(body=b" " * 50_000_000), GOOD),                2, "error ok",    5.0,          "answered with 50,000,000 bytes, and 1,000,000 are allowed (max_body)", 0.5),
    Row("a slow drip",                  (Answer(body=completion("x"), drip=0.05), GOOD),       2, "error ok",    5.0,          "began to answer and did not finish within 1 s", 0.5, only="http"),
    Row("no answer at all",             (Answer(delay=60), GOOD),                              2, "error ok",    5.0,          "did not answer within 3 s", 0.5),
    Row("malformed JSON",               (Answer(body=b'{"choices": ['), GOOD),                 2, "error ok",    5.0,          "answered with something that is not JSON: '{\"choices\": ['", 0.5),
    Row("malformed JSON for ever",      (Answer(body=b"{"),),                                  THREE, GIVEN_UP,  "unfinished", "answered with something that is not JSON: '{'"),
    Row("empty choices",                (Answer(body={**completion(), "choices": []}), GOOD),  2, "error ok",    5.0,          "answered with no choice", 0.5),
    Row("a page in place of JSON",      (Answer(body=b"<html>hi</html>", content_type="text/html"), GOOD),
                                                                                               2, "error ok",    5.0,          "answered with something that is not JSON: '<html>hi</html>'", 0.5),
    Row("JSON called something else",   (Answer(body=completion("hello"), content_type="text/csv"),),
                                                                                               1, "ok",          5.0),
    Row("the answer sent twice",        (Answer(body=completion("hello"), twice=0.0) ,),       1, "ok",          5.0),
    Row("filtered, by status",          (fault(400, FILTER, "content_filter"),),               1, "filtered",    "filtered"),
    Row("filtered, by finish",          (Answer(body=completion("So", finish_reason="content_filter")),),
                                                                                               1, "filtered",    "filtered"),
    Row("cut at max_tokens",            (Answer(body=completion("He", finish_reason="length")),),
                                                                                               1, "truncated",   "truncated"),
    Row("the prompt is too long",       (fault(400, "maximum context length is 8 tokens", "context_length_exceeded"),),
                                                                                               1, "error",       "unfinished", "answered 400 (the prompt is longer than the model's context): maximum context length is 8 tokens"),
    Row("a parameter is not accepted",  (fault(400, "bad parameter"),),                        1, "error",       "unfinished", "answered 400: bad parameter"),
]
# fmt: on

SPEC = """\
measure = "tiny"
title = "How long the answer is"
version = 1
seed = 11
needs = ["chat"]

[stimuli]
use = "faults"

[[turn]]
user = "{word}"

[[score]]
use = "length"
"""


@attrs.frozen(kw_only=True)
class Faults:
    """An item for each row of the table."""

    name: ClassVar[str] = "faults"
    rows: ClassVar[tuple[str, ...]] = ()

    def items(self, around: object) -> Iterator[gnomon.Item]:
        for row in self.rows:
            yield gnomon.Item(key=row, fields={"word": row})


class Chaos:
    """A server that shows each row's fault to whoever asks with its name."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = {row.fault: row for row in rows}
        self.asked: dict[str, list[float]] = defaultdict(list)

    def __call__(self, request: Request) -> Answer:
        name = json.loads(request.body)["messages"][0]["content"]
        self.asked[name].append(time.monotonic())
        answers = self.rows[name].answers
        answer = answers[min(len(self.asked[name]), len(answers)) - 1]
        return answer if isinstance(answer, Answer) else answer()


@attrs.frozen
class Met:
    """A run that met every row, and what it left in the database.

    Attributes:
        backend: Which backend asked.
        outcome: What came of the run.
        asked: Row → times of its calls.
        kept: Row → status and error of each stored attempt.
        scores: Row → value and status of its scores.
    """

    backend: str
    outcome: Outcome
    asked: dict[str, list[float]]
    kept: dict[str, list[tuple[str, str | None]]]
    scores: dict[str, list[tuple[float | None, str]]]


def model_of(backend: str, url: str) -> str:
    """The model string of a server."""
    if backend == "http":
        return f"http:m?base_url={url}&max_body=1000000&body_timeout=1.0&timeout=3.0"
    return f"litellm:openai/gpt-4o?base_url={url}&timeout=8.0"


def meet(folder: Path, backend: str, rows: list[Row]) -> Met:
    """One run in which every trial meets a fault of its own."""
    Faults.rows = tuple(row.fault for row in rows)
    chaos = Chaos(rows)
    with serving(chaos) as server:
        url = server.url
        outcome = tiny.run_tiny(
            folder,
            SPEC,
            extra=(Faults,),
            roles={"subject": model_of(backend, url)},
            retries=RETRIES,
            max_wait=MAX_WAIT,
            concurrency=len(rows),
            timeout=TIMEOUT,
        )
    kept: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    scores: dict[str, list[tuple[float | None, str]]] = defaultdict(list)
    with Store.open(folder / "results.db") as store:
        assert store.verify() == []
        for name, status, error in store.query(
            "SELECT prompt.body, reply.status, reply.error FROM ask "
            "JOIN reply AS last ON last.id = ask.reply_id "
            "JOIN reply ON reply.key = last.key JOIN text AS prompt ON prompt.id = ask.prompt_id "
            "ORDER BY reply.id"
        )[1]:
            kept[name].append((status, error and error.replace(url, "URL")))
        for name, value, status in store.query("SELECT item, value, status FROM scores")[1]:
            scores[name].append((value, status))
    return Met(backend, outcome, chaos.asked, kept, scores)


def rows_for(backend: str) -> list[Row]:
    """The rows that can be shown to a backend."""
    return [row for row in ROWS if row.only in (None, backend)]


@pytest.fixture(scope="module", params=["http", "litellm"])
def met(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Met]:
    """The run that met every row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        yield meet(tmp_path_factory.mktemp("met"), request.param, rows_for(request.param))


@pytest.mark.parametrize("row", ROWS, ids=[row.fault for row in ROWS])
def test_each_fault(met: Met, row: Row) -> None:
    """Calls, what is stored of them, and what becomes of the trial are those of the table."""
    if row not in rows_for(met.backend):
        assert row.fault not in met.kept
        return
    times, kept, scores = met.asked[row.fault], met.kept[row.fault], met.scores[row.fault]
    assert (len(times), [status for status, _ in kept]) == (row.calls, row.kept.split())
    if row.ends == "unfinished":
        assert scores == []
    else:
        value, status = (row.ends, "ok") if isinstance(row.ends, float) else (None, row.ends)
        assert scores == [(value, status)]
    said = [error for status, error in kept if status == "error"]
    if met.backend == "http":
        assert all(error and error.removeprefix(f"{WHO} ") == row.says for error in said)
    else:
        assert all(error and SAYS.match(error) for error in said), said
    assert [error for status, error in kept if status != "error" and error] == []
    if row.wait:
        assert times[1] - times[0] >= row.wait


def test_what_is_said_of_the_whole(met: Met) -> None:
    """A run in which some calls never came through is incomplete, and says how long it waited."""
    left = [row.fault for row in rows_for(met.backend) if row.ends == "unfinished"]
    assert met.outcome.exit_code == EXIT_INCOMPLETE
    assert met.outcome.reason is not None
    assert met.outcome.reason.startswith(
        f"{len(left)} trials could not be finished, most often: {met.outcome.tally.failed.most_common(1)[0][0]}; "
    )
    assert sum(met.outcome.tally.failed.values()) == len(left)
    # Nobody waits longer than --max-wait, and a wait that would be longer is not begun.
    assert all(times[-1] - times[0] <= TIMEOUT + MAX_WAIT + 10 for times in met.asked.values())
    assert 2.0 <= met.outcome.tally.waiting <= MAX_WAIT * len(met.asked)


@attrs.frozen
class End:
    """A fault after which no call can succeed, and so none is made.

    Attributes:
        fault: In words.
        answers: As for ``Row``.
        calls: How many calls are made, of three trials one after another.
        done: How many trials are finished, and keep their scores.
        reason: Why the run ended, as said and stored; litellm's clients have words of their own.
    """

    fault: str
    answers: tuple[Answer, ...]
    calls: int
    done: int
    reason: str


NO_ACCESS = "the key is missing, wrong or expired, or has no access"
# fmt: off
ENDS = [
    # fault                        the server answers                                        calls done reason
    End("the key has expired",     (fault(401, "expired"),),                                  1, 0, f"answered 401 ({NO_ACCESS}): expired"),
    End("no access",               (fault(403, "not for you"),),                              1, 0, f"answered 403 ({NO_ACCESS}): not for you"),
    End("the quota is used up",    (GOOD, fault(429, "pay first", "insufficient_quota")),     2, 1, "answered 429 (the quota is used up): pay first"),
    End("an hour to wait",         (GOOD, fault(429, retry_after="3600")),                    2, 1, "answered 429: oh; the next call may be made in 3600 s, and at most 600 s are waited (--max-wait)"),
    End("the model is gone",       (GOOD, GOOD, fault(404, "m was unloaded")),                3, 2, "answered 404 (there is no such model or address): m was unloaded"),
    End("the address redirects",   (Answer(status=308, headers={"location": "/elsewhere"}),), 1, 0, "answered 308 (the address redirects; give the final base_url)"),
]
# fmt: on

WORDS_SPEC = SPEC.replace('use = "faults"', 'use = "tiny-words"\ncount = 3')


SHOWN_TO = [
    (backend, end)
    for end in ENDS
    for backend in ("http", "litellm")
    # litellm's client follows redirects.
    if (backend, end.fault) != ("litellm", "the address redirects")
]


@pytest.mark.parametrize(("backend", "end"), SHOWN_TO, ids=[f"{b}-{e.fault}" for b, e in SHOWN_TO])
def test_each_fault_that_ends_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, end: End
) -> None:
    """No further call is made, what was answered keeps its score, and a later run asks for the rest."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    waiting = list(end.answers)
    too_many = Answer(status=418, body=b"asked once too often")
    with serving(lambda _: waiting.pop(0) if waiting else too_many) as server:
        roles = {"subject": model_of(backend, server.url)}
        once = tiny.run_tiny(tmp_path, WORDS_SPEC, roles=roles, concurrency=1)
        assert (len(server.requests), waiting) == (end.calls, [])
        assert once.exit_code == EXIT_INCOMPLETE
        reason = (once.reason or "").replace(server.url, "URL")
        if backend == "http":
            assert reason == f"{WHO} {end.reason}"
        else:
            assert reason == f"litellm:openai/gpt-4o {end.reason}"
        assert scores_in(tmp_path) == [(5.0, "ok")] * end.done
        server.handler = lambda _: GOOD
        again = tiny.run_tiny(tmp_path, WORDS_SPEC, roles=roles, concurrency=1)
        assert (again.exit_code, again.tally.calls) == (EXIT_DONE, 3 - end.done)
    assert scores_in(tmp_path) == [(5.0, "ok")] * 3


def scores_in(folder: Path) -> list[tuple[Any, ...]]:
    """Value and status of every score."""
    with Store.open(folder / "results.db") as store:
        return list(store.query("SELECT value, status FROM scores ORDER BY trial")[1])


def unreachable(kind: str, folder: Path, port: int) -> str:
    """An address that cannot be spoken with, and why."""
    if kind == "no such name":
        return "http://nowhere.invalid:8000/v1"
    return f"https://127.0.0.1:{port}/v1"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("no TLS", "{who} does not speak TLS as it should: wrong version number (without TLS, the address begins with http://)"),
        ("a certificate of its own", "{who} has a certificate that cannot be trusted: self-signed certificate"),
        ("no such name", "the name of {who} is not known: "),
    ],
)  # fmt: skip
def test_an_address_that_is_wrong_ends_a_run(tmp_path: Path, kind: str, reason: str) -> None:
    """One call is tried, none succeeds, no trial gets a score."""
    context = None
    if kind == "a certificate of its own":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self_signed(tmp_path))
    with serving(GOOD, tls=context) as server:
        url = unreachable(kind, tmp_path, server.port)
        outcome = tiny.run_tiny(
            tmp_path, WORDS_SPEC, roles={"subject": f"http:m?base_url={url}"}, concurrency=1
        )
        assert server.requests == []
    assert (outcome.exit_code, outcome.tally.calls) == (EXIT_INCOMPLETE, 1)
    # What the resolver says of a name is the system's own.
    assert (outcome.reason or "").startswith(reason.format(who=f"http:m at {url}"))
    assert scores_in(tmp_path) == []


def test_a_name_that_cannot_be_found_for_a_while(tmp_path: Path) -> None:
    """Once a server was reached, its name is looked up again instead of ending the run."""
    real = socket.getaddrinfo
    failing = iter([False, True, True])

    def look_up(host: str, *more: Any, **options: Any) -> Any:
        if host == "localhost" and next(failing, False):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *more, **options)

    with serving(GOOD) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        # No connection is kept, so that the second call looks the name up anew.
        server.handler = lambda _: attrs.evolve(GOOD, headers={"connection": "close"})
        model = f"http:m?base_url=http://localhost:{server.port}/v1"
        outcome = tiny.run_tiny(tmp_path, WORDS_SPEC, roles={"subject": model}, concurrency=1)
    assert outcome.exit_code == EXIT_DONE
    assert scores_in(tmp_path) == [(5.0, "ok")] * 3


def test_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days forward and back change neither a wait, nor a budget of time, nor what is stored."""
    real = time.time
    jumps = [0.0, 86_400.0, -86_400.0]

    def jumping() -> float:
        jumps.append(jumps.pop(0))
        return real() + jumps[0]

    answers = [fault(429, retry_after="1"), GOOD, GOOD, GOOD]
    with serving(lambda _: answers.pop(0)) as server:
        monkeypatch.setattr(time, "time", jumping)
        outcome = tiny.run_tiny(
            tmp_path,
            WORDS_SPEC,
            roles={"subject": model_of("http", server.url)},
            concurrency=1,
            max_time=60.0,
        )
    assert (outcome.exit_code, outcome.tally.waiting) == (EXIT_DONE, 1.0)
    assert outcome.tally.seconds < 60
    assert scores_in(tmp_path) == [(5.0, "ok")] * 3


def test_a_reply_of_50_megabytes_is_stored(tmp_path: Path) -> None:
    """Where the backend's limit allows it, such a reply is a reply: whole, and readable in SQL."""
    with serving(completion("x" * 50_000_000)) as server:
        outcome = tiny.run_tiny(
            tmp_path,
            WORDS_SPEC.replace("count = 3", "count = 1"),
            roles={"subject": f"http:m?base_url={server.url}"},
        )
    assert outcome.exit_code == EXIT_DONE
    assert scores_in(tmp_path) == [(50_000_000.0, "ok")]
    with Store.open(tmp_path / "results.db") as store:
        assert list(store.query("SELECT length(text) FROM reply")[1]) == [(50_000_000,)]


def test_the_command_prints_how_long_it_waited(
    tmp_path: Path, run_gnomon: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The last line of a run that had to wait says so."""
    answers = [fault(429, retry_after="0.25")]
    spec = write_measure(tmp_path, 400)
    with serving(lambda _: answers.pop() if answers else GOOD) as server:
        plugin = ["--plugin", str(tmp_path / "length.py"), "--model", model_of("http", server.url)]
        command = ["run", str(spec), *plugin, "--db", str(tmp_path / "a.db"), "--limit", "1"]
        done = run_gnomon(*command, "--quiet")
        assert done.returncode == EXIT_DONE, done.stderr
        assert re.search(
            r"2 of 2 trials, 3 calls \(1 error, 2 ok\), 0 replies from the store, [0-9.]+ s, "
            r"0\.2 s of waiting between tries$",
            " ".join(done.stdout.split()),
        )
