"""Answers written beforehand: for tests, demonstrations, and trying a measure without a model.

One invariant: no network, no model and no clock decide a reply, and every simulated reply says
``scripted`` as the model that served it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

import attrs

from gnomon import Ask, CallFailed, Capability, Chat, Choose, Embed, Hidden, Loglik, Price, Reply
from gnomon_plugins.backends import _fill as fill
from gnomon_plugins.backends._script import Rule, Script, read_script

_SPECIAL = ("echo", "fill")
_FORMS = ("pattern", "regex", "grammar", "json_schema")


def _plain(answers: Sequence[str | Reply]) -> tuple[str | Reply, ...]:
    return (answers,) if isinstance(answers, (str, Reply)) else tuple(answers)


@attrs.frozen(kw_only=True)
class Scripted:
    """Answers from a list, a function, a file of rules, or out of a hash of the ask.

    ``scripted:fill`` answers anything in the form asked for (a member of the constraint, a share for
    each option, a vector for each text), so that every measure runs without a model; its numbers mean
    nothing. ``scripted:echo`` repeats the last user message. From Python: ``Scripted(answers=[...])``
    and ``Scripted(function=...)``. Log-probabilities, vectors and hidden states are simulated in all of
    them; chat and choose are what the script says.

    ``scripted:FILE.toml`` (or ``.json`` with the same keys) answers from a file: ``answers``, a list given out
    in order, or blocks ``[[rule]]``, of which the first that fits answers, and ``default`` where none does. A rule
    fits when the last user message holds ``match``, or when ``regex`` is found in it. It answers with ``reply``
    and ``status``, for ``choose`` with ``probabilities`` (option to number), after ``delay`` seconds; with
    ``fail`` the call fails with that sentence, and may be tried again (``retry = true``, ``after`` so many
    seconds) or stops the run (``fatal = true``). In a ``.jsonl`` file each line is an answer (a string) or a rule (an object).

    Example::

        gnomon run implicit-bias --model scripted:fill

    Attributes:
        model: ``fill``, ``echo``, or the path of an answer file.
        answers: Texts or replies given out in the order of the asks; from Python.
        function: Takes an ask and returns a text or a reply.
        cycle: Begin again when the answers are used up; otherwise that is a failure.
    """

    name: ClassVar[str] = "scripted"
    may: ClassVar[Capability] = Capability(
        kinds={"chat", "choose", "loglik", "embed", "hidden"}, constraints=_FORMS, logprobs=20
    )
    model: str = "python"
    answers: tuple[str | Reply, ...] = attrs.field(default=(), converter=_plain)
    function: Callable[[Ask], str | Reply] | None = None
    cycle: bool = False
    _script: Script = attrs.field(init=False, eq=False, repr=False)
    _identity: Mapping[str, str] = attrs.field(init=False, eq=False, repr=False)
    _given: list[int] = attrs.field(init=False, eq=False, repr=False, factory=lambda: [0])

    def __attrs_post_init__(self) -> None:
        if self.answers and self.function is not None:
            raise ValueError("scripted takes answers or a function, not both")
        in_python = bool(self.answers) or self.function is not None
        if self.model == "python" and not in_python:
            raise ValueError("scripted needs a file, 'fill', 'echo', answers or a function")
        script = Script(answers=self.answers)  # type: ignore[arg-type] # replies are given out alike
        if not in_python and self.model not in _SPECIAL:
            script = read_script(self.model)
        object.__setattr__(self, "_script", script)
        object.__setattr__(self, "_identity", _identity(self.function, script))

    @property
    def offers(self) -> Capability:
        """All five kinds. Answers in order are given one at a time, so that the order is the plan's."""
        filling = self.model == "fill"
        return Capability(
            kinds=self.may.kinds,
            constraints=() if self.model == "echo" else _FORMS,
            logprobs=20,
            seed=True,
            free_format=not filling,
            concurrency=1 if self._script.answers else None,
            blocking=False,
        )

    @property
    def identity(self) -> Mapping[str, str]:
        """The hash of the answer file, the answers themselves, or where the function is from."""
        return self._identity

    def price(self) -> Price:
        """Nothing."""
        return Price(tokens_in=0.0, tokens_out=0.0)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(fill.tokens_of(text))

    def ask(self, ask: Ask) -> Reply | Awaitable[Reply]:
        """The scripted reply; awaitable when a rule has a delay.

        Raises:
            CallFailed: The answers are used up, no rule fits, or a rule says so.
        """
        if isinstance(ask, (Loglik, Embed, Hidden)):
            return fill.numbers(ask)
        if not isinstance(ask, (Chat, Choose)):
            raise CallFailed(f"scripted does not know asks of kind {ask.kind!r}", fatal=True)
        if self.function is not None:
            return _finished(ask, self.function(ask))
        if self._script.answers:
            return _finished(ask, self._next())
        if self.model == "fill":
            return _filled(ask)
        if self.model == "echo":
            return _finished(ask, fill.last_user(ask.messages))
        return self._by_rule(ask)

    def _next(self) -> str | Reply:
        answers = self._script.answers
        place = self._given[0]
        self._given[0] += 1
        if place >= len(answers) and not self.cycle:
            raise CallFailed(
                f"every answer of the script was given ({len(answers)}); "
                "add answers, or begin again with cycle=true",
                fatal=True,
            )
        return answers[place % len(answers)]

    def _by_rule(self, ask: Chat | Choose) -> Reply | Awaitable[Reply]:
        said = fill.last_user(ask.messages)
        rule = next((rule for rule in self._script.rules if rule.fits(said)), None)
        if rule is None:
            if self._script.default is None:
                raise CallFailed(
                    f"no rule of {self.model!r} fits {said[:80]!r}, and it has no default"
                )
            return _finished(ask, self._script.default)
        return _later(ask, rule) if rule.delay else _ruled(ask, rule)


