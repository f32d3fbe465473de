"""Results as data frames, for notebooks and programs: ``db = gnomon.open("results.db")``.

One invariant: a frame has the columns of the view it is named after, documented in the store's dictionary,
and the columns that hold JSON are spread. ``selecting`` finds the runs that are asked for, the store reads
columns, ``spreading`` spreads them and ``making`` makes a frame of pandas or polars.
"""

from gnomon.frames.database import Database, open  # noqa: A004 -- used as gnomon.open

__all__ = ["Database", "open"]
