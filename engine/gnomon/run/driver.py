"""Drives the generator form of procedures, scorers and sources.

One invariant: whoever asks is sent exactly one reply per ask, in order, and the exchanges are kept in
that order; when an ask cannot be answered the generator is closed and the whole is done again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gnomon.records import Ask, Exchange, Score, Trial

if TYPE_CHECKING:
    from gnomon.run.caller import Place


class Answering(Protocol):
    """Answers asks: the caller of a run, or a respondent in memory."""

    async def answer(self, ask: Ask, trial: Trial | None, place: Place, position: int) -> Exchange:
        """The ask with its reply."""
        ...


async def drive(
    asking: Generator[Any, Any, Any],
    caller: Answering,
    trial: Trial | None,
    place: Place,
    *,
    first: int = 0,
) -> tuple[list[Exchange], list[Any], Any]:
    """Run a generator to its end.

    Args:
        asking: Yields an ask, a sequence of asks (answered at once), or anything else.
        caller: Answers asks.
        trial: The trial the asks belong to, if any.
        place: What the store files them under.
        first: Position of the first ask among those of its place.

    Returns:
        The exchanges in order, everything else that was yielded, and what was returned.

    Raises:
        Unanswered: An ask failed; the generator has been closed.
        TypeError: The generator yielded a sequence holding something that is not an ask.
    """
    exchanges: list[Exchange] = []
    others: list[Any] = []
    answer: Any = None
    try:
        while True:
            try:
                yielded = asking.send(answer)
            except StopIteration as ended:
                return exchanges, others, ended.value
            if isinstance(yielded, Ask):
                exchange = await caller.answer(yielded, trial, place, first + len(exchanges))
                exchanges.append(exchange)
                answer = exchange.reply
            elif isinstance(yielded, Sequence) and not isinstance(yielded, str):
                several = await _together(yielded, caller, trial, place, first + len(exchanges))
                exchanges.extend(several)
                answer = [exchange.reply for exchange in several]
            else:
                others.append(yielded)
                answer = None
    finally:
        asking.close()


async def _together(
    asks: Sequence[Any], caller: Answering, trial: Trial | None, place: Place, first: int
) -> list[Exchange]:
    for ask in asks:
        if not isinstance(ask, Ask):
            raise TypeError(f"a plugin yielded {type(ask).__name__!r} among its asks")
    tasks = [
        asyncio.ensure_future(caller.answer(ask, trial, place, first + index))
        for index, ask in enumerate(asks)
    ]
    try:
        # An ask that ends without a reply does not cut off those beside it: they are paid for.
        came = await asyncio.gather(*tasks, return_exceptions=True)
    except BaseException:
        for task in tasks:
            task.cancel()
        # Let every sibling end before the failure travels on, so that what arrived is stored.
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return [_exchange(each) for each in came]


def _exchange(came: Exchange | BaseException) -> Exchange:
    if isinstance(came, BaseException):
        raise came
    return came


def as_scores(value: object, scorer: str) -> list[Score]:
    """What a scorer returned, as a list.

    Raises:
        TypeError: It is not made of scores.
    """
    if isinstance(value, Score):
        return [value]
    if isinstance(value, Iterable) and not isinstance(value, str):
        scores = list(value)
        if all(isinstance(score, Score) for score in scores):
            return scores
    raise TypeError(f"the scorer {scorer!r} must give scores; it gave {value!r:.200}")
