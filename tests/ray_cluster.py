"""A Ray cluster for tests, in a process of its own that ends with its standard input.

Run as a program it starts a head with one processor on loopback and prints its address. A line ``add`` on standard
input adds a node with one processor; each line is answered with ``done``::

    python tests/ray_cluster.py
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import psutil

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Otherwise Ray takes loopback for the address of the network card, where these clusters do not listen.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


@attrs.define
class Cluster:
    """A cluster that runs elsewhere.

    Attributes:
        address: Of its head.
    """

    process: subprocess.Popen[str]
    address: str

    def add(self) -> None:
        """Another node with one processor."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("add\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "done"

    def actors(self) -> list[psutil.Process]:
        """Processes in which actors run."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("ray::Copy" in word for word in child.cmdline()):
                    found.append(child)
        return found

    def await_actors(self, count: int, seconds: float = 90) -> list[psutil.Process]:
        """The processes of at least so many actors."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.actors()
            if len(found) >= count:
                return found
            time.sleep(0.1)
        raise TimeoutError(f"{len(self.actors())} actors after {seconds:g} s")


@contextlib.contextmanager
def cluster(**environment: str) -> Iterator[Cluster]:
    """A cluster for the length of a block; ``environment`` is that of its nodes."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **QUIET, **environment},
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the cluster did not start"
        yield Cluster(process, address)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
            process.communicate("", timeout=60)
        for child in [*children, process]:
            with contextlib.suppress(psutil.Error, OSError):
                child.kill()
        process.wait(60)


def main() -> None:
    from ray.cluster_utils import Cluster as Local

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    head = {**small, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
    local = None
    # A busy machine may take longer than Ray is willing to wait for its own parts.
    for _ in range(3):
        with contextlib.suppress(Exception):
            local = Local(initialize_head=True, head_node_args=head)
            break
    assert local is not None
    print(local.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "add":
            for _ in range(3):
                with contextlib.suppress(Exception):
                    local.add_node(**small)
                    print("done", flush=True)
                    break
    local.shutdown()


if __name__ == "__main__":
    main()
