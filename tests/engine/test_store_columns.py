"""Score columns: one row per unit, missing scores as NaN with a status, labels as strings."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
from store_samples import FACTS, SUBJECT, administer, trial_of

from gnomon import Item, Score, StoreError
from gnomon.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two runs: four trials with two scores each and one item score, and one trial of another model."""
    with Store.open(tmp_path / "a.db", write=True) as opened:
        run = opened.begin_run(FACTS)
        scoring = opened.begin_scoring(run)
        for ordinal in (2, 0, 3, 1):
            trial = trial_of(ordinal)
            number = administer(opened, run, trial, scoring=scoring, value=float(ordinal))
            if ordinal != 1:
                missing = Score(name="length.rest", value=None, status="unparsed")
                opened.add_scores(run, scoring, [missing], scorer="length", trial_id=number)
        item_id = opened.add_item(trial_of(0).item)
        opened.add_scores(
            run, scoring, [Score(name="spread", value=0.5)], scorer="s", item_id=item_id
        )
        other = attrs.evolve(FACTS, roles={"subject": attrs.evolve(SUBJECT, model="others")})
        second = opened.begin_run(other)
        item = Item("bare", {"words": ("salt", "pepper"), "number": 0})
        trial = trial_of(0, item=item, levels={}, draws={}, fields=dict(item.fields))
        administer(opened, second, trial, scoring=opened.begin_scoring(second), value=9.0)
        yield opened


def test_rows_are_trials_in_plan_order(store: Store) -> None:
    """Values, statuses and labels of each trial, whatever the order they were stored in."""
    columns = store.score_columns([1], ["length", "length.rest"])
    assert columns.over == "trial"
    assert columns.scores["length"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(columns.scores["length.rest"]).all()
    assert columns.statuses["length"].tolist() == ["ok"] * 4
    assert columns.statuses["length.rest"].tolist() == [
        "unparsed",
        "absent",
        "unparsed",
        "unparsed",
    ]
    assert {name: column.tolist() for name, column in columns.labels.items()} == {
        "run": ["1"] * 4,
        "measure": ["tiny"] * 4,
        "model": ["scripted:answers"] * 4,
        "item": ["item-0", "item-1", "item-2", "item-0"],
        "repeat": ["0", "0", "0", "1"],
        "ordinal": ["0", "1", "2", "3"],
        "format": ["free"] * 4,
        "instruction": ["plain"] * 4,
        "category": ["spice"] * 4,
        "first": ["Ada"] * 4,
    }


def test_runs_stand_below_each_other(store: Store) -> None:
    """A column that a run does not have is empty for it."""
    columns = store.score_columns([2, 1], ["length"])
    assert columns.scores["length"].tolist() == [9.0, 0.0, 1.0, 2.0, 3.0]
    assert columns.labels["model"].tolist() == ["scripted:others"] + ["scripted:answers"] * 4
    assert columns.labels["category"].tolist() == ["", *["spice"] * 4]


def test_only_the_labels_asked_for(store: Store) -> None:
    """Naming the labels spares the others; the run is always there."""
    columns = store.score_columns([1], ["length"], ["item", "first"])
    assert set(columns.labels) == {"run", "item", "first"}


def test_rows_are_items_for_item_scores(store: Store) -> None:
    """A score over an item's trials has no repeat."""
    columns = store.score_columns([1], ["spread"])
    assert columns.over == "item"
    assert columns.scores["spread"].tolist() == [0.5]
    assert {name: column.tolist() for name, column in columns.labels.items()} == {
        "run": ["1"],
        "measure": ["tiny"],
        "model": ["scripted:answers"],
        "format": ["free"],
        "item": ["item-0"],
        "category": ["spice"],
    }


def test_the_newest_pass_counts(store: Store) -> None:
    """Scored again, the old scores are kept and not shown."""
    scoring = store.begin_scoring(1)
    store.add_scores(1, scoring, [Score(name="length", value=-1.0)], scorer="length", trial_id=1)
    assert store.score_columns([1], ["length"]).scores["length"].tolist() == [-1.0]
    assert store.scores_by_item(1, scoring, below=9) == {
        "item-2": {"length": [Score(name="length", value=-1.0)]}
    }


def test_what_cannot_be_a_table_is_refused(store: Store) -> None:
    """Trials and items together, an unknown score, and a run that was never scored."""
    for names, expected in (
        (
            ["length", "spread"],
            "scores of items (spread) and scores of trials (length) cannot stand in one table; ask for "
            "them apart",
        ),
        (
            ["lenght"],
            "there is no score 'lenght' (did you mean 'length'?); there are: length, length.rest, spread",
        ),
    ):
        with pytest.raises(StoreError) as caught:
            store.score_columns([1], names)
        assert str(caught.value) == expected
    fresh = store.begin_run(FACTS, fresh=True)
    with pytest.raises(StoreError) as caught:
        store.score_columns([fresh], ["length"])
    assert str(caught.value) == f"run {fresh} has not been scored; 'gnomon score {fresh}' does it"
