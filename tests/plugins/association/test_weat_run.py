"""``gnomon run weat`` on real vectors: the table of results, the database, and no second call."""

import json

import pytest
from published import GLOVE_6B, GLOVE_840B

TESTS = "item=weat-1,weat-7,weat-8,weat-9"


@pytest.fixture
def run(reference, run_gnomon, tmp_path, monkeypatch):
    monkeypatch.setenv("GNOMON_CACHE", str(tmp_path / "cache"))

    def administer(measure, file, *options):
        model = f"vectors:{reference / file}"
        done = run_gnomon(
            "run", measure, "--model", model, "--db", "r.db", "--json", *options, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)[0]

    return administer


@pytest.mark.parametrize(
    ("file", "expected"),
    [("glove840b_cbn457_vectors.json", GLOVE_840B), ("wink_weat_vectors.json", GLOVE_6B)],
)
def test_results_hold_each_test_with_its_p_corrected_over_all(run, file, expected):
    """d, S, the exact p and Holm's correction over the tests of the run."""
    rows = run("weat", file, "--only", TESTS)["estimates"]
    assert [row["quantity"] for row in rows] == ["d"] * 4
    for row, number in zip(rows, (1, 7, 8, 9), strict=True):
        s, d, _, _, p = expected[f"WEAT{number}"]
        assert row["group"].startswith(f"item weat-{number}, ")
        assert row["value"] == pytest.approx(d, abs=1e-6)
        assert (row["test"], row["test_value"]) == ("S", pytest.approx(s, abs=1e-6))
        if p is not None:
            assert row["p"] == pytest.approx(float(p), rel=1e-3)
        assert row["p"] <= row["p_corrected"]
        assert (row["correction"], row["family_size"]) == ("holm", 4)
    assert rows[0]["n"] == (49 if "wink" in file else 50)


def test_the_missing_word_is_in_the_database(run, run_gnomon, tmp_path):
    """Who asks SQL finds the word without a vector by name, and the coverage beside d."""
    run("weat", "wink_weat_vectors.json", "--only", "item=weat-1")
    sql = "select score, value, detail from scores where score in ('weat', 'weat.coverage') order by 1"
    done = run_gnomon("query", sql, "--db", "r.db", "--json", cwd=tmp_path)
    effect, coverage = json.loads(done.stdout)
    detail = effect["detail"]
    detail = json.loads(detail) if isinstance(detail, str) else detail
    assert detail["missing"] == {"x": ["gladiola"]}
    assert detail["method"] == "bounded"
    assert coverage["value"] == pytest.approx(0.99)


def test_the_same_run_again_makes_no_call(run):
    """Vectors are stored replies like all others."""
    options = ("--only", "item=weat-9")
    first = run("weat", "wink_weat_vectors.json", *options)
    second = run("weat", "wink_weat_vectors.json", *options, "--fresh")
    assert first["estimates"][0]["value"] == second["estimates"][0]["value"]
    assert (first["calls"], second["calls"]) == (1, 0)


@pytest.mark.parametrize(("measure", "r"), [("wefat-occupations", 0.9029), ("wefat-names", 0.8400)])
def test_wefat_correlates_in_one_command(run, measure, r):
    """The published correlations come out of the run itself, with an interval."""
    (row,) = run(measure, "glove840b_cbn457_vectors.json")["estimates"]
    assert row["value"] == pytest.approx(r, abs=5e-5)
    assert row["low"] < row["value"] < row["high"]
    assert row["n"] == 50
