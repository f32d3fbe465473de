"""Scores of one or several runs side by side: how one goes with the others, and who predicts it best.

One invariant: every number of one answer rests on the same rows, those in which all the scores asked for are
present, so that predictors can be compared; how many rows that leaves is part of the answer.

The first score is the outcome and sets the unit. By trial, scores of the same run are joined trial by
trial, and a score of another run or over items is that run's mean of the item. By item, every score is its
mean over the trials of the item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import StatisticError, UsageError, did_you_mean, listing
from gnomon.records import Estimate
from gnomon.run.analysis import design_of
from gnomon.run.states import parts
from gnomon.seeds import Seed
from gnomon.store import Store
from gnomon.table import Table

if TYPE_CHECKING:
    import numpy as np

By = Literal["trial", "item"]
KINDS = ("pair", "prediction")
"""What a statistic says in ``relates``: something of two scores, or of an outcome and its predictors."""


@attrs.frozen
class ScoreName:
    """A score of a run, written ``RUN:SCORE``."""

    run: int
    score: str

    @classmethod
    def parse(cls, text: str) -> ScoreName:
        """The name in a text.

        Raises:
            UsageError: It is not of the form ``RUN:SCORE``.
        """
        run, colon, score = text.partition(":")
        if not colon or not run.isdecimal() or not score:
            raise UsageError(
                f"a score is written RUN:SCORE, such as 1:length, and not {text!r}; "
                "'gnomon results' shows the numbers of runs"
            )
        return cls(int(run), score)

    def __str__(self) -> str:
        return f"{self.run}:{self.score}"


@attrs.frozen(kw_only=True)
class Related:
    """The answer.

    Attributes:
        by: The unit of a row.
        rows: Rows in which every score is present.
        units: Rows in which the outcome could have been present.
        estimates: What each statistic says; ``of`` names the outcome and the predictors.
        predictions: The statistics that predict the outcome.
        notes: What a reader must know of the rows, as sentences.
    """

    by: By
    rows: int
    units: int
    estimates: tuple[Estimate, ...]
    predictions: frozenset[str]
    notes: tuple[str, ...]


def relate(
    store: Store,
    names: Sequence[ScoreName],
    catalogue: Catalogue,
    *,
    by: By | None = None,
    use: Sequence[str] = (),
    cluster: str | None = None,
) -> Related:
    """How the first score goes with each of the others.

    Args:
        store: An open store.
        names: The outcome, and one or more predictors.
        catalogue: Where statistics are found.
        by: The unit; trials when all scores are of one run, else items.
        use: Names of statistics; unless given, all that say in ``relates`` that they relate scores, and in
            ``outcomes`` nothing else than what the outcome is.
        cluster: A column whose rows are not independent, for statistics with that option; the design's
            unless given, ``none`` to take rows as independent.

    Raises:
        UsageError: Fewer than two scores, runs without a common item, or no such column to cluster by.
        StoreError: There is no such run or score.
        CatalogueError: There is no such statistic.
    """
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UsageError("give an outcome and at least one other score, each once")
    by = by or ("trial" if len({name.run for name in names}) == 1 else "item")
    whole = joined(store, names, by)
    if cluster not in (None, "none") and cluster not in whole.labels:
        raise UsageError(
            f"--cluster {cluster}: rows by {by} have no such column"
            f"{did_you_mean(cluster, whole.labels)}; there are: {listing(whole.labels)}"
        )
    table = whole.complete()
    seed = Seed(store.facts(names[0].run).seed).child("relate", *map(str, names))
    made: list[Estimate] = []
    statistics = _statistics(catalogue, use, cluster)
    if not use:
        statistics = [one for one in statistics if _suits(one[2], table.scores[table.of[0]])]
    for kind, name, statistic in statistics:
        sets: list[tuple[str, ...]] = [(other,) for other in whole.of[1:]]
        if kind == "prediction" and len(sets) > 1:
            sets.append(whole.of[1:])
        for predictors in sets:
            part = attrs.evolve(table, of=(whole.of[0], *predictors))
            made.extend(_estimates(name, statistic, part, seed.child(name, *predictors)))
    return Related(
        by=by,
        rows=len(table),
        units=len(whole),
        estimates=tuple(made),
        predictions=frozenset(name for kind, name, _ in statistics if kind == "prediction"),
        notes=(*parts(store, {name.run for name in names}), *_notes(names, by, cluster)),
    )


def _notes(names: Sequence[ScoreName], by: By, cluster: str | None) -> tuple[str, ...]:
    shared = [str(name) for name in names[1:] if name.run != names[0].run]
    if by == "item" or cluster != "none" or not shared:
        return ()
    return (
        f"all trials of an item share one number of {', '.join(shared)}, so their rows are not "
        "independent and the intervals too narrow; without --cluster none that is allowed for",
    )


def _statistics(
    catalogue: Catalogue, use: Sequence[str], cluster: str | None
) -> list[tuple[str, str, Any]]:
    """Kind, name and instance of the statistics, those of pairs first."""
    known = {
        name: (kind, plugin.cls)
        for name, plugin in catalogue.of_kind("statistics").items()
        if (kind := getattr(plugin.cls, "relates", None)) in KINDS
    }
    for name in use:
        if name not in known:
            raise UsageError(
                f"--use {name}: no such statistic relates scores{did_you_mean(name, known)}; "
                f"there are: {listing(known)}"
            )
    wanted = use or list(known)
    out: list[tuple[str, str, Any]] = []
    for name in wanted:
        kind, cls = known[name]
        has = {field.name for field in attrs.fields(cls)}
        told = cluster is not None and "cluster" in has
        if cluster not in (None, "none") and not told:
            continue
        out.append((kind, name, cls(cluster=cluster) if told else cls()))
    return sorted(out, key=lambda found: KINDS.index(found[0]))


def _suits(statistic: Any, outcome: np.ndarray) -> bool:
    """Whether a statistic is for an outcome with these values."""
    allowed = getattr(statistic, "outcomes", None)
    return allowed is None or set(outcome.tolist()) <= set(allowed)


def _estimates(name: str, statistic: Any, table: Table, seed: Seed) -> list[Estimate]:
    of = ", ".join(table.of)
    group = {"predictor": " + ".join(table.of[1:])}
    try:
        value = statistic.estimate(table, seed.numpy())
        made = [value] if isinstance(value, Estimate) else list(value)
    except StatisticError as error:
        made = [Estimate(quantity="none", value=None, note=f"no estimate: {error}")]
    return [
        attrs.evolve(
            estimate,
            statistic=name,
            of=of,
            group={**group, **estimate.group},
            counts=table.counts(),
        )
        for estimate in made
    ]


# -- joining ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False)
class _Column:
    """One score: its values, what unit each is of, and the labels of its rows."""

    values: np.ndarray
    statuses: np.ndarray
    labels: Mapping[str, np.ndarray]
    over: str

    def by_item(self) -> dict[str, tuple[float, str]]:
        """Item key → mean of the present values, and ``ok`` or why there is none."""
        import numpy as np

        keys, first, codes = np.unique(self.labels["item"], return_index=True, return_inverse=True)
        present = ~np.isnan(self.values)
        counts = np.bincount(codes[present], minlength=len(keys))
        sums = np.bincount(codes[present], weights=self.values[present], minlength=len(keys))
        means = np.divide(sums, counts, where=counts > 0, out=np.full(len(keys), np.nan))
        statuses = np.where(counts > 0, "ok", self.statuses[first])
        rows = zip(means.tolist(), statuses.tolist(), strict=True)
        return dict(zip(keys.tolist(), rows, strict=True))


def _column(store: Store, name: ScoreName) -> _Column:
    store.facts(name.run)  # a sentence when there is no such run
    found = store.score_columns([name.run], [name.score])
    return _Column(
        values=found.scores[name.score],
        statuses=found.statuses[name.score],
        labels=found.labels,
        over=found.over,
    )


def joined(store: Store, names: Sequence[ScoreName], by: By) -> Table:
    """The scores as one table, named ``RUN:SCORE``, with the outcome's rows and labels.

    Raises:
        UsageError: By trial, an outcome over items; or runs without a common item.
        StoreError: There is no such run or score.
    """
    import numpy as np

    columns = [_column(store, name) for name in names]
    outcome = columns[0]
    if by == "trial" and outcome.over != "trial":
        raise UsageError(
            f"{names[0]} is a score of items, so trials have none; join it with --by item"
        )
    _common_items(names, columns)
    labels: dict[str, np.ndarray]
    if by == "item":
        # The first row of each item, in order of appearance.
        first = np.sort(np.unique(outcome.labels["item"], return_index=True)[1])
        keys = outcome.labels["item"][first].tolist()
        labels = {
            name: values[first]
            for name, values in outcome.labels.items()
            if _of_item(values, outcome)
        }
    else:
        labels = dict(outcome.labels)
        keys = labels["item"].tolist()
    scores: dict[str, np.ndarray] = {}
    statuses: dict[str, np.ndarray] = {}
    for name, column in zip(names, columns, strict=True):
        if by == "trial" and column.over == "trial" and name.run == names[0].run:
            found = _by_ordinal(column)
            pairs = [found.get(ordinal, (np.nan, "absent")) for ordinal in labels["ordinal"]]
        else:
            means = column.by_item()
            pairs = [means.get(key, (np.nan, "absent")) for key in keys]
        scores[str(name)] = np.array([value for value, _ in pairs], dtype=np.float64)
        statuses[str(name)] = np.array([status for _, status in pairs], dtype=np.str_)
    return Table(
        scores=scores,
        statuses=statuses,
        labels=labels,
        of=tuple(map(str, names)),
        design=design_of(store.facts(names[0].run).spec_text),
    )


def _of_item(values: np.ndarray, outcome: _Column) -> bool:
    """Whether a label is the same in all rows of an item."""
    pairs = set(zip(outcome.labels["item"].tolist(), values.tolist(), strict=True))
    return len(pairs) == len(set(outcome.labels["item"].tolist()))


def _by_ordinal(column: _Column) -> dict[str, tuple[float, str]]:
    return {
        ordinal: (value, status)
        for ordinal, value, status in zip(
            column.labels["ordinal"].tolist(),
            column.values.tolist(),
            column.statuses.tolist(),
            strict=True,
        )
    }


def _common_items(names: Sequence[ScoreName], columns: Sequence[_Column]) -> None:
    known = dict.fromkeys(columns[0].labels["item"].tolist())
    for name, column in zip(names[1:], columns[1:], strict=True):
        own = dict.fromkeys(column.labels["item"].tolist())
        if not known.keys() & own.keys():
            raise UsageError(
                f"run {names[0].run} and run {name.run} have no item in common: "
                f"{_few(known)} there, {_few(own)} here; scores of different measures are joined by "
                "the keys of their items"
            )


def _few(keys: Mapping[str, object]) -> str:
    shown = ", ".join(repr(key) for key in list(keys)[:3])
    return shown + (", …" if len(keys) > 3 else "")
