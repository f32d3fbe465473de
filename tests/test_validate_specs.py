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
REPEATS = {"decision-bias": 2, "token-noise": 2}
"""So that the smallest groups have units enough to be judged."""
ONLY: dict[str, dict[str, tuple[str, ...]]] = {
    "token-noise": {"vignette": ("nests-kept",), "absent": ("gap",)}
}
"""Where a part of the measure shows the same in a fraction of the time."""


def workplace(measure: str) -> Workplace:
    found = Catalogue()
    spec = load(SPECS / f"{measure}.toml", found)
    request = RunRequest(
        spec=spec, roles={}, repeats=REPEATS.get(measure), only=ONLY.get(measure, {})
    )
    return Workplace(setting=setting_of(request, found), processes=2)


@pytest.mark.parametrize("measure", sorted(path.stem for path in SPECS.glob("*.toml")))
def test_the_measure_holds(measure: str) -> None:
    """No judged statistic has a fault in 16 runs of each kind; a measure not planted still cannot be."""
    place = workplace(measure)
    if measure in NOT_PLANTED:
        assert not plantable(place.setting.request.spec), f"{measure} can be planted now"
        with pytest.raises(UsageError, match="nothing can be planted"):
            validate(place, runs=2)
        return
    report = validate(place, runs=16)
    faults = [
        f"{one.nuisance}: {one.statistic} {fault}"
        for one in report.findings
        for fault in one.faults
    ]
    assert not report.failed, "\n".join(faults)
    assert any(one.judged and one.type_1 is not None for one in report.findings)
