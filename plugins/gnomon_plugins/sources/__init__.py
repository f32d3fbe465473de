"""First-party sources; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.sources.choice_pairs import ChoicePairs
from gnomon_plugins.sources.evolving_questions import EvolvingQuestions
from gnomon_plugins.sources.gambles import Gambles
from gnomon_plugins.sources.paired_lists import PairedLists
from gnomon_plugins.sources.prompt_parts import PromptParts
from gnomon_plugins.sources.table import TableRows
from gnomon_plugins.sources.word_sets import WordSets
from gnomon_plugins.sources.words import Words


@gnomon.hookimpl
def register_sources() -> Iterable[type]:
    """The sources of this package."""
    return [
        ChoicePairs,
        EvolvingQuestions,
        Gambles,
        PairedLists,
        PromptParts,
        TableRows,
        WordSets,
        Words,
    ]
