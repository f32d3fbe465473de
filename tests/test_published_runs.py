"""Published replies, imported with the command and measured in the database, give the published numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from test_association_published import CHAINED, GPT_4O

from gnomon.store import Store
from shared_data import shared_data

DATA = shared_data()
pytestmark = pytest.mark.skipif(
    DATA is None, reason="the published replies are not there (set GNOMON_SHARED_DATA)"
)
SOURCE = ["--source", "github.com/baixuechunzi/llm-implicit-bias", "--licence", "MIT"]
CHAIN, GPT = 1, 2


@pytest.fixture(scope="module")
def database(tmp_path_factory, run_gnomon) -> Path:
    """One database with both imported runs, made by the two commands of the documentation."""
    assert DATA is not None
    published = DATA / "published" / "bai-2024"
    path = tmp_path_factory.mktemp("published") / "results.db"
    chained = run_gnomon(
        "import", str(published / "chained.csv"), "--as", "implicit-decision-chained",
        "--map", "item=dataset", "--map", "association=iat", "--map", "profiles=profile",
        "--map", "assignment=decision", "--map", "model=llm", "--rename", "item:arabmuslim=arab",
        "--score", "decision=decision_bias", "--score", "published-d=iat_bias",
        "--model", "gpt-4", *SOURCE, "--db", str(path),
    )  # fmt: skip
    assert (chained.returncode, chained.stderr) == (0, "")
    gpt_4o = run_gnomon(
        "import", *map(str, sorted((published / "gpt4o").glob("*_replication.csv"))),
        "--as", "implicit-bias", "--map", "item=category", "--map", "reply=0",
        "--constant", "variation=plain", "--model", "gpt-4o", *SOURCE, "--db", str(path),
    )  # fmt: skip
    assert (gpt_4o.returncode, gpt_4o.stderr) == (0, "")
    return path


@pytest.fixture(scope="module")
def correlate(database, run_gnomon):
    """``correlate`` on that database: estimates by statistic, predictor and quantity."""

    def ask(*words: str) -> dict[tuple[str, str, str], dict]:
        # As published: trials count as independent.
        done = run_gnomon("correlate", *words, "--cluster", "none", "--json", "--db", str(database))
        assert (done.returncode, done.stderr) == (0, "")
        return {
            (one["statistic"], one["columns"]["predictor"], one["quantity"]): one
            for one in json.loads(done.stdout)["estimates"]
        }

    return ask


def query(database: Path, sql: str) -> list[tuple]:
    with Store.open(database) as store:
        return list(store.query(sql)[1])


def test_logit_of_the_published_columns(correlate):
    """The published logistic regression of 617 decisions on D, to every digit that was published."""
    found = correlate("1:decision", "1:published-d")
    name = "logistic-regression", "1:published-d"
    intercept, slope = found[*name, "intercept"], found[*name, "1:published-d"]
    fit = found[*name, "pseudo-r-squared"]
    assert slope["n"] == 617
    assert intercept["value"] == pytest.approx(0.4563, abs=5e-5)
    assert intercept["error"] == pytest.approx(0.1035, abs=5e-5)
    assert slope["value"] == pytest.approx(0.9828, abs=5e-5)
    assert slope["error"] == pytest.approx(0.1190, abs=6e-5)
    assert slope["test_value"] == pytest.approx(8.255, abs=5e-3)
    assert fit["value"] == pytest.approx(0.09617, abs=5e-6)
    for quantity, value in {
        "log-likelihood": -339.033, "null log-likelihood": -375.107, "aic": 682.0655, "bic": 690.9152,
    }.items():  # fmt: skip
        assert fit["detail"][quantity] == pytest.approx(value, abs=6e-4), quantity
    assert found["pearson", "1:published-d", "r"]["value"] == pytest.approx(0.3515, abs=5e-5)


def test_logit_of_our_own_d(correlate):
    """With D read anew from the replies, which has none of the stored noise."""
    found = correlate("1:decision", "1:association-d")
    name = "logistic-regression", "1:association-d"
    assert found[*name, "1:association-d"]["value"] == pytest.approx(0.9884, abs=5e-4)
    assert found[*name, "intercept"]["value"] == pytest.approx(0.4571, abs=5e-4)
    assert found[*name, "pseudo-r-squared"]["detail"]["aic"] == pytest.approx(681.359, abs=0.02)


def test_our_d_is_the_published_one(correlate):
    """Row by row they correlate .9995."""
    found = correlate("1:published-d", "1:association-d", "--use", "pearson")
    assert found["pearson", "1:association-d", "r"]["value"] == pytest.approx(0.9995, abs=1e-4)


def test_means_over_stereotypes_correlate(correlate):
    """Over the 21 stereotypes mean D and mean decision correlate .6471."""
    found = correlate("1:decision", "1:published-d", "--by", "item", "--use", "pearson")
    one = found["pearson", "1:published-d", "r"]
    assert (one["n"], one["value"]) == (21, pytest.approx(0.6471, abs=5e-5))


def test_means_of_the_chained_run(database):
    """Mean D .4980 and mean decision .7034 of 617 rows."""
    rows = query(
        database,
        f"SELECT score, count(*), avg(value) FROM scores WHERE run = {CHAIN} "
        "AND score IN ('decision', 'published-d') GROUP BY score ORDER BY score",
    )
    assert rows == [
        ("decision", 617, pytest.approx(0.7034, abs=5e-5)),
        ("published-d", 617, pytest.approx(0.4980, abs=5e-5)),
    ]


def test_the_chained_run_by_stereotype(database):
    """The table of 21 stereotypes: number of rows, mean D, mean decision; one query joins the scores."""
    rows = query(
        database,
        "SELECT d.item, count(*), avg(d.value), avg(decision.value) FROM scores AS d "
        "JOIN scores AS decision ON decision.trial = d.trial AND decision.score = 'decision' "
        "WHERE d.score = 'published-d' GROUP BY d.item",
    )
    assert {item: tuple(rest) for item, *rest in rows} == {
        item: (n, pytest.approx(d, abs=6e-4), pytest.approx(decision, abs=6e-4))
        for item, (n, d, decision) in CHAINED.items()
    }


def test_gpt_4o_by_stereotype(database):
    """Mean D of each stereotype with the recommended rule, among the run's own estimates."""
    rows = query(
        database,
        f"""SELECT json_extract("group", '$.item'), value, n, note FROM results
        WHERE run = {GPT} AND statistic = 'by-stereotype'""",
    )
    assert len(rows) == 21
    means = dict(
        query(
            database,
            f"SELECT item, avg(value) FROM scores WHERE run = {GPT} "
            "AND score = 'association-d' GROUP BY item",
        )
    )
    assert means == {item: pytest.approx(mean, abs=6e-4) for item, mean in GPT_4O.items()}
    for item, value, n, note in rows:
        # Where every reply has the same D there is no test, and the row says so.
        if value is None:
            assert "are equal" in note
        else:
            assert math.isclose(value, means[item])
            assert n == (49 if item == "judaism" else 50)


