"""The frozen values that pass between the parts.

One invariant: a record never changes after it was made, holds only plain data (text, numbers, tuples,
mappings, arrays of vectors) and can therefore be stored, hashed, pickled and replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs

ReplyStatus = Literal["ok", "refused", "filtered", "truncated", "error"]
ScoreStatus = Literal["ok", "refused", "filtered", "truncated", "error", "unparsed"]
AskKind = Literal["chat", "choose", "loglik", "embed", "hidden"]
ReplyFormat = Literal["free", "constrained"]

REPLY_STATUSES: tuple[ReplyStatus, ...] = ("ok", "refused", "filtered", "truncated", "error")
SCORE_STATUSES: tuple[ScoreStatus, ...] = (*REPLY_STATUSES, "unparsed")
ASK_KINDS: tuple[AskKind, ...] = ("chat", "choose", "loglik", "embed", "hidden")

FieldValue = str | int | float | bool | tuple[str, ...]
"""What a field of an item may hold: a scalar, or a list of texts."""


def _frozen_mapping(value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return dict(value) if value else {}


@attrs.frozen
class Item:
    """One stimulus, as a source yields it.

    Attributes:
        key: The source's own stable name for the stimulus; unique within a measure. Conditions and
            runs are paired by it, and every draw is seeded with it.
        fields: What templates and draws can name: scalars or lists of texts.
        groups: Columns for ``by``, such as a category; also usable in templates.
        gold: The right answer, where there is one.
    """

    key: str
    fields: Mapping[str, FieldValue] = attrs.field(factory=dict, converter=_frozen_mapping)
    groups: Mapping[str, str] = attrs.field(factory=dict, converter=_frozen_mapping)
    gold: str | float | None = None


@attrs.frozen
class Trial:
    """One administration of one item under one condition in one repeat.

    Attributes:
        ordinal: Position in the plan, from 0; the same plan always gives the same ordinals.
        item: The stimulus.
        levels: The level of every factor.
        repeat: From 0.
        draws: Every random choice made for this trial (order shown, label assigned), by name.
        fields: All that a template can name: the item's fields and groups, the levels with the
            fields they carry, and the draws.
        format: ``free`` or ``constrained``: which form of the turns is asked.
    """

    ordinal: int
    item: Item
    levels: Mapping[str, str]
    repeat: int
    draws: Mapping[str, FieldValue]
    fields: Mapping[str, FieldValue]
    format: ReplyFormat = "free"


@attrs.frozen
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@attrs.frozen
class Decoding:
    """How a reply is drawn. ``None`` leaves the provider's default and is stored as such.

    Attributes:
        temperature: 0 is greedy.
        top_p: Nucleus mass in (0, 1].
        top_k: Number of candidates; 0 switches it off where the backend knows the option.
        max_tokens: Most tokens of the reply.
        stop: Strings that end the reply.
        seed: Sampling seed for the backend; derived from the run's seed, never set by hand.
        logprobs: Number of alternatives per token whose log-probability is wanted; 0 for none.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int = 0

    def seeded(self, seed: int) -> Decoding:
        """The same with a sampling seed."""
        # Spelt out, for every call makes one: a quarter of the time of a general copy.
        return Decoding(
            self.temperature,
            self.top_p,
            self.top_k,
            self.max_tokens,
            self.stop,
            seed,
            self.logprobs,
        )


@attrs.frozen
class Constraint:
    """What a reply may look like; exactly one form is set.

    Attributes:
        pattern: Literal texts and alternatives in order. ``("w - ", ("a", "b"), "\\n")`` allows the
            two texts ``w - a`` and ``w - b`` followed by a line break. Every backend that constrains
            at all takes this form.
        regex: A regular expression over the whole reply.
        grammar: A GBNF grammar with a rule ``root``.
        json_schema: A JSON Schema for the reply, as JSON text.
    """

    pattern: tuple[str | tuple[str, ...], ...] | None = None
    regex: str | None = None
    grammar: str | None = None
    json_schema: str | None = None

    def __attrs_post_init__(self) -> None:
        if sum(form is not None for form in attrs.astuple(self, recurse=False)) != 1:
            raise ValueError(
                "a constraint has exactly one of: pattern, regex, grammar, json_schema"
            )

    @property
    def form(self) -> str:
        """The name of the form that is set."""
        return next(
            str(field.name)
            for field in attrs.fields(type(self))
            if getattr(self, field.name) is not None
        )


@attrs.frozen(kw_only=True)
class Ask:
    """One request to a model in some role. Use one of the five kinds below.

    Attributes:
        role: Who is asked; ``subject`` is the model measured.
        name: What the reply is called in later templates and in scorers.
        sample: Tells apart several equal asks of one trial, so that each gets a reply of its own.
        imported: The reply was published by others and read from a table. No prompt was sent from
            here: ``messages`` hold the prompt that was published with it, or nothing when none was,
            and ``sample`` is the number of the table's row, from 1.
        trial: The trial this ask belongs to, set by the run loop for backends that answer from a
            table or a plan. It is no part of the ask's identity.
    """

    kind: ClassVar[AskKind]
    role: str = "subject"
    name: str = "reply"
    sample: int = 0
    imported: bool = False
    trial: Trial | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Chat(Ask):
    """Messages in, text out. A last message of role ``assistant`` is a prefill to be continued."""

    kind: ClassVar[AskKind] = "chat"
    messages: tuple[Message, ...]
    decoding: Decoding = Decoding()
    constraint: Constraint | None = None


