"""Importing replies that others published: what becomes of each row, and every refusal."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import tiny
from tiny import SPEC, Judged, Subject

from gnomon.errors import GnomonError
from gnomon.loading import load
from gnomon.run.importing import Imported, ImportRequest, Mapped, import_replies
from gnomon.run.rescore import rescore
from gnomon.store import Store

TABLE = 'word,style,said,points\nw0,plain,four,1\nw1,polite,sixsix,0\nw0,plain,"a, b\nc",\n'
COLUMNS = {"item": "word", "tone": "style", "reply": "said"}
JUDGED = SPEC + '\n[[score]]\nuse = "judged"\n\n[roles]\njudge = "Marks."\n'
TWO_TURNS = SPEC + '\n[[turn]]\nname = "more"\nuser = "More."\n'


def table(folder: Path, data: str | bytes = TABLE, name: str = "published.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def bring(
    folder: Path, *tables: Path, text: str = SPEC, columns: Any = None, **options: Any
) -> Imported:
    found = tiny.catalogue(Judged)
    mapped = Mapped(
        columns=columns or COLUMNS,
        constants=options.pop("constants", {}),
        renamed=options.pop("renamed", {}),
    )
    request = ImportRequest(
        spec=load(tiny.write_spec(folder, text, count=2), found),
        tables=tables or (table(folder),),
        mapped=mapped,
        **options,
    )
    return import_replies(request, found, folder / "results.db")


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store.open(folder / "results.db") as store:
        return list(store.query(sql)[1])


def refused(folder: Path, *tables: Path, **options: Any) -> str:
    with pytest.raises(GnomonError) as error:
        bring(folder, *tables, **options)
    assert not (folder / "results.db").exists()
    return str(error.value).replace(str(folder) + "/", "")


# -- what is stored --------------------------------------------------------------------------------


def test_each_row_becomes_a_scored_trial(tmp_path):
    """Items and levels are the measure's, repeats are counted, and the measure's scorer reads the text."""
    made = bring(tmp_path, model="gpt-x")
    assert (made.trials, made.stored, made.skipped) == (3, 3, {})
    assert query(tmp_path, "SELECT item, levels, repeat, model, reply FROM trials") == [
        ("w0", '{"tone":"plain"}', 0, "replay:gpt-x", "four"),
        ("w1", '{"tone":"polite"}', 0, "replay:gpt-x", "sixsix"),
        ("w0", '{"tone":"plain"}', 1, "replay:gpt-x", "a, b\nc"),
    ]
    assert query(tmp_path, "SELECT value FROM scores WHERE score = 'length'") == [(4,), (6,), (6,)]
    assert query(tmp_path, "SELECT count(*) FROM results") != [(0,)]


def test_an_imported_ask_pretends_nothing(tmp_path):
    """No prompt is made up; the ask says that it was imported and which row it was."""
    bring(tmp_path)
    assert (
        query(
            tmp_path,
            "SELECT system, prompt, messages, json_extract(form, '$.imported') FROM conversations",
        )
        == [(None, None, None, 1)] * 3
    )
    with Store.open(tmp_path / "results.db") as store:
        asks = [record.exchanges[0].ask for _, record in store.trial_records(1)]
        assert [(ask.imported, ask.messages, ask.sample) for ask in asks] == [
            (True, (), 1),
            (True, (), 2),
            (True, (), 3),
        ]
        assert store.verify() == []


def test_a_published_prompt_is_kept_as_such(tmp_path):
    """A mapped prompt stands in the ask, which is still marked as imported."""
    file = table(tmp_path, "word,said,asked\nw0,hi,Say hi.\n")
    bring(
        tmp_path,
        file,
        columns={"item": "word", "reply": "said", "prompt": "asked"},
        constants={"tone": "plain"},
    )
    assert query(
        tmp_path, "SELECT prompt, json_extract(form, '$.imported') FROM conversations"
    ) == [("Say hi.", 1)]


def test_the_run_says_where_the_replies_are_from(tmp_path):
    """Hashes, source and licence are kept with the run."""
    bring(tmp_path, source="a paper", licence="MIT")
    with Store.open(tmp_path / "results.db") as store:
        imported = store.facts(1).imported
    assert imported["sha256"] == {"published.csv": sha256(TABLE.encode()).hexdigest()}
    assert (imported["source"], imported["licence"], imported["rows"]) == ("a paper", "MIT", 3)


def test_the_same_import_again_is_the_same_run(tmp_path):
    """Nothing is stored twice; another mapping of the same table is another run."""
    first, again = bring(tmp_path), bring(tmp_path)
    assert (first.run_id, again.run_id, again.stored) == (1, 1, 0)
    assert query(tmp_path, "SELECT count(*) FROM trial") == [(3,)]
    other = bring(tmp_path, where={"word": ("w0",)})
    assert (other.run_id, other.trials) == (2, 2)


def test_an_interrupted_import_goes_on(tmp_path, monkeypatch):
    """What was stored before the process died is not stored again."""
    finish = Store.finish_trial
    left = iter([True, True])

    def dies(store: Store, trial_id: int) -> None:
        if next(left, None) is None:
            store.flush()
            raise KeyboardInterrupt
        finish(store, trial_id)

    monkeypatch.setattr(Store, "finish_trial", dies)
    with pytest.raises(KeyboardInterrupt):
        bring(tmp_path)
    monkeypatch.undo()
    assert bring(tmp_path).stored == 1
    assert query(tmp_path, "SELECT value FROM scores") == [(4,), (6,), (6,)]


def test_several_tables_are_one_run(tmp_path):
    """Rows of all tables are numbered and repeated as if they were one."""
    one = table(tmp_path, "word,style,said\nw0,plain,a\n", "one.csv")
    two = table(tmp_path, '{"word": "w0", "style": "plain", "said": "bb"}\n', "two.jsonl")
    assert bring(tmp_path, one, two).trials == 2
    assert query(tmp_path, "SELECT repeat, reply FROM trials") == [(0, "a"), (1, "bb")]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"\xef\xbb\xbf" + TABLE.encode(), {}),
        (TABLE.replace("\n", "\r\n").replace("b\r\nc", "b\nc").encode(), {}),
        (TABLE.replace("four", "f\xfcnf").encode("latin-1"), {"encoding": "latin-1"}),
    ],
    ids=["byte-order mark", "CRLF", "Latin-1"],
)
def test_dress_of_the_file_does_not_matter(tmp_path, data, options):
    """A byte-order mark, CRLF and a named encoding give the same scores; line breaks stay in cells."""
    bring(tmp_path, table(tmp_path, data), **options)
    assert query(tmp_path, "SELECT value FROM scores") == [(4,), (6,), (6,)]


def test_several_replies_are_several_exchanges(tmp_path):
    """Each mapped reply is an exchange under the name of its turn, in the order of the turns."""
    file = table(tmp_path, "word,style,b,a\nw0,plain,second,first\n")
    columns = {"item": "word", "tone": "style", "more": "b", "reply": "a"}
    bring(tmp_path, file, text=TWO_TURNS, columns=columns)
    assert query(tmp_path, "SELECT position, name, reply FROM conversations") == [
        (0, "reply", "first"),
        (1, "more", "second"),
    ]


def test_statuses_and_repeats_can_be_mapped(tmp_path):
    """A published refusal is a refusal, and a numbered repeat keeps its number."""
    file = table(tmp_path, "word,style,said,how,nr\nw0,plain,no,refused,4\n")
    bring(tmp_path, file, columns={**COLUMNS, "status": "how", "repeat": "nr"})
    assert query(tmp_path, "SELECT repeat, status, value FROM scores") == [(4, "refused", None)]


def test_mapped_draws_are_drawn_and_others_unknown(tmp_path):
    """What a table says of the draws is stored; what it does not say is absent."""
    text = SPEC.replace(
        "[[turn]]",
        '[[design.draw]]\nname = "mood"\npick = "word"\n\n[[design.draw]]\nname = "other"\npick = "word"\n\n[[turn]]',
        1,
    )
    deep = "[" * 100_000
    file = table(tmp_path, f"word,style,said,m\nw0,plain,hi,glad\nw0,plain,hi,{deep}\n")
    bring(tmp_path, file, text=text, columns={**COLUMNS, "mood": "m"})
    drawn = [f'{{"mood":"{mood}"}}' for mood in ("glad", deep)]
    assert query(tmp_path, "SELECT draws FROM trials") == [(mood,) for mood in drawn]


# -- published numbers -----------------------------------------------------------------------------


def test_published_numbers_are_scores(tmp_path):
    """A column of numbers is a score of 'imported'; an empty cell is missing; rescoring keeps both."""
    bring(tmp_path, scores={"points": "points"})
    wanted = [("imported", 1, "ok"), ("imported", 0, "ok"), ("imported", None, "unparsed")]
    sql = "SELECT scorer, value, status FROM scores WHERE score = 'points'"
    assert query(tmp_path, sql) == wanted
    with Store.open(tmp_path / "results.db", write=True) as store:
        assert rescore(store, 1, tiny.catalogue(Judged), str(tmp_path / "tiny.toml")).trials == 3
    assert query(tmp_path, sql) == wanted
    assert query(tmp_path, "SELECT DISTINCT pass FROM scores") == [(2,)]


def test_a_published_number_stands_in_the_place_of_a_score(tmp_path):
    """Under the name of a score of the measure it takes that score's place in the statistics."""
    bring(tmp_path, scores={"length": "points"})
    assert query(tmp_path, "SELECT DISTINCT scorer FROM scores") == [("imported",)]
    assert query(tmp_path, "SELECT sum(value) FROM scores") == [(1,)]


