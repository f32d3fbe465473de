"""The real local model, loaded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gnomon_plugins.backends.local import Local


@pytest.fixture(scope="session")
def local_model() -> Iterator[Local]:
    """A backend on the 135M model; its weights are pulled into the user's cache when absent."""
    backend = Local(model="smollm2-135m")
    backend.prepare(print)
    yield backend
    backend.close()
