"""Every first-party plugin passes the checks that a stranger's has to pass; the checks find what is wrong."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gnomon.testing
from gnomon import Item, Seed, Trial
from gnomon.catalogue import KINDS, Catalogue
from gnomon.design import trials
from gnomon.loading import Around, load
from gnomon.spec import Spec
from gnomon.testing import table
from gnomon.testing.importing import look_into
from gnomon.testing.kinds.computing import _scores

SPECS = Path(__file__).resolve().parents[1] / "specs"
ELSEWHERE = {
    "local": "pytest.mark.local_model",
    "ray": "a cluster takes seconds to start; tests/plugins/test_on_ray.py has one for all of its tests",
    "vectors": "its published vectors take a minute to bring; tests/plugins/association has small ones",
}
"""What needs weights or a cluster, and where it is tried."""


def first_party() -> list[tuple[str, str]]:
    found = Catalogue()
    return [
        (kind, name)
        for kind in KINDS
        for name, plugin in sorted(found.of_kind(kind).items())
        if plugin.cls.__module__.startswith("gnomon_plugins")
    ]


@cache
def specs() -> tuple[Spec, ...]:
    found = Catalogue()
    return tuple(load(path, found) for path in sorted(SPECS.glob("*.toml")))


def first_trial(spec: Spec) -> Trial:
    """The first trial of a shipped measure; of a source that asks for its items, of a plain item."""
    around = Around.beside(spec.path, spec.keys.seed)
    item = next(iter(spec.source.plugin.items(around)))
    items = [item if isinstance(item, Item) else Item("x")]
    return next(trials(spec.keys.design, lambda: items, spec.keys.seed))


def in_a_spec(kind: str, name: str) -> dict[str, Any]:
    """What the first shipped measure that uses a plugin gives it: options, a trial, a folder."""
    for spec in specs():
        uses = {
            "sources": [spec.source],
            "procedures": [spec.procedure],
            "scorers": [block.use for block in spec.scores],
        }.get(kind, [])
        for use in uses:
            if use.name == name:
                given: dict[str, Any] = {"instance": use.plugin, "folder": SPECS}
                return given if kind == "sources" else {**given, "trial": first_trial(spec)}
    return {}


def people(scores: int = 1, *, times: tuple[str, ...] = ()) -> Any:
    """Eight who answer five items, once or at each of several times."""
    at = times or ("once",)
    rows = [(p, i, t) for p in range(8) for i in range(5) for t in at]
    columns = _scores(scores, len(rows))
    return table(
        *columns,
        levels=at,
        persona=[f"p{p}" for p, _, _ in rows],
        item=[f"i{i}" for _, i, _ in rows],
        grader=[f"g{p}" for p, _, _ in rows],
        judge=[f"j{p}" for p, _, _ in rows],
    )


def decisions(values: list[float] | None = None) -> Any:
    """Forty or eighty decisions about people of three genders and two races."""
    column = values or _scores(1)[0]
    rows = range(len(column))
    return table(
        column,
        gender=[("male", "female", "non-binary")[row % 3] for row in rows],
        race=[("white", "black")[row // 3 % 2] for row in rows],
        user=[f"u{row // 8}" for row in rows],
        age=[str(20 + 10 * (row % 7)) for row in rows],
    )


def decided(column: list[float]) -> Any:
    """Twenty units under two races, or two personas, in each of two areas."""
    rows = range(len(column))
    return table(
        column,
        item=[f"i{row // 4}" for row in rows],
        age=["20"] * len(column),
        gender=["male"] * len(column),
        race=[("white", "black")[row % 2] for row in rows],
        persona=[("a-human", "a-man")[row % 2] for row in rows],
        subject=[("sums", "words")[row // 2 % 2] for row in rows],
    )


def single_items() -> Any:
    """Forty items, each seen once by one of two authors; half of the values are 1."""
    rows = range(40)
    return table(
        [float(row % 4 > 1) for row in rows],
        [float(row % 3 > 0) for row in rows],
        item=[f"i{row}" for row in rows],
        author=[("a", "b")[row % 2] for row in rows],
        group=[("minority", "majority")[row % 2] for row in rows],
    )


def compared() -> Any:
    """All pairs of five that are compared, with a number from outside for either."""
    names = "abcde"
    pairs = [(one, two) for one in names for two in names if one < two]
    columns = [
        [0.3 + 0.1 * (names.index(two) - names.index(one)) for one, two in pairs],
        [float(names.index(one) ** 2) for one, _ in pairs],
        [float(names.index(two) ** 2) for _, two in pairs],
    ]
    left, right = ([pair[side] for pair in pairs] for side in (0, 1))
    return table(*columns, left=left, right=right)


class Detoxify:
    """What the scorer ``toxicity`` needs of the package, whose weights are no part of the suite."""

    def __init__(self, model: str) -> None:
        self.model = model

    def predict(self, text: str) -> dict[str, float]:
        return {"toxicity": text.count("!") / (1 + len(text))}


def given_by_hand(name: str) -> dict[str, Any]:
    """What a plugin is tried on whose example names columns, scores or files of a design of its own."""
    shares = [float(Seed(5, "share", row).below(2)) for row in range(80)]
    tables = {
        "linear-regression": decisions,
        "mixed-linear": decisions,
        "mixed-logistic": lambda: decisions(shares),
        **dict.fromkeys(["permutation", "fisher-exact", "bayes-factor"], single_items),
        "pairwise-order": compared,
        "level-differences": lambda: decided(_scores(1, 80)[0]),
        "significant-share": lambda: decided(shares),
        "test-retest": lambda: people(times=("a", "b")),
        "regression-discontinuity": lambda: table(
            _scores(1, 80)[0], [float(row - 40) for row in range(80)]
        ),
        "shapley": lambda: table(
            *_scores(1),
            shown=["-", "a", "greeting", "a+greeting"] * 10,
            permutation=[""] * 40,
            order=[("ab", "ba")[row // 4 % 2] for row in range(40)],
        ),
        "run-difference": lambda: table(*_scores(1), run=["3", "4"] * 20, variation=["x"] * 40),
        **dict.fromkeys(
            ["icc", "fleiss-kappa", "cronbach-alpha", "mcdonald-omega", "split-half"], people
        ),
    }
    if name in tables:
        return {"table": tables[name]()}
    return {
        "as-scored": lambda: {
            "options": {"quantity": "d", "p": "score2"},
            "table": table([0.4], [0.03]),
        },
        "field": lambda: {"trial": gnomon.testing.trial(human_rating=3.5)},
        "table": lambda: {"options": {"file": "published.csv", "key": "word"}, "folder": Path()},
    }.get(name, dict)()


@pytest.fixture(scope="module", autouse=True)
def _imports() -> None:
    """All modules in one process, which is quicker than one process each."""
    found = Catalogue()
    look_into(*dict.fromkeys(found.get(*which).cls.__module__ for which in first_party()))


@pytest.mark.parametrize(("kind", "name"), first_party(), ids=[name for _, name in first_party()])
def test_first_party_plugins_conform(kind: str, name: str, tmp_path: Path, monkeypatch) -> None:
    """The checks of the kit, on what a shipped measure gives the plugin, or on its own example."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "published.csv").write_text("word,reply\nx,yes\n", "utf-8")
    monkeypatch.setitem(sys.modules, "detoxify", SimpleNamespace(Detoxify=Detoxify))
    given = in_a_spec(kind, name) or given_by_hand(name)
    checks = gnomon.testing.checks_of(Catalogue().get(kind, name).cls, **given)
    if name in ELSEWHERE:
        assert kind in ("backends", "executors")
        checks = checks[:4]
    problems = [f"{check.name}: {problem}" for check in checks for problem in check()]
    assert not problems, "\n".join(problems)


def test_new_plugins_of_every_kind_are_checked() -> None:
    """Nothing is left out: every kind has plugins here, and each of them several checks."""
    found = first_party()
    assert {kind for kind, _ in found} == set(KINDS)
    for kind, name in found:
        assert len(gnomon.testing.checks_of(Catalogue().get(kind, name).cls)) >= 7, name