def _identity(function: Callable[[Ask], Any] | None, script: Script) -> Mapping[str, str]:
    if function is not None:
        module, name = (getattr(function, key, "") for key in ("__module__", "__qualname__"))
        return {"function": f"{module}.{name}"}
    if script.digest:
        return {"sha256": script.digest}
    return {"answers": repr(script.answers)} if script.answers else {}


async def _later(ask: Chat | Choose, rule: Rule) -> Reply:
    import asyncio

    await asyncio.sleep(rule.delay)
    return _ruled(ask, rule)


def _ruled(ask: Chat | Choose, rule: Rule) -> Reply:
    if rule.fail is not None:
        raise CallFailed(rule.fail, retry=rule.retry, after=rule.after, fatal=rule.fatal)
    reply = Reply(
        status=rule.status,
        text=rule.reply,
        probabilities=rule.probabilities,
        error=rule.reply or "the script says so" if rule.status == "error" else None,
    )
    return _finished(ask, reply)


def _filled(ask: Chat | Choose) -> Reply:
    seed = fill.seed_of(ask)
    if isinstance(ask, Choose):
        return fill.choice(ask.options, seed)
    if ask.constraint is not None:
        return _said(ask, fill.member(ask.constraint, seed))
    return _said(ask, fill.sentence(seed))


def _finished(ask: Chat | Choose, given: str | Reply) -> Reply:
    """The reply with what a provider would add: counts, the model served, probabilities."""
    if isinstance(given, str):
        if isinstance(ask, Chat):
            return _said(ask, given)
        given = Reply(text=given, finish="stop")
    elif not isinstance(given, Reply):
        raise CallFailed(
            f"a scripted answer must be a text or a Reply, found {given!r}", fatal=True
        )
    added: dict[str, Any] = {"model": given.model or fill.SERVED}
    if given.tokens_out is None:
        added |= {"tokens_in": _size(ask), "tokens_out": len(given.text) // 4, "cost": 0.0}
    if isinstance(ask, Choose) and given.status == "ok":
        added |= _chosen(ask, given)
    reply = attrs.evolve(given, **added)
    if ask.decoding.logprobs and reply.tokens is None and isinstance(ask, Chat):
        return fill.with_logprobs(reply, ask)
    return reply


def _size(ask: Chat | Choose) -> int:
    return sum([len(message.content) for message in ask.messages]) // 4


def _said(ask: Chat, text: str) -> Reply:
    # One construction and no copy: this is the path that long runs take.
    reply = Reply(
        text=text,
        finish="stop",
        model=fill.SERVED,
        tokens_in=_size(ask),
        tokens_out=len(text) // 4,
        cost=0.0,
    )
    return fill.with_logprobs(reply, ask) if ask.decoding.logprobs else reply


def _chosen(ask: Choose, given: Reply) -> Mapping[str, Any]:
    """Probabilities over the options: those of the script, or all on the option it names."""
    shares = given.probabilities
    if shares is None:
        text = given.text.strip()
        if text not in ask.options:
            raise CallFailed(
                f"the script answers {text[:80]!r}, which is none of the options: "
                f"{', '.join(ask.options)}"
            )
        shares = {text: 1.0}
    inside = {option: float(shares.get(option, 0.0)) for option in ask.options}
    total = sum(inside.values())
    if total <= 0:
        raise CallFailed(
            f"the script has probabilities for {', '.join(shares)} and for none of the options: "
            f"{', '.join(ask.options)}"
        )
    return {
        "probabilities": {option: share / total for option, share in inside.items()},
        "exact": True if given.exact is None else given.exact,
        "coverage": total / max(1.0, sum(shares.values())),
    }
