"""``[stop]``: ending a run when the answer is known.

One invariant: only a statistic that says it is valid at any time (class attribute ``anytime``) decides, so
that looking after every few trials costs nothing of the error rate. Once a run was stopped by its rule it
stays stopped: trials that were in flight may change the interval, never the decision.
"""

from __future__ import annotations

import attrs

from gnomon.errors import StatisticError, StoreError
from gnomon.records import Estimate
from gnomon.run.analysis import table_of
from gnomon.seeds import Seed
from gnomon.spec import StopBlock
from gnomon.store import Store

STOPPED = "stopped by rule: "


def earlier(store: Store, run_id: int) -> str | None:
    """The reason with which an earlier invocation was stopped by the rule, None when none was."""
    return next((text for text in store.reasons(run_id) if text.startswith(STOPPED)), None)


def reached(block: StopBlock, store: Store, run_id: int, seed: Seed, done: int) -> str | None:
    """Why the run may stop now, or None.

    Args:
        block: The rule.
        store: The store; what was written is committed first.
        run_id: The run.
        seed: The run's seed.
        done: Trials finished so far.
    """
    keys = block.keys
    if done < keys.min:
        return None
    if keys.max is not None and done >= keys.max:
        return f"{STOPPED}the most trials of the rule, {keys.max}, were finished"
    store.flush()
    statistic = attrs.evolve(block.use.plugin, level=1 - keys.alpha)
    try:
        table = table_of(store, [run_id], (keys.of,))
        made = statistic.estimate(table, seed.child("stop", done).numpy())
    except (StatisticError, StoreError):
        # Too little to say anything yet is no reason to stop.
        return None
    estimate = made if isinstance(made, Estimate) else next(iter(made))
    if estimate.low is None or estimate.high is None:
        return None
    interval = f"{estimate.low:.4g} to {estimate.high:.4g} at level {1 - keys.alpha:g}"
    half = (estimate.high - estimate.low) / 2
    if keys.half_width is not None and half <= keys.half_width:
        return (
            f"{STOPPED}the interval of {keys.of}, {interval}, has a half-width of at most "
            f"{keys.half_width:g}"
        )
    if keys.decision is not None and not estimate.low <= keys.decision <= estimate.high:
        side = "above" if estimate.low > keys.decision else "below"
        return f"{STOPPED}the interval of {keys.of}, {interval}, lies {side} {keys.decision:g}"
    return None
