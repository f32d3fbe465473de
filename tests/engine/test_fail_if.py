"""``compare --fail-if`` and ``[expect]``: what moved, in words, a table, an exit code and JUnit's XML."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from test_compare import longer, two_runs
from tiny import SPEC, Subject, catalogue, run_tiny, write_spec

from gnomon import Estimate, UsageError
from gnomon.cli import cli
from gnomon.expectation import parse_expected
from gnomon.loading import load
from gnomon.run.conditions import Condition, parse_condition, verdicts
from gnomon.run.expect import checks, violations
from gnomon.spec import Expectation

DIFFERENCE = Estimate(
    quantity="difference",
    value=0.2,
    low=0.05,
    high=0.35,
    level=0.95,
    error=0.07,
    p=0.01,
    effect="d-z",
    effect_value=0.6,
    effect_low=0.2,
    effect_high=1.0,
    n=48,
    of="length",
    counts={"ok": 48, "unparsed": 3},
)
UNPAIRED = Estimate(quantity="difference-unpaired", value=0.2, p=0.3, of="length")
ZERO = Estimate(quantity="difference", value=0.0, n=9, note="no test: all equal", of="zero")
SAME = Estimate(quantity="difference", value=0.5, n=9, note="no test: all equal", of="same")
REFUSED = Estimate(quantity="none", value=None, note="no estimate: nothing", of="none")


def met(text: str, *estimates: Estimate) -> list[bool | None]:
    return [v.met for v in verdicts([parse_condition(text)], estimates or (DIFFERENCE, UNPAIRED))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("difference > 0.1", True),
        ("difference > 0.2", False),
        ("difference >= 0.2", True),
        ("difference < -0.1", False),
        ("|difference| > 0.1", True),
        ("value>0.1", True),
        ("p < 0.05", True),
        ("p <= .005", False),
        ("difference-unpaired.p < 0.05", False),
        ("low > 0", True),
        ("d-z > 0.5", True),
        ("d-z.low > 0.5", False),
        ("|d-z.low| > 0.1", True),
        ("n < 50", True),
        ("missing > 2", True),
        ("p < 0.05 and difference > 0.5", False),
        ("p < 0.05 and difference > 0.1", True),
        ("p > 0.05 or difference > 0.1", True),
        ("p > 0.05 or difference > 0.5 and n > 1", False),
        ("outside 0.1", True),
        ("outside 0.4", False),
        ("outside -1e-1..0.4", False),
        ("outside 0.1..0.4", True),
        ("length: outside 0.4", False),
        ("length:|difference| > 1", False),
    ],
)
def test_conditions(text: str, wanted: bool) -> None:
    """'and' binds closer than 'or'; a bare number is that of the paired difference."""
    assert met(text) == [wanted]


def test_what_cannot_be_told_fails() -> None:
    """No interval and no p of a difference that is not 0; nothing moved where it is 0 everywhere."""
    assert met("p < 0.05", ZERO) == [False]
    assert met("outside 0.1", ZERO) == [False]
    assert met("p < 0.05", SAME) == [None]
    assert met("difference > 0.1", SAME) == [True]
    assert met("difference > 0.1", REFUSED) == [None]
    assert met("p < 0.05 and difference > 0.9", SAME) == [False]
    assert met("p < 0.05 or difference > 0.1", SAME) == [True]
    assert met("p < 0.05 or difference > 0.9", SAME) == [None]
    (one,) = verdicts([parse_condition("outside 0.1")], [SAME])
    assert (one.fails, one.word) == (True, "cannot be told")
    assert one.why == "difference has no interval: no test: all equal"


def test_scores_are_looked_at_one_by_one() -> None:
    """A condition without a score is held against each; with one, against that."""
    assert met("difference > 0.1", DIFFERENCE, ZERO, SAME) == [True, False, True]
    assert met("zero: difference > 0.1", DIFFERENCE, ZERO, SAME) == [False]
    assert met("zero: difference >= 0 and same: difference > 0.1", DIFFERENCE, ZERO, SAME) == [True]


FORM = (
    'the form is [SCORE:]NAME < NUMBER or [SCORE:]outside NUMBER, joined by "and" and "or", such as '
    '"p < 0.05 and |difference| > 0.1"'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a name at character 1, found the end"),
        ("p", "expected one of <, <=, >, >= at character 2, found the end"),
        ("p <", "expected a number at character 4, found the end"),
        ("p < x", "expected a number at character 5, found 'x'"),
        ("p = 0.05", "expected a name or a number at character 3, found '='"),
        ("p < 0.05 n > 3", "expected 'and', 'or' or the end at character 10, found 'n'"),
        ("p < 0.05 and", "expected a name at character 13, found the end"),
        ("0.05 > p", "expected a name at character 1, found '0.05'"),
        ("|p < 0.05", "expected '|' at character 4, found '<'"),
        ("a: b: p < 1", "expected one of <, <=, >, >= at character 5, found ':'"),
        ("outside", "expected a number at character 8, found the end"),
        (
            "outside -0.1",
            "expected a number above 0 (or two as -0.1..0.1) at character 9, found '-0.1'",
        ),
        ("outside 0.1..-0.1", "expected a number above 0.1 at character 14, found '-0.1'"),
        ("__import__('os')", "expected a name or a number at character 11, found \"('os')\""),
    ],
)
def test_a_condition_out_of_form_is_a_sentence(text: str, message: str) -> None:
    """Where, what was expected, what was found, and the form."""
    with pytest.raises(UsageError) as caught:
        parse_condition(text)
    assert str(caught.value) == f"--fail-if {text!r}: {message}; {FORM}"


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_a_sentence(text: str) -> None:
    """Nothing else happens, whatever is given."""
    try:
        found: object = parse_condition(text)
    except UsageError as error:
        found = str(error)
    assert isinstance(found, Condition) or str(found).endswith(FORM)


def test_names_that_are_not_there() -> None:
    """The nearest one, and the list."""
    with pytest.raises(UsageError) as caught:
        met("diference > 1")
    assert str(caught.value) == (
        "--fail-if 'diference > 1': the comparison has no 'diference' (did you mean 'difference'?); there "
        "are: d-z, difference, difference-unpaired, and the numbers error, high, low, missing, n, p, "
        "p_corrected, value"
    )
    with pytest.raises(UsageError) as caught:
        met("lenght: p < 1")
    assert str(caught.value) == (
        "--fail-if 'lenght: p < 1': there is no score 'lenght' (did you mean 'length'?); compared are: length"
    )


# -- the command ---------------------------------------------------------------------------------


def compare(database: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["compare", "2", "1", "--db", str(database), *words])


def test_csv_has_the_runs_the_notes_and_the_conditions_in_each_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that reads the rows needs no table beside them, and no exit code."""
    database = two_runs(tmp_path, monkeypatch, design_repeats=2)
    done = compare(database, "--csv", "--fail-if", "difference > 1", "--fail-if", "outside 9")
    assert done.exit_code == 1, done.output
    rows = list(csv.DictReader(io.StringIO(done.output)))
    assert len(rows) >= 2
    assert {(row["first_run"], row["second_run"]) for row in rows} == {("2", "1")}
    assert {(row["first_model"], row["second_model"]) for row in rows} == {
        ("subject:two", "subject:one")
    }
    assert {tuple(json.loads(row["paired_by"])) for row in rows} == {("item", "tone", "repeat")}
    (notes,) = {row["notes"] for row in rows}
    assert json.loads(notes) == json.loads(compare(database, "--json").output)["notes"]
    for row in rows:
        assert row["of"] == "length"
        judged = json.loads(row["conditions"])
        assert [(one["condition"], one["verdict"]) for one in judged] == [
            ("difference > 1", "moved"),
            ("outside 9", "held"),
        ]
    assert {
        row["conditions"] for row in csv.DictReader(io.StringIO(compare(database, "--csv").output))
    } == {"[]"}


