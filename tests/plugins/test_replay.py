"""The replay backend: published replies found by item, levels, repeat and turn."""

from __future__ import annotations

import csv
import pickle
import re
import tracemalloc
from pathlib import Path

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from gnomon import CallFailed, Chat, Choose, Item, Loglik, Message, ModelError, Trial
from gnomon.store import Store
from gnomon_plugins.backends.replay import Replay
from shared_data import shared_data


def trial(item: str = "a", repeat: int = 0, **levels: str) -> Trial:
    return Trial(0, Item(item), levels, repeat, {}, {})


def chat(trial: Trial | None, **more) -> Chat:
    return Chat(messages=(Message("user", "?"),), trial=trial, **more)


def choose(trial: Trial) -> Choose:
    return Choose(messages=(Message("user", "?"),), options=("yes", "no"), trial=trial)


def table(folder: Path, data: str | bytes, name: str = "published.csv") -> str:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def test_finds_by_item_and_levels(tmp_path):
    """Columns named as factors are compared with the trial's levels; others are left alone."""
    file = table(
        tmp_path,
        'item,tone,reply,notes\na,warm,hello,x\na,cold,"bye, ""now""\nthen",y\nb,cold,no,z\n',
    )
    backend = Replay(model=file)
    assert backend.ask(chat(trial("a", tone="warm"))).text == "hello"
    assert backend.ask(chat(trial("a", tone="cold"))).text == 'bye, "now"\nthen'
    reply = backend.ask(chat(trial("b", tone="cold")))
    assert (reply.text, reply.model, reply.cost, reply.status) == ("no", "published.csv", 0.0, "ok")
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial("b", tone="warm")))
    assert failed.value.message == (
        f"{file} has no reply for item 'b', tone 'warm', repeat 0 (it has none)"
    )
    assert not failed.value.retry
    assert not failed.value.fatal


def test_each_trial_of_a_run_gets_its_own_row(tmp_path):
    """Also where the prompts of several trials are the same: a published reply never answers for another trial."""
    cells = [(f"w{number}", tone) for number in range(3) for tone in ("plain", "polite")]
    lines = [f"{item},{tone},reply to {item} {tone}" for item, tone in cells]
    file = table(tmp_path, "\n".join(["item,tone,reply", *lines]) + "\n")
    text = tiny.SPEC.replace("Say something {{tone}} about {{word}}.", "Say something.")
    for calls in (6, 0):
        outcome = tiny.run_tiny(tmp_path, text, roles={"subject": f"replay:{file}"})
        assert outcome.tally.calls == calls
    with Store.open(tmp_path / "results.db") as store:
        sql = "SELECT trials.item, levels ->> 'tone', conversations.reply FROM trials JOIN conversations USING (trial)"
        found = list(store.query(f"{sql} ORDER BY trial")[1])
        assert store.verify() == []
        assert [one.note for one in store.explainer().trial(1)] == [""]
    assert sorted(found) == [(item, tone, f"reply to {item} {tone}") for item, tone in cells]


def test_factors_that_the_table_does_not_have(tmp_path):
    """They are ignored only when named, since one row then answers for all their levels."""
    file = table(tmp_path, "item,tone,reply\na,warm,hello\n")
    with pytest.raises(CallFailed) as failed:
        Replay(model=file).ask(chat(trial("a", tone="warm", order="ab")))
    assert failed.value.message == (
        f"{file} has no column for the factor 'order'; if its rows stand for every level of it, "
        "give ignore=order"
    )
    assert failed.value.fatal
    backend = Replay(model=file, ignore=("order",))
    replies = [backend.ask(chat(trial("a", tone="warm", order=level))) for level in ("ab", "ba")]
    assert [reply.text for reply in replies] == ["hello", "hello"]


def test_levels_and_items_by_other_names(tmp_path):
    """Cells are compared under the names that the table uses."""
    file = table(tmp_path, "item,tone,reply\nA1,hot,hello\n")
    backend = Replay(model=file, rename=("warm:hot", "a:A1"))
    assert backend.ask(chat(trial("a", tone="warm"))).text == "hello"
    with pytest.raises(ValueError, match=r"^rename takes pairs LEVEL:CELL, found 'warm'$"):
        Replay(model=file, rename=("warm",))


