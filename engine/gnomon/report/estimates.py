"""Figures of stored estimates: forest plots and heat maps.

One invariant: nothing is computed here. An estimate is shown as a statistic left it, with its interval, its n
and what is missing, or with the reason why there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from gnomon.report import charts, forest, heat, ordering, tabled
from gnomon.report.asking import among, ask, columns_of, literal
from gnomon.report.parts import Figure, Table
from gnomon.report.wording import (
    anchor,
    called,
    finite,
    group,
    number,
    plural,
    scores_told,
    short,
)
from gnomon.store import Store

MOST_TABLED = 12
"""Most estimates without intervals that are a table and no picture."""

Row = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Block:
    """What one statistic says of one score, over all runs shown.

    Attributes:
        statistic: Its label.
        of: The score.
        by: The columns of its groups.
        sql: The query.
        rows: The rows of the view ``results``, each with ``label`` (the model) and ``columns``.
        alone: No other statistic says anything of this score by these columns.
    """

    statistic: str
    of: str
    by: tuple[str, ...]
    sql: str
    rows: Sequence[Row]
    alone: bool = True

    @property
    def title(self) -> str:
        """A heading that no other block has."""
        if not self.by:
            return short(f"{scores_told(self.of)}: {self.statistic}", 110)
        said = "" if self.alone else f": {self.statistic}"
        return short(f"{scores_told(self.of)} by {', '.join(self.by)}{said}", 110)

    @property
    def quantities(self) -> list[str]:
        """What its values are, refusals apart."""
        return list(dict.fromkeys(r["quantity"] for r in self.rows if r["value"] is not None))


def blocks(store: Store, runs: Mapping[int, str]) -> list[Block]:
    """The estimates of some runs by statistic, score and grouping columns, in the order of the spec.

    Args:
        store: The store.
        runs: Run → what it is called.
    """
    where = among("run", list(runs))
    wanted = ask(
        store,
        f"SELECT DISTINCT statistic, of FROM results WHERE {where}",  # noqa: S608 - literals of our own making
    )
    out: list[Block] = []
    for pair in wanted.rows:
        answer = ask(
            store,
            # Brackets, for a shell takes double quotes away from a query that stands in them.
            "SELECT run, model, [group], quantity, value, low, high, level, effect, effect_value, n,\n"
            "  p, p_corrected, correction, family, family_size,\n"
            "  refused, filtered, truncated, unparsed, failed, method, note\n"
            f"FROM results\nWHERE {where} AND statistic = {literal(pair['statistic'])} "
            f"AND of = {literal(pair['of'])}",
        )
        rows = [
            {**row, **pair, "label": runs[row["run"]], "columns": columns_of(row["group"])}
            for row in answer.rows
        ]
        by_columns: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            by_columns.setdefault(tuple(row["columns"]), []).append(row)
        out += [
            Block(statistic=pair["statistic"], of=pair["of"], by=by, sql=answer.sql, rows=held)
            for by, held in by_columns.items()
        ]
    alike = Counter((block.of, block.by) for block in out)
    return [attrs.evolve(block, alone=alike[block.of, block.by] == 1) for block in out]


def _titled(block: Block, quantity: str) -> str:
    """The heading of one of a block's figures."""
    if len(block.quantities) == 1:
        return block.title
    return f"{block.title} – {short(quantity, 40)}"


def _refusals(rows: Sequence[Row]) -> str:
    said = []
    if count := sum(row["value"] is None for row in rows):
        said.append(f"{plural(count, 'estimate')} could not be made; the table says why. ")
    if count := sum(row["value"] is not None and not finite(row["value"]) for row in rows):
        said.append(f"{plural(count, 'infinite estimate')} not drawn. ")
    return "".join(said)


def worth_drawing(block: Block) -> bool:
    """Whether a picture says more than a table: several lines with intervals, or more lines than a table has."""
    there = [row for row in block.rows if finite(row["value"])]
    lines = len({(row["group"], row["label"]) for row in there})
    if not block.by:
        return len(block.quantities) == 1 < lines and any(row["low"] is not None for row in there)
    return len(there) > MOST_TABLED or (lines > 1 and any(row["low"] is not None for row in there))


