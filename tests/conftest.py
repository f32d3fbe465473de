"""Settings that every test shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A deadline measures the machine, and function-scoped tmp_path is safe where a test says what it writes.
settings.register_profile(
    "gnomon", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("gnomon")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What scripts/generate needs of the tests."""
    parser.addoption(
        "--renew-validations",
        action="store_true",
        help="Write what tests/test_validate_specs.py finds into specs/validations.json.",
    )


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own database and terminal width do not reach a test."""
    for name in list(os.environ):
        if name.startswith("GNOMON_") and name not in ("GNOMON_SHARED_DATA", "GNOMON_CACHE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def run_gnomon(root: Path):
    """Runs the command line in a process of its own: ``run_gnomon("list", cwd=…)``."""

    def run(
        *arguments: str, timeout: float = 800, **options: object
    ) -> subprocess.CompletedProcess[str]:
        # Plugins that a test put on this process's path are installed for the command too.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return subprocess.run(
            [sys.executable, "-c", "from gnomon.cli import main; main()", *arguments],
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"},
            **options,
        )

    return run
