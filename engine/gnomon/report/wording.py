"""Numbers and names as a reader sees them.

One invariant: what came out of a database is text. It is cut and cleaned here, and never taken for markup:
escaping is the page's business, and it escapes everything.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Any

MISSING = ("refused", "filtered", "truncated", "unparsed", "failed")
"""Counts of the view ``results``, in the order they are said."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NOTHING = 1e-12
"""What is left of a number that is 0 in truth."""
_LONGEST = 80
"""Characters of a name of a place or a file."""


def clean(value: object) -> str:
    """A text without the characters that neither HTML nor XML may hold; tabs and newlines stay."""
    return _CONTROL.sub("\ufffd", str(value))


def short(value: object, most: int = 60) -> str:
    """A text on one line and not longer than ``most`` characters, for labels."""
    text = " ".join(clean(value).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def called(value: object, most: int = 44) -> str:
    """A model's name on one line: what tells models apart is often the end, so the middle is cut."""
    text = " ".join(clean(value).split())
    if len(text) <= most:
        return text
    end = (most - 1) * 3 // 5
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def excerpt(value: object, most: int) -> tuple[str, str]:
    """The beginning of a text, and a sentence when that is not all."""
    text = clean(value)
    if len(text) <= most:
        return text, ""
    return text[:most], f"the first {whole(most)} of {whole(len(text))} characters"


def whole(value: float | None) -> str:
    """A count, with thousands apart; empty for none."""
    return "" if value is None else f"{value:,.0f}"


def number(value: float | None, digits: int = 3) -> str:
    """A number to some digits; powers of ten where those digits would show nothing."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value).replace("-", "−")
    if abs(value) < NOTHING:
        return f"{0:.{digits}f}"
    if abs(value) < 0.5 * 10**-digits or abs(value) >= 1e7:
        return _power(value)
    if abs(value) >= 1000:
        digits = 0 if value == int(value) else 1
    return f"{value:,.{digits}f}".replace("-", "−")


def _power(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−", 1)


def p_value(p: float | None, log10_p: float | None = None) -> str:
    """A p-value: three digits, below that a power of ten, which is kept where p underflows."""
    if p is None:
        return ""
    if p == 0:
        return "0" if log10_p is None else f"10{f'{log10_p:.0f}'.translate(_SUPERSCRIPT)}"
    return f"{p:.3f}" if p >= 0.001 else _power(p)


def interval(low: float | None, high: float | None) -> str:
    """An interval in brackets; empty for none."""
    if low is None and high is None:
        return ""
    left = "−∞" if low is None else number(low)
    right = "∞" if high is None else number(high)
    return f"[{left}, {right}]"


def finite(value: float | None) -> bool:
    """Whether there is a value that can be drawn."""
    return value is not None and math.isfinite(value)


def percent(share: float) -> str:
    """A share in percent: one digit below ten."""
    value = 100 * share
    return f"{value:.1f} %" if 0 < value < 10 or 90 < value < 100 else f"{value:.0f} %"


def missing(row: Mapping[str, Any]) -> str:
    """How many scores are missing and why; empty when none is."""
    return ", ".join(f"{whole(row[name])} {name}" for name in MISSING if row.get(name))


def group(columns: Mapping[str, Any] | None) -> str:
    """The values of a group's columns, those without a letter with the column's name; ``all`` without columns."""
    return short(" · ".join(values_of(columns)), 70) if columns else "all"


def values_of(columns: Mapping[str, Any]) -> list[str]:
    """Each value as it is, or behind its column's name where it says nothing by itself, as numbers do."""
    return [
        text if any(map(str.isalpha, text)) else f"{name} {text}".strip()
        for name, text in ((name, str(value)) for name, value in columns.items())
    ]


def scores_told(of: str) -> str:
    """The scores a statistic is of, in a few words."""
    names = of.split(", ")
    if len(names) > 2 and all(name.startswith(f"{names[0]}.") for name in names[1:]):
        return f"{names[0]} and its parts"
    return of if len(names) < 4 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def plural(count: int, noun: str) -> str:
    """A count and a noun."""
    return f"{whole(count)} {noun}{'' if count == 1 else 's'}"


def listed(names: list[str], most: int = 6) -> str:
    """Names in a sentence; the rest counted."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def unwrapped(text: object) -> str:
    """A text whose lines were broken to fit a file, as paragraphs."""
    return "\n\n".join(
        " ".join(part.split()) for part in re.split(r"\n\s*\n", clean(text)) if part.strip()
    )


def anchor(place: object, *words: object) -> str:
    """Letters, digits and hyphens that name a place in the page or a file.

    Where the words cannot be read back from these, six digits of a hash tell them from others.

    Args:
        place: What it is a part of; it may have hyphens of its own.
        words: What it is called there; empty ones are left out.
    """
    told = [str(place), *(word for word in map(str, words) if word)]
    text = "-".join(told)
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if name == text and len(name) <= _LONGEST and not any("-" in word for word in told[1:]):
        return name
    digits = hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:6]
    kept = name[: _LONGEST - 7].rstrip("-")
    return f"{kept or 'part'}-{digits}"
