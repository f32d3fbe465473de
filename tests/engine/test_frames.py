"""``gnomon.open``: frames say what the views say, with their columns explained and spread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import FACTS, SUBJECT, administer, small_run, trial_of

import gnomon
from gnomon import Item, Score, StoreError, UsageError
from gnomon.frames import making
from gnomon.store import Store, tidy
from gnomon.store.dictionary import DICTIONARY
from gnomon.store.opening import open_reading

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
STATUSES = st.sampled_from(["refused", "filtered", "truncated", "error", "unparsed"])
SCORES = st.floats(allow_nan=False) | STATUSES


def score_of(name: str, given: float | str) -> Score:
    if isinstance(given, str):
        return Score(name=name, value=None, status=given, detail={"why": given})  # type: ignore[arg-type]
    return Score(name=name, value=given)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A database with two runs of two measures and two models; the first has scores of items too."""
    path = tmp_path_factory.mktemp("frames") / "results.db"
    small_run(path)
    other = attrs.evolve(
        FACTS, measure="other", roles={"subject": attrs.evolve(SUBJECT, model="second")}
    )
    with Store.open(path, write=True) as store:
        scoring = store.begin_scoring(1)
        for ordinal in range(6):
            number = ordinal + 1
            score = score_of("length", "refused" if ordinal == 2 else ordinal / 2)
            store.add_scores(1, scoring, [score], scorer="length", trial_id=number)
        store.add_scores(1, scoring, [score_of("spread", 3.5)], scorer="spread", item_id=1)
        store.replace_estimates(
            1,
            scoring,
            [
                gnomon.Estimate(
                    statistic="mean",
                    of="length",
                    quantity="mean",
                    value=1.5,
                    n=5,
                    method="mean",
                    group={"instruction": "plain"},
                    counts={"ok": 5, "refused": 1},
                )
            ],
        )
        run = store.begin_run(other)
        second = store.begin_scoring(run)
        for ordinal in range(3):
            levels = {"instruction": "role", "item": "clash"}
            trial = trial_of(ordinal, levels=levels, fields={**trial_of(ordinal).fields, **levels})
            administer(store, run, trial, scoring=second, value=ordinal)
    return path


@pytest.fixture
def db(path: Path):
    """That database, open."""
    with gnomon.open(path) as opened:
        yield opened


def spelt(columns: dict[str, tidy.Column]) -> list[tuple[Any, ...]]:
    """Rows of columns, NaN as None, in an order of their own."""
    held = []
    for column in columns.values():
        values = making._spelt(column)
        held.append(
            [
                None
                if value is np.ma.masked or value is None or value != value
                else getattr(value, "item", lambda value=value: value)()
                for value in values
            ]
        )
    return sorted(map(tuple, zip(*held, strict=True)), key=repr)


# -- what frames hold ----------------------------------------------------------------------------


@settings(max_examples=40)
@given(data=st.data())
def test_scores_are_what_the_view_says(data: st.DataObject, tmp_path_factory) -> None:
    """Runs, passes, scores of trials and items, several names, missing ones: the same rows as the view."""
    path = tmp_path_factory.mktemp("frames") / "a.db"
    with Store.open(path, write=True) as store:
        for number in range(data.draw(st.integers(0, 3))):
            run = store.begin_run(attrs.evolve(FACTS, seed=number))
            trials = [
                administer(store, run, trial_of(ordinal))
                for ordinal in range(data.draw(st.integers(0, 3)))
            ]
            item = store.add_item(Item(data.draw(NAMES), groups={data.draw(NAMES): "x"}))
            for _ in range(data.draw(st.integers(0, 2))):
                scoring = store.begin_scoring(run)
                for name in ("length", "length.part", data.draw(NAMES)):
                    for trial_id in trials:
                        made = score_of(name, data.draw(SCORES))
                        store.add_scores(run, scoring, [made], scorer="s", trial_id=trial_id)
                made = score_of("spread", data.draw(SCORES))
                store.add_scores(run, scoring, [made], scorer="over", item_id=item)
    connection = open_reading(path)
    try:
        quick = tidy.scores(connection, detail=True)
        asked = tidy.view(connection, "scores", {})
    finally:
        connection.close()
    assert list(quick) == list(asked)
    assert spelt(quick) == spelt(asked)


@pytest.mark.parametrize("name", tidy.VIEWS)
@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_columns_are_those_of_the_dictionary(db: gnomon.Database, name: str, frame: str) -> None:
    """No column without a documented meaning, and none of the documented ones is missing."""
    spread: dict[str, Any] = {"spread": ()} if name in ("trials", "scores", "results") else {}
    more = {"detail": True} if name == "scores" else {}
    made = getattr(db, name)(frame=frame, **spread, **more)
    assert list(made.columns) == [column for column in DICTIONARY[name] if column]
    told = db.describe(name, frame=frame)
    assert list(told["column"]) == list(made.columns)
    assert list(told["meaning"]) == [DICTIONARY[name][column] for column in made.columns]


