"""The form of an ask: everything about it that is not a message, a sample number or a seed.

One invariant: the form, the messages, the sample number and the seed make up the ask again, equal in every
attribute. Trials of one design share a handful of forms, so each is stored once, as readable JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gnomon.records import (
    Ask,
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    Hidden,
    Loglik,
    Message,
    Trial,
)

_DECODING = tuple(field.name for field in attrs.fields(Decoding) if field.name != "seed")
_DEFAULTS = {name: getattr(Decoding(), name) for name in _DECODING}


def _decoding_key(decoding: Decoding) -> tuple[Any, ...]:
    # 0 and 0.0 are equal to Python and different to a key.
    return (
        decoding.temperature,
        type(decoding.temperature),
        decoding.top_p,
        type(decoding.top_p),
        decoding.top_k,
        decoding.max_tokens,
        decoding.stop,
        decoding.logprobs,
    )


def form_key(ask: Ask) -> tuple[Any, ...]:
    """Equal for asks of one form; quicker than the form itself."""
    common = (ask.kind, ask.role, ask.name, ask.imported)
    if isinstance(ask, Chat):
        return (*common, ask.constraint, *_decoding_key(ask.decoding))
    if isinstance(ask, Choose):
        return (*common, ask.options, *_decoding_key(ask.decoding))
    if isinstance(ask, Hidden):
        return (*common, ask.layers, ask.pooling)
    return common


def _decoding(decoding: Decoding) -> dict[str, Any]:
    return {
        name: value for name in _DECODING if (value := getattr(decoding, name)) != _DEFAULTS[name]
    }


def form_of(ask: Ask) -> dict[str, Any]:
    """The form as plain data; what is at its default is left out."""
    form: dict[str, Any] = {"kind": ask.kind, "role": ask.role, "name": ask.name}
    if ask.imported:
        form["imported"] = True
    if isinstance(ask, (Chat, Choose)):
        form.update(_decoding(ask.decoding))
    if isinstance(ask, Chat) and ask.constraint is not None:
        form["constraint"] = {ask.constraint.form: getattr(ask.constraint, ask.constraint.form)}
    if isinstance(ask, Choose):
        form["options"] = ask.options
    if isinstance(ask, Hidden):
        form["layers"] = ask.layers
        form["pooling"] = ask.pooling
    return form


def _tuples(value: Any) -> Any:
    return tuple(_tuples(held) for held in value) if isinstance(value, list) else value


class Form:
    """A form read from the database, ready to make asks.

    Args:
        data: What ``form_of`` gave.
    """

    __slots__ = (
        "constraint",
        "decoding",
        "imported",
        "kind",
        "layers",
        "name",
        "options",
        "pooling",
        "role",
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.kind: str = data["kind"]
        self.role: str = data["role"]
        self.name: str = data["name"]
        self.imported: bool = data.get("imported", False)
        self.decoding = Decoding(
            **{name: _tuples(data[name]) for name in _DECODING if name in data}
        )
        constraint = data.get("constraint")
        self.constraint = (
            None
            if constraint is None
            else Constraint(**{name: _tuples(value) for name, value in constraint.items()})
        )
        self.options: tuple[str, ...] = _tuples(data.get("options", []))
        self.layers: tuple[int, ...] = _tuples(data.get("layers", []))
        self.pooling: Any = data.get("pooling")

    def _drawn(self, seed: int | None) -> Decoding:
        return self.decoding if seed is None else self.decoding.seeded(seed)

    def ask(
        self,
        parts: Sequence[tuple[str, str]],
        sample: int,
        seed: int | None,
        trial: Trial | None,
    ) -> Ask:
        """The ask of this form.

        Args:
            parts: Role and text of each message; ``text`` and ``context`` for other kinds.
            sample: Sample number.
            seed: Sampling seed.
            trial: The trial it belongs to.
        """
        if self.kind == "chat":
            return Chat(
                role=self.role,
                name=self.name,
                sample=sample,
                imported=self.imported,
                trial=trial,
                messages=tuple([Message(role, text) for role, text in parts]),  # type: ignore[arg-type]  # stored roles are those of records.Message
                decoding=self._drawn(seed),
                constraint=self.constraint,
            )
        common: dict[str, Any] = {
            "role": self.role,
            "name": self.name,
            "sample": sample,
            "imported": self.imported,
            "trial": trial,
        }
        if self.kind == "choose":
            messages = tuple(Message(role, text) for role, text in parts)  # type: ignore[arg-type]  # as above
            return Choose(
                messages=messages, options=self.options, decoding=self._drawn(seed), **common
            )
        texts = tuple(text for role, text in parts if role != "context")
        if self.kind == "loglik":
            context = next((text for role, text in parts if role == "context"), "")
            return Loglik(text=texts[0], context=context, **common)
        if self.kind == "embed":
            return Embed(texts=texts, **common)
        return Hidden(texts=texts, layers=self.layers, pooling=self.pooling, **common)
