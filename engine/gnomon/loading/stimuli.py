"""The first item of the source, from which the fields and groups of all items are known."""

from __future__ import annotations

from gnomon.errors import GnomonError
from gnomon.loading.around import Around
from gnomon.loading.draft import Draft
from gnomon.records import Ask, Item
from gnomon.spec import Use


def first_item(draft: Draft, source: Use | None) -> Item | None:
    """The first item, or None when it is not known without asking a model."""
    if source is None:
        return None
    around = Around.beside(draft.path, draft.parts.get("seed") or 0, files=draft.files)
    try:
        items = iter(source.plugin.items(around))
        first = next(items, None)
        getattr(items, "close", lambda: None)()
    except (GnomonError, OSError, ValueError) as error:
        # A source reads what the spec points it to; what it cannot read is the spec's fault.
        path = ("stimuli", "file") if "file" in source.options else ("stimuli",)
        draft.fault(path, " ".join(str(error).split()))
        return None
    if isinstance(first, Item):
        return first
    if first is None:
        draft.fault(("stimuli",), f"the source {source.name!r} has no items")
    elif not isinstance(first, Ask):
        draft.fault(
            ("stimuli",), f"the source {source.name!r} gave a {type(first).__name__}, not an item"
        )
    return None