def test_scores_in_pandas(db: gnomon.Database) -> None:
    """One row a score of the newest pass, levels and groups as columns, missing values with a reason."""
    made = db.scores("tiny", score="length")
    assert list(made.columns) == [
        "run", "measure", "model", "format", "pass", "trial", "item", "category", "instruction",
        "repeat", "scorer", "score", "value", "status",
    ]  # fmt: skip
    assert made["value"].isna().tolist() == [False, False, True, False, False, False]
    assert made["status"].tolist() == ["ok", "ok", "refused", "ok", "ok", "ok"]
    assert made.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(made.columns, "category"),
        **dict.fromkeys(["run", "pass", "trial", "repeat"], "Int64"),
        "value": "float64",
    }
    assert made.groupby("category", observed=True)["value"].mean().to_dict() == {"spice": 1.3}
    items = db.scores(score="spread")
    assert (items["trial"].isna().all(), items["value"].tolist()) == (True, [3.5])


def test_polars_says_the_same(db: gnomon.Database) -> None:
    """The same columns, values and gaps, in polars' own types."""
    for name in tidy.VIEWS:
        ours, theirs = getattr(db, name)(), getattr(db, name)(frame="polars")
        assert isinstance(theirs, pl.DataFrame)
        assert list(ours.columns) == theirs.columns
        for column in ours.columns:
            held = [None if _missing(value) else value for value in ours[column].tolist()]
            other = [
                value.to_list() if isinstance(value, pl.Series) else value
                for value in theirs[column]
            ]
            assert held == other, (name, column)
    assert db.scores(frame="polars").schema["trial"] == pl.Int64


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def test_draws_and_fields_are_spread(db: gnomon.Database) -> None:
    """Texts, lists and numbers keep their types; draws of scores come when they are asked for."""
    made = db.trials("tiny", spread=("levels", "groups", "draws", "fields"))
    assert made["first"].tolist() == ["Ada"] * 6
    assert made["shown"].tolist() == [["pepper", "salt"]] * 6
    assert (made["number"].dtype, made["number"].tolist()) == ("Int64", [0, 1, 2, 0, 1, 2])
    assert (
        db.trials("tiny", spread=("draws",))["levels"].tolist() == ['{"instruction":"plain"}'] * 6
    )
    scores = db.scores("tiny", draws=True)
    assert scores["first"].isna().tolist() == [False] * 6 + [True]
    assert db.scores("tiny", draws=True, spread=())["draws"].notna().sum() == 6
    assert "first" not in db.scores("tiny")


def test_a_level_whose_name_is_taken_is_called_after_its_source(db: gnomon.Database) -> None:
    """The frame's own columns keep their names, and nothing is lost."""
    made = db.scores("other")
    assert made["item"].tolist() == ["item-0", "item-1", "item-2"]
    assert made["levels.item"].tolist() == ["clash"] * 3


@given(
    st.lists(
        st.dictionaries(
            NAMES | st.sampled_from(["a", "x", "groups.a"]), st.text(max_size=3), max_size=3
        ),
        min_size=3,
        max_size=3,
    )
)
def test_every_name_finds_a_place(held: list[dict[str, str]]) -> None:
    """Names given away are distinct, and each value is in the column of its name."""
    from gnomon.frames.spreading import spread

    sources = ("levels", "groups", "draws")
    columns = {
        "a": tidy.Column("text", ["own"]),
        **{
            source: tidy.Column("text", [json.dumps(values)])
            for source, values in zip(sources, held, strict=True)
        },
    }
    made = spread(columns, sources)
    assert making._spelt(made["a"]) == ["own"]
    assert len(made) == 1 + sum(map(len, held))
    for source, values in zip(sources, held, strict=True):
        for name, value in values.items():
            found = [
                key for key in made if key.endswith(name) and making._spelt(made[key]) == [value]
            ]
            assert found, (source, name)


def test_values_of_one_name_and_several_types() -> None:
    """1, 1.0 and true are not one value; what mixes types stays as it is, or becomes JSON in polars."""
    from gnomon.frames.spreading import spread

    texts = ['{"a":1}', '{"a":true}', '{"a":1.0}', '{"a":["x"]}', '{"a":"t"}', None]
    columns = {"draws": tidy.Column("text", texts)}
    made = making.make(spread(columns, ("draws",)), "pandas")
    assert [repr(value) for value in made["a"]] == ["1", "True", "1.0", "['x']", "'t'", "None"]
    other = making.make(spread(columns, ("draws",)), "polars")
    assert other["a"].to_list() == ["1", "true", "1.0", '["x"]', "t", None]
    large = {"draws": tidy.Column("text", ['{"a":9223372036854775808}', '{"a":1}'])}
    assert making.make(spread(large, ("draws",)), "pandas")["a"].tolist() == [2**63, 1]


