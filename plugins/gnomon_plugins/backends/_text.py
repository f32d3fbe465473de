"""Texts that a model cannot be sent.

One invariant: a text is sent as it is or not at all.
"""

from __future__ import annotations

import json

import attrs

from gnomon import Ask, CallFailed


def check_text(ask: Ask) -> None:
    """Refuse an ask with half a character in it.

    Raises:
        CallFailed: It holds a lone surrogate.
    """
    fields = attrs.asdict(ask, filter=lambda field, _: field.name != "trial")
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise CallFailed(
            f"the prompt holds the lone surrogate {error.object[error.start]!r}, which is no "
            "character and which no tokeniser takes; take it out of the stimuli"
        ) from error
