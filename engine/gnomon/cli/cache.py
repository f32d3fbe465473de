"""``gnomon cache``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnomon.cli import terminal
from gnomon.cli.common import Named, database_option, json_option, print_json
from gnomon.errors import UsageError, counted

if TYPE_CHECKING:
    from gnomon.store import Explained


@click.group("cache", cls=Named)
def command() -> None:
    """Say why replies were, or were not, taken from the store.

    \b
    gnomon cache explain 3
    gnomon cache explain trial:57
    """


@command.command("explain", short_help="Say what was reused, and what was not and why.")
@click.argument("what", metavar="RUN|trial:TRIAL")
@database_option
@json_option
def explain(what: str, database: Path, as_json: bool) -> None:
    """Say for a run, or for each ask of a trial, what was reused, and what kept the rest from it.

    An ask is answered from the store when a full reply to the very same ask is there: same words, model and
    options, decoding, sample and repeat. Where none was, the nearest stored ask is shown with what
    differs. Of a run, a hundred asks that were called are looked at, evenly spread. Nothing is asked, and
    no model is needed.

    \b
    gnomon cache explain 3
    gnomon cache explain trial:57 --json
    """
    from gnomon.store import Store

    kind, number = _wanted(what)
    with Store.open(database) as store:
        explainer = store.explainer()
        if kind == "trial":
            found = explainer.trial(number)
            if as_json:
                print_json([_plain(explained) for explained in found])
                return
            for explained in found:
                terminal.tell("\n".join(_lines(explained)))
            if not found:
                terminal.tell(f"trial {number} has no ask yet")
            return
        called, used = explainer.counts(number)
        sample = list(explainer.called(number))
    if as_json:
        print_json(
            {
                "run": number,
                "called": called,
                "used": {str(run): count for run, count in used.items()},
                "explained": [_plain(explained) for explained in sample],
            }
        )
        return
    for line in _summary(number, called, used, sample):
        terminal.tell(line)


def _wanted(what: str) -> tuple[str, int]:
    kind, colon, number = what.rpartition(":")
    if not colon:
        kind = "run"
    if kind not in ("run", "trial") or not number.isascii() or not number.isdigit():
        raise UsageError(
            f"cache explain takes the number of a run, or trial:NUMBER; it got {what!r}"
        )
    return kind, int(number)


def _plain(explained: Explained) -> dict[str, Any]:
    import attrs

    return attrs.asdict(explained)


def _summary(run: int, called: int, used: dict[int, int], sample: list[Explained]) -> list[str]:
    total = called + sum(used.values())
    lines = [
        f"run {run}: {counted(total, 'ask')}, {called} called, {total - called} from the store"
    ]
    for source, count in used.items():
        whose = "this run itself" if source == run else f"run {source}" if source else "a lost call"
        lines.append(f"  {count} with replies that {whose} brought")
    groups: Counter[tuple[Any, ...]] = Counter()
    examples: dict[tuple[Any, ...], Explained] = {}
    for explained in sample:
        group = (explained.why, tuple(difference.part for difference in explained.differs))
        groups[group] += 1
        examples.setdefault(group, explained)
    for group, count in groups.most_common():
        of = f"{count} of {len(sample)} looked at" if len(sample) < called else str(count)
        lines.append(f"  {of}: {_reason(examples[group])}")
        lines += [f"    {line}" for line in _differing(examples[group])]
    return lines


def _lines(explained: Explained) -> list[str]:
    """The explanation of one ask."""
    head = f"ask {explained.ask}, {explained.name!r} of the {explained.role}: {explained.status}"
    return [f"{head}; {_reason(explained)}", *(f"  {line}" for line in _differing(explained))]


def _reason(explained: Explained) -> str:
    statuses = ", ".join(
        f"{count} {status}" for status, count in Counter(explained.attempts).items()
    )
    if explained.why == "used":
        if explained.near is None:
            return "a stored reply was used; the ask that brought it is gone"
        return f"the reply of ask {explained.near} ({_place(explained)}) was used"
    if explained.why == "not-used":
        return f"called although a reply was there ({statuses}): the run was not to use the store"
    if explained.why == "failed-before":
        return f"called again, because what was there is no full reply ({statuses})"
    if explained.near is None:
        return "called, because nothing like it was there"
    return f"called; the nearest ask, {explained.near} ({_place(explained)}), differs in"


def _place(explained: Explained) -> str:
    trial = "" if explained.near_trial is None else f", trial {explained.near_trial}"
    return f"run {explained.near_run}{trial}"


def _differing(explained: Explained) -> list[str]:
    lines = [
        f"{difference.part}: {_shown(difference.here)}, there {_shown(difference.there)}"
        for difference in explained.differs
    ]
    return [*lines, *([f"note: {explained.note}"] if explained.note else [])]


def _shown(text: str) -> str:
    # Prompts hold line breaks, and a terminal must not be told what to do by a model's words.
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
