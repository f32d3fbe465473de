"""Relating scores of one or several runs: what is joined, on which rows, and every refusal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import SPEC, Spread

from gnomon import Estimate, Item, StatisticError, Table, Trial
from gnomon.errors import GnomonError
from gnomon.records import Score
from gnomon.run.relating import Related, ScoreName, joined, relate
from gnomon.store import RoleFacts, RunFacts, Store

Rows = Sequence[tuple[str, dict[str, float | None]]]


def stored(store: Store, rows: Rows, *, seed: int = 1, over: str = "trial") -> int:
    """A run with these scores: an item key and its scores for each trial."""
    facts = RunFacts(
        measure="made",
        title="made",
        version=1,
        spec_text=f"seed = {seed}",
        seed=seed,
        repeats=1,
        roles={"subject": RoleFacts(role="subject", backend="b", model="m")},
    )
    run = store.begin_run(facts)
    scoring = store.begin_scoring(run)
    for ordinal, (key, values) in enumerate(rows):
        item = Item(key, groups={"half": key[0]})
        item_id = store.add_item(item)
        trial = store.add_trial(run, item_id, Trial(ordinal, item, {}, ordinal, {}, item.groups))
        store.finish_trial(trial)
        scores = [
            Score(name=name, value=value, status="ok" if value is not None else "unparsed")
            for name, value in values.items()
        ]
        place = {"trial_id": trial} if over == "trial" else {"item_id": item_id}
        store.add_scores(run, scoring, scores, scorer="made", **place)
    store.close_session(run, reason="done", calls=0, cached=0, trials=len(rows))
    store.flush()
    return run


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "a.db", write=True) as opened:
        yield opened


def names(*texts: str) -> list[ScoreName]:
    return [ScoreName.parse(text) for text in texts]


def column(table: Table, name: str) -> list[float]:
    return table.scores[name].tolist()


def test_scores_of_one_run_are_joined_trial_by_trial(store):
    """Each row is a trial; a score that is missing keeps its status."""
    stored(store, [("a", {"x": 1, "y": 2}), ("a", {"x": 3, "y": None}), ("b", {"x": 5})])
    table = joined(store, names("1:x", "1:y"), "trial")
    assert column(table, "1:x") == [1, 3, 5]
    np.testing.assert_equal(column(table, "1:y"), [2, np.nan, np.nan])
    assert table.statuses["1:y"].tolist() == ["ok", "unparsed", "absent"]
    assert table.labels["item"].tolist() == ["a", "a", "b"]


def test_scores_of_two_runs_are_joined_by_item(store):
    """Each row is an item of the outcome's run, with the means of the scores that are present."""
    stored(store, [("a", {"x": 1}), ("a", {"x": 3}), ("a", {"x": None}), ("b", {"x": 5})])
    stored(store, [("b", {"y": 1}), ("a", {"y": 7}), ("c", {"y": 9})], seed=2)
    table = joined(store, names("1:x", "2:y"), "item")
    assert table.labels["item"].tolist() == ["a", "b"]
    assert table.labels["half"].tolist() == ["a", "b"]
    assert "repeat" not in table.labels
    assert (column(table, "1:x"), column(table, "2:y")) == ([2, 5], [7, 1])


def test_by_trial_another_run_gives_its_mean_of_the_item(store):
    """The outcome's trials stay apart; what is one number for each item is the same in all of them."""
    stored(store, [("a", {"x": 1}), ("b", {"x": 2}), ("a", {"x": 3}), ("c", {"x": 4})])
    stored(store, [("a", {"y": 6}), ("a", {"y": 8}), ("b", {"y": 9})], seed=2)
    stored(store, [("a", {"z": 5}), ("b", {"z": 4})], seed=3, over="item")
    table = joined(store, names("1:x", "2:y", "3:z"), "trial")
    assert column(table, "1:x") == [1, 2, 3, 4]
    np.testing.assert_equal(column(table, "2:y"), [7, 9, 7, np.nan])
    np.testing.assert_equal(column(table, "3:z"), [5, 4, 5, np.nan])


@settings(max_examples=25)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.one_of(st.none(), st.integers(-9, 9)),
            st.one_of(st.none(), st.integers(-9, 9)),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_joining_a_run_with_itself_by_item_changes_nothing(tmp_path_factory, rows):
    """Means by item are those of plain arithmetic, whatever is missing, and no item is lost."""
    made = [(key, {"x": x, "y": y}) for key, x, y in rows]
    with Store.open(tmp_path_factory.mktemp("store") / "a.db", write=True) as store:
        stored(store, made)
        table = joined(store, names("1:x", "1:y"), "item")
    assert table.labels["item"].tolist() == list(dict.fromkeys(key for key, _, _ in rows))
    for score in ("x", "y"):
        for key, found in zip(table.labels["item"], table.scores[f"1:{score}"], strict=True):
            own = [v[score] for k, v in made if k == key and v[score] is not None]
            np.testing.assert_allclose(found, np.mean(own) if own else np.nan)


