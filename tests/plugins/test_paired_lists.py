"""The source ``paired-lists``: a tidy table becomes items with list fields, or a sentence."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import SourceError
from gnomon.loading import Around
from gnomon_plugins.sources.paired_lists import PairedLists

HEADER = "item,category,list,value\n"
GOOD = HEADER + "a,x,good,joy\na,x,bad,war\na,x,bad,woe\nb,y,good,tea\nb,y,bad,ash\n"


def items(folder, data, name="lists.csv", **options):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    source = PairedLists(**{"file": name, "groups": ("category",), **options})
    return list(source.items(Around.beside(folder / "measure.toml", 1)))


def error(folder, data, **options):
    with pytest.raises(SourceError) as raised:
        items(folder, data, **options)
    return str(raised.value)


def test_one_item_per_name(tmp_path):
    """Items come in the file's order with their lists as tuples and their groups."""
    first, second = items(tmp_path, GOOD)
    assert (first.key, first.groups) == ("a", {"category": "x"})
    assert first.fields == {"good": ("joy",), "bad": ("war", "woe")}
    assert (second.key, second.fields["bad"]) == ("b", ("ash",))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("joy", '" joy "').replace("\n", "\n\n").encode(),
        GOOD.replace("a,x,good,joy", '"a","x","good","joy"').encode(),
    ],
    ids=["byte-order mark", "crlf", "blanks and empty lines", "quotes"],
)
def test_forms_of_the_same_table(tmp_path, data):
    """Byte-order mark, line ends, quotes and outer blanks make no difference."""
    assert items(tmp_path, data) == items(tmp_path, GOOD)


def test_other_formats(tmp_path):
    """Tabs and JSON lines are read by the file's ending."""
    rows = [line.split(",") for line in GOOD.splitlines()]
    tabs = "\n".join("\t".join(row) for row in rows)
    lines = "\n".join(json.dumps(dict(zip(rows[0], row, strict=True))) for row in rows[1:])
    assert items(tmp_path, tabs, name="lists.tsv") == items(tmp_path, GOOD)
    assert items(tmp_path, lines, name="lists.jsonl") == items(tmp_path, GOOD)


def test_a_value_may_hold_anything(tmp_path):
    """Separators, quotes and line breaks inside a quoted value stay as they are."""
    (item,) = items(tmp_path, HEADER + 'a,x,good,"one, ""two""\nthree"\n')
    assert item.fields["good"] == ('one, "two"\nthree',)


def test_columns_can_be_renamed(tmp_path):
    """The three columns have the names that the options give them."""
    data = "test,kind,word\na,good,joy\n"
    (item,) = items(tmp_path, data, item="test", list="kind", value="word", groups=())
    assert (item.key, item.fields, item.groups) == ("a", {"good": ("joy",)}, {})


def test_keep_and_limit(tmp_path):
    """``keep`` chooses items by name, ``limit`` the first of them."""
    assert [item.key for item in items(tmp_path, GOOD, keep=("b",))] == ["b"]
    assert [item.key for item in items(tmp_path, GOOD, limit=1)] == ["a"]
    assert [item.key for item in items(tmp_path, GOOD, keep=("a", "b"), limit=1)] == ["a"]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("", {}, "'lists.csv' is empty; its first line must name the columns"),
        (HEADER, {}, "'lists.csv' has a header and no rows; there is nothing to administer"),
        (
            GOOD,
            {"value": "values"},
            "'lists.csv' has no column 'values' (did you mean 'value'?); "
            "there are: category, item, list, value",
        ),
        ("a,b,a\n1,2,3\n", {}, "'lists.csv' has two columns called 'a'"),
        (
            HEADER + "a,x,good\n",
            {},
            "'lists.csv' line 2: 3 cells, but the header has 4 "
            "(quote a cell that holds the separator)",
        ),
        (
            HEADER + "a,x,good,one,two\n",
            {},
            "'lists.csv' line 2: 5 cells, but the header has 4 "
            "(quote a cell that holds the separator)",
        ),
        (
            HEADER + 'a,x,good,"one\n',
            {},
            "'lists.csv' line 2: not a readable table row: unexpected end of data",
        ),
        (HEADER + "a,x,good, \n", {}, "'lists.csv' line 2: 'value' is empty"),
        (HEADER + "a,x,,joy\n", {}, "'lists.csv' line 2: 'list' is empty"),
        (
            GOOD + "a,x,good,JOY\n",
            {},
            "'lists.csv' line 7: 'JOY' is in the list 'good' of 'a' twice",
        ),
        (
            GOOD + "a,z,good,sun\n",
            {},
            "'lists.csv' line 7: 'a' has category 'z' here and 'x' in line 2; "
            "an item has one of each",
        ),
        (
            GOOD + "c,x,good,sun\n",
            {},
            "'lists.csv': the list 'bad' of 'c' is empty; every item needs a row for each of: "
            "good, bad",
        ),
        (
            GOOD,
            {"lists": ("good", "ugly")},
            "'lists.csv': the list 'ugly' of 'a' is empty; every item needs a row for each of: "
            "good, ugly",
        ),
        (
            GOOD + "b,y,bad,Tea\n",
            {"opposed": {"good": "bad"}},
            "'lists.csv': 'tea' is in both 'good' and 'bad' of 'b', which are opposed; "
            "a word cannot speak for both",
        ),
        (
            GOOD,
            {"equal": {"good": "bad"}},
            "'lists.csv': 'good' of 'a' has 1 values and 'bad' 2; they must be equally many",
        ),
        (
            GOOD,
            {"opposed": {"good": "bed"}},
            "'lists.csv': 'a' has no list 'bed' (did you mean 'bad'?); there are: bad, good",
        ),
        (
            GOOD,
            {"keep": ("c",)},
            "'keep' names 'c', which is not in 'lists.csv'; there are: a, b",
        ),
        (
            HEADER.encode() + b"a,x,good,caf\xe9\n",
            {},
            "'lists.csv' is not UTF-8 text (byte 37: 0xe9); save it as UTF-8",
        ),
    ],
)
def test_faults(tmp_path, data, options, message):
    """Whatever is wrong with the table is said with its place."""
    assert error(tmp_path, data, **options) == message


def test_limit_is_checked():
    """A limit below one is refused in a sentence."""
    with pytest.raises(ValueError, match="'limit' must be at least 1, not 0"):
        PairedLists(file="x.csv", limit=0)


# Folder turns CRLF into LF on purpose, and csv refuses NUL.
words = (
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1)
    .map(str.strip)
    .filter(bool)
)


@given(data=st.dictionaries(words, st.lists(words, min_size=1, unique_by=str.casefold), max_size=4))
def test_round_trip(tmp_path_factory, data):
    """Whatever words are written to a table come back in their order."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["item", "category", "list", "value"])
    for key, values in data.items():
        for value in values:
            writer.writerow([key, "x", "good", value])
    folder = tmp_path_factory.mktemp("lists")
    if data:
        made = items(folder, out.getvalue())
        assert {item.key: list(item.fields["good"]) for item in made} == data
    else:
        assert "has a header and no rows" in error(folder, out.getvalue())
