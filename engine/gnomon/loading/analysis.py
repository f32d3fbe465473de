"""``[[score]]``, ``[[statistic]]`` and ``[stop]``: what is computed, from what, and how it is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.errors import did_you_mean, listing
from gnomon.loading.blocks import find_plugin, load_use
from gnomon.loading.draft import COLUMNS, Draft, each_named
from gnomon.loading.expectations import check_expectations
from gnomon.records import Item
from gnomon.spec import ScoreBlock, ScoreKeys, StatisticBlock, StatisticKeys, StopBlock, StopKeys
from gnomon.structure import KeyPath, found, key_names, structure

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")


def load_scores(draft: Draft) -> tuple[ScoreBlock | None, ...]:
    """The ``[[score]]`` blocks, in order; None for one at fault."""
    out: list[ScoreBlock | None] = []
    labels: dict[str, KeyPath] = {}
    for path, data in draft.blocks("score"):
        own = key_names(ScoreKeys)
        use = load_use(draft, "scorers", path, data, own)
        keys = _keys(draft, ScoreKeys, path, data)
        label = _label(draft, "scorers", data)
        if label is not None:
            _check_label(draft, label, path, data)
            if label in labels:
                message = (
                    f"a second score called {label!r} (the first is score[{labels[label][-1]}]); "
                    "give it another name with 'as'"
                )
                draft.fault((*path, "as" if "as" in data else "use"), message)
            labels.setdefault(label, path)
        if keys is not None:
            draft.check_only(keys.only, (*path, "only"))
        out.append(ScoreBlock(keys=keys, use=use) if keys is not None and use is not None else None)
    return tuple(out)


def load_statistics(
    draft: Draft, scores: Sequence[ScoreBlock | None], item: Item | None
) -> tuple[StatisticBlock | None, ...]:
    """The ``[[statistic]]`` blocks, in order; None for one at fault. Checks ``[expect]`` too."""
    out: list[StatisticBlock | None] = []
    labels: list[str] = []
    corrections: dict[str, tuple[str, KeyPath]] = {}
    parts = _score_parts(draft, scores)
    is_open = not _all_labels_known(draft, "score", [*parts])
    for path, data in draft.blocks("statistic"):
        use = load_use(draft, "statistics", path, data, key_names(StatisticKeys))
        keys = _keys(draft, StatisticKeys, path, data)
        label = _label(draft, "statistics", data)
        if label is not None:
            _check_label(draft, label, path, data)
            labels.append(label)
        if keys is None:
            out.append(None)
            continue
        _check_of(draft, keys, path, parts, is_open=is_open)
        _check_columns(draft, keys, path, item)
        correction = _correction(draft, keys, path)
        _check_family(draft, keys, path, corrections)
        out.append(
            None if use is None else StatisticBlock(keys=keys, use=use, correction=correction)
        )
    is_complete = _all_labels_known(draft, "statistic", labels)
    check_expectations(draft, labels, out, is_complete=is_complete)
    _check_design_cluster(draft, item)
    return tuple(out)


def _check_design_cluster(draft: Draft, item: Item | None) -> None:
    cluster = draft.design.get("cluster")
    known = (*draft.factors, *(() if item is None else item.groups), *COLUMNS)
    # Without an item the groups are not known, and any other name may be one.
    if isinstance(cluster, str) and item is not None and cluster not in (*known, "none"):
        hint = f"{did_you_mean(cluster, known)}; there are: {listing(known)}"
        draft.fault(("design", "cluster"), f"there is no column {cluster!r}{hint}")


def load_stop(draft: Draft, scores: Sequence[ScoreBlock | None]) -> StopBlock | None:
    """The ``[stop]`` table; None when there is none, or one at fault."""
    data = draft.data.get("stop")
    if not isinstance(data, dict):
        return None
    path: KeyPath = ("stop",)
    use = load_use(draft, "statistics", path, data, key_names(StopKeys))
    keys: StopKeys | None = _keys(draft, StopKeys, path, data)
    if keys is None:
        return None
    parts = _score_parts(draft, scores)
    is_open = not _all_labels_known(draft, "score", [*parts])
    _check_of(draft, keys, path, parts, is_open=is_open)
    for block in scores:
        over = "trial" if block is None else getattr(block.use.plugin, "over", "trial")
        if block is not None and over == "item" and keys.of.split(".")[0] == block.label:
            message = f"{keys.of!r} is a score of items, made when all trials are finished"
            draft.fault((*path, "of"), f"{message}; name a score of trials")
    _check_rule(draft, keys, data)
    if use is None:
        return None
    if not getattr(type(use.plugin), "anytime", False):
        valid = [
            name
            for name, plugin in draft.catalogue.of_kind("statistics").items()
            if getattr(plugin.cls, "anytime", False)
        ]
        message = (
            f"the statistic {use.name!r} is not valid under continuous looking; those that are:"
        )
        draft.fault((*path, "use"), f"{message} {listing(valid)}")
    return StopBlock(keys=keys, use=use)


def _check_rule(draft: Draft, keys: StopKeys, data: Mapping[str, Any]) -> None:
    path: KeyPath = ("stop",)
    if (keys.half_width is None) == (keys.decision is None):
        draft.fault(path, "expected one of 'half_width' and 'decision'")
    if keys.half_width is not None and not keys.half_width > 0:
        message = f"expected a number above 0, found {found(data['half_width'])}"
        draft.fault((*path, "half_width"), message)
    if not 0 < keys.alpha < 1:
        message = f"expected a number between 0 and 1, found {found(data['alpha'])}"
        draft.fault((*path, "alpha"), message)
    if "level" in data:
        draft.fault((*path, "level"), "the level is 1 - alpha; leave it out", key=True)
    draft.check_least(keys.every, 1, (*path, "every"))
    draft.check_least(keys.min, 0, (*path, "min"))
    draft.check_least(keys.max, max(keys.min, 1), (*path, "max"))


def _keys(draft: Draft, cls: Any, path: KeyPath, data: Mapping[str, Any]) -> Any:
    own = {key: value for key, value in data.items() if key in key_names(cls)}
    # A plugin's name that is missing or no name has been reported where the plugin was looked up.
    if not isinstance(own.get("use"), str):
        own["use"] = ""
    return structure(cls, own, path, draft.document.positions, draft.faults)


def _label(draft: Draft, kind: str, data: Mapping[str, Any]) -> str | None:
    """What a block is called; None when that is not known, for its plugin's name is at fault."""
    label = data.get("as", data.get("use"))
    if not isinstance(label, str):
        return None
    return label if "as" in data or label in draft.catalogue.of_kind(kind) else None


