"""From finished trials to scores.

One invariant: a reply that is no full answer becomes a score of that status without the scorer being
asked, unless the scorer says that it accepts such replies; so no failure can turn into a number.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from gnomon.records import ItemRecord, Score, ScoreStatus, TrialRecord
from gnomon.run.caller import Place
from gnomon.run.driver import Answering, as_scores, drive
from gnomon.spec import ScoreBlock, applies


def over(block: ScoreBlock) -> str:
    """``trial`` or ``item``: what a scorer reads at a time."""
    return str(getattr(block.use.plugin, "over", "trial"))


def blocks_over(blocks: Iterable[ScoreBlock], what: str) -> tuple[ScoreBlock, ...]:
    """The blocks whose scorer reads one trial, or one item, at a time."""
    return tuple(block for block in blocks if over(block) == what)


def renamed(scores: Sequence[Score], block: ScoreBlock) -> list[Score]:
    """Scores under the label of their block instead of the scorer's own name."""
    name, label = block.use.name, block.label
    if label == name:
        return list(scores)
    return [
        attrs.evolve(score, name=label + score.name[len(name) :])
        if score.name == name or score.name.startswith(f"{name}.")
        else score
        for score in scores
    ]


def failing_status(record: TrialRecord, accepts: Sequence[str]) -> ScoreStatus | None:
    """The status of the first reply that the scorer does not accept; None when it accepts all."""
    for exchange in record.exchanges:
        if exchange.reply.status not in accepts:
            return exchange.reply.status
    return None


async def score_trial(
    block: ScoreBlock, record: TrialRecord, caller: Answering, place: Place, first: int
) -> tuple[list[Score], int]:
    """The scores of one block for one trial, and how many asks it made.

    Raises:
        Unanswered: A judge could not be asked.
    """
    plugin = block.use.plugin
    if not applies(block.keys.only, record.trial.levels):
        return [], 0
    status = failing_status(record, getattr(plugin, "accepts", ("ok",)))
    if status is not None:
        return [Score(name=block.label, value=None, status=status)], 0
    return await _scores(block, plugin.score(record), caller, record, place, first)


async def score_item(
    block: ScoreBlock, record: ItemRecord, caller: Answering, place: Place
) -> list[Score]:
    """The scores of one block for one item; none where the block is for none of its trials.

    Raises:
        Unanswered: A judge could not be asked.
    """
    accepts = getattr(block.use.plugin, "accepts", ("ok",))
    meant = [trial for trial in record.trials if applies(block.keys.only, trial.trial.levels)]
    if not meant:
        return []
    kept = tuple(trial for trial in meant if failing_status(trial, accepts) is None)
    if not kept:
        return [Score(name=block.label, value=None, status="error", detail={"trials": 0})]
    scores, _ = await _scores(
        block, block.use.plugin.score(attrs.evolve(record, trials=kept)), caller, None, place, 0
    )
    return scores


async def _scores(
    block: ScoreBlock,
    value: Any,
    caller: Answering,
    record: TrialRecord | None,
    place: Place,
    first: int,
) -> tuple[list[Score], int]:
    asked = 0
    if inspect.isgenerator(value):
        trial = record.trial if record is not None else None
        exchanges, yielded, returned = await drive(value, caller, trial, place, first=first)
        asked = len(exchanges)
        value = yielded if returned is None else returned
    return renamed(as_scores(value, block.use.name), block), asked
