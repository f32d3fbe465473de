"""Scoring stored replies again, without calling a model.

One invariant: a pass adds and never overwrites; earlier scores and estimates stay as they were.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from gnomon.catalogue import Catalogue
from gnomon.errors import CallFailed, UsageError
from gnomon.loading import load
from gnomon.modelname import ModelName
from gnomon.records import Ask, Reply
from gnomon.run.analysis import analyse
from gnomon.run.bindings import bind
from gnomon.run.caller import Caller, Unanswered
from gnomon.run.passes import score_stored, scoring_of
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest
from gnomon.seeds import Seed
from gnomon.store import RunFacts, Store


class _Nobody:
    """An asker that asks nobody: what is not stored stays unanswered."""

    async def ask(self, ask: Ask) -> Reply:
        raise CallFailed(
            f"the reply of the {ask.role} to {ask.name!r} is not stored; "
            "run the measure again to have it asked"
        )


def _measure_of(facts: RunFacts, measure: str | None, catalogue: Catalogue) -> Path:
    if measure is not None:
        return catalogue.find_measure(measure)
    known = catalogue.measures()
    if facts.measure not in known:
        raise UsageError(
            f"the measure {facts.measure!r} was run from a file of its own; "
            "name the file: --measure PATH"
        )
    return known[facts.measure][0]


def rescore(
    store: Store, run_id: int, catalogue: Catalogue, measure: str | None = None
) -> tuple[int, float]:
    """Add a scoring pass to a run; nobody sees it before it is whole.

    Args:
        store: The store, opened for writing.
        run_id: The run.
        catalogue: Where scorers and statistics are found.
        measure: The measure whose scorers are used; the run's own, by name, unless given.

    Returns:
        Number of trials scored, and the seconds it took.

    Raises:
        UsageError: There is no such run, or a judge's replies are not stored.
    """
    facts = store.facts(run_id)
    spec = load(_measure_of(facts, measure, catalogue), catalogue)
    wanted = scoring_of(spec, facts)
    judges = {
        role: str(ModelName(given.backend, given.model, given.options))
        for role, given in facts.roles.items()
        if role in wanted.roles
    }
    request = RunRequest(spec=spec, roles=judges, seed=facts.seed, repeats=facts.repeats, retries=0)
    bound = bind(spec, judges, catalogue, only=wanted.roles)
    scoring = store.begin_scoring(run_id, provisional=True)
    seed = Seed(facts.seed)
    caller = Caller(request, bound, _Nobody(), store, run_id, seed, Tally())
    began = time.perf_counter()
    try:
        count = asyncio.run(score_stored(wanted, caller, store, run_id, scoring))
    except Unanswered as error:
        raise UsageError(f"run {run_id} cannot be scored again: {error.reply.error}") from None
    seconds = time.perf_counter() - began
    scoring = store.complete_scoring(run_id, scoring)
    analyse(spec, store, run_id, scoring, seed)
    return count, seconds
