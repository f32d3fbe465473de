"""The plan as streams of trials: one, or one for each round of a source that learns.

One invariant: a resumed run is given the very streams of its first invocation; what a round rests on is read
back from the store, never remembered.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gnomon.design import trials as make_trials
from gnomon.errors import Incomplete, SourceError
from gnomon.loading import Around
from gnomon.records import Item, Score, Trial
from gnomon.run.caller import Caller, Place, Stop, Unanswered
from gnomon.run.driver import drive
from gnomon.run.keeping import Kept
from gnomon.run.plan import count_trials
from gnomon.run.request import RunRequest
from gnomon.run.session import Session

RoundScores = Mapping[str, Mapping[str, Sequence[Score]]]
"""Item key → score name → scores, of all rounds before."""


def asks(source: Any) -> bool:
    """Whether items of a source can be had only by asking models."""
    return bool(getattr(source, "adaptive", False) or getattr(source, "asks", False))


def nothing_left(request: RunRequest) -> SourceError:
    """What is said of a plan without a trial."""
    if not request.only:
        return SourceError(f"the source {request.spec.source.name!r} yields no items")
    given = ", ".join(f"{name}={','.join(values)}" for name, values in request.only.items())
    return SourceError(f"no trial is left by --only {given}")


def _around(
    session: Session, round_: int, scores: RoundScores, before: Mapping[str, Item]
) -> Around:
    request = session.request
    return Around.beside(
        session.spec.path,
        request.seed_used,
        files=request.files,
        round_=round_,
        scores=scores,
        items=before,
    )


async def rounds(session: Session, caller: Caller) -> AsyncIterator[Iterator[Trial]]:
    """The plan, one stream of trials for each round of the source.

    Raises:
        Incomplete: The source asked a model and was not answered.
        SourceError: The source yields nothing at all, or ``--only`` leaves nothing of its first round.
    """
    request = session.request
    source = session.spec.source.plugin
    scores: RoundScores = {}
    before: dict[str, Item] = {}
    start = 0
    for round_ in itertools.count():
        items: Callable[[], Iterable[Item]]
        if asks(source):
            around = _around(session, round_, scores, before)
            try:
                gathered, replies = await _asked(session, caller, around)
            except Stop:
                # No further call may be sent, and so nothing further be planned; the caller says why.
                return
            if not gathered and round_:
                session.note_last_round(replies)
                return
            if not gathered:
                raise SourceError(f"the source {session.spec.source.name!r} yields no items")
            session.rounds.append(len(gathered))
            items = partial(list, gathered)
            before = before | {item.key: item for item in gathered}
        else:
            items = Kept(partial(source.items, _around(session, 0, scores, before)))
        planned = count_trials(request, items)
        if not planned and not round_:
            raise nothing_left(request)
        session.plan(planned + start)
        yield make_trials(
            session.spec.keys.design,
            items,
            request.seed_used,
            repeats=request.repeats,
            format_=session.format,
            start=start,
            limit=request.limit,
            keep=request.keeps if request.only else None,
            done=session.finished.__contains__,
        )
        start += planned
        if not getattr(source, "adaptive", False):
            return
        if session.tally.failed:
            # The next round rests on the scores of this one, so it has to wait for all of them.
            return
        # Read back, not remembered: a resumed run must give the source the very scores that the
        # first invocation gave it, which are those of this round and before.
        session.store.flush()
        scores = session.store.scores_by_item(session.run_id, session.scoring, below=start)


async def _asked(session: Session, caller: Caller, around: Around) -> tuple[list[Item], int]:
    """The items of a source that asks for them, and how many replies it was given."""
    place = Place(None, None, around.round, "source")
    items: Any = session.spec.source.plugin.items(around)
    # A source may be a generator that is sent replies, or give its items in any other way.
    generator = items if hasattr(items, "send") else (item for item in items)
    try:
        exchanges, found, _ = await drive(generator, caller, None, place)
    except Unanswered as error:
        raise Incomplete(f"the source could not be asked: {error.reply.error}") from None
    return [item for item in found if isinstance(item, Item)], len(exchanges)
