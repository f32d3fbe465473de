"""What scorers look up in a trial: its replies and its fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gnomon import (
    Reply,
    Score,
    ScoreStatus,
    TemplateError,
    Trial,
    TrialRecord,
    did_you_mean,
    listing,
)


def reply_of(record: TrialRecord, name: str | None) -> Reply | ScoreStatus:
    """The reply of that name, or the last one; without a usable one, the reason as a score status.

    A trial that stopped before the named ask has the status of the reply it stopped at.
    """
    replies = [
        exchange.reply for exchange in record.exchanges if name is None or exchange.ask.name == name
    ]
    reply = replies[-1] if replies else None
    if reply is None:
        last = record.exchanges[-1].reply.status if record.exchanges else "error"
        return last if last not in ("ok", "truncated") else "error"
    return reply if reply.status in ("ok", "truncated") else reply.status


def likeliest(probabilities: Mapping[str, float]) -> str | None:
    """The option with the greatest probability; None when no single one has it."""
    most = max(probabilities.values(), default=0.0)
    best = [option for option, p in probabilities.items() if p == most]
    return best[0] if len(best) == 1 else None


def without(
    name: str, parts: Iterable[str], status: ScoreStatus, **detail: object
) -> Iterator[Score]:
    """A score and parts of it without a number, so that each column counts what is missing."""
    yield Score(name=name, value=None, status=status, detail=detail)
    for part in parts:
        yield Score(name=f"{name}.{part}", value=None, status=status)


def declined(
    name: str, parts: Iterable[str], status: ScoreStatus, *, of_all: str, left_out: Iterable[str]
) -> Iterator[Score]:
    """As ``without``, for scores with a share over all prompts, in which declining counts as 0.

    Args:
        name: The scorer.
        parts: Its parts.
        status: Why there is no text to score.
        of_all: The part over all prompts; it has no number either when the reply did not decline.
        left_out: Parts that were not asked for.
    """
    refused = status in ("refused", "filtered")
    absent = {*left_out, *([of_all] if refused else ())}
    yield from without(name, [part for part in parts if part not in absent], status)
    if refused:
        yield Score(name=f"{name}.{of_all}", value=0.0)


def above_baseline(name: str, value: float, baseline: float, status: ScoreStatus) -> Score:
    """How far a score lies above what a plain sentence gets."""
    return Score(
        name=f"{name}.above-baseline",
        value=value - baseline,
        status=status,
        detail={"baseline": baseline},
    )


def present(trial: Trial, name: str) -> bool:
    """Whether the trial has a draw or a field of that name."""
    return name in trial.draws or name in trial.fields


def texts(trial: Trial, names: Iterable[str]) -> tuple[str, ...]:
    """The values of fields and draws, one after the other; a list as its values.

    Raises:
        TemplateError: There is no such field.
    """
    out: list[str] = []
    for name in names:
        # A draw that is joined for the prompt is a list in the draws.
        value = trial.draws.get(name, trial.fields.get(name))
        if value is None:
            raise TemplateError(
                f"the trial has no field {name!r}{did_you_mean(name, trial.fields)}; "
                f"there are: {listing(trial.fields)}"
            )
        if isinstance(value, tuple):
            out.extend(value)
        else:
            out.append(str(value))
    return tuple(out)


def toward(trial: Trial, name: str | None) -> float:
    """The direction in which a planted effect goes: the sign of a field, 1 without one.

    Raises:
        TemplateError: There is no such field.
    """
    if name is None:
        return 1.0
    value = float(texts(trial, (name,))[0])
    return (value > 0) - (value < 0)
