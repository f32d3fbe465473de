"""Checks of plugins that compute: statistics and corrections.

One invariant: what cannot be estimated is refused with a sentence; no NaN and no infinite number gets
into a table without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnomon.errors import StatisticError
from gnomon.records import Estimate
from gnomon.seeds import Seed
from gnomon.structure.examples import example_block, example_of
from gnomon.table import Table
from gnomon.testing.conformance import Check, Subject
from gnomon.testing.values import table

if TYPE_CHECKING:
    import numpy as np

_ROWS = 40
_FINITE = (
    "value", "low", "high", "error", "test_value", "p", "effect_value", "effect_low", "effect_high"
)  # fmt: skip


def statistic_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of a statistic."""
    return (
        Check("it estimates from ordinary scores", lambda: _ordinary(subject)),
        Check("the same seed gives the same estimate", lambda: _same_estimate(subject)),
        Check("it leaves the table as it was", lambda: _untouched(subject)),
        Check("it refuses in words where it has nothing to say", lambda: _degenerate(subject)),
    )


def _wanted(subject: Subject) -> int:
    """How many scores it is of: as many as its example names."""
    try:
        of = example_block(subject.kind, subject.name, example_of(subject.cls)).get("of", "")
    except ValueError:
        of = ""
    if isinstance(of, list):
        return max(1, len(of))
    return {"pair": 2, "prediction": 3}.get(getattr(subject.cls, "relates", ""), 1)


def _levels(instance: Any) -> Sequence[str]:
    """Levels that its options name, so that the label columns hold them."""
    given = getattr(instance, "levels", None)
    return tuple(given) if given else ("a", "b")


def _scores(count: int, rows: int = _ROWS) -> list[list[float | None]]:
    """Columns of numbers that vary and hang together a little."""
    seed = Seed(7).child("ordinary scores")
    base = [seed.uniform() + row % 2 for row in range(rows)]
    return [[value + (place + 1) * seed.uniform() for value in base] for place in range(count)]


def _table(subject: Subject, instance: Any) -> Table:
    """Scores that it has something to say of: numbers, shares or ratings, whichever it takes.

    Raises:
        StatisticError: It takes none of them.
    """
    if subject.table is not None:
        return subject.table
    count, refusal = _wanted(subject), StatisticError("")
    numbers = _scores(count)
    shares = [[float((value or 0) > 1) for value in column] for column in numbers]
    ratings = [[float(round(2 * (value or 0))) for value in column] for column in numbers]
    for columns in (numbers, shares, ratings):
        given = table(*columns, levels=_levels(instance))
        try:
            made = _estimated(instance, _copy(given))
        except StatisticError as error:
            refusal = error
            continue
        if any(one.value is not None for one in made):
            return given
    raise refusal


def _taken(subject: Subject, instance: Any) -> Table | None:
    """Scores that it does not refuse; None when it refuses all, which is said once."""
    try:
        given = _table(subject, instance)
        _estimated(instance, _copy(given))
    except StatisticError:
        return None
    return given


def _copy(given: Table) -> Table:
    """The same rows in arrays of their own."""
    import numpy as np

    return given.rows(np.arange(len(given)))


def _estimated(instance: Any, given: Table, seed: int = 1) -> list[Estimate]:
    made = instance.estimate(given, Seed(seed).child("statistic").numpy())
    return [made] if isinstance(made, Estimate) else list(made)


def _ordinary(subject: Subject) -> Iterable[str]:
    instance = subject.make()
    try:
        made = _estimated(instance, _table(subject, instance))
    except StatisticError as error:
        yield f"it refuses ordinary scores ({error}); give it a 'table' that it has something to say of"
        return
    if not made:
        yield "it gives no estimate"
    for one in made:
        yield from _faults(one)
        if one.value is not None and not one.method:
            yield f"the estimate of {one.quantity!r} does not say its method"
        if one.value is not None and one.n is None:
            yield f"the estimate of {one.quantity!r} does not say its n"
        yield from _undeclared(instance, one)


def _faults(one: Any) -> Iterable[str]:
    if not isinstance(one, Estimate):
        yield f"it gives {one!r}, which is no Estimate"
        return
    for name in _FINITE:
        number = getattr(one, name)
        if number is not None and not math.isfinite(number):
            yield (
                f"{name!r} of {one.quantity!r} is {'NaN' if math.isnan(number) else 'infinite'}; leave "
                "it out and say why in 'note', or refuse"
            )
    if one.value is None and not one.note:
        yield f"the estimate of {one.quantity!r} has no value and no note that says why"
    if one.p is not None and not 0 <= one.p <= 1:
        yield f"p of {one.quantity!r} is {one.p}"
    if one.low is not None and one.high is not None and one.low > one.high:
        yield f"the interval of {one.quantity!r} runs from {one.low:g} down to {one.high:g}"
    if (one.low is not None or one.high is not None) and one.level is None:
        yield f"the interval of {one.quantity!r} has no level"


def _undeclared(instance: Any, one: Estimate) -> Iterable[str]:
    """Quantities that it gives and does not name, where it names them."""
    declared = getattr(instance, "quantities", None)
    if declared is None:
        return
    given = [one.quantity] if one.value is not None else []
    for name in (*given, *([one.effect] if one.effect else [])):
        if name not in declared:
            yield f"it estimates {name!r}, which is not among its 'quantities'"