def forests(block: Block, prefix: str, *, draw: bool = True) -> Iterator[Figure]:
    """A forest plot for each quantity of a block, and for each handful of models.

    Args:
        block: The estimates.
        prefix: Begins the names of the figures.
        draw: Make the charts, which takes most of the time; without, only all that is said of them.
    """
    labels = list(dict.fromkeys(row["label"] for row in block.rows))
    groups = len({row["group"] for row in block.rows})
    together = charts.MOST_SERIES if groups <= forest.MOST_TOGETHER else forest.MOST_PANELS
    if not block.by:
        # The models are the lines.
        together = ordering.MOST_GROUPS
    for quantity in block.quantities:
        own = [row for row in block.rows if row["quantity"] == quantity or row["value"] is None]
        for at in range(0, len(labels), together):
            some = labels[at : at + together]
            rows = [row for row in own if row["label"] in some]
            if not any(finite(row["value"]) for row in rows):
                continue
            part = f" ({at // together + 1})" if len(labels) > len(some) else ""
            yield _forest(block, quantity, rows, some, (prefix, part), draw=draw)


def _forest(
    block: Block,
    quantity: str,
    rows: Sequence[Row],
    labels: list[str],
    place: tuple[str, str],
    *,
    draw: bool,
) -> Figure:
    prefix, part = place
    drawn, left_out = ordering.ordered(rows)
    level = next((row["level"] for row in rows if row["level"] is not None), None)
    lines = f" with {level:.0%} intervals" if level is not None else ""
    # Without groups the models are the lines, and nothing is left to tell apart by colour.
    marks = [
        {
            "group": group(row["columns"]) if block.by else called(row["label"]),
            "model": called(row["label"]) if block.by else "estimate",
            "value": row["value"],
            "low": row["low"],
            "high": row["high"],
        }
        for row in drawn
    ]
    what = f"{short(quantity, 40)} of {short(scores_told(block.of), 60)}"
    first, last = drawn[0], drawn[-1]
    return Figure(
        name=anchor(prefix, "forest", block.statistic, block.of, *block.by, quantity, part),
        title=f"{_titled(block, quantity)}{part}",
        caption=(
            f"Statistic {short(block.statistic, 60)}: {what}{lines}. {left_out}{_refusals(rows)}"
        ).strip(),
        alt=(
            f"Forest plot of the {what}{lines} for {plural(len(marks), 'estimate')}: from "
            f"{number(last['value'])} ({group(last['columns'])}) to {number(first['value'])} "
            f"({group(first['columns'])}). The table below has the numbers."
        ),
        chart=forest.forest(
            marks,
            quantity=what,
            models=[called(label) for label in labels] if block.by else (),
            names=ordering.beside(drawn) if block.by else None,
        )
        if draw
        else None,
        table=tabled.table(rows, block.by, several=len(labels) > 1),
        sql=block.sql,
        rows=len(block.rows),
    )


def heat_maps(block: Block, prefix: str) -> Iterator[Figure]:
    """Group × model for each quantity of a block that several models have."""
    labels = list(dict.fromkeys(row["label"] for row in block.rows))
    if not block.by or len(labels) < 2:
        return
    for quantity in block.quantities:
        rows = [row for row in block.rows if row["quantity"] == quantity]
        drawn, left_out = ordering.ordered(rows)
        groups = list(dict.fromkeys(group(row["columns"]) for row in drawn))
        if len(groups) < 2:
            continue
        what = f"{short(quantity, 40)} of {short(scores_told(block.of), 60)}"
        values = {(group(row["columns"]), row["label"]): row["value"] for row in drawn}
        full = len(values) == len(groups) * len(labels)
        empty = "" if full else "An empty cell has no estimate."
        yield Figure(
            name=anchor(prefix, "heat", block.statistic, block.of, *block.by, quantity),
            title=f"{_titled(block, quantity)} × model",
            caption=(
                f"{what[:1].upper()}{what[1:]}: {heat.Cells.of(list(values.values())).told}. {left_out}{empty}"
            ).strip(),
            alt=(
                f"Heat map of the {what} by {', '.join(block.by)} and model, {len(groups)} × "
                f"{len(labels)}. The table below has the numbers."
            ),
            chart=heat.heat_map(
                [
                    {"group": name, "column": called(label, 40), "value": values[name, label]}
                    for name in groups
                    for label in labels
                    if finite(values.get((name, label)))
                ],
                across="",
            ),
            table=Table(
                headings=(", ".join(block.by), *(called(label, 40) for label in labels)),
                rows=[
                    (name, *(number(values.get((name, label))) for label in labels))
                    for name in groups
                ],
            ),
            sql=block.sql,
            rows=len(block.rows),
        )
