"""One scoring pass over the stored replies of a run.

One invariant: a pass reads only the store. Replies are scored as they were stored, numbers that were
published with imported replies are read from the row they were stored with, and a judge is asked only
by whoever was given one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

import attrs

from gnomon.records import Score, TrialRecord
from gnomon.run.caller import Caller, Place
from gnomon.run.scoring import blocks_over, score_item, score_trial
from gnomon.spec import ScoreBlock, Spec
from gnomon.store import RunFacts, Store

PUBLISHED = "imported"
"""What stands in the place of a scorer's name for scores that others published."""


@attrs.frozen(kw_only=True)
class Scoring:
    """What a pass over a run computes.

    Attributes:
        blocks: The scorers that are run.
        published: Score name → column of the imported table; empty for a run of our own.
        left_out: Scores of the measure that need a model in a role that has none, with the role.
    """

    blocks: tuple[ScoreBlock, ...]
    published: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def roles(self) -> frozenset[str]:
        """The roles in which the scorers ask."""
        return frozenset(role for block in self.blocks if (role := role_of(block)) is not None)


def role_of(block: ScoreBlock) -> str | None:
    """The role in which a scorer asks; None when it asks nobody."""
    role = getattr(block.use.plugin, "role", None)
    return role if isinstance(role, str) else None


def scoring_of(spec: Spec, facts: RunFacts) -> Scoring:
    """What a pass over a run computes.

    A published score stands in the place of the measure's score of that name. An imported run
    without a model for a judge has no scores of that judge.
    """
    imported = facts.imported is not None
    published = dict((facts.imported or {}).get("scores", {}))
    kept: list[ScoreBlock] = []
    left_out: dict[str, str] = {}
    for block in spec.scores:
        role = role_of(block)
        if block.label in published:
            continue
        if imported and role is not None and role not in facts.roles:
            left_out[block.label] = role
            continue
        kept.append(block)
    return Scoring(blocks=tuple(kept), published=published, left_out=left_out)


async def score_stored(
    wanted: Scoring, caller: Caller, store: Store, run_id: int, scoring: int
) -> int:
    """Score every finished trial of a run, and every item; returns the number of trials.

    Raises:
        Unanswered: A judge could not be asked.
    """
    count = 0
    for trial_id, record in store.trial_records(run_id):
        place = Place(trial_id, None, record.trial.repeat, "score")
        asked = 0
        for block in blocks_over(wanted.blocks, "trial"):
            scores, number = await score_trial(block, record, caller, place, asked)
            asked += number
            store.add_scores(run_id, scoring, scores, scorer=block.use.name, trial_id=trial_id)
        if wanted.published:
            made = published_scores(record, wanted.published)
            store.add_scores(run_id, scoring, made, scorer=PUBLISHED, trial_id=trial_id)
        store.tick()
        count += 1
    item_blocks = blocks_over(wanted.blocks, "item")
    for item_id, item in store.item_records(run_id) if item_blocks else ():
        for block in item_blocks:
            scores = await score_item(block, item, caller, Place(None, item_id, 0, "score"))
            store.add_scores(run_id, scoring, scores, scorer=block.use.name, item_id=item_id)
    return count


def published_scores(record: TrialRecord, columns: Mapping[str, str]) -> Iterator[Score]:
    """The numbers that were published with a trial's replies.

    A cell that is empty or no finite number is a score of status ``unparsed``.

    Args:
        record: An imported trial; its first reply carries the cells of the row.
        columns: Score name → column.
    """
    raw = record.exchanges[0].reply.raw if record.exchanges else None
    cells = json.loads(raw) if raw is not None else {}
    for name, column in columns.items():
        cell = str(cells.get(column, "")).strip()
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            yield Score(name=name, value=value, detail={"column": column})
        else:
            detail = {"column": column, "cell": cell}
            yield Score(name=name, value=None, status="unparsed", detail=detail)