def test_a_judge_is_asked_only_when_one_is_given(tmp_path, monkeypatch):
    """Without a judge its score is left out and said to be; with one, the published reply is judged."""
    without = bring(tmp_path, text=JUDGED)
    assert without.left_out == {"judged": "judge"}
    monkeypatch.setattr(Subject, "answer", lambda ask: "7")
    with_judge = bring(tmp_path, text=JUDGED, roles={"judge": "subject:j"})
    assert (with_judge.run_id, with_judge.left_out) == (2, {})
    assert query(tmp_path, "SELECT value FROM scores WHERE score = 'judged'") == [(7,)] * 3


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"columns": {**COLUMNS, "item": "wort"}},
            "published.csv: --map item names the column 'wort', which is not there (did you mean "
            "'word'?); there are: 'word', 'style', 'said', 'points'",
        ),
        (
            {"columns": {**COLUMNS, "tune": "style"}},
            "the measure 'tiny' has no field 'tune' (did you mean 'tone'?); there are: item, repeat, "
            "model, prompt, status, reply, tone",
        ),
        (
            {"columns": {"tone": "style", "reply": "said"}},
            "no column says which item a row is for; give --map item=COLUMN",
        ),
        (
            {"columns": {"item": "word", "tone": "style"}},
            "no column holds the replies; give --map reply=COLUMN",
        ),
        (
            {"columns": {"item": "word", "reply": "said"}},
            "nothing says which level of the factor 'tone' a row was answered under; give --map "
            "tone=COLUMN or --constant tone=LEVEL; its levels are: plain, polite",
        ),
        (
            {"constants": {"tone": "polit"}},
            "--constant tone=polit: the factor 'tone' has no level 'polit' (did you mean 'polite'?); "
            "its levels are: plain, polite",
        ),
        (
            {"scores": {"points": "point"}},
            "published.csv: --score points names the column 'point', which is not there (did you mean "
            "'points'?); there are: 'word', 'style', 'said', 'points'",
        ),
        (
            {"scores": {"points": "said"}},
            "--score points=said: this column is mapped as a text; a score is read from a column of "
            "numbers",
        ),
        ({"where": {"word": ("w9",)}}, "published.csv: no row is left by --where word=w9"),
        (
            {"roles": {"jugde": "subject:j"}, "text": JUDGED},
            "the measure 'tiny' has no role 'jugde' (did you mean 'judge'?); its roles are: judge, "
            "subject",
        ),
    ],
)
def test_refusals(tmp_path, options, sentence):
    """What cannot be carried out is refused in a sentence, and no database is made."""
    assert refused(tmp_path, **options) == sentence


