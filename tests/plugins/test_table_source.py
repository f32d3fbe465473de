"""The source ``table``: each row becomes an item, or a sentence says why not."""

from __future__ import annotations

import pytest

from gnomon import SourceError
from gnomon.loading import Around
from gnomon_plugins.sources.table import TableRows

GOOD = "id,topic,question,answer\nq1,sums,1 + 1?,2\nq2,words,Say tea.,tea\n"
LINES = (
    '{"id": "q1", "hints": ["one", "two"], "weight": 0.5, "hard": true, "answer": 3}\n'
    "\n"
    '{"id": "q2", "hints": [], "weight": 1, "hard": false, "answer": 4.5}\n'
)


def items(folder, data, name="rows.csv", **options):
    (folder / name).write_text(data, encoding="utf-8")
    return list(
        TableRows(**{"file": name, **options}).items(Around.beside(folder / "measure.toml", 1))
    )


def test_rows_become_items(tmp_path):
    """Groups and the right answer have columns of their own; the other columns, the key too, are fields."""
    first, second = items(tmp_path, GOOD, key="id", groups=("topic",), gold="answer")
    assert (first.key, first.groups, first.gold) == ("q1", {"topic": "sums"}, "2")
    assert first.fields == {"id": "q1", "question": "1 + 1?"}
    assert second.key == "q2"


def test_fields_can_be_named(tmp_path):
    """Only the named columns become fields; without a key column the row's number is the key."""
    first, _ = items(tmp_path, GOOD, fields=("id", "question"))
    assert (first.key, first.fields) == ("1", {"id": "q1", "question": "1 + 1?"})


def test_json_lines(tmp_path):
    """Numbers, truth values and lists of texts keep their types; a number may be the right answer."""
    first, second = items(tmp_path, LINES, name="rows.jsonl", key="id", gold="answer")
    assert first.fields == {"id": "q1", "hints": ("one", "two"), "weight": 0.5, "hard": True}
    assert (first.gold, second.gold) == (3.0, 4.5)


def test_keep_and_limit(tmp_path):
    """``keep`` chooses rows by key, ``limit`` the first of them."""
    assert [item.key for item in items(tmp_path, GOOD, key="id", keep=("q2",))] == ["q2"]
    assert [item.key for item in items(tmp_path, GOOD, key="id", limit=1)] == ["q1"]


def test_only_some_rows(tmp_path):
    """``where`` uses rows by a cell; their numbers stay those of the file."""
    found = items(tmp_path, GOOD, where={"topic": "words"})
    assert [item.key for item in found] == ["2"]
    assert len(items(tmp_path, GOOD, where={"topic": ("words", "sums")})) == 2


def test_examples_come_from_the_other_rows(tmp_path):
    """Each item has a list of a column's cells of all rows but its own, equal texts included."""
    data = "id,say,usable\na,one,1\nb,two,1\nc,one,1\nd,four,0\n"
    found = items(tmp_path, data, key="id", others={"examples": "say"}, where={"usable": "1"})
    assert {item.key: item.fields["examples"] for item in found} == {
        "a": ("two", "one"),
        "b": ("one", "one"),
        "c": ("one", "two"),
    }


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            GOOD,
            {"where": {"topic": "birds"}},
            "no row of 'rows.csv' has topic = 'birds'",
        ),
        (
            GOOD,
            {"others": {"examples": "questions"}},
            "'rows.csv' has no column 'questions' (did you mean 'question'?); "
            "there are: answer, id, question, topic",
        ),
        (
            GOOD,
            {"key": "ids"},
            "'rows.csv' has no column 'ids' (did you mean 'id'?); "
            "there are: answer, id, question, topic",
        ),
        (
            GOOD + "q1,sums,2 + 2?,4\n",
            {"key": "id"},
            "'rows.csv' line 4: 'id' is 'q1', as in line 2; every item needs a key of its own",
        ),
        (GOOD + ",sums,2 + 2?,4\n", {"key": "id"}, "'rows.csv' line 4: 'id' is empty"),
        (
            "id\n",
            {},
            "'rows.csv' has a header and no rows; there is nothing to administer",
        ),
        (
            GOOD,
            {"key": "id", "keep": ("q3",)},
            "'keep' names 'q3', which is not in 'rows.csv'; there are: q1, q2",
        ),
        (
            '{"a": 1}\n{"a": \n',
            {"name": "rows.jsonl"},
            "'rows.jsonl' line 2: not JSON: Expecting value",
        ),
        (
            f'{{"a": 1}}\n{{"a": {"9" * 5000}}}\n',
            {"name": "rows.jsonl"},
            "'rows.jsonl' line 2: a number has too many digits, or lists stand too deep in lists",
        ),
        (
            "[" * 100_000 + "\n",
            {"name": "rows.jsonl"},
            "'rows.jsonl' line 1: a number has too many digits, or lists stand too deep in lists",
        ),
        ("[1]\n", {"name": "rows.jsonl"}, "'rows.jsonl' line 1: a line must hold one JSON object"),
        (
            '{"a": {"b": 1}}\n',
            {"name": "rows.jsonl"},
            "'rows.jsonl' line 1: 'a' holds {\"b\": 1}; a cell is a text, a number, true, false or "
            "a list of texts",
        ),
        (
            '{"a": ["x"]}\n',
            {"name": "rows.jsonl", "gold": "a"},
            "'rows.jsonl': the right answer of '1' is a list; it must be a text or a number",
        ),
    ],
)
def test_faults(tmp_path, data, options, message):
    """Whatever is wrong with the table is said with its place."""
    with pytest.raises(SourceError) as error:
        items(tmp_path, data, **options)
    assert str(error.value) == message


def test_limit_is_checked():
    """A limit below one is refused in a sentence."""
    with pytest.raises(ValueError, match="'limit' must be at least 1, not -1"):
        TableRows(file="x.csv", limit=-1)
