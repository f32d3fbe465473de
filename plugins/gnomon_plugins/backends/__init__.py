"""First-party backends; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.backends.http import Http
from gnomon_plugins.backends.local import Local
from gnomon_plugins.backends.planted import Planted
from gnomon_plugins.backends.providers import LiteLLM
from gnomon_plugins.backends.replay import Replay
from gnomon_plugins.backends.scripted import Scripted
from gnomon_plugins.backends.sentence import Sentence
from gnomon_plugins.backends.vectors import Vectors


@gnomon.hookimpl
def register_backends() -> Iterable[type]:
    """The shipped backends."""
    return [
        Http,
        Local,
        LiteLLM,
        Planted,
        Replay,
        Scripted,
        Sentence,
        Vectors,
    ]
