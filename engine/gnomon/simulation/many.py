"""Many simulated runs, in this process or in several.

One invariant: a simulated run depends on its planting and its seed only, never on the process it was
simulated in or on the others, so that any number of processes gives the same numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.modelname import make_backend
from gnomon.planting import Planting
from gnomon.run.bindings import roles_of
from gnomon.run.request import RunRequest
from gnomon.simulation.pipeline import Pipeline, Setting, estimates, truths

WORTH_IT = 10_000
"""Trials below which starting further processes takes longer than it saves."""
SHARE = 8
"""Pieces of work per process, so that none is left waiting for the others at the end."""


@attrs.frozen(kw_only=True)
class Workplace:
    """What a process needs to simulate runs.

    Attributes:
        setting: What is simulated.
        plugin_files: The one-file plugins that the measure was loaded with.
        processes: Number of processes; 1 simulates here, which measures loaded with plugins
            from elsewhere than entry points and files need.
    """

    setting: Setting
    plugin_files: tuple[Path, ...] = ()
    processes: int = 1


@attrs.frozen(kw_only=True)
class Job:
    """One simulated run: what the respondent is like, and the seed."""

    planting: Planting
    seed: int


@attrs.frozen(kw_only=True)
class Outcome:
    """One estimate of a simulated run, or a refusal to estimate.

    Attributes:
        block: Position of the statistic's block in the spec.
        quantity: What was estimated; ``none`` for a refusal.
        group: Values of ``by``.
        value, low, high, level, p, p_corrected, n, note: As in ``Estimate``.
        truth: What the estimate is of, where the statistic can say.
    """

    block: int
    quantity: str
    group: tuple[str, ...]
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    p: float | None
    p_corrected: float | None
    n: int | None
    note: str | None
    truth: float | None


async def _outcomes(pipeline: Pipeline, job: Job) -> list[Outcome]:
    simulated = await pipeline.simulate(job.planting, job.seed)
    blocks = pipeline.spec.statistics
    numbers = {id(block): index for index, block in enumerate(blocks)}
    true = [truths(block, simulated) for block in blocks]
    out = []
    for block, made in estimates(blocks, simulated, job.seed):
        index = numbers[id(block)]
        group = tuple(made.group.values())
        out.append(
            Outcome(
                block=index,
                quantity=made.quantity,
                group=group,
                value=made.value,
                low=made.low,
                high=made.high,
                level=made.level,
                p=made.p,
                p_corrected=made.p_corrected,
                n=made.n,
                note=made.note,
                truth=true[index].get(group),
            )
        )
    return out


def _carry_out(pipeline: Pipeline, jobs: Sequence[Job]) -> list[list[Outcome]]:
    async def all_of_them() -> list[list[Outcome]]:
        return [await _outcomes(pipeline, job) for job in jobs]

    return asyncio.run(all_of_them())


# One pipeline a process: what a worker was started with.
_here: list[Pipeline] = []


def _begin(
    spec: Path, plugin_files: tuple[Path, ...], options: Mapping[str, Any], answers: frozenset[str]
) -> None:
    catalogue = Catalogue(files=plugin_files)
    request = RunRequest(spec=load(spec, catalogue, files=options["files"]), **options)
    _here[:] = [Pipeline(setting_of(request, catalogue, answers))]


def _work(jobs: Sequence[Job]) -> list[list[Outcome]]:
    return _carry_out(_here[0], jobs)


def setting_of(
    request: RunRequest, catalogue: Catalogue, answers: frozenset[str] | None = None
) -> Setting:
    """The setting of a request: backends for the roles it binds, planted respondents for the rest.

    Args:
        request: The measure, with model strings for those roles that no planted respondent plays.
        catalogue: Where backends are found.
        answers: The roles to bind; all of the request's other than the subject unless given.

    Raises:
        UsageError: A model for a role that the measure does not have.
        CatalogueError: An unknown backend.
    """
    from gnomon.errors import UsageError, did_you_mean, listing

    roles = set(request.roles) - {"subject"} if answers is None else answers
    known = roles_of(request.spec)
    backends = {}
    for role in sorted(roles):
        if role not in known:
            raise UsageError(
                f"the measure {request.spec.name!r} has no role {role!r}"
                f"{did_you_mean(role, known)}; its roles are: {listing(known)}"
            )
        backends[role] = make_backend(catalogue, request.roles[role])
    return Setting(request=request, backends=backends)


def simulate_many(workplace: Workplace, jobs: Sequence[Job]) -> list[list[Outcome]]:
    """The outcomes of each job, in the order of the jobs.

    Args:
        workplace: What is simulated, and in how many processes.
        jobs: The simulated runs.
    """
    pipeline = Pipeline(workplace.setting)
    per_run = sum(1 for _ in pipeline.trials(jobs[0].seed)) if jobs else 0
    if workplace.processes == 1 or per_run * len(jobs) < WORTH_IT:
        return _carry_out(pipeline, jobs)
    request = workplace.setting.request
    options = attrs.asdict(request, recurse=False, filter=attrs.filters.exclude("spec"))
    arguments = (
        request.spec.path,
        workplace.plugin_files,
        options,
        frozenset(workplace.setting.backends),
    )
    size = max(1, len(jobs) // (workplace.processes * SHARE))
    pieces = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    # Spawned, not forked: a fork would copy threads' locks that libraries may hold.
    with ProcessPoolExecutor(
        workplace.processes, get_context("spawn"), initializer=_begin, initargs=arguments
    ) as pool:
        return [outcomes for piece in pool.map(_work, pieces) for outcomes in piece]
