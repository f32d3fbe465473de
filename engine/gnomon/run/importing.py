"""Import: replies that others published, stored as a run of a measure.

One invariant: an imported run is to scorers and statistics like any other, and to a reader never mistaken
for one: its run holds the hashes, source and licence of the tables, and every ask of it is marked as
imported and has the published prompt or none.

The same tables imported the same way are the same run: nothing is stored twice, and an import that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import Incomplete, UsageError, did_you_mean
from gnomon.loading import Around
from gnomon.records import Ask, Item, Reply
from gnomon.replytable import ReplyTable
from gnomon.run.analysis import analyse
from gnomon.run.bindings import Binding, bind, check_needs, needs
from gnomon.run.caller import Caller, Unanswered
from gnomon.run.facts import facts_of
from gnomon.run.passes import Scoring, score_stored, scoring_of
from gnomon.run.placing import Mapped, Misplaced, Placed, Placer, Row
from gnomon.run.progress import Tally
from gnomon.run.request import RunRequest
from gnomon.seeds import Seed
from gnomon.spec import Spec
from gnomon.store import RoleFacts, RunFacts, Store, reply_key

BACKEND = "replay"
"""The backend that imported replies are filed under; no backend of that name is called."""
_REASONS = 10


@attrs.frozen(kw_only=True)
class ImportRequest:
    """Which tables are imported as which measure.

    Attributes:
        spec: The loaded measure.
        tables: The files, read as one table; ``.csv``, ``.tsv`` or ``.jsonl``.
        mapped: Which column is what.
        where: Column → the cells of the rows to keep.
        scores: Score name → column with a number that was published for each row.
        model: Who answered; the name of the first file unless given.
        source: Where the replies are published.
        licence: The licence they are under.
        encoding: Of the files.
        skip_unknown: Leave out rows that are for no trial of the measure, instead of refusing.
        roles: Role → model string, for scorers that ask a judge.
        files: Name in the spec → the user's own file.
        command: The command line, for provenance.
    """

    spec: Spec
    tables: tuple[Path, ...]
    mapped: Mapped
    where: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    scores: Mapping[str, str] = attrs.field(factory=dict)
    model: str | None = None
    source: str | None = None
    licence: str | None = None
    encoding: str = "utf-8"
    skip_unknown: bool = False
    roles: Mapping[str, str] = attrs.field(factory=dict)
    files: Mapping[str, Path] = attrs.field(factory=dict)
    command: tuple[str, ...] = ()

    @property
    def model_name(self) -> str:
        """Who answered, as it is stored."""
        return self.model or self.tables[0].name


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
    survey = _survey(request)
    facts = _facts(request, survey, catalogue)
    wanted = scoring_of(request.spec, facts)
    bound = _judges(request, wanted, catalogue)
    with Store.open(database, write=True) as store:
        run_id = store.begin_run(facts)
        stored = _store(request, survey, facts, store, run_id)
        newest = store.newest_scoring(run_id)
        if stored or newest is None or not store.has_estimates(run_id, newest):
            _score(request, wanted, bound, catalogue, store, run_id)
        store.close_session(run_id, reason="done", calls=0, trials=stored)
    return Imported(
        run_id=run_id,
        trials=survey.placed,
        stored=stored,
        skipped=survey.skipped,
        left_out=wanted.left_out,
    )


# -- reading the tables ----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class _Survey:
    """What a first reading of the tables found."""

    items: Mapping[str, Item]
    hashes: Mapping[str, str]
    repeats: int
    placed: int
    skipped: Mapping[str, int]


def _rows(request: ImportRequest) -> Iterator[tuple[int, str, Row]]:
    """Number over all tables from 1, place as ``FILE row N``, and cells of the rows that are kept."""
    number = 0
    for path in request.tables:
        table = ReplyTable(str(path), request.encoding)
        try:
            _check_columns(request, table)
            for own, (_, row) in enumerate(table.rows(), 1):
                number += 1
                if all(row.get(name) in values for name, values in request.where.items()):
                    yield number, f"{path.name} row {own}", row
        finally:
            table.close()


def _check_columns(request: ImportRequest, table: ReplyTable) -> None:
    named = {
        **{f"--map {field}": column for field, column in request.mapped.columns.items()},
        **{f"--where {column}": column for column in request.where},
        **{f"--score {name}": column for name, column in request.scores.items()},
    }
    for option, column in named.items():
        if column not in table.columns:
            raise UsageError(
                f"{table.file}: {option} names the column {column!r}, which is not there"
                f"{did_you_mean(column, table.columns)}; there are: "
                f"{', '.join(repr(name) for name in table.columns)}"
            )


def _placements(request: ImportRequest, placer: Placer) -> Iterator[tuple[str, Placed | Misplaced]]:
    for number, place, row in _rows(request):
        try:
            yield place, placer.place(row, number)
        except Misplaced as reason:
            yield place, reason


def _survey(request: ImportRequest) -> _Survey:
    items = _items(request)
    placer = Placer(request.spec, items, request.mapped, request.model_name)
    for name in request.scores:
        if request.scores[name] in placer.used:
            raise UsageError(
                f"--score {name}={request.scores[name]}: this column is mapped as a text; "
                "a score is read from a column of numbers"
            )
    reasons: Counter[str] = Counter()
    first: dict[str, str] = {}
    placed = 0
    for place, found in _placements(request, placer):
        if isinstance(found, Placed):
            placed += 1
        else:
            reasons[str(found)] += 1
            first.setdefault(str(found), place)
    if reasons and not request.skip_unknown:
        raise UsageError(_misplaced(reasons, first, placed))
    if not placed:
        raise UsageError(_nothing(request, reasons))
    return _Survey(
        items=items,
        hashes=_hashes(request),
        repeats=placer.repeats,
        placed=placed,
        skipped=dict(reasons),
    )


def _items(request: ImportRequest) -> dict[str, Item]:
    around = Around.beside(request.spec.path, request.spec.keys.seed, files=request.files)
    found: dict[str, Item] = {}
    for item in request.spec.source.plugin.items(around):
        if not isinstance(item, Item):
            raise UsageError(
                f"the source {request.spec.source.name!r} asks a model for its items, so published "
                "replies cannot be told which item they are for"
            )
        found[item.key] = item
    return found


def _misplaced(reasons: Counter[str], first: Mapping[str, str], placed: int) -> str:
    count = sum(reasons.values())
    lines = [
        f"{count} of {count + placed} rows cannot be placed; rename values with "
        "--rename FIELD:PUBLISHED=OURS, or leave these rows out with --skip-unknown"
    ]
    for reason, number in reasons.most_common(_REASONS):
        rows = "1 row" if number == 1 else f"{number} rows"
        lines.append(f"  {rows}, the first is {first[reason]}: {reason}")
    if len(reasons) > _REASONS:
        lines.append(f"  and {len(reasons) - _REASONS} further reasons")
    return "\n".join(lines)


def _nothing(request: ImportRequest, reasons: Counter[str]) -> str:
    names = ", ".join(str(path) for path in request.tables)
    if reasons:
        return f"{names}: none of the {sum(reasons.values())} rows can be placed"
    if request.where:
        given = ", ".join(f"{name}={'|'.join(cells)}" for name, cells in request.where.items())
        return f"{names}: no row is left by --where {given}"
    return f"{names}: the table has a header and no rows"


def _hashes(request: ImportRequest) -> dict[str, str]:
    out: dict[str, str] = {}
    for path in request.tables:
        if path.name in out:
            raise UsageError(f"two tables are called {path.name!r}; rename one of them")
        with path.open("rb") as stream:
            out[path.name] = file_digest(stream, "sha256").hexdigest()
    return out


# -- storing ---------------------------------------------------------------------------------------


def _facts(request: ImportRequest, survey: _Survey, catalogue: Catalogue) -> RunFacts:
    as_run = RunRequest(
        spec=request.spec,
        roles=request.roles,
        repeats=survey.repeats,
        files=request.files,
        command=request.command,
    )
    judges = bind(request.spec, request.roles, catalogue, only=tuple(request.roles))
    facts = facts_of(as_run, judges, "free", catalogue)
    subject = RoleFacts(
        role="subject",
        backend=BACKEND,
        model=request.model_name,
        identity={"sha256": dict(survey.hashes)},
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
            "sha256": dict(survey.hashes),
            "source": request.source,
            "licence": request.licence,
            "scores": dict(request.scores),
            "rows": survey.placed,
            "skipped": dict(survey.skipped),
        },
    )


def _store(
    request: ImportRequest, survey: _Survey, facts: RunFacts, store: Store, run_id: int
) -> int:
    """Store every trial that is not stored yet; returns how many there were."""
    finished = store.finished(run_id)
    placer = Placer(request.spec, survey.items, request.mapped, request.model_name)
    served: set[str] = set()
    stored = 0
    for _, found in _placements(request, placer):
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
