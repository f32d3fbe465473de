"""The scripted backend: answers in order, by function, by rules, echoed, and filled in."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import (
    CallFailed,
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    Hidden,
    Item,
    Loglik,
    Message,
    ModelError,
    Reply,
    Seed,
    Trial,
)
from gnomon_plugins.backends._regular import RegexError, draw_match
from gnomon_plugins.backends.scripted import Scripted
from gnomon_plugins.executors.in_process import InProcess


def chat(text: str = "hello", **more) -> Chat:
    return Chat(messages=(Message("user", text),), **more)


def choose(text: str = "which?", options=("yes", "no"), **more) -> Choose:
    return Choose(messages=(Message("user", text),), options=options, **more)


def trial(repeat: int) -> Trial:
    return Trial(0, Item("a"), {}, repeat, {}, {})


def script(folder: Path, text: str, name: str = "answers.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# -- answers in order ------------------------------------------------------------------------------


def test_answers_in_order_then_failure():
    """Answers come in order; after the last one a sentence says how to go on."""
    backend = Scripted(answers=["one", Reply(text="two", status="truncated")])
    assert backend.offers.concurrency == 1
    assert backend.ask(chat()).text == "one"
    second = backend.ask(chat())
    assert (second.text, second.status, second.model) == ("two", "truncated", "scripted")
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat())
    assert failed.value.message == (
        "every answer of the script was given (2); add answers, or begin again with cycle=true"
    )
    assert failed.value.fatal


def test_answers_cycle():
    """With cycle the answers begin again."""
    backend = Scripted(answers=("a", "b"), cycle=True)
    assert [backend.ask(chat()).text for _ in range(5)] == ["a", "b", "a", "b", "a"]


def test_a_copy_in_another_process_goes_on(tmp_path):
    """A pickled copy has the same answers or rules."""
    backend = Scripted(answers=["a", "b"])
    backend.ask(chat())
    assert pickle.loads(pickle.dumps(backend)).ask(chat()).text == "b"
    ruled = Scripted(model=script(tmp_path, RULES))
    assert pickle.loads(pickle.dumps(ruled)).ask(chat("Is Ann older?")).text == "cannot say"


def test_function_gets_the_ask():
    """A function sees the whole ask and may return a text or a reply."""
    backend = Scripted(function=lambda ask: ask.messages[-1].content.upper())
    assert backend.ask(chat("ja")).text == "JA"
    assert Scripted(function=lambda _: Reply(status="refused")).ask(chat()).status == "refused"
    with pytest.raises(CallFailed) as failed:
        Scripted(function=lambda _: 3).ask(chat())  # type: ignore[arg-type,return-value]
    assert failed.value.message == "a scripted answer must be a text or a Reply, found 3"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "scripted needs a file, 'fill', 'echo', answers or a function"),
        (
            {"answers": ["a"], "function": lambda _: "a"},
            "scripted takes answers or a function, not both",
        ),
    ],
)
def test_wrong_options_are_sentences(options, message):
    """What cannot be carried out is said when the backend is made."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Scripted(**options)


# -- files -----------------------------------------------------------------------------------------

RULES = """
default = "pass"

[[rule]]
match = "nurse"
reply = "woman"

[[rule]]
regex = "^Is .* older\\\\?$"
reply = "cannot say"
status = "refused"

[[rule]]
match = "slow"
reply = "late"
delay = 0.01

[[rule]]
match = "busy"
fail = "the server is busy"
retry = true
after = 2.5

[[rule]]
match = "pick"
probabilities = { yes = 3, no = 1, maybe = 4 }
"""


def test_rules_answer_in_order_of_the_file(tmp_path):
    """The first rule that fits the last user message answers; otherwise the default does."""
    backend = Scripted(model=script(tmp_path, RULES))
    assert backend.ask(chat("The nurse left.")).text == "woman"
    refused = backend.ask(chat("Is Ann older?"))
    assert (refused.text, refused.status) == ("cannot say", "refused")
    assert backend.ask(chat("else")).text == "pass"
    early = Chat(
        messages=(Message("user", "nurse"), Message("assistant", "x"), Message("user", "y"))
    )
    assert backend.ask(early).text == "pass"


