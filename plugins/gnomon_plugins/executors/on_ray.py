"""Answers asks on a Ray cluster: copies of each backend in actors, and this process as their driver.

One invariant: the driver alone writes, and only what an actor has handed back. An ask whose actor dies is given to
another one; the reply that never came is in no store, so nothing is there twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import attrs

import gnomon
from gnomon_plugins.executors._ray_pool import Pool, Terms, packed

_MOST = 10_000
_OBJECTS = 128 << 20
"""Bytes for objects of a cluster of our own: asks and replies are small and never stay."""


@attrs.frozen(kw_only=True)
class OnRay:
    """Drives models on a Ray cluster: ``--on "ray?actors=8&address=10.0.0.1:6379"``.

    Each model gets ``actors`` copies, each in a process of its own on some node: a local model is loaded
    once per actor, a client opens its own connections. Asks go out in batches to whichever actor has room,
    at most as many at once as the run has trials under way; replies come back into the one store of
    this process. Actors that have no room on the cluster yet join when a node does; asks of an actor
    that dies go to another. Every node needs the same Python, Ray and gnomon: with others on the first node to be
    ready nothing starts, and a node that joins later with others is left out, which is said; plugin files given with
    ``--plugin`` are sent along, other packages have to be installed there, and keys have to be in
    the nodes' environment.

    Example::

        gnomon run implicit-bias --model local:smollm2-135m --on "ray?actors=2"

    Attributes:
        address: Where the cluster's head is, ``HOST:PORT``, or ``auto``; without it a cluster is started
            on this machine for the time of the run.
        actors: Copies of each model.
        cpus: Processors that an actor reserves; 0 reserves none.
        gpus: GPUs that an actor reserves.
        batch: Most asks sent to an actor at once.
        patience: Seconds in which the first actor has to be ready, its model loaded.
    """

    name: ClassVar[str] = "ray"
    prepares: ClassVar[bool] = True
    address: str | None = None
    actors: int = 2
    cpus: float = 1.0
    gpus: float = 0.0
    batch: int = 64
    patience: float = 300.0

    def __attrs_post_init__(self) -> None:
        for name, least in (("actors", 1), ("batch", 1)):
            value = getattr(self, name)
            if not least <= value <= _MOST:
                raise ValueError(f"{name} must be from {least} to {_MOST}; it is {value}")
        for name in ("cpus", "gpus"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; it is {getattr(self, name):g}")
        if self.patience <= 0:
            raise ValueError(f"patience must be more than 0 seconds; it is {self.patience:g}")
        if self.address is not None:
            _check_address(self.address)

    @property
    def copies(self) -> int:
        """As many of each backend answer at once as there are actors."""
        return self.actors

    @asynccontextmanager
    async def open(self, backends: Mapping[str, Any]) -> AsyncIterator[gnomon.Asker]:
        """Ways to ask the actors of each role's backend.

        Raises:
            ModelError: Ray is not installed, the cluster cannot be reached, or no actor can be started.
        """
        distinct = {id(backend): backend for backend in backends.values()}
        terms = Terms(
            actors=self.actors,
            cpus=self.cpus,
            gpus=self.gpus,
            batch=self.batch,
            patience=self.patience,
        )
        with self._cluster(len(distinct)) as ray:
            pools: dict[int, Pool] = {}
            try:
                for key, backend in distinct.items():
                    roles = [role for role, other in backends.items() if other is backend]
                    package = packed(backend, roles)
                    pools[key] = Pool(ray, package, terms, backend.offers.concurrency)
                    await pools[key].start()
                yield _Asker({role: pools[id(backend)] for role, backend in backends.items()})
            finally:
                for pool in pools.values():
                    await pool.close()

    @contextlib.contextmanager
    def _cluster(self, models: int) -> Iterator[Any]:
        """Ray, connected for the length of a block."""
        # Read while Ray is imported: nothing is reported to anybody, and devices are left as they are.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ModuleNotFoundError:
            raise gnomon.ModelError(
                "--on ray needs Ray, which is not installed; install it with: pip install 'gnomon[ray]'"
            ) from None
        common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            if self.address is None:
                wanted = self.actors * self.cpus * models
                # "local": one that runs on this machine already is not ours to join.
                ray.init(
                    address="local",
                    num_cpus=max(os.cpu_count() or 1, int(wanted + 0.999)),
                    include_dashboard=False,
                    object_store_memory=_OBJECTS,
                    _node_ip_address="127.0.0.1",
                    **common,
                )
            else:
                if self.address != "auto":
                    _reach(self.address)
                ray.init(address=self.address, **common)
        except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
            raise gnomon.ModelError(_refused(self.address, error)) from None
        _hush()
        try:
            yield ray
        finally:
            ray.shutdown()


def _hush() -> None:
    """Keep Ray from writing between the lines of a report that a worker has died: the run says what matters."""
    with contextlib.suppress(ImportError):
        import ray._private.worker

        # Ray has a switch for it and no public way to it; its own debugger uses the same.
        ray._private.worker._worker_logs_enabled = False


class _Asker:
    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self._pools = pools

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        return await self._pools[ask.role].ask(ask)


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if address == "auto" or (host and "/" not in host and port.isascii() and port.isdigit()):
        return
    raise ValueError(
        f"address must be HOST:PORT of the cluster's head, such as 10.0.0.1:6379, or auto; "
        f"it is {address!r}"
    )


def _reach(address: str) -> None:
    """See that somebody listens there; Ray itself would try for a long time.

    Raises:
        ConnectionError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(getattr(error, "strerror", None) or str(error)) from None


def _refused(address: str | None, error: Exception) -> str:
    said = " ".join(str(error).split())
    if address is None:
        return f"no Ray cluster could be started on this machine: {said}"
    if "ersion mismatch" in said:
        return f"the Ray cluster at {address} has other versions of Python or Ray than this process: {said}"
    if address == "auto" and "Could not find any running Ray instance" in said:
        return (
            "no Ray cluster was found on this machine (address=auto); start one with "
            "'ray start --head', or leave the address out"
        )
    return (
        f"the Ray cluster at {address} cannot be reached: {said}; start one with 'ray start --head', or "
        "leave the address out"
    )
