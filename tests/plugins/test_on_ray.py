"""``--on ray``: the same results from actors on a cluster, whatever dies on the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

import gnomon
from gnomon.catalogue import Catalogue
from gnomon.errors import ModelError, StoreError, UsageError
from gnomon.modelname import make_executor
from gnomon.store import Store
from gnomon_plugins.executors._ray_actor import Copy, check_versions
from gnomon_plugins.executors._ray_pool import Pool, Terms, packed
from gnomon_plugins.executors.on_ray import OnRay
from long_runs import write_measure
from ray_cluster import QUIET, Cluster, cluster

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

SLOW = '''\
"""A backend that takes its time and says in which process it is; it notes every call in a file."""

import asyncio
import os
from typing import ClassVar

import attrs

import gnomon
{more}

@attrs.frozen(kw_only=True)
class Slow:
    """Answers after a while."""

    name: ClassVar[str] = "slow"
    model: str
    seconds: float = 0.05

    @property
    def offers(self) -> gnomon.Capability:
        """Chat."""
        return gnomon.Capability(kinds=["chat"], concurrency=4)

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """The reply."""
        await asyncio.sleep(self.seconds)
        return gnomon.Reply(text=f"{{ask.trial.item.key}} {{os.getpid()}}")


@gnomon.hookimpl
def register_backends():
    """One backend."""
    return [Slow]
'''


def prepare(folder: Path, more: str = "") -> None:
    """The measure of 400 trials, its scorer, and the backend."""
    write_measure(folder, 400)
    (folder / "slow.py").write_text(SLOW.format(more=more))


def command(*words: str, on: str) -> list[str]:
    return [
        *(sys.executable, "-c", "from gnomon.cli import main; main()", "run", "long.toml"),
        *("--plugin", "length.py", "--plugin", "slow.py", "--db", "results.db", "--json"),
        *("--on", on, *words),
    ]


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, **QUIET, "PYTHONPATH": path, **more}


def run(folder: Path, *words: str, on: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words, on=on),
        cwd=folder,
        env=environment(**more),
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )


@contextlib.contextmanager
def driving(folder: Path, *words: str, on: str) -> Iterator[subprocess.Popen[str]]:
    """A run that goes on during a block, and is gone after it."""
    driver = subprocess.Popen(
        command(*words, on=on),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield driver
    finally:
        driver.kill()
        driver.communicate(timeout=60)


def whole(folder: Path, trials: int = 400) -> list[str]:
    """See that every trial is finished once, every key was answered once, and every hash fits.

    Returns:
        The texts of the replies.
    """
    with Store.open(folder / "results.db") as store:
        assert store.verify() == []
        counts = "select count(*), count(distinct ordinal), sum(finished) from trials"
        assert list(store.query(counts)[1]) == [(trials, trials, trials)]
        assert list(store.query("select count(*), count(distinct trial_id) from ask")[1]) == [
            (trials, trials)
        ]
        assert list(
            store.query("select count(*), count(distinct key) from reply where status = 'ok'")[1]
        ) == [(trials, trials)]
        assert list(store.query("select count(*) from scores")[1]) == [(trials,)]
        return [text for (text,) in store.query("select text from reply where status = 'ok'")[1]]


def await_replies(folder: Path, count: int, seconds: float = 120) -> list[str]:
    """The texts of the replies as soon as there are so many."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.2)
        with contextlib.suppress(StoreError), Store.open(folder / "results.db") as store:
            texts = [text for (text,) in store.query("select text from reply order by id")[1]]
            if len(texts) >= count:
                return texts[-20:]
    raise TimeoutError(f"fewer than {count} replies after {seconds:g} s")


