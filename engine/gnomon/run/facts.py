"""The provenance of a run, gathered once before its first call.

One invariant: nothing secret and nothing that names the host is gathered.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.modelname import executor_name
from gnomon.records import ReplyFormat
from gnomon.run.bindings import Binding
from gnomon.run.request import RunRequest
from gnomon.spec import Spec
from gnomon.store import RoleFacts, RunFacts

_SECRET = re.compile(r"(sk-|key-|ghp_|xox[a-z]-|Bearer\s)\S+|[A-Za-z0-9_-]{40,}")


def facts_of(
    request: RunRequest, bound: Mapping[str, Binding], format_: ReplyFormat, catalogue: Catalogue
) -> RunFacts:
    """Everything that is kept about a run beside its replies."""
    spec = request.spec
    commit, dirty = _git(spec.folder)
    return RunFacts(
        measure=spec.name,
        title=spec.keys.title,
        version=spec.keys.version,
        spec_text=spec.text,
        seed=request.seed_used,
        repeats=request.repeats_used,
        limit=request.limit,
        format=format_,
        roles={
            role: RoleFacts(
                role=role,
                backend=binding.name.backend,
                model=binding.name.model,
                options=dict(binding.name.options),
                identity=dict(binding.identity),
            )
            for role, binding in bound.items()
        },
        plan={
            "only": {name: list(values) for name, values in sorted(request.only.items())},
            "files": file_hashes(spec, request.files),
        },
        command=tuple(_SECRET.sub("***", word) for word in request.command),
        versions=versions(catalogue, spec),
        plugins=plugins_of(spec, bound, catalogue, executor_name(request.executor)),
        git_commit=commit,
        git_dirty=dirty,
        executor=executor_name(request.executor),
        imported=None,
    )


def file_hashes(spec: Spec, files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of every file that the stimuli name: the spec's text alone does not say what was asked."""
    out: dict[str, str] = {}
    for value in _texts(spec.source.options):
        path = files.get(value, spec.folder / value)
        # An option may be any text, and not every text can be a path.
        with contextlib.suppress(OSError, ValueError):
            if path.is_file():
                out[value] = sha256(path.read_bytes()).hexdigest()
    return out


def _texts(value: Any) -> Iterator[str]:
    """Every text in plain data, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from _texts(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _texts(held)


def plugins_of(
    spec: Spec, bound: Mapping[str, Binding], catalogue: Catalogue, executor: str
) -> list[tuple[str, str, str, str, str]]:
    """Every plugin the run uses: kind, name, distribution, its version, options as JSON."""
    used = [("sources", spec.source), ("procedures", spec.procedure)]
    used += [("scorers", block.use) for block in spec.scores]
    used += [("statistics", block.use) for block in spec.statistics]
    out: list[tuple[str, str, str, str, str]] = []

    def add(kind: str, name: str, options: Mapping[str, Any]) -> None:
        distribution, _, version = catalogue.get(kind, name).provider.origin.partition(" ")
        out.append((kind, name, distribution, version, json.dumps(dict(options), sort_keys=True)))

    for kind, use in used:
        add(kind, use.name, use.options)
    for binding in bound.values():
        add("backends", binding.name.backend, binding.name.options)
    add("executors", executor, {})
    return list(dict.fromkeys(out))


def versions(catalogue: Catalogue, spec: Spec) -> dict[str, str]:
    """Versions of Python, of gnomon, and of every distribution that can change a number."""
    out = {"python": platform.python_version(), "platform": platform.machine()}
    names = {"gnomon"}
    for provider in catalogue.providers:
        names.add(provider.origin.split(" ")[0])
    try:
        for line in importlib.metadata.requires("gnomon") or ():
            names.add(re.split(r"[ ;<>=!~\[]", line, maxsplit=1)[0])
    except importlib.metadata.PackageNotFoundError:
        names.discard("gnomon")
    for name in sorted(names):
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    out["spec"] = str(spec.keys.version)
    return out


def _git(folder: Path) -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout the spec lies in, None outside one."""

    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603 - fixed words, no shell
                ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git, by name
                capture_output=True,
                text=True,
                timeout=5,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if not commit:
        return None, None
    return commit, bool(ask("status", "--porcelain"))
