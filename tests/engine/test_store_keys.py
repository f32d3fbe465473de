"""Keys: whatever could change an answer changes the key of a reply, and nothing else does."""

from __future__ import annotations

import time

import attrs
import pytest
from store_samples import FACTS, SUBJECT, chat_of, trial_of

from gnomon import Ask, Chat, Choose, Constraint, Decoding, Embed, Hidden, Loglik, Message
from gnomon.store import KEY_VERSION, RoleFacts, key_parts, keys, reply_key

CHAT = Chat(
    messages=(Message("system", "be brief"), Message("user", "hello")),
    decoding=Decoding(temperature=0.5),
    constraint=Constraint(regex="a+"),
)
CHOOSE = Choose(messages=(Message("user", "a or b?"),), options=("a", "b"))
LOGLIK = Loglik(text="the end", context="once")
EMBED = Embed(texts=("salt", "pepper"))
HIDDEN = Hidden(texts=("salt",), layers=(-1,), pooling="mean")
CALL = {"backend": "http", "model": "m", "options": {"base_url": "a"}, "identity": {}, "repeat": 0}


def key(ask: Ask, **changes: object) -> bytes:
    return reply_key(ask, **{**CALL, **changes})


OTHERS = [
    (CHAT, {"messages": (Message("user", "hello"),)}),
    (CHAT, {"messages": (Message("system", "be long"), Message("user", "hello"))}),
    (CHAT, {"messages": (Message("user", "be brief"), Message("user", "hello"))}),
    *[
        (CHAT, {"decoding": attrs.evolve(CHAT.decoding, **change)})
        for change in (
            {"temperature": 0.6},
            {"temperature": None},
            {"top_p": 0.5},
            {"top_k": 5},
            {"max_tokens": 5},
            {"stop": ("x",)},
            {"seed": 5},
            {"logprobs": 5},
        )
    ],
    (CHAT, {"constraint": None}),
    (CHAT, {"constraint": Constraint(regex="b+")}),
    (CHAT, {"constraint": Constraint(grammar="a+")}),
    (CHAT, {"constraint": Constraint(json_schema="a+")}),
    (CHAT, {"constraint": Constraint(pattern=("a+",))}),
    (CHAT, {"sample": 1}),
    (CHAT, {"imported": True}),
    (CHOOSE, {"options": ("b", "a")}),
    (CHOOSE, {"messages": (Message("user", "b or a?"),)}),
    (CHOOSE, {"decoding": Decoding(temperature=1.0)}),
    (CHOOSE, {"sample": 1}),
    (CHOOSE, {"imported": True}),
    (LOGLIK, {"text": "the start"}),
    (LOGLIK, {"context": ""}),
    (LOGLIK, {"sample": 1}),
    (LOGLIK, {"imported": True}),
    (EMBED, {"texts": ("salt",)}),
    (EMBED, {"sample": 1}),
    (EMBED, {"imported": True}),
    (HIDDEN, {"texts": ("pepper",)}),
    (HIDDEN, {"layers": (0,)}),
    (HIDDEN, {"pooling": "last"}),
    (HIDDEN, {"sample": 1}),
    (HIDDEN, {"imported": True}),
]


@pytest.mark.parametrize(("ask", "change"), OTHERS, ids=lambda value: str(value)[:60])
def test_every_part_of_an_ask_is_in_its_key(ask: Ask, change: dict[str, object]) -> None:
    """Another value of any deciding attribute is another key."""
    assert key(attrs.evolve(ask, **change)) != key(ask)


def test_no_deciding_attribute_is_forgotten() -> None:
    """Every attribute of every kind of ask, and of Decoding, is varied above or named as not deciding."""
    free = {"role", "name", "trial"}
    for kind in (CHAT, CHOOSE, LOGLIK, EMBED, HIDDEN):
        varied = {name for ask, change in OTHERS if type(ask) is type(kind) for name in change}
        assert varied == {field.name for field in attrs.fields(type(kind))} - free
    decoding = {
        field.name
        for ask, change in OTHERS
        if ask is CHAT and isinstance(change.get("decoding"), Decoding)
        for field in attrs.fields(Decoding)
        if getattr(change["decoding"], field.name) != getattr(CHAT.decoding, field.name)
    }
    assert decoding == {field.name for field in attrs.fields(Decoding)}


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "local"},
        {"model": "n"},
        {"options": {"base_url": "b"}},
        {"options": {}},
        {"identity": {"sha256": "0"}},
        {"repeat": 1},
    ],
    ids=str,
)
def test_who_is_asked_is_in_the_key(change: dict[str, object]) -> None:
    """Another backend, model, option, identity or repeat is another key, and is named as a part of it."""
    assert key(CHAT, **change) != key(CHAT)
    assert parts(CHAT, **change) != parts(CHAT)


