"""Probabilities over options, from the first token's alternatives or from samples.

One invariant: a probability is only called exact when the log-probability of every option was seen;
otherwise the reply says so (``exact`` is False) and ``coverage`` says how much mass was seen on options.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence

import attrs

from gnomon import CallFailed, Chat, Choose, Decoding, Reply, Seed, TokenLogprob

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
            "give samples=N to estimate it from N replies"
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
            "give samples=N to estimate 'choose' from N replies"
        )
    if not 0 < total < math.inf:
        raise CallFailed(
            f"none of the options is among the {len(reply.tokens[0].alternatives)} likeliest first "
            f"tokens of {who}: {', '.join(ask.options)}"
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


async def sampled(
    ask: Choose, call: Callable[[Chat], Awaitable[Reply]], samples: int, who: str
) -> Reply:
    """The reply with probabilities estimated from that many calls, made at once."""
    import asyncio

    def nth(n: int) -> Chat:
        seed = ask.decoding.seed
        drawn = None if seed is None else Seed(seed, "sample", n).integer()
        return Chat(messages=ask.messages, decoding=attrs.evolve(ask.decoding, seed=drawn))

    tasks = [asyncio.ensure_future(call(nth(n))) for n in range(samples)]
    try:
        replies = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return from_samples(ask, replies, who)


def from_samples(ask: Choose, replies: Sequence[Reply], who: str) -> Reply:
    """Shares of the options among sampled replies; what is no option counts against coverage.

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
            return _summed(replies, refused)
        raise CallFailed(
            f"none of {len(replies)} sampled replies of {who} is one of the options "
            f"{', '.join(ask.options)}; the first is {replies[0].text[:60]!r}"
        )
    shares = {option: count / total for option, count in counts.items()}
    return attrs.evolve(
        _summed(replies, replies[0]),
        status="ok",
        text=max(shares, key=shares.__getitem__),
        probabilities=shares,
        exact=False,
        coverage=total / len(replies),
    )


def _bare(text: str) -> str:
    return text.strip().strip(".\"'`*()").strip()


def _summed(replies: Sequence[Reply], first: Reply) -> Reply:
    """One reply with the tokens and the cost of all."""

    def whole(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return math.fsum(known) if known else None

    tokens_in = whole([reply.tokens_in for reply in replies])
    tokens_out = whole([reply.tokens_out for reply in replies])
    return attrs.evolve(
        first,
        tokens=None,
        tokens_in=None if tokens_in is None else int(tokens_in),
        tokens_out=None if tokens_out is None else int(tokens_out),
        cost=whole([reply.cost for reply in replies]),
        raw=None,
    )
