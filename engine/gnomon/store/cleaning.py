"""What is taken out of options and command lines before they are stored.

One invariant: what stands behind the name of a secret, and the user part of an address, is not in what comes out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gnomon.store.values import readable

NOT_STORED = "[not stored]"
# Not a secret but the shape of the names that secrets have.
_SECRET = r"(?:[a-z0-9]+[_-])*(?:api[_-]?key|token|secret|password|authorization|headers?)"  # noqa: S105 -- as above
_SECRET_NAME = re.compile(rf"{_SECRET}\Z", re.IGNORECASE)
_SECRET_PAIR = re.compile(rf"(?<![a-z0-9_-])({_SECRET}\s*[=:]\s*)[^&\s]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(://)[^/@\s]+@")


def clean_text(text: str) -> str:
    """The text with the values of secrets taken out: ``api_key=…`` and the user part of an address."""
    return readable(_USER_INFO.sub(rf"\1{NOT_STORED}@", _SECRET_PAIR.sub(rf"\1{NOT_STORED}", text)))


def clean(value: Any) -> Any:
    """Plain data with the values of secrets taken out, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: NOT_STORED if _SECRET_NAME.match(str(name)) else clean(held)
            for name, held in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [clean(held) for held in value]
    return clean_text(value) if isinstance(value, str) else value
