"""What the user asked for, as one frozen value with one seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.records import ReplyFormat
from gnomon.spec import Spec

MOST_CONCURRENCY = 10_000


@attrs.frozen(kw_only=True)
class Lock:
    """A lock file, read and taken apart.

    Attributes:
        text: The file.
        frozen: What was frozen, by name.
        frozen_at: When, UTC in ISO 8601.
        whole: Whether the file is as it was written: its own hash fits its content.
    """

    text: str
    frozen: Mapping[str, Any]
    frozen_at: str
    whole: bool


@attrs.frozen(kw_only=True)
class RunRequest:
    """One measure × one set of role→model bindings × one seed.

    Attributes:
        spec: The loaded measure.
        roles: Role → model string; ``subject`` is required.
        seed: In place of the spec's own.
        repeats: In place of the design's own.
        limit: Only the first so many items.
        only: Column (factor, group or ``item``) → values to keep.
        format: ``free``, ``constrained``, or ``auto`` to let the model's capability decide.
        concurrency: Most trials under way at once; the backend's own limit unless given.
        timeout: Seconds one call may take; what the backend says, or 120, unless given.
        retries: How often a call that may succeed later is tried again.
        max_wait: Most seconds that one call waits between tries, all together; a provider that names a
            longer time stops the run.
        rpm: Role → most calls a minute to its model; the role ``""`` stands for all others.
        tpm: Role → most tokens a minute, of prompts and replies.
        cache: Use stored replies of equal key.
        fresh: Make a new run even if an equal one is there.
        executor: The executor, ``NAME[?option=value&…]``.
        max_calls: Stop before more calls than this are sent.
        max_cost: Stop before more US dollars than this are spent.
        max_time: Stop after so many seconds.
        files: Name in the spec → the user's own file.
        command: The command line, for provenance.
        lock: What the run is held against; it changes the run's label and nothing else.
    """

    spec: Spec
    roles: Mapping[str, str]
    seed: int | None = None
    repeats: int | None = None
    limit: int | None = None
    only: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    format: ReplyFormat | Literal["auto"] = "auto"
    concurrency: int | None = None
    timeout: float | None = None
    retries: int = 6
    max_wait: float = 600.0
    rpm: Mapping[str, float] = attrs.field(factory=dict)
    tpm: Mapping[str, float] = attrs.field(factory=dict)
    cache: bool = True
    fresh: bool = False
    executor: str = "in-process"
    max_calls: int | None = None
    max_cost: float | None = None
    max_time: float | None = None
    files: Mapping[str, Path] = attrs.field(factory=dict)
    command: tuple[str, ...] = ()
    lock: Lock | None = None

    def __attrs_post_init__(self) -> None:
        if self.seed is not None and not -(2**63) <= self.seed < 2**63:
            raise UsageError(f"--seed does not fit into 64 bits; it is {self.seed}")
        at_least = {
            "--repeats": (self.repeats, 1),
            "--limit": (self.limit, 1),
            "--concurrency": (self.concurrency, 1),
            "--retries": (self.retries, 0),
            "--max-calls": (self.max_calls, 1),
        }
        for option, (value, least) in at_least.items():
            if value is not None and value < least:
                raise UsageError(f"{option} must be at least {least}; it is {value}")
            if value is not None and value >= 2**63:
                raise UsageError(f"{option} does not fit into 64 bits; it is {value}")
        above_zero = {
            "--timeout": self.timeout,
            "--max-cost": self.max_cost,
            "--max-time": self.max_time,
        }
        for option, amount in above_zero.items():
            if amount is not None and not amount > 0:
                raise UsageError(f"{option} must be above 0; it is {amount:g}")
        for option, limits in (("--rpm", self.rpm), ("--tpm", self.tpm)):
            _check_limits(option, limits, self.roles)
        if not self.max_wait >= 0:
            raise UsageError(f"--max-wait must not be negative; it is {self.max_wait:g}")
        if self.concurrency is not None and self.concurrency > MOST_CONCURRENCY:
            raise UsageError(
                f"--concurrency must be at most {MOST_CONCURRENCY}; it is {self.concurrency}"
            )

    @property
    def seed_used(self) -> int:
        """The run's seed."""
        return self.spec.keys.seed if self.seed is None else self.seed

    @property
    def repeats_used(self) -> int:
        """The run's repeats."""
        return self.spec.keys.design.repeats if self.repeats is None else self.repeats

    def keeps(self, columns: Mapping[str, str]) -> bool:
        """Whether ``only`` keeps a condition with these columns.

        Raises:
            UsageError: ``only`` names a column that is not there.
        """
        for name, values in self.only.items():
            if name not in columns:
                raise unknown_column(name, columns)
            if columns[name] not in values:
                return False
        return True


def unknown_column(name: str, columns: Collection[str]) -> UsageError:
    """What is said of an ``--only`` whose column is none of those that there are."""
    return UsageError(
        f"--only names the column {name!r}, which this measure does not have"
        f"{did_you_mean(name, columns)}; there are: {listing(columns)}"
    )


def _check_limits(option: str, limits: Mapping[str, float], roles: Mapping[str, str]) -> None:
    for role, value in limits.items():
        if not 0 < value < math.inf:
            raise UsageError(f"{option} must be a number above 0; it is {value:g}")
        if role and role not in roles:
            raise UsageError(
                f"{option} names the role {role!r}, which this run does not have"
                f"{did_you_mean(role, roles)}; its roles are: {listing(roles)}"
            )
