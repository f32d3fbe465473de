"""The stream of trials: crossed, balanced, and made of draws that do not disturb each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon import Item, TemplateError, Trial
from gnomon.design import cells, conditions, trials
from gnomon.spec import Design, Draw

WORDS = tuple("abcdef")
DRAWS = (
    Draw(name="order", shuffle="words"),
    Draw(name="one", pick="words"),
    Draw(name="two", sample="words", count=2),
)


def items(count: int) -> Iterator[Item]:
    return (Item(key=f"i{n}", fields={"words": WORDS, "left": "L", "right": "R"}) for n in range(count))  # fmt: skip


def stream(design: Design, count: int = 3, seed: int = 1, **options) -> list[Trial]:
    return list(trials(design, lambda: items(count), seed, **options))


def drawn(made: list[Trial], *names: str) -> dict[tuple, tuple]:
    """(item, repeat, levels of the original factors) → the named draws."""
    return {
        (trial.item.key, trial.repeat, trial.levels.get("tone")): tuple(
            trial.draws[name] for name in names
        )
        for trial in made
    }


def test_every_item_meets_every_cell_in_every_repeat() -> None:
    """Factors × levels × repeats × items, repeats outermost, each once."""
    design = Design(repeats=2, factors={"tone": ("x", "y"), "size": ("s", "m", "l")})
    made = stream(design)
    assert len(made) == 2 * 3 * 2 * 3
    assert [trial.ordinal for trial in made] == list(range(36))
    assert len({(t.repeat, t.item.key, *t.levels.items()) for t in made}) == 36
    assert [trial.repeat for trial in made] == [0] * 18 + [1] * 18


def test_no_factors_is_one_cell() -> None:
    """A design without factors administers each item once per repeat."""
    assert cells(Design()) == ((),)
    assert len(stream(Design(repeats=4), 2)) == 8


def test_levels_carry_fields() -> None:
    """A level may bring fields for the templates."""
    design = Design(factors={"tone": {"x": {"how": "plainly"}, "y": {"how": "kindly"}}})
    assert [trial.fields["how"] for trial in stream(design, 1)] == ["plainly", "kindly"]
    assert list(conditions(design)) == [{"tone": "x"}, {"tone": "y"}]


@given(seed=st.integers(0, 2**63), extra=st.sampled_from(["factor", "draw", "balanced"]))
def test_adding_to_the_design_changes_no_other_draw(seed: int, extra: str) -> None:
    """A further factor, draw or balanced factor leaves each draw of each item and repeat as it was."""
    design = Design(repeats=2, factors={"tone": ("x", "y")}, draw=DRAWS)
    before = drawn(stream(design, seed=seed), "order", "one", "two")
    if extra == "factor":
        more = attrs.evolve(design, factors={"size": ("s", "l"), **design.factors})
    elif extra == "draw":
        more = attrs.evolve(design, draw=(Draw(name="new", shuffle="words"), *DRAWS))
    else:
        more = attrs.evolve(design, balanced={"side": ("ab", "ba")})
    assert drawn(stream(more, seed=seed), "order", "one", "two") == before


@given(seed=st.integers(0, 2**63), count=st.integers(1, 4), repeats=st.integers(1, 3))
def test_adding_items_and_repeats_changes_no_other_draw(
    seed: int, count: int, repeats: int
) -> None:
    """A longer run begins with the trials of the shorter one, draw for draw."""
    design = Design(factors={"tone": ("x", "y")}, balanced={"side": ("ab", "ba")}, draw=DRAWS)

    def content(made: list[Trial]) -> dict:
        return {
            (t.item.key, t.repeat, t.levels["tone"]): (
                t.levels["side"],
                *map(str, t.draws.values()),
            )
            for t in made
        }

    short = content(stream(design, count, seed, repeats=repeats))
    long = content(stream(design, count + 3, seed, repeats=repeats + 2))
    assert short.items() <= long.items()


def test_conditions_of_one_item_share_their_draws() -> None:
    """A contrast between conditions is not confounded with what was drawn."""
    design = Design(factors={"tone": ("x", "y", "z")}, draw=DRAWS)
    for key in ("i0", "i1", "i2"):
        orders = {str(t.draws) for t in stream(design) if t.item.key == key}
        assert len(orders) == 1


def test_another_seed_draws_anew() -> None:
    """Every draw comes from the seed."""
    design = Design(repeats=20, draw=DRAWS)
    assert drawn(stream(design, seed=1), "order") != drawn(stream(design, seed=2), "order")


@given(
    seed=st.integers(0, 2**63),
    levels=st.integers(2, 5),
    blocks=st.integers(1, 3),
    repeats=st.integers(1, 6),
)
def test_balanced_factors_are_a_latin_square(
    seed: int, levels: int, blocks: int, repeats: int
) -> None:
    """In every block of consecutive items, and of consecutive repeats, each level occurs once."""
    names = tuple(f"l{n}" for n in range(levels))
    design = Design(repeats=repeats, balanced={"side": names})
    made = stream(design, levels * blocks, seed)
    side = {(int(t.item.key[1:]), t.repeat): t.levels["side"] for t in made}
    assert len(made) == levels * blocks * repeats
    for repeat in range(repeats):
        for block in range(blocks):
            start = block * levels
            assert {side[start + n, repeat] for n in range(levels)} == set(names)
    for item in range(levels * blocks):
        for start in range(0, repeats - levels + 1, levels):
            assert {side[item, start + n] for n in range(levels)} == set(names)


def test_balanced_levels_are_evenly_spread_over_seeds() -> None:
    """The first item gets each level about equally often over seeds: the start is drawn too."""
    design = Design(balanced={"side": ("a", "b", "c")})
    seen = Counter(stream(design, 1, seed)[0].levels["side"] for seed in range(900))
    assert set(seen) == {"a", "b", "c"}
    assert all(240 < count < 360 for count in seen.values())


def test_draws_are_stored_and_usable() -> None:
    """The drawn order is kept as a list; the prompt sees it joined."""
    design = Design(draw=(Draw(name="order", shuffle="words", join=" / "),))
    trial = stream(design, 1)[0]
    assert sorted(trial.draws["order"]) == list(WORDS)
    assert trial.fields["order"] == " / ".join(trial.draws["order"])


def test_arranged_fields_follow_their_factor() -> None:
    """``by`` spells the order: ab as listed, ba reversed; the order is stored under the draw's name."""
    draw = Draw(name="shown", arrange=("left", "right"), by="side", into=("first", "second"))
    made = stream(Design(factors={"side": ("ab", "ba")}, draw=(draw,)), 1)
    assert [(t.fields["first"], t.fields["second"]) for t in made] == [("L", "R"), ("R", "L")]
    assert [t.draws["shown"] for t in made] == [("left", "right"), ("right", "left")]


