"""Blocks that call a plugin: its name, its options, and the keys that are the block's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from gnomon.catalogue import KINDS, Plugin
from gnomon.errors import CatalogueError, listing
from gnomon.loading.draft import Draft
from gnomon.spec import SpecKeys, Use
from gnomon.structure import KeyPath, default_of, found, key_names, nearest_key, structure


def load_use(
    draft: Draft, kind: str, path: KeyPath, data: Any = None, own: Sequence[str] = ("use",)
) -> Use | None:
    """The plugin that a block calls, with an instance made from the block's options.

    Args:
        draft: The spec.
        kind: Plural kind of the plugin.
        path: Where the block stands.
        data: The block as written; the top-level table of that path unless given.
        own: The block's own keys, which are no options of the plugin.

    Returns:
        None when there was a fault.
    """
    if data is None:
        data = draft.parts.get(str(path[0]))
        if data is None:
            return None
    plugin = _plugin(draft, kind, path, data)
    if plugin is None:
        return None
    options = _options(draft, plugin, path, data, own)
    instance = structure(plugin.cls, options, path, draft.document.positions, draft.faults)
    if instance is None or not draft.is_sound(path):
        return None
    use = Use(name=plugin.name, plugin=instance, options=options)
    draft.uses.append((path, use))
    return use


def _plugin(draft: Draft, kind: str, path: KeyPath, data: dict[str, Any]) -> Plugin | None:
    singular, _ = KINDS[kind]
    if "use" not in data:
        known = listing(draft.catalogue.of_kind(kind))
        message = f"missing key 'use': expected the name of a {singular}; there are: {known}"
        draft.fault((*path, "use"), message)
        return None
    if not isinstance(data["use"], str):
        message = f"expected the name of a {singular}, found {found(data['use'])}"
        draft.fault((*path, "use"), message)
        return None
    return find_plugin(draft, kind, data["use"], (*path, "use"))


def find_plugin(draft: Draft, kind: str, name: str, path: KeyPath) -> Plugin | None:
    """A plugin by name, or a fault at the path that names it.

    Raises:
        CatalogueError: The plugins themselves are at fault; no spec can be loaded with them.
    """
    known = draft.catalogue.of_kind(kind)
    if name in known:
        return known[name]
    try:
        return draft.catalogue.get(kind, name)
    except CatalogueError as error:
        message = str(error).splitlines()[0]
    for provider in draft.catalogue.failures():
        message += (
            f"; the plugin {provider.name!r} of {provider.origin} failed to load and may offer it: "
            "'gnomon plugins' shows why"
        )
    draft.fault(path, message)
    return None


def _options(
    draft: Draft, plugin: Plugin, path: KeyPath, data: dict[str, Any], own: Sequence[str]
) -> dict[str, Any]:
    names = [name for name in key_names(plugin.cls) if name not in own]
    out: dict[str, Any] = {}
    for key, value in data.items():
        if key in own:
            continue
        if key in names:
            out[key] = value
            continue
        hint = nearest_key(key, (*own, *names), data)
        if not hint:
            singular, _ = KINDS[plugin.kind]
            hint = f"; the {singular} {plugin.name!r} takes: {listing(names)}"
        draft.fault((*path, key), f"unknown key {key!r}{hint}", key=True)
    return out


def default_procedure() -> str:
    """The procedure of a spec that names none."""
    return str(default_of(attrs.fields(SpecKeys).procedure)["use"])
