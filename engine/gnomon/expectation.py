"""What a name in ``[expect]`` means: which statistic, for which groups, and which of its numbers.

One invariant: a name is read in exactly one way, the same when a spec is loaded and when a run is held
against it; it is taken apart here and never evaluated.

    mean.mean                 the quantity of that name, in every group
    mean.d                    the effect size of that name
    mean[topic=sport].d       the same in one group; several as [a=x, b=y]
    mean.d.low                one of the numbers that stand beside it
    mean.p                    that number, whatever is estimated

A value with a comma or a bracket in it stands in single quotes: ``[tone='a, b']``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

FIELDS = ("value", "low", "high", "error", "p", "p_corrected", "n", "missing")
"""Numbers of an estimate that a name may end in. ``missing`` is how many scores had no number."""

_PAIR = r"\s*[^=\[\],']+?\s*=\s*(?:'[^']*'|[^,\]']*?)\s*"
_NAME = re.compile(
    rf"([A-Za-z][A-Za-z0-9_-]*)(?:\[({_PAIR}(?:,{_PAIR})*)\])?\.(\S(?:.*\S)?)\Z", re.DOTALL
)
_ONE = re.compile(r"\s*([^=\[\],']+?)\s*=\s*(?:'([^']*)'|([^,\]']*?))\s*(?:,|\Z)")


@attrs.frozen
class Expected:
    """A name of ``[expect]``, taken apart.

    Attributes:
        statistic: Label of the statistic's block.
        group: Column → value that the estimate's group must have; empty for every group.
        quantity: Name of a quantity or an effect size; None for whatever is estimated.
        field: One of ``FIELDS``; ``value`` for the quantity or effect size itself.
    """

    statistic: str
    group: Mapping[str, str]
    quantity: str | None
    field: str


def parse_expected(name: str) -> Expected | None:
    """The name taken apart, or None when it is not of the form.

    >>> parse_expected("mean[topic=sport].d.low")
    Expected(statistic='mean', group={'topic': 'sport'}, quantity='d', field='low')
    """
    found = _NAME.match(name)
    if found is None:
        return None
    statistic, pairs, rest = found.groups()
    group = {
        column: bare if quoted is None else quoted
        for column, quoted, bare in (one.groups() for one in _ONE.finditer(pairs or ""))
    }
    if rest in FIELDS:
        return Expected(statistic, group, None, rest)
    quantity, dot, field = rest.rpartition(".")
    if dot and quantity and field in FIELDS:
        return Expected(statistic, group, quantity, field)
    return Expected(statistic, group, rest, "value")