def test_rules_delay_and_fail(tmp_path):
    """A delay makes the reply awaitable; a failure carries what the rule says of it."""
    backend = Scripted(model=script(tmp_path, RULES))
    assert asyncio.run(backend.ask(chat("slow"))).text == "late"
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat("busy"))
    assert (failed.value.message, failed.value.retry, failed.value.after, failed.value.fatal) == (
        "the server is busy",
        True,
        2.5,
        False,
    )


def test_delays_are_waited_for_in_a_run(tmp_path):
    """The executor waits for a delayed rule and takes an instant one as it is."""

    async def asked():
        backend = Scripted(model=script(tmp_path, RULES))
        async with InProcess().open({"subject": backend}) as asker:
            return [(await asker.ask(chat(text))).text for text in ("slow", "The nurse left.")]

    assert asyncio.run(asked()) == ["late", "woman"]


def test_rule_probabilities_are_scaled_to_the_options(tmp_path):
    """Mass outside the options is reported as coverage and scaled away."""
    reply = Scripted(model=script(tmp_path, RULES)).ask(choose("pick one"))
    assert reply.probabilities == {"yes": 0.75, "no": 0.25}
    assert reply.coverage == 0.5
    assert reply.exact is True


def test_choose_by_text(tmp_path):
    """A text that is an option gets all the probability; one that is none is a failure."""
    assert Scripted(answers=["no"]).ask(choose()).probabilities == {"yes": 0.0, "no": 1.0}
    with pytest.raises(CallFailed) as failed:
        Scripted(answers=["perhaps"]).ask(choose())
    assert (
        failed.value.message
        == "the script answers 'perhaps', which is none of the options: yes, no"
    )


def test_no_rule_and_no_default(tmp_path):
    """Without a default an unmatched ask is a failure that shows the message."""
    backend = Scripted(model=script(tmp_path, '[[rule]]\nmatch = "a"\nreply = "b"', "a.toml"))
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat("zzz"))
    assert failed.value.message.endswith("a.toml' fits 'zzz', and it has no default")


def test_json_and_json_lines(tmp_path):
    """JSON takes the same keys, a list is answers in order, JSON lines are answers or rules."""
    rules = json.dumps({"default": "d", "rule": [{"match": "x", "reply": "y"}]})
    assert Scripted(model=script(tmp_path, rules, "a.json")).ask(chat("x")).text == "y"
    assert Scripted(model=script(tmp_path, '["p", "q"]', "b.json")).ask(chat()).text == "p"
    lines = '\ufeff"p"\r\n\r\n"q"\r\n'
    backend = Scripted(model=script(tmp_path, lines, "c.jsonl"))
    assert [backend.ask(chat()).text for _ in range(2)] == ["p", "q"]
    lines = '"one\u2028two"\n"q"\n'
    assert Scripted(model=script(tmp_path, lines, "e.jsonl")).ask(chat()).text == "one\u2028two"
    lines = '{"match": "x", "reply": "y"}\n{"reply": "z"}\n'
    backend = Scripted(model=script(tmp_path, lines, "d.jsonl"))
    assert [backend.ask(chat(text)).text for text in ("x", "w")] == ["y", "z"]


