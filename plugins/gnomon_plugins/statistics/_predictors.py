"""What a regression is fitted to: an outcome, and predictors and factors as columns of a design.

One invariant: only rows in which everything is present are in it, and no column is determined by the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

import gnomon
from gnomon_plugins.statistics import _common as common
from gnomon_plugins.statistics import _design as design

if TYPE_CHECKING:
    import numpy as np


@attrs.frozen(kw_only=True, eq=False)
class Data:
    """What a regression is fitted to.

    Attributes:
        table: The rows in which everything is present.
        y: The outcome, shape (rows,).
        x: The design matrix, shape (rows, coefficients).
        names: The coefficients' names.
    """

    table: gnomon.Table
    y: np.ndarray
    x: np.ndarray
    names: list[str]


def gather(
    table: gnomon.Table,
    factors: tuple[str, ...],
    references: Mapping[str, str],
    *,
    standardize: bool,
    what: str,
) -> Data:
    """Outcome ``of[0]``, predictors ``of[1:]`` and factors, complete rows only.

    Raises:
        StatisticError: There are fewer rows than coefficients need, or the predictors depend on
            each other.
    """
    kept = common.present(table, table.of, need=3, what=what)
    common.varied(kept.values, repr(table.of[0]), what=what)
    predictors = {name: kept.score(name) for name in table.of[1:]}
    if standardize:
        predictors = {
            name: (values - values.mean()) / common.varied(values, repr(name), what=what)
            for name, values in predictors.items()
        }
    x, names = design.matrix(kept, predictors, factors, references, what=what)
    if len(kept) <= x.shape[1]:
        raise gnomon.StatisticError(
            f"{what} with {common.plural(x.shape[1], 'coefficient')} needs more than {x.shape[1]} "
            f"rows, and there are {len(kept)}"
        )
    return Data(table=kept, y=kept.values, x=x, names=names)


def unit_lengths(x: np.ndarray) -> np.ndarray:
    """The lengths of a design's columns. Over them a predictor of 1e-20 beside an intercept of 1 still counts."""
    import numpy as np

    lengths: np.ndarray = np.sqrt((x**2).sum(axis=0))
    return lengths


def covariance_options(units: common.Units, robust: str) -> dict[str, Any]:
    """Statsmodels' options for the covariance."""
    if units.codes is None:
        return {} if robust == "none" else {"cov_type": robust}
    return {"cov_type": "cluster", "cov_kwds": {"groups": units.codes}}


def check_reference(factors: tuple[str, ...], reference: Mapping[str, str]) -> None:
    """Refuse a reference level for what is no factor."""
    for name in reference:
        if name not in factors:
            raise ValueError(f"reference names {name!r}, which is not in with_factors")
