"""For those who write plugins and measures: the tests that every one of them has to pass, and what else saves work.

A test of one's own is three lines::

    import gnomon.testing
    from my_scorer import MyScorer

    def test_it_keeps_the_contract():
        gnomon.testing.assert_conforms(MyScorer)

``assert_measure`` does the same for a spec. The checks are values with a name each (``checks_of``,
``measure_checks``), so that a test runner can show them one by one; ``pytest --gnomon FILE`` does.

One invariant: a check returns what is wrong as sentences, one for each thing, and never stops at the first.
"""

from __future__ import annotations

from gnomon.testing.calibration import coverage, rejection_rate
from gnomon.testing.conformance import Check, assert_conforms, checks_of
from gnomon.testing.corpus import REPLIES, TEXTS, hostile
from gnomon.testing.measures import assert_measure, measure_checks
from gnomon.testing.values import around, record, table, trial

__all__ = [
    "REPLIES",
    "TEXTS",
    "Check",
    "around",
    "assert_conforms",
    "assert_measure",
    "checks_of",
    "coverage",
    "hostile",
    "measure_checks",
    "record",
    "rejection_rate",
    "table",
    "trial",
]
