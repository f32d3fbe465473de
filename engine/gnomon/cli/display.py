"""What a run shows while it goes on: a live line on a terminal, one plain line per ten seconds elsewhere."""

from __future__ import annotations

import sys
import threading
from typing import Any

from gnomon.cli import terminal
from gnomon.run.progress import Observer, Silent, Tally

PLAIN_EVERY = 10.0
LIVE_EVERY = 0.25


def observer(*, quiet: bool) -> Observer:
    """The observer for this terminal."""
    if quiet:
        return Silent()
    return Live() if sys.stderr.isatty() else Plain()


def line(tally: Tally) -> str:
    """Counts, rate, tokens, cost, time left, and replies by status, as one line."""
    finished = tally.before + tally.done
    planned = "?" if tally.planned is None else str(tally.planned)
    parts = [f"{finished}/{planned} trials", f"{tally.rate:.1f}/s"]
    if tally.tokens_in or tally.tokens_out:
        parts.append(f"{tally.tokens_in + tally.tokens_out} tokens")
    if tally.replied:
        spent = tally.spent
        parts.append("cost unknown" if spent is None else f"{spent:.4f} $")
    if tally.cached:
        parts.append(f"{tally.cached} from the store")
    parts += [f"{count} {status}" for status, count in sorted(tally.statuses.items())]
    unread = sum(count for status, count in tally.scores.items() if status == "unparsed")
    if unread:
        parts.append(f"{unread} scores unparsed")
    if tally.waiting:
        parts.append(f"waited {tally.waiting:.0f} s")
    parts += tally.waits()
    left = tally.left
    if left is not None:
        parts.append(f"{_clock(left)} left")
    return " · ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Plain:
    """One line per ten seconds, for logs and pipes."""

    every = PLAIN_EVERY

    def __init__(self) -> None:
        self._tally: Tally | None = None
        self._fifth = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def say(self, sentence: str) -> None:
        """A sentence on standard error."""
        terminal.tell(sentence, err=True)

    def progress(self, here: int, in_all: int | None) -> None:
        """A line for each fifth of what is brought."""
        fifth = here * 5 // in_all if in_all else here // 50_000_000
        if fifth != self._fifth:
            self._fifth = fifth
            of = f" of {in_all / 1e6:.0f}" if in_all else ""
            terminal.tell(f"{here / 1e6:.0f}{of} MB", err=True)

    def begin(self, tally: Tally) -> None:
        """Start the clock."""
        self._tally = tally
        self._thread = threading.Thread(target=self._tick, name="gnomon-display", daemon=True)
        self._thread.start()

    def _tick(self) -> None:
        while not self._ended.wait(self.every):
            self.show()

    def show(self) -> None:
        """Print the line as it stands."""
        if self._tally is not None:
            terminal.tell(line(self._tally), err=True)

    def end(self) -> None:
        """Stop the clock."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=2)


class Live(Plain):
    """One line that is redrawn in place, with a bar."""

    every = LIVE_EVERY

    def __init__(self) -> None:
        super().__init__()
        self._progress: Any = None
        self._task: Any = None

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
        from rich.table import Column

        if self._progress is None:
            self._progress = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=24),
                # Over several lines where one is too short: why calls wait comes last, and matters.
                TextColumn("{task.fields[counts]}", markup=False, table_column=Column()),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._progress.add_task("", total=None, counts="")
            self._progress.start()

    def progress(self, here: int, in_all: int | None) -> None:
        """The bar, in bytes."""
        self._open()
        of = f" of {in_all / 1e6:.0f}" if in_all else ""
        counts = f"{here / 1e6:.0f}{of} MB"
        self._progress.update(self._task, total=in_all, completed=here, counts=counts)

    def begin(self, tally: Tally) -> None:
        """Show the bar."""
        self._open()
        super().begin(tally)

    def say(self, sentence: str) -> None:
        """A sentence above the bar."""
        if self._progress is None:
            terminal.tell(sentence, err=True)
        else:
            self._progress.console.print(terminal.visible(sentence), markup=False, highlight=False)

    def show(self) -> None:
        """Redraw."""
        if self._tally is None or self._progress is None:
            return
        self._progress.update(
            self._task,
            total=self._tally.planned,
            completed=self._tally.before + self._tally.done,
            counts=terminal.visible(line(self._tally)),
        )

    def end(self) -> None:
        """Take the bar away."""
        super().end()
        if self._progress is not None:
            self.show()
            self._progress.stop()
