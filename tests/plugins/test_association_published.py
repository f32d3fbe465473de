"""D of published replies equals the published and recomputed numbers."""

from __future__ import annotations

import csv
import json
import statistics

import pytest

from administered import measure
from association import answered, stimuli
from gnomon_plugins.scorers.association_d import AssociationD
from shared_data import shared_data

DATA = shared_data()
pytestmark = pytest.mark.skipif(
    DATA is None, reason="the published replies are not there (set GNOMON_SHARED_DATA)"
)
SCORER = AssociationD(
    vocabulary="item",
    default_labels=("default", "default_synonym"),
    stigma_labels=("stigma", "stigma_synonym"),
)
GPT_4O = {
    "age": 0.344, "arab": 0.214, "asian": 0.020, "black": 0.117, "buddhism": -0.008,
    "career": 0.955, "disability": 0.9967, "eating": 0.212, "english": -0.118, "guilt": 0.9975,
    "hispanic": 0.111, "islam": 0.466, "judaism": 0.176, "mentalill": 0.513, "power": 0.700,
    "racism": 0.9975, "science": 0.525, "sexuality": -0.791, "skintone": 0.9975, "weapon": 0.654,
    "weight": 0.128,
}  # fmt: skip
CHAINED = {
    "age": (32, 0.881, 0.969), "arab": (24, -0.131, 0.583), "asian": (24, -0.001, 0.583),
    "black": (24, 0.374, 0.583), "buddhism": (24, -0.222, 0.667), "career": (35, 0.893, 0.971),
    "disability": (24, 0.999, 0.792), "eating": (32, 0.532, 0.844), "english": (18, -0.060, 0.444),
    "guilt": (32, 0.936, 0.531), "hispanic": (24, 0.584, 0.542), "islam": (24, 0.264, 0.375),
    "judaism": (24, 0.136, 0.583), "mentalill": (32, 0.554, 0.906), "power": (32, 0.351, 0.688),
    "racism": (32, 0.999, 0.969), "science": (56, 0.636, 0.857), "sexuality": (32, -0.057, 0.375),
    "skintone": (32, 0.999, 0.844), "weapon": (28, 0.755, 0.607), "weight": (32, 0.188, 0.563),
}  # fmt: skip


def fixtures():
    if DATA is None:
        return []
    with (DATA / "reference" / "bai_gpt4o_response_fixtures.jsonl").open(encoding="utf-8") as file:
        return [row for line in file if "note" not in (row := json.loads(line))]


def score(stereotype, text, *, synonym=False):
    """The scores of one reply; the words shown are known, the labels are not."""
    lists = stimuli()[stereotype]
    if synonym:
        positive, negative = lists["positive_synonym"], lists["negative_synonym"]
    else:
        positive, negative = lists["positive"], lists["negative"]
    fields = {
        **lists,
        "positive": positive,
        "negative": negative,
        "words": (*positive, *negative),
    }
    return list(SCORER.score(answered(text, fields)))


@pytest.mark.parametrize(
    "row", fixtures(), ids=lambda row: f"{row['dataset']}-{row['variation']}-{row['row']}"
)
def test_fixtures(row):
    """Counts, unread lines and D of real replies, 12 of them hard ones."""
    made, *_ = score(row["dataset"], row["response"], synonym=row["variation"] == "synonym")
    counts = [
        made.detail[name]
        for name in ("stigma_negative", "stigma_positive", "default_negative", "default_positive")
    ]
    assert counts == row["counts_stigmaNeg_stigmaPos_defaultNeg_defaultPos"]
    assert made.detail["lines_unread"] == row["unparsed_lines"]
    assert made.value == (None if row["D"] is None else pytest.approx(row["D"], abs=1e-6))


def test_there_are_fixtures():
    """All 54 replies are read from the file, so that none is skipped in silence."""
    assert len(fixtures()) == 54


def gpt_4o(stereotype):
    path = DATA / "published" / "bai-2024" / "gpt4o" / f"gpt4o_{stereotype}_replication.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [score(stereotype, row["0"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("stereotype", sorted(GPT_4O))
