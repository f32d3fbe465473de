"""Columns become a frame of pandas or polars.

One invariant: the type of a column of the store does not depend on its rows. Whole numbers are ``Int64`` (a
missing one is NA or null), other numbers float64 (NaN; null in polars), texts ``category`` where few texts
stand in many rows and else text. What was spread has the type of its values: texts, numbers, true and
false, lists; a column that mixes them is of objects in pandas and of texts in polars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gnomon.errors import UsageError, did_you_mean
from gnomon.store.tidy import Column
from gnomon.store.values import to_json

LIBRARIES = ("pandas", "polars")


def library(name: str) -> str:
    """The library that frames are asked of, checked before anything is read.

    Raises:
        UsageError: There is no such library, or it is not installed.
    """
    from importlib.util import find_spec

    if name not in LIBRARIES:
        raise UsageError(
            f"frames are made by pandas or polars; frame got {name!r}{did_you_mean(name, LIBRARIES)}"
        )
    if find_spec(name) is None:
        raise UsageError(
            f"frame={name!r} needs the package {name}, which is not installed; install it with: "
            f"pip install {'pandas' if name == 'pandas' else chr(39) + 'gnomon[polars]' + chr(39)}"
        )
    return name


def kind(values: Iterable[Any]) -> str:
    """What values are, None apart: text, boolean, integer, real, list, bytes, any, or empty."""
    found = set(map(type, values)) - {type(None)}
    names = {
        str: "text",
        bool: "boolean",
        int: "integer",
        float: "real",
        bytes: "bytes",
        list: "list",
    }
    if not found:
        return "empty"
    if found == {int, float}:
        return "real"
    return names.get(found.pop(), "any") if len(found) == 1 else "any"


def make(columns: Mapping[str, Column], library: str) -> Any:
    """The frame."""
    if library == "polars":
        import polars as pl

        return pl.DataFrame([_polars(name, column) for name, column in columns.items()])
    import pandas as pd

    return pd.DataFrame(
        {name: _pandas(column) for name, column in columns.items()},
        columns=list(columns),
        copy=False,
    )


def _kind(column: Column) -> str:
    if column.type != "any":
        return column.type
    found = kind(column.values)
    whole = [value for value in column.values if isinstance(value, int)]
    if found == "integer" and any(not -(2**63) <= value < 2**63 for value in whole):
        return "any"
    if found == "real" and any(abs(value) >= 2**1023 for value in whole):
        return "any"
    return found


def _spelt(column: Column) -> list[Any]:
    """The value of each row."""
    if column.codes is None:
        return list(column.values)
    values = [*column.values, None]
    return [values[code] for code in column.codes.tolist()]


def _pandas(column: Column) -> Any:
    import numpy as np
    import pandas as pd

    found = _kind(column)
    if found == "text" and column.codes is not None:
        return pd.Categorical.from_codes(column.codes, categories=list(column.values))
    if found == "integer" and isinstance(column.values, np.ma.MaskedArray):
        held = column.values
        return pd.arrays.IntegerArray(held.data, np.ma.getmaskarray(held))
    if found == "real" and isinstance(column.values, np.ndarray):
        return column.values
    values = _spelt(column)
    if found == "integer":
        return pd.array(values, dtype="Int64")
    if found == "real":
        return np.array(values, dtype=np.float64)
    if found == "boolean":
        return pd.array(values, dtype="boolean")
    if found == "text":
        text = "str" if int(pd.__version__.split(".")[0]) >= 3 else object
        return pd.Series(values, dtype=text)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return pd.Series(made, dtype=object)


def _polars(name: str, column: Column) -> Any:
    import numpy as np
    import polars as pl

    found = _kind(column)
    if found == "text" and column.codes is not None:
        texts = pl.Series(name, [*column.values, None], dtype=pl.String)
        return texts.gather(np.where(column.codes < 0, len(column.values), column.codes))
    if found == "real" and isinstance(column.values, np.ndarray):
        return pl.Series(name, column.values).fill_nan(None)
    if found == "integer" and isinstance(column.values, np.ma.MaskedArray):
        numbers = pl.Series(name, column.values.data, dtype=pl.Int64)
        missing = np.ma.getmaskarray(column.values)
        return numbers.set(pl.Series(missing), None) if missing.any() else numbers
    values = _spelt(column)
    types = {
        "integer": pl.Int64,
        "real": pl.Float64,
        "boolean": pl.Boolean,
        "text": pl.String,
        "bytes": pl.Binary,
        "empty": pl.String,
    }
    if found in types:
        return pl.Series(name, values, dtype=types[found])
    if found == "list" and kind(part for value in values if value for part in value) == "text":
        return pl.Series(name, values, dtype=pl.List(pl.String))
    spelt = [
        value if value is None or isinstance(value, str) else to_json(value) for value in values
    ]
    return pl.Series(name, spelt, dtype=pl.String)