@attrs.frozen(kw_only=True)
class Slope:
    """Says how many rows it was given.

    Attributes:
        cluster: A column.
    """

    name: ClassVar[str] = "slope"
    relates: ClassVar[str] = "prediction"
    cluster: str | None = None

    def estimate(self, table: Table, rng: np.random.Generator) -> Estimate:
        if "bad" in table.of[1]:
            raise StatisticError("not with this one")
        clusters = len(set(table.label(self.cluster))) if self.cluster else 0
        return Estimate(quantity="rows", value=float(len(table)), detail={"clusters": clusters})


def related(store: Store, *texts: str, **options: Any) -> Related:
    found = tiny.catalogue()
    module = tiny.module()
    module.register_statistics = tiny.gnomon.hookimpl(_statistics)  # type: ignore[attr-defined]  # a module made by hand
    found = type(found)(modules={"tiny": module})
    return relate(store, names(*texts), found, **options)


def _statistics() -> list[type]:
    return [Slope]


_statistics.__name__ = "register_statistics"
ROWS: Rows = [
    ("a", {"x": 0, "y": 1, "z": 3, "bad": 1}),
    ("a", {"x": 1, "y": 2, "z": 1, "bad": 2}),
    ("b", {"x": 0, "y": 4, "z": None, "bad": 2}),
    ("b", {"x": 1, "y": 3, "z": 2, "bad": 4}),
    ("c", {"x": 1, "y": 7, "z": 2, "bad": 4}),
]


def test_all_numbers_rest_on_the_same_rows(store):
    """The row without z is left out for y too, and the answer says how many rows are left."""
    stored(store, ROWS)
    pairs = related(store, "1:x", "1:y", "1:z", use=["pearson"], cluster="none")
    assert [(one.group["predictor"], one.n) for one in pairs.estimates] == [("1:y", 4), ("1:z", 4)]
    made = related(store, "1:x", "1:y", "1:z", use=["slope"])
    assert (made.by, made.rows, made.units, made.predictions) == ("trial", 4, 5, {"slope"})
    assert [
        (one.statistic, one.group["predictor"], one.n or one.value) for one in made.estimates
    ] == [
        ("slope", "1:y", 4.0),
        ("slope", "1:z", 4.0),
        ("slope", "1:y + 1:z", 4.0),
    ]
    alone = related(store, "1:x", "1:y", use=["slope"])
    assert [one.value for one in alone.estimates] == [5.0]


def test_a_refusal_stands_in_the_place_of_the_number(store):
    """A statistic that refuses one predictor does not hurt the others."""
    stored(store, ROWS)
    made = related(store, "1:x", "1:bad", "1:y", use=["slope"])
    assert [(one.value, one.note) for one in made.estimates] == [
        (None, "no estimate: not with this one"),
        (5.0, None),
        (None, "no estimate: not with this one"),
    ]


def test_clusters_go_to_the_statistics_that_know_them(store):
    """A statistic without the option is left out rather than silently taking rows as independent."""
    stored(store, ROWS)
    made = related(store, "1:x", "1:y", use=["slope"], cluster="item")
    assert [one.detail["clusters"] for one in made.estimates] == [3]


def test_rows_that_share_a_number_are_said_to(store):
    """A predictor of another run is one number for all trials of an item, which clusters allow for."""
    stored(store, ROWS)
    stored(store, [(key, {"w": ord(key)}) for key in "abc"], seed=2)
    made = related(store, "1:x", "2:w", by="trial", use=["slope"], cluster="none")
    assert made.notes == (
        "all trials of an item share one number of 2:w, so their rows are not independent and the "
        "intervals too narrow; without --cluster none that is allowed for",
    )
    assert not related(store, "1:x", "2:w", by="trial", use=["slope"]).notes
    assert not related(store, "1:x", "2:w", use=["slope"]).notes


def test_every_statistic_that_relates_scores_is_used(store):
    """Unless some are named."""
    stored(store, ROWS)
    made = related(store, "1:x", "1:y")
    assert {one.statistic for one in made.estimates} == {
        "logistic-regression",
        "pearson",
        "slope",
        "spearman",
    }


