"""From stored scores to estimates.

One invariant: every estimate says how many scores it rests on, how many are missing and why, and over
which family its p-value was corrected. A statistic that refuses leaves a row with its reason.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import StatisticError, StoreError
from gnomon.records import Estimate
from gnomon.seeds import Seed
from gnomon.spec import Spec, StatisticBlock, clusters_of
from gnomon.store import Store
from gnomon.table import Table


def analyse(spec: Spec, store: Store, run_id: int, scoring: int, seed: Seed) -> list[Estimate]:
    """Compute every statistic of a measure for one run, and store the estimates.

    Args:
        spec: The measure.
        store: The store, opened for writing.
        run_id: The run.
        scoring: The scoring pass whose scores are used.
        seed: The run's seed; each statistic draws from a stream named after its block.

    Returns:
        The estimates, corrected over their families.
    """
    # The columns of a long run take the room that its writing needed.
    store.trim()
    design = spec.keys.design.clusters
    made = list(estimates_of(spec.statistics, store, [run_id], seed, design))
    store.replace_estimates(run_id, scoring, made)
    return made


def estimates_of(
    blocks: Sequence[StatisticBlock],
    store: Store,
    run_ids: Sequence[int],
    seed: Seed,
    design: Sequence[str],
) -> list[Estimate]:
    """Estimates of some blocks over the scores of some runs, corrected over their families."""
    last: dict[tuple[str, ...], Table] = {}

    def tables(names: Sequence[str]) -> Table:
        # Neighbouring blocks are mostly of one score, and the table of a long run takes seconds to read.
        wanted = tuple(names)
        if wanted not in last:
            last.clear()
            last[wanted] = table_of(store, run_ids, names, design=design)
        return last[wanted]

    return corrected(estimates_from(blocks, tables, seed))


def estimates_from(
    blocks: Sequence[StatisticBlock], tables: Callable[[Sequence[str]], Table], seed: Seed
) -> list[tuple[StatisticBlock, Estimate]]:
    """Estimates of some blocks, not yet corrected, each with its block.

    Args:
        blocks: The statistics.
        tables: Makes the table of some scores; it may refuse.
        seed: Each statistic draws from a stream named after its block and group.
    """
    made: list[tuple[StatisticBlock, Estimate]] = []
    for index, block in enumerate(blocks):
        try:
            table = kept_rows(tables(block.of), block)
            for name in block.keys.by:
                if name not in table.labels:
                    table.label(name)
        except (StoreError, StatisticError) as error:
            made.append((block, _refusal(block, {}, str(error))))
            continue
        for group, part in table.groups(block.keys.by):
            own = seed.child(
                "statistic", block.label, index, *(f"{k}={v}" for k, v in group.items())
            )
            made.extend((block, estimate) for estimate in _one_group(block, group, part, own))
    return made


def table_of(
    store: Store,
    run_ids: Sequence[int],
    names: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    design: Sequence[str] = ("item",),
) -> Table:
    """The scores of some runs as a table, with the label columns named or all.

    Args:
        store: The store.
        run_ids: The runs.
        names: The scores.
        labels: The label columns; all unless given.
        design: The columns whose rows are not independent.

    Raises:
        StoreError: No such scores, or trial and item scores mixed.
    """
    columns = store.score_columns(run_ids, names, labels)
    return Table(
        scores=columns.scores,
        statuses=columns.statuses,
        labels=columns.labels,
        of=tuple(names),
        design=tuple(design),
    )


def design_of(spec_text: str) -> tuple[str, ...]:
    """The columns whose rows are not independent, by the text of a stored spec."""
    return clusters_of(tomllib.loads(spec_text).get("design", {}).get("cluster", "item"))


def kept_rows(table: Table, block: StatisticBlock) -> Table:
    """The rows that a block's ``where`` keeps."""
    import numpy as np

    for column, wanted in block.keys.where.items():
        values = (wanted,) if isinstance(wanted, str) else wanted
        table = table.rows(np.isin(table.label(column), values))
    return table


def _one_group(block: StatisticBlock, group: Any, table: Table, seed: Seed) -> Iterator[Estimate]:
    try:
        value = block.use.plugin.estimate(table, seed.numpy())
        produced = [value] if isinstance(value, Estimate) else list(value)
    except StatisticError as error:
        yield attrs.evolve(_refusal(block, group, str(error)), counts=table.counts())
        return
    for estimate in produced:
        yield attrs.evolve(
            estimate,
            statistic=block.label,
            of=", ".join(block.of),
            group={**group, **estimate.group},
            counts=table.counts(),
        )


def _refusal(block: StatisticBlock, group: Any, reason: str) -> Estimate:
    return Estimate(
        quantity="none",
        value=None,
        method=block.use.name,
        note=f"no estimate: {reason}",
        statistic=block.label,
        of=", ".join(block.of),
        group=group,
    )


def statistics_that(catalogue: Catalogue, attribute: str) -> list[type]:
    """The statistics whose class says, by an attribute, that they are for some command."""
    return [
        plugin.cls
        for plugin in catalogue.of_kind("statistics").values()
        if getattr(plugin.cls, attribute, False)
    ]


def corrected(made: Iterable[tuple[StatisticBlock, Estimate]]) -> list[Estimate]:
    """Estimates with their p-values adjusted over each declared family."""
    import numpy as np

    listed = list(made)
    families: dict[str, list[int]] = defaultdict(list)
    for index, (block, estimate) in enumerate(listed):
        if block.correction is not None and estimate.p is not None:
            families[
                block.keys.family or f"{block.label} by {', '.join(block.keys.by) or 'all'}"
            ].append(index)
    out = [estimate for _, estimate in listed]
    for family, members in families.items():
        block = listed[members[0]][0]
        adjusted = block.correction.adjust(
            np.array([out[index].p for index in members], dtype=float)
        )
        for index, p in zip(members, adjusted, strict=True):
            out[index] = attrs.evolve(
                out[index],
                p_corrected=float(p),
                correction=listed[index][0].keys.correction,
                family=family,
                family_size=len(members),
            )
    return out