def test_compare_fails_with_a_table_of_what_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, a row for each condition, and the same as JUnit's XML."""
    database = two_runs(tmp_path, monkeypatch)
    junit = tmp_path / "moved.xml"
    words = ("--fail-if", "difference > 1", "--fail-if", "outside 9", "--junit", str(junit))
    done = compare(database, *words)
    assert done.exit_code == 1, done.output
    assert done.output.endswith(
        "conditions: 1 of 2 held\n"
        "fail if         score   found                      verdict\n"
        "difference > 1  length  difference = 1.67          moved\n"
        "outside 9       length  95% interval [0.14, 3.19]  held\n"
    ), done.output
    suites = ET.parse(junit).getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    (suite,) = suites
    assert suite.get("name") == "tiny: run 2 minus run 1"
    moved, held = suite
    assert moved.get("name") == "length: difference > 1"
    assert moved.find("failure").get("message") == "length moved: difference = 1.67"
    assert held.find("failure") is None
    assert held.find("system-out").text.startswith("95% interval [")
    assert compare(database, "--fail-if", "outside 9").exit_code == 0


def test_the_level_of_the_interval_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interval at 0.9 is narrower: the equivalence test at 0.05."""
    database = two_runs(tmp_path, monkeypatch)
    made = json.loads(
        compare(database, "--level", "0.9", "--fail-if", "outside 9", "--json").output
    )
    assert made["estimates"][0]["level"] == 0.9
    (condition,) = made["conditions"]
    assert condition["found"].startswith("90% interval [")
    assert condition["verdict"] == "held"


def test_equal_runs_pass_every_condition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing differs nothing moved, although there is no test."""
    monkeypatch.setattr(Subject, "answer", longer(0))
    run_tiny(tmp_path, count=6)
    run_tiny(tmp_path, count=6, roles={"subject": "subject:two"})
    words = ("p < 0.05", "|difference| > 0", "outside 0.001", "low > 0")
    done = compare(tmp_path / "results.db", *(w for word in words for w in ("--fail-if", word)))
    assert done.exit_code == 0, done.output
    assert "conditions: 4 of 4 held" in done.output


