"""Roles bound to models, and the check that the models can do what the measure needs.

One invariant: everything that can be known to be missing is said before the first call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import CapabilityError, UsageError, did_you_mean, listing
from gnomon.modelname import ModelName, make_backend, parse_model
from gnomon.protocols import Backend
from gnomon.records import Ask, Capability, Need, ReplyFormat
from gnomon.spec import Only, Spec, own_needs
from gnomon.store.keys import BY_TRIAL
from gnomon.turns import needs_of


@attrs.frozen(kw_only=True)
class Binding:
    """One role bound to one model.

    Attributes:
        role: The role.
        name: The model string, taken apart.
        backend: The backend made from it.
        offers: What it can do.
    """

    role: str
    name: ModelName
    backend: Backend
    offers: Capability

    @property
    def identity(self) -> Mapping[str, Any]:
        """What beside name, model and options decides a reply."""
        given = getattr(self.backend, "identity", None)
        if given is None:
            given = {}
        elif not isinstance(given, Mapping):
            given = {"identity": str(given)}
        return {**given, **BY_TRIAL} if getattr(self.backend, "by_trial", False) else given


def roles_of(spec: Spec, kept: Mapping[str, Collection[str]] | None = None) -> tuple[str, ...]:
    """The roles a measure asks in, the subject first.

    Args:
        spec: The measure.
        kept: The levels that are administered, by factor; all unless given. Turns and scorers that
            are for other levels ask nobody.
    """
    kept = kept or {}
    roles = {"subject": None}
    for turn in spec.keys.turn:
        if turn.assistant is None and _meets(turn.only, kept):
            roles[turn.role] = None
    scorers = (block.use for block in spec.scores if _meets(block.keys.only, kept))
    for use in (spec.source, spec.procedure, *scorers):
        role = getattr(use.plugin, "role", None)
        if isinstance(role, str):
            roles[role] = None
        for need in own_needs(use.plugin):
            roles[need.role] = None
    return tuple(roles)


def bind(
    spec: Spec,
    roles: Mapping[str, str],
    catalogue: Catalogue,
    *,
    only: Collection[str] | None = None,
    kept: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Binding]:
    """Make a backend for every role.

    Args:
        spec: The measure.
        roles: Role → model string.
        catalogue: Where backends are found.
        only: The roles to bind; all of the measure unless given.
        kept: The levels that are administered, by factor; a role that only others need may be
            left without a model.

    Raises:
        UsageError: A role without a model, or a model for a role that the measure does not have.
        CatalogueError: An unknown backend.
        ModelError: A model that cannot be found.
    """
    known = roles_of(spec)
    for role in roles:
        if role not in known:
            raise UsageError(
                f"the measure {spec.name!r} has no role {role!r}{did_you_mean(role, known)}; "
                f"its roles are: {listing(known)}"
            )
    wanted = known if only is None else tuple(role for role in known if role in only)
    needed = roles_of(spec, kept)
    missing = [role for role in wanted if role not in roles and role in needed]
    if missing:
        hints = ", ".join(
            "--model BACKEND:MODEL" if role == "subject" else f"--role {role}=BACKEND:MODEL"
            for role in missing
        )
        raise UsageError(
            f"the measure {spec.name!r} needs a model for {listing(missing)}: give {hints}"
        )
    # Roles with the same model string share one backend, so that weights are loaded once.
    made: dict[str, Backend] = {}
    out: dict[str, Binding] = {}
    for role in wanted:
        if role not in roles:
            continue
        text = roles[role]
        name = parse_model(text)
        if text not in made:
            made[text] = make_backend(catalogue, text)
            meet = getattr(made[text], "meet", None)
            if meet is not None:
                meet(spec)
        backend = made[text]
        out[role] = Binding(role=role, name=name, backend=backend, offers=backend.offers)
    return out


def choose_format(wanted: str, spec: Spec, bindings: Mapping[str, Binding]) -> ReplyFormat:
    """The format of the run: as asked, or as the subject's capability suggests.

    Raises:
        UsageError: ``constrained`` for a measure whose turns have no constrained form.
    """
    has_form = any(turn.constraint is not None for turn in spec.keys.turn)
    if wanted == "constrained":
        if not has_form:
            raise UsageError(
                f"the measure {spec.name!r} has no constrained form: none of its turns has a "
                "[turn.constraint]; run it with --format free"
            )
        return "constrained"
    if wanted == "auto" and has_form and not bindings["subject"].offers.free_format:
        return "constrained"
    return "free"


def needs(
    spec: Spec, format_: ReplyFormat, only: Mapping[str, Collection[str]] | None = None
) -> tuple[Need, ...]:
    """Everything a measure needs of the models, in every role.

    Args:
        spec: The measure.
        format_: The format of the run.
        only: The levels that are administered, by factor; all unless given. A turn that is for
            other levels needs nothing.
    """
    out: dict[Need, None] = {}
    scorers = (block.use for block in spec.scores if _meets(block.keys.only, only or {}))
    uses = (spec.source, spec.procedure, *scorers)
    asked = [turn for turn in spec.keys.turn if _meets(turn.only, only or {})]
    for need in needs_of(asked, spec.keys.decoding, format_):
        out[need] = None
    for use in uses:
        for need in own_needs(use.plugin):
            out[need] = None
    return tuple(out)


def _meets(turn: Only, kept: Mapping[str, Collection[str]]) -> bool:
    """Whether a turn is for any of the levels that are kept."""
    return all(
        wanted in kept[factor]
        if isinstance(wanted, str)
        else not set(wanted).isdisjoint(kept[factor])
        for factor, wanted in turn.items()
        if factor in kept
    )


def _lacks(need: Need, offers: Capability) -> str | None:
    if need.kind not in offers.kinds:
        return f"asks of kind {need.kind!r}"
    if need.constraint is not None and need.constraint not in offers.constraints:
        return f"replies held to a {need.constraint}"
    if need.logprobs > offers.logprobs:
        return f"log-probabilities of {need.logprobs} alternatives (it gives {offers.logprobs})"
    if need.prefill and not offers.prefill:
        return "a reply that begins with given words"
    return None


def check_needs(
    measure: str,
    needed: Iterable[Need],
    bindings: Mapping[str, Binding],
    catalogue: Catalogue,
) -> None:
    """Check every need against what the bound model offers.

    Raises:
        CapabilityError: With one line per thing that is missing, and the backends that have it.
    """
    faults: list[str] = []
    for need in needed:
        binding = bindings[need.role]
        lack = _lacks(need, binding.offers)
        if lack is not None:
            faults.append(
                f"the measure {measure!r} needs {lack} from the {need.role}, which "
                f"{str(binding.name)!r} does not offer; "
                f"backends that may: {listing(_who_may(need, catalogue))}"
            )
    if faults:
        raise CapabilityError("\n".join(dict.fromkeys(faults)))


def _who_may(need: Need, catalogue: Catalogue) -> Sequence[str]:
    """Backends whose class says that some of its models can do it (``may`` class attribute)."""
    return [
        name
        for name, plugin in catalogue.of_kind("backends").items()
        if (may := getattr(plugin.cls, "may", None)) is not None and _lacks(need, may) is None
    ]


def ask_need(ask: Ask) -> Need:
    """The need that a single ask has; for asks made by plugins while a run goes on."""
    constraint = getattr(ask, "constraint", None)
    return Need(
        kind=ask.kind,
        role=ask.role,
        constraint=None if constraint is None else constraint.form,
        logprobs=getattr(getattr(ask, "decoding", None), "logprobs", 0),
    )