def _same_estimate(subject: Subject) -> Iterable[str]:
    instance = subject.make()
    given = _taken(subject, instance)
    if given is None:
        return
    if _estimated(instance, given) != _estimated(subject.make(), given):
        yield "it estimates otherwise the second time; draw only from the generator that it is given"


def _untouched(subject: Subject) -> Iterable[str]:
    instance = subject.make()
    given = _taken(subject, instance)
    if given is None:
        return
    before = {name: column.copy() for name, column in given.scores.items()}
    _estimated(instance, given)
    for name, column in given.scores.items():
        if column.tobytes() != before[name].tobytes():
            yield f"it changes the scores {name!r} of the table; work on a copy"


def degenerate(count: int, levels: Sequence[str] = ("a", "b")) -> Mapping[str, Table]:
    """Tables in which there is little or nothing to estimate, by what is wrong with them."""
    ordinary = _scores(count)
    nothing: list[list[float | None]] = [[None] * _ROWS for _ in range(count)]
    some = [[None if row % 3 else value for row, value in enumerate(column)] for column in ordinary]
    shapes: dict[str, list[list[float | None]]] = {
        "no rows": [[] for _ in range(count)],
        "one row": [column[:1] for column in ordinary],
        "two rows": [column[:2] for column in ordinary],
        "equal scores": [[1.0] * _ROWS for _ in range(count)],
        "nearly equal scores": [[1.0 + 1e-15 * (r % 2) for r in range(_ROWS)]] * count,
        "zeros": [[0.0] * _ROWS for _ in range(count)],
        "all missing": nothing,
        "many missing": some,
        "an infinite score": [[math.inf, *column[1:]] for column in ordinary],
        "two equal rows": [[1.0, 1.0] for _ in range(count)],
        "one score that differs": [[5.0, *[1.0] * (_ROWS - 1)] for _ in range(count)],
        "scores against each other": [
            [(-1) ** place * (value or 0) for value in ordinary[0]] for place in range(count)
        ],
        "enormous scores": [[1e150 * (value or 0) for value in column] for column in ordinary],
        "huge scores": [[1e60 * (value or 0) for value in column] for column in ordinary],
        "tiny scores": [[1e-60 * (value or 0) for value in column] for column in ordinary],
        "ones and zeros": [[float(row % 2) for row in range(_ROWS)]] * count,
        "negative scores": [[-(value or 0) for value in column] for column in ordinary],
    }
    made = {name: table(*columns, levels=levels) for name, columns in shapes.items()}
    made["one item"] = table(*ordinary, levels=levels, item=["x"] * _ROWS)
    made["one level everywhere"] = table(*ordinary, levels=levels[:1])
    return made


def _degenerate(subject: Subject) -> Iterable[str]:
    instance = subject.make()
    of = _wanted(subject) if subject.table is None else len(subject.table.of)
    for name, given in degenerate(of, _levels(instance)).items():
        try:
            made = _estimated(instance, given)
        except StatisticError as error:
            if len(str(error).split()) < 4:
                yield f"on a table with {name}: it refuses with {str(error)!r}, which is no sentence"
            continue
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, its author is told
            yield f"on a table with {name}: it raises {type(error).__name__}: {str(error)[:200]}; raise gnomon.StatisticError with the reason"
            continue
        for one in made:
            yield from (f"on a table with {name}: {fault}" for fault in _faults(one))


# -- corrections ---------------------------------------------------------------------------------


def correction_checks(subject: Subject) -> tuple[Check, ...]:
    """The checks of a correction."""
    return (
        Check("adjusted p-values are p-values, no smaller than before", lambda: _adjusted(subject)),
        Check("the order of the family does not matter", lambda: _order(subject)),
        Check("what is no p-value is refused in words", lambda: _no_p(subject)),
    )


def _families() -> Mapping[str, np.ndarray]:
    import numpy as np

    rng = Seed(3).child("families").numpy()
    return {
        "no member": np.array([]),
        "one member": np.array([0.04]),
        "equal members": np.full(5, 0.02),
        "ends of the range": np.array([0.0, 1.0, 0.5]),
        "tiny members": np.array([1e-320, 1e-300, 0.5]),
        "twenty members": rng.uniform(size=20),
    }


def _adjusted(subject: Subject) -> Iterable[str]:
    correction = subject.make()
    for name, family in _families().items():
        made = correction.adjust(family.copy())
        if len(made) != len(family):
            yield f"of a family with {name} it gives {len(made)} for {len(family)}"
        elif not all(before <= after <= 1 for before, after in zip(family, made, strict=True)):
            yield f"of a family with {name} it gives {[float(p) for p in made]} for {[float(p) for p in family]}"


def _order(subject: Subject) -> Iterable[str]:
    import numpy as np

    family = _families()["twenty members"]
    correction = subject.make()
    forward, backward = correction.adjust(family.copy()), correction.adjust(family[::-1].copy())
    if not np.allclose(forward, backward[::-1], rtol=1e-12, atol=0):
        yield "the family given in reverse is adjusted otherwise"


def _no_p(subject: Subject) -> Iterable[str]:
    import numpy as np

    for wrong in (-0.1, 1.1, math.nan):
        try:
            subject.make().adjust(np.array([0.01, wrong]))
        except StatisticError:
            continue
        yield f"a family that holds {wrong} is adjusted; raise gnomon.StatisticError"
