"""Locks: what a run will be, written down before it is made.

One invariant: a lock and the check against it derive the same values by the same function from a request, so
a run that is called confirmatory differs in nothing that the lock names. What the lock cannot know (the
replies) it does not name; what it leaves open (models not given) is not checked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.design import trials as make_trials
from gnomon.errors import UsageError
from gnomon.loading import Around
from gnomon.run.facts import file_hashes, versions
from gnomon.run.request import Lock, RunRequest
from gnomon.store.keys import canonical

FORM = 1
"""Version of the lock's form."""

_SECTIONS = {
    "measure": "the measure",
    "version": "the version of the measure",
    "spec": "the text of the spec",
    "seed": "the seed",
    "repeats": "the number of repeats",
    "limit": "the limit of items",
    "format": "the format",
    "only": "--only",
    "files": "the stimulus file",
    "models": "the model of the role",
    "trials": "the number of trials",
    "plan": "the plan (items, levels and draws of every trial)",
    "statistics": "the statistics",
    "plugins": "the plugin file",
    "versions": "the version of",
}
"""What is frozen → how a difference speaks of it; sections of named values name the value after it."""
_HASHES = ("spec", "plan", "files", "plugins")
DIGITS = 12
"""Of a hash in a sentence: as many as tell two apart."""
_NONE = "none"


def frozen_of(request: RunRequest, catalogue: Catalogue) -> dict[str, Any]:
    """Everything that a lock freezes, derived from a request; plain TOML values.

    The hash of the plan is over the stream of trials: item, gold answer, fields, levels, repeat, draws. A
    source that asks a model has no plan beforehand, and ``plan`` and ``trials`` say so.
    """
    spec = request.spec
    catalogue.load_all()
    count, plan = _plan_hash(request)
    statistics = [
        canonical([block.label, block.use.name, block.of, block.use.options, str(block.keys)])
        for block in spec.statistics
    ]
    return {
        "measure": spec.name,
        "version": spec.keys.version,
        "spec": sha256(spec.text.encode()).hexdigest(),
        "seed": request.seed_used,
        "repeats": request.repeats_used,
        "limit": _NONE if request.limit is None else request.limit,
        "format": request.format,
        "trials": count,
        "plan": plan,
        "statistics": [
            f"{block.label} of {', '.join(block.of)} ({sha256(text).hexdigest()[:16]})"
            for block, text in zip(spec.statistics, statistics, strict=True)
        ],
        "only": {name: list(values) for name, values in sorted(request.only.items())},
        "files": file_hashes(spec, request.files),
        "models": dict(sorted(request.roles.items())),
        "plugins": {
            Path(provider.name).name: sha256(Path(provider.name).read_bytes()).hexdigest()
            for provider in catalogue.providers
            if provider.origin.startswith("file ")
        },
        "versions": versions(catalogue, spec),
    }


def _plan_hash(request: RunRequest) -> tuple[int | str, str]:
    source = request.spec.source.plugin
    if getattr(source, "adaptive", False) or getattr(source, "asks", False):
        return "unknown", "unknown before the source has asked its model"
    around = Around.beside(request.spec.path, request.seed_used, files=request.files)
    made = sha256()
    count = 0
    for trial in make_trials(
        request.spec.keys.design,
        partial(source.items, around),
        request.seed_used,
        repeats=request.repeats,
        limit=request.limit,
        keep=request.keeps,
    ):
        item = trial.item
        row = [item.key, item.gold, item.groups, item.fields, trial.levels, trial.repeat]
        made.update(canonical([*row, trial.draws]) + b"\n")
        count += 1
    return count, made.hexdigest()


def _own_hash(content: Mapping[str, Any]) -> str:
    return sha256(
        canonical({name: content[name] for name in content if name != "hash"})
    ).hexdigest()


def freeze(request: RunRequest, catalogue: Catalogue, hypotheses: Sequence[str] = ()) -> str:
    """The text of a lock for a request.

    Args:
        request: The run that is planned; roles without a model are left open.
        catalogue: Whose versions are frozen.
        hypotheses: What is expected, in the author's words.
    """
    import tomlkit

    content: dict[str, Any] = {
        "lock": FORM,
        "frozen_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "hypotheses": list(hypotheses),
        **frozen_of(request, catalogue),
    }
    # The hash stands before the tables, where TOML has a file's own keys.
    document = {"hash": _own_hash(content), **content}
    return tomlkit.dumps(document)


