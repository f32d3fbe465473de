"""What is stored comes back equal, whatever a model or a source puts into it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import FACTS, administer, chat_of, key_of, rows, small_run, trial_of

from gnomon import (
    Ask,
    Chat,
    Choose,
    Constraint,
    Decoding,
    Embed,
    Estimate,
    Hidden,
    Item,
    Loglik,
    Message,
    Reply,
    Score,
    StoreError,
    TokenLogprob,
)
from gnomon.store import Store

TEXT = st.text(st.characters(), max_size=40)  # with NUL and lone surrogates
NAME = st.text("abcdefgh", min_size=1, max_size=6)
SCALAR = TEXT | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.booleans()
FIELD = SCALAR | st.lists(TEXT, max_size=4).map(tuple)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=4
).map(tuple)
DECODING = st.builds(
    Decoding,
    temperature=st.none() | st.floats(0, 2) | st.just(0),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(0, 100),
    max_tokens=st.none() | st.integers(0, 9999),
    stop=st.lists(TEXT, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 2**31),
    logprobs=st.integers(0, 20),
)
PATTERN = st.lists(TEXT | st.lists(TEXT, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple)
CONSTRAINT = (
    st.builds(Constraint, pattern=PATTERN)
    | st.builds(Constraint, regex=TEXT)
    | st.builds(Constraint, grammar=TEXT)
    | st.builds(Constraint, json_schema=TEXT)
)
COMMON = {"role": NAME, "name": NAME, "sample": st.integers(0, 5), "imported": st.booleans()}
TEXTS = st.lists(TEXT, min_size=1, max_size=3).map(tuple)
ASK = st.one_of(
    st.builds(
        Chat, messages=MESSAGES, decoding=DECODING, constraint=st.none() | CONSTRAINT, **COMMON
    ),
    st.builds(Choose, messages=MESSAGES, options=TEXTS, decoding=DECODING, **COMMON),
    st.builds(Loglik, text=TEXT, context=TEXT, **COMMON),
    st.builds(Embed, texts=TEXTS, **COMMON),
    st.builds(
        Hidden,
        texts=TEXTS,
        layers=st.lists(st.integers(-9, 9), max_size=3).map(tuple),
        pooling=st.sampled_from(["mean", "last", "none"]),
        **COMMON,
    ),
)
FLOAT = st.floats(allow_nan=False)
REPLY = st.builds(
    Reply,
    status=st.sampled_from(["ok", "refused", "filtered", "truncated", "error"]),
    text=TEXT,
    finish=st.none() | NAME,
    probabilities=st.none() | st.dictionaries(TEXT, st.floats(0, 1), max_size=3),
    exact=st.none() | st.booleans(),
    coverage=st.none() | st.floats(0, 1),
    tokens=st.none()
    | st.lists(
        st.builds(TokenLogprob, TEXT, FLOAT, st.dictionaries(TEXT, FLOAT, max_size=2)), max_size=3
    ).map(tuple),
    vectors=st.none()
    | st.lists(
        st.lists(FLOAT | st.floats(width=32, allow_nan=False), max_size=4).map(tuple), max_size=3
    ).map(tuple),
    missing=st.lists(TEXT, max_size=2).map(tuple),
    tokens_in=st.none() | st.integers(0, 9999),
    tokens_out=st.none() | st.integers(0, 9999),
    cost=st.none() | st.floats(0, 9),
    model=st.none() | TEXT,
    raw=st.none() | TEXT,
    error=st.none() | NAME,
    seconds=st.none() | st.floats(0, 9),
)


@given(turns=st.lists(st.tuples(ASK, REPLY), min_size=1, max_size=4))
@settings(max_examples=60)
def test_asks_and_replies_come_back_equal(turns: list[tuple[Ask, Reply]]) -> None:
    """Every kind of ask and every field of a reply, NUL bytes and lone surrogates included."""
    trial = trial_of(0)
    # Several equal asks would share their first reply; sample numbers keep them apart.
    turns = [(attrs.evolve(ask, sample=at), reply) for at, (ask, reply) in enumerate(turns)]
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial, *turns)
        ((_, record),) = store.trial_records(run)
        assert [(each.ask, each.reply) for each in record.exchanges] == turns
        for (ask, _), each in zip(turns, record.exchanges, strict=True):
            # Equal is not enough for a key: 0 and 0.0 are equal and written differently.
            assert key_of(each.ask) == key_of(ask)


@given(
    key=TEXT,
    fields=st.dictionaries(NAME, FIELD, max_size=4),
    groups=st.dictionaries(NAME, TEXT, max_size=2),
    gold=st.none() | TEXT | FLOAT | st.integers(-(2**70), 2**70),
    levels=st.dictionaries(NAME, TEXT, max_size=2),
    carried=st.dictionaries(NAME, FIELD, max_size=2),
    draws=st.dictionaries(NAME, FIELD, max_size=3),
    join=TEXT,
    hidden=st.booleans(),
)
@settings(max_examples=60)
def test_trials_come_back_equal(
    key: str,
    fields: dict,
    groups: dict,
    gold: object,
    levels: dict,
    carried: dict,
    draws: dict,
    join: str,
    hidden: bool,
) -> None:
    """Fields are put together again from item, levels and draws; tuples are tuples."""
    item = Item(key, fields, groups, gold)  # type: ignore[arg-type]  # hypothesis' union
    everything = {**groups, **fields, **levels, **carried}
    for name, value in draws.items():
        if hidden:
            everything.pop(name, None)
        else:
            everything[name] = join.join(value) if isinstance(value, tuple) else value
    trial = trial_of(4, item=item, levels=levels, draws=draws, fields=everything)
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial)
        ((_, record),) = store.trial_records(run)
        assert record.trial == trial
        assert {name: type(value) for name, value in record.trial.fields.items()} == {
            name: type(value) for name, value in trial.fields.items()
        }


def test_a_text_sqlite_cannot_carry_is_readable_and_exact(tmp_path: Path) -> None:
    """A person sees escapes, a scorer gets the very text."""
    trial = trial_of(0)
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial, (chat_of(trial, "a\x00b"), Reply(text="x\ud800y\x00")))
        assert rows(store, "SELECT prompt, reply FROM trials") == [("a\\x00b", "x\\ud800y\\x00")]
        ((_, record),) = store.trial_records(run)
        assert record.last.text == "x\ud800y\x00"


def test_a_reply_of_ten_megabytes_is_kept_whole(tmp_path: Path) -> None:
    """No length is too much."""
    trial = trial_of(0)
    long = "ten million letters " * 500_000
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial, (chat_of(trial), Reply(text=long, raw=long)))
        ((_, record),) = store.trial_records(run)
        assert record.last.text == record.last.raw == long


def test_a_text_is_stored_once(tmp_path: Path) -> None:
    """A conversation of ten turns holds each of its messages once, not once for each later turn."""
    trial = trial_of(0)
    turns = []
    messages: tuple[Message, ...] = (Message("system", "system text"),)
    for number in range(10):
        messages = (*messages, Message("user", f"question {number} " * 40))
        turns.append((Chat(messages=messages), Reply(text=f"answer {number}")))
        messages = (*messages, Message("assistant", f"answer {number}"))
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        administer(store, run, trial, *turns)
        assert rows(store, "SELECT count(*) FROM text WHERE body LIKE 'question%'") == [(10,)]
        assert rows(store, "SELECT count(*) FROM text WHERE body = 'system text'") == [(1,)]
        ((_, record),) = store.trial_records(run)
        assert record.exchanges[-1].ask == turns[-1][0]
        (shown,) = rows(store, "SELECT messages FROM conversations WHERE position = 1")[0]
        assert shown.startswith("system: system text\n\nuser: question 0 ")
        assert "\n\nassistant: answer 0\n\nuser: question 1 " in shown


def test_only_answers_are_used_again(tmp_path: Path) -> None:
    """Failed and refused attempts are stored and never answer another ask; the newest answer does."""
    ask = chat_of(trial_of(0))
    key = key_of(ask)
    with Store.open(tmp_path / "a.db", write=True) as store:
        for flushed in (False, True):
            for status in ("error", "refused", "filtered"):
                store.add_reply(key, ask, Reply(status=status), attempt=1)
            if flushed:
                store.flush()
            assert store.find_reply(key) is None
        store.add_reply(key, ask, Reply(text="first"), attempt=2)
        newest = store.add_reply(key, ask, Reply(text="second", status="truncated"), attempt=3)
        for _ in range(2):
            found = store.find_reply(key)
            assert found is not None
            assert (found.id, found.reply.text) == (newest, "second")
            store.flush()
        assert rows(store, "SELECT count(*) FROM failures WHERE what = 'reply'") == [(6,)]


def test_the_same_run_is_resumed_and_a_fresh_one_is_not(tmp_path: Path) -> None:
    """One key is one run, unless a fresh one is asked for; each invocation is a session."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        first = store.begin_run(FACTS)
        assert store.begin_run(FACTS) == first
        second = store.begin_run(FACTS, fresh=True)
        assert second != first
        assert store.begin_run(FACTS) == second
        assert store.begin_run(attrs.evolve(FACTS, seed=8)) not in (first, second)
        assert rows(store, "SELECT run_id, count(*) FROM session GROUP BY 1") == [
            (1, 2),
            (2, 2),
            (3, 1),
        ]
        assert store.facts(first) == FACTS


