"""All generated pages, and the writing of those whose files are not what they would be now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gnomon.catalogue import Catalogue
from gnomon.reference.gallery import GALLERY, gallery_page
from gnomon.reference.messages import messages_page
from gnomon.reference.plugins import plugins_page
from gnomon.reference.schema import json_schema
from gnomon.reference.specs import spec_page
from gnomon.reference.store import store_page


def pages(root: Path) -> Mapping[str, str]:
    """Path in the checkout → text, of every page but the file of validations."""
    catalogue = own_catalogue()
    sources = [root / "engine" / "gnomon", root / "plugins" / "gnomon_plugins"]
    return {
        "docs/spec.md": spec_page(),
        "docs/spec.schema.json": json.dumps(json_schema(catalogue), indent=1, ensure_ascii=False)
        + "\n",
        "docs/plugins.md": plugins_page(catalogue),
        "docs/messages.md": messages_page(*sources),
        "docs/store.md": store_page(),
        GALLERY: gallery_page(root / "specs", catalogue),
    }


def own_catalogue() -> Catalogue:
    """The plugins of this distribution only."""
    import importlib.metadata

    found = importlib.metadata.entry_points(group="gnomon")
    return Catalogue(
        entry_points=[one for one in found if one.dist is not None and one.dist.name == "gnomon"]
    )


def write(root: Path) -> list[str]:
    """Write every page that differs; returns their paths."""
    changed = []
    for path, text in pages(root).items():
        file = root / path
        if not file.is_file() or file.read_text("utf-8") != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
            changed.append(path)
    return changed