def test_results_conversations_runs_and_failures(db: gnomon.Database) -> None:
    """The other views, with the group of an estimate spread."""
    results = db.results("tiny", score="length")
    assert results[["instruction", "value", "n", "refused"]].values.tolist() == [
        ["plain", 1.5, 5, 1]
    ]
    assert db.runs(model="scripted:second")["measure"].tolist() == ["other"]
    asked = db.conversations(run=2)
    assert asked["reply"].tolist() == ["answer 0", "answer 1", "answer 2"]
    assert asked["tokens_in"].isna().all()
    missing = db.failures(run=1)
    assert missing[["what", "name", "status"]].values.tolist() == [["score", "length", "refused"]]


def test_sql(db: gnomon.Database) -> None:
    """A person's own SQL with parameters, types by what came."""
    made = db.sql("SELECT item, avg(value) AS mean, count(*) AS n FROM scores WHERE run = :run "
                  "GROUP BY 1", {"run": 2})  # fmt: skip
    assert made["mean"].tolist() == [0.0, 1.0, 2.0]
    assert made.dtypes.astype(str).tolist()[1:] == ["float64", "Int64"]
    none = db.sql("SELECT item, value FROM scores WHERE run = ?", (9,), frame="polars")
    assert (none.height, none.columns) == (0, ["item", "value"])
    beyond = "a parameter is a whole number of more than 64 bits, and the database holds none"
    with pytest.raises(gnomon.StoreError, match=f"^{beyond}$"):
        db.sql("SELECT item FROM scores WHERE run = ?", (10**20,))


# -- one moment ----------------------------------------------------------------------------------


