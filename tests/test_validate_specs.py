"""Every shipped measure finds what is planted, and nothing else; or it is said why nothing is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon import UsageError
from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.planting import plantable
from gnomon.run import RunRequest
from gnomon.simulation import Workplace, setting_of, validate

SPECS = Path(__file__).parents[1] / "specs"
_VECTORS = (
    "the answer is a table of vectors; the score and its exact permutation test are held against "
    "enumeration and published values in tests/plugins/association"
)
NOT_PLANTED = {
    "embedding-bias": _VECTORS,
    "generated-seat": _VECTORS,
    "seat": _VECTORS,
    "weat": _VECTORS,
    "wefat-names": _VECTORS,
    "wefat-occupations": _VECTORS,
}
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
    "token-noise": {"vignette": ("nests-kept",), "absent": ("gap",)},
}
"""Where a part of the measure shows the same in a fraction of the time."""

RUNS = {"autocomplete-stereotyping": 8, "decision-discrimination": 8, "persona-reasoning": 8}
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


@pytest.mark.parametrize(
    "measure", sorted({path.stem for path in SPECS.glob("*.toml")} - NOT_TRIED.keys())
)
def test_the_measure_holds(measure: str) -> None:
    """No judged statistic has a fault in 16 (or 8) runs of each kind; a measure not planted still cannot be."""
    place = workplace(measure)
    if measure in NOT_PLANTED:
        assert not plantable(place.setting.request.spec), f"{measure} can be planted now"
        with pytest.raises(UsageError, match="nothing can be planted"):
            validate(place, runs=2)
        return
    report = validate(place, runs=RUNS.get(measure, 16), effect=EFFECT.get(measure, 0.3))
    faults = [
        f"{one.nuisance}: {one.statistic} {fault}"
        for one in report.findings
        for fault in one.faults
    ]
    assert not report.failed, "\n".join(faults)
    assert any(one.judged and one.type_1 is not None for one in report.findings)
