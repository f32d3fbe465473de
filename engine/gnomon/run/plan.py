"""The plan: how many trials, which asks, what they look like and may cost, before anything is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, product

import attrs

from gnomon.design import levels_of
from gnomon.design import trials as make_trials
from gnomon.errors import UsageError
from gnomon.loading import Around
from gnomon.records import (
    Ask,
    Chat,
    Choose,
    Decoding,
    Embed,
    Hidden,
    Item,
    Loglik,
    Price,
    Reply,
    ReplyFormat,
    Trial,
    TrialRecord,
)
from gnomon.run.pacing import TOKENS_PER_CHARACTER, characters
from gnomon.run.request import RunRequest
from gnomon.run.scoring import blocks_over
from gnomon.spec import Spec, applies
from gnomon.turns import Turn

DEFAULT_REPLY_TOKENS = 256
DRY_STEPS = 200


def merged_turns(spec: Spec) -> tuple[Turn, ...]:
    """The turns with the spec's ``[decoding]`` filled in where they say nothing themselves."""
    base = attrs.asdict(spec.keys.decoding, recurse=False)
    out: list[Turn] = []
    for turn in spec.keys.turn:
        own = attrs.asdict(turn.decoding, recurse=False)
        merged = {name: base[name] if own[name] is None else own[name] for name in base}
        out.append(attrs.evolve(turn, decoding=type(turn.decoding)(**merged)))
    return tuple(out)


def count_trials(request: RunRequest, items: Callable[[], Iterable[Item]]) -> int:
    """Number of trials of the plan, without drawing anything.

    Raises:
        UsageError: ``--only`` names a column that is not there.
    """
    design = request.spec.keys.design
    repeats = request.repeats_used
    crossed = 1
    for factor in design.factors.values():
        crossed *= len(levels_of(factor))
    if not request.only and request.limit is None:
        return sum(1 for _ in items()) * crossed * repeats
    if not set(request.only) & set(design.balanced):
        used = total = 0
        names = list(design.factors)
        combinations = list(product(*(levels_of(design.factors[name]) for name in names)))
        balanced = {name: levels_of(factor)[0] for name, factor in design.balanced.items()}
        for item in items():
            if used == request.limit:
                break
            kept = sum(
                request.keeps(
                    {
                        **item.groups,
                        **balanced,
                        **dict(zip(names, levels, strict=True)),
                        "item": item.key,
                    }
                )
                for levels in combinations
            )
            used += kept > 0
            total += kept
        return total * repeats
    # Which trials a balanced level keeps is known only by making them.
    made = make_trials(
        design,
        items,
        request.seed_used,
        repeats=repeats,
        limit=request.limit,
        keep=request.keeps,
    )
    return sum(1 for _ in made)


@attrs.frozen(kw_only=True)
class Example:
    """One prompt as it will be sent.

    Attributes:
        condition: Levels of the trial.
        item: Its item.
        asks: Its asks; those after the first stand on placeholder replies.
    """

    condition: Mapping[str, str]
    item: str
    asks: tuple[Ask, ...]


@attrs.frozen(kw_only=True)
class RoleLoad:
    """What one role will be asked.

    Attributes:
        asks: Number of asks; at least so many when asks depend on replies.
        tokens_in: Estimated prompt tokens.
        tokens_out_low, tokens_out, tokens_out_high: Estimated reply tokens: a tenth of the limit, a
            half of it, and all of it.
        cost: Estimated US dollars at the expected tokens, None when the price is unknown.
        cost_high: The same at the high count.
    """

    asks: int
    tokens_in: int
    tokens_out_low: int
    tokens_out: int
    tokens_out_high: int
    cost: float | None = None
    cost_high: float | None = None


@attrs.frozen(kw_only=True)
class Plan:
    """What a run would do.

    Attributes:
        trials: Number of trials; of the first round when the source is adaptive.
        items: Number of items among them.
        repeats: Repeats.
        conditions: Crossed and balanced conditions.
        roles: What each role will be asked.
        examples: One trial of each condition.
        adaptive: More rounds follow, which depend on scores.
        format: The format asked.
        notes: What the numbers do not know.
    """

    trials: int
    items: int
    repeats: int
    conditions: int
    roles: Mapping[str, RoleLoad]
    examples: tuple[Example, ...]
    adaptive: bool
    format: ReplyFormat
    notes: tuple[str, ...]