def test_identity_follows_the_file(tmp_path):
    """A changed answer file is another identity, so stored replies are not reused for it."""
    first = Scripted(model=script(tmp_path, 'default = "a"')).identity
    second = Scripted(model=script(tmp_path, 'default = "b"')).identity
    assert first != second
    assert Scripted(answers=["a"]).identity != Scripted(answers=["b"]).identity


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "default = ", "{file}: not TOML: Invalid value (at end of document)"),
        ("a.json", "{", "{file}: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("a.jsonl", '"a"\n{', "{file}:2: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("a.jsonl", '"a"\n{"reply": "b"}', "{file}: has both answers and rules; all lines must be of one sort"),
        ("a.json", "3", "{file}: expected an object or a list of answers, found '3'"),
        ("a.json", "[3]", "{file}: 'answers' must be a list of texts"),
        ("a.toml", "", "{file}: holds no answers; give answers, rules, or a default"),
        ("a.toml", "rules = []", "{file}: unknown key 'rules' (did you mean 'rule'?); an answer file has: answers, default, rule"),
        ("a.toml", "rule = 3", "{file}: 'rule' must be a list of tables; write [[rule]]"),
        ("a.toml", "default = 3", "{file}: 'default' must be a text, found 3"),
        ("a.toml", 'answers = ["a"]\ndefault = "b"', "{file}: has both answers in order and rules; keep one of them"),
        ("a.toml", '[[rule]]\nmatch = "a"', "{file}: rule 1: answers nothing; give 'reply', 'probabilities', 'status' or 'fail'"),
        ("a.toml", '[[rule]]\nreply = 3', "{file}: rule 1: 'reply' must be a text, found 3"),
        ("a.toml", '[[rule]]\nreply = "a"\ndelay = true', "{file}: rule 1: 'delay' must be a number, found True"),
        ("a.toml", '[[rule]]\nreply = "a"\ndelay = -1', "{file}: rule 1: 'delay' must be 0 or more seconds, found -1"),
        ("a.toml", '[[rule]]\nreply = "a"\nstatus = "late"', "{file}: rule 1: 'status' must be one of ok, refused, filtered, truncated, error, found 'late'"),
        ("a.toml", '[[rule]]\nreply = "a"\nregex = "("', "{file}: rule 1: 'regex' is not a regular expression: missing ), unterminated subpattern at position 0"),
        ("a.toml", '[[rule]]\nprobabilities = {a = 0}', "{file}: rule 1: 'probabilities' must be numbers of 0 or more, not all 0"),
        ("a.toml", '[[rule]]\nanswr = "a"', "{file}: rule 1: unknown key 'answr'; a rule has: match, regex, reply, status, probabilities, delay, fail, retry, after, fatal"),
        ("a.toml", '[[rule]]\nrepl = "a"', "{file}: rule 1: unknown key 'repl' (did you mean 'reply'?); a rule has: match, regex, reply, status, probabilities, delay, fail, retry, after, fatal"),
        ("a.csv", "", "'{file}' is no answer file; scripted takes a file ending in .toml, .json or .jsonl, or one of: echo, fill"),
    ],
)  # fmt: skip
def test_faults_in_files_are_sentences(tmp_path, name, text, message):
    """Every fault names the file, the rule, what was found and what was expected."""
    file = script(tmp_path, text, name)
    with pytest.raises(ModelError) as failed:
        Scripted(model=file)
    assert str(failed.value) == message.replace("{file}", file)


def test_missing_and_undecodable_files(tmp_path):
    """A file that is not there or not UTF-8 is said so."""
    with pytest.raises(ModelError) as failed:
        Scripted(model="nowhere.toml")
    assert str(failed.value) == "there is no answer file 'nowhere.toml'"
    with pytest.raises(ModelError) as failed:
        Scripted(model="echoo")
    assert str(failed.value) == (
        "'echoo' is no answer file (did you mean 'echo'?); scripted takes a file ending in .toml, "
        ".json or .jsonl, or one of: echo, fill"
    )
    bad = tmp_path / "b.toml"
    bad.write_bytes('default = "é"'.encode("latin-1"))
    with pytest.raises(ModelError) as failed:
        Scripted(model=str(bad))
    assert str(failed.value) == f"{bad}: not UTF-8 text (byte 11); save it as UTF-8"


# -- echo and fill ---------------------------------------------------------------------------------


def test_echo_says_the_last_user_message():
    """Echo repeats what the user said last, and honours no constraint."""
    assert Scripted(model="echo").ask(chat("well?")).text == "well?"
    assert Scripted(model="echo").offers.constraints == frozenset()


