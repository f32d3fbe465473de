"""Memory does not grow with the number of trials."""

from __future__ import annotations

from pathlib import Path

import pytest

from long_runs import whole_run

MOST_MORE = 40.0  # MiB


@pytest.mark.slow
def test_a_hundred_times_the_trials_in_the_same_memory(tmp_path: Path) -> None:
    """Planned, asked, stored, scored and estimated: 200,000 trials peak within 40 MiB of 2,000."""
    small = whole_run(tmp_path / "small", 2_000, "scripted:fill")
    large = whole_run(tmp_path / "large", 200_000, "scripted:fill")
    assert large.report["trials"] == {"planned": 200_000, "before": 0, "now": 200_000}
    assert sum(row["n"] for row in large.report["estimates"]) == 200_000
    assert large.peak - small.peak < MOST_MORE


def test_a_few_trials_more_cost_nothing(tmp_path: Path) -> None:
    """From 2,000 to 10,000 trials, which is quick to try: no more than the caches take to fill."""
    small = whole_run(tmp_path / "small", 2_000, "scripted:fill")
    large = whole_run(tmp_path / "large", 10_000, "scripted:fill")
    assert large.peak - small.peak < MOST_MORE / 2
