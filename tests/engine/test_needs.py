"""What a run needs of its models follows the levels that it administers."""

from __future__ import annotations

from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.run.bindings import needs, roles_of


def test_a_turn_of_other_levels_needs_nothing() -> None:
    """A reply that has to begin with given words is only needed where it is asked for."""
    found = Catalogue()
    spec = load(found.find_measure("decision-discrimination"), found)
    asked = needs(spec, "free", {"answer": ("asked-plainly",)})
    assert {(need.kind, need.prefill) for need in asked} == {("choose", False)}
    both = needs(spec, "free", {"answer": ("asked-plainly", "reply-begun"), "race": ("white",)})
    assert {(need.kind, need.prefill) for need in both} == {("choose", False), ("choose", True)}
    assert len(needs(spec, "free")) == 3


def test_a_role_of_other_levels_is_not_asked() -> None:
    """The judge reads argued replies; who only ticks needs none."""
    found = Catalogue()
    spec = load(found.find_measure("opinions-and-tropes"), found)
    assert roles_of(spec) == ("subject", "judge")
    assert roles_of(spec, {"form": ("ticked",)}) == ("subject",)
    assert roles_of(spec, {"form": ("ticked", "argued")}) == ("subject", "judge")