def processes(texts: list[str]) -> set[str]:
    return {text.rpartition(" ")[2] for text in texts}


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ray?actors=0", "actors must be from 1 to 10000; it is 0"),
        ("ray?actors=1000000", "actors must be from 1 to 10000; it is 1000000"),
        ("ray?batch=0", "batch must be from 1 to 10000; it is 0"),
        ("ray?cpus=-1", "cpus must not be negative; it is -1"),
        ("ray?patience=0", "patience must be more than 0 seconds; it is 0"),
        (
            "ray?address=ray://10.0.0.1:10001",
            "address must be HOST:PORT of the cluster's head, such as 10.0.0.1:6379, or auto; "
            "it is 'ray://10.0.0.1:10001'",
        ),
        ("ray?actors=many", "the option 'actors' is a whole number, and 'many' is not"),
        ("ray?actor=2", "there is no option 'actor' (did you mean 'actors'?)"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    text: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence each, before Ray is imported."""
    # Whatever other tests of this process have imported: it cannot be imported now.
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as refused:
        make_executor(Catalogue(), text)
    assert str(refused.value) == f"the executor {text!r}: {sentence}"


def test_options_are_read_as_in_a_model_string() -> None:
    """Types are those that the executor declares."""
    made = make_executor(Catalogue(), "ray?address=10.0.0.1:6379&actors=3&cpus=0.5")
    assert made == OnRay(address="10.0.0.1:6379", actors=3, cpus=0.5)
    assert made.copies == 3


def test_an_executor_without_options_takes_none() -> None:
    """The usual one says so."""
    with pytest.raises(UsageError) as refused:
        make_executor(Catalogue(), "in-process?actors=2")
    assert str(refused.value) == (
        "the executor 'in-process?actors=2': there is no option 'actors'; the executor takes: none"
    )


def test_ray_that_is_not_installed_is_said(tmp_path: Path) -> None:
    """With what to install."""
    prepare(tmp_path)
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "ray.py").write_text("raise ModuleNotFoundError(name='ray')\n")
    path = os.pathsep.join([str(tmp_path / "absent"), environment()["PYTHONPATH"]])
    done = run(tmp_path, "--model", "scripted:fill", on="ray", PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (
        2,
        "gnomon: --on ray needs Ray, which is not installed; install it with: pip install 'gnomon[ray]'\n",
    )


def test_an_address_at_which_nobody_listens_is_said(tmp_path: Path) -> None:
    """At once, and not after Ray's own patience."""
    prepare(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(tmp_path, "--model", "scripted:fill", on=f"ray?address={address}")
    assert (done.returncode, done.stderr) == (
        2,
        f"gnomon: the Ray cluster at {address} cannot be reached: Connection refused; start one with "
        "'ray start --head', or leave the address out\n",
    )


def test_no_cluster_on_this_machine_is_said(tmp_path: Path) -> None:
    """With ``address=auto``, in our words and not in Ray's."""
    prepare(tmp_path)
    done = run(
        tmp_path, "--model", "scripted:fill", on="ray?address=auto", RAY_TMPDIR=str(tmp_path)
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "gnomon: no Ray cluster was found on this machine (address=auto); start one with "
        "'ray start --head', or leave the address out"
    )


def test_workers_of_another_version_are_refused() -> None:
    """Numbers of two versions must not be mixed: each version that differs is named, here and there."""
    ours = {"Python": "3.11.7", "ray": "2.60.0", "gnomon": "0.2.0"}
    check_versions(ours, dict(ours), "10.0.0.7")
    with pytest.raises(ModelError) as refused:
        check_versions(ours, {"Python": "3.11.7", "ray": "2.59.0"}, "10.0.0.7")
    assert str(refused.value) == (
        "the worker on 10.0.0.7 has other versions than this process: ray 2.59.0 (here 2.60.0), gnomon "
        "absent (here 0.2.0); install the same on every node"
    )


# -- what cannot travel --------------------------------------------------------------------------


class Stuck:
    """Something that cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("it is stuck")


class Broken:
    """Something that can be pickled and not be read again."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@attrs.frozen(kw_only=True)
class Odd:
    """A backend whose replies are what the ask's name says."""

    name: ClassVar[str] = "odd"
    model: str = "x"

    async def ask(self, ask: gnomon.Ask) -> Any:
        """The reply; of an ask named "never" there is none."""
        if ask.name == "never":
            await asyncio.Event().wait()
        return {"stuck": Stuck, "broken": Broken}.get(ask.name, lambda: gnomon.Reply(text="fine"))()


class Here:
    """Ray's part, played in this process: one object for each actor, and errors as Ray has them."""

    def __init__(self) -> None:
        import ray

        self.exceptions: Any = ray.exceptions
        self.made: list[Copy] = []
        self.killed: list[Any] = []
        self.lost: list[Exception] = []
        self.late: dict[int, Exception] = {}

    def remote(self, _: type) -> Any:
        return self

    def options(self, **_: Any) -> Any:
        made = self

        class Class:
            @staticmethod
            def remote(package: Any) -> Any:
                actor = Copy(package)
                made.made.append(actor)
                return made.handle(actor)

        return Class

    def handle(self, actor: Copy) -> Any:
        """An actor with methods that have a ``remote``."""

        def method(name: str) -> Any:
            async def call(*given: Any) -> Any:
                if name == "exchange" and self.lost:
                    raise self.lost.pop()
                if name == "prepare" and self.made.index(actor) in self.late:
                    await asyncio.sleep(0.05)
                    return "10.0.0.7", self.late[self.made.index(actor)]
                try:
                    return await getattr(actor, name)(*given)
                except Exception as error:  # noqa: BLE001 - as Ray does
                    failed = self.exceptions.RayTaskError(name, "where it was", error)
                    raise failed.as_instanceof_cause() from None

            return type("Method", (), {"remote": staticmethod(call)})

        names = ("prepare", "exchange", "drop", "close")
        return type("Handle", (), {name: method(name) for name in names})

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)

    async def answers(self, *batches: list[gnomon.Ask]) -> list[list[str]]:
        """Texts of replies, or what went wrong, of asks that are made at once, batch after batch."""
        pool = await self.pool()
        found = []
        for batch in batches:
            asked = [asyncio.wait_for(pool.ask(ask), 20) for ask in batch]
            came = await asyncio.gather(*asked, return_exceptions=True)
            found.append([one.text if isinstance(one, gnomon.Reply) else str(one) for one in came])
        return found

    async def pool(self, actors: int = 1, room: int | None = None) -> Pool:
        """A pool that is ready."""
        terms = Terms(actors=actors, cpus=1, gpus=0, batch=64, patience=20)
        pool = Pool(self, packed(Odd(), ["subject"]), terms, room)
        await pool.start()
        return pool


def asks(name: str, field: Any = None) -> list[gnomon.Ask]:
    """One ask of that name or with that field, between two that are as usual."""
    item = gnomon.Item(key="w", fields={"word": field})
    trial = gnomon.Trial(0, item, levels={}, repeat=0, draws={}, fields={"word": field})
    middle = gnomon.Chat(name=name, messages=(), trial=trial)
    return [gnomon.Chat(messages=()), middle, gnomon.Chat(messages=())]


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (asks("stuck"), "the reply cannot be sent by the worker: it is stuck"),
        (
            asks("broken"),
            "the reply of a worker cannot be read in this process: invalid literal for int() with base "
            "10: 'no number'",
        ),
        (asks("mine", Stuck()), "the ask 'mine' cannot be sent to a worker: it is stuck"),
    ],
    ids=["reply-out", "reply-in", "ask-out"],
)
def test_what_cannot_travel_spoils_no_other(batch: list[gnomon.Ask], sentence: str) -> None:
    """It alone fails, with the reason; the actor lives and goes on."""
    ray = Here()
    found = asyncio.run(ray.answers(batch, batch[:1]))
    assert found == [["fine", sentence, "fine"], ["fine"]]
    assert (len(ray.made), ray.killed) == (1, [])