def test_a_trial_is_one_row_and_begun_anew_when_it_was_not_finished(tmp_path: Path) -> None:
    """A resumed trial keeps its number; asks and scores of the broken attempt go, replies stay."""
    trial = trial_of(5)
    first, second = chat_of(trial, "one"), chat_of(trial, "two")
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        scoring = store.begin_scoring(run)
        number = administer(
            store, run, trial, (first, Reply(text="1")), scoring=scoring, finish=False
        )
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        assert 5 not in store.finished(run)
        turns = ((first, Reply(text="never asked")), (second, Reply(text="2")))
        assert administer(store, run, trial, *turns, scoring=scoring) == number
        assert 5 in store.finished(run)
        ((_, record),) = store.trial_records(run)
        assert [each.reply.text for each in record.exchanges] == ["1", "2"]
        assert rows(store, "SELECT position, cached FROM ask ORDER BY 1") == [(0, 1), (1, 0)]
        assert rows(store, "SELECT count(*) FROM score") == [(1,)]
        item_id = store.add_item(trial.item)
        assert store.add_trial(run, item_id, trial) == number
        assert store.verify() == []


def test_finished_is_what_need_not_be_done_again(tmp_path: Path) -> None:
    """Finished ordinals and no others, in any order, negative and later ones included."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        assert len(store.finished(run)) == 0
        for ordinal in (17, 3, 8):
            administer(store, run, trial_of(ordinal))
        administer(store, run, trial_of(9), finish=False)
        finished = store.finished(run)
        assert [ordinal for ordinal in range(-20, 99) if ordinal in finished] == [3, 8, 17]
        assert len(finished) == 3


def test_streams_come_in_plan_order(tmp_path: Path) -> None:
    """Trials by ordinal; items with all their trials, unfinished ones left out."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        for ordinal in (4, 2, 0, 1, 3):
            administer(store, run, trial_of(ordinal))
        administer(store, run, trial_of(5), finish=False)
        assert [record.trial.ordinal for _, record in store.trial_records(run)] == [0, 1, 2, 3, 4]
        found = {
            record.item.key: [each.trial.ordinal for each in record.trials]
            for _, record in store.item_records(run)
        }
        assert found == {"item-0": [0, 3], "item-1": [1, 4], "item-2": [2]}


