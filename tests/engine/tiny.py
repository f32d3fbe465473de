"""A tiny measure and its plugins, for tests of the engine: every part is visible on one screen."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs

import gnomon
from gnomon import Capability, Chat, Item, Message, Reply, Score, Trial
from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.run import Outcome, RunRequest, run
from gnomon.run.progress import Silent

SPEC = """\
measure = "tiny"
title = "How long the answer is"
version = 1
seed = 11
needs = ["chat"]

[stimuli]
use = "tiny-words"
count = {count}

[design]
repeats = {repeats}
[design.factors]
tone = ["plain", "polite"]

[[turn]]
user = "Say something {{tone}} about {{word}}."

[[score]]
use = "length"

[[statistic]]
use = "t-one-sample"
of = "length"
by = ["tone"]
correction = "holm"
"""


@attrs.frozen(kw_only=True)
class Words:
    """So many made-up words.

    Attributes:
        count: How many.
    """

    name: ClassVar[str] = "tiny-words"
    count: int = 3

    def items(self, around: object) -> Iterator[Item]:
        for number in range(self.count):
            half = "even" if number % 2 == 0 else "odd"
            yield Item(key=f"w{number}", fields={"word": f"word{number}"}, groups={"half": half})


@attrs.frozen(kw_only=True)
class Length:
    """Characters of the reply."""

    name: ClassVar[str] = "length"

    def score(self, record: gnomon.TrialRecord) -> Score:
        return Score(name="length", value=float(len(record.last.text)))


@attrs.frozen(kw_only=True)
class Judged:
    """A judge's mark, asked in a role of its own.

    Attributes:
        role: Who judges.
    """

    name: ClassVar[str] = "judged"
    role: str = "judge"

    def score(self, record: gnomon.TrialRecord) -> gnomon.Asking:
        message = Message("user", f"Mark this from 0 to 9: {record.last.text}")
        reply = yield Chat(role=self.role, name="mark", messages=(message,))
        if not reply.text.strip().isdigit():
            return [Score(name="judged", value=None, status="unparsed")]
        return [Score(name="judged", value=float(reply.text))]


@attrs.frozen(kw_only=True)
class Spread:
    """Longest minus shortest reply of an item."""

    name: ClassVar[str] = "spread"
    over: ClassVar[str] = "item"

    def score(self, record: gnomon.ItemRecord) -> Score:
        lengths = [len(trial.last.text) for trial in record.trials]
        detail = {"trials": len(lengths)}
        return Score(name="spread", value=float(max(lengths) - min(lengths)), detail=detail)


@attrs.frozen(kw_only=True)
class Growing:
    """An adaptive source: each round continues the item with the longest replies.

    Attributes:
        rounds: How many rounds.
    """

    name: ClassVar[str] = "growing"
    adaptive: ClassVar[bool] = True
    rounds: int = 3

    def items(self, around: gnomon.Surroundings) -> Iterator[Item]:
        if around.round == 0:
            yield from (Item(key=word, fields={"word": word}) for word in ("a", "bb"))
        elif around.round < self.rounds:
            means = {
                key: sum(score.value or 0 for score in scores["length"]) / len(scores["length"])
                for key, scores in around.scores.items()
            }
            best = max(means, key=lambda key: (means[key], key))
            yield Item(key=f"{best}+", fields={"word": f"{best}+"})


@attrs.frozen(kw_only=True)
class Generated:
    """A source that has its words made by a generator model."""

    name: ClassVar[str] = "generated"
    asks: ClassVar[bool] = True
    role: str = "generator"

    def items(self, around: gnomon.Surroundings) -> Any:
        reply = yield Chat(
            role=self.role, name="words", messages=(Message("user", "Two words, please."),)
        )
        for word in reply.text.split():
            yield Item(key=word, fields={"word": word})


@attrs.define(kw_only=True)
class Subject:
    """A subject under test control: answers by a function and counts its calls.

    Attributes:
        model: A name, to have several.
    """

    name: ClassVar[str] = "subject"
    answer: ClassVar[Callable[[gnomon.Ask], Reply | str]] = lambda ask: "an answer"
    calls: ClassVar[list[gnomon.Ask]] = []
    model: str = "one"
    offers: ClassVar[Capability] = Capability(kinds=["chat"], blocking=False)

    def ask(self, ask: gnomon.Ask) -> Reply:
        Subject.calls.append(ask)
        made = Subject.answer(ask)
        return Reply(text=made) if isinstance(made, str) else made


METHODS = (
    ("sources", "items"),
    ("procedures", "administer"),
    ("scorers", "score"),
    ("backends", "ask"),
)


def module(*extra: type) -> types.ModuleType:
    """The plugins above as a module with hooks."""
    made = types.ModuleType("tiny_plugins")
    kinds: dict[str, list[type]] = {
        "sources": [Words, Growing, Generated],
        "scorers": [Length, Judged, Spread],
        "backends": [Subject],
        "procedures": [],
    }
    for cls in extra:
        for kind, method in METHODS:
            if hasattr(cls, method):
                kinds[kind].append(cls)
    for kind, classes in kinds.items():

        def hook(classes: list[type] = classes) -> Iterable[type]:
            return classes

        hook.__name__ = f"register_{kind}"
        hook.__module__ = made.__name__
        setattr(made, hook.__name__, gnomon.hookimpl(hook))
    return made


def catalogue(*extra: type) -> Catalogue:
    """The first-party plugins and those above."""
    return Catalogue(modules={"tiny": module(*extra)})


def write_spec(folder: Path, text: str = SPEC, *, count: int = 3, repeats: int = 1) -> Path:
    """The spec as a file ``tiny.toml``."""
    path = folder / "tiny.toml"
    path.write_text(
        text.replace("{count}", str(count))
        .replace("{repeats}", str(repeats))
        .replace("{{", "{")
        .replace("}}", "}")
    )
    return path


def run_tiny(
    folder: Path,
    text: str = SPEC,
    *,
    count: int = 3,
    design_repeats: int = 1,
    extra: tuple[type, ...] = (),
    roles: dict[str, str] | None = None,
    database: str = "results.db",
    **options: Any,
) -> Outcome:
    """Run the tiny measure on the subject under test control."""
    found = catalogue(*extra)
    spec = load(write_spec(folder, text, count=count, repeats=design_repeats), found)
    request = RunRequest(spec=spec, roles={"subject": "subject:one", **(roles or {})}, **options)
    return run(request, found, folder / database, Silent())


def trial_of(ask: gnomon.Ask) -> Trial:
    """The trial of an ask, which every ask of a trial has."""
    assert ask.trial is not None
    return ask.trial