@attrs.frozen(kw_only=True)
class Choose(Ask):
    """Messages and options in, one probability per option out.

    Attributes:
        messages: The conversation; a last ``assistant`` message is continued by the option.
        options: The texts among which the model chooses, in the order shown.
    """

    kind: ClassVar[AskKind] = "choose"
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    decoding: Decoding = Decoding()


@attrs.frozen(kw_only=True)
class Loglik(Ask):
    """A text in, the log-probability of each of its tokens out, given the context before it."""

    kind: ClassVar[AskKind] = "loglik"
    text: str
    context: str = ""


@attrs.frozen(kw_only=True)
class Embed(Ask):
    """Texts in, one vector each out."""

    kind: ClassVar[AskKind] = "embed"
    texts: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Hidden(Ask):
    """Texts in, hidden states per layer out.

    Attributes:
        layers: Layer numbers; 0 is the embedding layer, negative numbers count from the last.
        pooling: How the tokens of a text become one vector.
    """

    kind: ClassVar[AskKind] = "hidden"
    texts: tuple[str, ...]
    layers: tuple[int, ...] = (-1,)
    pooling: Literal["mean", "last", "none"] = "mean"


@attrs.frozen
class TokenLogprob:
    """One token and its natural-log probability, with the best alternatives that were returned.

    The alternatives are the top few only: the mass outside them is unknown, not zero.
    """

    token: str
    logprob: float
    alternatives: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Reply:
    """What came back for one ask.

    Attributes:
        status: ``ok``, or why there is no full answer. ``refused`` and ``filtered`` only when the
            provider says so; a refusal in words is for a scorer to see.
        text: The text, as it came.
        finish: The provider's own word for why it stopped.
        probabilities: For ``choose``: option → probability, summing to 1 over the options.
        exact: For ``choose``: True when read from log-probabilities, False when estimated from samples.
        coverage: For ``choose``: total probability the model gave to the options before they were
            normalised, where known.
        tokens: Log-probabilities of the reply's tokens, or of the text's for ``loglik``.
        vectors: For ``embed`` one vector per text; for ``hidden`` one per text and layer
            (``vectors[text][layer]`` flattened in that order).
        missing: For ``embed``: texts the model has no vector for; their vector is empty.
        tokens_in: Tokens of the prompt, where the backend counts them.
        tokens_out: Tokens of the reply.
        cost: US dollars, None when unknown.
        model: The model that says it answered.
        raw: The provider's reply as JSON text, for what this record does not carry.
        error: For status ``error``: a sentence without secrets.
        seconds: Time the call took.
    """

    status: ReplyStatus = "ok"
    text: str = ""
    finish: str | None = None
    probabilities: Mapping[str, float] | None = None
    exact: bool | None = None
    coverage: float | None = None
    tokens: tuple[TokenLogprob, ...] | None = None
    vectors: tuple[Sequence[float], ...] | None = None
    missing: tuple[str, ...] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    model: str | None = None
    raw: str | None = None
    error: str | None = None
    seconds: float | None = None


@attrs.frozen
class Exchange:
    """One ask with its reply."""

    ask: Ask
    reply: Reply


@attrs.frozen
class TrialRecord:
    """A finished trial as scorers see it: what was drawn, and what was asked and answered."""

    trial: Trial
    exchanges: tuple[Exchange, ...]

    @property
    def last(self) -> Reply:
        """The reply to the last ask.

        Raises:
            LookupError: The trial has no reply.
        """
        if not self.exchanges:
            raise LookupError("this trial has no reply")
        return self.exchanges[-1].reply

    def reply(self, name: str) -> Reply:
        """The last reply of that name.

        Raises:
            LookupError: No ask of the trial has that name.
        """
        for exchange in reversed(self.exchanges):
            if exchange.ask.name == name:
                return exchange.reply
        raise LookupError(f"this trial has no reply named {name!r}")


@attrs.frozen
class ItemRecord:
    """All finished trials of one item in one run, in plan order."""

    item: Item
    trials: tuple[TrialRecord, ...]


@attrs.frozen(kw_only=True)
class Score:
    """One number read off a trial or an item, or the reason why there is none.

    Attributes:
        name: What it is called in ``of``. The first score of a scorer bears the scorer's name or
            the ``as`` of its ``[[score]]`` block; further ones are ``NAME.part``.
        value: The number; None unless the status is ``ok`` or ``truncated``.
        status: ``ok``, or why there is no number. A failure is never a low score.
        detail: What the number was made of: counts, parsed lines, the judge's words.
    """

    name: str
    value: float | None
    status: ScoreStatus = "ok"
    detail: Mapping[str, Any] = attrs.field(factory=dict, converter=_frozen_mapping)

    def __attrs_post_init__(self) -> None:
        if self.value is not None and self.status not in ("ok", "truncated"):
            raise ValueError(
                f"score {self.name!r} has status {self.status!r} and may not have a value"
            )
        if self.value is None and self.status == "ok":
            raise ValueError(f"score {self.name!r} has status 'ok' and needs a value")


