"""Administers shipped measures to respondents that are functions, without a run or a store."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gnomon import Ask, Exchange, Reply, Score, Trial, TrialRecord
from gnomon.catalogue import Catalogue
from gnomon.design import trials as make_trials
from gnomon.loading import Around, load
from gnomon.run.plan import merged_turns
from gnomon.spec import Spec, applies

SPECS = Path(__file__).resolve().parents[1] / "specs"
Respondent = Callable[[Ask, Trial], Reply | str]


@functools.cache
def measure(name: str) -> Spec:
    """A shipped measure."""
    return load(SPECS / f"{name}.toml", Catalogue())


def trials(spec: Spec, *, repeats: int = 1, format_: str = "free") -> Iterator[Trial]:
    """Its trials under its own seed."""
    around = Around.beside(spec.path, spec.keys.seed)
    return make_trials(
        spec.keys.design,
        lambda: spec.source.plugin.items(around),
        spec.keys.seed,
        repeats=repeats,
        format_=format_,
    )


def _answer(respondent: Respondent, ask: Ask, trial: Trial) -> Reply:
    given = respondent(ask, trial)
    return given if isinstance(given, Reply) else Reply(text=given)


def _drive(generator: Any, respondent: Respondent, trial: Trial) -> tuple[list[Exchange], Any]:
    exchanges: list[Exchange] = []
    sent: Any = None
    try:
        while True:
            yielded = generator.send(sent)
            asks: Sequence[Ask] = [yielded] if isinstance(yielded, Ask) else yielded
            made = [Exchange(ask, _answer(respondent, ask, trial)) for ask in asks]
            exchanges.extend(made)
            replies = [exchange.reply for exchange in made]
            sent = replies[0] if isinstance(yielded, Ask) else replies
    except StopIteration as ended:
        return exchanges, ended.value


def administer(spec: Spec, trial: Trial, respondent: Respondent) -> TrialRecord:
    """One finished trial."""
    generator = spec.procedure.plugin.administer(trial, merged_turns(spec))
    return TrialRecord(trial, tuple(_drive(generator, respondent, trial)[0]))


def score(spec: Spec, record: TrialRecord, respondent: Respondent) -> dict[str, Score]:
    """All scores of a trial by name; judges are asked of the respondent too."""
    out: dict[str, Score] = {}
    for block in spec.scores:
        over_items = getattr(block.use.plugin, "over", "trial") == "item"
        if over_items or not applies(block.keys.only, record.trial.levels):
            continue
        made = block.use.plugin.score(record)
        if hasattr(made, "send"):
            _, made = _drive(made, respondent, record.trial)
        for one in [made] if isinstance(made, Score) else made:
            out[block.label + one.name.removeprefix(block.use.name)] = one
    return out


def results(
    spec: Spec, respondent: Respondent, **options: Any
) -> Iterator[tuple[TrialRecord, dict[str, Score]]]:
    """Every trial of a measure with its scores."""
    for trial in trials(spec, **options):
        record = administer(spec, trial, respondent)
        yield record, score(spec, record, respondent)
