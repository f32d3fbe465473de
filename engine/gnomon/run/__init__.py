"""Running a measure: from a request to stored replies, scores and estimates.

    request ─▶ bindings (role → backend) ─▶ plan (stream of trials)
                                              │
                     caller (cache, retry, store) ◀── driver (procedures, scorers)
                                              │
                                        scores, estimates

One invariant: a reply is in the store before anything is concluded from it, and nothing that can be
derived again from the store decides what is left to do.
"""

from __future__ import annotations

from gnomon.run.bindings import Binding, bind, check_needs, choose_format
from gnomon.run.loop import run
from gnomon.run.progress import Observer, Tally
from gnomon.run.request import RunRequest
from gnomon.run.session import Outcome

__all__ = [
    "Binding",
    "Observer",
    "Outcome",
    "RunRequest",
    "Tally",
    "bind",
    "check_needs",
    "choose_format",
    "run",
]