def test_what_is_not_for_the_outcome_is_used_when_it_is_named(store):
    """A logistic regression is of 0 and 1: of another outcome it says why there is none, and only if asked."""
    stored(store, ROWS)
    made = related(store, "1:y", "1:x", cluster="none")
    assert {one.statistic for one in made.estimates} == {"pearson", "slope", "spearman"}
    assert made.predictions == {"slope"}
    (named,) = related(store, "1:y", "1:x", use=["logistic-regression"]).estimates
    assert named.note == (
        "no estimate: a logistic regression needs values of 0 and 1, and 4 of '1:y' are not, such as 2"
    )


@pytest.mark.parametrize("text", ["x", "1", "1:", "one:x", ":x", "-1:x"])
def test_what_is_no_score_is_refused(text):
    """A score is a run's number, a colon, and a name."""
    with pytest.raises(GnomonError) as error:
        ScoreName.parse(text)
    assert str(error.value) == (
        f"a score is written RUN:SCORE, such as 1:length, and not {text!r}; "
        "'gnomon results' shows the numbers of runs"
    )


@pytest.mark.parametrize(
    ("texts", "options", "sentence"),
    [
        (["1:x"], {}, "give an outcome and at least one other score, each once"),
        (["1:x", "1:x"], {}, "give an outcome and at least one other score, each once"),
        (["1:x", "1:why"], {}, "there is no score 'why'; there are: bad, x, y, z"),
        (["1:x", "9:y"], {}, "there is no run 9; there are: 1, 2, 3"),
        (
            ["1:x", "2:w"],
            {},
            "run 1 and run 2 have no item in common: 'a', 'b', 'c' there, 'k', 'l', 'm', … here; scores "
            "of different measures are joined by the keys of their items",
        ),
        (
            ["3:i", "1:x"],
            {"by": "trial"},
            "3:i is a score of items, so trials have none; join it with --by item",
        ),
        (
            ["1:x", "1:y"],
            {"use": ["sloppe"]},
            "--use sloppe: no such statistic relates scores (did you mean 'slope'?); there are: "
            "logistic-regression, pearson, slope, spearman",
        ),
        (
            ["1:x", "1:y"],
            {"cluster": "haff"},
            "--cluster haff: rows by trial have no such column (did you mean 'half'?); there are: format, "
            "half, item, measure, model, ordinal, repeat, run",
        ),
    ],
)
def test_refusals(store, texts, options, sentence):
    """Each is a sentence that says what there is."""
    stored(store, ROWS)
    stored(store, [(key, {"w": 1}) for key in "klmn"], seed=2)
    stored(store, [("a", {"i": 1})], seed=3, over="item")
    with pytest.raises(GnomonError) as error:
        related(store, *texts, **options)
    assert str(error.value) == sentence


def test_the_command_prints_predictors_together(tmp_path, run_gnomon):
    """One outcome, two predictors: the rows, each statistic, and the fits beside each other."""
    with Store.open(tmp_path / "a.db", write=True) as store:
        rng = np.random.default_rng(5)
        rows = []
        for key in "abcdef" * 10:
            y, z = (float(value) for value in rng.normal(size=2))
            rows.append((key, {"x": float(y + rng.normal() > 0), "y": y, "z": z}))
        stored(store, rows)
    done = run_gnomon("correlate", "1:x", "1:y", "1:z", "--db", str(tmp_path / "a.db"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "60 of 60 trials have every score"
    titles = [line for line in lines if line.startswith(("pearson", "spearman", "logistic"))]
    assert titles == [
        "pearson: 1:x",
        "spearman: 1:x",
        "logistic-regression: 1:x from 1:y",
        "logistic-regression: 1:x from 1:z",
        "logistic-regression: 1:x from 1:y + 1:z",
        "logistic-regression: 1:x, fit",
    ]
    heading = next(i for i, line in enumerate(lines) if line == titles[-1])
    assert "aic" in lines[heading + 1]
    assert [line.split()[0] for line in lines[heading + 2 :]] == ["1:y", "1:z", "1:y"]


def test_item_scores_of_a_run(tmp_path):
    """Scores over items are joined with scores over trials of the same run by item."""
    text = SPEC + '\n[[score]]\nuse = "spread"\n'
    made = tiny.run_tiny(Path(tmp_path), text, extra=(Spread,))
    with Store.open(tmp_path / "results.db") as store:
        table = joined(store, names(f"{made.run_id}:length", f"{made.run_id}:spread"), "item")
    assert len(table) == 3
    assert column(table, "1:spread") == [0, 0, 0]
