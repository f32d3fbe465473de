"""The heat map: values by group and model (or level), coloured and written out.

One invariant: a greater value never has a colour that stands for less, and what is written in a cell is its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from gnomon.report.charts import WIDTH, Rows, altair, configured, order
from gnomon.report.palette import CELLS, DARK_CELLS, colour
from gnomon.report.wording import NOTHING, number


def heat_map(rows: Rows, *, across: str) -> dict[str, Any]:
    """Values by group and model (or level) as cells of nine colours, the value written in each.

    Args:
        rows: ``group``, ``column`` and ``value``, in order.
        across: What the columns are.
    """
    alt = altair()
    scale = Cells.of([row["value"] for row in rows])
    drawn = []
    for row in rows:
        cell = scale.cell(row["value"])
        drawn.append(
            {
                **row,
                "cell": cell,
                "shown": _in_cell(row["value"], scale.most),
                "told": f"{row['group']}, {row['column']}: {number(row['value'])}",
                "ink": "paper" if cell in DARK_CELLS else "ink",
            }
        )
    columns, groups = order(rows, "column"), order(rows, "group")
    longest = max(map(len, columns)) * 7 + 12
    upright = longest * len(columns) <= WIDTH + 140
    step = max(84, longest) if upright else 64
    base = alt.Chart(alt.Data(values=drawn)).encode(
        y=alt.Y("group:N", sort=groups, title=None),
        x=alt.X(
            "column:N",
            sort=columns,
            title=across,
            axis=alt.Axis(orient="top", labelAngle=0 if upright else -35, labelLimit=200),
        ),
    )
    cells = base.mark_rect(stroke=colour("paper"), strokeWidth=2).encode(
        color=alt.Color(
            "cell:N",
            legend=None,
            scale=alt.Scale(domain=list(CELLS), range=[colour(name) for name in CELLS]),
        ),
        description=alt.Description("told:N"),
    )
    inks = alt.Scale(domain=["ink", "paper"], range=[colour("ink"), colour("paper")])
    text = base.mark_text(fontSize=12, aria=False).encode(
        text="shown:N", color=alt.Color("ink:N", legend=None, scale=inks)
    )
    chart = alt.layer(cells, text).resolve_scale(color="independent")
    return configured(chart.properties(width=alt.Step(step), height=alt.Step(26)))


def _in_cell(value: float, most: float) -> str:
    """Two digits, or more where the greatest value would show nothing; powers of ten only for large ones."""
    if most >= 1000:
        return number(value, 0)
    if 0 < most < 0.0005:
        return number(value, 1) if abs(value) >= NOTHING else "0"
    digits = 2 if most >= 0.05 else 4
    # Adding 0 takes the sign off what is rounded to nothing.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


@attrs.frozen
class Cells:
    """How the values of a heat map are coloured.

    Attributes:
        near: Where all values lie on one side of 0 and nearer to each other than to it, the distance of the
            nearest, from which the colours then begin; else 0.
        most: The greatest distance from 0.
        below: All values lie below 0.
    """

    near: float
    most: float
    below: bool

    @classmethod
    def of(cls, values: Sequence[float]) -> Cells:
        """For these values."""
        kept = [value if abs(value) >= NOTHING else 0.0 for value in values]
        low, high = min(kept, default=0.0), max(kept, default=0.0)
        near, most = sorted((abs(low), abs(high)))
        apart = low * high > 0 and near > most / 2
        return cls(near=near if apart else 0.0, most=most, below=high < 0)

    def cell(self, value: float) -> str:
        """Which of the nine colours a value has."""
        if not self.near:
            return cell_of(value, self.most)
        room = self.most - self.near
        step = 1 + min(3, int(4 * (abs(value) - self.near) / room)) if room else 2
        return f"{'above' if value > 0 else 'below'}-{step}"

    @property
    def told(self) -> str:
        """How the colours are read."""
        if not self.near:
            return "blue above 0, orange below it, stronger further away"
        ends = f"from {number(self.near)} to {number(self.most)}"
        return (
            f"all below 0, stronger further away, {ends} below it"
            if self.below
            else f"all above 0, stronger is greater, {ends}"
        )


def cell_of(value: float, most: float) -> str:
    """Which of the nine colours a value has, on a scale that is symmetric about 0."""
    share = 0.0 if most == 0 else value / most
    step = min(4, int(abs(share) * 4.5 + 0.5))
    if step == 0:
        return "level-0"
    return f"{'above' if share > 0 else 'below'}-{step}"
