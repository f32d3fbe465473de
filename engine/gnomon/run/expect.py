"""``[expect]``: bounds on estimates, for regression checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.spec import Spec


def violations(spec: Spec, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for every bound that an estimate violates, or that no estimate answers to.

    Args:
        spec: The measure.
        rows: Estimates as rows of the ``results`` view.
    """
    out: list[str] = []
    for key, bounds in spec.keys.expect.items():
        statistic, _, quantity = key.rpartition(".")
        found = False
        for row in rows:
            if row["statistic"] != statistic:
                continue
            value = (
                row["value"]
                if row["quantity"] == quantity
                else row["effect_value"]
                if row["effect"] == quantity
                else None
            )
            if value is None:
                continue
            found = True
            where = f" for {row['group']}" if row["group"] else ""
            if bounds.min is not None and value < bounds.min:
                out.append(f"{key}{where} is {value:.4g}, below {bounds.min:g}")
            if bounds.max is not None and value > bounds.max:
                out.append(f"{key}{where} is {value:.4g}, above {bounds.max:g}")
        if not found:
            out.append(f"{key} was not estimated")
    return out
