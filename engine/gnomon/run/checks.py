"""What is wrong with a request and can be known before anything is stored.

One invariant: nothing is asked and nothing is written here.
"""

from __future__ import annotations

from functools import partial

import attrs

from gnomon.errors import SourceError, UsageError
from gnomon.loading import Around
from gnomon.run.plan import count_trials
from gnomon.run.request import RunRequest
from gnomon.run.rounds import asks


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
    if count_trials(few, partial(source.plugin.items, around)):
        return
    if request.only:
        given = ", ".join(f"{name}={','.join(values)}" for name, values in request.only.items())
        raise SourceError(f"no trial is left by --only {given}")
    raise SourceError(f"the source {source.name!r} yields no items")


def check_request(request: RunRequest) -> None:
    """What can be known to be wrong with ``--only`` before anything is made.

    Raises:
        UsageError: It names a level that the factor does not have.
    """
    design = request.spec.keys.design
    for name, values in request.only.items():
        levels = design.factors.get(name) or design.balanced.get(name)
        unknown = [value for value in values if levels is not None and value not in levels]
        if levels is not None and unknown:
            raise UsageError(
                f"--only {name}={unknown[0]}: the factor {name!r} has no such level; "
                f"it has: {', '.join(levels)}"
            )