def _all_labels_known(draft: Draft, block: str, labels: Sequence[str]) -> bool:
    written = draft.data.get(block, [])
    return isinstance(written, list) and len(labels) == len(written)


def _check_label(draft: Draft, label: str, path: KeyPath, data: Mapping[str, Any]) -> None:
    if "as" in data and not _LABEL.match(label):
        message = (
            f"the name {label!r} is not of letters, digits, '_' and '-', beginning with a letter"
        )
        draft.fault((*path, "as"), message)


def _score_parts(
    draft: Draft, scores: Sequence[ScoreBlock | None]
) -> dict[str, tuple[str, ...] | None]:
    """Score label → the parts its scorer makes beside the first score; None when not known."""
    out: dict[str, tuple[str, ...] | None] = {}
    for (_, data), block in zip(draft.blocks("score"), scores, strict=True):
        label = _label(draft, "scorers", data)
        if label is not None:
            out[label] = None if block is None else getattr(block.use.plugin, "parts", None)
    return out


def _check_of(
    draft: Draft,
    keys: StatisticKeys | StopKeys,
    path: KeyPath,
    parts: Mapping[str, tuple[str, ...] | None],
    *,
    is_open: bool,
) -> None:
    place = (*path, "of")
    if not keys.of:
        draft.fault(place, "expected the name of a score, found nothing")
    known = [
        name
        for label, named in parts.items()
        for name in (label, *(f"{label}.{part}" for part in named or ()))
    ]
    for where, name in each_named(keys.of, place):
        label, dot, part = name.partition(".")
        has_any = bool(dot and part) and label in parts and parts[label] is None
        if name and name not in known and not has_any and not is_open:
            hint = f"{did_you_mean(name, known)}; there are: {listing(known)}"
            draft.fault(where, f"there is no score {name!r}{hint}")


def _check_columns(draft: Draft, keys: StatisticKeys, path: KeyPath, item: Item | None) -> None:
    groups = () if item is None else tuple(item.groups)
    known = (*draft.factors, *groups, *COLUMNS)
    named: list[tuple[KeyPath, str, bool]] = [
        ((*path, "by", index), column, False) for index, column in enumerate(keys.by)
    ]
    named += [((*path, "where", column), column, True) for column in keys.where]
    for place, column, is_key in named:
        # Without an item the groups are not known, and any other name may be one.
        if item is not None and column not in known:
            hint = f"{did_you_mean(column, known)}; there are: {listing(known)}"
            draft.fault(place, f"there is no column {column!r}{hint}", key=is_key)
    for column, wanted in keys.where.items():
        if column in draft.factors:
            draft.check_levels(column, wanted, (*path, "where", column))


def _correction(draft: Draft, keys: StatisticKeys, path: KeyPath) -> Any:
    if keys.correction is None:
        return None
    place = (*path, "correction")
    plugin = find_plugin(draft, "corrections", keys.correction, place)
    if plugin is None:
        return None
    return structure(plugin.cls, {}, place, draft.document.positions, draft.faults)


def _check_family(
    draft: Draft,
    keys: StatisticKeys,
    path: KeyPath,
    corrections: dict[str, tuple[str, KeyPath]],
) -> None:
    if keys.family is None or keys.correction is None:
        return
    first, where = corrections.setdefault(keys.family, (keys.correction, path))
    if first != keys.correction:
        draft.fault(
            (*path, "correction"),
            f"the family {keys.family!r} is corrected with {first!r} in statistic[{where[-1]}]; "
            "one family has one correction",
        )
