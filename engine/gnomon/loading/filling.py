"""Every slot of every template has a field under every condition in which it is used.

The first item is put through the design once for each condition that can make a difference: the
combinations of the factors that an ``only`` or a draw's ``by`` names, and of those whose levels carry
fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product

import attrs

from gnomon.design import trials
from gnomon.errors import TemplateError
from gnomon.loading.draft import Draft
from gnomon.records import Choose, FieldValue, Item, Trial
from gnomon.spec import Design, Turn, Use, applies
from gnomon.structure import KeyPath
from gnomon.templates import no_field, slots
from gnomon.turns import ask_of

# More combinations than this are not tried; a design of so many would run for weeks.
_MOST_CONDITIONS = 1024


def templates_of(turn: Turn, path: KeyPath) -> Iterator[tuple[KeyPath, str, tuple[str, ...]]]:
    """The templates of a turn: place, text, and the names that this place has beside the fields."""
    for key in ("system", "user", "assistant", "prefill", "text"):
        if (text := getattr(turn, key)) is not None:
            yield (*path, key), text, ()
    for key in ("options", "texts"):
        for index, text in enumerate(getattr(turn, key)):
            yield (*path, key, index), text, ()
    given = turn.constraint
    if given is None:
        return
    path = (*path, "constraint")
    if given.user is not None:
        yield (*path, "user"), given.user, ()
    for index, text in enumerate(given.options):
        yield (*path, "options", index), text, ()
    if given.each is not None:
        yield (*path, "line"), given.line, ("each",)


def check_slots(draft: Draft, item: Item | None, procedure: Use | None) -> None:
    """Fill every template with the first item under every condition."""
    if item is None or procedure is None or "design" not in draft.parts:
        return
    if not draft.is_sound(("design",)):
        return
    design: Design = draft.parts["design"]
    reached = [trial for trial in _trials(draft, design, item) if trial is not None]
    added = dict.fromkeys(getattr(procedure.plugin, "adds", ()), "")
    remembers = getattr(procedure.plugin, "remembers", True)
    for index, turn in draft.turns():
        if draft.is_sound(index):
            _check_turn(draft, index, turn, reached, added, remembers=remembers)


def _conditions(draft: Draft, design: Design) -> Iterator[dict[str, str]]:
    factors = {**design.factors, **design.balanced}
    named = {draw.by for draw in design.draw}
    for only in [draw.only for draw in design.draw] + [turn.only for _, turn in draft.turns()]:
        named.update(only)
    levels = (
        tuple(factor) if name in named or isinstance(factor, Mapping) else tuple(factor)[:1]
        for name, factor in factors.items()
    )
    for combination in islice(product(*levels), _MOST_CONDITIONS):
        yield dict(zip(factors, combination, strict=True))


def _trials(draft: Draft, design: Design, item: Item) -> Iterator[Trial | None]:
    factors = {**design.factors, **design.balanced}
    seed = draft.parts.get("seed") or 0
    for levels in _conditions(draft, design):
        single = {
            name: {level: factor[level]}
            if isinstance(factor := factors[name], Mapping)
            else (level,)
            for name, level in levels.items()
        }
        one = attrs.evolve(design, factors=single, balanced={})
        try:
            yield _first(one, item, seed)
        except (TemplateError, ValueError):
            _check_draws(draft, one, item, seed)
            yield None


def _first(design: Design, item: Item, seed: int) -> Trial:
    return next(trials(design, lambda: (item,), seed, repeats=1))


def _check_draws(draft: Draft, design: Design, item: Item, seed: int) -> None:
    """Find the first draw that cannot be made."""
    for index in range(len(design.draw)):
        try:
            _first(attrs.evolve(design, draw=design.draw[: index + 1]), item, seed)
        except (TemplateError, ValueError) as error:
            draw = design.draw[index]
            deed = next(
                deed
                for deed in ("pick", "sample", "shuffle", "arrange")
                if getattr(draw, deed) is not None
            )
            message = str(error).replace("the slot {", "the name {")
            draft.fault(("design", "draw", index, deed), message)
            return


def _check_turn(
    draft: Draft,
    path: KeyPath,
    turn: Turn,
    reached: list[Trial],
    added: Mapping[str, str],
    *,
    remembers: bool,
) -> None:
    used = [trial for trial in reached if applies(turn.only, trial.levels)]
    lacking: dict[tuple[KeyPath, str], list[tuple[Trial, str]]] = {}
    for trial in used:
        earlier = _earlier_replies(draft, path, trial) if remembers else {}
        fields = {**trial.fields, **added, **earlier}
        for place, template, more in templates_of(turn, path):
            for slot in slots(template):
                if slot not in fields and slot not in more:
                    lack = (trial, no_field(slot, fields))
                    lacking.setdefault((place, slot), []).append(lack)
        if turn.constraint is not None and turn.constraint.each is not None:
            each = turn.constraint.each
            message = _not_a_list(each, {**fields, **trial.draws})
            if message:
                place = (*path, "constraint", "each")
                lacking.setdefault((place, each), []).append((trial, message))
        if turn.kind == "choose" and not lacking:
            _check_options(draft, path, turn, trial, fields)
    for (place, _), lacks in lacking.items():
        trial, message = lacks[0]
        if len(lacks) < len(used):
            condition = ", ".join(f"{factor} = {level!r}" for factor, level in trial.levels.items())
            message = f"under {condition} {message}"
        draft.fault(place, message)


def _earlier_replies(draft: Draft, path: KeyPath, trial: Trial) -> dict[str, str]:
    out: dict[str, str] = {}
    for block, data in draft.blocks("turn"):
        if block == path:
            break
        turn = draft.parts["turn"][block[-1]]
        is_open = turn is None or not draft.is_sound((*block, "only"))
        if is_open or (turn.assistant is None and applies(turn.only, trial.levels)):
            name = data.get("name", "reply")
            if isinstance(name, str):
                # No two replies are taken to be alike.
                out[name] = f"{{{name}}}"
    return out


def _not_a_list(name: str, fields: Mapping[str, FieldValue]) -> str | None:
    if name not in fields:
        return no_field(name, fields).replace("the slot {", "the name {")
    if not isinstance(fields[name], tuple):
        return f"'each' names {name!r}, which is not a list"
    return None


def _check_options(
    draft: Draft, path: KeyPath, turn: Turn, trial: Trial, fields: Mapping[str, FieldValue]
) -> None:
    ask = ask_of(turn, trial, (), fields)
    assert isinstance(ask, Choose)
    twice = [name for index, name in enumerate(ask.options) if name in ask.options[:index]]
    if len(ask.options) < 2:
        message = f"expected at least two options, found {len(ask.options)}"
        draft.fault((*path, "options"), message)
    elif twice:
        draft.fault((*path, "options"), f"the option {twice[0]!r} is offered twice")
