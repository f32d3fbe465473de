"""Charts as Vega-Lite specifications, made with Altair.

One invariant: rows are data and nothing else. No text from a database becomes a field name, an expression or
a template; it is only ever a value of a row, shortened for a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.errors import UsageError
from gnomon.report.palette import SERIES, STATUSES, colour
from gnomon.report.wording import number

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
WIDTH = 520
MOST_SERIES = len(SERIES)

Rows = Sequence[Mapping[str, Any]]


def altair() -> Any:
    """The library, or a sentence that says how to get it."""
    try:
        import altair as alt
        import vl_convert  # noqa: F401 - asked for here, so that a missing one is known at once
    except ImportError as error:
        raise UsageError(
            f"charts need the package {error.name!r}, which is not installed; "
            "install it with: pip install 'gnomon[report]'"
        ) from None
    return alt


def configured(chart: Any) -> dict[str, Any]:
    """A chart with the look of all charts, as a specification."""
    ink, muted, line = colour("ink"), colour("muted"), colour("line")
    label = {"labelColor": ink, "titleColor": muted, "labelFont": FONT, "titleFont": FONT}
    made: dict[str, Any] = (
        chart.configure(background="transparent", font=FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            **label,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            gridColor=line,
            domain=False,
            ticks=False,
            labelPadding=8,
            labelLimit=310,
        )
        .configure_legend(
            **label,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            orient="top",
            symbolSize=80,
            labelLimit=260,
            offset=10,
            columnPadding=22,
            padding=0,
        )
        .configure_header(**label, labelFontSize=12, labelFontWeight="bold", titleFontSize=12)
        .configure_text(font=FONT)
        .to_dict(validate=False)
    )
    return made


def order(rows: Rows, field: str) -> list[str]:
    """The values of a field in the order they come."""
    return list(dict.fromkeys(str(row[field]) for row in rows))


def series(alt: Any, models: Sequence[str], *, legend: bool) -> tuple[Any, Any]:
    """Colour and shape by model."""
    columns = max(1, min(len(models), 120 // (max(map(len, models)) + 4)))
    shown = alt.Legend(title=None, columns=columns) if legend else None
    colours = alt.Color(
        "model:N",
        sort=list(models),
        legend=shown,
        scale=alt.Scale(
            domain=list(models), range=[colour(name) for name in SERIES[: len(models)]]
        ),
    )
    shapes = alt.Shape(
        "model:N",
        sort=list(models),
        legend=shown,
        scale=alt.Scale(domain=list(models), range=list(SHAPES[: len(models)])),
    )
    return colours, shapes


def histogram(rows: Rows, *, score: str, discrete: bool) -> dict[str, Any]:
    """How often each value, or each bin of values, came, one panel a model.

    Args:
        rows: ``model``, ``start``, ``end`` and ``count``.
        score: What the axis shows.
        discrete: Few values, each with a bar of its own.
    """
    alt = altair()
    models = order(rows, "model")
    drawn = [
        {**row, "told": f"{row['model']}, {_span(row, discrete)}: {row['count']:,}"} for row in rows
    ]
    mark = {
        "color": colour("series-1"),
        **({"cornerRadiusEnd": 2} if discrete else {"binSpacing": 1}),
    }
    bars = (
        alt.Chart()
        .mark_bar(**mark)
        .encode(
            y=alt.Y("count:Q", title=None, axis=_counts(alt)),
            description=alt.Description("told:N"),
        )
    )
    alone = len(models) == 1
    width: Any = WIDTH + 140 if alone else (WIDTH + 60) // 2
    if discrete:
        values = sorted({row["start"] for row in rows})
        for row in drawn:
            row["shown"] = number(row["start"], 0 if row["start"] == int(row["start"]) else 3)
        told = list(dict.fromkeys(row["shown"] for row in sorted(drawn, key=lambda r: r["start"])))
        bars = bars.encode(x=alt.X("shown:N", sort=told, title=score, axis=alt.Axis(labelAngle=0)))
        width = min(width, max(160, 64 * len(values)))
    else:
        axis = alt.Axis(grid=False, tickCount=8 if alone else 5)
        bars = bars.encode(x=alt.X("start:Q", bin="binned", title=score, axis=axis), x2="end:Q")
    data = alt.Data(values=drawn)
    if alone:
        return configured(bars.properties(data=data, width=width, height=170))
    header = alt.Header(labelAnchor="start", labelLimit=width, labelPadding=4)
    facet = alt.Facet("model:N", sort=models, title=None, header=header)
    across = min(len(models), max(2, (WIDTH + 166) // (width + 60)))
    panels = bars.properties(width=width, height=110).facet(
        facet=facet, data=data, columns=across, spacing=26
    )
    if len(models) % across:
        # Else the axis of a column stands below the last row, also where that has no panel.
        panels = panels.resolve_axis(x="independent")
    return configured(panels.resolve_scale(y="independent"))


def _counts(alt: Any) -> Any:
    """An axis of counts: few lines, and none between two whole numbers, where Vega would put some."""
    whole = "datum.value % 1 === 0"
    line = {"condition": {"test": whole, "value": colour("line")}, "value": "transparent"}
    return alt.Axis(
        tickCount=3, labelExpr=f"{whole} ? format(datum.value, ',d') : ''", gridColor=line
    )


def _span(row: Mapping[str, Any], discrete: bool) -> str:
    if discrete:
        return number(row["start"])
    return f"{number(row['start'])} to {number(row['end'])}"


def statuses(rows: Rows) -> dict[str, Any]:
    """What became of the scores: share by status, one bar a model.

    Args:
        rows: ``model``, ``status``, ``count`` and ``share``.
    """
    alt = altair()
    present = [status for status in STATUSES if any(row["status"] == status for row in rows)]
    drawn = [
        {
            **row,
            "place": STATUSES.index(row["status"]),
            "told": f"{row['model']}: {row['count']:,} {row['status']}",
        }
        for row in rows
    ]
    chart = (
        alt.Chart(alt.Data(values=drawn))
        .mark_bar(height=16)
        .encode(
            y=alt.Y("model:N", sort=order(rows, "model"), title=None),
            x=alt.X(
                "share:Q",
                title="share of scores",
                axis=alt.Axis(format="%", tickCount=5),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=alt.Color(
                "status:N",
                scale=alt.Scale(domain=present, range=[colour(status) for status in present]),
                legend=alt.Legend(title=None, symbolType="square"),
            ),
            order=alt.Order("place:Q"),
            description=alt.Description("told:N"),
        )
        .properties(width=WIDTH + 60, height=alt.Step(28))
    )
    return configured(chart)


def scatter(rows: Rows, *, across: str, up: str) -> dict[str, Any]:
    """Pairs of means, one point an item, with the diagonal on which both agree.

    Args:
        rows: ``item``, ``model``, ``first`` and ``second``.
        across: What the horizontal axis shows.
        up: What the vertical axis shows.
    """
    alt = altair()
    models = order(rows, "model")
    ends = [row[name] for row in rows for name in ("first", "second")]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.06 or 0.5
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    colours, shapes = series(alt, models, legend=len(models) > 1)
    drawn = [
        {
            **row,
            "told": f"{row['item']}, {row['model']}: {number(row['first'])}, {number(row['second'])}",
        }
        for row in rows
    ]
    line = [{"first": value, "second": value} for value in (low - room, high + room)]
    diagonal = (
        alt.Chart(alt.Data(values=line))
        .mark_line(color=colour("zero"), strokeDash=[4, 3], strokeWidth=1, aria=False)
        .encode(x=alt.X("first:Q"), y=alt.Y("second:Q"))
    )
    points = (
        alt.Chart(alt.Data(values=drawn))
        .mark_point(filled=True, size=64, opacity=0.85)
        .encode(
            x=alt.X("first:Q", title=across, scale=scale, axis=alt.Axis(tickCount=5)),
            y=alt.Y("second:Q", title=up, scale=scale, axis=alt.Axis(tickCount=5)),
            color=colours,
            shape=shapes,
            description=alt.Description("told:N"),
        )
    )
    return configured(alt.layer(diagonal, points).properties(width=300, height=300))
