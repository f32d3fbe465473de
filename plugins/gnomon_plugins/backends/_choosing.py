"""Probabilities over options, from the first token's alternatives or from samples.

One invariant: a probability is only called exact when the log-probability of every option was seen;
otherwise the reply says so (``exact`` is False) and ``coverage`` says how much mass was seen on options.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from gnomon import Ask, CallFailed, Chat, Choose, Decoding, Reply, Seed, TokenLogprob

if TYPE_CHECKING:
    import asyncio

_MOST_BEGUN = 1_000
_NEGLIGIBLE = 0.01  # share of mass on tokens that begin several options


def check_options(ask: Choose) -> None:
    """Refuse options that no reply could tell apart.

    Raises:
        CallFailed: There are none, one is blank, or two are equal.
    """
    bare = [option.strip() for option in ask.options]
    if not bare or not all(bare):
        raise CallFailed("a 'choose' ask needs options that are not blank")
    if len(set(bare)) != len(bare):
        raise CallFailed(f"two options are equal: {', '.join(ask.options)}")


def one_token(ask: Choose, alternatives: int) -> Decoding:
    """Decoding that brings the first token's alternatives, at the temperature of the model itself.

    Providers report log-probabilities before temperature, so it is left at 0 to be sure of one token.
    """
    return attrs.evolve(ask.decoding, temperature=0.0, max_tokens=1, logprobs=alternatives, stop=())


def from_first_token(ask: Choose, reply: Reply, who: str) -> Reply:
    """The reply with probabilities read from the alternatives of its first token.

    A token stands for an option when the option begins with it (white space aside) and no other option
    does. Two options that begin with the same token cannot be told apart this way.

    Raises:
        CallFailed: No log-probabilities came, none of the options is among the alternatives, or two
            options share their first token.
    """
    if reply.status in ("refused", "filtered"):
        return reply
    if not reply.tokens:
        raise CallFailed(
            f"{who} returned no log-probabilities, which 'choose' is read from; "
            "give samples=N to estimate it from N replies",
            cost=reply.cost,
        )
    mass: dict[str, float] = {}
    shared: dict[tuple[str, ...], float] = {}
    for fits, share in _fitting(ask.options, reply.tokens[0]):
        if len(fits) == 1:
            mass[fits[0]] = mass.get(fits[0], 0.0) + share
        else:
            shared[fits] = shared.get(fits, 0.0) + share
    total = math.fsum(mass.values())
    open_ = math.fsum(shared.values())
    if open_ > _NEGLIGIBLE * total:
        twins = max(shared, key=shared.__getitem__)
        raise CallFailed(
            f"the options {twins[0]!r} and {twins[1]!r} begin with the same token; "
            "give samples=N to estimate 'choose' from N replies",
            cost=reply.cost,
        )
    if not 0 < total < math.inf:
        raise CallFailed(
            f"none of the options is among the {len(reply.tokens[0].alternatives)} likeliest first "
            f"tokens of {who}: {', '.join(ask.options)}",
            cost=reply.cost,
        )
    return attrs.evolve(
        reply,
        status="ok",
        probabilities={option: mass.get(option, 0.0) / total for option in ask.options},
        exact=len(mass) == len(ask.options) and not shared,
        coverage=min(1.0, total),
    )


def _fitting(
    options: Sequence[str], first: TokenLogprob
) -> Iterator[tuple[tuple[str, ...], float]]:
    """For each alternative of a token: the options that begin with it, and its probability."""
    for token, logprob in {first.token: first.logprob, **first.alternatives}.items():
        bare = token.strip()
        fits = tuple(option for option in options if bare and option.strip().startswith(bare))
        if fits:
            # A logarithm above 0 is rounding, and none at all is no probability.
            yield fits, 0.0 if math.isnan(logprob) else math.exp(min(logprob, 0.0))


@attrs.define
class _Begun:
    """Samples of an ask that came before it failed, and dollars that nobody was told of yet."""

    replies: dict[int, Reply] = attrs.field(factory=dict)
    owed: list[float] = attrs.field(factory=list)


class Samples:
    """Chooses by sampling: as many calls an ask as there are samples, made at once.

    When some of them fail the ask fails, with what the others cost; those are kept, so that the same ask, tried
    again, calls only for what is missing. Each is used once.
    """

    def __init__(self) -> None:
        self._begun: dict[Any, _Begun] = {}

    def __reduce__(self) -> tuple[type[Samples], tuple[()]]:
        return Samples, ()

    def missing(self, ask: Ask, samples: int) -> int:
        """How many calls the ask takes now."""
        if not isinstance(ask, Choose) or not samples:
            return 1
        begun = self._begun.get(_same(ask))
        return samples - len(begun.replies) if begun else samples

    async def choose(
        self, ask: Choose, call: Callable[[Chat], Awaitable[Reply]], samples: int, who: str
    ) -> Reply:
        """The reply with probabilities estimated from that many calls.

        Raises:
            CallFailed: A call failed, or no reply names an option.
        """
        import asyncio

        begun = self._begun.pop(_same(ask), None) or _Begun()
        tasks = {
            n: asyncio.ensure_future(call(_nth(ask, n)))
            for n in range(samples)
            if n not in begun.replies
        }
        try:
            failures = await _ended(tasks.values())
        finally:
            for n, task in tasks.items():
                if not task.cancel() and not task.cancelled() and task.exception() is None:
                    begun.replies[n] = task.result()
                    begun.owed += [cost for cost in (task.result().cost,) if cost is not None]
            if len(begun.replies) < samples:
                self._keep(ask, begun)
        cost = math.fsum(begun.owed) if begun.owed else None
        begun.owed.clear()
        if failures:
            failure = failures[0]
            if isinstance(failure, CallFailed):
                failure.cost = cost
            raise failure
        replies = [begun.replies[n] for n in range(samples)]
        return from_samples(ask, replies, who, cost)

    def _keep(self, ask: Choose, begun: _Begun) -> None:
        self._begun[_same(ask)] = begun
        if len(self._begun) > _MOST_BEGUN:
            del self._begun[next(iter(self._begun))]


def _same(ask: Choose) -> tuple[Any, ...]:
    return ask.messages, ask.options, ask.decoding


def _nth(ask: Choose, n: int) -> Chat:
    seed = ask.decoding.seed
    drawn = None if seed is None else Seed(seed, "sample", n).integer()
    return Chat(messages=ask.messages, decoding=attrs.evolve(ask.decoding, seed=drawn))


async def _ended(tasks: Collection[asyncio.Future[Reply]]) -> list[BaseException]:
    """Wait for all, but not for the others of one that would fail for ever; returns the failures, the worst first."""
    import asyncio

    waiting = set(tasks)
    failures: list[BaseException] = []
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        failures += [error for task in done if (error := task.exception()) is not None]
        if any(_weight(error) == math.inf for error in failures):
            break
    return sorted(failures, key=_weight, reverse=True)


def _weight(error: BaseException) -> float:
    """Of several failures the one that matters: one for ever, then one that asks to wait longest."""
    if not isinstance(error, CallFailed) or not error.retry:
        return math.inf
    return error.after or 0.0


def from_samples(
    ask: Choose, replies: Sequence[Reply], who: str, cost: float | None = None
) -> Reply:
    """Shares of the options among sampled replies; what is no option counts against coverage.

    Args:
        ask: What was asked.
        replies: The replies.
        who: Who gave them, for sentences.
        cost: What they cost.

    Raises:
        CallFailed: No reply names an option.
    """
    counts = dict.fromkeys(ask.options, 0)
    for reply in replies:
        said = _bare(reply.text)
        named = [option for option in ask.options if _bare(option) == said]
        if len(named) == 1 and reply.status in ("ok", "truncated"):
            counts[named[0]] += 1
    total = sum(counts.values())
    if not total:
        refused = next(
            (reply for reply in replies if reply.status in ("refused", "filtered")), None
        )
        if refused is not None:
            return _summed(replies, refused, cost)
        raise CallFailed(
            f"none of {len(replies)} sampled replies of {who} is one of the options "
            f"{', '.join(ask.options)}; the first is {replies[0].text[:60]!r}",
            cost=cost,
        )
    shares = {option: count / total for option, count in counts.items()}
    return attrs.evolve(
        _summed(replies, replies[0], cost),
        status="ok",
        text=max(shares, key=shares.__getitem__),
        probabilities=shares,
        exact=False,
        coverage=total / len(replies),
    )


def _bare(text: str) -> str:
    return text.strip().strip(".\"'`*()").strip()


def _summed(replies: Sequence[Reply], first: Reply, cost: float | None) -> Reply:
    """One reply with the tokens of all."""

    def whole(values: list[int | None]) -> int | None:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    return attrs.evolve(
        first,
        tokens=None,
        tokens_in=whole([reply.tokens_in for reply in replies]),
        tokens_out=whole([reply.tokens_out for reply in replies]),
        cost=cost,
        raw=None,
    )
