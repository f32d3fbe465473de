"""``[expect]``: bounds on what the statistics above it will say.

One invariant: what a name asks for must be something that its statistic can give, as far as that is known
before anything was run.
"""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.errors import did_you_mean, listing
from gnomon.expectation import FIELDS, Expected, parse_expected
from gnomon.loading.draft import Draft
from gnomon.spec import Expectation, StatisticBlock
from gnomon.structure import KeyPath, found

_FORM = '"STATISTIC.QUANTITY" or "STATISTIC[COLUMN=VALUE].QUANTITY"'


def check_expectations(
    draft: Draft,
    labels: Sequence[str],
    blocks: Sequence[StatisticBlock | None],
    *,
    is_complete: bool,
) -> None:
    """Report every fault of ``[expect]``.

    Args:
        draft: The spec as far as it is read.
        labels: What the statistics are called, as far as that is known.
        blocks: The statistics; None for one at fault, of which nothing is asked.
        is_complete: Whether every statistic's label is known.
    """
    _check_quotes(draft)
    for key, bounds in draft.parts.get("expect", {}).items():
        path: KeyPath = ("expect", key)
        name = parse_expected(key)
        if name is None:
            draft.fault(path, f"expected the form {_FORM}, found {found(key)}", key=True)
        elif name.statistic not in labels:
            if is_complete:
                hint = f"{did_you_mean(name.statistic, labels)}; there are: {listing(set(labels))}"
                draft.fault(path, f"there is no statistic {name.statistic!r}{hint}", key=True)
        elif None not in blocks:
            named = [one for one in blocks if one is not None and one.label == name.statistic]
            _check_group(draft, name, named, path)
            _check_quantity(draft, name, named, path)
        _check_bounds(draft, bounds, path)


def _check_group(
    draft: Draft, name: Expected, blocks: Sequence[StatisticBlock], path: KeyPath
) -> None:
    by = {column for block in blocks for column in block.keys.by}
    # What its rows are about a statistic may add itself, as in a row for each factor.
    known = by | {own for block in blocks for own in getattr(block.use.plugin, "columns", ())}
    for column, value in name.group.items():
        if column not in known:
            hint = f"{did_you_mean(column, known)}; it is estimated by: {listing(known)}"
            message = f"the statistic {name.statistic!r} has no groups of {column!r}{hint}"
            draft.fault(path, message, key=True)
        elif column in draft.factors:
            draft.check_levels(column, value, path)


def _check_quantity(
    draft: Draft, name: Expected, blocks: Sequence[StatisticBlock], path: KeyPath
) -> None:
    declared = [getattr(block.use.plugin, "quantities", None) for block in blocks]
    if name.quantity is None or None in declared:
        return
    known = {quantity for quantities in declared for quantity in quantities or ()}
    if name.quantity not in known:
        hint = f"{did_you_mean(name.quantity, known | set(FIELDS))}; there are: {listing(known)}"
        message = f"the statistic {name.statistic!r} does not estimate {name.quantity!r}{hint}"
        draft.fault(path, f"{message}, and the numbers {listing(FIELDS)}", key=True)


def _check_bounds(draft: Draft, bounds: Expectation, path: KeyPath) -> None:
    if bounds.min is None and bounds.max is None:
        draft.fault(path, "expected a bound: 'min', 'max' or both")
    elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        draft.fault(path, f"'min' is above 'max': {bounds.min:g} and {bounds.max:g}")


def _check_quotes(draft: Draft) -> None:
    """A dot outside quotes begins a table in TOML; say so where a statistic's name stands bare."""
    written = draft.data.get("expect")
    for label, bounds in (written if isinstance(written, dict) else {}).items():
        for quantity, inner in (bounds if isinstance(bounds, dict) else {}).items():
            if isinstance(inner, dict):
                message = f'put the name into quotes: "{label}.{quantity}"'
                draft.fault(("expect", label), message, key=True)
