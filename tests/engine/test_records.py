"""Records are frozen plain data that can be pickled, and refuse what contradicts itself."""

from __future__ import annotations

import inspect
import pickle

import attrs
import pytest

from gnomon import (
    Ask,
    Capability,
    Chat,
    Choose,
    Constraint,
    Embed,
    Estimate,
    Exchange,
    Hidden,
    Item,
    ItemRecord,
    Loglik,
    Message,
    Need,
    Price,
    Reply,
    Score,
    TokenLogprob,
    Trial,
    TrialRecord,
)
from gnomon.records import ASK_KINDS, REPLY_STATUSES, SCORE_STATUSES

ITEM = Item(key="a", fields={"word": "yes", "list": ("x", "y")}, groups={"half": "even"})
TRIAL = Trial(ordinal=0, item=ITEM, levels={"tone": "x"}, repeat=0, draws={}, fields={"word": "y"})
SAID = (Message("user", "hello"),)
RECORDS = (
    ITEM,
    TRIAL,
    Chat(messages=SAID, constraint=Constraint(pattern=("a", ("b", "c"))), trial=TRIAL),
    Choose(messages=SAID, options=("a", "b")),
    Loglik(text="abc", context="x"),
    Embed(texts=("a",)),
    Hidden(texts=("a",), layers=(0, -1)),
    Reply(text="hi", tokens=(TokenLogprob("h", -0.5, {"g": -2.0}),), probabilities={"a": 1.0}),
    Score(name="s", value=1.0, detail={"lines": 3}),
    Estimate(quantity="mean", value=0.5, group={"tone": "x"}),
    Capability(kinds=["chat"], constraints=["pattern"]),
    Need(kind="chat"),
    Price(tokens_in=1.0, tokens_out=None),
    Exchange(Chat(messages=SAID), Reply(text="hi")),
    TrialRecord(TRIAL, ()),
    ItemRecord(ITEM, ()),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_frozen_and_survives_pickling(record) -> None:
    """Nothing changes after it was made, and workers in other processes see the same."""
    field = attrs.fields(type(record))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(record, field, None)
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_field_is_documented(record) -> None:
    """A record's fields are explained in its docstring, or in its base's, or the record is tiny."""
    cls = type(record)
    text = " ".join(inspect.getdoc(base) or "" for base in cls.__mro__[:-1])
    undocumented = [
        field.name
        for field in attrs.fields(cls)
        if not field.name.startswith("_") and f"{field.name}" not in text
    ]
    # Where the name says all, the class sentence is the documentation.
    plain = {
        Message: {"content", "role"},
        Exchange: {"ask", "reply"},
        TokenLogprob: {"logprob"},
        Chat: {"messages", "decoding", "constraint"},
        Choose: {"decoding"},
        Loglik: {"text", "context"},
        Embed: {"texts"},
        Hidden: {"texts"},
        Price: {"tokens_in", "tokens_out"},
        TrialRecord: {"trial", "exchanges"},
        ItemRecord: {"item", "trials"},
    }
    assert set(undocumented) <= plain.get(cls, set())


def test_the_kinds_of_ask_are_the_five() -> None:
    """Each kind has its record, told apart by ``kind``."""
    kinds = {cls.kind: cls for cls in Ask.__subclasses__()}
    assert tuple(kinds) == ASK_KINDS
    assert {record.kind for record in RECORDS if isinstance(record, Ask)} == set(ASK_KINDS)
    assert set(SCORE_STATUSES) - set(REPLY_STATUSES) == {"unparsed"}


def test_the_trial_is_no_part_of_an_asks_identity() -> None:
    """Equal asks of two trials are equal, so one stored reply serves both."""
    assert Chat(messages=SAID, trial=TRIAL) == Chat(messages=SAID)
    assert hash(Chat(messages=SAID, trial=TRIAL)) == hash(Chat(messages=SAID))
    assert Chat(messages=SAID, sample=1) != Chat(messages=SAID)
    assert "trial" not in repr(Chat(messages=SAID, trial=TRIAL))


def test_an_items_mappings_are_its_own() -> None:
    """Changing what it was made from does not change the item."""
    fields = {"word": "yes"}
    item = Item(key="a", fields=fields)
    fields["word"] = "no"
    assert item.fields["word"] == "yes"


@pytest.mark.parametrize(
    "given",
    [{}, {"regex": "a", "grammar": "root ::= 'a'"}, {"pattern": ("a",), "json_schema": "{}"}],
)
def test_a_constraint_has_exactly_one_form(given) -> None:
    """None and two are refused."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is asserted whole
        Constraint(**given)
    assert str(caught.value) == (
        "a constraint has exactly one of: pattern, regex, grammar, json_schema"
    )


@pytest.mark.parametrize("form", ["pattern", "regex", "grammar", "json_schema"])
def test_a_constraint_knows_its_form(form: str) -> None:
    """Backends are checked by this name."""
    assert Constraint(**{form: ("a",) if form == "pattern" else "a"}).form == form


@pytest.mark.parametrize("status", ["refused", "filtered", "error", "unparsed"])
def test_a_failure_has_no_value(status) -> None:
    """A failure is never a low score."""
    assert Score(name="s", value=None, status=status).value is None
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is asserted whole
        Score(name="s", value=0.0, status=status)
    assert str(caught.value) == f"score 's' has status {status!r} and may not have a value"


def test_a_score_that_is_ok_has_a_value() -> None:
    """And a truncated one may have."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is asserted whole
        Score(name="s", value=None)
    assert str(caught.value) == "score 's' has status 'ok' and needs a value"
    assert Score(name="s", value=2.0, status="truncated").value == 2.0


def test_replies_are_found_by_name() -> None:
    """The last of a name, the last of all, or a sentence."""
    asked = [
        Exchange(Chat(messages=SAID, name=name), Reply(text=text))
        for name, text in (("first", "1"), ("mark", "2"), ("first", "3"))
    ]
    record = TrialRecord(TRIAL, tuple(asked))
    assert record.last.text == "3"
    assert record.reply("first").text == "3"
    assert record.reply("mark").text == "2"
    with pytest.raises(LookupError) as caught:
        record.reply("other")
    assert str(caught.value) == "this trial has no reply named 'other'"
    with pytest.raises(LookupError) as caught:
        _ = TrialRecord(TRIAL, ()).last
    assert str(caught.value) == "this trial has no reply"
