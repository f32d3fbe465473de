"""Variance components of items under conditions, by the method of moments.

The model of one score is ``y = condition (fixed) + item + item × condition + repeat``, the last three random
and independent. Each sum of squares is set equal to its expectation, in the order condition, item, item ×
condition, repeat (Henderson 1953, method III), which for balanced designs is the analysis of variance and
unbiased. A component below 0 counts as 0 in the shares.

One invariant: nothing here depends on the order of the rows, and the work is done on cells (item ×
condition), never on a matrix with a column for every item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

import gnomon

if TYPE_CHECKING:
    import numpy as np

_RANK = 1e-9
DRAWS = 4000


@attrs.frozen
class Shares:
    """Shares of variance and the components they are shares of.

    Attributes:
        components: Source → variance, 0 where the estimate was negative.
        shares: Source → share in [0, 1]; they sum to 1.
        low, high: Source → interval of the share.
        balanced: Whether every item was seen equally often under every condition.
    """

    components: Mapping[str, float]
    shares: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    balanced: bool


@attrs.frozen
class _Term:
    """A fixed source: its sum of squares and what noise puts into it.

    ``squares`` = rows × its variance + df × repeat + ``by_cell`` × (item × condition) + ``by_item`` × item.
    """

    squares: float
    df: int
    by_cell: float
    by_item: float


def basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the same space."""
    import numpy as np

    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    kept: np.ndarray = u[:, s > _RANK * max(1.0, s.max(initial=0.0))]
    return kept


@attrs.frozen(kw_only=True, eq=False)
class _Cells:
    """Rows gathered by item and condition: one entry a cell, weighted by the root of its rows."""

    rows: int
    root: np.ndarray
    weighted: np.ndarray
    item: np.ndarray
    items: int
    condition: np.ndarray
    conditions: int
    within: float

    def squares(self, span: np.ndarray) -> float:
        """Squared length of the scores' projection."""
        return float(((span.T @ self.weighted) ** 2).sum())

    def by_cell(self, span: np.ndarray) -> float:
        """Trace of the projection with the cells' own effects."""
        return float((self.root**2 * (span**2).sum(axis=1)).sum())

    def by_item(self, span: np.ndarray) -> float:
        """Trace of the projection with the items' effects."""
        import numpy as np

        sums = np.zeros((self.items, span.shape[1]))
        np.add.at(sums, self.item, self.root[:, None] * span)
        return float((sums**2).sum())

    def term(self, span: np.ndarray, less: np.ndarray) -> _Term:
        """What one space has beyond another that lies in it."""
        return _Term(
            squares=self.squares(span) - self.squares(less),
            df=span.shape[1] - less.shape[1],
            by_cell=self.by_cell(span) - self.by_cell(less),
            by_item=self.by_item(span) - self.by_item(less),
        )


def _gather(y: np.ndarray, item: np.ndarray, condition: np.ndarray) -> tuple[_Cells, np.ndarray]:
    import numpy as np

    items, conditions = int(item.max()) + 1, int(condition.max()) + 1
    _, first, cell = np.unique(
        item * conditions + condition, return_index=True, return_inverse=True
    )
    count = np.bincount(cell)
    means = np.bincount(cell, weights=y) / count
    root = np.sqrt(count)
    made = _Cells(
        rows=len(y),
        root=root,
        weighted=root * means,
        item=item[first],
        items=items,
        condition=condition[first],
        conditions=conditions,
        within=float(((y - means[cell]) ** 2).sum()),
    )
    return made, first


def shares_of(
    y: np.ndarray,
    item: np.ndarray,
    condition: np.ndarray,
    factors: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    level: float,
    names: tuple[str, str, str, str],
) -> Shares:
    """Shares of the variance of a score.

    Args:
        y: Scores of shape (rows,).
        item: Item numbers from 0, each of which occurs.
        condition: Numbers of the combinations of all factors, likewise.
        factors: Factor → its effect-coded columns, of shape (rows, levels − 1).
        rng: For the intervals.
        level: Confidence level.
        names: What interactions of factors, items, items × conditions and repeats are called.

    Raises:
        StatisticError: There are too few rows to tell items from noise.
    """
    import numpy as np

    cells, first = _gather(y - y.mean(), item, condition)
    interaction, of_item, of_cell, of_repeat = names
    weight = cells.root[:, None]
    mean = cells.root[:, None] / np.sqrt(cells.rows)
    at_cells = {name: weight * columns[first] for name, columns in factors.items()}
    mains = basis(np.hstack([mean, *at_cells.values()]))
    terms: dict[str, _Term] = {}
    for name in at_cells:
        others = [columns for other, columns in at_cells.items() if other != name]
        terms[name] = cells.term(mains, basis(np.hstack([mean, *others])))
    fixed, additive_rank, between, left = _fits(cells, mains)
    if fixed.shape[1] > mains.shape[1] and len(at_cells) > 1:
        terms[interaction] = cells.term(fixed, mains)
    df_cell = len(cells.root) - additive_rank
    df_repeat = cells.rows - len(cells.root)
    df_item = additive_rank - fixed.shape[1]
    if df_item < 1 or df_cell + df_repeat < 1:
        raise gnomon.StatisticError(
            f"{cells.rows} rows of {cells.items} items under {cells.conditions} conditions leave "
            "nothing to tell items from noise; more repeats or more items are needed"
        )
    counts = np.bincount(cells.item, weights=cells.root**2)
    of_items = float((cells.root**4 / counts[cells.item]).sum())
    # Coefficients of the expected sums of squares.
    cell_in_cell = cells.rows - of_items - cells.by_cell(between)
    cell_in_item = of_items + cells.by_cell(between) - cells.by_cell(fixed)
    item_in_item = cells.rows - cells.by_item(fixed)
    cell_squares = max(left, 0.0)
    item_squares = float((cells.weighted**2).sum()) - left - cells.squares(fixed)

    def solve(repeat: np.ndarray, cell: np.ndarray, thing: np.ndarray) -> tuple[np.ndarray, ...]:
        # Mean squares in, components out; what cannot be told apart is one component.
        if not df_repeat:
            repeat = cell
        v_cell = (
            df_cell * (cell - repeat) / cell_in_cell
            if df_cell and df_repeat
            else np.zeros_like(repeat)
        )
        v_item = (df_item * (thing - repeat) - cell_in_item * v_cell) / item_in_item
        return repeat, v_cell, v_item

    def mean_square(squares: float, df: int) -> np.ndarray:
        return np.array([squares / df if df else 0.0])

    draw = rng.chisquare
    estimates = solve(
        mean_square(cells.within, df_repeat),
        mean_square(cell_squares, df_cell),
        mean_square(max(item_squares, 0.0), df_item),
    )
    drawn = solve(
        cells.within / draw(max(df_repeat, 1), DRAWS),
        cell_squares / draw(max(df_cell, 1), DRAWS),
        max(item_squares, 0.0) / draw(df_item, DRAWS),
    )
    out = _of_factors(terms, estimates, drawn, cells.rows, rng)
    out[of_item] = estimates[2], drawn[2]
    if df_cell and df_repeat:
        out[of_cell] = estimates[1], drawn[1]
    out[of_repeat if df_repeat else f"{of_cell} and {of_repeat}"] = estimates[0], drawn[0]
    return _shares(
        out,
        level,
        balanced=len(set(cells.root.tolist())) == 1
        and len(cells.root) == cells.items * cells.conditions,
    )


