"""Every shipped measure finds what is planted, and nothing else; or it is said why nothing is planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.reference.gallery import VALIDATIONS, digest, summary
from gnomon.run import RunRequest
from gnomon.simulation import Report, Workplace, setting_of, validate

# A minute of processor time for some: a machine with other work may need many more by the clock.
pytestmark = pytest.mark.timeout(900)

SPECS = Path(__file__).parents[1] / "specs"
REPEATS = {
    "adaptive-questions": 2,
    "decision-bias": 2,
    "psychometric-attack": 1,
    "token-noise": 2,
}
"""So that the smallest groups have units enough to be judged."""
ONLY: dict[str, dict[str, tuple[str, ...]]] = {
    "autocomplete-stereotyping": {
        "condition": ("asked-plainly", "asked-safely"),
        "stem": ("why-so", "how-come"),
    },
    "big-five-stability": {"trait": ("extraversion", "openness")},
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
    "big-five-stability": 8,
    "decision-bias": 8,
    "decision-discrimination": 8,
    "opinions-and-tropes": 8,
    "persona-reasoning": 8,
    "psychometric-attack": 8,
    "seat": 24,
}
"""Simulated runs of each kind, where 16 take longer than they show."""
LIMIT = {"decision-discrimination": 4}
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


# -- what the gallery shows ----------------------------------------------------------------------

KEPT = SPECS.parent / VALIDATIONS


def kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text("utf-8")) if KEPT.is_file() else {}


def setting(measure: str) -> dict[str, Any]:
    """What is not as the measure has it, in words for the gallery."""
    only = [f"{column} {', '.join(levels)}" for column, levels in ONLY.get(measure, {}).items()]
    counts = {"repeats": REPEATS.get(measure), "items": LIMIT.get(measure)}
    told = {name: count for name, count in counts.items() if count is not None}
    return {**told, **({"only": " and ".join(only)} if only else {})}


def is_fresh(measure: str) -> bool:
    """Whether what is kept is of the spec, and of the setting, as they are now.

    Of others the gallery says that nothing is known.
    """
    found = kept().get(measure, {})
    spec = load(SPECS / f"{measure}.toml", Catalogue())
    same = found.get("spec") == digest(spec) and found.get("with", {}) == setting(measure)
    tried = found.get("runs"), found.get("effect")
    return same and tried == (RUNS.get(measure, 16), EFFECT.get(measure, 0.3))


def hold_against_the_gallery(request: pytest.FixtureRequest, measure: str, report: Report) -> None:
    """What specs/validations.json says is what was found; with --renew-validations it is made so."""
    found = summary(load(SPECS / f"{measure}.toml", Catalogue()), report, setting(measure))
    known = kept()
    if request.config.getoption("--renew-validations"):
        there = {path.stem for path in SPECS.glob("*.toml")}
        known = {name: one for name, one in {**known, measure: found}.items() if name in there}
        KEPT.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
        return
    if not is_fresh(measure):
        return
    numbers = {name: value for name, value in found.items() if isinstance(value, float)}
    assert {**known[measure], **numbers} == {**found}, "run scripts/generate"
    # Libraries of other versions may differ in the last digit, which one run of sixteen may turn on.
    assert {name: known[measure][name] for name in numbers} == pytest.approx(numbers, abs=0.07)


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in sorted({path.stem for path in SPECS.glob("*.toml")} - NOT_TRIED.keys())
    ],
)
def test_the_measure_holds(measure: str, request: pytest.FixtureRequest) -> None:
    """No judged statistic has a fault in 16 runs of each kind, or as many as take no longer."""
    if request.config.getoption("--renew-validations") and is_fresh(measure):
        return
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
    hold_against_the_gallery(request, measure, report)
