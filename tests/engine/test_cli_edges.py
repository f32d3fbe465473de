"""What the command line says of numbers, files and pipes that cannot be used."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_samples import estimate, sample, write_run

from gnomon.cli import cli
from gnomon.errors import GnomonError
from gnomon.store import Store

COMMAND = [sys.executable, "-c", "from gnomon.cli import main; main()"]


def refused(*words):
    """The sentence with which a command is refused."""
    done = CliRunner().invoke(cli, list(words))
    assert isinstance(done.exception, GnomonError), done.output
    assert done.exception.exit_code == 2
    return str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("validate", "implicit-bias", "--effect", "nan"),
            "gnomon: --effect is a finite number; it is nan",
        ),
        (
            ("validate", "implicit-bias", "--noise", "inf"),
            "gnomon: --noise is a finite number; it is inf",
        ),
        (
            ("validate", "implicit-bias", "--alpha", "2"),
            "gnomon: --alpha is a number between 0 and 1; it is 2 (did you mean 0.02?)",
        ),
        (
            ("power", "implicit-bias", "--effect", "nan"),
            "gnomon: --effect is a finite number; it is nan",
        ),
        (
            ("run", "implicit-bias", "--model", "scripted:fill", "--seed", "9223372036854775808"),
            "gnomon: --seed does not fit into 64 bits; it is 9223372036854775808",
        ),
        (
            ("run", "implicit-bias", "--model", "scripted:fill", "--limit", "9223372036854775808"),
            "gnomon: --limit does not fit into 64 bits; it is 9223372036854775808",
        ),
        (
            (
                "run",
                "implicit-bias",
                "--model",
                "scripted:fill",
                "--file",
                "data/implicit-bais.csv=x",
            ),
            "gnomon: --file data/implicit-bais.csv: the measure 'implicit-bias' names no such file (did "
            "you mean 'data/implicit-bias.csv'?); it names: data/implicit-bias.csv",
        ),
        (
            (
                *("run", "adaptive-questions", "--model", "scripted:fill", "--role"),
                *("judge=scripted:fill", "--role", "generator=scripted:fill", "--file", "x=y"),
            ),
            "gnomon: --file x: the measure 'adaptive-questions' names no such file; it names: "
            "data/adaptive-questions.csv",
        ),
    ],
)
def test_numbers_and_names_that_cannot_be_used(run_gnomon, tmp_path, arguments, message):
    """One sentence, exit code 2, and no database is left behind."""
    said = run_gnomon(*arguments, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.strip().splitlines()[-1] == message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (
            ["item=rascism"],
            "--only item=rascism: there is no such item (did you mean 'racism'?); there are: age, arab, "
            "asian, black, buddhism, career, disability, eating, english, guilt, hispanic, islam and 9 "
            "more",
        ),
        (
            ["category=health,gendr"],
            "--only category=gendr: no item has this 'category' (did you mean 'gender'?); there are: "
            "gender, health, race, religion",
        ),
        (
            ["variation=planes"],
            "--only variation=planes: the factor 'variation' has no such level (did you mean 'plain'?); "
            "it has: plain, reworded, labels-first, synonym",
        ),
        (
            ["categry=health"],
            "--only names the column 'categry', which this measure does not have (did you mean "
            "'category'?); there are: category, item, label_order, variation",
        ),
        (
            ["category=health", "item=racism"],
            "no trial is left by --only category=health, item=racism",
        ),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_only_leaves_is_there(command, only, message, tmp_path, monkeypatch):
    """Columns, levels, groups and items that are not there are said with the nearest and some that are."""
    monkeypatch.chdir(tmp_path)
    model = ["--model", "scripted:fill"] if command == "run" else []
    words = [word for value in only for word in ("--only", value)]
    assert refused(command, "implicit-bias", *model, *words) == message
    assert not list(tmp_path.iterdir())


COMMAS = """
measure = "commas"
title = "Items whose keys have commas and quotes"
version = 1
seed = 1
needs = ["chat"]

