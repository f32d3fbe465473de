"""``gnomon merge``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnomon.cli import terminal
from gnomon.cli.common import json_option, print_json
from gnomon.errors import counted

if TYPE_CHECKING:
    from gnomon.store.merging import Merged

_WORDS = {
    "new": "came",
    "further": "had come further and took the place of what was there",
    "kept": "was there already",
}
_SHOWN = 20


@click.command("merge")
@click.argument(
    "sources",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="SOURCE.db...",
)
@click.option(
    "--into",
    "-o",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The database to merge into; made when absent.",
)
@json_option
def command(sources: tuple[Path, ...], target: Path, as_json: bool) -> None:
    """Merge results databases into one, such as the shards of a campaign.

    Texts, items and replies of equal content become one; runs are known by their uid, so that merging again
    changes nothing. Of one run in two states the one with more finished trials is kept whole, and the
    replies of both. The sources are not changed.

    \b
    gnomon merge shard-1.db shard-2.db --into all.db
    """
    from gnomon.store.merging import merge

    report = []
    for merged in merge(target, sources):
        report.append(_plain(merged))
        if not as_json:
            for line in _lines(merged):
                terminal.tell(line)
    if as_json:
        print_json(report)


def _plain(merged: Merged) -> dict[str, Any]:
    import attrs

    return {**attrs.asdict(merged), "path": str(merged.path)}


def _lines(merged: Merged) -> list[str]:
    states: Counter[str] = Counter(run.state for run in merged.runs)
    counts = ", ".join(f"{states[state]} {_WORDS[state]}" for state in _WORDS if states[state])
    count = len(merged.runs)
    lines = [
        f"{merged.path}: {counted(count, 'run')}{': ' if counts else ''}{counts}; "
        f"{merged.replies} replies and {merged.texts} texts were not there before"
    ]
    for run in merged.runs[:_SHOWN]:
        lines.append(
            f"  run {run.source} is run {run.run}, {counted(run.trials, 'finished trial')}: "
            f"{_WORDS[run.state]}"
        )
    if count > _SHOWN:
        lines.append(f"  … and {count - _SHOWN} more; --json lists all")
    return lines
