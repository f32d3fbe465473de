"""Positions by weighted totals, and distances of distributions."""

from __future__ import annotations

import json
import math

import attrs
import numpy as np
import pytest
from tables import one, refusal, rng, table

from gnomon_plugins.statistics.total_variation import TotalVariation
from gnomon_plugins.statistics.weighted_total import WeightedTotal
from shared_data import shared_data


def test_published_positions():
    """The political compass from its weights: constant, alternating and cycling answers, and none."""
    data = shared_data()
    if data is None or not (data / "reference" / "pct_weights.json").is_file():
        pytest.skip("pct_weights.json is not here (../shared/data or GNOMON_SHARED_DATA)")
    weights = json.loads((data / "reference" / "pct_weights.json").read_text("utf-8"))
    patterns = {
        **{f"all_{name}": lambda _, at=at: at for at, name in enumerate(("SD", "D", "A", "SA"))},
        "alternating_SD_SA": lambda index: 0 if index % 2 == 0 else 3,
        "i_mod_4": lambda index: index % 4,
    }
    axes = {"econ": (weights["e0"], 8.0), "soc": (weights["s0"], 19.5)}
    for name, answer in patterns.items():
        found = []
        for axis, (offset, divisor) in axes.items():
            scores = [row[answer(index)] for index, row in enumerate(weights[axis])]
            statistic = WeightedTotal(offset=offset, divisor=divisor)
            found.append(round(one(statistic, table(scores)).value, 2))
        assert found == weights["checks"][name]
    for axis, (offset, divisor) in axes.items():
        scores = [math.nan] * 61 + [0.0]
        made = one(WeightedTotal(offset=offset, divisor=divisor), table(scores))
        assert made.value == offset
        assert made.note == "61 items of 62 without an answer"
        assert weights["checks"]["all_none"][["econ", "soc"].index(axis)] == offset


def test_an_item_counts_once():
    """However often it was asked; the interval is of the answers' own variation."""
    data = table([1.0, 3.0, 2.0, 2.0, 4.0], item=["a", "a", "b", "b", "b"])
    made = one(WeightedTotal(offset=1.0, divisor=2.0), data)
    assert made.value == pytest.approx(1 + (2 + 8 / 3) / 2)
    assert made.error == pytest.approx(math.sqrt(2 / 2 + (4 / 3) / 3) / 2)
    assert made.low < made.value < made.high
    single = one(WeightedTotal(), table([1.0, 2.0]))
    assert (single.value, single.low, single.p) == (3.0, None, None)


def test_the_interval_holds_the_total():
    """With normal answers in 95 of 100 tables, within three standard errors."""
    generator, held = rng(2), 0
    means = generator.normal(0, 1, 8)
    for _ in range(400):
        values = means[:, None] + generator.normal(0, 1, (8, 6))
        made = one(WeightedTotal(), table(values.ravel(), item=np.repeat(np.arange(8), 6)))
        held += made.low <= means.sum() <= made.high
    assert abs(held / 400 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 400)


def test_refused_totals():
    """Nothing answered is no position at the offset."""
    assert refusal(WeightedTotal(offset=0.38), table([math.nan, math.nan])) == (
        "all 2 values of 'x' are missing"
    )
    with pytest.raises(ValueError, match=r"^divisor is 0; it is above 0$"):
        WeightedTotal(divisor=0.0)


# -- total variation -----------------------------------------------------------------------------


def answers(closed, open_):
    """(agree, disagree, none) counts of one item in two forms."""
    values, forms = [], []
    for form, (agree, disagree, none) in (("closed", closed), ("open", open_)):
        values += [4.0] * agree + [1.0] * disagree + [math.nan] * none
        forms += [form] * (agree + disagree + none)
    return table(values, item=["q"] * len(values), form=forms)


