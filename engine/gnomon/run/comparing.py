"""Two runs of one measure side by side.

One invariant: runs are paired only when their trials are of the same stimuli under the same conditions;
what prevents it is said before anything is computed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import GnomonError, UsageError, counted
from gnomon.records import Estimate
from gnomon.run.analysis import design_of, statistics_that, table_of
from gnomon.run.effects import following, scores_of
from gnomon.run.naming import scores_there
from gnomon.run.states import parts
from gnomon.seeds import Seed
from gnomon.store import Store
from gnomon.store.keys import RunFacts


@attrs.frozen(kw_only=True)
class Comparison:
    """What came of a comparison.

    Attributes:
        measure: The measure.
        runs: The two runs, first minus second.
        models: Their subjects.
        paired_by: The columns that pairs share.
        notes: What is lacking of the runs and differs between them beside the model, as sentences.
        estimates: One or several for each score, computed anew and not stored.
    """

    measure: str
    runs: tuple[int, int]
    models: tuple[str, str]
    paired_by: tuple[str, ...]
    notes: tuple[str, ...]
    estimates: tuple[Estimate, ...]


def compare(
    store: Store,
    first: int,
    second: int,
    catalogue: Catalogue,
    scores: Sequence[str] = (),
    *,
    level: float | None = None,
) -> Comparison:
    """Compare two runs, first minus second, paired by item, condition and repeat.

    Args:
        store: The store.
        first: The run from whose mean the other's is taken.
        second: The other.
        catalogue: Where the statistics are found (class attribute ``compares``).
        scores: The scores; those of the spec's statistics unless given.
        level: Confidence level of the intervals; the statistic's own unless given.

    Raises:
        StoreError: There is no such run.
        UsageError: The runs cannot be paired, neither has one of the scores, or no plugin compares.
    """
    if first == second:
        raise UsageError(f"run {first} cannot be compared with itself; name two runs")
    facts = store.facts(first), store.facts(second)
    _check(facts, (first, second))
    classes = statistics_that(catalogue, "compares")
    if not classes:
        raise UsageError(
            "no plugin offers a statistic for compare (a class attribute 'compares = True')"
        )
    scores_there(store, (first, second), scores)
    options = {} if level is None else {"level": level}
    design = design_of(facts[0].spec_text)
    same_seed = facts[0].seed == facts[1].seed
    spec_text = facts[0].spec_text
    crossed = tuple(tomllib.loads(spec_text).get("design", {}).get("factors", {}))
    paired_by = ("item", *crossed, *(("repeat",) if same_seed else ()))
    estimates: list[Estimate] = []
    for name in scores or scores_of(spec_text):
        for cls in classes:
            estimates.extend(
                _of_score(
                    store,
                    (first, second),
                    partial(cls, **options),
                    cls,
                    name,
                    paired_by,
                    facts[0].seed,
                    design,
                )
            )
    known = {int(run["run"]): run["model"] for run in store.runs()}
    return Comparison(
        measure=facts[0].measure,
        runs=(first, second),
        models=(known[first], known[second]),
        paired_by=paired_by,
        notes=(*parts(store, (first, second)), *_notes(facts)),
        estimates=tuple(estimates),
    )


def _check(facts: tuple[RunFacts, RunFacts], runs: tuple[int, int]) -> None:
    one, two = facts
    first, second = runs
    if one.measure != two.measure:
        raise UsageError(
            f"run {first} is of the measure {one.measure!r} and run {second} of {two.measure!r}; "
            "only runs of one measure can be paired"
        )
    if one.version != two.version:
        raise UsageError(
            f"run {first} is of version {one.version} of {one.measure!r} and run {second} of version "
            f"{two.version}; numbers of two versions are not comparable, so run one of them again"
        )
    theirs = two.plan.get("files", {})
    for name, digest in one.plan.get("files", {}).items():
        if name in theirs and theirs[name] != digest:
            raise UsageError(
                f"runs {first} and {second} had different contents of the stimulus file {name!r}, so "
                "their items cannot be paired"
            )


def _notes(facts: tuple[RunFacts, RunFacts]) -> Iterator[str]:
    one, two = facts
    if one.spec_text != two.spec_text:
        yield "the specs have the same version and different texts; see whether the difference matters"
    if one.seed != two.seed:
        yield (
            "the runs have different seeds, so repeats drew differently; they are averaged within item "
            "and condition before pairing"
        )
    if one.format != two.format:
        yield f"the first run was of {one.format} format, the second of {two.format}"
    if one.repeats != two.repeats:
        yield f"the first run has {counted(one.repeats, 'repeat')}, the second {two.repeats}"


def _of_score(
    store: Store,
    runs: tuple[int, int],
    make: Callable[..., Any],
    cls: type,
    name: str,
    paired_by: tuple[str, ...],
    seed: int,
    design: Sequence[str],
) -> Iterator[Estimate]:
    label = str(getattr(cls, "name", cls.__name__))
    counts = {}
    try:
        table = table_of(store, runs, (name,), design=design)
        counts = dict(table.counts())
        # Scores of items have neither condition nor repeat.
        columns = tuple(column for column in paired_by if column in table.labels)
        own = following(cls, "cluster", table)
        statistic = make(levels=(str(runs[0]), str(runs[1])), paired_by=columns, **own)
        made = statistic.estimate(table, Seed(seed).child("compare", label, name).numpy())
        listed = [made] if isinstance(made, Estimate) else list(made)
    except GnomonError as error:
        listed = [Estimate(quantity="none", value=None, note=f"no estimate: {error}")]
    for estimate in listed:
        yield attrs.evolve(estimate, statistic=label, of=name, counts=counts)