def test_fill_is_deterministic_and_varies_with_ask_repeat_sample_and_seed():
    """The same ask gets the same answer; another repeat, sample or seed is another draw."""
    backend = Scripted(model="fill")
    options = tuple("abcdefgh")
    base = choose(options=options)
    assert (
        backend.ask(base)
        == backend.ask(choose(options=options))
        == Scripted(model="fill").ask(base)
    )
    others = [
        choose("else?", options=options),
        choose(options=options, sample=1),
        choose(options=options, trial=trial(1)),
        choose(options=options, decoding=Decoding(seed=5)),
    ]
    replies = {tuple(backend.ask(ask).probabilities.values()) for ask in [base, *others]}
    assert len(replies) == 5


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True))
def test_fill_chooses_over_any_options(options):
    """Probabilities cover exactly the options and sum to one."""
    reply = Scripted(model="fill").ask(choose(options=tuple(options)))
    assert set(reply.probabilities) == set(options)
    assert math.isclose(sum(reply.probabilities.values()), 1)


def test_fill_spreads_over_the_options():
    """Over many asks no option is favoured: each of four is picked 250 ± 5 sd of 1,000 times."""
    backend = Scripted(model="fill")
    pattern = Constraint(pattern=(("a", "b", "c", "d"),))
    said = [backend.ask(chat(f"{n}", constraint=pattern)).text for n in range(1000)]
    for option in "abcd":
        assert abs(said.count(option) - 250) < 5 * math.sqrt(1000 * 0.25 * 0.75)


@given(st.integers())
def test_fill_keeps_to_the_constraint(n):
    """A filled reply is a member of the pattern, the regex or the schema."""
    backend = Scripted(model="fill")
    text = str(n)
    pattern = Constraint(pattern=("w - ", ("x", "y"), "\nv - ", ("x", "y")))
    assert backend.ask(chat(text, constraint=pattern)).text in {
        f"w - {a}\nv - {b}" for a in "xy" for b in "xy"
    }
    regex = r"(Yes|No), [1-5]{2,3}(\.| \w+!?)"
    assert re.fullmatch(regex, backend.ask(chat(text, constraint=Constraint(regex=regex))).text)
    schema = {
        "type": "object",
        "properties": {
            "answer": {"enum": ["A", "B"]},
            "rating": {"type": "integer", "minimum": 1, "maximum": 7},
            "why": {"type": "string", "maxLength": 12},
            "tags": {"type": "array", "items": {"const": "t"}, "minItems": 2},
            "sure": {"type": "boolean"},
            "share": {"type": ["number", "null"]},
            "none": {"anyOf": [{"type": "null"}]},
        },
    }
    said = json.loads(
        backend.ask(chat(text, constraint=Constraint(json_schema=json.dumps(schema)))).text
    )
    assert said["answer"] in "AB"
    assert 1 <= said["rating"] <= 7
    assert len(said["why"]) <= 12
    assert said["tags"] == ["t", "t"]
    assert said["sure"] in (True, False)
    assert isinstance(said["share"], float)
    assert said["none"] is None


GRAMMAR = """
# a list of ratings, one a line
root   ::= line{2,3} end?
line   ::= name ": " rating "\\n"
name   ::= [A-C] | "w" [a-z]+ | "\\"" [^\\]"()a-y] "\\""
rating ::= [1-7] | "(" rating ")"
end    ::= "\\x2e" | ( "!" | "?" )*
"""


