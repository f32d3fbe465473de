"""From surveyed tables to a stored, scored run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import Incomplete
from gnomon.records import Ask, Reply
from gnomon.run.analysis import analyse
from gnomon.run.bindings import Binding, bind, check_needs, needs
from gnomon.run.caller import Caller, Unanswered
from gnomon.run.facts import facts_of
from gnomon.run.importing.placing import Misplaced, Placed, Placer
from gnomon.run.importing.request import ImportRequest
from gnomon.run.importing.survey import Survey, placements, survey
from gnomon.run.passes import Scoring, score_stored, scoring_of
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest
from gnomon.seeds import Seed
from gnomon.store import RoleFacts, RunFacts, Store, reply_key

BACKEND = "replay"
"""The backend that imported replies are filed under; no backend of that name is called."""


@attrs.frozen(kw_only=True)
class Imported:
    """What came of an import.

    Attributes:
        run_id: The run's row.
        trials: Trials of the run.
        stored: Trials stored by this call; 0 when the tables had been imported before.
        skipped: Why rows were left out → how many.
        left_out: Scores that need a model in a role that has none, with the role.
    """

    run_id: int
    trials: int
    stored: int
    skipped: Mapping[str, int]
    left_out: Mapping[str, str]


def import_replies(request: ImportRequest, catalogue: Catalogue, database: Path) -> Imported:
    """Store published replies as a run, score them and compute the measure's statistics.

    Args:
        request: What to import.
        catalogue: Where scorers, statistics and the backends of judges are found.
        database: The results database; made when absent.

    Raises:
        GnomonError: A table, column, item or level that is not there; nothing has been stored then.
        Incomplete: A judge could not be asked; the replies are stored.
    """
    found = survey(request)
    facts = _facts(request, found, catalogue)
    wanted = scoring_of(request.spec, facts)
    bound = _judges(request, wanted, catalogue)
    with Store.open(database, write=True) as store:
        run_id = store.begin_run(facts)
        stored = _store(request, found, facts, store, run_id)
        newest = store.newest_scoring(run_id)
        if stored or newest is None or not store.has_estimates(run_id, newest):
            _score(request, wanted, bound, catalogue, store, run_id)
        store.close_session(run_id, reason="done", calls=0, trials=stored)
    return Imported(
        run_id=run_id,
        trials=found.placed,
        stored=stored,
        skipped=found.skipped,
        left_out=wanted.left_out,
    )


def _facts(request: ImportRequest, surveyed: Survey, catalogue: Catalogue) -> RunFacts:
    as_run = RunRequest(
        spec=request.spec,
        roles=request.roles,
        repeats=surveyed.repeats,
        files=request.files,
        command=request.command,
    )
    judges = bind(request.spec, request.roles, catalogue, only=tuple(request.roles))
    facts = facts_of(as_run, judges, "free", catalogue)
    subject = RoleFacts(
        role="subject",
        backend=BACKEND,
        model=request.model_name,
        identity={"sha256": dict(surveyed.hashes)},
    )
    decided: dict[str, Any] = {
        "columns": dict(request.mapped.columns),
        "constants": dict(request.mapped.constants),
        "renamed": {name: dict(values) for name, values in request.mapped.renamed.items()},
        "where": {name: list(cells) for name, cells in request.where.items()},
        "scores": dict(request.scores),
    }
    return attrs.evolve(
        facts,
        roles={"subject": subject, **facts.roles},
        plan={**facts.plan, "import": decided},
        executor="elsewhere",
        imported={
            "sha256": dict(surveyed.hashes),
            "source": request.source,
            "licence": request.licence,
            "scores": dict(request.scores),
            "rows": surveyed.placed,
            "skipped": dict(surveyed.skipped),
        },
    )


def _store(
    request: ImportRequest, surveyed: Survey, facts: RunFacts, store: Store, run_id: int
) -> int:
    """Store every trial that is not stored yet; returns how many there were."""
    finished = store.finished(run_id)
    placer = Placer(request.spec, surveyed.items, request.mapped, request.model_name)
    served: set[str] = set()
    stored = 0
    for _, found in placements(request, placer):
        if isinstance(found, Misplaced) or found.trial.ordinal in finished:
            continue
        _store_trial(found, facts, store, run_id)
        served.update(reply.model for _, reply in found.exchanges if reply.model)
        stored += 1
    store.flush()
    for model in sorted(served):
        store.note_model_served(run_id, "subject", model)
    return stored


def _store_trial(placed: Placed, facts: RunFacts, store: Store, run_id: int) -> None:
    trial, subject = placed.trial, facts.roles["subject"]
    item_id = store.add_item(trial.item)
    trial_id = store.add_trial(run_id, item_id, trial)
    for position, (ask, reply) in enumerate(placed.exchanges):
        key = reply_key(
            ask,
            backend=subject.backend,
            model=subject.model,
            options=subject.options,
            identity=subject.identity,
            repeat=trial.repeat,
            trial=(trial.item.key, trial.levels),
        )
        reply_id = store.add_reply(key, ask, reply, attempt=1)
        store.add_ask(
            run_id, trial_id, None, position, ask, key, reply_id, cached=False, phase="trial"
        )
    store.finish_trial(trial_id)
    store.tick()


# -- scoring ---------------------------------------------------------------------------------------


def _judges(request: ImportRequest, wanted: Scoring, catalogue: Catalogue) -> Mapping[str, Binding]:
    bound = bind(request.spec, request.roles, catalogue, only=wanted.roles)
    needed = [need for need in needs(request.spec, "free") if need.role in bound]
    check_needs(request.spec.name, needed, bound, catalogue)
    return bound


class _Nobody:
    """In the place of an executor when no scorer asks."""

    async def ask(self, ask: Ask) -> Reply:
        raise AssertionError(f"nobody is there to answer {ask.name!r}")


def _score(
    request: ImportRequest,
    wanted: Scoring,
    bound: Mapping[str, Binding],
    catalogue: Catalogue,
    store: Store,
    run_id: int,
) -> None:
    seed = Seed(request.spec.keys.seed)
    scoring = store.begin_scoring(run_id)
    as_run = RunRequest(spec=request.spec, roles=request.roles)

    async def carry_out() -> None:
        if not bound:
            caller = Caller(as_run, bound, _Nobody(), store, run_id, seed, Tally())
            await score_stored(wanted, caller, store, run_id, scoring)
            return
        executor = catalogue.get("executors", as_run.executor).cls()
        async with executor.open({role: one.backend for role, one in bound.items()}) as asker:
            caller = Caller(as_run, bound, asker, store, run_id, seed, Tally())
            await score_stored(wanted, caller, store, run_id, scoring)

    for one in bound.values():
        prepare = getattr(one.backend, "prepare", None)
        if prepare is not None:
            prepare(lambda _: None, None)
    try:
        asyncio.run(carry_out())
    except Unanswered as error:
        store.flush()
        raise Incomplete(
            f"the replies are stored as run {run_id}, but not all could be judged: "
            f"{error.reply.error}; give the same command again to go on"
        ) from None
    analyse(request.spec, store, run_id, scoring, seed)
    store.flush()