def test_a_place_for_junit_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """Said before anything is computed."""
    done = compare(tmp_path / "a.db", "--junit", str(tmp_path))
    assert str(done.exception) == f"--junit {tmp_path}: this is a folder; give a file in it"
    gone = tmp_path / "no" / "x.xml"
    done = compare(tmp_path / "a.db", "--junit", str(gone))
    assert str(done.exception) == (
        f"--junit {gone}: the folder {gone.parent} does not exist; make it first"
    )
    here = tmp_path / "b.db"
    words = ["run", "implicit-bias", "--model", "scripted:echo", "--db", str(here)]
    done = CliRunner().invoke(cli, [*words, "--junit", str(here)])
    assert str(done.exception) == (
        f"{here} is a database, which would be overwritten; give another file"
    )
    assert not here.exists()


# -- [expect] ------------------------------------------------------------------------------------


def estimate(value: float | None, tone: str, **more: object) -> Estimate:
    return Estimate(
        quantity="none" if value is None else "mean",
        value=value,
        statistic="t-one-sample",
        group={"tone": tone},
        effect="d",
        effect_value=None if value is None else value * 2,
        effect_low=None if value is None else value,
        **more,
    )


MADE = [
    estimate(0.5, "plain", low=0.1, p=0.2, counts={"ok": 9, "refused": 2, "truncated": 1}),
    estimate(0.25, "polite", low=-0.1, p=0.01, counts={"ok": 9}),
]


def violated(tmp_path: Path, expect: str, made: list[Estimate]) -> list[str]:
    spec = load(write_spec(tmp_path, f"{SPEC}\n[expect]\n{expect}\n"), catalogue())
    return violations(spec, made)


@pytest.mark.parametrize(
    ("expect", "wanted"),
    [
        ('"t-one-sample.mean" = { min = 0.2, max = 0.6 }', []),
        (
            '"t-one-sample.mean" = { max = 0.3 }',
            ["t-one-sample.mean for tone plain is 0.5, above 0.3"],
        ),
        ('"t-one-sample[tone=polite].mean" = { max = 0.3 }', []),
        (
            "\"t-one-sample[tone='polite'].d\" = { min = 0.6 }",
            ["t-one-sample[tone='polite'].d for tone polite is 0.5, below 0.6"],
        ),
        (
            '"t-one-sample.low" = { min = 0 }',
            ["t-one-sample.low for tone polite is -0.1, below 0"],
        ),
        ('"t-one-sample.d.low" = { min = 0.2 }', []),
        (
            '"t-one-sample.p" = { min = 0.05 }',
            ["t-one-sample.p for tone polite is 0.01, below 0.05"],
        ),
        (
            '"t-one-sample.missing" = { max = 1 }',
            ["t-one-sample.missing for tone plain is 2, above 1"],
        ),
        (
            '"t-one-sample.high" = { max = 1 }',
            ["t-one-sample.high was not estimated: no estimate has 'high'"],
        ),
    ],
)
def test_bounds(tmp_path: Path, expect: str, wanted: list[str]) -> None:
    """A quantity, an effect size, or a number beside one; in every group or in one."""
    assert violated(tmp_path, expect, MADE) == wanted