def test_arranging_without_a_factor_draws_the_order() -> None:
    """Both orders occur, about equally often."""
    draw = Draw(name="shown", arrange=("left", "right"), into=("first", "second"))
    made = stream(Design(repeats=200, draw=(draw,)), 1)
    first = Counter(t.fields["first"] for t in made)
    assert set(first) == {"L", "R"}
    assert min(first.values()) > 70


def test_a_draw_may_use_an_earlier_draw() -> None:
    """Draws are made in order, over what came before."""
    chain = (Draw(name="two", sample="words", count=2), Draw(name="one", pick="two"))
    for trial in stream(Design(repeats=5, draw=chain)):
        assert trial.draws["one"] in trial.draws["two"]


def test_a_draw_for_some_levels_is_made_there_only() -> None:
    """``only`` keeps a draw out of other conditions."""
    draw = Draw(name="one", pick="words", only={"tone": "x"})
    made = stream(Design(factors={"tone": ("x", "y")}, draw=(draw,)), 1)
    assert ["one" in trial.draws for trial in made] == [True, False]


def test_a_draw_over_a_missing_field_names_the_nearest() -> None:
    """The sentence is the templates' own."""
    with pytest.raises(TemplateError) as caught:
        stream(Design(draw=(Draw(name="one", pick="wrods"),)), 1)
    assert str(caught.value) == (
        "the slot {wrods} has no field (did you mean 'words'?); there are: left, right, words"
    )