def read_lock(path: Path) -> Lock:
    """A lock from its file.

    Raises:
        UsageError: There is none, or the file is not a lock of a form that this gnomon knows.
    """
    try:
        text = path.read_text("utf-8")
        content = tomllib.loads(text)
    except FileNotFoundError:
        raise UsageError(f"there is no lock {str(path)!r}; 'gnomon freeze' writes one") from None
    except IsADirectoryError:
        raise UsageError(f"{str(path)!r} is a folder, not a lock; give a file in it") from None
    except OSError as error:
        raise UsageError(f"the lock {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{str(path)!r} is not a lock: it is no text in UTF-8; 'gnomon freeze' writes one"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{str(path)!r} is not a lock: it is no TOML ({error}); 'gnomon freeze' writes one"
        ) from None
    lacking = [name for name in (*_SECTIONS, "hash", "frozen_at") if name not in content]
    if content.get("lock") != FORM or lacking:
        reason = f"it has no {lacking[0]!r}" if lacking else f"its form is {content.get('lock')!r}"
        raise UsageError(
            f"{str(path)!r} is not a lock of form {FORM}: {reason}; 'gnomon freeze' writes one"
        )
    return Lock(
        text=text,
        frozen={name: content[name] for name in _SECTIONS},
        frozen_at=str(content["frozen_at"]),
        whole=_own_hash(content) == content["hash"],
    )


def differences(
    lock: Lock, request: RunRequest, catalogue: Catalogue, started_at: str
) -> list[str]:
    """A sentence for each thing in which a run differs from its lock; none when it is confirmatory.

    Args:
        lock: The lock.
        request: The run as it is made.
        catalogue: The plugins it is made with.
        started_at: When the run was begun, UTC in ISO 8601.
    """
    out: list[str] = []
    if not lock.whole:
        out.append("the lock was changed after it was frozen: its hash is not that of its content")
    if _moment(started_at) < _moment(lock.frozen_at):
        out.append(
            f"the run was begun at {started_at}, before the lock was frozen at {lock.frozen_at}"
        )
    here = frozen_of(request, catalogue)
    for section in _SECTIONS:
        out.extend(_section(section, lock.frozen[section], here[section]))
    return out


def _moment(text: str) -> datetime:
    made = datetime.fromisoformat(text).replace(microsecond=0)
    return made if made.tzinfo is not None else made.replace(tzinfo=UTC)


def _section(section: str, locked: Any, here: Any) -> Iterator[str]:
    words = _SECTIONS[section]
    if isinstance(locked, list):
        locked, here, words = _by_name(locked), _by_name(here), "the statistic"
    if not isinstance(locked, Mapping):
        if locked != here:
            yield _sentence(section, words, locked, here)
        return
    # A role that the lock leaves open may be played by any model.
    names = locked if section == "models" else {*locked, *here}
    for name in sorted(names):
        was, now = locked.get(name, _NONE), here.get(name, _NONE)
        if was != now:
            yield _sentence(section, f"{words} {name}", was, now)


def _by_name(statistics: list[str]) -> dict[str, str]:
    """The statistics as frozen, ``LABEL of SCORE (HASH)``, as what is named → its hashes."""
    held: dict[str, list[str]] = {}
    for text in statistics:
        name, _, digits = str(text).rpartition(" (")
        held.setdefault(name or digits, []).append(digits.rstrip(")")[:DIGITS])
    return {name: ", ".join(hashes) for name, hashes in held.items()}


def _sentence(section: str, words: str, locked: Any, here: Any) -> str:
    hashed = section in _HASHES
    if hashed and _NONE not in (locked, here):
        return f"{words} is not the frozen one"

    def show(value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(map(str, value)) or _NONE
        return str(value)[:DIGITS] if hashed else str(value)

    return f"{words}: {show(locked)} in the lock, {show(here)} in the run"