def _of_factors(
    terms: Mapping[str, _Term],
    estimates: tuple[np.ndarray, ...],
    drawn: tuple[np.ndarray, ...],
    rows: int,
    rng: np.random.Generator,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Variance of each fixed source, estimate and draws: its squares less what noise puts into them."""
    import numpy as np

    out: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, term in terms.items():
        if term.df < 1:
            continue
        # Noise so far below the squares that their ratio would leave the floats is none.
        smallest = max(float(np.finfo(float).tiny), 1e-250 * term.squares)
        noise, noises = (
            np.maximum(
                v[0] + term.by_cell / term.df * v[1] + term.by_item / term.df * v[2], smallest
            )
            for v in (estimates, drawn)
        )
        size = np.array([(term.squares - term.df * float(noise[0])) / rows])
        surprise = _noncentrality(max(term.squares, 0.0) / noises, term.df, rng)
        out[name] = size, surprise * noises / rows
    return out


def _fits(cells: _Cells, mains: np.ndarray) -> tuple[np.ndarray, int, np.ndarray, float]:
    """The fixed space, the rank with items, what it adds to items, and the squares left beyond both.

    All combinations of the factors when the rows can carry them beside the items, else main effects.
    """
    import numpy as np

    whole = np.zeros((len(cells.root), cells.conditions))
    whole[np.arange(len(cells.root)), cells.condition] = cells.root
    for fixed in (basis(whole), mains):
        sums = np.zeros((cells.items, fixed.shape[1]))
        np.add.at(sums, cells.item, cells.root[:, None] * fixed)
        counts = np.bincount(cells.item, weights=cells.root**2)
        inside = fixed - cells.root[:, None] * (sums / counts[:, None])[cells.item]
        between = basis(inside)
        if cells.rows - cells.items - between.shape[1] > 0:
            break
    totals = np.bincount(cells.item, weights=cells.root * cells.weighted)
    left = float((cells.weighted**2).sum() - (totals**2 / counts).sum()) - cells.squares(between)
    return fixed, cells.items + between.shape[1], between, left


def _noncentrality(x: np.ndarray, df: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the noncentrality that ``x`` speaks for: where its noncentral χ² has a uniform probability."""
    import numpy as np
    from scipy import special

    chance = rng.uniform(size=len(x))
    out = np.zeros(len(x))
    half = (df - 1) / 2
    large = x > 300 + 10 * df
    # The root of a noncentral chi-squared is nearly normal with variance 1 when it is large.
    shifted = np.sqrt(np.maximum(x - half, 0)) - special.ndtri(chance)
    out[large] = np.maximum(shifted[large] ** 2 * np.sign(shifted[large]) - half, 0)
    small = ~large & (special.chdtr(df, x) > chance)
    out[small] = special.chndtrinc(x[small], df, chance[small])
    return out


def _shares(
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]], level: float, *, balanced: bool
) -> Shares:
    import numpy as np

    names: Sequence[str] = list(parts)
    values = np.array([max(float(parts[name][0][0]), 0.0) for name in names])
    drawn = np.maximum(np.vstack([parts[name][1] for name in names]), 0.0)
    drawn = drawn / drawn.sum(axis=0)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    share = values / values.sum()
    return Shares(
        components=dict(zip(names, values.tolist(), strict=True)),
        shares=dict(zip(names, share.tolist(), strict=True)),
        low=dict(zip(names, np.minimum(low, share).tolist(), strict=True)),
        high=dict(zip(names, np.maximum(high, share).tolist(), strict=True)),
        balanced=balanced,
    )
