"""Values for tests of plugins, made in one line: a finished trial, a table of scores, a source's surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.files import Folder
from gnomon.loading import Around
from gnomon.records import Ask, Chat, Exchange, FieldValue, Item, Message, Reply, Trial, TrialRecord
from gnomon.seeds import Seed
from gnomon.table import Table, Texts

if TYPE_CHECKING:
    import numpy as np


def trial(
    *,
    key: str = "item-1",
    gold: str | float | None = None,
    groups: Mapping[str, str] | None = None,
    levels: Mapping[str, str] | None = None,
    draws: Mapping[str, FieldValue] | None = None,
    **fields: FieldValue,
) -> Trial:
    """A trial of one item with these fields; templates and scorers see groups, levels and draws too."""
    item = Item(key, fields=fields, groups=groups, gold=gold)
    seen = {**fields, **(groups or {}), **(levels or {}), **(draws or {})}
    return Trial(0, item, levels or {}, 0, draws or {}, seen)


def record(*replies: Reply | str, ask: Ask | None = None, **of_trial: Any) -> TrialRecord:
    """A finished trial: these replies, in order, to a question of no consequence.

    Args:
        replies: Texts or replies.
        ask: What was asked, in the place of that question.
        of_trial: As for ``trial``.
    """
    asked = ask or Chat(messages=(Message("user", "What do you say?"),))
    return TrialRecord(
        trial(**of_trial),
        tuple(
            Exchange(asked, Reply(text=reply, finish="stop") if isinstance(reply, str) else reply)
            for reply in replies
        ),
    )


def around(folder: Path | str = ".", seed: int = 1, *, round: int = 0) -> Around:  # noqa: A002 - the contract's word
    """What a source is given: a folder with its files, and a seed."""
    return Around(folder=Folder(Path(folder)), seed=Seed(seed).child("stimuli"), round=round)


class _AnyLabels(Texts):
    """Label columns for every name that is asked for: those given, and levels in turn for the others."""

    def __init__(
        self,
        columns: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]],
        rows: np.ndarray | None = None,
        *,
        length: int,
        levels: Sequence[str],
    ) -> None:
        super().__init__(columns, rows)
        self._made = columns
        self._length = length
        self._levels = levels
        self._asked: list[str] = []

    def coded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        if name not in self._made:
            # The first column that is asked for goes through the levels within an item; others cross it.
            turns = np.arange(self._length)
            if self._asked:
                seed = Seed(0, "labels", name)
                turns = np.array([seed.below(len(self._levels)) for _ in turns], dtype=int)
            self._asked.append(name)
            levels = np.array(self._levels, dtype=str)
            self._made[name] = lambda: (levels, turns % len(levels))
        return super().coded(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def rows(self, keep: np.ndarray) -> Texts:
        made = _AnyLabels(
            self._made, super().rows(keep)._rows, length=self._length, levels=self._levels
        )
        made._coded = self._coded
        return made


def _column(values: Sequence[str]) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    import numpy as np

    texts, codes = np.unique(np.array(list(values), dtype=str), return_inverse=True)
    return lambda: (texts, codes)


def table(
    *scores: Sequence[float | None], levels: Sequence[str] = ("a", "b"), **labels: Sequence[str]
) -> Table:
    """Scores in columns, None or NaN where missing, with the label columns given and any other on demand.

    The columns are called ``score``, ``score2``, … Rows belong to items of four rows each, two in
    each of two repeats, unless ``item`` and ``repeat`` are given; a label column that is not given holds the ``levels`` in turn.
    """
    import numpy as np

    columns = {
        "score" if not place else f"score{place + 1}": np.array(
            [float("nan") if value is None else value for value in values], dtype=float
        )
        for place, values in enumerate(scores)
    }
    rows = len(next(iter(columns.values())))
    given = {
        "item": _column(labels.pop("item", [f"i{row // 4}" for row in range(rows)])),
        "repeat": _column(labels.pop("repeat", [str(row // 2 % 2) for row in range(rows)])),
        **{name: _column(values) for name, values in labels.items()},
    }
    return Table(
        scores=columns,
        statuses={
            name: np.where(np.isnan(values), "unparsed", "ok") for name, values in columns.items()
        },
        labels=_AnyLabels(given, length=rows, levels=levels),
        of=tuple(columns),
    )
