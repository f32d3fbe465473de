"""Cells of tables as people read them: numbers short, JSON as pairs, trials as links, long texts apart.

One invariant: a text of the database stays text. What is made into markup here is made of escaped pieces; whatever
else a cell holds is left to the template, which escapes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from markupsafe import Markup

from gnomon.report.wording import clean
from gnomon.store.dictionary import DICTIONARY

TRIALS = frozenset({"trial", "first_trial"})
"""Columns that hold the number of a trial."""
APART = frozenset({"system", "prompt", "messages", "reply", "error", "reason", "text", "body"})
"""Columns of long texts: with one of the next, rows stand under each other and these below the rest."""
FOLDED = frozenset({"fields", "draws", "form", "command", "probabilities", "spec"})
"""Columns that in such rows are shown on demand."""
_SAID = frozenset({"prompt", "messages", "reply", "text", "body", "spec"})
MOST_PAIRS = 12
LONGEST = 160
"""Characters of a value in a pair that are shown."""


def _json_columns() -> frozenset[str]:
    """Columns that hold JSON wherever they stand."""
    said: dict[str, set[bool]] = {}
    for columns in DICTIONARY.values():
        for name, meaning in columns.items():
            said.setdefault(name, set()).add(meaning.startswith("JSON"))
    return frozenset(name for name, kinds in said.items() if kinds == {True})


_JSON = _json_columns()


@attrs.frozen
class Cell:
    """What stands in one place of a table.

    Attributes:
        name: The column.
        shown: The text, or markup made of escaped pieces.
        kind: ``none``, ``number`` or ``text``; where rows stand under each other also ``long`` for a text that
            stands below the rest of its row, and ``folded`` for what is shown on demand.
        raw: What the database holds.
    """

    name: str
    shown: str
    kind: str
    raw: Any

    @property
    def whole(self) -> str:
        """All of it, however much that is."""
        found = _pairs(self.raw, whole=True) if _is_json(self.raw, self.name) else None
        return self.shown if found is None else found


@attrs.frozen(kw_only=True)
class Reading:
    """Rows in the way they are best read.

    Attributes:
        names: The columns in order.
        rows: The cells.
        apart: Rows stand under each other, for some hold long texts.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    apart: bool

    @property
    def numbers(self) -> frozenset[str]:
        """Columns that hold numbers and nothing else."""
        kinds: dict[str, set[str]] = {}
        for row in self.rows:
            for cell in row:
                kinds.setdefault(cell.name, set()).add(cell.kind)
        return frozenset(name for name, held in kinds.items() if held - {"none"} == {"number"})


def shown(value: Any, column: str) -> Markup | str | None:
    """A value as markup or text; None where the usual way is the best."""
    if isinstance(value, float):
        return f"{value:.5g}"
    if column in TRIALS and isinstance(value, int):
        return Markup('<a href="/-/trial/{0}">{0}</a>').format(value)
    if column == "spec" and isinstance(value, str):
        return value
    return _pairs(value) if _is_json(value, column) else None


def _is_json(value: Any, column: str) -> bool:
    """Whether a value is to be read as JSON; the reason of a missing score may be any text."""
    if not isinstance(value, str):
        return False
    return column in _JSON or (column == "reason" and value.startswith("{"))


def _pairs(text: str, *, whole: bool = False) -> Markup | None:
    """A JSON object as names and values, not too many and not too long; None for anything else."""
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(held, Mapping) or not held:
        return None
    most = len(held) if whole else MOST_PAIRS
    pairs = [
        Markup('<span class="pair"><span class="key">{}</span> {}</span>').format(
            clean(name), clean(_value(value, whole=whole))
        )
        for name, value in list(held.items())[:most]
    ]
    if len(held) > most:
        pairs.append(Markup('<span class="pair">and {} more</span>').format(len(held) - most))
    return Markup(" ").join(pairs)


def _value(value: Any, *, whole: bool) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        text = ", ".join(map(str, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if whole or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def meaning(text: str) -> str:
    """What the dictionary says of a table or view, on a page that is made for people anyway."""
    return text.replace("For people: every", "Every")


def of_table(rows: Iterable[Any], columns: Iterable[Mapping[str, Any]]) -> Reading:
    """The rows of a table or view, and its columns, as Datasette displays them."""
    return _reading(
        [column["name"] for column in columns],
        ([_cell(cell["column"], cell["raw"], cell["value"]) for cell in row.cells] for row in rows),
    )


def of_query(rows: Iterable[Sequence[Any]], raw: Iterable[Any], names: Sequence[str]) -> Reading:
    """The rows of a query: as Datasette displays them, and as they were."""
    return _reading(
        names,
        (
            [_cell(*cell) for cell in zip(names, tuple(held), row, strict=True)]
            for row, held in zip(rows, raw, strict=False)
        ),
    )


def _cell(name: str, raw: Any, value: Any) -> Cell:
    if raw is None or raw == "":
        return Cell(name, "", "none", raw)
    return Cell(name, value, "number" if isinstance(raw, int | float) else "text", raw)


def _reading(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Reading:
    apart = bool(_SAID & set(names))
    held = [[_apart(cell) if apart else cell for cell in row] for row in rows]
    return Reading(names=names, rows=held, apart=apart)


def _apart(cell: Cell) -> Cell:
    if cell.kind != "text" or cell.name not in APART | FOLDED:
        return cell
    return attrs.evolve(cell, kind="long" if cell.name in APART else "folded")