def test_a_part_of_several_replies_needs_its_name(tmp_path):
    """With several replies, a prompt says whose it is."""
    columns = {**COLUMNS, "more": "said", "prompt": "said"}
    assert refused(tmp_path, text=TWO_TURNS, columns=columns) == (
        "the field 'prompt' could be that of more, reply; write reply.prompt"
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", "published.csv: the table is empty"),
        ("word,style,said\n", "published.csv: the table has a header and no rows"),
        (
            "word,style,said\nw0,plain\n",
            "published.csv:2: this row has 2 cells, but there are 3 columns",
        ),
        (
            b"word,style,said\nw0,plain,caf\xe9\n",
            "published.csv:2: not utf-8 text (byte 12 of the line: 0xe9); name its encoding, or save "
            "it as UTF-8",
        ),
        (
            "word,style,said\nw0,plain,x\n".encode("utf-16"),
            "published.csv: this is UTF-16 and not plain text; save it as UTF-8",
        ),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, data, sentence):
    """A table that is empty, ragged or in another encoding is refused with its place."""
    assert refused(tmp_path, table(tmp_path, data)) == sentence


MIXED = "word,style,said\nw0,plain,a\nww0,plain,b\nww0,plain,c\nw1,polit,d\n"


def test_rows_that_cannot_be_placed_are_counted_and_named(tmp_path):
    """The import is refused as a whole, with each reason, how often it occurs, and its first row."""
    assert refused(tmp_path, table(tmp_path, MIXED)) == (
        "3 of 4 rows cannot be placed; rename values with --rename FIELD:PUBLISHED=OURS, or leave "
        "these rows out with --skip-unknown\n"
        "  2 rows, the first is published.csv row 2: the measure 'tiny' has no item 'ww0' (did you mean "
        "'w0'?); there are: w0, w1\n"
        "  1 row, the first is published.csv row 4: the factor 'tone' has no level 'polit' (did you "
        "mean 'polite'?); its levels are: plain, polite"
    )


