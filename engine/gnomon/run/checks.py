"""What is wrong with a request and can be known before anything is stored.

One invariant: nothing is asked and nothing is written here.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import attrs

from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.loading import Around
from gnomon.run.plan import count_trials
from gnomon.run.request import RunRequest, unknown_column
from gnomon.run.rounds import asks, nothing_left

SHOWN = 12
"""Most values that a sentence names."""


def check_plan(request: RunRequest) -> None:
    """See that there is something to do, before anything is stored.

    Raises:
        SourceError: The source yields nothing, or ``--only`` leaves nothing.
        UsageError: ``--only`` names a column that is not there.
    """
    source = request.spec.source
    if asks(source.plugin):
        return
    around = Around.beside(request.spec.path, request.seed_used, files=request.files)
    few = attrs.evolve(request, limit=1)
    if not count_trials(few, partial(source.plugin.items, around)):
        raise nothing_left(request)


def check_request(request: RunRequest) -> None:
    """What can be known to be wrong with ``--only`` before anything is made.

    Items are made, and nothing of them is kept, where it names one of their columns; those of a source that
    asks a model are not known yet.

    Raises:
        UsageError: It names a column, or a level, group or item, that the measure does not have.
        SourceError: The stimuli cannot be read.
    """
    design = request.spec.keys.design
    levels = {**design.factors, **design.balanced}
    for name, values in request.only.items():
        if name in levels:
            lacks = f"the factor {name!r} has no such level"
            there = f"it has: {listing(levels[name], SHOWN, ordered=False)}"
            _check_values(name, values, levels[name], lacks, there)
    rest = [name for name in request.only if name not in levels]
    if not rest or asks(request.spec.source.plugin):
        return
    held = _columns_of_items(request, rest)
    for name in rest:
        if name not in held:
            raise unknown_column(name, {*levels, *held})
        lacks = "there is no such item" if name == "item" else f"no item has this {name!r}"
        there = f"there are: {listing(held[name], SHOWN)}"
        _check_values(name, request.only[name], held[name], lacks, there)


def _columns_of_items(request: RunRequest, wanted: Collection[str]) -> dict[str, dict[str, None]]:
    """The columns of all items, with the values of those wanted, in order."""
    around = Around.beside(request.spec.path, request.seed_used, files=request.files)
    held: dict[str, dict[str, None]] = {"item": {}}
    for item in request.spec.source.plugin.items(around):
        for name, value in {**item.groups, "item": item.key}.items():
            values = held.setdefault(name, {})
            if name in wanted:
                values[value] = None
    return held


def _check_values(
    name: str, values: Collection[str], known: Collection[str], lacks: str, there: str
) -> None:
    for value in values:
        if value not in known:
            raise UsageError(f"--only {name}={value}: {lacks}{did_you_mean(value, known)}; {there}")