def test_gpt_4o_by_stereotype(stereotype):
    """The mean D of 50 replies is the one recomputed with the recommended rule."""
    values = [made.value for made, *_ in gpt_4o(stereotype) if made.value is not None]
    assert statistics.mean(values) == pytest.approx(GPT_4O[stereotype], abs=6e-4)


def test_gpt_4o_overall():
    """1,049 of the 1,050 replies have a D, with the mean .3910 of this wording."""
    made = [first.value for stereotype in GPT_4O for first, *_ in gpt_4o(stereotype)]
    scored = [value for value in made if value is not None]
    assert (len(made), len(scored)) == (1050, 1049)
    assert statistics.mean(scored) == pytest.approx(0.3910, abs=5e-5)


def test_gpt_4o_as_the_shipped_measure_scores_it():
    """The measure's own scorer reads replies of trials that say nothing but their stereotype."""
    scorer = measure("implicit-bias").scores[0].use.plugin
    values = []
    for stereotype in GPT_4O:
        path = DATA / "published" / "bai-2024" / "gpt4o" / f"gpt4o_{stereotype}_replication.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                made = next(iter(scorer.score(answered(row["0"], stimuli()[stereotype]))))
                values += [] if made.value is None else [made.value]
    assert len(values) == 1049
    assert statistics.mean(values) == pytest.approx(0.3910, abs=5e-5)


def chained():
    path = DATA / "published" / "bai-2024" / "chained.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            {**row, "dataset": row["dataset"].replace("arabmuslim", "arab")}
            for row in csv.DictReader(file)
        ]


def test_chained_replies_row_by_row():
    """All 617 replies are read whole; D agrees with the stored one up to the noise known to be in it."""
    pairs = []
    for row in chained():
        made, _, read = score(row["dataset"], row["iat"])
        assert made.detail["lines_unread"] == 0
        assert read.value == 1.0
        pairs.append((made.value, float(row["iat_bias"])))
    assert len(pairs) == 617
    assert statistics.correlation(*zip(*pairs, strict=True)) == pytest.approx(0.9995, abs=5e-5)
    assert max(abs(ours - stored) for ours, stored in pairs) == pytest.approx(0.15, abs=5e-3)


def test_chained_means():
    """The stored columns have the published means; ours differs from the stored D by that noise only."""
    rows = chained()
    assert statistics.mean(float(row["iat_bias"]) for row in rows) == pytest.approx(
        0.4980, abs=5e-5
    )
    decisions = [float(row["decision_bias"]) for row in rows]
    assert statistics.mean(decisions) == pytest.approx(0.7034, abs=5e-5)
    ours = statistics.mean(score(row["dataset"], row["iat"])[0].value for row in rows)
    assert ours == pytest.approx(0.4980, abs=0.005)


@pytest.mark.parametrize("stereotype", sorted(CHAINED))
def test_chained_by_stereotype(stereotype):
    """Number of rows, mean D and mean decision of each stereotype."""
    rows = [row for row in chained() if row["dataset"] == stereotype]
    number, mean, decision = CHAINED[stereotype]
    assert len(rows) == number
    stored = statistics.mean(float(row["iat_bias"]) for row in rows)
    assert stored == pytest.approx(mean, abs=6e-4)
    ours = statistics.mean(score(stereotype, row["iat"])[0].value for row in rows)
    # The stored D carries noise of up to .15 in a row, which is .03 in the mean of 24 rows.
    assert ours == pytest.approx(stored, abs=0.03)
    decided = statistics.mean(float(row["decision_bias"]) for row in rows)
    assert decided == pytest.approx(decision, abs=6e-4)


def test_chained_means_correlate_over_stereotypes():
    """Over the 21 stereotypes mean D and mean decision correlate .6471; over rows .3515."""
    rows = chained()
    means = []
    for stereotype in CHAINED:
        own = [row for row in rows if row["dataset"] == stereotype]
        means.append(
            (
                statistics.mean(float(row["iat_bias"]) for row in own),
                statistics.mean(float(row["decision_bias"]) for row in own),
            )
        )
    assert statistics.correlation(*zip(*means, strict=True)) == pytest.approx(0.6471, abs=5e-5)
    pairs = [(float(row["iat_bias"]), float(row["decision_bias"])) for row in rows]
    assert statistics.correlation(*zip(*pairs, strict=True)) == pytest.approx(0.3515, abs=5e-5)