[stimuli]
use = "table"
file = "commas.csv"
key = "said"

[design]
repeats = 1

[[turn]]
user = "{said}"

[[score]]
use = "yes-no"
"""


@pytest.fixture
def commas(tmp_path, monkeypatch):
    """A folder with a measure of four items, some with a comma or quotes in their key."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "commas.toml").write_text(COMMAS)
    rows = ["said", '"well, yes"', "plain", '"a ""so-called"" one"', '"""no"", she said"']
    (tmp_path / "commas.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("only", "kept"),
    [
        (['item="well, yes"'], ["well, yes"]),
        (['item="well, yes",plain'], ["well, yes", "plain"]),
        (["item=plain", 'item="well, yes"'], ["plain", "well, yes"]),
        (["item=plain", "item=plain"], ["plain"]),
        (['item=a "so-called" one'], ['a "so-called" one']),
        (['item="""no"", she said",plain'], ['"no", she said', "plain"]),
    ],
)
def test_items_with_commas_can_be_named(commas, only, kept):
    """A value with a comma stands in double quotes, and a column that is named again gets more values."""
    words = [word for value in only for word in ("--only", value)]
    done = CliRunner().invoke(
        cli, ["plan", "commas.toml", "--json", "--examples", "-1", *words], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["trials"] == len(kept)
    done = CliRunner().invoke(
        cli, ["run", "commas.toml", "--model", "scripted:fill", "--quiet", *words]
    )
    assert done.exit_code == 0, done.output
    with Store.open(commas / "results.db") as store:
        assert sorted(store.view.item_keys(1)) == sorted(kept)


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (
            "item=well, yes",
            "--only item=well: there is no such item (did you mean 'well, yes'?); there are: \"no\", she "
            'said, a "so-called" one, plain, well, yes',
        ),
        (
            'item="well, yes',
            "--only has a value that begins with a double quote and does not end with one: "
            "'item=\"well, yes'; a double quote within the quotes is doubled",
        ),
        (
            'item="no", she said',
            "--only item=no: there is no such item",
        ),
        ("item", "--only takes NAME=VALUE; it got 'item'"),
    ],
)
def test_a_value_of_only_that_cannot_be_read(commas, only, message):
    """What is wrong with the quotes is said, and an item cut at its comma leads to the whole one."""
    assert refused("plan", "commas.toml", "--only", only).startswith(message)


def test_an_adaptive_plan_of_nothing_is_refused(tmp_path, monkeypatch):
    """Which items later rounds have is not known, but a first round without a trial leads to none."""
    monkeypatch.chdir(tmp_path)
    words = ["adaptive-questions", "--model", "scripted:fill", "--only", "item=none"]
    roles = ["--role", "judge=scripted:fill", "--role", "generator=scripted:fill"]
    assert refused("run", *words, *roles) == "no trial is left by --only item=none"


@pytest.mark.parametrize("given", [-2, -5])
def test_a_number_of_examples_that_is_none(given):
    """-1 is for all; less is nothing."""
    assert refused("plan", "implicit-bias", "--examples", str(given)) == (
        f"--examples is a number of prompts, or -1 for all; it is {given}"
    )


