"""The checks that belong to one kind of plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gnomon.testing.conformance import Check, Subject
from gnomon.testing.kinds import answering, asking, computing

_CHECKS: Mapping[str, Callable[[Subject], tuple[Check, ...]]] = {
    "sources": asking.source_checks,
    "procedures": asking.procedure_checks,
    "scorers": asking.scorer_checks,
    "backends": answering.backend_checks,
    "executors": answering.executor_checks,
    "statistics": computing.statistic_checks,
    "corrections": computing.correction_checks,
}


def checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of the subject's kind."""
    return _CHECKS[subject.kind](subject)
