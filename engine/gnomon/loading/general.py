"""The keys at the top of a spec: what it is called, what it cites, how replies are drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from gnomon.loading.draft import Draft
from gnomon.spec import DecodingKeys
from gnomon.structure import KeyPath, found

_MEASURE = re.compile(r"[a-z][a-z0-9-]*\Z")
_CITES = re.compile(
    r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})(v\d+)?"
    r"|doi:10\.\d{4,9}/\S+"
    r"|isbn:[0-9][0-9-]{8,15}[0-9X]"
    r"|https?://\S+"
)
_RANGES: Mapping[str, tuple[float, float, str]] = {
    "temperature": (0, math.inf, "a number of at least 0"),
    "top_p": (math.ulp(0.0), 1, "a number above 0 and at most 1"),
    "top_k": (0, math.inf, "a whole number of at least 0"),
    "max_tokens": (1, math.inf, "a whole number of at least 1"),
    "logprobs": (0, math.inf, "a whole number of at least 0"),
}


def check_general(draft: Draft) -> None:
    """Check the keys that depend on nothing else."""
    parts = draft.parts
    _check_measure(draft, parts.get("measure"))
    title = parts.get("title")
    if title is not None and (not title.strip() or "\n" in title):
        draft.fault(("title",), f"expected one line of text, found {found(title)}")
    draft.check_least(parts.get("version"), 1, ("version",))
    draft.check_least(parts.get("seed"), 0, ("seed",))
    for index, cite in enumerate(parts.get("cites", ())):
        if cite is not None and not _CITES.fullmatch(cite):
            draft.fault(
                ("cites", index),
                'expected a source such as "arXiv:2402.04105", "doi:10.1000/xyz", '
                f'"isbn:978-0-306-40615-7" or an https address, found {found(cite)}',
            )
    for role in parts.get("roles", ()):
        if not _MEASURE.match(role):
            draft.fault(("roles", role), _form("role", role), key=True)
    if "decoding" in parts:
        check_decoding(draft, parts["decoding"], ("decoding",))


def _form(what: str, name: str) -> str:
    return (
        f"the {what} name {name!r} is not of lower-case letters, digits and hyphens, beginning "
        "with a letter"
    )


def _check_measure(draft: Draft, name: Any) -> None:
    if name is None:
        return
    if not _MEASURE.match(name):
        draft.fault(("measure",), _form("measure", name))
    elif name != draft.path.stem:
        draft.fault(
            ("measure",), f'expected "{draft.path.stem}", the name of the file, found {found(name)}'
        )


def check_decoding(draft: Draft, decoding: DecodingKeys, path: KeyPath) -> None:
    """Check the ranges of decoding parameters."""
    for key, (least, most, wanted) in _RANGES.items():
        value = getattr(decoding, key)
        if value is not None and not least <= value <= most:
            given = found(draft.written((*path, key)))
            draft.fault((*path, key), f"expected {wanted}, found {given}")
    for index, text in enumerate(decoding.stop or ()):
        if text == "":
            draft.fault(
                (*path, "stop", index), "expected a text that ends a reply, found an empty string"
            )