def test_the_fixture():
    """7/2/1 against 4/4/2 of ten is .30; an answer without a stance is a class."""
    statistic = TotalVariation(between="form", cuts=(2.5,))
    made = one(statistic, answers((7, 2, 1), (4, 4, 2)))
    assert made.value == pytest.approx(0.30)
    assert made.note == "no interval: the items' distances do not vary"
    without = TotalVariation(between="form", cuts=(2.5,), missing=False)
    assert one(without, answers((7, 2, 1), (4, 4, 2))).value == pytest.approx(7 / 9 - 0.5)


def test_a_call_that_failed_is_in_no_class():
    """The same answers with failed calls beside them are as far apart as without, and it is noted."""
    statistic = TotalVariation(between="form", cuts=(2.5,))
    data = answers((7, 2, 1 + 3), (4, 4, 2))
    statuses = data.statuses["x"].astype(object)
    statuses[10:13] = ["error", "absent", "error"]
    failed = attrs.evolve(data, statuses={"x": statuses.astype(str)})
    made = one(statistic, failed)
    assert made.value == pytest.approx(0.30)
    assert made.note == (
        "3 rows of 23 left out: failed; no interval: the items' distances do not vary"
    )
    statuses[:] = "error"
    all_failed = attrs.evolve(
        data, scores={"x": np.full(23, math.nan)}, statuses={"x": statuses.astype(str)}
    )
    assert refusal(statistic, all_failed) == (
        "a distance of distributions needs an 'item' with rows at both 'closed' and 'open', and there is none"
    )


def items(seed, count=20, size=6, shift=0.0):
    generator = rng(seed)
    form = np.tile(np.repeat(["a", "b"], size), count)
    item = np.repeat(np.arange(count), 2 * size)
    chance = np.repeat(generator.uniform(0.2, 0.8, count), 2 * size)
    chance = np.clip(chance + shift * (form == "b"), 0, 1)
    return table((generator.random(len(form)) < chance).astype(float), item=item, form=form)


def test_it_is_the_mean_over_items_computed_by_hand():
    """On 20 random data sets, whatever order the rows come in."""
    for seed in range(20):
        data = items(seed)
        distances = []
        for number in range(20):
            own = data.label("item") == str(number)
            shares = [data.values[own & (data.label("form") == form)].mean() for form in ("a", "b")]
            distances.append(abs(shares[0] - shares[1]))
        statistic = TotalVariation(between="form", resamples=100)
        made = one(statistic, data)
        assert made.value == pytest.approx(np.mean(distances))
        turned = one(statistic, data.rows(rng(seed).permutation(len(data))))
        assert turned.value == pytest.approx(made.value)
        assert one(
            TotalVariation(between="form", levels=("b", "a"), resamples=100), data
        ).value == (pytest.approx(made.value))


def test_permutation_is_calibrated_and_has_power():
    """Under the null p < .05 in 5 of 100 tables within three errors; a shift is found."""
    statistic = TotalVariation(between="form", resamples=100)
    p = np.array([one(statistic, items(seed), seed).p for seed in range(200)])
    assert abs((p < 0.05).mean() - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 200)
    made = one(statistic, items(1, shift=0.4))
    assert made.p == pytest.approx(1 / 101)
    assert made.value > made.detail["expected by chance"]
    assert made.low < made.value < made.high


def test_refused_distances():
    """No item in both forms, infinite values, and cuts out of order."""
    data = table([1.0, 2.0], item=["p", "q"], form=["a", "b"])
    assert refusal(TotalVariation(between="form"), data) == (
        "a distance of distributions needs an 'item' with rows at both 'a' and 'b', and there is none"
    )
    data = table([1.0, math.inf], item=["p", "p"], form=["a", "b"])
    assert refusal(TotalVariation(between="form"), data) == (
        "score 'x' has infinite values; its classes are of finite numbers"
    )
    with pytest.raises(ValueError, match=r"^cuts are \[2.0, 1.0\]; they ascend$"):
        TotalVariation(between="form", cuts=(2.0, 1.0))
