"""``pytest --gnomon``: measures and one-file plugins are collected as tests.

One invariant: without ``--gnomon`` nothing is collected and nothing but this module is imported, for pytest
loads it in every project whose environment has gnomon.

    pytest --gnomon specs/                                  every measure loads
    pytest --gnomon specs/ --gnomon-model BACKEND:MODEL     and runs, and its [expect] holds
    pytest --gnomon my_scorer.py                            the plugins of a file keep their contract
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own in ``pytest --help``."""
    group = parser.getgroup("gnomon", "measures of language models (gnomon)")
    group.addoption(
        "--gnomon",
        action="store_true",
        help="Collect measures (*.toml) as tests: each loads, runs, and keeps to its [expect].",
    )
    group.addoption(
        "--gnomon-model",
        metavar="BACKEND:MODEL",
        help="The model measured. Without it measures are loaded and not run.",
    )
    group.addoption(
        "--gnomon-role",
        action="append",
        default=[],
        metavar="ROLE=MODEL",
        help="The model for another role, for measures that have it. May be given again.",
    )
    group.addoption("--gnomon-repeats", type=int, help="In place of a measure's own repeats.")
    group.addoption("--gnomon-limit", type=int, help="Only the first so many items.")
    group.addoption(
        "--gnomon-file",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="Your own file for a file that a measure names. May be given again.",
    )
    group.addoption(
        "--gnomon-plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="Load a one-file plugin. May be given again.",
    )
    group.addoption(
        "--gnomon-db",
        metavar="FILE",
        help="Keep the runs in this database and go on with those in it; a temporary one otherwise.",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A TOML file that declares a measure becomes a collector of its tests."""
    if not parent.config.getoption("--gnomon"):
        return None
    if file_path.suffix == ".toml":
        from gnomon.pytest_plugin.specs import SpecFile, is_measure

        named = parent.session.isinitpath(file_path)
        if named or is_measure(file_path):
            collected: pytest.Collector = SpecFile.from_parent(parent, path=file_path)
            return collected
    if file_path.suffix == ".py":
        from gnomon.pytest_plugin.plugins import PluginFile, is_plugin

        if is_plugin(file_path):
            checked: pytest.Collector = PluginFile.from_parent(parent, path=file_path)
            return checked
    return None