@pytest.mark.parametrize("examples", ["-1", "0", "99"])
def test_all_no_and_too_many_examples(examples):
    """All conditions are shown by -1 and by more than there are, none by 0."""
    done = CliRunner().invoke(
        cli, ["plan", "implicit-bias", "--limit", "1", "--examples", examples]
    )
    assert done.exit_code == 0
    assert done.output.count("── ") == (0 if examples == "0" else 4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["power", "implicit-bias", "--effect", "0.3", "--power", "80"],
            "--power is a number between 0 and 1; it is 80 (did you mean 0.8?)",
        ),
        (["power", "implicit-bias", "--effect", "much"], "--effect is a number; it is 'much'"),
        (
            ["power", "implicit-bias", "--effect", "0"],
            "--effect must not be 0: what is not there is found as often as --alpha says",
        ),
        (
            ["validate", "implicit-bias", "--runs", "1"],
            "--runs is a whole number of at least 2; it is 1",
        ),
        (
            ["validate", "implicit-bias", "--noise", "-1"],
            "--noise is a number of at least 0; it is -1",
        ),
        (
            ["compare", "1", "2", "--level", "-1"],
            "--level is a number between 0 and 1; it is -1",
        ),
        (["plan", "implicit-bias", "--seed", "1.5"], "--seed is a whole number; it is 1.5"),
        (
            ["plan", "implicit-bias", "--format", "fre"],
            "--format fre: there is no such choice (did you mean 'free'?); there are: auto, free, "
            "constrained",
        ),
        (
            ["list", "scorer"],
            "'scorer' is none (did you mean 'scorers'?); there are: measures, runs, sources, procedures, "
            "backends, scorers, statistics, corrections, executors",
        ),
        (["completion", "csh"], "'csh' is none (did you mean 'zsh'?); there are: bash, zsh, fish"),
        (
            ["results", "first"],
            "'first' is not the number of a run; 'gnomon list runs' shows them",
        ),
        (
            ["results", "other.db"],
            "'other.db' is not the number of a run; a database is given with --db other.db; 'gnomon list "
            "runs' shows them",
        ),
    ],
)
def test_values_that_are_none_are_said_in_words(words, message):
    """What it has to be and what it is; nothing in the words of Python."""
    assert refused(*words) == message


def test_a_folder_is_no_database_and_no_lock(tmp_path):
    """Wherever one is given."""
    sentence = f"{tmp_path} is a folder, not a database file; give a file in it"
    for words in (["results"], ["query", "select 1"], ["list", "runs"], ["verify"], ["score", "1"]):
        assert refused(*words, "--db", str(tmp_path)) == sentence
    words = ["run", "implicit-bias", "--model", "scripted:fill", "--lock", str(tmp_path)]
    assert refused(*words) == f"{str(tmp_path)!r} is a folder, not a lock; give a file in it"


def test_scoring_makes_no_database(tmp_path):
    """Where there is none, there is nothing to score, and nothing is left behind."""
    path = tmp_path / "none.db"
    sentence = f"there is no database {path}; 'gnomon run' makes one"
    assert refused("score", "1", "--db", str(path)) == sentence
    assert not list(tmp_path.iterdir())


TAGS = sorted(
    {
        tag
        for path in (Path(__file__).parents[2] / "specs").glob("*.toml")
        for tag in tomllib.loads(path.read_text("utf-8")).get("tags", ())
    }
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tag", "nope"], f"no measure has the tag 'nope'; there are: {', '.join(TAGS)}"),
        (
            ["--tag", "biass"],
            "no measure has the tag 'biass' (did you mean 'bias'?); there are: " + ", ".join(TAGS),
        ),
        (
            ["--need", "hiden"],
            "there are no asks of the kind 'hiden' (did you mean 'hidden'?); there are: chat, choose, "
            "embed, hidden, loglik",
        ),
        (["scorers", "--tag", "bias"], "--tag is for measures; plugins have no tags"),
        (["runs", "--tag", "bias"], "--tag is for measures; not runs"),
        (
            ["statistics", "--need", "chat"],
            "--need is for measures, scorers and backends; not statistics",
        ),
        (["runs", "--paper", "2402.04105"], "--paper is for measures and plugins; not runs"),
    ],
)
def test_filters_of_lists_say_what_there_is(words, message):
    """A value that nothing has, and a filter that is for something else."""
    assert refused("list", *words) == message


def test_measures_are_listed_with_their_titles():
    """A name alone says little to who meets it first."""
    listed = CliRunner().invoke(cli, ["list", "--md"]).output.splitlines()
    assert listed[0] == "| measure | needs | from | title |"
    title = "Word-association bias between two groups"
    assert f"| implicit-bias | chat | gnomon | {title} |" in listed


