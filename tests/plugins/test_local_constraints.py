"""The local model held to a form: the reply is always one of the texts that the form allows."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon import CallFailed, Chat, Constraint, Decoding, Message, Reply
from gnomon_plugins.backends._gbnf import texts_of
from gnomon_plugins.backends.local import Local

pytestmark = pytest.mark.local_model

_texts = st.text(
    st.one_of(
        st.sampled_from('ab "\\\n\t()|[]/{}é😀'),
        # The model's vocabulary has no token for most control characters.
        st.characters(exclude_categories=("Cs", "Cn", "Cc"), max_codepoint=0x24F),
    ),
    max_size=5,
)
_patterns = st.lists(
    st.one_of(_texts, st.lists(_texts, min_size=2, max_size=3).map(tuple)), min_size=1, max_size=3
).map(tuple)


def _ask(model: Local, constraint: Constraint, *, seed: int = 1, max_tokens: int = 200) -> Reply:
    return model.ask(
        Chat(
            messages=(Message("user", "Name a colour."),),
            decoding=Decoding(temperature=1.5, seed=seed, max_tokens=max_tokens),
            constraint=constraint,
        )
    )


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(pattern=_patterns)
def test_a_pattern_yields_one_of_its_texts(
    local_model: Local, pattern: tuple[str | tuple[str, ...], ...]
) -> None:
    """For any characters, a finished reply is a text of the pattern."""
    reply = _ask(local_model, Constraint(pattern=pattern))
    assert reply.status == "ok"
    assert reply.text in set(texts_of(pattern))


def test_every_alternative_can_come(local_model: Local) -> None:
    """A pattern does not shut out any of its alternatives."""
    pattern = (("red", "blue"),)
    seen = {_ask(local_model, Constraint(pattern=pattern), seed=seed).text for seed in range(12)}
    assert seen == {"red", "blue"}


def test_a_regex_is_matched_whole(local_model: Local) -> None:
    """The reply matches a regular expression with a slash, a line break and a class in it."""
    regex = r"a/b\n(red|blue){2}[0-9]"
    assert re.fullmatch(regex, _ask(local_model, Constraint(regex=regex)).text)


def test_a_grammar_is_kept(local_model: Local) -> None:
    """The reply is of the language of a GBNF grammar."""
    reply = _ask(local_model, Constraint(grammar='root ::= "x" [0-3] "\\n"'))
    assert re.fullmatch("x[0-3]\n", reply.text)


def test_a_schema_is_kept(local_model: Local) -> None:
    """The reply is compact JSON that fits the schema."""
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    reply = _ask(local_model, Constraint(json_schema=json.dumps(schema)))
    assert reply.text in ('{"colour":"red"}', '{"colour":"blue"}')


def test_a_reply_cut_short_says_so(local_model: Local) -> None:
    """Too few tokens for the form is status truncated, not ok."""
    reply = _ask(local_model, Constraint(pattern=("one two three four",)), max_tokens=2)
    assert (reply.status, reply.finish) == ("truncated", "length")


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (
            Constraint(regex="(?=a)a"),
            "llama.cpp cannot hold a reply to the regex '(?=a)a'; "
            "look-around, back-references and anchors are beyond it",
        ),
        (
            Constraint(regex="(a"),
            "llama.cpp cannot hold a reply to the regex '(a'; "
            "look-around, back-references and anchors are beyond it",
        ),
        (
            Constraint(json_schema='{"type":"objct"}'),
            'llama.cpp cannot hold a reply to the json schema \'{"type":"objct"}\'; '
            "a keyword of it may be beyond llama.cpp, or misspelt",
        ),
        (
            Constraint(json_schema="{"),
            "the JSON Schema is not JSON: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)",
        ),
        (
            Constraint(grammar='root = "a"'),
            'llama.cpp cannot read the grammar (parse: error parsing grammar: expecting ::= at = "a"); '
            "a GBNF grammar has a line 'root ::= …'",
        ),
        (
            Constraint(grammar="%llguidance {}"),
            "the grammar begins with '%', which is not GBNF; "
            "a GBNF grammar has a line 'root ::= …'",
        ),
        (
            Constraint(pattern=("\x06",)),
            "the constraint asks for a character that no token of the model's vocabulary begins; "
            "a rare control character, most likely",
        ),
        (
            Constraint(pattern=("a", ())),
            "the constraint cannot be written as a grammar: "
            "a pattern has a place with no alternatives",
        ),
    ],
)
def test_a_form_that_cannot_be_kept_is_refused(
    local_model: Local, capfd: pytest.CaptureFixture[str], constraint: Constraint, message: str
) -> None:
    """No reply comes unconstrained by mistake, and llama.cpp prints nothing."""
    with pytest.raises(CallFailed, match=f"^{re.escape(message)}$") as caught:
        _ask(local_model, constraint)
    assert not caught.value.retry
    assert not caught.value.fatal
    assert capfd.readouterr().err == ""
