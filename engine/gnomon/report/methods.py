"""How runs were made: models, versions, design, cost, and the prompts as they were sent.

One invariant: everything here was stored with the run. What was not stored is said to be unknown, and is not
filled in from what is installed today.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.asking import ask, columns_of
from gnomon.report.parts import Conversation, Message, RunCard
from gnomon.report.wording import clean, excerpt, listed, number, plural, short, whole
from gnomon.run.states import RunState, states_of
from gnomon.store import RunFacts, Store

CONVERSATIONS = 4
LONGEST = 6_000
"""Characters of one message that are shown."""

Row = Mapping[str, Any]
_HASH = re.compile("[0-9a-f]{32,}")


def card(store: Store, run: Row, label: str, lock: tuple[str, Sequence[str]] | None) -> RunCard:
    """One run in words.

    Args:
        store: The store.
        run: A row of ``Store.runs``.
        label: What the charts call it.
        lock: Its label and what differed, when it was held against a lock.
    """
    number_ = int(run["run"])
    facts = store.facts(number_)
    (state,) = states_of(store, [number_])
    sessions = ask(
        store,
        "SELECT started_at, ended_at, reason, calls, cached, seconds, cost\n"
        f"FROM session WHERE run_id = {number_} ORDER BY id",
    ).rows
    told = [
        *_models(store, number_, facts),
        ("Trials", _finished(state)),
        ("Repeats", whole(facts.repeats)),
        ("Seed", str(facts.seed)),
        ("Format", facts.format),
        *_spent(store, number_, sessions),
        *_times(sessions),
        *_origin(facts),
        ("Versions", ", ".join(f"{name} {value}" for name, value in facts.versions.items())),
        ("Code", _code(facts)),
        ("Command", short(" ".join(facts.command), 600)),
    ]
    return RunCard(
        run=number_,
        label=label,
        facts=[(name, clean(value)) for name, value in told if value],
        notices=_notices(state, lock, imported=facts.imported is not None),
        conversations=_conversations(store, number_),
    )


def _models(store: Store, run: int, facts: RunFacts) -> list[tuple[str, str]]:
    out = []
    served = ask(store, f"SELECT role, model FROM served WHERE run_id = {run} ORDER BY 1, 2").rows  # noqa: S608 - a whole number
    for role, bound in facts.roles.items():
        options = ", ".join(f"{name} {value}" for name, value in bound.options.items())
        answered = [str(row["model"]) for row in served if row["role"] == role]
        identity = ", ".join(
            f"{name} {_identity(value)}"
            for name, value in bound.identity.items()
            if isinstance(value, str | int | float)
        )
        parts = [f"{bound.backend}:{bound.model}", options, identity]
        if answered:
            parts.append(f"the answers say they are by {listed(answered)}")
        out.append((f"Model, {role}", "; ".join(filter(None, parts))))
    return out


def _identity(value: object) -> str:
    """A value in short; of a hash what tells it from others, as of a commit."""
    text = short(value)
    return f"{text[:12]}…" if _HASH.fullmatch(str(value)) else text


def _spent(store: Store, run: int, sessions: Sequence[Row]) -> list[tuple[str, str]]:
    found = ask(
        store,
        "SELECT count(*) AS asks, sum(ask.cached) AS cached, sum(reply.tokens_in) AS tokens_in,\n"
        "  sum(reply.tokens_out) AS tokens_out, sum(reply.cost) AS cost\n"
        f"FROM ask JOIN reply ON reply.id = ask.reply_id WHERE ask.run_id = {run}",
    ).rows[0]
    asks = plural(found["asks"], "ask")
    if found["cached"]:
        asks += f", {whole(found['cached'])} of them answered from the store"
    tokens = ""
    if found["tokens_in"] or found["tokens_out"]:
        tokens = f"{whole(found['tokens_in'] or 0)} in, {whole(found['tokens_out'] or 0)} out"
    costs = [row["cost"] for row in sessions if row["cost"] is not None]
    return [
        ("Asks", asks),
        ("Tokens", tokens),
        ("Cost", f"{_money(sum(costs))} US dollars" if costs else "unknown"),
    ]


def _money(cost: float) -> str:
    return "0" if cost == 0 else number(cost, 4 if cost < 1 else 2)


def _times(sessions: Sequence[Row]) -> list[tuple[str, str]]:
    if not sessions:
        return []
    took = sum(row["seconds"] or 0 for row in sessions)
    ended = sessions[-1]["ended_at"]
    return [
        ("Begun", _moment(sessions[0]["started_at"])),
        ("Ended", _moment(ended) if ended else "not yet"),
        (
            "Took",
            f"{number(took, 1)} seconds in {plural(len(sessions), 'invocation')}" if took else "",
        ),
    ]


def _moment(text: str) -> str:
    return f"{text[:10]} {text[11:16]} UTC"


def _origin(facts: RunFacts) -> list[tuple[str, str]]:
    if facts.imported is None:
        return []
    told = []
    for name, value in facts.imported.items():
        plain = isinstance(value, Mapping | list)
        text = json.dumps(value, ensure_ascii=False) if plain else value
        if value:
            told.append(f"{name}: {short(text, 240)}")
    return [("Imported", "; ".join(told))]


def _code(facts: RunFacts) -> str:
    if facts.git_commit is None:
        return ""
    changed = ", with uncommitted changes" if facts.git_dirty else ""
    return f"commit {facts.git_commit[:12]}{changed}"


def _finished(state: RunState) -> str:
    planned = state.planned
    of = "" if planned in (None, state.finished) else f" of {whole(planned)}"
    return f"{whole(state.finished)}{of} finished"


def _notices(
    state: RunState, lock: tuple[str, Sequence[str]] | None, *, imported: bool
) -> list[str]:
    out = []
    if state.remark is not None:
        remark = short(f"{state.remark[:1].upper()}{state.remark[1:]}", 300).rstrip(".")
        out.append(f"{remark}. The numbers of this run are of those trials.")
    if lock is not None:
        label, differences = lock
        out.append(
            "Confirmatory: nothing differs from the lock."
            if not differences
            else f"{label.capitalize()}, for the run differs from its lock: "
            + "; ".join(short(one, 300) for one in differences)
        )
    if imported:
        out.append("The replies were published by others and imported; nothing was asked.")
    return out


def _conversations(store: Store, run: int) -> list[Conversation]:
    firsts = ask(
        store,
        "SELECT levels, min(trial) AS trial, count(*) AS trials\n"
        f"FROM trials WHERE run = {run} AND finished = 1 GROUP BY levels ORDER BY trial "
        f"LIMIT {CONVERSATIONS}",
    ).rows
    out = []
    for first in firsts:
        asked = ask(
            store,
            "SELECT phase, role, name, kind, system, messages, reply, status, error, probabilities\n"
            f"FROM conversations WHERE trial = {first['trial']} ORDER BY ask LIMIT 12",
        ).rows
        messages = [message for row in asked for message in _messages(row)]
        levels = columns_of(first["levels"])
        heading = ", ".join(f"{name}: {value}" for name, value in levels.items()) or "every trial"
        if messages:
            out.append(
                Conversation(
                    heading=f"{short(heading, 120)} (trial {first['trial']}; "
                    f"{plural(first['trials'], 'trial')} like it)",
                    messages=messages,
                )
            )
    return out


def _messages(row: Row) -> list[Message]:
    scored = f" ({row['role']}, asked by a scorer)" if row["phase"] == "score" else ""
    out = []
    if row["system"] and not str(row["messages"] or "").startswith("system: "):
        out.append(Message(speaker=f"system{scored}", text=_cut(row["system"])))
    if row["messages"]:
        out.append(Message(speaker=f"sent{scored}", text=_cut(row["messages"])))
    elif row["kind"] == "chat":
        out.append(Message(speaker=f"sent{scored}", text="(the prompt was not published)"))
    answer = row["reply"] or row["probabilities"] or row["error"] or "(no text)"
    status = "" if row["status"] == "ok" else f", {row['status']}"
    out.append(Message(speaker=f"answered{scored}{status}", text=_cut(answer)))
    return out


def _cut(text: object) -> str:
    shown, cut = excerpt(text, LONGEST)
    return f"{shown}\n… ({cut})" if cut else shown
