"""What runs on a Ray worker: one copy of a backend, with the asks under way on it.

One invariant: every ask that is taken in is handed back exactly once, as a reply or as the exception that it
ended with, as soon as it is finished and not when its batch is; one that is dropped is not handed back. What cannot
travel spoils no other.
"""

from __future__ import annotations

import asyncio
import pickle
import platform
import sys
import types
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

import gnomon

LINGER = 0.002
"""Seconds in which further replies may join the one that is ready."""


@attrs.frozen(kw_only=True)
class Package:
    """A backend on its way to a worker.

    Attributes:
        data: The backend, pickled.
        modules: Name, path and text of plugin files that the backend's class lies in.
        name: The backend, for sentences.
        roles: The roles that it answers in.
        versions: What the driver has, by name.
    """

    data: bytes
    modules: tuple[tuple[str, str, str], ...]
    name: str
    roles: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]


def versions() -> dict[str, str]:
    """What has to be the same on every node."""
    import ray

    return {
        "Python": platform.python_version(),
        "ray": ray.__version__,
        "gnomon": gnomon.__version__,
    }


def check_versions(ours: Mapping[str, str], theirs: Mapping[str, str], node: str) -> None:
    """See that a worker has what the driver has.

    Raises:
        ModelError: It has other versions.
    """
    other = [
        f"{name} {theirs.get(name, 'absent')} (here {version})"
        for name, version in ours.items()
        if theirs.get(name) != version
    ]
    if other:
        raise gnomon.ModelError(
            f"the worker on {node} has other versions than this process: {', '.join(other)}; "
            "install the same on every node"
        )


def unpacked(package: Package, node: str) -> Any:
    """The backend.

    Raises:
        ModelError: A module that it needs is not on this worker.
    """
    for name, path, text in package.modules:
        module = types.ModuleType(name)
        module.__file__ = path
        # As the driver did: attrs looks a class's module up by name while the class is made.
        sys.modules[name] = module
        try:
            exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - the user's own plugin file
        except ModuleNotFoundError as error:
            raise gnomon.ModelError(
                f"the plugin file {path} was sent to the worker on {node} and cannot be loaded there: "
                f"it has no module {error.name!r}; install it on every node, or put its code into the file"
            ) from None
    try:
        return pickle.loads(package.data)  # noqa: S301 - made by the driver of this very run
    except (ModuleNotFoundError, AttributeError) as error:
        missing = getattr(error, "name", None) or str(error)
        raise gnomon.ModelError(
            f"the worker on {node} cannot make {package.name}: it has no {missing!r}; install the same "
            "packages on every node"
        ) from None


class Copy:
    """The actor: a backend, and what is under way on it."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._done: list[tuple[int, bytes]] = []
        self._news = asyncio.Event()
        self._asker: Any = None
        self._opened: Any = None

    async def prepare(self) -> tuple[str, Exception | None]:
        """Load the backend; returns the node, and what was wrong."""
        import ray

        node = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]  # Ray's own
        try:
            check_versions(dict(self._package.versions), versions(), node)
            backend = unpacked(self._package, node)
            prepare = getattr(backend, "prepare", None)
            if prepare is not None:
                await asyncio.get_running_loop().run_in_executor(None, prepare, _hush)
            from gnomon_plugins.executors.in_process import InProcess

            self._opened = InProcess().open(dict.fromkeys(self._package.roles, backend))
            self._asker = await self._opened.__aenter__()
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver says it
            return node, portable(error)
        return node, None

    async def exchange(self, data: bytes) -> bytes:
        """Take asks in, and hand back what is finished: at least one reply while any is awaited.

        Args:
            data: Pickled pairs of number and ask; may be none.

        Returns:
            Pickled pairs of number and pickled reply, or exception.
        """
        for number, ask in pickle.loads(data):  # noqa: S301 - made by the driver of this very run
            task = asyncio.ensure_future(self._answer(number, ask))
            self._tasks[number] = task
            task.add_done_callback(partial(self._ended, number))
        while not self._done and self._tasks:
            self._news.clear()
            await self._news.wait()
        if self._tasks:
            await asyncio.sleep(LINGER)
        done, self._done = self._done, []
        if not self._tasks:
            # Whoever else waits here has nothing to wait for any more.
            self._news.set()
        return pickle.dumps(done, 5)

    @property
    def under_way(self) -> int:
        """Asks that are worked on."""
        return len(self._tasks)

    async def drop(self, number: int) -> None:
        """Stop working on an ask that nobody waits for any more."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    async def _answer(self, number: int, ask: gnomon.Ask) -> None:
        came: Any
        try:
            came = await self._asker.ask(ask)
        except Exception as error:  # noqa: BLE001 - a bug travels to the driver too
            came = portable(error)
        self._done.append((number, bundled(came)))

    def _ended(self, number: int, _: asyncio.Task[None]) -> None:
        del self._tasks[number]
        # Also of one that was dropped: whoever waits for news may have nothing to wait for any more.
        self._news.set()

    async def close(self) -> None:
        """Close the backend."""
        if self._opened is not None:
            await self._opened.__aexit__(None, None, None)


def bundled(came: Any) -> bytes:
    """A reply or an exception, pickled by itself; in place of what cannot be, a failure that says why."""
    try:
        return pickle.dumps(came, 5)
    except Exception as error:  # noqa: BLE001 - anything may go wrong in a stranger's class
        return pickle.dumps(
            gnomon.CallFailed(f"the reply cannot be sent by the worker: {error}"), 5
        )


def portable(error: Exception) -> Exception:
    """The exception, or one that says the same and can travel."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made on this line
    except Exception:  # noqa: BLE001 - anything may go wrong in a stranger's class
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _hush(sentence: str) -> None:
    """Nobody listens on a worker."""