def test_asks_that_a_worker_cannot_read_fail_and_it_lives() -> None:
    """An error in an actor is not its death: nothing is asked again, and it goes on."""
    ray = Here()
    found = asyncio.run(ray.answers(asks("mine", Broken())[1:2], asks("usual")))
    assert found == [
        [
            "a worker for odd:x could not take what it was to answer: invalid literal for int() with "
            "base 10: 'no number'"
        ],
        ["fine"] * 3,
    ]
    assert (len(ray.made), ray.killed) == (1, [])


def test_an_actor_that_is_given_up_is_ended() -> None:
    """One that cannot be reached may live on, and would keep its place; another answers."""
    ray = Here()
    ray.lost = [ray.exceptions.ActorUnavailableError("away", None)]
    assert asyncio.run(ray.answers(asks("usual"))) == [["fine"] * 3]
    assert (len(ray.made), len(ray.killed)) == (2, 1)


def test_an_ask_whose_time_is_over_takes_no_room() -> None:
    """The only place of the only actor is free again, and the actor has stopped working on it."""
    ray = Here()

    async def two() -> str:
        pool = await ray.pool(room=1)
        never, usual = (gnomon.Chat(name=name, messages=()) for name in ("never", "usual"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.ask(never), 0.1)
        return (await asyncio.wait_for(pool.ask(usual), 20)).text

    assert asyncio.run(two()) == "fine"
    assert [actor.under_way for actor in ray.made] == [0]


def test_a_late_worker_of_another_version_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on with those that are ready, and says so; nobody takes its place on that node."""
    ray = Here()
    ray.late = {
        1: ModelError("the worker on 10.0.0.7 has other versions than this process: ray 2.59.0")
    }

    async def both() -> list[str]:
        pool = await ray.pool(actors=2)
        first = await pool.ask(gnomon.Chat(messages=()))
        while not ray.killed:
            await asyncio.sleep(0.01)
        second = await asyncio.wait_for(pool.ask(gnomon.Chat(messages=())), 20)
        return [first.text, second.text]

    assert asyncio.run(both()) == ["fine", "fine"]
    assert (len(ray.made), len(ray.killed)) == (2, 1)
    assert caplog.messages == [
        "gnomon: the worker on 10.0.0.7 has other versions than this process: ray 2.59.0; the run goes on "
        "with 1 of 2 workers"
    ]


def test_the_first_worker_of_another_version_ends_the_run() -> None:
    """Nothing was asked yet, and the cluster should be put right first."""
    ray = Here()
    ray.late = {
        0: ModelError("the worker on 10.0.0.7 has other versions than this process: ray 2.59.0")
    }
    with pytest.raises(ModelError, match=r"^the worker on 10\.0\.0\.7 has other versions"):
        asyncio.run(ray.pool())


# -- on a cluster --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    """A cluster of one node, with one more from the test that adds it."""
    with cluster() as made:
        yield made


@pytest.mark.slow
def test_a_node_that_is_added_during_a_run_takes_part(tmp_path: Path, running: Cluster) -> None:
    """The second of two actors finds room when the node comes, and answers from then on."""
    prepare(tmp_path)
    # Until it is there no reply comes, so that on a busy machine too there are some left for it.
    slow, there = tmp_path / "slow.py", tmp_path / "there"
    held = f"while not os.path.exists({str(there)!r}):\n            await asyncio.sleep(0.1)"
    wait = "await asyncio.sleep(self.seconds)"
    slow.write_text(slow.read_text().replace(wait, f"{held}\n        {wait}"))
    on = f"ray?address={running.address}&actors=2"
    with driving(tmp_path, "--model", "slow:x?seconds=0.4", on=on) as driver:
        running.await_actors(1)
        running.add()
        running.await_actors(2)
        there.touch()
        out, error = driver.communicate(timeout=600)
    assert driver.returncode == 0, error
    assert len(processes(whole(tmp_path))) == 2
    assert json.loads(out)[0]["calls"] == 400


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path, running: Cluster) -> None:
    """What it was to answer is answered by others, once."""
    prepare(tmp_path)
    on = f"ray?address={running.address}&actors=2&cpus=0.5"
    with driving(tmp_path, "--model", "slow:x?seconds=0.2", on=on) as driver:
        running.await_actors(2)
        killed = []
        for count in (40, 120):
            answering = processes(await_replies(tmp_path, count))
            victim = next(actor for actor in running.actors() if str(actor.pid) in answering)
            victim.kill()
            killed.append(str(victim.pid))
        out, error = driver.communicate(timeout=600)
    assert driver.returncode == 0, error
    assert {*killed} < processes(whole(tmp_path))
    assert json.loads(out)[0]["replies"] == {"ok": 400}


@pytest.mark.slow
def test_a_driver_that_is_killed_goes_on_where_it_was(tmp_path: Path, running: Cluster) -> None:
    """The same command again asks only what had not come."""
    prepare(tmp_path)
    on = f"ray?address={running.address}&actors=2&cpus=0.5"
    with driving(tmp_path, "--model", "slow:x?seconds=0.2", on=on) as driver:
        await_replies(tmp_path, 40)
        driver.send_signal(signal.SIGKILL)
        driver.wait(60)
    with Store.open(tmp_path / "results.db") as store:
        ((stored,),) = store.query("select count(*) from reply")[1]
    done = run(tmp_path, "--model", "slow:x?seconds=0.2", on=on)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)[0]
    assert report["calls"] == 400 - stored
    whole(tmp_path)


@pytest.mark.slow
def test_a_plugin_file_that_cannot_be_loaded_on_a_worker_is_said(
    tmp_path: Path, running: Cluster
) -> None:
    """The file itself travels; what it imports from beside it does not."""
    prepare(tmp_path, more="\nimport beside_me\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "beside_me.py").write_text("")
    path = os.pathsep.join([str(tmp_path / "own"), environment()["PYTHONPATH"]])
    on = f"ray?address={running.address}&actors=1&cpus=0.5"
    done = run(tmp_path, "--model", "slow:x", on=on, PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (
        2,
        f"gnomon: the plugin file {tmp_path / 'slow.py'} was sent to the worker on 127.0.0.1 and cannot be "
        "loaded there: it has no module 'beside_me'; install it on every node, or put its code into the file\n",
    )


@pytest.mark.slow
def test_more_than_the_cluster_has_is_said(tmp_path: Path, running: Cluster) -> None:
    """After the patience that was given."""
    prepare(tmp_path)
    on = f"ray?address={running.address}&actors=1&cpus=64&patience=3"
    done = run(tmp_path, "--model", "scripted:fill", on=on)
    assert done.returncode == 2
    has = done.stderr.partition("the cluster has ")[2].partition(" ")[0]
    assert has in ("1", "2")
    assert done.stderr == (
        "gnomon: no worker for scripted:fill was ready within 3 s: each reserves 64 processors and 0 GPUs, "
        f"and the cluster has {has} processors in all; add nodes, reserve less (cpus), or wait longer "
        "(patience)\n"
    )


@pytest.mark.slow
def test_a_cluster_of_ones_own_gives_what_this_process_gives(tmp_path: Path) -> None:
    """Scores and estimates are the same, and nothing of the cluster is left."""
    reports: list[Any] = []
    for name, on in (("here", "in-process"), ("there", "ray?actors=2")):
        folder = tmp_path / name
        prepare(folder)
        done = run(folder, "--model", "scripted:fill", on=on)
        assert (done.returncode, done.stderr) == (0, "")
        reports.append(json.loads(done.stdout)[0]["estimates"])
        whole(folder)
    assert reports[0] == reports[1]
    with Store.open(tmp_path / "there" / "results.db") as store:
        assert list(store.query("select executor from run")[1]) == [("ray",)]
