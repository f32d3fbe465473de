"""``compare --fail-if``: what counts as a change between two runs, in a language of one line.

One invariant: a condition is parsed and never evaluated as code, and what cannot be told counts as met, so that
a check that no longer checks anything is noticed.

    CONDITION = ALL { "or" ALL }
    ALL       = TEST { "and" TEST }
    TEST      = [SCORE ":"] NUMBER-OF ("<" | "<=" | ">" | ">=") NUMBER
              | [SCORE ":"] "outside" NUMBER [".." NUMBER]
    NUMBER-OF = NAME | "|" NAME "|"

NAME is a quantity or an effect size of the comparison, one of the numbers beside it behind a dot, or such
a number alone, which is then that of the comparison's first quantity. ``outside 0.1`` is met
unless the whole interval lies between -0.1 and 0.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

from gnomon.errors import UsageError, did_you_mean, listing
from gnomon.expectation import FIELDS
from gnomon.records import Estimate
from gnomon.run.expect import number_of

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w))|(?P<dots>\.\.)|(?P<op><=|>=|<|>)"
    r"|(?P<bar>\|)|(?P<colon>:)|(?P<word>[^\W\d][\w-]*(?:\.[^\W\d][\w-]*)*))"
)
_FORM = (
    'the form is [SCORE:]NAME < NUMBER or [SCORE:]outside NUMBER, joined by "and" and "or", such as '
    '"p < 0.05 and |difference| > 0.1"'
)


@attrs.frozen
class Claim:
    """One comparison of a number with another.

    Attributes:
        score: The score it is about; None for each that is compared.
        name: The quantity or effect size; None for the comparison's first quantity.
        field: Which number of it.
        absolute: Whether its size without the sign is meant.
        op: ``<``, ``<=``, ``>``, ``>=``, or ``outside``.
        bounds: The number, or the two ends for ``outside``.
    """

    score: str | None
    name: str | None
    field: str
    absolute: bool
    op: str
    bounds: tuple[float, ...]


@attrs.frozen
class Condition:
    """A parsed condition: met when all tests of one of its parts are.

    Attributes:
        text: As it was written.
        parts: The parts that ``or`` joins.
    """

    text: str
    parts: tuple[tuple[Claim, ...], ...]


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of one condition for one score.

    Attributes:
        condition: As it was written.
        score: The score.
        found: The numbers that were looked at, in words.
        met: Whether it is met; None when that cannot be told, which counts as met.
        why: Why it cannot be told.
    """

    condition: str
    score: str
    found: str
    met: bool | None
    why: str | None = None

    @property
    def fails(self) -> bool:
        """Whether the comparison fails because of it."""
        return self.met is not False

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return {True: "moved", False: "held", None: "cannot be told"}[self.met]


def parse_condition(text: str) -> Condition:
    """A condition from its text.

    Raises:
        UsageError: It is not of the form; the sentence says where.
    """
    tokens = _tokens(text)
    parts: list[tuple[Claim, ...]] = []
    tests: list[Claim] = []
    while True:
        tests.append(_test(text, tokens))
        kind, value, at = next(tokens)
        if kind == "word" and value == "and":
            continue
        parts.append(tuple(tests))
        tests = []
        if kind == "end":
            return Condition(text, tuple(parts))
        if (kind, value) != ("word", "or"):
            raise _wrong(text, "'and', 'or' or the end", value, at)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            rest = text[at:].split(maxsplit=1)[0]
            raise _wrong(text, "a name or a number", rest, text.index(rest, at))
        yield found.lastgroup, found.group(found.lastgroup), found.start(found.lastgroup)
        at = found.end()
    while True:
        yield "end", "", len(text)


def _wrong(text: str, expected: str, value: str, at: int) -> UsageError:
    what = repr(value) if value else "the end"
    return UsageError(
        f"--fail-if {text!r}: expected {expected} at character {at + 1}, found {what}; {_FORM}"
    )


def _test(text: str, tokens: Iterator[tuple[str, str, int]]) -> Claim:
    kind, value, at = next(tokens)
    score: str | None = None
    absolute = kind == "bar"
    if absolute:
        kind, value, at = next(tokens)
    if kind != "word" or value in ("and", "or"):
        raise _wrong(text, "a name", value, at)
    name = value
    kind, value, at = next(tokens)
    if kind == "colon" and not absolute:
        score = name
        kind, name, at = next(tokens)
        absolute = kind == "bar"
        if absolute:
            kind, name, at = next(tokens)
        if kind != "word":
            raise _wrong(text, "a name", name, at)
        kind, value, at = next(tokens)
    if name == "outside" and not absolute:
        return _outside(text, tokens, score, (kind, value, at))
    if absolute:
        if kind != "bar":
            raise _wrong(text, "'|'", value, at)
        kind, value, at = next(tokens)
    if kind != "op":
        raise _wrong(text, "one of <, <=, >, >=", value, at)
    bound = _number(text, next(tokens))
    quantity, field = _split(name)
    return Claim(score, quantity, field, absolute, value, (bound,))


