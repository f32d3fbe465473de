"""The effects of a design as tables: asked of the statistics that ``gnomon results --effects`` asks.

One invariant: the numbers are those of that command, computed anew from the stored scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnomon.catalogue import Catalogue
from gnomon.errors import GnomonError
from gnomon.report.parts import Table
from gnomon.report.wording import group, interval, number, p_value, short, whole
from gnomon.run.effects import effects_of
from gnomon.store import EstimateRow, Store

MOST_RUNS = 12


def effects(
    store: Store, catalogue: Catalogue, labels: Mapping[int, str], score: str
) -> tuple[list[tuple[str, Table]], list[str]]:
    """Titled tables by kind of effect, and sentences about where they come from.

    A statistic names its rows ``kind[what]``; rows of one kind make one table.
    """
    shown = list(labels)[:MOST_RUNS]
    try:
        found = effects_of(store, shown, catalogue, (score,))
    except GnomonError as error:
        return [], [f"The effects of the design were not computed: {error}."]
    kinds: dict[str, list[EstimateRow]] = {}
    refused = []
    for row in found:
        if row.estimate.value is None and not row.estimate.group:
            refused.append(f"{short(labels[row.run], 60)}: {row.estimate.note}.")
        else:
            kinds.setdefault(row.estimate.quantity.partition("[")[0], []).append(row)
    tables = [
        (f"Effects on {short(score, 60)}: {short(kind, 40)}", _table(rows, labels))
        for kind, rows in kinds.items()
    ]
    runs = " ".join(map(str, shown))
    notes = [
        "The tables are computed from the scores, as this command computes them: "
        f"gnomon results {runs} --effects --score {short(score)}"
    ]
    return tables, [*(notes if tables else ()), *refused]


def _table(rows: Sequence[EstimateRow], labels: Mapping[int, str]) -> Table:
    several = len({row.run for row in rows}) > 1
    columns = list(dict.fromkeys(name for row in rows for name in row.estimate.group))
    level = next((row.estimate.level for row in rows if row.estimate.level is not None), None)
    tested = any(row.estimate.p is not None for row in rows)
    headings = [
        *(("model",) if several else ()),
        ", ".join(columns),
        "value",
        *((f"{level:.0%} interval",) if level is not None else ()),
        *(("p",) if tested else ()),
        "n",
    ]
    cells = []
    for row in rows:
        made = row.estimate
        cells.append(
            (
                *((short(labels[row.run], 60),) if several else ()),
                group(made.group),
                "none" if made.value is None else number(made.value),
                *((interval(made.low, made.high),) if level is not None else ()),
                *((p_value(made.p, made.log10_p),) if tested else ()),
                whole(made.n),
            )
        )
    said = list(dict.fromkeys(row.estimate.method for row in rows if row.estimate.method))
    said += list(dict.fromkeys(row.estimate.note for row in rows if row.estimate.note))
    return Table(
        headings=headings,
        rows=cells,
        words=2 if several else 1,
        notes=[f"{short(text, 300)}." for text in said[:8]],
    )
