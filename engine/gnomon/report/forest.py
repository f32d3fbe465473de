"""The forest plot: estimates with their intervals.

One invariant: a model has the same colour and shape wherever it stands, and an interval is never drawn that an
estimate does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.charts import WIDTH, Rows, altair, configured, order, series
from gnomon.report.palette import colour
from gnomon.report.wording import called, finite, number

MOST_PANELS = 4
"""Most panels side by side."""
MOST_TOGETHER = 10
"""Most groups whose models stand under each other."""


def forest(
    rows: Rows,
    *,
    quantity: str | None,
    models: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    from_zero: bool = False,
) -> dict[str, Any]:
    """Estimates with their intervals, one line a group.

    Several models stand beside each other: under each other within a group while there are few groups, in
    panels of their own when there are many, and on one line where nothing has an interval.

    Args:
        rows: ``group``, ``model``, ``value``, ``low`` and ``high`` (None where there is none), in order; an
            infinite end is drawn like none.
        quantity: What the axis shows.
        models: All models, in order, so that a model has one colour in every chart; those of the rows
            unless given.
        names: Group → what stands beside its line; the group itself unless given.
        from_zero: The axis holds 0, so that small differences look small; else only when 0 is near.
    """
    alt = altair()
    models, groups = list(models) or order(rows, "model"), order(rows, "group")
    if len(models) > 1 and len(groups) > MOST_TOGETHER:
        # Above a panel there is room for a short name.
        wide = (WIDTH + 150) // len(models) - 16
        rows = [{**row, "model": called(row["model"], wide // 7)} for row in rows]
        models = [called(model, wide // 7) for model in models]
    # Two lines may be called alike, so a line is known by its place, which its name is written behind.
    lines = {name: f"{at:03} {(names or {}).get(name, name)}" for at, name in enumerate(groups)}
    drawn = [{**row, "line": lines[row["group"]]} for row in _told_rows(rows)]
    ends = [
        row[name] for row in drawn for name in ("low", "value", "high") if row[name] is not None
    ]
    span = (max(ends) - min(ends)) or abs(max(ends)) or 1.0
    marked = from_zero or min(ends) - span / 2 <= 0 <= max(ends) + span / 2
    several = len(models) > 1
    panels = several and len(groups) > MOST_TOGETHER
    apart = several and not panels and any(row["low"] is not None for row in drawn)
    colours, shapes = series(alt, models, legend=several and not panels)
    axis = alt.Axis(tickCount=3 if panels else 6)
    # Beside each other, panels would say the same title again and again; the caption says it.
    quantity = None if panels else quantity
    x = alt.X("value:Q", title=quantity, scale=alt.Scale(zero=marked, nice=True), axis=axis)
    base = alt.Chart().encode(
        y=alt.Y(
            "line:N",
            sort=list(lines.values()),
            title=None,
            axis=alt.Axis(grid=several, labelExpr="slice(datum.value, 4)", labelLimit=380),
            scale=alt.Scale(paddingInner=0.3) if apart else alt.Scale(),
        ),
        color=colours,
    )
    if apart:
        base = base.encode(
            yOffset=alt.YOffset(
                "model:N", sort=models, scale=alt.Scale(domain=models, paddingOuter=0.3)
            )
        )
    layers = [
        alt.Chart()
        .transform_aggregate(marks="count()", groupby=["nought"])
        .mark_rule(color=colour("zero"), strokeDash=[4, 3], aria=False)
        .encode(x=alt.X("nought:Q", title=quantity))
    ] * marked
    layers += [
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=2, strokeCap="round", aria=False)
        .encode(x=alt.X("low:Q", title=quantity), x2="high:Q"),
        base.mark_point(filled=True, size=64, opacity=1).encode(
            x=x, shape=shapes, description=alt.Description("told:N")
        ),
    ]
    if not several:
        layers.append(
            base.mark_text(align="left", fontSize=12, aria=False).encode(
                x=alt.value(WIDTH + 16), text="figures:N", color=alt.value(colour("muted"))
            )
        )
    data = alt.Data(values=drawn)
    if panels:
        return configured(_in_panels(alt, layers, data, models))
    step = {"step": 10 if len(models) > 3 else 12, "for": "offset"} if apart else {"step": 26}
    chart = alt.layer(*layers, data=data)
    return configured(chart.properties(width=WIDTH + (140 if several else 0), height=step))


def _told_rows(rows: Rows) -> list[dict[str, Any]]:
    """The rows that have a value, with what is said of them."""
    return [
        {
            **row,
            "told": f"{row['group']}, {row['model']}: {_told(row)}",
            "figures": _told(row),
            "nought": 0,
        }
        for row in map(_bounded, rows)
        if row["value"] is not None
    ]


def _bounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without ends that no line can reach."""
    return {**row, **{end: row[end] if finite(row[end]) else None for end in ("low", "high")}}


def _in_panels(alt: Any, layers: list[Any], data: Any, models: Sequence[str]) -> Any:
    """The same lines for every model, side by side."""
    wide = (WIDTH + 150) // len(models) - 16
    header = alt.Header(labelLimit=wide + 14, labelAnchor="start", labelPadding=8)
    return (
        alt.layer(*layers)
        .properties(width=wide, height={"step": 20})
        .facet(
            data=data,
            column=alt.Column("model:N", sort=list(models), title=None, header=header),
            spacing=16,
        )
    )


def _told(row: Mapping[str, Any]) -> str:
    value = number(row["value"])
    if row["low"] is None or row["high"] is None:
        return value
    return f"{value} [{number(row['low'])}, {number(row['high'])}]"
