"""The procedure ``my-thing``: asks the turns and then doubts the last answer.

One invariant: what is asked depends on the trial and on the replies so far, and on nothing else, so that a
stored reply can stand in for a call when a run is taken up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import attrs
import gnomon

_USABLE = ("ok", "truncated")


@attrs.frozen(kw_only=True)
class MyThing:
    """Asks the turns one after the other, and after the last says a doubt and asks again.

    The answer after the doubt is called ``doubted``, which a scorer can name: ``reply = "doubted"``.

    Example::

        [procedure]
        use = "my-thing"
        doubt = "Are you sure?"

    Attributes:
        doubt: What is said after the last answer.
        times: How often.
    """

    name: ClassVar[str] = "my-thing"
    # Names that this procedure gives to templates beside the trial's fields.
    adds: ClassVar[tuple[str, ...]] = ("doubted",)

    doubt: str = "Are you sure? Answer once more, in the same form."
    times: int = 1

    def __attrs_post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"'times' is {self.times}; it is at least 1")

    def administer(self, trial: gnomon.Trial, turns: Sequence[gnomon.Turn]) -> gnomon.Asking:
        """Yields one ask at a time and is sent its reply.

        ``yield [ask, ask]`` asks several at once. An ask in another role (``role="judge"``) is answered by
        the model bound to that role; name it in the class attribute ``needs``.
        """
        history: tuple[gnomon.Message, ...] = ()
        fields = dict(trial.fields)
        last: gnomon.Chat | None = None
        for turn in gnomon.turns_for(turns, trial):
            ask = gnomon.ask_of(turn, trial, history, fields)
            reply = yield ask
            if reply.status not in _USABLE:
                # What would be built on it would measure something else.
                return
            fields[turn.name] = reply.text
            if isinstance(ask, gnomon.Chat):
                last = ask
                history = (*ask.messages, gnomon.Message("assistant", reply.text))
        if last is None:
            return
        for _ in range(self.times):
            history = (*history, gnomon.Message("user", self.doubt))
            reply = yield attrs.evolve(last, name="doubted", messages=history)
            if reply.status not in _USABLE:
                return
            history = (*history, gnomon.Message("assistant", reply.text))


@gnomon.hookimpl
def register_procedures() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
