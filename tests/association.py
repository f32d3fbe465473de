"""Trials of the word-association measure, made by hand."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from gnomon import Chat, Exchange, Item, Message, Reply, Trial, TrialRecord

ROOT = Path(__file__).resolve().parents[1]
STIMULI = ROOT / "specs" / "data" / "implicit-bias.csv"
Lists = Mapping[str, tuple[str, ...]]


def stimuli(path: Path = STIMULI) -> dict[str, dict[str, tuple[str, ...]]]:
    """Stereotype → list → values."""
    out: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            out[row["item"]][row["list"]].append(row["value"])
    return {
        item: {name: tuple(values) for name, values in lists.items()} for item, lists in out.items()
    }


def answered(
    reply: Reply | str | None, fields: Mapping[str, object], **draws: object
) -> TrialRecord:
    """A trial with these fields whose only ask got this reply; with None nothing was asked."""
    trial = Trial(0, Item("x", fields=fields), {}, 0, draws, {**fields, **draws})
    if reply is None:
        return TrialRecord(trial, ())
    given = Reply(text=reply) if isinstance(reply, str) else reply
    return TrialRecord(trial, (Exchange(Chat(messages=(Message("user", "?"),)), given),))