def _outside(
    text: str,
    tokens: Iterator[tuple[str, str, int]],
    score: str | None,
    first: tuple[str, str, int],
) -> Claim:
    low = _number(text, first)
    found = re.match(r"\s*\.\.", text[first[2] + len(first[1]) :])
    if found is None:
        if low <= 0:
            raise _wrong(text, "a number above 0 (or two as -0.1..0.1)", first[1], first[2])
        return Claim(score, None, "value", False, "outside", (-low, low))
    next(tokens)
    second = next(tokens)
    high = _number(text, second)
    if low >= high:
        raise _wrong(text, f"a number above {low:g}", second[1], second[2])
    return Claim(score, None, "value", False, "outside", (low, high))


def _number(text: str, token: tuple[str, str, int]) -> float:
    kind, value, at = token
    if kind != "number":
        raise _wrong(text, "a number", value, at)
    return float(value)


def _split(name: str) -> tuple[str | None, str]:
    if name in FIELDS:
        return None, name
    quantity, dot, field = name.rpartition(".")
    return (quantity, field) if dot and field in FIELDS else (name, "value")


def verdicts(conditions: Sequence[Condition], estimates: Sequence[Estimate]) -> list[Verdict]:
    """Every condition held against every score that was compared.

    Raises:
        UsageError: A condition names a score or a quantity that the comparison does not have.
    """
    scores: dict[str, list[Estimate]] = {}
    for estimate in estimates:
        scores.setdefault(estimate.of, []).append(estimate)
    made = []
    for condition in conditions:
        named = {test.score for part in condition.parts for test in part}
        for wanted in named - {None} - set(scores):
            hint = f"{did_you_mean(str(wanted), scores)}; compared are: {listing(scores)}"
            raise UsageError(f"--fail-if {condition.text!r}: there is no score {wanted!r}{hint}")
        about = [score for score in scores if None in named or score in named]
        if None not in named:
            about = about[:1]
        made += [_verdict(condition, score, scores) for score in about]
    return made


def _verdict(condition: Condition, score: str, scores: Mapping[str, list[Estimate]]) -> Verdict:
    found: dict[str, None] = {}
    outcome: bool | None = False
    why: str | None = None
    for part in condition.parts:
        told: list[bool | None] = []
        for test in part:
            met, seen, reason = _look(condition, test, scores[test.score or score])
            told.append(met)
            found.update(dict.fromkeys(seen))
            why = why or reason
        # One test that is not met settles its part, whatever is not known beside it.
        holds = False if False in told else (None if None in told else True)
        if holds or (holds is None and outcome is False):
            outcome = holds
    named = {test.score for part in condition.parts for test in part} - {None}
    return Verdict(
        condition=condition.text,
        score=score if len(named) < 2 else ", ".join(sorted(map(str, named))),
        found=", ".join(found),
        met=outcome,
        why=why if outcome is None else None,
    )


def _look(
    condition: Condition, test: Claim, estimates: Sequence[Estimate]
) -> tuple[bool | None, list[str], str | None]:
    """Whether a test is met, the numbers it rests on in words, and why that cannot be told."""
    refused = next((one for one in estimates if one.value is None), None)
    if test.name is None:
        chosen = estimates[0]
    else:
        about = [one for one in estimates if test.name in (one.quantity, one.effect)]
        if not about and refused is None:
            known = {one.quantity for one in estimates} | {one.effect or "" for one in estimates}
            hint = f"{did_you_mean(test.name, known | set(FIELDS))}; there are: {listing(known - {''})}"
            raise UsageError(
                f"--fail-if {condition.text!r}: the comparison has no {test.name!r}{hint}, and the "
                f"numbers {listing(FIELDS)}"
            )
        chosen = about[0] if about else (refused or estimates[0])
    if chosen.value is None and test.field != "missing":
        return None, [], chosen.note or "there is no estimate"
    if test.op == "outside":
        return _looked_outside(test, chosen)
    value = number_of(chosen, test.name, test.field)
    name = chosen.quantity if test.field == "value" and test.name is None else _said(test)
    if value is None:
        if chosen.value == 0:
            return False, [f"{chosen.quantity} = 0"], None
        return (
            None,
            [],
            f"{chosen.quantity} has no {test.field!r}: {chosen.note or 'no reason given'}",
        )
    size = abs(value) if test.absolute else value
    met = {
        "<": size < test.bounds[0],
        "<=": size <= test.bounds[0],
        ">": size > test.bounds[0],
        ">=": size >= test.bounds[0],
    }[test.op]
    return met, [f"{name} = {value:.3g}"], None


def _looked_outside(test: Claim, estimate: Estimate) -> tuple[bool | None, list[str], str | None]:
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        if estimate.value == 0:
            return False, [f"{estimate.quantity} = 0"], None
        return (
            None,
            [],
            f"{estimate.quantity} has no interval: {estimate.note or 'no reason given'}",
        )
    inside = test.bounds[0] < low and high < test.bounds[1]
    level = "" if estimate.level is None else f"{estimate.level:.0%} "
    return not inside, [f"{level}interval [{low:.3g}, {high:.3g}]"], None


def _said(test: Claim) -> str:
    return ".".join(part for part in (test.name, test.field) if part and part != "value")
