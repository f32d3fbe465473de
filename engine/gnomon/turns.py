"""From a ``[[turn]]`` block and a trial to an ask.

One invariant: the ask is a function of the turn, the trial's fields and the conversation so far, so
that the same trial always asks the same thing and a stored reply can stand in for a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.errors import TemplateError
from gnomon.records import (
    Ask,
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    FieldValue,
    Hidden,
    Loglik,
    Message,
    Need,
    Trial,
)
from gnomon.spec import DecodingKeys, Turn, TurnConstraint, applies
from gnomon.templates import no_field, parse, render

__all__ = ["Turn", "ask_of", "messages_of", "needs_of", "said", "turns_for"]


def _spread(templates: Sequence[str], fields: Mapping[str, FieldValue]) -> tuple[str, ...]:
    """Templates filled; one that is a lone slot of a list field becomes all its values."""
    out: list[str] = []
    for template in templates:
        pieces = parse(template)
        lone = len(pieces) == 2 and not pieces[0][0] and not pieces[1][0]
        value = fields.get(pieces[0][1] or "") if lone else None
        if isinstance(value, tuple):
            out.extend(value)
        else:
            out.append(render(template, fields))
    return tuple(out)


def _constraint(
    given: TurnConstraint, trial: Trial, fields: Mapping[str, FieldValue]
) -> Constraint:
    if given.options:
        options = _spread(given.options, fields)
        if given.each is None:
            return Constraint(pattern=(options,))
        values = trial.draws.get(given.each, fields.get(given.each))
        if not isinstance(values, tuple):
            raise TemplateError(
                f"'each' names {given.each!r}, which is not a list"
                if given.each in fields
                else no_field(given.each, fields)
            )
        parts: list[str | tuple[str, ...]] = []
        for index, value in enumerate(values):
            start = "\n" if index else ""
            parts.append(start + render(given.line, {**fields, "each": value}))
            parts.append(options)
        return Constraint(pattern=tuple(parts))
    return Constraint(regex=given.regex, grammar=given.grammar, json_schema=given.json_schema)


def said(turn: Turn, trial: Trial, fields: Mapping[str, FieldValue]) -> tuple[Message, ...]:
    """The messages this turn adds to the conversation before anyone answers."""
    user = turn.user
    if turn.constraint is not None and _is_held(turn, trial) and turn.constraint.user is not None:
        user = turn.constraint.user
    out: list[Message] = []
    if turn.system is not None:
        out.append(Message("system", render(turn.system, fields)))
    if user is not None:
        out.append(Message("user", render(user, fields)))
    if turn.assistant is not None:
        out.append(Message("assistant", render(turn.assistant, fields)))
    return tuple(out)


def _is_held(turn: Turn, trial: Trial) -> bool:
    given = turn.constraint
    return given is not None and (given.when == "always" or trial.format == "constrained")


def messages_of(
    turn: Turn, trial: Trial, history: Sequence[Message], fields: Mapping[str, FieldValue]
) -> tuple[Message, ...]:
    """The whole conversation that the model is shown for this turn, prefill included."""
    messages = (*(() if turn.fresh else history), *said(turn, trial, fields))
    if turn.prefill is not None:
        messages = (*messages, Message("assistant", render(turn.prefill, fields)))
    return messages


def ask_of(
    turn: Turn,
    trial: Trial,
    history: Sequence[Message] = (),
    fields: Mapping[str, FieldValue] | None = None,
    *,
    decoding: Decoding | None = None,
    sample: int = 0,
) -> Ask:
    """The ask of a turn.

    Args:
        turn: The block.
        trial: The trial it is asked in.
        history: The conversation so far.
        fields: What templates can name; the trial's fields unless given (earlier replies are added
            by the procedure).
        decoding: The spec's ``[decoding]``, which the turn's own overrides.
        sample: Index among several equal asks.

    Raises:
        TemplateError: A slot without a field, or ``each`` on something that is not a list.
    """
    fields = trial.fields if fields is None else fields
    common: dict[str, Any] = {"role": turn.role, "name": turn.name, "sample": sample}
    if turn.kind == "embed":
        return Embed(texts=_spread(turn.texts, fields), **common)
    if turn.kind == "hidden":
        return Hidden(
            texts=_spread(turn.texts, fields), layers=turn.layers, pooling=turn.pooling, **common
        )
    if turn.kind == "loglik":
        context = render(turn.user, fields) if turn.user is not None else ""
        return Loglik(text=render(turn.text or "", fields), context=context, **common)
    messages = messages_of(turn, trial, history, fields)
    drawn = turn.decoding.over(decoding if decoding is not None else Decoding())
    if turn.kind == "choose":
        options = _spread(turn.options, fields)
        return Choose(messages=messages, options=options, decoding=drawn, **common)
    held = _is_held(turn, trial)
    assert turn.constraint is not None or not held
    return Chat(
        messages=messages,
        decoding=drawn,
        constraint=_constraint(turn.constraint, trial, fields)
        if held and turn.constraint
        else None,
        **common,
    )


def needs_of(turns: Sequence[Turn], decoding: DecodingKeys, format_: str) -> tuple[Need, ...]:
    """What the turns ask of the model in each role, for a run of that format."""
    needs: list[Need] = []
    for turn in turns:
        if turn.assistant is not None:
            continue
        form = None
        given = turn.constraint
        if given is not None and (given.when == "always" or format_ == "constrained"):
            form = next(
                (name for name in ("regex", "grammar", "json_schema") if getattr(given, name)),
                "pattern",
            )
        logprobs = turn.decoding.logprobs
        needs.append(
            Need(
                kind=turn.kind,
                role=turn.role,
                constraint=form if turn.kind == "chat" else None,
                logprobs=(decoding.logprobs or 0) if logprobs is None else logprobs,
                prefill=turn.prefill is not None,
            )
        )
    return tuple(dict.fromkeys(needs))


def turns_for(turns: Sequence[Turn], trial: Trial) -> tuple[Turn, ...]:
    """The turns that are for this trial's levels."""
    return tuple(turn for turn in turns if applies(turn.only, trial.levels))
