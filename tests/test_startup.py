"""Help and the list of measures come as quickly as those of a comparable tool."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.benchmark
def test_help_and_list_start_as_quickly_as_sqlite_utils() -> None:
    """Medians of alternating runs; the ratio is printed and at most 1."""
    path = Path(__file__).parent / "benchmarks" / "bench_startup.py"
    spec = importlib.util.spec_from_file_location("bench_startup", path)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    found = bench.medians(5)
    for command in bench.OURS:
        ratio = found[command] / found[bench.BASELINE]
        print(f"{' '.join(command)}: {ratio:.2f} of {' '.join(bench.BASELINE)}")
        assert ratio <= 1.0
