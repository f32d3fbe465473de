"""Patterns as GBNF: each character stands for itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_plugins.backends._gbnf import pattern_to_gbnf, quoted, texts_of

_texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
_patterns = st.lists(
    st.one_of(_texts, st.lists(_texts, min_size=1, max_size=3).map(tuple)), max_size=4
).map(tuple)


def _unquoted(literal: str) -> str:
    """What a reader of GBNF makes of a literal, written from the grammar's own description."""
    assert literal[0] == literal[-1] == '"'
    body = literal[1:-1]
    assert re.fullmatch(r'(?:[^"\\\n\r]|\\["\\]|\\U[0-9A-F]{8})*', body)
    return re.sub(
        r'\\(?:U([0-9A-F]{8})|(["\\]))',
        lambda found: chr(int(found[1], 16)) if found[1] else found[2],
        body,
    )


@given(_texts)
def test_a_literal_reads_back_as_itself(text: str) -> None:
    """Quotes, backslashes, line breaks and any Unicode survive, and the literal is plain ASCII."""
    assert _unquoted(quoted(text)) == text
    assert quoted(text).isascii()


@given(_patterns)
def test_a_grammar_is_one_line_with_one_rule(pattern: tuple[str | tuple[str, ...], ...]) -> None:
    """Whatever the pattern holds, nothing of it can end the rule or begin another."""
    grammar = pattern_to_gbnf(pattern)
    assert grammar.startswith("root ::= ")
    assert "\n" not in grammar
    assert re.sub(r'"(?:[^"\\]|\\.)*"', "", grammar[9:]).strip("()| ") == ""


@given(_patterns)
def test_every_text_of_a_pattern_is_counted(pattern: tuple[str | tuple[str, ...], ...]) -> None:
    """The texts of a pattern are the product of its alternatives."""
    expected = 1
    for part in pattern:
        expected *= 1 if isinstance(part, str) else len(part)
    assert len(list(texts_of(pattern))) == expected


def test_the_words_of_a_grammar() -> None:
    """An example to read."""
    assert (
        pattern_to_gbnf(('say "w" - ', ("a", "é"), "\n"))
        == r'root ::= "say \"w\" - " ("a" | "\U000000E9") "\U0000000A"'
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (("a", ()), "a pattern has a place with no alternatives"),
        (("a\0",), "a pattern cannot hold a NUL character"),
        (("a\ud800",), "a pattern cannot hold a lone surrogate"),
    ],
)
def test_what_no_grammar_can_say(pattern: tuple[str | tuple[str, ...], ...], message: str) -> None:
    """A pattern that cannot be written is refused in words."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pattern_to_gbnf(pattern)
