"""``turns``: the conversation that the spec's ``[[turn]]`` blocks spell out.

One invariant: what a turn asks depends only on the trial and on the replies before it, so the same
replies always lead to the same asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from gnomon import Asking, Message, Reply, Trial, Turn, ask_of, render, said, turns_for

_USABLE = ("ok", "truncated")


@attrs.define
class _Talk:
    """What has been said so far: one conversation per role, and what templates can name."""

    fields: dict[str, str | int | float | bool | tuple[str, ...]]
    histories: dict[str, tuple[Message, ...]] = attrs.field(factory=dict)

    def before(self, turn: Turn) -> tuple[Message, ...]:
        return () if turn.fresh else self.histories.get(turn.role, ())

    def add(self, turn: Turn, *messages: Message) -> None:
        self.histories[turn.role] = (*self.before(turn), *messages)


@attrs.frozen(kw_only=True)
class Turns:
    """Asks the turns that are for the trial's levels, one after the other.

    Each role has a conversation of its own: a judge sees only what its turns say, unless they name
    an earlier reply. A reply goes into the conversation and becomes the field ``{name}`` of later
    turns. With ``samples`` of more than one the asks go out at once, the field is a list, and the
    conversation goes on as if the turn had not been. An ``assistant`` turn is put into the
    conversation as said. When a turn brings no usable reply (``ok`` or ``truncated``), the trial
    ends there: what was built on it would measure something else.

    Example::

        [procedure]
        use = "turns"
    """

    name: ClassVar[str] = "turns"

    def administer(self, trial: Trial, turns: Sequence[Turn]) -> Asking:
        """Yields the asks of one trial; a turn with several samples yields them as one list."""
        talk = _Talk(dict(trial.fields))
        for turn in turns_for(turns, trial):
            if turn.assistant is not None:
                talk.add(turn, *said(turn, trial, talk.fields))
                continue
            asks = [
                ask_of(turn, trial, talk.before(turn), talk.fields, sample=sample)
                for sample in range(turn.samples)
            ]
            replies: Sequence[Reply] = [(yield asks[0])] if len(asks) == 1 else (yield asks)
            answers = [_answer(turn, one) for one in replies if one.status in _USABLE]
            if not answers:
                return
            if turn.samples > 1:
                talk.fields[turn.name] = tuple(answers)
                continue
            if turn.kind in ("chat", "choose"):
                begun = render(turn.prefill, talk.fields) if turn.prefill is not None else ""
                spoken = Message("assistant", begun + answers[0])
                talk.add(turn, *said(turn, trial, talk.fields), spoken)
            talk.fields[turn.name] = answers[0]


def _answer(turn: Turn, reply: Reply) -> str:
    """The reply in words; for ``choose`` the most probable option, the first one shown of equals."""
    if turn.kind == "choose" and reply.probabilities:
        return max(reply.probabilities, key=reply.probabilities.__getitem__)
    return reply.text
