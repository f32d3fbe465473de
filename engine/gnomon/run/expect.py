"""``[expect]``: bounds on estimates, for regression checks.

One invariant: a bound is never passed over in silence. It holds, is violated, or could not be checked,
and the last is a violation too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from gnomon.errors import did_you_mean, listing
from gnomon.expectation import Expected, parse_expected
from gnomon.records import Estimate
from gnomon.spec import Expectation, Spec

_READ = ("ok", "truncated")
"""Statuses of scores that have a number."""


@attrs.frozen(kw_only=True)
class Check:
    """One bound held against one estimate.

    Attributes:
        key: The name in ``[expect]``.
        group: The estimate's group in words; empty for all rows.
        value: What was found; None when there was nothing.
        bounds: What was expected, in words.
        fault: What is wrong, as a sentence; None when the bound holds.
    """

    key: str
    group: str
    value: float | None
    bounds: str
    fault: str | None = None


def checks(spec: Spec, estimates: Iterable[Estimate]) -> list[Check]:
    """Every bound held against every estimate it is about, in the order of the spec.

    Args:
        spec: The measure.
        estimates: The estimates of one run.
    """
    listed = list(estimates)
    return [
        check
        for key, bounds in spec.keys.expect.items()
        for check in check_one(key, bounds, listed)
    ]


def violations(spec: Spec, estimates: Iterable[Estimate]) -> list[str]:
    """One sentence for every bound that an estimate violates, or that no estimate answers to."""
    return [check.fault for check in checks(spec, estimates) if check.fault is not None]


def check_one(key: str, bounds: Expectation, estimates: Sequence[Estimate]) -> list[Check]:
    """One entry of ``[expect]`` held against the estimates it is about."""
    name = parse_expected(key)
    said = _said(bounds)
    if name is None:
        formless = f"{key} is not of the form STATISTIC.QUANTITY"
        return [Check(key=key, group="", value=None, bounds=said, fault=formless)]
    of_statistic = [one for one in estimates if one.statistic == name.statistic]
    chosen = [one for one in of_statistic if name.group.items() <= one.group.items()]
    made: list[Check] = []
    for estimate in chosen:
        for value, reason in _values(name, estimate):
            group = ", ".join(f"{column} {level}" for column, level in estimate.group.items())
            where = f" for {group}" if group else ""
            fault = (
                f"{key}{where} was not estimated: {reason}"
                if value is None
                else _broken(f"{key}{where}", value, bounds)
            )
            made.append(Check(key=key, group=group, value=value, bounds=said, fault=fault))
    if made:
        return made
    hint = _hint(name, of_statistic, chosen)
    nothing = f"{key} was not estimated{hint}"
    return [Check(key=key, group="", value=None, bounds=said, fault=nothing)]


def number_of(estimate: Estimate, quantity: str | None, field: str) -> float | None:
    """A number of an estimate: of the quantity it is of, or of its effect size.

    Args:
        estimate: The estimate.
        quantity: The quantity or effect size; None for what is estimated.
        field: One of ``gnomon.expectation.FIELDS``.
    """
    if field == "missing":
        return float(sum(n for status, n in estimate.counts.items() if status not in _READ))
    if quantity is not None and quantity != estimate.quantity:
        field = {"value": "effect_value", "low": "effect_low", "high": "effect_high"}.get(
            field, field
        )
    value = getattr(estimate, field)
    return None if value is None else float(value)


def _values(name: Expected, estimate: Estimate) -> Iterator[tuple[float | None, str | None]]:
    """The number a name asks of an estimate, or why there is none; nothing if it is not about it."""
    refused = estimate.value is None
    about = name.quantity in (None, estimate.quantity, estimate.effect)
    if refused and name.field != "missing":
        yield None, estimate.note or "no reason was given"
    elif about or refused:
        value = number_of(estimate, name.quantity, name.field)
        if value is not None or name.quantity is not None:
            what = "no such number" if name.field == "value" else f"it has no {name.field!r}"
            yield value, None if value is not None else what


def _broken(what: str, value: float, bounds: Expectation) -> str | None:
    if bounds.min is not None and value < bounds.min:
        return f"{what} is {value:.4g}, below {bounds.min:g}"
    if bounds.max is not None and value > bounds.max:
        return f"{what} is {value:.4g}, above {bounds.max:g}"
    return None


def _said(bounds: Expectation) -> str:
    least = [] if bounds.min is None else [f"at least {bounds.min:g}"]
    most = [] if bounds.max is None else [f"at most {bounds.max:g}"]
    return ", ".join([*least, *most])


def _hint(name: Expected, of_statistic: Sequence[Estimate], chosen: Sequence[Estimate]) -> str:
    """What there is in the place of what was asked for."""
    if not of_statistic:
        return ""
    if not chosen:
        groups = {_columns(one.group): ", ".join(one.group.values()) for one in of_statistic}
        hint = did_you_mean(", ".join(name.group.values()), groups.values())
        there = listing(set(groups) - {""})
        return f": there is no group {_columns(name.group)}{hint}; there are: {there}"
    known = {one.quantity for one in chosen} | {one.effect for one in chosen if one.effect}
    if name.quantity is None:
        return f": no estimate has {name.field!r}"
    return f": it has no {name.quantity!r}{did_you_mean(name.quantity, known)}; there are: {listing(known)}"


def _columns(group: Mapping[str, str]) -> str:
    return ", ".join(f"{column}={level}" for column, level in group.items())