def dry_reply(ask: Ask) -> Reply:
    """A placeholder reply, so that procedures can be walked through without a call."""
    if isinstance(ask, Choose):
        share = 1 / len(ask.options) if ask.options else 0.0
        return Reply(
            text=ask.options[0] if ask.options else "",
            probabilities=dict.fromkeys(ask.options, share),
            exact=False,
        )
    if isinstance(ask, Embed | Hidden):
        return Reply(vectors=tuple((0.0,) for _ in ask.texts))
    if isinstance(ask, Loglik):
        return Reply(tokens=())
    return Reply(text=f"[reply to {ask.name}]")


def walk(trial: Trial, spec: Spec, turns: Sequence[Turn]) -> tuple[tuple[Ask, ...], bool]:
    """The asks of a trial, answered by placeholders, and whether the walk saw all of them."""
    asked: list[Ask] = []
    whole = True
    exchanges: list[tuple[Ask, Reply]] = []
    generator = spec.procedure.plugin.administer(trial, turns)
    answer: object = None
    try:
        for _ in range(DRY_STEPS):
            yielded = generator.send(answer)
            several = [yielded] if isinstance(yielded, Ask) else list(yielded)
            asked.extend(several)
            replies = [dry_reply(ask) for ask in several]
            exchanges.extend(zip(several, replies, strict=True))
            answer = replies[0] if isinstance(yielded, Ask) else replies
        whole = False
    except StopIteration:
        pass
    finally:
        generator.close()
    judged, seen = _walk_scorers(trial, spec, exchanges)
    # Equal asks of one trial have one key, so they are one call.
    return tuple(dict.fromkeys((*asked, *judged))), whole and seen


def _walk_scorers(
    trial: Trial, spec: Spec, exchanges: Sequence[tuple[Ask, Reply]]
) -> tuple[list[Ask], bool]:
    from gnomon.records import Exchange

    record = TrialRecord(trial, tuple(Exchange(ask, reply) for ask, reply in exchanges))
    asked: list[Ask] = []
    for block in blocks_over(spec.scores, "trial"):
        if not applies(block.keys.only, trial.levels) or not getattr(
            block.use.plugin, "role", None
        ):
            continue
        try:
            value = block.use.plugin.score(record)
            answer: object = None
            for _ in range(DRY_STEPS):
                yielded = value.send(answer)
                several = [yielded] if isinstance(yielded, Ask) else list(yielded)
                asked.extend(several)
                replies = [dry_reply(ask) for ask in several]
                answer = replies[0] if isinstance(yielded, Ask) else replies
        except (StopIteration, AttributeError):
            continue
        except Exception:  # noqa: BLE001 - a scorer may rightly not cope with placeholder replies
            return asked, False
    return asked, True


Prices = Mapping[str, Price | None]
Calls = Mapping[str, Callable[[Ask], int] | None]


def charges(backends: Mapping[str, object]) -> tuple[Prices, Calls]:
    """Role → price, and role → how many calls an ask takes, as the backends say; None where they do not."""
    prices = {role: getattr(backend, "price", None) for role, backend in backends.items()}
    return (
        {role: None if price is None else price() for role, price in prices.items()},
        {role: getattr(backend, "calls_for", None) for role, backend in backends.items()},
    )


