"""The design: which trials there are, in which order, with every random choice made.

One invariant: the stream of trials is a pure function of the items, the design and the seed. It is made
lazily, so a million trials cost no more memory than one, and it can be made again to find what is left.

Order: repeats outermost, then items, then crossed levels, so that a run stopped early is balanced over
items and conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

from gnomon.errors import TemplateError
from gnomon.records import FieldValue, Item, ReplyFormat, Trial
from gnomon.seeds import Seed
from gnomon.spec import Design, Draw, Level, applies
from gnomon.templates import no_field, show

Levels = tuple[tuple[str, str], ...]


def levels_of(factor: Sequence[str] | Mapping[str, Level]) -> tuple[str, ...]:
    """The level names of a factor, in the order written."""
    return tuple(factor)


def cells(design: Design) -> tuple[Levels, ...]:
    """All combinations of the crossed factors' levels; one empty combination when there are none."""
    names = list(design.factors)
    return tuple(
        tuple(zip(names, combination, strict=True))
        for combination in product(*(levels_of(design.factors[name]) for name in names))
    )


def conditions(design: Design) -> Iterator[dict[str, str]]:
    """All combinations of all factors' levels, crossed and balanced: what a trial can be under."""
    factors = {**design.factors, **design.balanced}
    for combination in product(*(levels_of(factor) for factor in factors.values())):
        yield dict(zip(factors, combination, strict=True))


