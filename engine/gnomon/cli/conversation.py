"""A trial as a conversation, with its scores beside it.

One invariant: whatever was sent and whatever came back is shown once, in order and whole, and none of it acts
on the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.cli import terminal
from gnomon.cli.estimates import number
from gnomon.cli.tables import Column, Table
from gnomon.records import Ask, Chat, Choose, Embed, Exchange, Hidden, Loglik, Reply, Score

if TYPE_CHECKING:
    from gnomon.store.viewing import StoredTrial

BESIDE = 100
"""Columns from which on the scores stand beside the conversation, not below."""
SIDE = 34


@attrs.frozen
class Said:
    """One thing that was said.

    Attributes:
        who: Who said it: ``system``, ``user``, ``assistant``, or the role that answered.
        text: What.
        more: What else is known of it: the reply's name and status, tokens, time.
        weak: Whether it is no more than a heading.
    """

    who: str
    text: str
    more: str = ""
    weak: bool = False


def conversation(exchanges: Iterable[Exchange], cached: tuple[bool, ...] = ()) -> Iterator[Said]:
    """Everything said, each message once although later asks bring it again."""
    before: list[tuple[str, str]] = []
    for place, exchange in enumerate(exchanges):
        ask, reply = exchange.ask, exchange.reply
        sent = [(message.role, message.content) for message in getattr(ask, "messages", ())]
        if before and sent[: len(before)] != before:
            yield Said("a new conversation", "", weak=True)
            before = []
        for role, text in sent[len(before) :]:
            yield Said(role, text)
        asked = _asked(ask)
        if asked:
            yield Said("asked for", asked)
        was_here = place < len(cached) and cached[place]
        yield Said(f"{ask.role} answers", answer_text(reply), _facts(ask, reply, was_here))
        before = [*sent, ("assistant", reply.text)] if sent else []


def _asked(ask: Ask) -> str:
    """What is asked beside messages."""
    if isinstance(ask, Choose):
        return f"one of: {', '.join(ask.options)}"
    if isinstance(ask, Loglik):
        context = f", after: {ask.context}" if ask.context else ""
        return f"the probability of: {ask.text}{context}"
    if isinstance(ask, (Embed, Hidden)):
        what = "vectors" if isinstance(ask, Embed) else "hidden states"
        return f"{what} of: {', '.join(ask.texts)}"
    if isinstance(ask, Chat) and ask.constraint is not None:
        return f"a reply held to a {ask.constraint.form}"
    return ""


def answer_text(reply: Reply) -> str:
    """What came back, in words."""
    parts = [reply.text] if reply.text else []
    if reply.probabilities is not None:
        exact = "" if reply.exact else " (from samples)"
        parts += [f"{number(p)}  {option}{exact}" for option, p in reply.probabilities.items()]
    if reply.vectors is not None:
        sizes = ", ".join(map(str, sorted({len(vector) for vector in reply.vectors})))
        parts.append(f"{len(reply.vectors)} vectors of {sizes} numbers")
    if reply.missing:
        parts.append(f"no vector for: {', '.join(reply.missing)}")
    if reply.tokens is not None and not reply.text:
        total = sum(token.logprob for token in reply.tokens)
        parts.append(f"log-probability {number(total)} over {len(reply.tokens)} tokens")
    if reply.error:
        parts.append(reply.error)
    return "\n".join(parts) or "(empty)"


def _facts(ask: Ask, reply: Reply, was_here: bool) -> str:
    tokens = "" if reply.tokens_out is None else f"{reply.tokens_out} tokens"
    seconds = "" if reply.seconds is None else f"{reply.seconds:.1f} s"
    finish = reply.finish if reply.finish and reply.finish != reply.status else ""
    stored = "from the store" if was_here else ""
    return " · ".join(
        part for part in (ask.name, reply.status, finish, tokens, seconds, stored) if part
    )


def _everything(one: StoredTrial) -> list[Said]:
    said = list(conversation(one.record.exchanges, one.cached))
    if not one.record.exchanges:
        said.append(Said("nothing was asked yet", "", weak=True))
    elif not one.finished:
        said.append(Said("the trial is not finished", "", weak=True))
    if one.asked_by_scorers:
        said.append(Said("asked by scorers", "", weak=True))
        said += conversation(_once(one.asked_by_scorers))
    return said


def _once(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Without what several scorers asked alike and were answered alike."""
    seen: dict[tuple[Any, ...], Exchange] = {}
    for exchange in exchanges:
        key = (exchange.ask.role, getattr(exchange.ask, "messages", None), exchange.reply.text)
        seen.setdefault(key, exchange)
    return list(seen.values())