def test_items_are_stored_by_content(tmp_path: Path) -> None:
    """The same item of another run is the same row; one with other fields is another."""
    item = Item("a", {"word": "salt"})
    with Store.open(tmp_path / "a.db", write=True) as store:
        number = store.add_item(item)
        assert store.add_item(Item("a", {"word": "salt"})) == number
        other = store.add_item(Item("a", {"word": "pepper"}))
        assert other != number
        assert store.add_item(item) == number
    with Store.open(tmp_path / "a.db", write=True) as store:
        assert store.add_item(item) == number


def test_estimates_come_back_equal_and_only_of_the_newest_pass(tmp_path: Path) -> None:
    """Scoring again hides the older pass from people and keeps it."""
    estimate = Estimate(
        quantity="mean",
        value=0.5,
        low=0.1,
        high=0.9,
        level=0.95,
        df=3.0,
        p=0.0,
        log10_p=-400.0,
        n=4,
        method="one-sample t",
        detail={"skew": float("inf")},
        statistic="t",
        of="length",
        group={"category": "spice"},
        counts={"ok": 4, "unparsed": 2},
        p_corrected=0.0,
        correction="holm",
        family="t",
        family_size=3,
    )
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        assert store.newest_scoring(run) is None
        first = store.begin_scoring(run)
        store.replace_estimates(run, first, [estimate, attrs.evolve(estimate, value=0.1)])
        store.replace_estimates(run, first, [estimate])
        assert [row.estimate for row in store.estimates()] == [estimate]
        assert rows(store, "SELECT unparsed, failed, n FROM results") == [(2, 0, 4)]
        second = store.begin_scoring(run)
        assert (first, second) == (1, 2)
        assert store.estimates([run]) == []
        assert rows(store, "SELECT count(*) FROM estimate") == [(1,)]