@given(st.integers())
def test_fill_keeps_to_a_grammar(n):
    """A filled reply is one that the grammar allows, recursive rules and all."""
    said = Scripted(model="fill").ask(chat(str(n), constraint=Constraint(grammar=GRAMMAR))).text
    name = r'([A-C]|w[a-z]+|"[^\]"()a-y]")'
    found = re.fullmatch(rf"({name}: (\(*[1-7]\)*)\n){{2,3}}(\.|[!?]*)", said)
    assert found
    assert said.count("(") == said.count(")")


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Constraint(grammar="start ::= 'a'"), "grammar: line 1 has \"'a'\", which is not read"),
        (Constraint(grammar='start ::= "a"'), "grammar: it has no rule 'root'"),
        (Constraint(grammar="root ::= rot"), "grammar: there is no rule 'rot'"),
        (Constraint(grammar='root ::= ("a"'), "grammar: a '(' is not closed"),
        (Constraint(grammar='root ::= * "a"'), "grammar: '*' stands where nothing can be repeated"),
        (Constraint(grammar='"a" root ::= "b"'), "grammar: '\"a\"' stands where a rule 'name ::= …' should begin"),
        (Constraint(grammar="root ::= root"), "grammar: its rules call each other without coming to an end"),
        (Constraint(regex="(?=a)"), "regex: the group '(?=' in '(?=a)' cannot be turned into a grammar"),
        (Constraint(json_schema="[]"), "json_schema: a schema is an object, found []"),
        (Constraint(json_schema="{"), "json_schema: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)  # fmt: skip
def test_fill_says_what_it_cannot_draw_from(constraint, message):
    """A form that cannot be read is a failed call that says where."""
    with pytest.raises(CallFailed) as failed:
        Scripted(model="fill").ask(chat(constraint=constraint))
    assert failed.value.message == f"scripted:fill cannot draw from the {message}"


@pytest.mark.parametrize(
    "pattern",
    [r"abc", r"a|b|", r"[^a-z]{3}", r"^\d+-\w*\s?$", r"(?:ab?|c)+", r"(?P<x>q)[]x-]", r".{2,}", r"\x41\u0042\.", r"a{,3}b{2}", r"[\w.-]+?@x"],
)  # fmt: skip
@given(st.integers(0, 1 << 31))
def test_drawn_matches_match(pattern, seed):
    """Whatever is drawn from an expression is a full match of it."""
    assert re.fullmatch(pattern, draw_match(pattern, Seed(seed)))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?=a)b", "the group '(?=' in '(?=a)b' cannot be turned into a grammar"),
        (r"(a)\1", r"'\1' in '(a)\\1' cannot be turned into a grammar"),
        (r"a^b", "an anchor '^' inside in 'a^b' cannot be turned into a grammar"),
        (r"(", "'(' is not a regular expression: missing ), unterminated subpattern at position 0"),
    ],
)
def test_expressions_that_are_not_read(pattern, message):
    """Constructs without one plain meaning are refused by name."""
    with pytest.raises(RegexError) as failed:
        draw_match(pattern, Seed(1))
    assert str(failed.value) == message


def test_simulated_numbers():
    """Log-likelihoods, vectors and hidden states have the right shapes; equal texts are equal."""
    backend = Scripted(model="fill")
    tokens = backend.ask(Loglik(text="to be or not")).tokens
    assert "".join(token.token for token in tokens) == "to be or not"
    assert all(-9.1 < token.logprob < 0 for token in tokens)
    vectors = backend.ask(Embed(texts=("a", "b", "a"))).vectors
    assert len(vectors) == 3
    assert vectors[0] == vectors[2] != vectors[1]
    assert math.isclose(sum(x * x for x in vectors[0]), 1)
    states = backend.ask(Hidden(texts=("a", "b"), layers=(0, 1, -1))).vectors
    assert len(states) == 6
    assert len(set(states)) == 6
    unpooled = backend.ask(Hidden(texts=("one two three",), pooling="none")).vectors
    assert len(unpooled[0]) == 3 * 16


def test_log_probabilities_on_request():
    """Each word gets a log-probability and as many alternatives as were asked for."""
    tokens = Scripted(model="fill").ask(chat(decoding=Decoding(logprobs=5))).tokens
    for token in tokens:
        assert len(token.alternatives) == 5
        assert token.alternatives[token.token] == token.logprob == max(token.alternatives.values())
        assert sum(math.exp(p) for p in token.alternatives.values()) < 1