def test_several_tables_as_one(tmp_path):
    """With a star the files of the same columns are one table, in the order of their names."""
    for name, text in (("p2.csv", "item,reply\na,two\n"), ("p1.csv", "reply,item\none,a\nx,b\n")):
        table(tmp_path, text, name)
    backend = Replay(model=str(tmp_path / "p*.csv"))
    assert [backend.ask(chat(trial("a", n))).text for n in (0, 1)] == ["one", "two"]
    assert len(backend.identity["sha256"].split()) == 2
    table(tmp_path, "item,text\na,three\n", "p3.csv")
    with pytest.raises(ModelError) as failed:
        Replay(model=str(tmp_path / "p*.csv"))
    assert str(failed.value) == (
        f"{tmp_path / 'p3.csv'} has the columns item, text, and {tmp_path / 'p1.csv'} has "
        "reply, item; all tables need the same"
    )
    for name in ("q1.csv", "q2.csv"):
        table(tmp_path, "item,repeat,reply\na,0,x\n", name)
    with pytest.raises(CallFailed) as failed_call:
        Replay(model=str(tmp_path / "q*.csv")).ask(chat(trial()))
    assert failed_call.value.message == (
        f"{tmp_path / 'q*.csv'}: two rows are for item 'a', repeat '0'; "
        "keep one of them, or name the columns that tell them apart"
    )
    with pytest.raises(ModelError) as missing:
        Replay(model=str(tmp_path / "z*.csv"))
    assert str(missing.value) == f"there is no file '{tmp_path / 'z*.csv'}'"


def test_published_replies_of_gpt4o():
    """The published association replies are found as they are, 50 an item over 21 tables."""
    data = shared_data()
    if data is None:
        pytest.skip("the shared data is not beside the checkout; set GNOMON_SHARED_DATA")
    folder = data / "published" / "bai-2024" / "gpt4o"
    backend = Replay(
        model=str(folder / "*.csv"), item="category", reply="0", served="llm", ignore=("order",)
    )
    for item in ("racism", "career"):
        replies = [backend.ask(chat(trial(item, n, order="ab"))) for n in range(50)]
        assert {reply.model for reply in replies} == {"gpt4o"}
        assert len({reply.text for reply in replies}) > 45
    with pytest.raises(CallFailed):
        backend.ask(chat(trial("racism", 50, order="ab")))
    backend.close()


def test_rows_of_one_key_are_repeats_in_order(tmp_path):
    """Without a repeat column the n-th row of a key answers repeat n, and no row answers twice."""
    file = table(tmp_path, "item,reply\na,one\nb,other\na,two\n")
    backend = Replay(model=file)
    assert [backend.ask(chat(trial("a", n))).text for n in (1, 0)] == ["two", "one"]
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial("a", 2)))
    assert failed.value.message == f"{file} has no reply for item 'a', repeat 2 (it has 2 rows)"


def test_repeat_column_and_first_repeat(tmp_path):
    """A repeat column is compared, counted from where the table counts."""
    file = table(tmp_path, "item,repeat,reply\na,2,two\na,1,one\n")
    backend = Replay(model=file, first_repeat=1)
    assert [backend.ask(chat(trial("a", n))).text for n in (0, 1)] == ["one", "two"]
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial("a", 2)))
    assert failed.value.message == f"{file} has no reply for item 'a', repeat '3'"


def test_doubled_rows_are_a_fault(tmp_path):
    """Two rows for one item, levels and repeat cannot both be the reply."""
    file = table(tmp_path, "item,repeat,reply\na,0,one\na,0,two\n")
    with pytest.raises(CallFailed) as failed:
        Replay(model=file).ask(chat(trial()))
    assert failed.value.message == (
        f"{file}: two rows are for item 'a', repeat '0'; "
        "keep one of them, or name the columns that tell them apart"
    )
    assert failed.value.fatal


def test_named_columns_and_one_model_of_several(tmp_path):
    """Columns are mapped by options, and ``of`` keeps one model's rows."""
    file = table(tmp_path, "id,text,llm\na,one,m1\na,two,m2\n")
    reply = Replay(model=file, item="id", reply="text", served="llm", of="m2").ask(chat(trial()))
    assert (reply.text, reply.model) == ("two", "m2")
    with pytest.raises(CallFailed) as failed:
        Replay(model=file, item="id", reply="text", served="llm", of="m3").ask(chat(trial()))
    assert failed.value.message == f"{file}: there are no rows of model 'm3'"


