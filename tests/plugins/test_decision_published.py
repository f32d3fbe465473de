"""Decision and D of the published chained conversations: the published regression."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from association import answered, stimuli
from gnomon import Table
from gnomon_plugins.scorers.association_d import AssociationD
from gnomon_plugins.statistics.regression import LogisticRegression
from gnomon_plugins.statistics.t_tests import TOneSample
from shared_data import shared_data

DATA = shared_data()
pytestmark = pytest.mark.skipif(
    DATA is None, reason="the published replies are not there (set GNOMON_SHARED_DATA)"
)
SCORER = AssociationD(vocabulary="item")


def rows():
    path = DATA / "published" / "bai-2024" / "chained.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def rescored(row):
    """D of the published reply, by our scorer."""
    lists = stimuli()[row["dataset"].replace("arabmuslim", "arab")]
    return next(iter(SCORER.score(answered(row["iat"], lists)))).value


def table(d, *, only=lambda row: True, of=("decision", "association-d")):
    kept = [row for row in rows() if only(row)]
    scores = {
        "decision": np.array([float(row["decision_bias"]) for row in kept]),
        "association-d": np.array([d(row) for row in kept]),
    }
    return Table(
        scores=scores,
        statuses={name: np.full(len(kept), "ok") for name in scores},
        labels={"item": np.array([row["dataset"] for row in kept])},
        of=of,
    )


def stored(row):
    return float(row["iat_bias"])


def regression(given):
    made = LogisticRegression(cluster="none").estimate(given, np.random.default_rng(1))
    return {estimate.quantity: estimate for estimate in made}


def slope_and_intercept(made):
    intercept, slope, _ = made.values()
    return intercept, slope


def test_published_regression():
    """Decision on the stored D: every number of the published output, n = 617."""
    made = regression(table(stored))
    intercept, slope = slope_and_intercept(made)
    assert (intercept.n, slope.n) == (617, 617)
    assert intercept.value == pytest.approx(0.4563, abs=5e-5)
    assert intercept.error == pytest.approx(0.1035, abs=5e-5)
    assert slope.value == pytest.approx(0.9828, abs=5e-5)
    assert slope.error == pytest.approx(0.1190, abs=5e-5)
    assert slope.test_value == pytest.approx(8.255, abs=5e-4)
    assert slope.effect_value == pytest.approx(math.exp(0.9828), rel=1e-4)
    whole = made["pseudo-r-squared"]
    assert whole.value == pytest.approx(0.09617, abs=5e-6)
    assert whole.detail["log-likelihood"] == pytest.approx(-339.033, abs=5e-4)
    assert whole.detail["null log-likelihood"] == pytest.approx(-375.107, abs=5e-4)
    assert whole.detail["aic"] == pytest.approx(682.0655, abs=5e-5)
    assert whole.detail["bic"] == pytest.approx(690.9152, abs=5e-5)


def test_regression_on_our_own_d():
    """With D read off the replies anew: slope .9884, intercept .4571, AIC 681.359."""
    made = regression(table(rescored))
    intercept, slope = slope_and_intercept(made)
    assert intercept.value == pytest.approx(0.4571, abs=5e-5)
    assert slope.value == pytest.approx(0.9884, abs=5e-5)
    assert made["pseudo-r-squared"].detail["aic"] == pytest.approx(681.359, abs=5e-4)


@pytest.mark.parametrize(
    ("category", "slope"),
    [("gender", 3.317), ("health", 2.018), ("race", 0.222), ("religion", 0.146)],
)
def test_slope_by_category(category, slope):
    """The slope within each of the four categories."""
    made = regression(table(stored, only=lambda row: row["category"] == category))
    assert slope_and_intercept(made)[1].value == pytest.approx(slope, abs=5e-4)


@pytest.mark.parametrize(
    ("score", "against", "mean", "t"),
    [("association-d", 0.0, 0.4980, 16.654), ("decision", 0.5, 0.7034, 11.053)],
)
def test_published_t(score, against, mean, t):
    """Mean D against 0 and mean decision against one half."""
    made = TOneSample(against=against, cluster="none").estimate(
        table(stored, of=(score,)), np.random.default_rng(1)
    )
    assert made.value == pytest.approx(mean, abs=5e-5)
    assert made.test_value == pytest.approx(t, abs=5e-4)
    assert made.df == 616
