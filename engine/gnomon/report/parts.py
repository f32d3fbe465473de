"""What a report is made of, before anyone decides how it looks.

One invariant: a figure carries the very SQL its rows came from, so that a reader can ask it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen
class Answer:
    """Rows that the database gave for a query.

    Attributes:
        sql: The query, complete: it has no parameters.
        rows: Its rows by column.
    """

    sql: str
    rows: Sequence[Mapping[str, Any]]


@attrs.frozen(kw_only=True)
class Table:
    """A table of texts.

    Attributes:
        headings: One for each column.
        rows: Cells, as many as headings.
        words: How many columns at the left hold words and not numbers.
        notes: Sentences below the table.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    notes: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class Figure:
    """A chart, the same numbers as a table, and where they come from.

    Attributes:
        name: Names its file and its place in the page; letters, digits and hyphens.
        title: A heading.
        caption: How to read it, and what it leaves out.
        alt: What it shows, for those who cannot see it.
        chart: A Vega-Lite specification with the colours of ``gnomon.report.palette``; None where a
            chart would show nothing.
        table: The numbers.
        sql: The query that gave them.
        rows: How many rows the query gave.
        command: Where the numbers are computed and not only asked for: the command that gives them; the
            query is then that of the scores they are computed from.
    """

    name: str
    title: str
    caption: str
    alt: str
    chart: Mapping[str, Any] | None
    table: Table
    sql: str
    rows: int
    command: str | None = None


@attrs.frozen(kw_only=True)
class Finding:
    """One number of the summary.

    Attributes:
        who: The model.
        what: What the number is.
        value: The number.
        interval: Its interval; empty when there is none.
        level: The level of the interval.
        rest: n and what is missing.
        label: ``confirmatory`` or ``exploratory`` for a run held against a lock, else empty.
    """

    who: str
    what: str
    value: str
    interval: str
    level: str
    rest: str
    label: str = ""


@attrs.frozen(kw_only=True)
class Example:
    """A reply that gave no number, with what was asked.

    Attributes:
        heading: The status and how often it was met.
        where: Model, item and trial.
        reason: Why, in the words of the provider or the scorer; empty when nobody said.
        prompt: What was asked; None where an imported reply came without.
        reply: What was answered.
        cut: A sentence when the texts are longer than what is shown, else empty.
    """

    heading: str
    where: str
    reason: str
    prompt: str | None
    reply: str
    cut: str = ""


@attrs.frozen(kw_only=True)
class Message:
    """A line of a conversation: who spoke, and what."""

    speaker: str
    text: str


@attrs.frozen(kw_only=True)
class Conversation:
    """One trial as it was sent and answered.

    Attributes:
        heading: The levels it was administered under.
        messages: In order, replies included.
    """

    heading: str
    messages: Sequence[Message]


@attrs.frozen(kw_only=True)
class RunCard:
    """How a run was made.

    Attributes:
        run: Its number.
        label: The model as the charts call it.
        facts: Name and value of everything worth knowing, in order.
        notices: Sentences about what is unusual, such as a run that has not ended.
        conversations: Examples of what was sent.
    """

    run: int
    label: str
    facts: Sequence[tuple[str, str]]
    notices: Sequence[str]
    conversations: Sequence[Conversation]


@attrs.frozen(kw_only=True)
class Chapter:
    """A heading with figures and tables under it.

    Attributes:
        name: Its place in the page.
        title: The heading.
        text: Sentences before the first figure.
        before: Titled tables that come before the figures.
        figures: The figures.
        tables: Titled tables that come after them.
        examples: Replies that gave no number.
    """

    name: str
    title: str
    text: Sequence[str] = ()
    before: Sequence[tuple[str, Table]] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[tuple[str, Table]] = ()
    examples: Sequence[Example] = ()


@attrs.frozen(kw_only=True)
class MeasurePart:
    """All that is said of one version of a measure.

    Attributes:
        name: Its place in the page.
        measure: The measure's name.
        version: Its version.
        title: Its title.
        about: What its spec says of it; empty when nothing.
        cites: Papers.
        findings: The summary's numbers.
        tests: How many corrected tests found something; None without corrected tests.
        notices: What a reader must know before believing a number.
        chapters: In order.
        cards: One for each run.
        spec: The spec's text of the newest run.
    """

    name: str
    measure: str
    version: int
    title: str
    about: str
    cites: Sequence[str]
    findings: Sequence[Finding]
    tests: Table | None
    notices: Sequence[str]
    chapters: Sequence[Chapter]
    cards: Sequence[RunCard]
    spec: str


@attrs.frozen(kw_only=True)
class Report:
    """A whole report.

    Attributes:
        title: One line.
        database: The file's name.
        made: When, UTC.
        version: The gnomon that made it.
        measures: One part for each version of a measure.
        notices: Sentences about the whole.
    """

    title: str
    database: str
    made: str
    version: str
    measures: Sequence[MeasurePart]
    notices: Sequence[str]

    def figures(self) -> list[Figure]:
        """Every figure, in order."""
        return [
            figure
            for part in self.measures
            for chapter in part.chapters
            for figure in chapter.figures
        ]
