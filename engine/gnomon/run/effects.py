"""What a run's design did to its scores: found by asking the statistics that say so.

One invariant: which statistic speaks is up to the plugins (class attribute ``effects``); this module only
tells it the factors that the stored spec and its draws name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import GnomonError, StatisticError, UsageError
from gnomon.records import Estimate
from gnomon.run.analysis import design_of, statistics_that, table_of
from gnomon.run.naming import scores_there
from gnomon.seeds import Seed
from gnomon.store import EstimateRow, Store
from gnomon.table import Table


def factors_of(spec_text: str) -> tuple[str, ...]:
    """The factors of a spec: crossed, balanced, and orders that were drawn."""
    design = tomllib.loads(spec_text).get("design", {})
    names = [*design.get("factors", {}), *design.get("balanced", {})]
    # An order that a factor spells is that factor.
    names += [
        draw["name"] for draw in design.get("draw", ()) if "arrange" in draw and "by" not in draw
    ]
    return tuple(dict.fromkeys(names))


def scores_of(spec_text: str) -> tuple[str, ...]:
    """The scores that a spec's statistics are computed from, in order."""
    names: dict[str, None] = {}
    for block in tomllib.loads(spec_text).get("statistic", ()):
        of = block["of"]
        names.update(dict.fromkeys((of,) if isinstance(of, str) else of))
    return tuple(names)


def effects_of(
    store: Store, run_ids: Sequence[int], catalogue: Catalogue, scores: Sequence[str] = ()
) -> list[EstimateRow]:
    """What each design did to each score.

    Args:
        store: The store.
        run_ids: The runs, each looked at by itself.
        catalogue: Where the statistics are found.
        scores: The scores, where a run has them; those of the spec's statistics unless given.

    Returns:
        Estimates, computed anew and not stored; a refusal is an estimate without a value.

    Raises:
        StoreError: There is no such run.
        UsageError: No plugin offers a statistic of this kind, or no run has one of the scores.
    """
    classes = statistics_that(catalogue, "effects")
    if not classes:
        raise UsageError(
            "no plugin offers a statistic for --effects (a class attribute 'effects = True')"
        )
    if not run_ids:
        raise UsageError("there is no run to look at; 'gnomon run' makes one")
    known = {int(run["run"]): run for run in store.runs()}
    there = scores_there(store, run_ids, scores)
    out: list[EstimateRow] = []
    for run_id in run_ids:
        facts = store.facts(run_id)
        run = known[run_id]
        for name in there[run_id] if scores else scores_of(facts.spec_text):
            for cls in classes:
                out.extend(
                    EstimateRow(
                        run=run_id,
                        measure=run["measure"],
                        model=run["model"],
                        format=run["format"],
                        estimate=attrs.evolve(estimate, statistic=_name(cls), of=name),
                    )
                    for estimate in _of_score(store, run_id, cls, name, facts.spec_text, facts.seed)
                )
    return out


def _of_score(
    store: Store, run_id: int, cls: type, name: str, spec_text: str, seed: int
) -> Iterator[Estimate]:
    counts = {}
    try:
        factors = factors_of(spec_text)
        design = design_of(spec_text)
        columns = ("item", "repeat", *design, *factors)
        table = table_of(store, [run_id], (name,), columns, design=design)
        counts = dict(table.counts())
        statistic = cls(factors=_columns(table, factors), **following(cls, "item", table))
        draws = Seed(seed).child("effects", _name(cls), name)
        made = statistic.estimate(table, draws.numpy())
        for estimate in [made] if isinstance(made, Estimate) else made:
            yield attrs.evolve(estimate, counts=counts)
    except GnomonError as error:
        yield Estimate(
            quantity="none", value=None, note=f"no estimate: {error}", method="", counts=counts
        )


def following(cls: type, option: str, table: Table) -> dict[str, str]:
    """The design's cluster column as an option of a statistic, where it has such an option."""
    known = [column for column in table.design if column in table.labels]
    has = any(field.name == option for field in attrs.fields(cls)) if attrs.has(cls) else False
    return {option: known[0]} if has and known else {}


def _name(cls: type) -> str:
    return str(getattr(cls, "name", cls.__name__))


def _columns(table: Table, factors: Sequence[str]) -> tuple[str, ...]:
    if not factors:
        raise StatisticError("the measure has no factors and no drawn order")
    found = tuple(name for name in factors if name in table.labels)
    if not found:
        raise StatisticError(
            f"the score is one of items, and items are not under one level of {', '.join(factors)}"
        )
    return found