def test_gpt_4o_overall(database):
    """1,049 of 1,050 replies have a D, with the mean .3910 of this wording; the other is not a 0."""
    (found,) = query(
        database,
        f"SELECT value, n, unparsed FROM results WHERE run = {GPT} AND statistic = 'overall'",
    )
    assert found == (pytest.approx(0.3910, abs=5e-5), 1049, 1)


def test_one_measure_predicts_another(correlate, database):
    """The one query that joins two measures by stereotype gives the r that the command gives."""
    rows = query(
        database,
        """
        WITH decided AS (
            SELECT item, avg(value) AS decision FROM scores
            WHERE measure = 'implicit-decision-chained' AND score = 'decision' GROUP BY item
        ), implied AS (
            SELECT item, avg(value) AS d FROM scores
            WHERE measure = 'implicit-bias' AND score = 'association-d' GROUP BY item
        )
        SELECT (avg(d * decision) - avg(d) * avg(decision))
            / sqrt((avg(d * d) - avg(d) * avg(d)) * (avg(decision * decision) - avg(decision) * avg(decision)))
        FROM decided JOIN implied USING (item)
        """,
    )
    found = correlate("1:decision", "2:association-d")
    assert found["pearson", "2:association-d", "r"]["n"] == 21
    assert rows == [(pytest.approx(found["pearson", "2:association-d", "r"]["value"]),)]


def test_predictors_are_compared_on_the_same_rows(correlate):
    """D of the same trial predicts the decision better than another model's mean D does."""
    found = correlate("1:decision", "1:published-d", "2:association-d", "--by", "trial")
    fits = {
        predictor: one
        for (statistic, predictor, quantity), one in found.items()
        if quantity == "pseudo-r-squared"
    }
    assert list(fits) == ["1:published-d", "2:association-d", "1:published-d + 2:association-d"]
    assert {one["n"] for one in fits.values()} == {617}
    aic = [one["detail"]["aic"] for one in fits.values()]
    assert aic[2] < aic[0] < aic[1]
