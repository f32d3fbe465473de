"""Reads one word out of a fixed few from an answer.

One invariant: an answer counts only when it *is* one of the words, or states it where an answer is
stated (its first word, or its last line). A word that merely occurs in a sentence is no answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gnomon_plugins.scorers._pairs import plain, undressed

_LONGEST = 4096
"""Lines longer than this are no answer in one word; the rest of them is not looked at."""


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := undressed(raw[:_LONGEST]))]


def stated(text: str, words: Collection[str]) -> str | None:
    """The word that the whole answer is, or that its last line is (``Answer: yes`` included).

    Args:
        text: The answer.
        words: The words to choose from, in plain form.
    """
    lines = _lines(text)
    if not lines:
        return None
    if len(lines) == 1 and lines[0] in words:
        return lines[0]
    last = lines[-1]
    _, colon, after = last.rpartition(":")
    return next((one for one in (last, undressed(after) if colon else "") if one in words), None)


def opening(text: str, words: Collection[str]) -> str | None:
    """The word that the answer begins with, as in ``Yes, because …``.

    Args:
        text: The answer.
        words: The words to choose from, in plain form; longer ones win over their beginnings.
    """
    lines = _lines(text)
    for word in sorted(words, key=len, reverse=True):
        if lines and lines[0].startswith(word):
            rest = lines[0][len(word) :]
            if not rest or not (rest[0].isalnum() or rest[0] in "-_"):
                return word
    return None


def one_of(text: str, words: Collection[str]) -> str | None:
    """The word that an answer gives, at its beginning or its end; None for none, or for two.

    Args:
        text: The answer.
        words: The words to choose from, in plain form.
    """
    first = opening(text, words)
    found = {word for word in (first, stated(text, words)) if word is not None}
    return found.pop() if len(found) == 1 and not two_joined(text, words) else None


def two_joined(text: str, words: Collection[str]) -> bool:
    """Whether the answer begins with two of the words, as in ``yes and no`` or ``yes/no``.

    Args:
        text: The answer.
        words: The words to choose from, in plain form.
    """
    first = opening(text, words)
    if first is None:
        return False
    behind = _lines(text)[0][len(first) :]
    rest = behind.lstrip(" /&,-")
    for joint in ("and ", "or "):
        rest = rest.removeprefix(joint)
    return rest != behind and any(
        rest == other or (rest.startswith(other) and not rest[len(other)].isalnum())
        for other in words
        if other != first
    )


def check_yes_and_no(yes: Sequence[str], no: Sequence[str]) -> None:
    """Each side has a word, and none is on both.

    Raises:
        ValueError: A side is empty, or a word is on both.
    """
    if not yes or not no:
        raise ValueError("'yes' and 'no' need at least one word each")
    shared = {plain(word) for word in yes} & {plain(word) for word in no}
    if shared:
        raise ValueError(f"{min(shared)!r} is among the words for yes and for no")