def _head(one: StoredTrial, run: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    trial = one.record.trial
    title = f"trial {one.trial} · {run['measure']} · {run['model'] or ''} · run {one.run}"
    facts = [
        ("place", f"{trial.ordinal} in the plan, repeat {trial.repeat}, {trial.format} format")
    ]
    facts.append(("item", trial.item.key))
    named = {"groups": trial.item.groups, "levels": trial.levels, "draws": trial.draws}
    facts += [(name, text) for name, values in named.items() if (text := _pairs(values))]
    if trial.item.gold is not None:
        facts.append(("gold", str(trial.item.gold)))
    return title, facts


def _pairs(values: Mapping[str, Any]) -> str:
    """Names with their values; what has none is left out."""
    texts = {
        name: " / ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
    }
    return ", ".join(f"{name} {text}" for name, text in texts.items() if text.strip())


def _score_lines(one: StoredTrial, width: int) -> list[str]:
    """The scores with their details, for a narrow column."""
    lines = [terminal.bold("scores")]
    if not one.scores:
        lines.append("none yet")
    first_of_item = len(one.scores) - one.of_item
    for place, score in enumerate(one.scores):
        if one.of_item and place == first_of_item:
            lines.append(terminal.dim("of the item"))
        value = score.status if score.value is None else number(score.value)
        note = " (truncated)" if score.value is not None and score.status != "ok" else ""
        lines += terminal.wrapped(terminal.visible(f"{score.name}  {value}{note}"), width)
        for name, held in score.detail.items():
            text = held if isinstance(held, str) else json.dumps(held, ensure_ascii=False)
            shown = terminal.wrapped(terminal.visible(f"{name}: {text}"), width - 2)
            lines += [terminal.dim(f"  {line}") for line in shown]
    return lines


def trial_text(one: StoredTrial, run: Mapping[str, Any]) -> None:
    """Print a trial for people."""
    width = terminal.width()
    title, facts = _head(one, run)
    out = [terminal.bold(line) for line in terminal.wrapped(terminal.visible(title), width)]
    for name, text in facts:
        lines = terminal.wrapped(terminal.visible(text), width - 8)
        out += [f"{name if at == 0 else '':6}  {line}" for at, line in enumerate(lines)]
    out.append("")
    beside = width >= BESIDE
    left = width - SIDE - 3 if beside else width
    said = [line for one_said in _everything(one) for line in _said_lines(one_said, left)]
    scores = _score_lines(one, SIDE if beside else width)
    if beside:
        for at in range(max(len(said), len(scores))):
            here = said[at] if at < len(said) else ("", "")
            there = scores[at] if at < len(scores) else ""
            blanks = " " * (left - terminal.cells(here[0]))
            out.append(f"{here[1]}{blanks} {terminal.dim('│')} {there}".rstrip())
    else:
        out += [shown for _, shown in said]
        out += ["", *scores]
    terminal.say("\n".join(out))


def _said_lines(said: Said, width: int) -> Iterator[tuple[str, str]]:
    """Lines as they are and as they are shown, with their weight."""
    head = f"── {said.who}" + (f" · {said.more}" if said.more else "")
    for line in terminal.wrapped(terminal.visible(head), width):
        yield line, terminal.dim(line) if said.weak else terminal.bold(line)
    if not said.weak:
        for line in terminal.wrapped(terminal.visible(said.text, lines=True), width):
            yield line, line


def said_tables(one: StoredTrial, run: Mapping[str, Any]) -> tuple[Table, Table]:
    """The conversation and the scores, as tables."""
    title, facts = _head(one, run)
    talk = Table(
        above=(title, *(f"{name}: {text}" for name, text in facts)),
        title="conversation",
        columns=(Column("who"), Column("text", gives="wrap"), Column("more", gives="wrap")),
        rows=tuple((said.who, said.text, said.more) for said in _everything(one)),
    )
    scores = Table(
        title="scores",
        columns=(Column("score"), Column("value", right=True), Column("status"), Column("detail")),
        rows=tuple(_score_row(score) for score in one.scores),
    )
    return talk, scores


def _score_row(score: Score) -> tuple[str, ...]:
    detail = json.dumps(dict(score.detail), ensure_ascii=False) if score.detail else ""
    return score.name, number(score.value), score.status, detail


def trial_json(one: StoredTrial, run: Mapping[str, Any]) -> dict[str, Any]:
    """A trial for programs: all of it."""
    trial = one.record.trial
    return {
        "trial": one.trial,
        "run": one.run,
        "measure": run["measure"],
        "model": run["model"],
        "ordinal": trial.ordinal,
        "item": trial.item.key,
        "groups": dict(trial.item.groups),
        "gold": trial.item.gold,
        "levels": dict(trial.levels),
        "repeat": trial.repeat,
        "format": trial.format,
        "draws": dict(trial.draws),
        "finished": one.finished,
        "exchanges": [_exchange(exchange) for exchange in one.record.exchanges],
        "asked_by_scorers": [_exchange(exchange) for exchange in one.asked_by_scorers],
        "scores": [attrs.asdict(score, recurse=False) for score in one.scores],
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    ask, reply = exchange.ask, exchange.reply
    return {
        "role": ask.role,
        "name": ask.name,
        "kind": ask.kind,
        "messages": [attrs.asdict(message) for message in getattr(ask, "messages", ())],
        "asked": _asked(ask),
        "reply": reply.text,
        "status": reply.status,
        "finish": reply.finish,
        "probabilities": None if reply.probabilities is None else dict(reply.probabilities),
        "error": reply.error,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "seconds": reply.seconds,
    }
