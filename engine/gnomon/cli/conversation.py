"""A trial as a conversation, with its scores beside it.

One invariant: none of what was sent and what came back acts on the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.cli import terminal
from gnomon.cli.tables import Column, Table
from gnomon.records import Exchange, Score
from gnomon.telling import Said, asked_for, everything, facts, number

if TYPE_CHECKING:
    from gnomon.store.viewing import StoredTrial

BESIDE = 100
"""Columns from which on the scores stand beside the conversation, not below."""
SIDE = 34


def _head(one: StoredTrial, run: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    title = f"trial {one.trial} · {run['measure']} · {run['model'] or ''} · run {one.run}"
    return title, facts(one)


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
    title, known = _head(one, run)
    out = [terminal.bold(line) for line in terminal.wrapped(terminal.visible(title), width)]
    for name, text in known:
        lines = terminal.wrapped(terminal.visible(text), width - 8)
        out += [f"{name if at == 0 else '':6}  {line}" for at, line in enumerate(lines)]
    out.append("")
    beside = width >= BESIDE
    left = width - SIDE - 3 if beside else width
    said = [line for one_said in everything(one) for line in _said_lines(one_said, left)]
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
    title, known = _head(one, run)
    talk = Table(
        above=(title, *(f"{name}: {text}" for name, text in known)),
        title="conversation",
        columns=(Column("who"), Column("text", gives="wrap"), Column("more", gives="wrap")),
        rows=tuple((said.who, said.text, said.more) for said in everything(one)),
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
        "asked": asked_for(ask),
        "reply": reply.text,
        "status": reply.status,
        "finish": reply.finish,
        "probabilities": None if reply.probabilities is None else dict(reply.probabilities),
        "error": reply.error,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "seconds": reply.seconds,
    }
