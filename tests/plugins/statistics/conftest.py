"""Lets the tests of this folder import their helpers by name, and opens the published data."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from shared_data import shared_data


@pytest.fixture(scope="session")
def published():
    """Reads a table of published or reference numbers by name, or skips with what is missing."""

    def read(name):
        data = shared_data()
        if data is None or not (data / "reference" / name).is_file():
            pytest.skip(f"{name} is not here (../shared/data or GNOMON_SHARED_DATA)")
        return np.genfromtxt(
            data / "reference" / name, delimiter=",", names=True, dtype=None, encoding="utf-8"
        )

    return read