def test_unknown_rows_are_left_out_on_request(tmp_path):
    """With skip_unknown they are left out, counted, and the count is stored with the run."""
    made = bring(tmp_path, table(tmp_path, MIXED), skip_unknown=True)
    assert (made.trials, sorted(made.skipped.values())) == (1, [1, 2])
    with Store.open(tmp_path / "results.db") as store:
        assert store.facts(1).imported["skipped"] == made.skipped


def test_renamed_values_are_placed(tmp_path):
    """Items and levels that are called otherwise are renamed."""
    renamed = {"item": {"ww0": "w0"}, "tone": {"polit": "polite"}}
    assert bring(tmp_path, table(tmp_path, MIXED), renamed=renamed).trials == 4


def test_doubled_repeats_and_bad_statuses_cannot_be_placed(tmp_path):
    """Two rows for one repeat, a repeat that is no number, and an unknown status."""
    file = table(
        tmp_path,
        "word,style,said,how,nr\nw0,plain,a,ok,1\nw0,plain,b,ok,1\nw0,plain,b,ok,one\nw0,plain,b,fine,2\n"
        f"w0,plain,b,ok,{'9' * 5000}\n",
    )
    lines = refused(
        tmp_path, file, columns={**COLUMNS, "status": "how", "repeat": "nr"}
    ).splitlines()[1:]
    assert lines == [
        "  1 row, the first is published.csv row 2: an earlier row is for the same item, levels and "
        "repeat",
        "  1 row, the first is published.csv row 3: the repeat 'one' is no whole number from 0 to 999999999",
        "  1 row, the first is published.csv row 4: the status 'fine' of a reply is none of: ok, "
        "refused, filtered, truncated, error",
        f"  1 row, the first is published.csv row 5: the repeat '{'9' * 40}' is no whole number from 0 to "
        "999999999",
    ]


def test_tables_of_one_name_are_refused(tmp_path):
    """The hashes are kept by file name, so two tables may not share one."""
    (tmp_path / "other").mkdir()
    two = table(tmp_path, name="other/published.csv")
    assert refused(tmp_path, table(tmp_path), two) == (
        "two tables are called 'published.csv'; rename one of them"
    )


def test_the_command_says_what_it_left_out(tmp_path, run_gnomon):
    """One command, a table for people, the exit code and the second time nothing."""
    file = table(tmp_path, "set,text\nage,peace - old\nages,x\n")
    words = [
        "import", str(file), "--as", "implicit-bias", "--map", "item=set", "--map", "reply=text",
        "--constant", "variation=plain", "--skip-unknown", "--db", str(tmp_path / "a.db"),
    ]  # fmt: skip
    first, again = run_gnomon(*words), run_gnomon(*words)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[-2].startswith("run 1: 1 imported trials are stored in ")
    assert first.stdout.splitlines()[-1].startswith(
        "left out: 1 row: the measure 'implicit-bias' has no item 'ages' (did you mean 'age'?); "
    )
    assert "run 1: these 1 trials had been imported before" in again.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["x.csv", "--as", "implicit-bais", "--map", "a=b"],
            "gnomon: there is no measure 'implicit-bais' (did you mean 'implicit-bias'?); there are: ",
        ),
        (["x.csv", "--as", "implicit-bias", "--map", "a"], "gnomon: --map takes NAME=VALUE; it got 'a'"),
        (
            ["x.csv", "--as", "implicit-bias", "--map", "a=b", "--rename", "item=c"],
            "gnomon: --rename takes FIELD:PUBLISHED=OURS; it got 'item=c'",
        ),
        (
            ["x.csv", "--as", "implicit-bias", "--map", "item=b", "--map", "reply=c", "--constant",
             "variation=plain"],
            "gnomon: there is no table of replies 'x.csv'",
        ),
    ],
)  # fmt: skip
def test_wrong_commands(tmp_path, run_gnomon, words, sentence):
    """Each is one sentence and exit code 2."""
    done = run_gnomon("import", *words, "--db", str(tmp_path / "a.db"), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