def make_plan(
    request: RunRequest,
    format_: ReplyFormat,
    prices: Prices | None = None,
    calls: Calls | None = None,
) -> Plan:
    """Everything about a run that can be said without calling anything.

    Args:
        request: The run.
        format_: The format the run would have.
        prices: Role → price; None where unknown.
        calls: Role → how many calls an ask takes; None where each takes one.

    Raises:
        UsageError: The source must ask a model before it has an item.
    """
    spec = request.spec
    source = spec.source.plugin
    around = Around.beside(spec.path, request.seed_used, files=request.files)

    def items() -> Iterator[Item]:
        for item in source.items(around):
            if not isinstance(item, Item):
                raise UsageError(
                    f"the source {spec.source.name!r} asks a model for its items, so the plan "
                    "cannot be known before the run"
                )
            yield item

    turns = merged_turns(spec)
    total = count_trials(request, items)
    stream = make_trials(
        spec.keys.design,
        items,
        request.seed_used,
        repeats=1,
        format_=format_,
        limit=request.limit,
        keep=request.keeps,
    )
    examples: dict[tuple[tuple[str, str], ...], Example] = {}
    seen_items: set[str] = set()
    asks: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    longest: Counter[str] = Counter()
    most: Counter[str] = Counter()
    walked = 0
    whole = True
    # Walking every trial of a large plan would take as long as running it; the first repeat's
    # first two thousand trials hold every condition in any design that fits on a screen.
    for trial in islice(stream, 2000):
        condition = tuple(sorted(trial.levels.items()))
        made, all_seen = walk(trial, spec, turns)
        whole &= all_seen
        walked += 1
        seen_items.add(trial.item.key)
        for ask in made:
            count = (calls or {}).get(ask.role)
            times = 1 if count is None else count(ask)
            asks[ask.role] += 1
            most[ask.role] = max(most[ask.role], times)
            letters[ask.role] += characters(ask) * times
            longest[ask.role] += reply_limit(ask, sampled=times > 1) * times
        examples.setdefault(
            condition, Example(condition=dict(condition), item=trial.item.key, asks=made)
        )
    scale = total / walked if walked else 0.0
    roles = {
        role: _load(asks[role], letters[role], longest[role], scale, (prices or {}).get(role))
        for role in asks
    }
    adaptive = bool(getattr(source, "adaptive", False))
    return Plan(
        trials=total,
        items=len(seen_items) if walked < 2000 else sum(1 for _ in items()),
        repeats=request.repeats_used,
        conditions=len(examples),
        roles=roles,
        examples=tuple(examples.values()),
        adaptive=adaptive,
        format=format_,
        notes=(*_notes(roles, request, whole=whole, adaptive=adaptive), *_several(most)),
    )


def _notes(
    roles: Mapping[str, RoleLoad], request: RunRequest, *, whole: bool, adaptive: bool
) -> Iterator[str]:
    """What has to be known of the numbers."""
    yield "tokens are estimated at four characters each"
    if not whole:
        yield "some asks depend on replies, so the numbers of asks are the least"
    if any(load.cost is None and role in request.roles for role, load in roles.items()):
        yield "the price of at least one model is unknown"
    elif not request.roles:
        yield "the cost depends on the model, and none is named"
    if adaptive:
        yield "the source is adaptive: this is its first round"


def _several(most: Mapping[str, int]) -> Iterator[str]:
    """What has to be known of asks that take several calls."""
    for role, calls in most.items():
        if calls > 1:
            yield f"an ask of the {role} takes up to {calls} calls"


def _load(asks: int, letters: int, limit: int, scale: float, price: Price | None) -> RoleLoad:
    tokens_in = round(letters * scale * TOKENS_PER_CHARACTER)
    high = round(limit * scale)
    expected, low = high // 2, high // 10

    def cost(out: int) -> float | None:
        if price is None or price.tokens_in is None or price.tokens_out is None:
            return None
        return (tokens_in * price.tokens_in + out * price.tokens_out) / 1e6

    return RoleLoad(
        asks=round(asks * scale),
        tokens_in=tokens_in,
        tokens_out_low=low,
        tokens_out=expected,
        tokens_out_high=high,
        cost=cost(expected),
        cost_high=cost(high),
    )


def reply_limit(ask: Ask, *, sampled: bool = False) -> int:
    """Most tokens the reply to an ask can have; a usual length when nothing limits it."""
    if isinstance(ask, Chat) or (sampled and isinstance(ask, Choose)):
        decoding: Decoding = ask.decoding
        return decoding.max_tokens or DEFAULT_REPLY_TOKENS
    return 1 if isinstance(ask, Choose) else 0
