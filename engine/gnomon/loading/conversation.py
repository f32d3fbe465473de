"""``[[turn]]``: which keys a kind of ask takes, who is asked, and what the subject must be able to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gnomon.errors import TemplateError, did_you_mean, listing
from gnomon.loading.blocks import default_procedure
from gnomon.loading.draft import Draft, overlap
from gnomon.loading.factors import NAME, name_form
from gnomon.loading.filling import templates_of
from gnomon.loading.general import check_decoding
from gnomon.spec import SUBJECT, Turn, TurnConstraint, Use, own_needs
from gnomon.structure import KeyPath, found
from gnomon.templates import parse

# The keys that each kind of ask takes, beside those that every turn takes.
_KIND_KEYS: Mapping[str, tuple[str, ...]] = {
    "chat": ("system", "user", "prefill", "decoding", "constraint"),
    "choose": ("system", "user", "prefill", "decoding", "options"),
    "loglik": ("user", "text"),
    "embed": ("texts",),
    "hidden": ("texts", "layers", "pooling"),
}
_EVERY_KIND = ("role", "name", "kind", "samples", "fresh", "only")
_SAID_KEYS = ("assistant", "system", "user", "fresh", "only")
_FORMS = ("options", "regex", "grammar", "json_schema")
_ROOT = re.compile(r"^\s*root\s*::=", re.MULTILINE)


def check_turns(draft: Draft, procedure: Use | None) -> None:
    """Check every turn on its own, then roles, names and needs over all of them."""
    if not draft.data.get("turn") and procedure and procedure.name == default_procedure():
        message = f"missing [[turn]]: the procedure {procedure.name!r} asks what the turns say"
        draft.fault(("turn",), message)
    for path, turn in draft.turns():
        written = draft.data["turn"][path[-1]]
        draft.check_only(turn.only, (*path, "only"))
        if turn.assistant is not None:
            _check_said(draft, written, path)
        else:
            _check_asked(draft, turn, written, path)
        for place, template, _ in templates_of(turn, path):
            try:
                parse(template)
            except TemplateError as error:
                draft.fault(place, str(error))
    _check_reply_names(draft)
    _check_roles_and_needs(draft)


def _check_said(draft: Draft, written: Mapping[str, Any], path: KeyPath) -> None:
    for key in written:
        if key not in _SAID_KEYS:
            message = f"a turn with 'assistant' puts words into the conversation and asks nobody, so it takes no {key!r}"
            draft.fault((*path, key), message, key=True)


def _check_asked(draft: Draft, turn: Turn, written: Mapping[str, Any], path: KeyPath) -> None:
    takes = (*_EVERY_KIND, *_KIND_KEYS[turn.kind])
    for key in written:
        if key not in takes:
            kinds = [kind for kind, keys in _KIND_KEYS.items() if key in keys]
            message = (
                f"a turn of kind {turn.kind!r} takes no {key!r}, which is for {listing(kinds)}"
            )
            draft.fault((*path, key), message, key=True)
    if turn.kind in ("chat", "choose") and not any(
        getattr(turn, key) is not None for key in ("system", "user", "prefill")
    ):
        draft.fault(
            path, f"a turn of kind {turn.kind!r} needs something to say: 'user' or 'system'"
        )
    needed = {"choose": "options", "loglik": "text", "embed": "texts", "hidden": "texts"}
    lacking = needed.get(turn.kind)
    if lacking is not None and not getattr(turn, lacking):
        where = (*path, lacking) if lacking in written else path
        draft.fault(where, f"a turn of kind {turn.kind!r} needs {lacking!r}")
    if not NAME.match(turn.name):
        draft.fault((*path, "name"), name_form("turn", turn.name))
    draft.check_least(turn.samples, 1, (*path, "samples"))
    if not turn.layers:
        draft.fault((*path, "layers"), "expected at least one layer, found an empty list")
    check_decoding(draft, turn.decoding, (*path, "decoding"))
    if turn.constraint is not None:
        written_form = written["constraint"]
        _check_constraint(draft, turn.constraint, written_form, (*path, "constraint"))


def _check_constraint(
    draft: Draft, given: TurnConstraint, written: Mapping[str, Any], path: KeyPath
) -> None:
    forms = [form for form in _FORMS if form in written]
    if len(forms) != 1:
        named = " and ".join(forms) or "none"
        draft.fault(
            path, f"expected exactly one of options, regex, grammar and json_schema, found {named}"
        )
        return
    form = forms[0]
    if not getattr(given, form):
        value = written[form]
        draft.fault((*path, form), f"expected a form for the reply, found {found(value)}")
        return
    if given.each is not None and form != "options":
        draft.fault((*path, "each"), f"'each' goes with options, not with {form}", key=True)
    if "line" in written and given.each is None:
        draft.fault((*path, "line"), "'line' goes with 'each', which is not given", key=True)
    if given.regex is not None:
        try:
            re.compile(given.regex)
        except (re.error, RecursionError, OverflowError) as error:
            deep = isinstance(error, RecursionError)
            why = "nested too deeply" if deep else getattr(error, "msg", error)
            draft.fault((*path, "regex"), f"not a regular expression: {why}")
    if given.grammar is not None and not _ROOT.search(given.grammar):
        draft.fault((*path, "grammar"), "a grammar needs a rule 'root ::= …'")
    if given.json_schema is not None:
        _check_schema(draft, given.json_schema, (*path, "json_schema"))


def _check_schema(draft: Draft, text: str, path: KeyPath) -> None:
    try:
        schema = json.loads(text)
    except ValueError as error:
        draft.fault(path, f"not JSON text: {error}")
    except RecursionError:
        draft.fault(path, "not JSON text that can be read: nested too deeply")
    else:
        if not isinstance(schema, dict):
            draft.fault(path, "a JSON Schema is an object, in braces")


def _check_reply_names(draft: Draft) -> None:
    named: list[tuple[KeyPath, Turn]] = []
    for path, turn in draft.turns():
        if turn.assistant is not None:
            continue
        for other_path, other in named:
            if other.name == turn.name and overlap(other.only, turn.only, draft.factors):
                written = "name" in draft.data["turn"][path[-1]]
                draft.fault(
                    (*path, "name") if written else path,
                    f"a second reply named {turn.name!r} in the same trials (the first is of "
                    f"turn[{other_path[-1]}]); give each turn a 'name' of its own",
                )
                break
        named.append((path, turn))


def _check_roles_and_needs(draft: Draft) -> None:
    needs = draft.parts.get("needs")
    wanted: list[tuple[KeyPath, str, str, str]] = []
    for path, turn in draft.turns():
        if turn.assistant is None:
            written = draft.data["turn"][path[-1]]
            wanted.append(((*path, "role"), "this turn", turn.role, ""))
            where = (*path, "kind") if "kind" in written else path
            wanted.append((where, "this turn", turn.role, turn.kind))
    for path, use in draft.uses:
        role = getattr(use.plugin, "role", None)
        if isinstance(role, str):
            place = (*path, "role") if "role" in use.options else path
            wanted.append((place, repr(use.name), role, ""))
        for need in own_needs(use.plugin):
            wanted.append((path, repr(use.name), need.role, need.kind))
    seen: set[tuple[KeyPath, str]] = set()
    for path, who, role, kind in wanted:
        if role == SUBJECT:
            if kind and needs is not None and kind not in needs:
                draft.fault(
                    path, f"{who} asks the subject for {kind!r}, which 'needs' does not list"
                )
        else:
            _check_role(draft, path, who, role, seen)


def _check_role(
    draft: Draft, path: KeyPath, who: str, role: str, seen: set[tuple[KeyPath, str]]
) -> None:
    roles = draft.data.get("roles", {})
    block = path[:2]
    if not isinstance(roles, dict) or role in roles or (block, role) in seen:
        return
    seen.add((block, role))
    hint = did_you_mean(role, [SUBJECT, *roles])
    draft.fault(path, f"{who} asks in the role {role!r}, which is not declared in [roles]{hint}")
