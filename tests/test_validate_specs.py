"""Every shipped measure finds what is planted, and nothing else; or it is said why nothing is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.run import RunRequest
from gnomon.simulation import Workplace, setting_of, validate

SPECS = Path(__file__).parents[1] / "specs"
REPEATS = {
    "adaptive-questions": 2,
    "decision-bias": 2,
    "psychometric-attack": 1,
    "token-noise": 2,
}
"""So that the smallest groups have units enough to be judged."""
ONLY: dict[str, dict[str, tuple[str, ...]]] = {
    "decision-discrimination": {
        "answer": ("asked-plainly",),
        "form": ("told-outright",),
        "intervention": ("as-is",),
    },
    "opinions-and-tropes": {
        "form": ("ticked",),
        "persona": ("no-persona", "far-left", "far-right"),
    },
    "persona-reasoning": {"persona": ("a-human", "physically-disabled-person", "a-man")},
    "seat": {"item": ("weat-9",)},
    "weat": {"item": ("weat-4", "weat-5")},
    "token-noise": {"vignette": ("nests-kept",), "absent": ("gap",)},
}
"""Where a part of the measure shows the same in a fraction of the time."""

RUNS = {
    "autocomplete-stereotyping": 8,
    "seat": 6,
    "decision-discrimination": 8,
    "persona-reasoning": 8,
}
"""Simulated runs of each kind, where 16 take longer than they show."""
LIMIT = {"decision-discrimination": 5}
"""Items, likewise."""
EFFECT = {"autocomplete-stereotyping": 0.2}
"""Where 0.3, the usual one, is more than the answers can hold together with its noise."""


def workplace(measure: str) -> Workplace:
    found = Catalogue()
    spec = load(SPECS / f"{measure}.toml", found)
    request = RunRequest(
        spec=spec,
        roles={},
        repeats=REPEATS.get(measure),
        only=ONLY.get(measure, {}),
        limit=LIMIT.get(measure),
    )
    return Workplace(setting=setting_of(request, found), processes=2)


NOT_TRIED = {"autocomplete-regard": "the weights of its toxicity are no part of the suite"}


SMALL = {"generated-seat": "16 texts a place and 6 places are fewer units than are judged"}
"""Measures of which nothing is judged, and why."""
SLOW = {"seat": "a million partitions of sentences are drawn for each test"}
"""Measures validated in the slow suite."""


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in sorted({path.stem for path in SPECS.glob("*.toml")} - NOT_TRIED.keys())
    ],
)
def test_the_measure_holds(measure: str) -> None:
    """No judged statistic has a fault in 16 runs of each kind, or as many as take no longer."""
    place = workplace(measure)
    report = validate(place, runs=RUNS.get(measure, 16), effect=EFFECT.get(measure, 0.3))
    faults = [
        f"{one.nuisance}: {one.statistic} {fault}"
        for one in report.findings
        for fault in one.faults
    ]
    assert not report.failed, "\n".join(faults)
    judged = measure not in SMALL
    assert any(one.judged >= judged and one.type_1 is not None for one in report.findings)
