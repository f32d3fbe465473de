"""The sources ``word-sets`` and ``words``: what they make of a table, and what they refuse."""

import pytest

from gnomon import SourceError
from gnomon.loading import Around
from gnomon_plugins.sources.word_sets import WordSets
from gnomon_plugins.sources.words import Words

TESTS = """test,set,label,word,kind
t,x,flowers,rose,noun
t,x,flowers,tulip,noun
t,y,insects,ant,noun
t,y,insects,Bea,name
t,a,pleasant,love,
t,a,pleasant,peace,
t,b,unpleasant,war,
t,b,unpleasant,pain,
"""
NUMBERS = "word,women,sector\nnurse,90.5,health\nwelder,4,trade\n"
ATTRIBUTES = {"a": ("she", "her"), "b": ("he", "him")}


@pytest.fixture
def items(tmp_path):
    def read(source_class, text, **options):
        (tmp_path / "data.csv").write_text(text, "utf-8")
        source = source_class(file="data.csv", **options)
        return list(source.items(Around.beside(tmp_path / "measure.toml", 1)))

    return read


def refused(items, source_class, text, **options):
    with pytest.raises(SourceError) as caught:
        items(source_class, text, **options)
    return str(caught.value)


def test_a_test_is_one_item(items):
    """Sets become list fields in the file's order; labels become groups."""
    [item] = items(WordSets, TESTS)
    assert item.key == "t"
    assert item.fields == {
        "x": ("rose", "tulip"),
        "y": ("ant", "Bea"),
        "a": ("love", "peace"),
        "b": ("war", "pain"),
    }
    assert item.groups == {
        "targets": "flowers / insects",
        "attributes": "pleasant / unpleasant",
    }


def test_templates_make_sentences_by_kind(items):
    """Each word becomes its kind's sentences, one word after the other."""
    templates = {"name": ("{word} is here.", "It is {word}."), "any": ("The {word}.", "A {word}!")}
    [item] = items(WordSets, TESTS, templates=templates)
    assert item.fields["y"] == ("The ant.", "A ant!", "Bea is here.", "It is Bea.")
    assert item.fields["y_words"] == ("ant", "ant", "Bea", "Bea")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "t,y,insects,ant,noun",
            "t,y,insects,Rose,noun",
            "'data.csv' line 4: 'Rose' is in the set 'y' of 't' and, in line 2, in its set 'x'; "
            "within a test a word stands once",
        ),
        (
            "t,x,flowers,tulip,noun",
            "t,x,flowers,rose,noun",
            "'data.csv' line 3: 'rose' is in the set 'x' of 't' and, in line 2, in its set 'x'; "
            "within a test a word stands once",
        ),
        (
            "t,a,pleasant,love,",
            "t,a,pleasant,ant,",
            "'data.csv' line 6: 'ant' is in the set 'a' of 't' and, in line 4, in its set 'y'; "
            "within a test a word stands once",
        ),
        (
            "t,b,unpleasant,pain,\n",
            "",
            "'data.csv': the set 'b' of 't' has 1 word; a set needs at least 2",
        ),
        ("t,b,unpleasant,pain,", "t,b,unpleasant, ,", "'data.csv' line 9: 'word' is empty"),
        (
            "test,set,label,word",
            "test,set,lable,word",
            "'data.csv' has no column 'label' (did you mean 'lable'?); "
            "there are: kind, lable, set, test, word",
        ),
    ],
    ids=["both targets", "twice", "target and attribute", "size one", "empty", "column"],
)
def test_word_sets_refused(items, old, new, message):
    """A word twice, a set of size one, an empty cell and a missing column, each with its place."""
    assert refused(items, WordSets, TESTS.replace(old, new)) == message


def test_a_missing_set_and_a_missing_template(items):
    """A set without rows counts as empty; a kind without a sentence is named."""
    text = "\n".join(line for line in TESTS.splitlines() if ",y," not in line)
    assert refused(items, WordSets, text) == (
        "'data.csv': the set 'y' of 't' has 0 words; a set needs at least 2"
    )
    assert refused(items, WordSets, TESTS, templates={"noun": ("A {word}.",)}) == (
        "'data.csv': there is no template for words of kind 'name', such as 'Bea'; "
        "add 'templates.name' or 'templates.any'"
    )


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        (
            {"any": ("This is it.",)},
            "the template 'This is it.' has no slot {word}, so all words read alike",
        ),
        (
            {"any": ("This is {wort}.",)},
            "the template 'This is {wort}.': the slot {wort} has no field (did you mean 'word'?); "
            "there are: word",
        ),
        ({"any": ()}, "'templates' has no sentence for 'any'"),
    ],
)
def test_templates_without_a_word(templates, message):
    """A template that cannot hold the word is refused when the spec is loaded."""
    with pytest.raises(ValueError, match="template") as caught:
        WordSets(file="data.csv", templates=templates)
    assert str(caught.value) == message


def test_a_word_is_one_item(items):
    """Numbers become numbers; both attribute sets come along."""
    first, second = items(Words, NUMBERS, numbers=("women",), groups=("sector",), **ATTRIBUTES)
    assert first.key == "nurse"
    assert first.fields == {"word": "nurse", "women": 90.5, **ATTRIBUTES}
    assert first.groups == {"sector": "health"}
    assert second.fields["women"] == 4.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "word,women\nnurse,many\n",
            "'data.csv' line 2: 'women' is 'many'; it must be a finite number",
        ),
        (
            "word,women\nnurse,nan\n",
            "'data.csv' line 2: 'women' is 'nan'; it must be a finite number",
        ),
        ("word,women\nnurse,\n", "'data.csv' line 2: 'women' is ''; it must be a finite number"),
        (
            "word,women\nnurse,1\nNurse,2\n",
            "'data.csv' line 3: 'Nurse' is also in line 2; every word stands once",
        ),
        (
            "word,women\nShe,1\n",
            "'data.csv' line 2: 'She' is an attribute too; it would have a cosine of 1 with itself",
        ),
        ("word,women\n ,1\n", "'data.csv' line 2: 'word' is empty"),
    ],
)
def test_words_refused(items, text, message):
    """A number that is none, a word twice, an attribute as a word, an empty word."""
    assert refused(items, Words, text, numbers=("women",), **ATTRIBUTES) == message


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (("she",), ("he", "him"), "'a' needs at least 2 words; it has 1"),
        (
            ("she", "her"),
            ("he", "She"),
            "'She' is in 'b' and already in 'a'; an attribute stands once",
        ),
    ],
)
def test_attributes_refused(a, b, message):
    """A set of size one and an attribute of both sets are refused when the spec is loaded."""
    with pytest.raises(ValueError, match="'a'") as caught:
        Words(file="data.csv", a=a, b=b)
    assert str(caught.value) == message


def test_windows_tables_are_read_alike(items):
    """A byte-order mark and CRLF line ends change nothing."""
    assert items(WordSets, "\ufeff" + TESTS.replace("\n", "\r\n")) == items(WordSets, TESTS)