def test_sampling_more_than_there_is_says_so() -> None:
    """A sample larger than its list is a fault of the spec, told with draw and item."""
    with pytest.raises(TemplateError) as caught:
        stream(Design(draw=(Draw(name="many", sample="words", count=9),)), 1)
    assert str(caught.value) == (
        "the draw 'many' of the item 'i0': cannot draw 9 of 6 without replacement"
    )


def test_picking_from_an_empty_list_says_so() -> None:
    """So is a pick from nothing."""
    design = Design(draw=(Draw(name="one", pick="none"),))
    with pytest.raises(TemplateError) as caught:
        list(trials(design, lambda: [Item(key="i", fields={"none": ()})], 1))
    assert str(caught.value) == "the draw 'one' of the item 'i': cannot pick from an empty list"


def test_the_limit_counts_items_that_are_kept() -> None:
    """``limit`` and ``keep`` leave the draws of the remaining trials alone."""
    design = Design(repeats=2, factors={"tone": ("x", "y")}, draw=DRAWS)
    everything = drawn(stream(design, 5), "order")
    some = stream(design, 5, limit=2, keep=lambda at: at["item"] != "i0" and at["tone"] == "y")
    assert {trial.item.key for trial in some} == {"i1", "i2"}
    assert drawn(some, "order").items() <= everything.items()
    assert [trial.ordinal for trial in some] == [0, 1, 2, 3]


def test_the_stream_is_lazy() -> None:
    """The first trials of an endless source cost no more than a few items."""
    seen = []

    def endless() -> Iterator[Item]:
        for item in items(10**9):
            seen.append(item.key)
            yield item

    first = list(islice(trials(Design(draw=DRAWS), endless, 1), 3))
    assert len(first) == 3
    assert len(seen) <= 4


@pytest.mark.parametrize("count", [2, 3, 4])
def test_balanced_factors_of_equal_size_meet_in_all_pairs(count):
    """Over as many items and repeats as levels, each pair of levels occurs once; a lone factor is as ever."""
    names = tuple("abcd"[:count])
    two = Design(repeats=count, balanced={"first": names, "second": names})
    alone = Design(repeats=count, balanced={"first": names})
    items = [Item(f"i{number}") for number in range(2 * count)]
    made = list(trials(two, lambda: items, 5))
    for block in (items[:count], items[count:]):
        keys = {item.key for item in block}
        pairs = [tuple(one.levels.values()) for one in made if one.item.key in keys]
        assert sorted(pairs) == sorted((a, b) for a in names for b in names)
    for repeat in range(count):
        of_repeat = [one.levels["second"] for one in made if one.repeat == repeat]
        assert sorted(of_repeat[:count]) == sorted(names)
    assert [one.levels["first"] for one in made] == [
        one.levels["first"] for one in trials(alone, lambda: items, 5)
    ]


@given(
    done=st.sets(st.integers(0, 18)) | st.integers(0, 18).map(lambda n: set(range(n))),
    limit=st.none() | st.integers(1, 3),
    kept=st.sampled_from([{}, {"tone": "polite"}, {"side": "ba"}, {"item": "i1", "side": "ab"}]),
)
def test_finished_trials_are_passed_by_and_change_nothing(
    done: set[int], limit: int | None, kept: dict[str, str]
) -> None:
    """What is left of the stream is what it would have been, ordinals and draws included."""
    design = Design(
        repeats=3,
        factors={"tone": ("plain", "polite")},
        balanced={"side": ("ab", "ba")},
        draw=DRAWS,
    )
    keep = (lambda columns: kept.items() <= columns.items()) if kept else None
    whole = stream(design, limit=limit, keep=keep)
    left = stream(design, limit=limit, keep=keep, done=done.__contains__)
    assert keep is None or not done & {trial.ordinal for trial in left}
    assert [trial for trial in left if trial.ordinal not in done] == [
        trial for trial in whole if trial.ordinal not in done
    ]