@pytest.mark.parametrize(
    "kind",
    ["sources", "procedures", "backends", "scorers", "statistics", "corrections", "executors"],
)
def test_plugins_are_listed_with_a_whole_sentence(kind):
    """Also where the docstring has it on two lines; code in it is marked as everywhere else."""
    listed = json.loads(CliRunner().invoke(cli, ["list", kind, "--json"]).output)
    assert listed
    for row in listed:
        assert row["what"].endswith((".", "?")), row
        assert "``" not in row["what"], row


def test_the_environment_names_the_database_where_no_word_and_no_option_does(tmp_path, monkeypatch):
    """Only two words for one thing are refused: what the environment says is overruled by either."""
    sample(tmp_path / "some.db")
    with Store.open(tmp_path / "none.db", write=True):
        pass
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GNOMON_DB", "none.db")

    export = ["export", "--to", "jsonl", "--view", "runs"]
    assert refused(*export).startswith("none.db holds no runs yet")
    for words in (("some.db",), ("--db", "some.db")):
        done = CliRunner().invoke(cli, [*export, *words])
        assert (done.exception, len(done.stdout.splitlines())) == (None, 2)
    monkeypatch.setenv("GNOMON_DB", "gone.db")
    for words in ((), ("gone.db",), ("--db", "gone.db")):
        assert refused("serve", *words).startswith(f"there is no database {tmp_path / 'gone.db'}")
    assert refused("serve", "some.db", "--db", "none.db") == (
        "the database is given twice: some.db and --db none.db"
    )


def test_what_is_to_be_tried_names_every_role():
    """The command that ``describe measure`` shows can be given, models put in."""
    told = CliRunner().invoke(cli, ["describe", "measure", "decision-bias"]).output
    assert told.rstrip().endswith(
        "gnomon run decision-bias --model BACKEND:MODEL --role judge=BACKEND:MODEL"
    )


def test_a_plan_keeps_to_the_terminal_and_says_why_it_knows_no_cost(monkeypatch):
    """Without a model there is nothing that could have a price."""
    monkeypatch.setenv("COLUMNS", "80")
    words = ["plan", "implicit-bias", "--repeats", "50", "--examples", "0"]
    told = CliRunner().invoke(cli, words).output
    assert "(the cost depends on the model, and none is named)" in told
    assert max(map(len, told.splitlines())) <= 80
    told = CliRunner().invoke(cli, [*words, "--model", "http:m?base_url=http://[::1]:9/v1"]).output
    assert "(the price of at least one model is unknown)" in told


def test_runs_of_one_model_are_told_apart_by_its_options(tmp_path, monkeypatch):
    """Where two would have one name, the options stand in it; programs are given them always."""
    monkeypatch.chdir(tmp_path)
    for model in ("planted:d=0.1", "planted:d=0.1?noise=0.2", "planted:judge"):
        run = ["run", "implicit-bias", "--limit", "1", "--quiet", "--model", model]
        assert CliRunner().invoke(cli, run).exit_code == 0
    listed = json.loads(CliRunner().invoke(cli, ["list", "runs", "--json"]).output)
    assert [(row["model"], row["options"]) for row in listed] == [
        ("planted:d=0.1", {}),
        ("planted:d=0.1?noise=0.2", {"noise": "0.2"}),
        ("planted:judge", {}),
    ]


def test_a_list_that_is_empty_says_so():
    """With what was asked for."""
    done = CliRunner().invoke(cli, ["list", "scorers", "--need", "hidden", "--paper", "nobody"])
    assert (done.exit_code, done.output) == (
        0,
        "there are no scorers that fit --need hidden --paper nobody\n",
    )


def test_backends_are_found_by_what_their_models_may_answer():
    """Each first-party backend says so of its class."""
    done = CliRunner().invoke(cli, ["list", "backends", "--need", "embed", "--json"])
    assert [row["name"] for row in json.loads(done.output)] == [
        *("http", "litellm", "local", "planted", "scripted", "sentence", "vectors")
    ]