def test_turns_and_samples(tmp_path):
    """Several asks of a trial are told apart by the turn and sample columns, or refused."""
    file = table(tmp_path, "item,turn,n,reply\na,x,0,x0\na,x,1,x1\na,y,0,y0\n")
    backend = Replay(model=file, sample="n")
    asks = [chat(trial(), name="x", sample=1), chat(trial(), name="y")]
    assert [backend.ask(ask).text for ask in asks] == ["x1", "y0"]
    plain = table(tmp_path, "item,reply\na,r\na,s\n", "plain.csv")
    backend = Replay(model=plain)
    assert backend.ask(chat(trial(), name="x", sample=1)).text == "s"
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial(), name="y"))
    assert failed.value.message == (
        f"the trials ask for 'x' and 'y', and {plain} has no column that tells them apart; "
        "name it with turn=COLUMN"
    )
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial(repeat=1), name="x", sample=1))
    assert failed.value.message == (
        f"{plain} has no columns for repeat and sample, so its rows cannot be told apart; "
        "name them with repeat=COLUMN and sample=COLUMN"
    )


def test_choose_takes_the_text_as_the_option(tmp_path):
    """A published choice is one sample: all the probability, marked as not exact."""
    file = table(tmp_path, "item,reply\na, no \nb,perhaps\n")
    backend = Replay(model=file)
    reply = backend.ask(choose(trial()))
    assert (reply.probabilities, reply.exact) == ({"yes": 0.0, "no": 1.0}, False)
    with pytest.raises(CallFailed) as failed:
        backend.ask(choose(trial("b")))
    assert failed.value.message == f"{file}: the reply 'perhaps' is none of the options: yes, no"


def test_status_column(tmp_path):
    """A published refusal keeps its status, a published failure is a failed call."""
    file = table(tmp_path, "item,reply,status\na,no,refused\nb,timed out,error\nc,x,late\n")
    backend = Replay(model=file)
    assert backend.ask(chat(trial())).status == "refused"
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial("b")))
    assert failed.value.message == f"{file}: the call is published as failed: timed out"
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(trial("c")))
    assert failed.value.message == (
        f"{file}: the status of a reply must be one of ok, refused, filtered, truncated, error, "
        "found 'late'"
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"\xef\xbb\xbfitem,reply\r\na,caf\xc3\xa9\r\n\r\nb,x\r\n"),
        ("a.tsv", "item\treply\na\tcafé\nb\tx".encode()),
        ("a.jsonl", b'{"item": "a", "reply": "caf\\u00e9"}\r\n\r\n{"item": "b", "reply": "x"}\r\n'),
        ("a.jsonl", b'\xef\xbb\xbf{"item": "a", "reply": "caf\xc3\xa9"}\n{"reply": "x", "item": "b"}'),
    ],
)  # fmt: skip
def test_byte_order_marks_line_ends_and_blank_lines(tmp_path, name, data):
    """A BOM, CRLF, blank lines and a missing last line break change nothing."""
    backend = Replay(model=table(tmp_path, data, name))
    assert [backend.ask(chat(trial(item))).text for item in "ab"] == ["café", "x"]


