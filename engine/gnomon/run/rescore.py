"""Scoring stored replies again, without calling a model.

One invariant: a pass adds and never overwrites; earlier scores and estimates stay as they were. It uses the
spec that is stored with the run, or another that is then stored with the pass, so that every number stays
explained.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import CallFailed, Fault, SpecError, UsageError
from gnomon.loading import load, load_stored
from gnomon.modelname import ModelName
from gnomon.records import Ask, Reply
from gnomon.run.analysis import analyse
from gnomon.run.bindings import bind
from gnomon.run.caller import Caller, Place, Unanswered
from gnomon.run.passes import score_stored, scoring_of
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest
from gnomon.seeds import Seed
from gnomon.spec import Spec
from gnomon.store import RunFacts, Store
from gnomon.store.replies import StoredReply
from gnomon.structure import read_document


class _Nobody:
    """An asker that asks nobody: what is not stored stays unanswered."""

    async def ask(self, ask: Ask) -> Reply:
        raise CallFailed(
            f"the reply of the {ask.role} to {ask.name!r} is not stored; "
            "run the measure again to have it asked"
        )


class _Again(Caller):
    """Answers each ask as it was answered in this very run, by a refusal where that was the answer."""

    def _stored(self, key: bytes, place: Place) -> StoredReply | None:
        given = self._store.find_given(self._run_id, place.trial_id, key)
        return given or super()._stored(key, place)

    def _file(
        self, place: Place, position: int, ask: Ask, key: bytes, reply_id: int, *, cached: bool
    ) -> None:
        # What was asked when the run was made is not asked once more by reading it again.
        if self._store.find_given(self._run_id, place.trial_id, key) is None:
            super()._file(place, position, ask, key, reply_id, cached=cached)


@attrs.frozen(kw_only=True)
class Rescored:
    """What came of scoring a run again.

    Attributes:
        trials: Number of trials scored.
        seconds: How long scoring them took.
        version: Version of the spec that was used.
        stored: Whether that is the spec stored with the run.
        now: Version of the measure of that name as it is now, where its text differs from the one used.
    """

    trials: int
    seconds: float
    version: int
    stored: bool
    now: int | None


def _now(facts: RunFacts, catalogue: Catalogue) -> Path | None:
    """Where the measure lies now, when a plugin offers it."""
    known = catalogue.measures()
    return known[facts.measure][0] if facts.measure in known else None


def _stored_spec(
    store: Store, run_id: int, facts: RunFacts, catalogue: Catalogue, now: Path | None
) -> Spec:
    _, record = next(store.trial_records(run_id), (0, None))
    path = now or Path.cwd() / f"{facts.measure}.toml"
    try:
        return load_stored(
            facts.spec_text, path, catalogue, None if record is None else record.trial.item
        )
    except SpecError as error:
        raise UsageError(
            f"the spec stored with run {run_id} cannot be used as the plugins are now; "
            f"give one that can: --measure NAME or PATH\n{error}"
        ) from None


def _version_now(now: Path | None, used: Spec) -> int | None:
    document = read_document(now) if now is not None else None
    if document is None or isinstance(document, Fault) or document.text == used.text:
        return None
    version = document.data.get("version")
    return version if isinstance(version, int) else None


def rescore(
    store: Store, run_id: int, catalogue: Catalogue, measure: str | None = None
) -> Rescored:
    """Add a scoring pass to a run; nobody sees it before it is whole.

    Args:
        store: The store, opened for writing.
        run_id: The run.
        catalogue: Where scorers and statistics are found.
        measure: The measure whose scorers and statistics are used, by name or path, as it is now; the
            spec stored with the run unless given.

    Raises:
        UsageError: There is no such run, the measure is another, a judge's replies are not stored, or the
            stored spec needs plugins that are not there any more.
    """
    facts = store.facts(run_id)
    now = _now(facts, catalogue)
    if measure is None:
        spec = _stored_spec(store, run_id, facts, catalogue, now)
    else:
        spec = load(catalogue.find_measure(measure), catalogue)
        if spec.name != facts.measure:
            raise UsageError(
                f"run {run_id} is of the measure {facts.measure!r} and is not scored as one of "
                f"{spec.name!r}; --measure takes another text of the same measure"
            )
    wanted = scoring_of(spec, facts)
    judges = {
        role: str(ModelName(given.backend, given.model, given.options))
        for role, given in facts.roles.items()
        if role in wanted.roles
    }
    request = RunRequest(spec=spec, roles=judges, seed=facts.seed, repeats=facts.repeats, retries=0)
    bound = bind(spec, judges, catalogue, only=wanted.roles)
    other = None if spec.text == facts.spec_text else spec.text
    scoring = store.begin_scoring(run_id, provisional=True, spec_text=other)
    seed = Seed(facts.seed)
    caller = _Again(request, bound, _Nobody(), store, run_id, seed, Tally())
    began = time.perf_counter()
    try:
        count = asyncio.run(score_stored(wanted, caller, store, run_id, scoring))
    except Unanswered as error:
        raise UsageError(f"run {run_id} cannot be scored again: {error.reply.error}") from None
    seconds = time.perf_counter() - began
    scoring = store.complete_scoring(run_id, scoring)
    analyse(spec, store, run_id, scoring, seed)
    return Rescored(
        trials=count,
        seconds=seconds,
        version=spec.keys.version,
        stored=other is None,
        now=_version_now(now, spec),
    )