def test_a_frame_is_one_moment_of_a_run_that_goes_on(tmp_path: Path) -> None:
    """While a run writes, every frame has as many scores as finished trials had at one moment."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    stop = threading.Event()

    def write() -> None:
        with Store.open(path, write=True) as store:
            run = store.begin_run(FACTS)
            scoring = store.newest_scoring(run)
            ordinal = 1
            while not stop.is_set():
                administer(store, run, trial_of(ordinal), scoring=scoring)
                store.flush()
                ordinal += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        with gnomon.open(path) as db:
            seen: list[int] = []
            deadline = time.monotonic() + 60
            # A busy machine may give the writer no turn between a few frames.
            while len(seen) < 10 or (seen[-1] == seen[0] and time.monotonic() < deadline):
                made = db.scores(draws=True)
                assert made["trial"].tolist() == list(range(1, len(made) + 1))
                assert made["first"].notna().all()
                seen.append(len(made))
    finally:
        stop.set()
        thread.join()
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


# -- what it says when something is wrong --------------------------------------------------------


def sentence(call: Callable[[], Any]) -> str:
    with pytest.raises((StoreError, UsageError)) as caught:
        call()
    return str(caught.value)


def test_unknown_names(db: gnomon.Database) -> None:
    """The nearest name and the list."""
    where = db.path
    assert sentence(lambda: db.scores("tinny")) == (
        f"there is no measure 'tinny' in {where} (did you mean 'tiny'?); there are: other, tiny"
    )
    assert sentence(lambda: db.trials(run=7)) == f"there is no run 7 in {where}; there are: 1, 2"
    assert sentence(lambda: db.runs(model="scripted:secnd")) == (
        f"there is no model 'scripted:secnd' in {where} (did you mean 'scripted:second'?); there are: "
        "scripted:answers, scripted:second"
    )
    assert sentence(lambda: db.results(score=["length", "lenght"])) == (
        f"there is no score 'lenght' in {where} (did you mean 'length'?); there are: length, spread"
    )
    assert sentence(lambda: db.scores("tiny", run=[2])) == (
        f"no run in {where} has all of: measure tiny; run 2; 'gnomon list runs' shows them"
    )
    assert sentence(lambda: db.scores(run="one")) == "a run is given by its number; it got 'one'"  # type: ignore[arg-type]
    assert sentence(lambda: db.describe("score s")).startswith(
        "there is no table or view 'score s' (did you mean 'scores'?); there are: _sqlite_migrations, ask, "
    )


def test_numbers_of_numpy_are_numbers(db: gnomon.Database) -> None:
    """A run taken out of a frame can be given back."""
    run = db.runs()["run"].iloc[0]
    assert set(db.scores(run=run)["run"]) == {1}
    assert len(db.scores(run=range(1, 3))) == 10


def test_wrong_options(db: gnomon.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which libraries and columns there are."""
    assert sentence(lambda: db.scores(frame="polar")) == (
        "frames are made by pandas or polars; frame got 'polar' (did you mean 'polars'?)"
    )
    assert sentence(lambda: db.trials(spread=("drawn",))) == (
        "'drawn' is no column that can be spread (did you mean 'draws'?); these can: detail, draws, "
        "fields, group, groups, levels"
    )
    assert sentence(lambda: db.trials(spread="draws")) == (
        "spread takes several names, such as ['draws']; it got 'draws'"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert sentence(lambda: db.scores(frame="polars")) == (
        "frame='polars' needs the package polars, which is not installed; install it with: pip install "
        "'gnomon[polars]'"
    )


def test_a_query_that_is_refused_or_wrong(db: gnomon.Database) -> None:
    """As in ``gnomon query``, and two columns of one name."""
    assert sentence(lambda: db.sql("DELETE FROM trial")) == (
        "the query was refused: it may only read, so it is one SELECT statement without ATTACH, PRAGMA "
        "settings or extensions"
    )
    assert sentence(lambda: db.sql("SELECT run, run FROM runs")) == (
        "the query gives two columns the name 'run'; name one of them with AS"
    )


def test_an_empty_database_and_a_run_without_scores(tmp_path: Path) -> None:
    """Empty frames with their columns where nothing was named; a sentence where something was."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True):
        pass
    spread = ("", "levels", "groups", "group", "draws", "detail")
    for frame in ("pandas", "polars"):
        with gnomon.open(path) as db:
            for name in tidy.VIEWS:
                made = getattr(db, name)(frame=frame)
                assert len(made) == 0
                wanted = [
                    column
                    for column in DICTIONARY[name]
                    if column not in spread or (name, column) == ("results", "detail")
                ]
                assert list(made.columns) == wanted
    with gnomon.open(path) as db:
        assert sentence(lambda: db.scores("tiny")) == (
            f"there is no measure 'tiny' in {path}; there are: none"
        )
        assert sentence(lambda: db.scores(run=1)) == f"there is no run 1 in {path}; there are: none"
    with Store.open(path, write=True) as store:
        store.begin_run(FACTS)
    with gnomon.open(path) as db:
        assert len(db.scores()) == 0
        assert sentence(lambda: db.scores(run=1)) == (
            "run 1 has no scores yet; they come while it runs, and 'gnomon score 1' scores what is stored"
        )


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    """As everywhere else."""
    assert sentence(lambda: gnomon.open(tmp_path / "a.db")) == (
        f"there is no database {tmp_path / 'a.db'}; 'gnomon run' makes one"
    )


def test_a_closed_database_says_so(path: Path) -> None:
    """After ``close`` or ``with``; closing twice does no harm."""
    with gnomon.open(str(path)) as db:
        pass
    db.close()
    assert sentence(db.scores) == f"{path} was closed; open it again with gnomon.open"
    assert (
        sentence(lambda: db.sql("SELECT 1")) == f"{path} was closed; open it again with gnomon.open"
    )
    assert repr(db) == f"<gnomon database {path}, closed>"
    assert db._repr_html_() == f"<p>&lt;gnomon database {path}, closed&gt;</p>"


def test_a_notebook_shows_the_runs_escaped(tmp_path: Path) -> None:
    """What a model or a file is called is never markup."""
    path = tmp_path / "<b>.db"
    hostile = attrs.evolve(SUBJECT, model="<script>alert('x')</script>&\"")
    with Store.open(path, write=True) as store:
        for seed in range(101):
            store.begin_run(attrs.evolve(FACTS, seed=seed, roles={"subject": hostile}))
    with gnomon.open(path) as db:
        shown = db._repr_html_()
        assert repr(db) == f"<gnomon database {path}: 101 runs>"
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;" in shown
    assert shown.endswith("<p>and 1 earlier run</p>")


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_values_that_no_column_type_holds(tmp_path: Path, frame: Any) -> None:
    """Lone surrogates are written as escapes, and numbers beyond 64 bits are objects, or texts in polars."""
    path = tmp_path / "odd.db"
    odd = [{"word": "\ud800x", "words": ("\udfffy",), "big": 10**400}, {"big": 1.5}]
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        for ordinal, more in enumerate(odd):
            administer(store, run, trial_of(ordinal, item=Item(f"odd-{ordinal}", more)))
    with gnomon.open(path) as db:
        made = db.trials(frame=frame, spread=("fields",))
    assert next(iter(made["word"])) == "\\ud800x"
    assert list(next(iter(made["words"]))) == ["\\udfffy"]
    assert [str(value) for value in made["big"]] == [str(10**400), "1.5"]