def test_other_encodings(tmp_path):
    """A named encoding is used; without it the line and byte are said."""
    file = table(tmp_path, "item,reply\na,café\n".encode("latin-1"))
    assert Replay(model=file, encoding="latin-1").ask(chat(trial())).text == "café"
    with pytest.raises(CallFailed) as failed:
        Replay(model=file).ask(chat(trial()))
    assert failed.value.message == (
        f"{file}:2: not utf-8 text (byte 5 of the line: 0xe9); name its encoding, or save it as UTF-8"
    )
    for encoding, message in (
        ("utf-16", "encoding 'utf-16' has line breaks of several bytes; save the table as UTF-8"),
        ("utf-99", "there is no encoding 'utf-99'"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            Replay(model=file, encoding=encoding)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "{file}: the table is empty"),
        ("a.csv", b"item,reply,reply\n", "{file}: the column 'reply' occurs twice"),
        ("a.csv", b"id,reply\n", "{file}: there is no column 'item'; there are: id, reply (name the right one with item=COLUMN)"),
        ("a.csv", b"item,text\n", "{file}: there is no column 'reply'; there are: item, text (name the right one with reply=COLUMN)"),
        ("a.csv", "item,reply".encode("utf-16"), "{file}: this is UTF-16 and not plain text; save it as UTF-8"),
        ("a.csv", b"PAR1....", "{file}: this is Parquet and not plain text; save it as UTF-8"),
        ("a.parquet", b"PAR1....", "'{file}' is no table of replies; such a file ends in .csv, .tsv or .jsonl"),
        ("a.jsonl", b"[1]\n", "{file}:1: expected an object, found '[1]'"),
        ("a.jsonl", b"{\n", "{file}:1: not JSON: Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
    ],
)  # fmt: skip
def test_faults_found_when_opened(tmp_path, name, data, message):
    """A table that cannot be one is refused before the first ask."""
    file = table(tmp_path, data, name)
    with pytest.raises(ModelError) as failed:
        Replay(model=file)
    assert str(failed.value) == message.replace("{file}", file)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"item,reply\na,b,c\n", "{file}:2: this row has 3 cells, but there are 2 columns"),
        ("a.csv", b'item,reply\na,"b\n', "{file}:2: not a readable table: unexpected end of data"),
        ("a.csv", b"item,reply\n", "{file}: there are no rows"),
        ("a.jsonl", b'{"item": "a", "reply": "b"}\n{"reply": "c"}\n', "{file}: row 2 has no 'item'"),
    ],
)  # fmt: skip
def test_faults_found_when_read(tmp_path, name, data, message):
    """A malformed row is named by its line, and no further ask would fare better."""
    file = table(tmp_path, data, name)
    with pytest.raises(CallFailed) as failed:
        Replay(model=file).ask(chat(trial()))
    assert failed.value.message == message.replace("{file}", file)
    assert failed.value.fatal


def test_wrong_asks(tmp_path):
    """There is no reply without a trial, nor for another kind, nor from a missing file."""
    backend = Replay(model=table(tmp_path, "item,reply\na,b\n"))
    with pytest.raises(CallFailed) as failed:
        backend.ask(chat(None))
    assert failed.value.message == "replay finds replies by trial, and this ask belongs to none"
    with pytest.raises(CallFailed) as failed:
        backend.ask(Loglik(text="a"))
    assert failed.value.message == "replay does not answer asks of kind 'loglik'"
    backend.close()
    with pytest.raises(ModelError) as missing:
        Replay(model="nowhere.csv")
    assert str(missing.value) == "there is no table of replies 'nowhere.csv'"


def test_pickles_and_reopens(tmp_path):
    """A copy in another process, or one that was closed, opens the table again."""
    backend = Replay(model=table(tmp_path, "item,reply\na,b\n"))
    copy = pickle.loads(pickle.dumps(backend))
    assert copy.ask(chat(trial())).text == "b"
    assert copy.identity == backend.identity
    copy.close()
    assert copy.ask(chat(trial())).text == "b"
    copy.close()
    backend.close()


@given(
    st.lists(
        st.tuples(st.text("ab\u00e9 \"',;", max_size=3), st.text(max_size=20)),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_comes_back_as_written(tmp_path_factory, rows):
    """Whatever a csv writer writes is found again, cell for cell."""
    rows = [(key, text) for key, text in rows if not re.search("[\ud800-\udfff\0]", text)]
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("item", "reply"), *rows])
    if not rows:
        return
    backend = Replay(model=str(path))
    seen: dict[str, int] = {}
    for key, text in rows:
        assert backend.ask(chat(trial(key, seen.get(key, 0)))).text == text
        seen[key] = seen.get(key, 0) + 1
    backend.close()


def test_a_large_table_is_not_held_in_memory(tmp_path):
    """100,000 rows of 1 kB (100 MB) are indexed and read within 12 MB."""
    file = tmp_path / "big.csv"
    with file.open("w", encoding="utf-8") as stream:
        stream.write("item,reply\n")
        for n in range(100_000):
            stream.write(f"k{n},{'x' * 1000}{n}\n")
    backend = Replay(model=str(file))
    tracemalloc.start()
    assert backend.ask(chat(trial("k77777"))).text.endswith("x77777")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    backend.close()
    assert peak < 12e6
