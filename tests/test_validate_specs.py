"""Every shipped measure finds what is planted, and nothing else; or it is said why nothing is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.run import RunRequest
from gnomon.simulation import Workplace, setting_of, validate

SPECS = Path(__file__).parents[1] / "specs"
REPEATS = {"adaptive-questions": 2, "decision-bias": 2, "token-noise": 2}
"""So that the smallest groups have units enough to be judged."""
ONLY: dict[str, dict[str, tuple[str, ...]]] = {
    "weat": {"item": ("weat-4", "weat-5")},
    "seat": {"item": ("weat-9",)},
    "token-noise": {"vignette": ("nests-kept",), "absent": ("gap",)},
}
"""Where a part of the measure shows the same in a fraction of the time."""


def workplace(measure: str) -> Workplace:
    found = Catalogue()
    spec = load(SPECS / f"{measure}.toml", found)
    request = RunRequest(
        spec=spec, roles={}, repeats=REPEATS.get(measure), only=ONLY.get(measure, {})
    )
    return Workplace(setting=setting_of(request, found), processes=2)


SMALL = {"generated-seat": "16 texts a place and 6 places are fewer units than are judged"}
"""Measures of which nothing is judged, and why."""
SLOW = {"seat": "a million partitions of sentences are drawn for each test"}
"""Measures validated in the slow suite, with fewer runs."""


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in sorted(path.stem for path in SPECS.glob("*.toml"))
    ],
)
def test_the_measure_holds(measure: str) -> None:
    """No judged statistic has a fault in 16 runs of each kind."""
    place = workplace(measure)
    report = validate(place, runs=6 if measure in SLOW else 16)
    faults = [
        f"{one.nuisance}: {one.statistic} {fault}"
        for one in report.findings
        for fault in one.faults
    ]
    assert not report.failed, "\n".join(faults)
    judged = measure not in SMALL
    assert any(one.judged >= judged and one.type_1 is not None for one in report.findings)
