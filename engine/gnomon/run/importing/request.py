"""What the user asked to import, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from gnomon.run.importing.placing import Mapped
from gnomon.spec import Spec


@attrs.frozen(kw_only=True)
class ImportRequest:
    """Which tables are imported as which measure.

    Attributes:
        spec: The loaded measure.
        tables: The files, read as one table; ``.csv``, ``.tsv`` or ``.jsonl``.
        mapped: Which column is what.
        where: Column → the cells of the rows to keep.
        scores: Score name → column with a number that was published for each row.
        model: Who answered; the name of the first file unless given.
        source: Where the replies are published.
        licence: The licence they are under.
        encoding: Of the files.
        skip_unknown: Leave out rows that are for no trial of the measure, instead of refusing.
        roles: Role → model string, for scorers that ask a judge.
        files: Name in the spec → the user's own file.
        command: The command line, for provenance.
    """

    spec: Spec
    tables: tuple[Path, ...]
    mapped: Mapped
    where: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    scores: Mapping[str, str] = attrs.field(factory=dict)
    model: str | None = None
    source: str | None = None
    licence: str | None = None
    encoding: str = "utf-8"
    skip_unknown: bool = False
    roles: Mapping[str, str] = attrs.field(factory=dict)
    files: Mapping[str, Path] = attrs.field(factory=dict)
    command: tuple[str, ...] = ()

    @property
    def model_name(self) -> str:
        """Who answered, as it is stored."""
        return self.model or self.tables[0].name