def parts(ask: Ask, **changes: object) -> object:
    call = {**CALL, **changes}
    repeat = call.pop("repeat")
    return key_parts(ask, RoleFacts(role="subject", **call), repeat)


@pytest.mark.parametrize(("ask", "change"), OTHERS)
def test_what_changes_a_key_is_named_as_a_part_of_it(ask: Ask, change: dict[str, object]) -> None:
    """An explanation names every part of an ask that can keep a reply from being used."""
    assert parts(ask) != parts(attrs.evolve(ask, **change))
    assert parts(attrs.evolve(ask, role="judge", name="verdict")) == parts(ask)


def test_the_version_of_the_key_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new canonical form can never hit an old reply."""
    before = key(CHAT)
    monkeypatch.setattr(keys, "KEY_VERSION", KEY_VERSION + 1)
    assert key(CHAT) != before


def test_role_name_and_trial_are_not_in_the_key() -> None:
    """The same question under another name has the same answer."""
    other = attrs.evolve(CHAT, role="judge", name="verdict", trial=trial_of(3))
    assert key(other) == key(CHAT)


def test_name_and_trial_are_in_the_key_of_who_answers_by_them() -> None:
    """A table of published replies says another thing of another item or condition, whatever the prompt."""
    call = {**CALL, "identity": {"sha256": "0", **keys.BY_TRIAL}}
    repeat = call.pop("repeat")
    places = [None, ("a", {"tone": "warm"}), ("a", {"tone": "cold"}), ("b", {"tone": "warm"})]
    asks = [CHAT, attrs.evolve(CHAT, name="second")]
    made = [reply_key(ask, **call, repeat=repeat, trial=at) for ask in asks for at in places]
    role = RoleFacts(role="subject", **call)
    said = [str(key_parts(ask, role, repeat, at)) for ask in asks for at in places]
    assert len(set(made)) == len(set(said)) == len(made)
    other = attrs.evolve(CHAT, role="judge")
    assert reply_key(other, **call, repeat=repeat, trial=places[1]) == made[1]
    assert key(CHAT, trial=places[1]) == key(CHAT)


def test_the_kind_is_in_the_key() -> None:
    """Embedding a text and reading its hidden states are different questions."""
    assert len({key(ask) for ask in (CHAT, CHOOSE, LOGLIK, EMBED, HIDDEN)}) == 5


def test_a_key_is_written_down() -> None:
    """The canonical form is a contract: this key may change only with KEY_VERSION."""
    assert KEY_VERSION == 1
    assert key(CHAT).hex() == "e18641fa8bab31a859989891c455d2eb"


def test_a_key_is_quick() -> None:
    """A key of a 700-byte prompt takes well under a millisecond of the processor."""
    ask = chat_of(trial_of(0), "word " * 140)
    best = min(_seconds(ask) for _ in range(20))
    assert best < 200e-6


def _seconds(ask: Ask) -> float:
    began = time.thread_time()
    key(ask)
    return time.thread_time() - began


@pytest.mark.parametrize(
    "change",
    [
        {"measure": "other"},
        {"spec_text": "measure = 'other'"},
        {"seed": 8},
        {"repeats": 3},
        {"limit": 10},
        {"format": "constrained"},
        {"plan": {}},
        {"roles": {"subject": attrs.evolve(SUBJECT, model="others")}},
        {"roles": {"subject": attrs.evolve(SUBJECT, options={})}},
        {"roles": {"subject": attrs.evolve(SUBJECT, identity={"sha256": "0"})}},
        {"roles": {"subject": SUBJECT, "judge": RoleFacts(role="judge", backend="b", model="m")}},
    ],
    ids=str,
)
def test_what_decides_a_runs_numbers_is_in_its_key(change: dict[str, object]) -> None:
    """Another spec, seed, number of repeats, limit, format, model or plan is another run."""
    assert attrs.evolve(FACTS, **change).key != FACTS.key


def test_where_and_when_it_ran_is_not_in_its_key() -> None:
    """A run is resumed from another commit, with another command or version of a library."""
    other = attrs.evolve(
        FACTS,
        command=("x",),
        versions={},
        git_commit="0",
        git_dirty=True,
        executor="ray",
        plugins=(),
    )
    assert other.key == FACTS.key