def test_what_was_not_estimated_is_a_violation_with_its_reason(tmp_path: Path) -> None:
    """A refusal in one group is not hidden by the others; a group that is not there is named."""
    refused = estimate(None, "polite", note="no estimate: all values are equal")
    assert violated(tmp_path, '"t-one-sample.d" = { max = 3 }', [MADE[0], refused]) == [
        "t-one-sample.d for tone polite was not estimated: no estimate: all values are equal"
    ]
    assert violated(tmp_path, '"t-one-sample[tone=polite].d" = { max = 3 }', MADE[:1]) == [
        "t-one-sample[tone=polite].d was not estimated: there is no group tone=polite; there are: tone=plain"
    ]
    assert violated(tmp_path, '"t-one-sample.d" = { max = 3 }', []) == [
        "t-one-sample.d was not estimated"
    ]


def test_every_check_is_kept_with_what_was_found(tmp_path: Path) -> None:
    """Those that hold too, for reports."""
    spec = load(
        write_spec(tmp_path, f'{SPEC}\n[expect]\n"t-one-sample.mean" = {{ min = 0.3, max = 1 }}\n'),
        catalogue(),
    )
    assert spec.keys.expect == {"t-one-sample.mean": Expectation(min=0.3, max=1)}
    assert [
        (check.group, check.value, check.bounds, check.fault) for check in checks(spec, MADE)
    ] == [
        ("tone plain", 0.5, "at least 0.3, at most 1", None),
        (
            "tone polite",
            0.25,
            "at least 0.3, at most 1",
            "t-one-sample.mean for tone polite is 0.25, below 0.3",
        ),
    ]


NAMES = st.text(st.characters(categories=["L", "N", "Zs"], include_characters="_-. "), min_size=1)


@given(
    st.dictionaries(
        NAMES.map(str.strip).filter(bool), st.text(st.characters(exclude_characters="'"))
    )
)
def test_groups_are_read_back(group: dict[str, str]) -> None:
    """Any value stands in quotes."""
    group = {name: value for name, value in group.items() if not set(name) & set("=[],'")}
    inside = ", ".join(f"{name}='{value}'" for name, value in group.items())
    found = parse_expected(f"s[{inside}].q.low" if group else "s.q.low")
    assert found is not None
    assert (found.statistic, found.group, found.quantity, found.field) == ("s", group, "q", "low")


def test_run_writes_junit_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is a test that it is whole and one for each bound, by model."""
    text = f'{SPEC}\n[expect]\n"t-one-sample.mean" = {{ max = 11 }}\n'
    path = write_spec(tmp_path, text.replace('use = "length"', 'use = "field"\nfield = "number"'))
    path.write_text(
        path.read_text()
        .replace('use = "tiny-words"\ncount = 3', 'use = "table"\nfile = "n.csv"\nkey = "word"')
        .replace('of = "length"', 'of = "field"')
    )
    (tmp_path / "n.csv").write_text("word,number\na,10\nb,12\nc,15\n")
    words = ["--model", "scripted:echo", "--model", "scripted:fill", "--db", str(tmp_path / "r.db")]
    junit = tmp_path / "r.xml"
    done = CliRunner().invoke(cli, ["run", str(path), *words, "--quiet", "--junit", str(junit)])
    assert done.exit_code == 1, done.output
    assert (
        "expectations: 0 of 2 hold\n"
        "violated           for          found  expected\n"
        "t-one-sample.mean  tone plain   12.33  at most 11\n"
        "t-one-sample.mean  tone polite  12.33  at most 11\n"
    ) in done.stdout
    suites = ET.parse(junit).getroot()
    assert [suite.get("name") for suite in suites] == ["tiny: scripted:echo", "tiny: scripted:fill"]
    assert [(case.get("name"), case.find("failure") is None) for case in suites[0]] == [
        ("run", True),
        ("t-one-sample.mean for tone plain", False),
        ("t-one-sample.mean for tone polite", False),
    ]
