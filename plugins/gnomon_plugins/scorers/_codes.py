"""Reads one word out of a fixed few from an answer.

One invariant: an answer counts only when it *is* one of the words, or states it where an answer is
stated (its first word, or its last line). A word that merely occurs in a sentence is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

from gnomon_plugins.scorers._pairs import only_marks, plain, undressed

Meaning = TypeVar("Meaning", bound=Hashable)

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
        marks = only_marks(text)
        return marks if marks and marks in words else None
    if len(lines) == 1 and lines[0] in words:
        return lines[0]
    last = lines[-1]
    _, colon, after = last.rpartition(":")
    given = (last, undressed(after) if colon else "")
    return next((one for one in given if one and one in words), None)


def opening(text: str, words: Collection[str]) -> str | None:
    """The word that the answer begins with, as in ``Yes, because …``.

    Args:
        text: The answer.
        words: The words to choose from, in plain form; longer ones win over their beginnings.
    """
    lines = _lines(text)
    for word in sorted(words, key=len, reverse=True):
        if word and lines and lines[0].startswith(word):
            rest = lines[0][len(word) :]
            if not rest or not (rest[0].isalnum() or rest[0] in "-_"):
                return word
    return None


def meant(text: str, meanings: Mapping[str, Meaning]) -> Meaning | None:
    """What an answer says at its beginning and at its end; None for nothing, or for two things.

    Several words may mean the same: ``4 - agree`` is one answer where both stand for one point, and
    ``yes and no`` is none.

    Args:
        text: The answer.
        meanings: Word, in plain form → what it means.
    """
    first, last = opening(text, meanings), stated(text, meanings)
    follows = None if first is None else _following(text, first, meanings)
    if first is not None and follows is None and _is_an_article(first, text):
        first = None
    said = {meanings[word] for word in (first, last, follows) if word is not None}
    return said.pop() if len(said) == 1 else None


def _following(text: str, first: str, words: Collection[str]) -> str | None:
    """The word joined to the one that the answer begins with, as in ``yes and no`` or ``yes/no``."""
    behind = _lines(text)[0][len(first) :]
    rest = behind.lstrip(" /&,-")
    for joint in ("and ", "or "):
        rest = rest.removeprefix(joint)
    if rest == behind:
        return None
    return next(
        (
            other
            for other in sorted(words, key=len, reverse=True)
            if other != first
            and (rest == other or (rest.startswith(other) and not rest[len(other)].isalnum()))
        ),
        None,
    )


def _is_an_article(word: str, text: str) -> bool:
    """Whether a word is a letter that begins a sentence, as in ``A cheap flight is best``.

    It is an answer where a line ends with it, or goes on with a mark behind it.
    """
    if len(word) > 1 or not word.isascii() or not word.isalpha():
        return False
    return not any(
        re.match(rf"[\W_]*{word}(?:\s*$|\s*[^\w\s'’])", line[:200], re.IGNORECASE)
        or re.search(rf"[:：]\s*[\W_]*{word}[\W_]*$", line[-200:], re.IGNORECASE)
        for line in text.splitlines()
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
