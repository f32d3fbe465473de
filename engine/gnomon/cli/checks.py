"""What is shown of checks: bounds of ``[expect]`` and conditions of ``--fail-if``.

One invariant: a table of what moved has a row for everything that makes the exit code 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gnomon.cli.junit import Case
from gnomon.cli.tables import Column, Table

if TYPE_CHECKING:
    from gnomon.run import Outcome
    from gnomon.run.conditions import Verdict
    from gnomon.run.expect import Check


def checks_table(checks: Sequence[Check]) -> Table:
    """The bounds that do not hold, with what was found."""
    broken = [check for check in checks if check.fault is not None]
    return Table(
        title=f"expectations: {len(checks) - len(broken)} of {len(checks)} hold",
        columns=(
            Column("violated", gives="wrap"),
            Column("for", gives="wrap"),
            Column("found", right=True),
            Column("expected", gives="wrap"),
        ),
        rows=tuple(
            (check.key, check.group or "all", _found(check) or "none", check.bounds)
            for check in broken
        ),
    )


def _found(check: Check) -> str:
    return "" if check.value is None else f"{check.value:.4g}"


def check_cases(outcome: Outcome, suite: str, checks: Sequence[Check]) -> list[Case]:
    """A run as tests: that it is whole, and each bound."""
    whole = Case(name="run", suite=suite, seconds=outcome.tally.seconds, failure=outcome.reason)
    return [
        whole,
        *(
            Case(
                name=f"{check.key} for {check.group}" if check.group else check.key,
                suite=suite,
                failure=check.fault,
                said=f"found {_found(check) or 'nothing'}, expected {check.bounds}",
            )
            for check in checks
        ),
    ]


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Every condition for every score, with the numbers looked at."""
    failing = sum(verdict.fails for verdict in verdicts)
    return Table(
        title=f"conditions: {len(verdicts) - failing} of {len(verdicts)} held",
        columns=(
            Column("fail if", gives="wrap"),
            Column("score", gives="wrap"),
            Column("found", gives="wrap"),
            Column("verdict"),
        ),
        rows=tuple(
            (verdict.condition, verdict.score, verdict.found, verdict.word) for verdict in verdicts
        ),
        notes=tuple(
            dict.fromkeys(
                f"{verdict.score}: {verdict.condition!r} cannot be told: {verdict.why}"
                for verdict in verdicts
                if verdict.met is None
            )
        ),
    )


def verdict_cases(suite: str, verdicts: Sequence[Verdict]) -> list[Case]:
    """Conditions as tests, which fail where a condition is met."""
    return [
        Case(
            name=f"{verdict.score}: {verdict.condition}",
            suite=suite,
            failure=_moved(verdict) if verdict.fails else None,
            said=verdict.found,
        )
        for verdict in verdicts
    ]


def _moved(verdict: Verdict) -> str:
    if verdict.met is None:
        return f"it cannot be told whether {verdict.condition}: {verdict.why}"
    return f"{verdict.score} moved: {verdict.found}"