@given(st.integers() | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30]))
def test_a_count_that_no_column_holds_is_not_known(count: int) -> None:
    """What a server says of its tokens, however absurd, costs no reply."""
    reply = Reply(text="kept", tokens_in=count)
    with TemporaryDirectory() as name:
        with Store.open(Path(name) / "results.db", write=True) as store:
            store.add_reply(b"k" * 16, Chat(messages=(Message("user", "q"),)), reply, attempt=1)
        with Store.open(Path(name) / "results.db") as store:
            found = store.find_reply(b"k" * 16)
    assert found is not None
    fits = -(2**63) <= count < 2**63
    assert (found.reply.text, found.reply.tokens_in) == ("kept", count if fits else None)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """NaN would become an empty cell with status ok."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        scoring = store.begin_scoring(run)
        with pytest.raises(StoreError) as caught:
            store.add_scores(
                run, scoring, [Score(name="d", value=float("nan"))], scorer="d", trial_id=1
            )
        assert str(caught.value) == (
            "the scorer 'd' gave the score 'd' as not-a-number; a score that is missing has no value "
            "and a status that says why"
        )


def test_no_secret_is_stored(tmp_path: Path) -> None:
    """Keys, tokens and passwords in options, plugin options, addresses and the command line are left out."""
    secret = "hunter2"
    role = attrs.evolve(
        FACTS.roles["subject"],
        options={"api_key": secret, "base_url": f"http://me:{secret}@host/v1", "max_tokens": "5"},
    )
    facts = attrs.evolve(
        FACTS,
        roles={"subject": role},
        command=("gnomon", "run", f"http:m?api_key={secret}&max_tokens=5", f"token={secret}"),
        plugins=(
            ("backends", "http", "gnomon", "0", f'{{"headers":{{"Authorization":"{secret}"}}}}'),
        ),
    )
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(facts)
        assert store.facts(run).roles["subject"].options == {
            "api_key": "[not stored]",
            "base_url": "http://[not stored]@host/v1",
            "max_tokens": "5",
        }
        assert store.facts(run).command[2] == "http:m?api_key=[not stored]&max_tokens=5"
        assert store.verify() == []
    assert secret.encode() not in (tmp_path / "a.db").read_bytes()


def test_a_commit_is_never_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tick() commits after 200 replies, or when a second has passed."""
    now = 1000.0
    monkeypatch.setattr("gnomon.store.batch.time.monotonic", lambda: now)
    counts: list[int] = []
    with Store.open(tmp_path / "a.db", write=True) as store:
        store.on_commit = counts.append
        run = store.begin_run(FACTS)
        counts.clear()
        for ordinal in range(399):
            administer(store, run, trial_of(ordinal))
        assert counts == [200]
        now += 1.0
        store.tick()
        assert counts == [200, 399]
        store.tick()
        assert counts == [200, 399]
        assert store.acknowledged == 399


