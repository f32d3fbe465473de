"""Rows as Parquet, written and read in row groups.

One invariant: a row group is bounded in rows and in bytes of text, so memory does not grow with the file.
A column of any type is written as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from gnomon.errors import StoreError, UsageError
from gnomon.store.tidy import Column
from gnomon.store.values import from_json, to_json

ROWS = 1 << 16
BYTES = 1 << 26
_STEP = 1 << 11
"""Rows that are turned into Python's values at once."""


def library() -> Any:
    """The package pyarrow.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "Parquet needs the package pyarrow, which is not installed; install it with: "
            "pip install 'gnomon[parquet]'"
        ) from None
    return pyarrow


def _schema(arrow: Any, columns: Mapping[str, str]) -> Any:
    types = {
        "INTEGER": arrow.int64(),
        "REAL": arrow.float64(),
        "TEXT": arrow.string(),
        "ANY": arrow.string(),
        "BLOB": arrow.binary(),
    }
    return arrow.schema([(name, types[type_]) for name, type_ in columns.items()])


def write_parquet(
    out: IO[bytes], columns: Mapping[str, str], batches: Iterable[Sequence[Sequence[Any]]]
) -> int:
    """Write rows; returns how many there were."""
    arrow = library()
    schema = _schema(arrow, columns)
    return _write(arrow, out, schema, _arrays(arrow, schema, columns, batches))


def write_parts(
    out: IO[bytes], columns: Mapping[str, str], parts: Iterable[Mapping[str, Column]]
) -> int:
    """Write parts that are columns already; returns how many rows there were."""
    arrow = library()
    schema = _schema(arrow, columns)
    batches = (
        arrow.record_batch(
            [_array(arrow, part[field.name], field.type) for field in schema], schema=schema
        )
        for part in parts
    )
    return _write(arrow, out, schema, batches)


def _array(arrow: Any, column: Column, type_: Any) -> Any:
    import numpy as np

    if column.codes is not None:
        codes = arrow.array(column.codes, mask=column.codes < 0)
        texts = arrow.array(list(column.values), type=type_)
        return arrow.DictionaryArray.from_arrays(codes, texts).cast(type_)
    if isinstance(column.values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(column.values)
        return arrow.array(column.values.data, type=type_, mask=mask)
    return arrow.array(column.values, type=type_, from_pandas=True)


def _write(arrow: Any, out: IO[bytes], schema: Any, batches: Iterable[Any]) -> int:
    count = 0
    with arrow.parquet.ParquetWriter(
        out, schema, compression="zstd", compression_level=1
    ) as writer:
        for group in _groups(batches):
            table = arrow.Table.from_batches(group, schema=schema)
            writer.write_table(table, row_group_size=table.num_rows)
            count += table.num_rows
    return count


def _arrays(
    arrow: Any,
    schema: Any,
    columns: Mapping[str, str],
    batches: Iterable[Sequence[Sequence[Any]]],
) -> Iterator[Any]:
    for rows in batches:
        held = [
            arrow.array(map(_json, values) if type_ == "ANY" else values, type=field.type)
            for values, type_, field in zip(
                zip(*rows, strict=True), columns.values(), schema, strict=True
            )
        ]
        yield arrow.record_batch(held, schema=schema)


def _json(value: Any) -> str | None:
    return None if value is None else to_json(value)


def _groups(batches: Iterable[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    rows = size = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= ROWS or size >= BYTES:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def read_parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    """The rows of a file that ``write_parquet`` made.

    Raises:
        StoreError: It is not such a file.
    """
    arrow = library()
    any_ = [place for place, type_ in enumerate(columns.values()) if type_ == "ANY"]
    try:
        with arrow.parquet.ParquetFile(path) as file:
            if not file.schema_arrow.equals(_schema(arrow, columns)):
                raise StoreError(f"{path} does not have the columns that its manifest says")
            for batch in file.iter_batches(batch_size=_STEP):
                held = [column.to_pylist() for column in batch.columns]
                for place in any_:
                    held[place] = [
                        None if value is None else from_json(value) for value in held[place]
                    ]
                yield from zip(*held, strict=True)
    except (arrow.ArrowException, ValueError, RecursionError, OSError) as error:
        raise StoreError(f"{path} cannot be read as Parquet: {error}") from None
