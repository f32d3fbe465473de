"""What is stored once: texts, items, conditions, forms of asks, names of scores.

One invariant: equal content has one number, whether it is committed, waits for the next commit, or was met
long ago. What was met lately is remembered, in bounded memory; the rest is looked up by its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.errors import StoreError
from gnomon.records import Ask, Item, Trial
from gnomon.store import reading
from gnomon.store.batch import Batch
from gnomon.store.forms import form_key, form_of
from gnomon.store.values import digest, json_or_none, readable, split_text, text_bytes, to_json

_CACHED_TEXTS = 20_000
_CACHED_ITEMS = 2_000
_CACHED_FORMS = 2_000


def bounded(cache: dict[Any, Any], most: int) -> None:
    """Keep a cache within its size: the oldest half goes at once, at no cost per hit."""
    if len(cache) > most:
        for key in list(cache)[: most // 2]:
            del cache[key]


class Once:
    """Numbers of what is stored once.

    Args:
        batch: Where new rows wait.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._texts: dict[bytes, int] = {}
        self._items: dict[str, tuple[Item, int]] = {}
        self._item_hashes: dict[bytes, int] = {}
        self._conditions: dict[Any, tuple[int, dict[str, Any], Any, Any]] = {}
        self._forms: dict[Any, int] = {}
        self._score_names: dict[tuple[str, str], int] = {}

    def forget(self) -> None:
        """Let go of what is committed: only now can it be found in the database."""
        self._item_hashes.clear()
        bounded(self._texts, _CACHED_TEXTS)

    def trim(self) -> None:
        """Let go of all that is remembered; with nothing waiting, the database has it."""
        for cache in (self._texts, self._items, self._conditions, self._forms):
            cache.clear()

    def text_id(self, text: str) -> int:
        """The number of a text; the text is stored when it is new."""
        data, _ = text_bytes(text)
        key = digest(data)
        number = self._texts.get(key)
        if number is None:
            number = self._batch.find("SELECT text_id FROM text_hash WHERE hash = ?", (key,))
            if number is None:
                number = self._batch.number("text")
                self._batch.rows["text"].append((number, *split_text(text)))
                self._batch.rows["text_hash"].append((key, number))
            self._texts[key] = number
        return number

    def item_id(self, item: Item) -> int:
        """The number of an item; one of the same content is stored once."""
        known = self._items.get(item.key)
        if known is not None and (known[0] is item or known[0] == item):
            return known[1]
        fields, groups = json_or_none(item.fields), json_or_none(item.groups)
        identity = to_json([item.key, item.gold])
        key = digest("\n".join((identity, fields or "", groups or "")).encode())
        number: int | None = self._batch.find("SELECT id FROM item WHERE hash = ?", (key,))
        if number is None:
            number = self._item_hashes.get(key)
        if number is None:
            number = self._item_hashes[key] = self._batch.number("item")
            gold = readable(item.gold) if isinstance(item.gold, str) else item.gold
            if isinstance(gold, int) and not -(2**63) <= gold < 2**63:
                gold = str(gold)
            shown = readable(item.key)
            exact = None if (shown, gold) == (item.key, item.gold) else identity
            self._batch.rows["item"].append((number, key, shown, fields, groups, gold, exact))
        self._items[item.key] = (item, number)
        bounded(self._items, _CACHED_ITEMS)
        return number

    def condition_id(self, trial: Trial) -> int:
        """The number of the condition of a trial: its format, its levels, and what its fields hold
        beyond its item and draws.

        Raises:
            StoreError: The fields cannot be made from item, levels and draws.
        """
        item = trial.item
        cache = (trial.format, *trial.levels.items())
        known = self._conditions.get(cache)
        if known is not None:
            number, carried, hidden, joined = known
            built = reading.trial_fields(item, trial.levels, carried, trial.draws, hidden, joined)
            if built == trial.fields:
                return number
        carried, hidden, joined = _explain(trial)
        built = reading.trial_fields(item, trial.levels, carried, trial.draws, hidden, joined)
        if built != trial.fields:
            raise StoreError(
                f"trial {trial.ordinal} cannot be stored: its fields are not those of its item, "
                "levels and draws"
            )
        row = (
            trial.format,
            json_or_none(trial.levels),
            json_or_none(carried),
            json_or_none(hidden),
            json_or_none(joined),
        )
        key = digest("\n".join(part or "" for part in row).encode())
        found: int | None = self._batch.find("SELECT id FROM condition WHERE hash = ?", (key,))
        if found is None:
            found = next(
                (held[0] for held in self._batch.rows["condition"] if held[1] == key), None
            )
        if found is None:
            found = self._batch.number("condition")
            self._batch.rows["condition"].append((found, key, *row))
        self._conditions[cache] = (found, carried, hidden, joined)
        bounded(self._conditions, _CACHED_FORMS)
        return found

    def form_id(self, ask: Ask) -> int:
        """The number of the text that says how an ask is put, its messages apart."""
        key = form_key(ask)
        number = self._forms.get(key)
        if number is None:
            number = self._forms[key] = self.text_id(to_json(form_of(ask)))
            bounded(self._forms, _CACHED_FORMS)
        return number

    def score_name_id(self, scorer: str, name: str) -> int:
        """The number of a score of a scorer."""
        number = self._score_names.get((scorer, name))
        if number is None:
            number = self._batch.find(
                "SELECT id FROM score_name WHERE scorer = ? AND name = ?", (scorer, name)
            )
            if number is None:
                number = self._batch.number("score_name")
                self._batch.rows["score_name"].append((number, scorer, name))
            self._score_names[scorer, name] = number
        return number


def _explain(trial: Trial) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """What a trial's fields hold beyond item, levels and draws.

    Returns:
        Fields carried by the levels; names of draws that are not fields; draw → what joins its values.
    """
    fields = trial.fields
    hidden = [name for name in trial.draws if name not in fields]
    joined: dict[str, str] = {}
    for name, value in trial.draws.items():
        shown = fields.get(name)
        if isinstance(value, tuple) and isinstance(shown, str):
            joined[name] = _joiner(value, shown)
    known: Mapping[str, Any] = {**trial.item.groups, **trial.item.fields, **trial.levels}
    carried = {
        name: value
        for name, value in fields.items()
        if name not in trial.draws and (name not in known or known[name] != value)
    }
    return carried, hidden, joined


def _joiner(values: tuple[str, ...], shown: str) -> str:
    if len(values) < 2:
        return ""
    length = (len(shown) - sum(map(len, values))) // (len(values) - 1)
    return shown[len(values[0]) : len(values[0]) + max(length, 0)]