def test_people_read_everything_in_the_views(tmp_path: Path) -> None:
    """Each view has its row, with prompts and replies as text."""
    run = small_run(tmp_path / "a.db", 2)
    with Store.open(tmp_path / "a.db") as store:
        assert rows(store, "SELECT model, item, prompt, reply, status, levels FROM trials") == [
            (
                "scripted:answers",
                "item-0",
                "question 0",
                "answer 0",
                "ok",
                '{"instruction":"plain"}',
            ),
            (
                "scripted:answers",
                "item-1",
                "question 1",
                "answer 1",
                "ok",
                '{"instruction":"plain"}',
            ),
        ]
        assert rows(store, "SELECT score, value, status, item FROM scores") == [
            ("length", 0.0, "ok", "item-0"),
            ("length", 1.0, "ok", "item-1"),
        ]
        assert rows(
            store, "SELECT role, kind, prompt, reply FROM conversations WHERE trial = 1"
        ) == [("subject", "chat", "question 0", "answer 0")]
        assert [found["finished"] for found in store.runs()] == [2]
        assert rows(store, "SELECT run, measure FROM runs") == [(run, "tiny")]


def test_failures_say_why(tmp_path: Path) -> None:
    """An attempt that failed, the refusal, and the score that is missing for it."""
    trial = trial_of(0)
    ask = chat_of(trial)
    key = key_of(ask)
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        scoring = store.begin_scoring(run)
        item_id = store.add_item(trial.item)
        trial_id = store.add_trial(run, item_id, trial)
        store.add_reply(key, ask, Reply(status="error", error="no reply within 5 s"), attempt=1)
        reply_id = store.add_reply(key, ask, Reply(status="refused", finish="safety"), attempt=2)
        store.add_ask(run, trial_id, item_id, 0, ask, key, reply_id, cached=False)
        score = Score(name="length", value=None, status="refused")
        store.add_scores(run, scoring, [score], scorer="length", trial_id=trial_id)
        store.finish_trial(trial_id)
        assert rows(
            store, "SELECT what, trial, item, name, status, attempt, reason, prompt FROM failures"
        ) == [
            ("reply", 1, "item-0", "reply", "error", 1, "no reply within 5 s", "question 0"),
            ("reply", 1, "item-0", "reply", "refused", 2, "safety", "question 0"),
            ("score", 1, "item-0", "length", "refused", None, None, "question 0"),
        ]


def test_a_served_model_and_the_end_of_a_session_are_noted(tmp_path: Path) -> None:
    """Asked for and served are kept apart; a session says how it ended and decides nothing."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        run = store.begin_run(FACTS)
        for _ in range(2):
            store.note_model_served(run, "subject", "answers-2024")
        store.close_session(run, reason="budget", calls=3, cached=1, seconds=0.5, retries=2)
        assert rows(store, "SELECT role, model FROM served") == [("subject", "answers-2024")]
        assert rows(store, "SELECT reason, calls, cached, seconds, cost, more FROM session") == [
            ("budget", 3, 1, 0.5, None, '{"retries":2}')
        ]


def test_a_reading_store_does_not_write(tmp_path: Path) -> None:
    """Writing needs to be asked for when opening."""
    small_run(tmp_path / "a.db", 1)
    with Store.open(tmp_path / "a.db") as store, pytest.raises(StoreError) as caught:
        store.begin_run(FACTS)
    assert str(caught.value) == f"the database {tmp_path / 'a.db'} was opened for reading only"