def _latin(seed: Seed, factor: str, count: int, item: int, repeat: int, turn: int) -> int:
    """Index of the balanced level for an item position and a repeat.

    Within every block of ``count`` consecutive items each level occurs once, and so it does within every
    block of ``count`` consecutive repeats for the first factor with so many levels. A further one, the
    ``turn``-th, moves on with every ``count ** turn`` repeats only, so that over ``count`` items and
    ``count`` repeats every level of the one meets every level of the other once. (Two Latin squares of two
    levels are the same square: no other way is open to them.)
    """
    repeat //= count**turn
    order = _block_order(seed, factor, count, item // count, repeat // count)
    return order[(item + repeat) % count]


def _turns(design: Design) -> dict[str, int]:
    """Balanced factor → how many before it have as many levels."""
    counts = [len(levels_of(factor)) for factor in design.balanced.values()]
    return {name: counts[:at].count(counts[at]) for at, name in enumerate(design.balanced)}


@lru_cache(maxsize=1024)
def _block_order(seed: Seed, factor: str, count: int, items: int, repeats: int) -> tuple[int, ...]:
    return seed.child("balanced", factor, items, repeats).shuffled(range(count))


def level_fields(design: Design, levels: Mapping[str, str]) -> dict[str, FieldValue]:
    """The fields that a trial's levels carry; a factor without a known level carries none."""
    out: dict[str, FieldValue] = {}
    for factors in (design.factors, design.balanced):
        for name, factor in factors.items():
            if isinstance(factor, Mapping) and name in levels:
                out.update(factor[levels[name]])
    return out


def _values(
    names: str | tuple[str, ...], fields: Mapping[str, FieldValue], drawn: Mapping[str, FieldValue]
) -> tuple[str, ...]:
    out: list[str] = []
    for name in (names,) if isinstance(names, str) else names:
        value = drawn.get(name, fields.get(name))
        if value is None:
            raise TemplateError(no_field(name, fields))
        out.extend(value if isinstance(value, tuple) else (show(value),))
    return tuple(out)


def _arranged(draw: Draw, seed: Seed, levels: Mapping[str, str]) -> tuple[int, ...]:
    assert draw.arrange is not None
    if draw.by is None:
        return seed.shuffled(range(len(draw.arrange)))
    return tuple(ord(letter) - ord("a") for letter in levels[draw.by])


def _chosen(
    draw: Draw, own: Seed, fields: Mapping[str, FieldValue], drawn: Mapping[str, FieldValue]
) -> str | tuple[str, ...]:
    """The result of ``pick``, ``shuffle`` or ``sample``."""
    if draw.pick is not None:
        return own.pick(_values(draw.pick, fields, drawn))
    if draw.shuffle is not None:
        return own.shuffled(_values(draw.shuffle, fields, drawn))
    assert draw.sample is not None
    assert draw.count is not None
    return own.sample(_values(draw.sample, fields, drawn), draw.count)


def make_draws(
    design: Design,
    seed: Seed,
    levels: Mapping[str, str],
    fields: dict[str, FieldValue],
    item: str,
) -> dict[str, FieldValue]:
    """All draws of one trial. Their results are also put into ``fields``.

    Args:
        design: The design.
        seed: The seed of this item and repeat.
        levels: The trial's levels.
        fields: What draws can name; extended in place.
        item: The item's key, for messages.

    Raises:
        TemplateError: A draw names a field that is not there, or wants more than there is.
    """
    drawn: dict[str, FieldValue] = {}
    for draw in design.draw:
        if not applies(draw.only, levels):
            continue
        own = seed.child("draw", draw.name)
        if draw.arrange is not None:
            order = _arranged(draw, own, levels)
            shown = [_values(name, fields, drawn) for name in draw.arrange]
            drawn[draw.name] = tuple(draw.arrange[index] for index in order)
            for name, index in zip(draw.into, order, strict=True):
                value = shown[index]
                fields[name] = drawn[name] = value[0] if len(value) == 1 else value
            continue
        try:
            values = _chosen(draw, own, fields, drawn)
        except ValueError as error:
            raise TemplateError(f"the draw {draw.name!r} of the item {item!r}: {error}") from None
        drawn[draw.name] = values
        if draw.join is not None and isinstance(values, tuple):
            fields[draw.name] = draw.join.join(values)
        else:
            fields[draw.name] = values
    return drawn


def trials(
    design: Design,
    items: Callable[[], Iterable[Item]],
    seed: int,
    *,
    repeats: int | None = None,
    format_: ReplyFormat = "free",
    start: int = 0,
    limit: int | None = None,
    keep: Callable[[Mapping[str, str]], bool] | None = None,
    done: Callable[[int], bool] = lambda _: False,
) -> Iterator[Trial]:
    """The stream of trials.

    Args:
        design: The design.
        items: Makes the items anew, in the same order each time; called once per repeat.
        seed: The run's seed.
        repeats: In place of the design's own number.
        format_: ``free`` or ``constrained``.
        start: Ordinal of the first trial, for later rounds of an adaptive source.
        limit: Only the first so many items, of those that are kept.
        keep: Which conditions to administer, by levels and groups together; all unless given.
        done: Whether the trial of an ordinal is left out; the others keep their ordinals and draws.

    Raises:
        TemplateError: A draw names a field that is not there.
    """
    root = Seed(seed)
    crossed = cells(design)
    turns = _turns(design)
    ordinal = start
    size = 0  # trials in a repeat
    for repeat in range(design.repeats if repeats is None else repeats):
        used = 0
        if size and keep is None and all(map(done, range(ordinal, ordinal + size))):
            # A resumed run passes by a million finished trials without making their items.
            ordinal += size
            continue
        before = ordinal
        for position, item in enumerate(items()):
            if used == limit:
                break
            if keep is None and all(map(done, range(ordinal, ordinal + len(crossed)))):
                # Nothing is drawn for what is finished.
                ordinal += len(crossed)
                used += 1
                continue
            own = root.child("item", item.key, "repeat", repeat)
            balanced = {
                name: levels_of(factor)[
                    _latin(root, name, len(levels_of(factor)), position, repeat, turns[name])
                ]
                for name, factor in design.balanced.items()
            }
            first = ordinal
            for cell in crossed:
                levels = {**dict(cell), **balanced}
                if keep is not None:
                    if not keep({**item.groups, **levels, "item": item.key}):
                        continue
                    if done(ordinal):
                        ordinal += 1
                        continue
                fields: dict[str, FieldValue] = {
                    **item.groups,
                    **item.fields,
                    **levels,
                    **level_fields(design, levels),
                }
                draws = make_draws(design, own, levels, fields, item.key)
                yield Trial(
                    ordinal=ordinal,
                    item=item,
                    levels=levels,
                    repeat=repeat,
                    draws=draws,
                    fields=fields,
                    format=format_,
                )
                ordinal += 1
            used += ordinal > first
        size = ordinal - before
