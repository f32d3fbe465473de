"""Log-probabilities of given texts, token by token.

One invariant: every number is the model's own, over its whole vocabulary and at temperature 1, of the
very token that stands there, given the very tokens before it. No sampling option touches it.

llama.cpp reports log-probabilities only of tokens it generates. So the wanted token is generated: a
bias makes it win, and the log-probability reported is the one before the bias. The tokens before it are the
prompt, which the slot still holds, so that a step costs the evaluation of one token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon import CallFailed
from gnomon_plugins.backends.local._server import Server

_WINS = 1e6
_FEW = 64

Tokens = tuple[int, ...]


def continuation(server: Server, prefix: str, text: str, *, special: bool) -> tuple[Tokens, Tokens]:
    """Token ids of a prefix, and of a text that follows it.

    The text is put behind the prefix exactly as given, no space added or taken. Both are tokenised
    together; where that would change the prefix's own tokens (a space at its end that would melt into
    the text's first word, say), the text is tokenised by itself, as a model writes it that has read
    the prefix.
    """
    before = tuple(server.tokens(prefix, special=special)) if prefix else ()
    together = tuple(server.tokens(prefix + text, special=special))
    if together[: len(before)] == before and len(together) > len(before):
        return before, together[len(before) :]
    return before, tuple(server.tokens(text, special=False))


def next_logprobs(
    server: Server, slot: int, before: Sequence[int], wanted: Sequence[int]
) -> dict[int, float]:
    """The log-probability of each wanted token as the next one.

    Raises:
        CallFailed: The tokens before do not fit into the context.
    """
    found: dict[int, float] = {}
    for token in wanted:
        if token not in found:
            seen = _generate(server, slot, before, token, _FEW)
            if token not in seen:
                # Half a character: llama.cpp reports it among the alternatives only.
                whole = server.tokens("a", special=False)[0]
                seen = _generate(server, slot, before, whole, server.vocabulary())
            found.update((each, seen[each]) for each in wanted if each in seen)
    return found


def _generate(
    server: Server, slot: int, before: Sequence[int], token: int, alternatives: int
) -> Mapping[int, float]:
    answer = server.complete(
        {
            "prompt": list(before),
            "n_predict": 1,
            "n_probs": alternatives,
            "temperature": 0.0,
            "logit_bias": [[token, _WINS]],
            "id_slot": slot,
        }
    )
    logprobs: Mapping[str, Any] = answer["choices"][0].get("logprobs") or {}
    seen: dict[int, float] = {}
    for position in logprobs.get("content") or ():
        seen[position["id"]] = position["logprob"]
        seen.update((each["id"], each["logprob"]) for each in position["top_logprobs"])
    return seen


def score_options(
    server: Server, slot: int, prompt: str, options: Sequence[str]
) -> tuple[dict[str, float], int]:
    """The log-probability that the reply to a prompt begins with each option.

    An option's number is the sum over its tokens, each given the prompt and the option's tokens before
    it. Options that begin alike share those steps.

    Returns:
        Option → log-probability, and the number of prompt tokens.

    Raises:
        CallFailed: An empty option, or a prompt that does not fit.
    """
    if "" in options:
        raise CallFailed("an option is empty, and an empty text has no probability")
    before: Tokens = ()
    spelled: dict[str, Tokens] = {}
    for option in dict.fromkeys(options):
        before, spelled[option] = continuation(server, prompt, option, special=True)
    steps: dict[Tokens, set[int]] = {}
    for tokens in spelled.values():
        for length, token in enumerate(tokens):
            steps.setdefault(tokens[:length], set()).add(token)
    # Short prefixes first, so that each step finds the one before it in the slot.
    known = {
        prefix: next_logprobs(server, slot, before + prefix, sorted(steps[prefix]))
        for prefix in sorted(steps, key=lambda prefix: (prefix[:1], len(prefix), prefix))
    }
    totals = {
        option: math.fsum(known[tokens[:at]][token] for at, token in enumerate(tokens))
        for option, tokens in spelled.items()
    }
    return totals, len(before)


def normalised(totals: Mapping[str, float]) -> tuple[dict[str, float], float]:
    """Probabilities that sum to 1 over the options, and the total probability before that."""
    most = max(totals.values())
    weights = {option: math.exp(total - most) for option, total in totals.items()}
    sum_ = math.fsum(weights.values())
    return {option: weight / sum_ for option, weight in weights.items()}, math.exp(most) * sum_


def score_text(
    server: Server, slot: int, context: str, text: str
) -> tuple[list[tuple[str, float]], int]:
    """Each token of a text with its log-probability, given a context.

    With an empty context the model's beginning token stands before the text.

    Returns:
        Token texts with log-probabilities, and the number of tokens before the text.
    """
    before, tokens = continuation(server, context, text, special=False)
    before = before or tuple(server.first_tokens())
    if not before:
        raise CallFailed(
            "the model has no beginning token, so the first token of a text without context "
            "has no log-probability; give a context"
        )
    # The pieces of the text alone are the tokens' texts unless it was tokenised with its context.
    pieces = dict(server.pieces(context + text, special=False)) | dict(
        server.pieces(text, special=False)
    )
    out = []
    for at, token in enumerate(tokens):
        logprob = next_logprobs(server, slot, before + tokens[:at], [token])[token]
        out.append((pieces[token], logprob))
    return out, len(before)