@attrs.frozen(kw_only=True)
class Estimate:
    """What a statistic says of one group of scores.

    Statistics fill the upper part; the run fills ``statistic``, ``of``, ``group``, the counts and
    the correction.

    Attributes:
        quantity: What ``value`` is, such as ``mean``.
        value: The estimate; None when the statistic refused, with the reason in ``note``.
        low, high: Interval at ``level``.
        level: Confidence level in (0, 1).
        error: Standard error.
        test: Name of the test statistic, such as ``t``.
        test_value: Its value.
        df: Degrees of freedom; ``df2`` for the second of an F test.
        p: Two-sided p-value unless ``method`` says otherwise.
        log10_p: Base-10 logarithm of p, kept where p underflows.
        effect: Name of the effect size.
        effect_value: Its value.
        effect_low, effect_high: Its interval at ``level``.
        n: Number of units the estimate rests on.
        method: Exact name of the method, with its options.
        note: A warning, or the reason for a refusal.
        detail: Further numbers.
        statistic: Label of the statistic's block.
        of: Score, or scores, it was computed from.
        group: Column → value of ``by``; a statistic may add what its own rows are about.
        counts: Score status → number of rows.
        p_corrected: p over the family.
        correction: Name of the correction.
        family: Name of the family.
        family_size: Number of p-values that were corrected together.
    """

    quantity: str
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    error: float | None = None
    test: str | None = None
    test_value: float | None = None
    df: float | None = None
    df2: float | None = None
    p: float | None = None
    log10_p: float | None = None
    effect: str | None = None
    effect_value: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    n: int | None = None
    method: str = ""
    note: str | None = None
    detail: Mapping[str, Any] = attrs.field(factory=dict, converter=_frozen_mapping)
    statistic: str = ""
    of: str = ""
    group: Mapping[str, str] = attrs.field(factory=dict, converter=_frozen_mapping)
    counts: Mapping[str, int] = attrs.field(factory=dict, converter=_frozen_mapping)
    p_corrected: float | None = None
    correction: str | None = None
    family: str | None = None
    family_size: int | None = None


def _kinds(value: Iterable[AskKind]) -> frozenset[AskKind]:
    return frozenset(value)


def _texts(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


@attrs.frozen(kw_only=True)
class Capability:
    """What a backend can do with one model; checked before the first call.

    Attributes:
        kinds: The kinds of ask it answers.
        constraints: The forms of constraint it honours; the rest are refused before the run.
        logprobs: Most alternatives per token it can return; 0 when it returns none.
        sampled_choose: ``choose`` is estimated from samples, not read from log-probabilities.
        prefill: It continues a last assistant message.
        system: It takes a system message.
        seed: It takes a sampling seed.
        free_format: False when the model is known not to follow answer formats in words; runs then
            use the constrained form of the turns where the measure has one.
        concurrency: Most asks it can work on at once; None for no limit of its own.
        blocking: A plain ``ask`` that computes or waits, and so runs in a thread of its own.
        patience: Seconds one call may take unless the user says; None for the usual 120. A model in
            this process that cannot be interrupted should have more: an abandoned call goes on
            computing and slows down all others.
    """

    kinds: frozenset[AskKind] = attrs.field(converter=_kinds)
    constraints: frozenset[str] = attrs.field(default=frozenset(), converter=_texts)
    logprobs: int = 0
    sampled_choose: bool = False
    prefill: bool = True
    system: bool = True
    seed: bool = False
    free_format: bool = True
    concurrency: int | None = None
    blocking: bool = True
    patience: float | None = None


@attrs.frozen(kw_only=True)
class Need:
    """Something a measure asks of the model in one role.

    Attributes:
        kind: A kind of ask.
        role: The role it is asked in.
        constraint: A form of constraint that must be honoured.
        logprobs: Alternatives per token that must be returned.
        prefill: A last assistant message must be continued.
    """

    kind: AskKind
    role: str = "subject"
    constraint: str | None = None
    logprobs: int = 0
    prefill: bool = False


@attrs.frozen(kw_only=True)
class Price:
    """US dollars per million tokens; None where unknown."""

    tokens_in: float | None = None
    tokens_out: float | None = None


@attrs.frozen(kw_only=True)
class ModelInfo:
    """A model whose weights a backend can bring to this machine.

    Attributes:
        name: The model as it is written behind the backend's name.
        path: Where its weights lie; None until they were pulled.
        bytes: Size of the weights.
        licence: Under which terms they may be used.
        source: Where they come from, in words.
        note: What a user should know before choosing it.
    """

    name: str
    path: str | None
    bytes: int
    licence: str
    source: str
    note: str = ""
