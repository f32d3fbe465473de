"""Colours that a chart names by what they mean, so that one drawing serves light, dark and paper.

One invariant: a chart is drawn with stand-in colours that nothing else uses. On a page they become CSS
variables, which the reader's light or dark setting fills; in a file they become the light colours.

The series are told apart under common colour-vision deficiencies and have shapes besides; each series colour
has a contrast of at least 3 : 1 on its background, each text colour of at least 4.5 : 1 (a test counts).
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1d2433",
    "muted": "#5a6478",
    "line": "#dfe3ea",
    "zero": "#7b8496",
    "series-1": "#2458a6",
    "series-2": "#b3541e",
    "series-3": "#1f7a5c",
    "series-4": "#8a3a8f",
    "series-5": "#7a6210",
    "series-6": "#4b5563",
    "ok": "#8fa3bf",
    "refused": "#b3541e",
    "filtered": "#8a3a8f",
    "truncated": "#7a6210",
    "unparsed": "#2458a6",
    "error": "#a3262f",
    "below-4": "#8c3d0c",
    "below-3": "#b3571f",
    "below-2": "#e8a578",
    "below-1": "#f7dcc8",
    "level-0": "#f1f2f5",
    "above-1": "#d3e1f3",
    "above-2": "#9dbde4",
    "above-3": "#3f74b8",
    "above-4": "#1f4e91",
}
DARK = {
    "paper": "#14181f",
    "ink": "#e7eaf0",
    "muted": "#a3adbf",
    "line": "#2c3440",
    "zero": "#8b95a7",
    "series-1": "#7fb0f5",
    "series-2": "#f2a06b",
    "series-3": "#62cfa4",
    "series-4": "#d795dc",
    "series-5": "#d9c05a",
    "series-6": "#aab4c4",
    "ok": "#54657f",
    "refused": "#f2a06b",
    "filtered": "#d795dc",
    "truncated": "#d9c05a",
    "unparsed": "#7fb0f5",
    "error": "#f58a90",
    "below-4": "#f4a468",
    "below-3": "#c2713a",
    "below-2": "#85491f",
    "below-1": "#4a3020",
    "level-0": "#262c36",
    "above-1": "#23364f",
    "above-2": "#2f5587",
    "above-3": "#4c82c9",
    "above-4": "#8fbcf5",
}
DARK_CELLS = ("below-4", "below-3", "above-3", "above-4")
"""Cells whose text has the colour of the paper."""

STAND_IN = {name: f"#0f1e{index:02x}" for index, name in enumerate(LIGHT)}
SERIES = tuple(name for name in LIGHT if name.startswith("series-"))
STATUSES = ("ok", "truncated", "unparsed", "refused", "filtered", "error")
CELLS = tuple(name for name in LIGHT if name.startswith(("below-", "level-", "above-")))


def colour(name: str) -> str:
    """The stand-in of a colour."""
    return STAND_IN[name]


def with_colours(text: str, colours: dict[str, str]) -> str:
    """A drawing or a specification with stand-ins replaced."""
    for name, stand_in in STAND_IN.items():
        text = text.replace(stand_in, colours[name])
    return text


def as_variables() -> dict[str, str]:
    """CSS variables in the place of colours."""
    return {name: f"var(--{name})" for name in STAND_IN}


def style_sheet() -> str:
    """The variables, by the reader's setting; paper is light."""

    def block(colours: dict[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in colours.items())

    return (
        f":root{{color-scheme:light dark;{block(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{block(DARK)}}}}}"
    )
