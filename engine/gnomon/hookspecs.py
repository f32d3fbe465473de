"""The hooks a plugin may implement. Each returns classes (or folders) and changes nothing.

A plugin is a module with functions of these names, marked ``@gnomon.hookimpl``, made known by an entry
point in the group ``gnomon`` or by ``--plugin FILE.py``. An entry point whose name ends in one of
``sources procedures backends scorers statistics corrections executors specs templates`` after the last dot
is loaded only when that kind is needed; any other name is loaded whenever plugins are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pluggy

PROJECT = "gnomon"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_sources() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``items``: where stimuli come from (``[stimuli] use = "NAME"``)."""


@hookspec
def register_procedures() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``administer``: what a trial asks (``[procedure] use = "NAME"``)."""


@hookspec
def register_backends() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``ask``: what answers (``--model NAME:MODEL?option=value``)."""


@hookspec
def register_scorers() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``score``: numbers read off replies (``[[score]] use = "NAME"``)."""


@hookspec
def register_statistics() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``estimate``: what is said of scores (``[[statistic]] use = "NAME"``)."""


@hookspec
def register_corrections() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``adjust``: p-values over a family (``correction = "NAME"``)."""


@hookspec
def register_executors() -> Iterable[type]:  # type: ignore[empty-body]  # pluggy reads the signature
    """Classes with ``open``: where asks are answered (``--on NAME``)."""


@hookspec
def register_specs() -> Iterable[Path]:  # type: ignore[empty-body]  # as above
    """Folders whose ``*.toml`` files are measures (``gnomon run NAME``)."""


@hookspec
def register_templates() -> Iterable[Path]:  # type: ignore[empty-body]  # as above
    """Folders of templates, each a folder of files with a ``template.toml`` (``gnomon new NAME``)."""
