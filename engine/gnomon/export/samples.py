"""A trial as a sample of an Inspect log.

One invariant: what a model was sent and what it said is there in its own words, whatever the status; the status
says why there is no answer or no score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from gnomon.records import Ask, Chat, Choose, Exchange, Reply, TrialRecord
from gnomon.store.keys import RunFacts
from gnomon.store.values import readable
from gnomon.templates import show

_STOPS = {"ok": "stop", "truncated": "max_tokens", "filtered": "content_filter"}
_SHOWN = 500
Scored = tuple[str, float | None, str, dict[str, Any]]
"""Name, value, status and detail of a score."""


@attrs.define(kw_only=True)
class Sample:
    """What a log says of one trial; ``epoch`` is set when it is known.

    Attributes:
        id: Item and levels.
        epoch: From 1.
        target: The right answer, empty where there is none.
        choices: Options of a forced choice.
        input: The messages of the first ask.
        messages: The whole conversation.
        output: The last reply.
        scores: Score name → score.
        metadata: What else is known of the trial.
        usage: Tokens.
        seconds: How long its calls took.
        error: Why the last call failed.
    """

    id: str
    epoch: int = 1
    target: str
    choices: list[str] | None
    input: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    output: dict[str, Any]
    scores: dict[str, dict[str, Any]]
    metadata: dict[str, Any]
    usage: dict[str, int]
    seconds: float
    error: str | None

    def full(self, uuid: str) -> dict[str, Any]:
        """The sample's own file."""
        model = self.output["model"]
        made = {
            "id": self.id,
            "epoch": self.epoch,
            "input": self.input,
            "target": self.target,
            "messages": self.messages,
            "output": self.output,
            "scores": self.scores,
            "metadata": self.metadata,
            "model_usage": {model: self.usage} if self.usage else {},
            "total_time": self.seconds,
            "uuid": uuid,
        }
        if self.choices is not None:
            made["choices"] = self.choices
        if self.error is not None:
            made["error"] = {"message": self.error, "traceback": "", "traceback_ansi": ""}
        return made

    def summary(self) -> dict[str, Any]:
        """Its line in the list of samples."""
        last = self.input[-1]["content"] if self.input else ""
        return {
            "id": self.id,
            "epoch": self.epoch,
            "input": last[:_SHOWN],
            "target": self.target[:_SHOWN],
            "metadata": {},
            "scores": self.scores,
            "model_usage": {self.output["model"]: self.usage} if self.usage else {},
            "total_time": self.seconds,
            "error": self.error,
            "completed": True,
            "message_count": len(self.messages),
        }


def sample_of(record: TrialRecord, facts: RunFacts, scores: Sequence[Scored]) -> Sample:
    """The sample of a finished trial."""
    trial = record.trial
    levels = ", ".join(trial.levels.values())
    asked = [exchange for exchange in record.exchanges if exchange.ask.role == "subject"]
    asked = asked or list(record.exchanges)
    messages: list[dict[str, Any]] = []
    for exchange in asked:
        shown = _messages(exchange.ask)
        # A conversation that goes on is shown once, not from its beginning at every turn.
        said = [(one["role"], one["content"]) for one in messages]
        again = [(one["role"], one["content"]) for one in shown[: len(said)]] == said
        messages += shown[len(said) :] if again else shown
        messages.append(_message("assistant", exchange.reply.text, source="generate"))
    last = asked[-1].reply if asked else Reply(text="")
    first = asked[0].ask if asked else None
    return Sample(
        id=readable(f"{trial.item.key} [{levels}]" if levels else trial.item.key),
        target="" if trial.item.gold is None else readable(show(trial.item.gold)),
        choices=[readable(one) for one in first.options] if isinstance(first, Choose) else None,
        input=[] if first is None else _messages(first),
        messages=messages,
        output=_output(last, facts),
        scores={
            readable(name): _score(value, status, detail, last)
            for name, value, status, detail in scores
        },
        metadata={
            "groups": dict(trial.item.groups),
            "levels": dict(trial.levels),
            "draws": dict(trial.draws),
            "repeat": trial.repeat,
            "ordinal": trial.ordinal,
            "format": trial.format,
            "status": last.status,
        },
        usage=_usage(asked),
        seconds=sum(exchange.reply.seconds or 0 for exchange in asked),
        error=last.error if last.status == "error" else None,
    )


def _message(role: str, text: str, **more: str) -> dict[str, Any]:
    return {"role": role, "content": readable(text), **more}


def _messages(ask: Ask) -> list[dict[str, Any]]:
    if isinstance(ask, (Chat, Choose)):
        return [_message(one.role, one.content, source="input") for one in ask.messages]
    text = getattr(ask, "text", None)
    texts = [text] if text is not None else list(getattr(ask, "texts", ()))
    return [_message("user", one, source="input") for one in texts]


def _output(reply: Reply, facts: RunFacts) -> dict[str, Any]:
    subject = facts.roles.get("subject")
    text = readable(reply.text)
    if not text and reply.probabilities:
        text = readable(max(reply.probabilities, key=lambda option: reply.probabilities[option]))  # type: ignore[index]  # checked above
    output: dict[str, Any] = {
        "model": reply.model or (subject.model if subject else ""),
        "choices": [
            {
                "message": _message("assistant", text, source="generate"),
                "stop_reason": _STOPS.get(reply.status, "unknown"),
            }
        ],
        "completion": text,
        "time": reply.seconds,
        "error": reply.error,
    }
    if reply.probabilities:
        output["metadata"] = {"probabilities": dict(reply.probabilities)}
    return output


def _score(value: float | None, status: str, detail: dict[str, Any], last: Reply) -> dict[str, Any]:
    # Inspect shows the answer beside the score in its list of samples.
    made = {"value": value, "answer": readable(last.text[:_SHOWN]), "metadata": detail}
    if value is None:
        made |= {"value": float("nan"), "reason": status, "explanation": status}
    return made


def _usage(asked: Sequence[Exchange]) -> dict[str, int]:
    read = sum(exchange.reply.tokens_in or 0 for exchange in asked)
    written = sum(exchange.reply.tokens_out or 0 for exchange in asked)
    if not read + written:
        return {}
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
