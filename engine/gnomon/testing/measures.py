"""What every measure has to pass: it loads, it plans the same twice, it survives hostile replies, it finds
what is planted and nothing else.

One invariant: the whole pipeline is used, from the file to the estimates in a database; nothing of the
measure is stood in for but its models.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import Incomplete
from gnomon.hookspecs import hookimpl
from gnomon.planting import plantable
from gnomon.records import ASK_KINDS, Ask, Capability, Reply
from gnomon.seeds import Seed
from gnomon.spec import Spec
from gnomon.testing.conformance import Check
from gnomon.testing.corpus import hostile

_TRIALS = 60
_NAME = "hostile-replies"


@attrs.frozen(kw_only=True)
class HostileReplies:
    """Answers every ask with a messy reply out of the corpus, drawn from the trial and the ask.

    Attributes:
        model: Anything.
    """

    name: ClassVar[str] = _NAME
    model: str = "all"
    offers: ClassVar[Capability] = Capability(
        kinds=ASK_KINDS,
        constraints=("pattern", "regex", "grammar", "json_schema"),
        logprobs=20,
        seed=True,
        blocking=False,
    )

    def ask(self, ask: Ask) -> Reply:
        """The reply; every one of them comes up over as many trials as there are replies."""
        replies = list(hostile(ask.kind).values())
        at = 0 if ask.trial is None else ask.trial.ordinal
        shift = Seed(0, ask.role, ask.name, ask.sample).below(len(replies)) if at else 0
        return replies[(at + shift) % len(replies)]


class _Hooks:
    @hookimpl
    def register_backends(self) -> list[type]:
        return [HostileReplies]


def measure_checks(
    path: Path | str,
    *,
    plugins: Sequence[Path | str] = (),
    files: Mapping[str, Path] | None = None,
    excused: Sequence[str] = (),
    runs: int = 12,
    planted: bool = True,
    effect: float = 0.3,
    processes: int = 1,
) -> tuple[Check, ...]:
    """The checks for a measure.

    Args:
        path: Its TOML file.
        plugins: One-file plugins it needs, as for ``--plugin``.
        files: The user's own files, as for ``--file``.
        excused: Nuisances that are known to break it, such as ``label bias``, and are stated in its ``about``.
        runs: Simulated runs of each kind in the validation.
        planted: Whether anything can be planted; False only where no scorer can write an answer.
        effect: The effect that is planted, in units of the score.
        processes: Processes that simulate.
    """
    trying = _Trying(
        path=Path(path),
        plugins=tuple(Path(plugin) for plugin in plugins),
        files=dict(files or {}),
    )
    return (
        Check("it loads and says what it is", lambda: _loads(trying)),
        Check("it plans the same trials each time", lambda: _plans(trying)),
        Check("hostile replies get a status, not an exception", lambda: _survives(trying)),
        Check(
            "planted respondents are found, and nothing else",
            lambda: _validates(
                trying,
                excused=excused,
                runs=runs,
                planted=planted,
                effect=effect,
                processes=processes,
            ),
        ),
    )


def assert_measure(path: Path | str, **given: Any) -> None:
    """Fail with every problem of a measure; arguments as for ``measure_checks``.

    Raises:
        AssertionError: With one line for each problem.
    """
    found = [
        f"{check.name}: {problem}" for check in measure_checks(path, **given) for problem in check()
    ]
    if found:
        raise AssertionError("\n".join([f"{path} does not hold:", *found]))


@attrs.frozen(kw_only=True)
class _Trying:
    path: Path
    plugins: tuple[Path, ...]
    files: Mapping[str, Path]

    def catalogue(self) -> Catalogue:
        return Catalogue(files=self.plugins, modules={"gnomon.testing": _Hooks()})

    def spec(self, catalogue: Catalogue) -> Spec:
        from gnomon.loading import load

        return load(self.path, catalogue, files=self.files)


def _loads(trying: _Trying) -> Iterable[str]:
    keys = trying.spec(trying.catalogue()).keys
    if not keys.about.strip():
        yield "'about' is empty; say what is measured, how, and what its readers will meet"
    if len(keys.title) > 100:
        yield f"'title' has {len(keys.title)} characters; it is one line in tables"
    if not keys.statistic:
        yield "it has no [[statistic]]; nothing would be said of its scores"


def _first_trials(trying: _Trying) -> list[Any]:
    """The first trials of the plan."""
    from itertools import islice

    from gnomon.design import trials
    from gnomon.loading import Around

    spec = trying.spec(trying.catalogue())
    seed = spec.keys.seed
    around = Around.beside(trying.path, seed, files=trying.files)
    found = islice(spec.source.plugin.items(around), _TRIALS)
    items = [one for one in found if not isinstance(one, Ask)]
    return list(islice(trials(spec.keys.design, lambda: items, seed), _TRIALS))


def _plans(trying: _Trying) -> Iterable[str]:
    first, second = _first_trials(trying), _first_trials(trying)
    if not first:
        yield "it plans no trial"
    if first != second:
        yield "it plans other trials the second time"


def _survives(trying: _Trying) -> Iterable[str]:
    from gnomon.run import RunRequest, run
    from gnomon.run.bindings import roles_of
    from gnomon.run.progress import Silent
    from gnomon.store import Store

    catalogue = trying.catalogue()
    spec = trying.spec(catalogue)
    roles = dict.fromkeys(roles_of(spec), f"{_NAME}:all")
    request = RunRequest(spec=spec, roles=roles, limit=_TRIALS, files=trying.files, retries=0)
    planned = len(_first_trials(trying))
    repeats = -(-len(hostile("chat")) // max(1, planned))
    if repeats > request.repeats_used:
        request = attrs.evolve(request, repeats=repeats)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "hostile.db"
        try:
            outcome = run(request, catalogue, database, Silent())
        except Incomplete as error:
            yield f"the run did not come to its end: {error}"
            return
        with Store.open(database) as store:
            columns, rows = store.query(
                "select score, status, count(*) as n, min(value) as low, max(value) as high "
                "from scores group by 1, 2",
                (),
            )
            found = [dict(zip(columns, row, strict=True)) for row in rows]
    if outcome.tally.done == 0:
        yield "no trial was finished"
    if not found:
        yield "there are no scores"
    for row in found:
        if row["status"] in ("ok", "truncated") or row["low"] is None:
            continue
        yield f"{row['n']} scores {row['score']!r} of status {row['status']!r} have a value"


def _validates(
    trying: _Trying,
    *,
    excused: Sequence[str],
    runs: int,
    planted: bool,
    effect: float,
    processes: int,
) -> Iterable[str]:
    from gnomon.run import RunRequest
    from gnomon.simulation import Workplace, setting_of, validate

    catalogue = trying.catalogue()
    spec = trying.spec(catalogue)
    can = bool(plantable(spec))
    if can != planted:
        yield (
            "something can be planted now; take 'planted=False' away"
            if can
            else "none of its scorers can write an answer (a method 'plant'), so nothing can be planted; "
            "write one, or say planted=False and how else the measure is held"
        )
        return
    if not planted:
        return
    setting = setting_of(RunRequest(spec=spec, roles={}, files=trying.files), catalogue)
    place = Workplace(setting=setting, plugin_files=trying.plugins, processes=processes)
    report = validate(place, effect=effect, runs=runs)
    broken: set[str] = set()
    for one in report.findings:
        broken |= {one.nuisance} if one.faults else set()
        if one.nuisance not in excused:
            for fault in one.faults:
                where = "" if one.nuisance == "none" else f"under {one.nuisance} "
                yield f"{where}{one.statistic} {fault}"
    for name in excused:
        if name not in broken:
            yield f"{json.dumps(name)} does not break it (any more); take it out of 'excused'"
