"""What makes two asks, or two runs, the same: keys that are hashes of a canonical form.

The canonical form is JSON with sorted keys, ASCII only and without spaces; the hash is BLAKE2b with 16
bytes. One invariant: whatever could change an answer is in the key, and nothing else is. ``role``,
``name`` and ``trial`` of an ask are not: the same question asked under another name has the same answer. They are
where a backend answers by them, as a table of published replies does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from gnomon.records import Ask, Chat, Choose, Constraint, Decoding, Embed, Hidden, Loglik, Message
from gnomon.store.values import digest

KEY_VERSION = 1
"""Version of the canonical form. A change of the form is a new number, so old keys never match by chance."""


BY_TRIAL = {"answers": "by trial"}
"""What the identity of a backend holds that looks at the trial and the name of an ask, not only at what is asked."""

Administered = tuple[str, Mapping[str, str]]
"""Key of the item and levels of a trial."""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain).encode


def canonical(value: Any) -> bytes:
    """The canonical form: JSON, sorted keys, ASCII, no spaces."""
    return _canonical(value).encode("ascii")


def _messages(messages: Sequence[Message]) -> list[list[str]]:
    return [[message.role, message.content] for message in messages]


def _decoding(decoding: Decoding) -> list[Any]:
    return [
        decoding.temperature,
        decoding.top_p,
        decoding.top_k,
        decoding.max_tokens,
        decoding.stop,
        decoding.seed,
        decoding.logprobs,
    ]


def _constraint(constraint: Constraint | None) -> list[Any] | None:
    return None if constraint is None else [constraint.form, getattr(constraint, constraint.form)]


def _content(ask: Ask) -> list[Any]:
    if isinstance(ask, Chat):
        return [_messages(ask.messages), _decoding(ask.decoding), _constraint(ask.constraint)]
    if isinstance(ask, Choose):
        return [_messages(ask.messages), _decoding(ask.decoding), ask.options]
    if isinstance(ask, Loglik):
        return [ask.text, ask.context]
    if isinstance(ask, Embed):
        return [ask.texts]
    if isinstance(ask, Hidden):
        return [ask.texts, ask.layers, ask.pooling]
    raise TypeError(f"an ask is one of the five kinds, not {type(ask).__name__}")


def reply_key(
    ask: Ask,
    *,
    backend: str,
    model: str,
    options: Mapping[str, Any],
    identity: Mapping[str, Any],
    repeat: int,
    trial: Administered | None = None,
) -> bytes:
    """The key under which a reply is stored and found again.

    Args:
        ask: What is asked; everything of it but ``role``, ``name`` and ``trial``.
        backend: The backend's name.
        model: The model asked for.
        options: The options of the model string, such as ``base_url``.
        identity: What else the backend says decides a reply, such as the hash of a model file.
        repeat: The repeat of the trial: another repeat is another draw.
        trial: What else of the trial decides the reply of a backend that answers by it.

    Returns:
        16 bytes: BLAKE2b-128 of the canonical form.
    """
    if _by_trial(identity):
        identity = {**identity, "trial": [ask.name, *(trial or ())]}
    return digest(
        _canonical(
            [
                KEY_VERSION,
                # A published reply never answers an ask of ours, whatever was published with it.
                f"imported {ask.kind}" if ask.imported else ask.kind,
                _content(ask),
                ask.sample,
                backend,
                model,
                options,
                identity,
                repeat,
            ]
        ).encode("ascii")
    )


def _by_trial(identity: Mapping[str, Any]) -> bool:
    return BY_TRIAL.items() <= identity.items() if identity else False


def key_parts(
    ask: Ask, role: RoleFacts, repeat: int, trial: Administered | None = None
) -> dict[str, Any]:
    """What the key of a reply is made of, part by part, under names for people.

    Two keys are equal exactly when all their parts are; a test says so for every part.
    """
    parts: dict[str, Any] = {"kind": f"imported {ask.kind}" if ask.imported else ask.kind}
    if isinstance(ask, Chat | Choose):
        for number, message in enumerate(ask.messages, 1):
            parts[f"message {number} ({message.role})"] = message.content
        parts |= {f"decoding.{name}": value for name, value in attrs.asdict(ask.decoding).items()}
    if isinstance(ask, Chat):
        parts["constraint"] = canonical(_constraint(ask.constraint)).decode()
    elif isinstance(ask, Choose):
        parts["options"] = ask.options
    elif isinstance(ask, Loglik):
        parts |= {"text": ask.text, "context": ask.context}
    elif isinstance(ask, Embed | Hidden):
        parts["texts"] = ask.texts
    if isinstance(ask, Hidden):
        parts |= {"layers": ask.layers, "pooling": ask.pooling}
    parts |= {"sample": ask.sample, "backend": role.backend, "model": role.model}
    parts |= {f"option {name}": value for name, value in sorted(role.options.items())}
    parts |= {
        f"identity {name}": canonical(value).decode()
        for name, value in sorted(role.identity.items())
    }
    if _by_trial(role.identity):
        parts["name"] = ask.name
        if trial is not None:
            parts["item"] = trial[0]
            parts |= {f"level of {factor}": level for factor, level in sorted(trial[1].items())}
    return {**parts, "repeat": repeat}


@attrs.frozen(kw_only=True)
class RoleFacts:
    """Who answers in one role.

    Attributes:
        role: ``subject``, ``judge``, …
        backend: The backend's name.
        model: The model asked for.
        options: Options of the model string.
        identity: What else decides its replies.
    """

    role: str
    backend: str
    model: str
    options: Mapping[str, Any] = attrs.field(factory=dict)
    identity: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True, slots=False)
class RunFacts:
    """What a run is, and where it came from.

    Attributes:
        measure: The measure's name.
        title: Its title.
        version: Its version.
        spec_text: The text of its spec.
        seed: The only seed.
        repeats: Repeats administered.
        limit: Most trials, None for all.
        format: ``free`` or ``constrained``.
        roles: Role → who answers.
        plan: Whatever else decides which trials there are: filters, hashes of stimulus files, adaptive rounds.
        command: The command line, one text per argument.
        versions: Distribution → version, with ``python`` and ``gnomon``.
        plugins: Plugins used: kind, name, distribution, version, options as JSON text.
        git_commit: Commit of the folder the spec lies in, None outside a repository.
        git_dirty: Whether that folder had changes.
        executor: Where asks were answered.
        imported: For replies that were not asked but imported: file hash, source, licence.
    """

    measure: str
    title: str
    version: int
    spec_text: str
    seed: int
    repeats: int
    limit: int | None = None
    format: str = "free"
    roles: Mapping[str, RoleFacts] = attrs.field(factory=dict)
    plan: Mapping[str, Any] = attrs.field(factory=dict)
    command: Sequence[str] = ()
    versions: Mapping[str, str] = attrs.field(factory=dict)
    plugins: Sequence[tuple[str, str, str, str, str]] = ()
    git_commit: str | None = None
    git_dirty: bool | None = None
    executor: str = "here"
    imported: Mapping[str, Any] | None = None

    @cached_property
    def key(self) -> bytes:
        """16 bytes: the hash of what decides the run's numbers. Runs of one key are one run, resumed."""
        roles = {
            name: [role.backend, role.model, role.options, role.identity]
            for name, role in self.roles.items()
        }
        return run_key(
            measure=self.measure,
            spec_text=self.spec_text,
            seed=self.seed,
            repeats=self.repeats,
            limit=self.limit,
            format_=self.format,
            roles=roles,
            plan=self.plan,
        )


def run_key(
    *,
    measure: str,
    spec_text: str,
    seed: int,
    repeats: int,
    limit: int | None,
    format_: str,
    roles: Mapping[str, Sequence[Any]],
    plan: Mapping[str, Any],
) -> bytes:
    """The key of a run from what decides its numbers."""
    spec = digest(spec_text.encode("utf-8", "surrogatepass")).hex()
    return digest(
        canonical([KEY_VERSION, measure, spec, seed, repeats, limit, format_, roles, plan])
    )
