"""Templates substitute names once, and nothing that is substituted is looked at again."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import TemplateError, render
from gnomon.templates import parse, show, slots

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
HOSTILE = (
    "{word}",
    "{{word}}",
    "{",
    "}}",
    "{word.__class__}",
    "{0}",
    "%s%n$(id)`id`",
    "\x00\ud800\u202e",
    "a\r\nb",
    "{first}{second}" * 3,
)


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


@given(text=st.text())
def test_escaped_text_comes_back_unchanged(text: str) -> None:
    """Doubling the braces makes any text a template that renders as that text."""
    assert render(escaped(text), {}) == text


@given(fields=st.dictionaries(names, st.text(), min_size=1, max_size=4), data=st.data())
def test_a_template_is_its_literals_and_values_in_order(
    fields: dict[str, str], data: st.DataObject
) -> None:
    """Rendering equals joining the pieces by hand, whatever the values and literals hold."""
    literals = data.draw(st.lists(st.text(max_size=6), min_size=1, max_size=5))
    used = data.draw(
        st.lists(st.sampled_from(sorted(fields)), min_size=len(literals), max_size=len(literals))
    )
    pairs = list(zip(literals, used, strict=True))
    template = "".join(f"{escaped(literal)}{{{name}}}" for literal, name in pairs)
    assert render(template, fields) == "".join(literal + fields[name] for literal, name in pairs)
    assert slots(template) == tuple(dict.fromkeys(used))


@given(template=st.text(alphabet="{}ab.[]!: 0_-"))
def test_any_text_parses_or_is_refused_with_a_sentence(template: str) -> None:
    """No text makes the parser raise anything but a TemplateError, whose sentences are below."""
    with contextlib.suppress(TemplateError):
        assert parse(template)[-1][1] is None


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_only_text(value: str) -> None:
    """A value that looks like a template arrives in the prompt as it is."""
    fields = {"word": value, "first": "FIRST", "second": "SECOND"}
    assert render("<{word}>", fields) == f"<{value}>"
    assert render("{word}{first}", fields) == f"{value}FIRST"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        (("a", "b"), "a, b"),
        ((), ""),
        (3, "3"),
        (0.1, "0.1"),
        (True, "True"),
    ],
)
def test_values_are_shown_plainly(value, shown) -> None:
    """Lists are joined by a comma and a space; numbers are written as Python writes them."""
    assert show(value) == shown
    assert render("{x}", {"x": value}) == shown


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a { b", "a lone '{'; write '{{' for a literal brace"),
        ("a } b", "a lone '}'; write '}}' for a literal brace"),
        ("{{{word}", None),
        (
            "{word.upper}",
            "the slot '{word.upper}' is not a plain name; a template substitutes names and has no "
            "expressions, attributes or formats (write '{{' and '}}' for literal braces)",
        ),
        (
            "{}",
            "the slot '{}' is not a plain name; a template substitutes names and has no "
            "expressions, attributes or formats (write '{{' and '}}' for literal braces)",
        ),
        (
            "{word!r:>10}",
            "the slot '{word!r:>10}' is not a plain name; a template substitutes names and has no "
            "expressions, attributes or formats (write '{{' and '}}' for literal braces)",
        ),
        (
            "{word\n}",
            "the slot '{word\\n}' is not a plain name; a template substitutes names and has no "
            "expressions, attributes or formats (write '{{' and '}}' for literal braces)",
        ),
        ("{wrod}", "the slot {wrod} has no field (did you mean 'word'?); there are: first, word"),
        ("{zzz}", "the slot {zzz} has no field; there are: first, word"),
    ],
)
def test_what_cannot_be_filled_says_what_to_write(template: str, message: str | None) -> None:
    """Each fault of a template is a sentence with the nearest right thing."""
    fields = {"word": "w", "first": "f"}
    if message is None:
        assert render(template, fields) == "{w"
        return
    with pytest.raises(TemplateError) as caught:
        render(template, fields)
    assert str(caught.value) == message


def test_a_slot_of_no_fields_says_there_are_none() -> None:
    """The list of fields is never silently empty."""
    with pytest.raises(TemplateError) as caught:
        render("{word}", {})
    assert str(caught.value) == "the slot {word} has no field; there are: none"
