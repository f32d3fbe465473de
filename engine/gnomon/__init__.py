"""gnomon measures what language models do not say of themselves.

Everything a plugin or a notebook may use is listed in ``__all__``; all else is private. Names are
imported when first used, so that ``gnomon --help`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.errors import (
        CallFailed,
        CapabilityError,
        CatalogueError,
        GnomonError,
        Incomplete,
        ModelError,
        SourceError,
        SpecError,
        StatisticError,
        StoreError,
        TemplateError,
        UsageError,
        WriteError,
        did_you_mean,
        listing,
    )
    from gnomon.frames import Database, open  # noqa: A004 -- as other libraries have it: gnomon.open
    from gnomon.hookspecs import hookimpl
    from gnomon.planting import Planted, Planting, Respondent, Wanted
    from gnomon.protocols import Asker, Asking, Surroundings
    from gnomon.records import (
        Ask,
        Capability,
        Chat,
        Choose,
        Constraint,
        Decoding,
        Embed,
        Estimate,
        Exchange,
        Hidden,
        Item,
        ItemRecord,
        Loglik,
        Message,
        ModelInfo,
        Need,
        Price,
        Reply,
        Score,
        ScoreStatus,
        TokenLogprob,
        Trial,
        TrialRecord,
    )
    from gnomon.replytable import ReplyIndex, ReplyTable
    from gnomon.seeds import Seed
    from gnomon.table import Table
    from gnomon.templates import render
    from gnomon.turns import Turn, ask_of, said, turns_for
    from gnomon.weights import (
        Progress,
        cache_folder,
        file_fingerprint,
        file_sha256,
        pull_from_wheel,
    )

_HOMES = {
    "gnomon.errors": (
        "CallFailed CapabilityError CatalogueError GnomonError Incomplete ModelError SourceError "
        "SpecError StatisticError StoreError TemplateError UsageError WriteError did_you_mean listing"
    ),
    "gnomon.frames": "Database open",
    "gnomon.hookspecs": "hookimpl",
    "gnomon.planting": "Planted Planting Respondent Wanted",
    "gnomon.protocols": "Asker Asking Surroundings",
    "gnomon.records": (
        "Ask Capability Chat Choose Constraint Decoding Embed Estimate Exchange Hidden Item "
        "ItemRecord Loglik Message ModelInfo Need Price Reply Score ScoreStatus TokenLogprob Trial "
        "TrialRecord"
    ),
    "gnomon.replytable": "ReplyIndex ReplyTable",
    "gnomon.seeds": "Seed",
    "gnomon.table": "Table",
    "gnomon.templates": "render",
    "gnomon.turns": "Turn ask_of said turns_for",
    "gnomon.weights": "Progress cache_folder file_fingerprint file_sha256 pull_from_wheel",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__version__ = "0.1.0"

__all__ = [
    "Ask",
    "Asker",
    "Asking",
    "CallFailed",
    "Capability",
    "CapabilityError",
    "CatalogueError",
    "Chat",
    "Choose",
    "Constraint",
    "Database",
    "Decoding",
    "Embed",
    "Estimate",
    "Exchange",
    "GnomonError",
    "Hidden",
    "Incomplete",
    "Item",
    "ItemRecord",
    "Loglik",
    "Message",
    "ModelError",
    "ModelInfo",
    "Need",
    "Planted",
    "Planting",
    "Price",
    "Progress",
    "Reply",
    "ReplyIndex",
    "ReplyTable",
    "Respondent",
    "Score",
    "ScoreStatus",
    "Seed",
    "SourceError",
    "SpecError",
    "StatisticError",
    "StoreError",
    "Surroundings",
    "Table",
    "TemplateError",
    "TokenLogprob",
    "Trial",
    "TrialRecord",
    "Turn",
    "UsageError",
    "Wanted",
    "WriteError",
    "__version__",
    "ask_of",
    "cache_folder",
    "did_you_mean",
    "file_fingerprint",
    "file_sha256",
    "hookimpl",
    "listing",
    "open",
    "pull_from_wheel",
    "render",
    "said",
    "turns_for",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'gnomon' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
