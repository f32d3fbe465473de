"""First-party statistics; one idea a file.

One invariant: a statistic returns finite numbers or refuses with a sentence; it never returns NaN. Refusals come
from the call itself: what is returned is complete, never a generator that may still fail.
"""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.statistics.as_scored import AsScored
from gnomon_plugins.statistics.t_tests import TOneSample, TPaired, TWelch


@gnomon.hookimpl
def register_statistics() -> Iterable[type]:
    """Tests, estimates, effect sizes and reliability coefficients."""
    return [
        AsScored,
        TOneSample,
        TPaired,
        TWelch,
    ]