def test_two_forms_of_one_table_are_refused():
    """Wherever a command has forms, and whichever two are given."""
    for words in (["results"], ["list"], ["compare", "1", "2"], ["query", "select 1"]):
        assert refused(*words, "--csv", "--md") == (
            "--csv and --md are two forms of one table; give one"
        )
    assert refused("failures", "--latex", "--json") == (
        "--latex and --json are two forms of one table; give one"
    )


def test_a_damaged_database_is_a_sentence(run_gnomon, tmp_path):
    """Pages written over are not a traceback."""
    run_gnomon("run", "implicit-bias", "--model", "scripted:fill", "--quiet", cwd=tmp_path)
    path = tmp_path / "results.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)
    said = run_gnomon("show", "1", cwd=tmp_path)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr


def test_a_closed_pipe_is_no_violation(run_gnomon, tmp_path):
    """``gnomon results | head -1`` ends with 0."""
    run_gnomon("run", "implicit-bias", "--model", "scripted:fill", "--quiet", cwd=tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        said = subprocess.run(
            [*COMMAND, "results"], stdout=out, stderr=subprocess.PIPE, cwd=tmp_path, check=False
        )
    assert (said.returncode, said.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"], ["--md"]])
def test_a_full_disk_below_a_table_is_a_sentence(form):
    """``gnomon list > FILE`` where there is no room."""
    with Path("/dev/full").open("wb") as out:
        said = subprocess.run(
            [*COMMAND, "list", *form], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (said.returncode, said.stderr) == (
        2,
        "gnomon: what is said cannot be written: No space left on device\n",
    )


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX has them")
def test_ctrl_c_stops_an_instant_model_soon(tmp_path):
    """A run that never waits for a reply is stopped long before its end, and goes on later."""
    run = subprocess.Popen(
        [*COMMAND, "run", "implicit-bias", "--model", "scripted:fill", "--repeats", "4000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _trials(tmp_path):
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert 0 < _trials(tmp_path) < 330_000


def _trials(folder):
    path = folder / "results.db"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT count(*) FROM trial WHERE finished").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    return found


def test_a_statistic_that_says_nothing_of_any_group_takes_one_line(tmp_path: Path) -> None:
    """Many rows of nothing would hide what is below them; why is said once, and JSON has them all."""
    database = tmp_path / "r.db"
    made = [
        estimate(
            None,
            statistic="by side",
            group={"side": f"group-{at}"},
            p=None,
            n=3,
            counts={"ok": 3},
            note="why",
        )
        for at in range(9)
    ]
    with Store.open(database, write=True) as store:
        run = write_run(store, estimates=False)
        store.replace_estimates(run, store.begin_scoring(run), made)
    done = CliRunner().invoke(cli, ["results", "--db", str(database)])
    assert done.output.splitlines()[1:] == [
        "by side: length",
        "side              estimate  n",
        "each of 9 groups      none  3",
        "  all 9 groups: why",
        "  no score is missing",
    ]
    whole = CliRunner().invoke(cli, ["results", "--db", str(database), "--json"])
    assert len(json.loads(whole.output)) == 9


@pytest.mark.parametrize("command", ["results", "failures"])
def test_csv_of_nothing_has_its_headings(command, tmp_path):
    """A program that reads a table with names reads none where there are none yet, and does not fail."""
    with Store.open(tmp_path / "empty.db", write=True):
        pass
    empty = CliRunner().invoke(cli, [command, "--csv", "--db", str(tmp_path / "empty.db")])
    with Store.open(tmp_path / "a.db", write=True) as store:
        write_run(store, refused=["a"])
    full = CliRunner().invoke(cli, [command, "--csv", "--db", str(tmp_path / "a.db")])
    assert (empty.exit_code, full.exit_code) == (0, 0)
    assert empty.output.splitlines() == full.output.splitlines()[:1]
    assert len(full.output.splitlines()) > 1
