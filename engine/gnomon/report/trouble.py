"""Replies that gave no number: how many, why, and what they looked like.

One invariant: an example is the text as it was stored. It is cut where it is long and says so; it is never
interpreted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnomon.report.asking import among, ask
from gnomon.report.parts import Answer, Chapter, Example, Figure, Table
from gnomon.report.scores import outcome
from gnomon.report.wording import called, clean, excerpt, plural, short, whole
from gnomon.store import Store

EXAMPLES = 12
LONGEST = 2_000
"""Characters of a reply that are shown."""


def chapter(
    store: Store, counts: Answer, labels: Mapping[int, str], names: Sequence[str], prefix: str
) -> Chapter:
    """What is missing, with the commonest replies behind it."""
    figures: list[Figure] = [outcome(counts, labels, names, prefix)]
    calls = ask(
        store,
        "SELECT run, role, status, reason, count(*) AS attempts, count(DISTINCT trial) AS trials\n"
        f"FROM failures\nWHERE {among('run', list(labels))} AND what = 'reply'\n"
        "GROUP BY run, role, status, reason\nORDER BY attempts DESC\nLIMIT 20",
    )
    tables = []
    if calls.rows:
        tables.append(
            (
                "Calls without an answer",
                Table(
                    headings=("model", "role", "status", "reason", "attempts", "trials"),
                    words=4,
                    rows=[
                        (
                            called(labels[row["run"]], 60),
                            short(row["role"] or ""),
                            short(row["status"]),
                            short(row["reason"] or "not said", 120),
                            whole(row["attempts"]),
                            whole(row["trials"]),
                        )
                        for row in calls.rows
                    ],
                    notes=(
                        "Each attempt is counted; one that was tried again may have been answered.",
                    ),
                ),
            )
        )
    examples = _examples(store, labels)
    text = (
        "The commonest replies that gave no number, each as it was stored."
        if examples
        else "Every reply could be read."
    )
    return Chapter(
        name=f"{prefix}-missing",
        title="Refusals, unreadable replies and failures",
        text=(text,),
        figures=figures,
        tables=tables,
        examples=examples,
    )


def _examples(store: Store, labels: Mapping[int, str]) -> list[Example]:
    # The newest scores decide what is unread; a trial that lacks several scores is shown once.
    found = ask(
        store,
        "SELECT status, reply, count(DISTINCT trial) AS trials, min(trial) AS trial, run,\n"
        "  item, reason, prompt\n"
        f"FROM failures\nWHERE {among('run', list(labels))} AND what = 'score' AND trial IS NOT NULL\n"
        "GROUP BY status, reply\nORDER BY trials DESC, trial\n"
        f"LIMIT {EXAMPLES}",
    )
    out = []
    for row in found.rows:
        reply, cut_reply = excerpt(row["reply"] or "", LONGEST)
        prompt, cut_prompt = excerpt(row["prompt"] or "", LONGEST)
        cuts = [
            f"{what}: {cut}" for what, cut in (("reply", cut_reply), ("prompt", cut_prompt)) if cut
        ]
        out.append(
            Example(
                heading=f"{short(row['status'])}, {plural(row['trials'], 'trial')}",
                where=f"{short(labels[row['run']], 60)}, item {short(row['item'])}, trial {row['trial']}",
                reason=short(clean(row["reason"] or ""), 300),
                prompt=None if row["prompt"] is None else prompt,
                reply=reply,
                cut="; ".join(cuts),
            )
        )
    return out
