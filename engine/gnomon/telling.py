"""A trial in words: who said what, in order, for a terminal or a page.

One invariant: whatever was sent and whatever came back is told once and whole. It is text; where it is shown, it
is made harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gnomon.records import Ask, Chat, Choose, Embed, Exchange, Hidden, Loglik, Reply

if TYPE_CHECKING:
    from gnomon.store.viewing import StoredTrial

ROUNDING = 1e-12
"""What is left of a sum that is 0 in truth."""


def number(value: float | None, digits: int = 3) -> str:
    """A number in plain characters; an empty string for none."""
    if value is None:
        return ""
    if abs(value) < ROUNDING:
        value = 0.0
    if value != 0 and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


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
        asked = asked_for(ask)
        if asked:
            yield Said("asked for", asked)
        was_here = place < len(cached) and cached[place]
        yield Said(f"{ask.role} answers", answer(reply), _facts(ask, reply, was_here))
        before = [*sent, ("assistant", reply.text)] if sent else []


def everything(one: StoredTrial) -> list[Said]:
    """All that was said in a trial, by whoever asked, and whether it is at its end."""
    said = list(conversation(one.record.exchanges, one.cached))
    if not one.record.exchanges:
        said.append(Said("nothing was asked yet", "", weak=True))
    elif not one.finished:
        said.append(Said("the trial is not finished", "", weak=True))
    if one.asked_by_scorers:
        said.append(Said("asked by scorers", "", weak=True))
        said += conversation(_once(one.asked_by_scorers))
    return said


def facts(one: StoredTrial) -> list[tuple[str, str]]:
    """What the trial was: name and value, in order."""
    trial = one.record.trial
    told = [
        ("place", f"{trial.ordinal} in the plan, repeat {trial.repeat}, {trial.format} format"),
        ("item", trial.item.key),
    ]
    named = {"groups": trial.item.groups, "levels": trial.levels, "draws": trial.draws}
    told += [(name, text) for name, values in named.items() if (text := _pairs(values))]
    if trial.item.gold is not None:
        told.append(("gold", str(trial.item.gold)))
    return told


def asked_for(ask: Ask) -> str:
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


def answer(reply: Reply) -> str:
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


def _once(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Without what several scorers asked alike and were answered alike."""
    seen: dict[tuple[Any, ...], Exchange] = {}
    for exchange in exchanges:
        key = (exchange.ask.role, getattr(exchange.ask, "messages", None), exchange.reply.text)
        seen.setdefault(key, exchange)
    return list(seen.values())


def _pairs(values: Mapping[str, Any]) -> str:
    """Names with their values; what has none is left out."""
    texts = {
        name: " / ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
    }
    return ", ".join(f"{name} {text}" for name, text in texts.items() if text.strip())
