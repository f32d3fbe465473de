"""Scoring stored replies again, without calling a model.

One invariant: a pass adds and never overwrites; earlier scores and estimates stay as they were.
"""

from __future__ import annotations

import asyncio
import time

from gnomon.catalogue import Catalogue
from gnomon.errors import CallFailed, UsageError
from gnomon.loading import load
from gnomon.modelname import ModelName
from gnomon.records import Ask, Reply
from gnomon.run.analysis import analyse
from gnomon.run.bindings import bind
from gnomon.run.caller import Caller, Place, Unanswered
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest
from gnomon.run.scoring import blocks_over, score_item, score_trial
from gnomon.seeds import Seed
from gnomon.spec import Spec
from gnomon.store import Store


class _Nobody:
    """An asker that asks nobody: what is not stored stays unanswered."""

    async def ask(self, ask: Ask) -> Reply:
        raise CallFailed(
            f"the reply of the {ask.role} to {ask.name!r} is not stored; "
            "run the measure again to have it asked"
        )


def rescore(
    store: Store, run_id: int, catalogue: Catalogue, measure: str | None = None
) -> tuple[int, float]:
    """Add a scoring pass to a run.

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
    spec = load(catalogue.find_measure(measure or facts.measure), catalogue)
    roles = {
        role: str(ModelName(given.backend, given.model, given.options))
        for role, given in facts.roles.items()
    }
    request = RunRequest(spec=spec, roles=roles, seed=facts.seed, repeats=facts.repeats, retries=0)
    scoring = store.begin_scoring(run_id)
    seed = Seed(facts.seed)
    began = time.perf_counter()
    count = asyncio.run(_passes(spec, request, store, run_id, scoring, seed, catalogue))
    seconds = time.perf_counter() - began
    analyse(spec, store, run_id, scoring, seed)
    return count, seconds


async def _passes(
    spec: Spec,
    request: RunRequest,
    store: Store,
    run_id: int,
    scoring: int,
    seed: Seed,
    catalogue: Catalogue,
) -> int:
    asks = any(getattr(block.use.plugin, "role", None) for block in spec.scores)
    bound = bind(spec, request.roles, catalogue) if asks else {}
    caller = Caller(request, bound, _Nobody(), store, run_id, seed, Tally())
    count = 0
    try:
        for trial_id, record in store.trial_records(run_id):
            place = Place(trial_id, None, record.trial.repeat, "score")
            asked = 0
            for block in blocks_over(spec.scores, "trial"):
                scores, number = await score_trial(block, record, caller, place, asked)
                asked += number
                store.add_scores(run_id, scoring, scores, scorer=block.use.name, trial_id=trial_id)
            store.tick()
            count += 1
        item_blocks = blocks_over(spec.scores, "item")
        for item_id, item in store.item_records(run_id) if item_blocks else ():
            for block in item_blocks:
                scores = await score_item(block, item, caller, Place(None, item_id, 0, "score"))
                store.add_scores(run_id, scoring, scores, scorer=block.use.name, item_id=item_id)
    except Unanswered as error:
        raise UsageError(f"run {run_id} cannot be scored again: {error.reply.error}") from None
    return count
