"""The spec: what one TOML file declares, as frozen values.

These classes *are* the format: their attributes are the keys, their types what a key may hold, their
docstrings the reference. ``gnomon.loading`` fills them and reports every fault with its place. One
invariant: a loaded spec holds no code, no model and nothing from the environment.

An attribute with ``metadata={"key": ...}`` is written under that key in TOML.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from gnomon.records import AskKind, Decoding, Need

SUBJECT = "subject"

Level = Mapping[str, str | int | float | bool | tuple[str, ...]]
Only = Mapping[str, str | tuple[str, ...]]
"""Which levels a block is for: factor → level or levels. A block without it is for all."""


def own_needs(plugin: Any) -> tuple[Need, ...]:
    """What a plugin needs of models: in the role of its own, where it has one and the need names none."""
    role = getattr(plugin, "role", None)
    needs = tuple(getattr(plugin, "needs", ()))
    if not isinstance(role, str):
        return needs
    return tuple(attrs.evolve(need, role=role) if need.role == SUBJECT else need for need in needs)


def applies(only: Only, levels: Mapping[str, str]) -> bool:
    """Whether a block with this ``only`` is for a trial with these levels.

    A factor whose level is not known, as in replies that others published, is of none of them.
    """
    return all(
        levels.get(factor) == wanted if isinstance(wanted, str) else levels.get(factor) in wanted
        for factor, wanted in only.items()
    )


@attrs.frozen(kw_only=True)
class Draw:
    """``[[design.draw]]``: one random choice, drawn for each trial and stored with it.

    Draws depend on the seed, the item, the repeat and their own name only, so that the conditions of
    one item and repeat share them: contrasts between conditions are not confounded with draws. Exactly
    one of ``pick``, ``sample``, ``shuffle``, ``arrange`` says what is done.

    Attributes:
        name: What templates and scorers call the result. With ``arrange`` it names the stored order.
        pick: One value of this list field (or of several fields put together).
        sample: ``count`` different values of this list field (or fields), in random order.
        shuffle: All values of this list field (or fields), in random order.
        arrange: Names of fields to be shown in an order; their values go ``into`` new names.
        count: How many to ``sample``.
        by: A factor whose level spells the order for ``arrange`` in letters: ``ab`` as listed,
            ``ba`` reversed. Without it the order is drawn.
        into: The names that the arranged values get, first to last.
        join: Text between values in a prompt; a comma and a space unless given.
        only: For these levels only; draws of one name must not overlap.
    """

    name: str
    pick: str | tuple[str, ...] | None = None
    sample: str | tuple[str, ...] | None = None
    shuffle: str | tuple[str, ...] | None = None
    arrange: tuple[str, ...] | None = None
    count: int | None = None
    by: str | None = None
    into: tuple[str, ...] = ()
    join: str | None = None
    only: Only = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Design:
    """``[design]``: factors × levels × repeats, and every random choice.

    Attributes:
        repeats: How often each item is administered under each combination of crossed levels.
        factors: Crossed factors. A list of level names, or a table of levels each of which carries
            fields for the templates.
        balanced: Factors of which each trial gets one level, balanced over items and repeats
            in a seeded Latin square, so that they cost no further trials.
        draw: Random choices, in order; a later one may use the result of an earlier one.
        cluster: The column whose trials are not independent: the item, or the group of several items
            that were made from one. Statistics follow it unless they name another; ``none`` takes
            trials as independent.
    """

    repeats: int = 1
    factors: Mapping[str, tuple[str, ...] | Mapping[str, Level]] = attrs.field(factory=dict)
    balanced: Mapping[str, tuple[str, ...] | Mapping[str, Level]] = attrs.field(factory=dict)
    draw: tuple[Draw, ...] = ()
    cluster: str = "item"

    @property
    def clusters(self) -> tuple[str, ...]:
        """The columns whose rows are not independent, for a table of scores."""
        return clusters_of(self.cluster)


def clusters_of(cluster: str) -> tuple[str, ...]:
    """The columns that ``[design] cluster`` names; none for ``none``."""
    return () if cluster == "none" else (cluster,)


@attrs.frozen(kw_only=True)
class TurnConstraint:
    """``[turn.constraint]``: the form a reply is held to, by a backend that can.

    Either ``options`` (with ``line`` and ``each`` for one line per value of a list), or one of
    ``regex``, ``grammar``, ``json_schema``.

    Attributes:
        when: ``constrained`` holds the reply to it only in runs of that format; ``always`` in all.
        user: The user message to send in place of the turn's own when the reply is held to the form.
        options: The alternatives; templates. ``{name}`` alone stands for all values of a list field.
        each: A list field or draw; one line is required for each of its values, in its order.
        line: What stands before the alternatives in each line; ``{each}`` is the value.
        regex: A regular expression over the whole reply.
        grammar: A GBNF grammar.
        json_schema: A JSON Schema, as JSON text.
    """

    when: Literal["constrained", "always"] = "constrained"
    user: str | None = None
    options: tuple[str, ...] = ()
    each: str | None = None
    line: str = "{each}: "
    regex: str | None = None
    grammar: str | None = None
    json_schema: str | None = None


@attrs.frozen(kw_only=True)
class DecodingKeys:
    """``[decoding]``: how replies are drawn. Keys left out stay at the provider's default.

    Attributes:
        temperature: 0 is greedy.
        top_p: Nucleus mass in (0, 1].
        top_k: Number of candidates.
        max_tokens: Most tokens of a reply.
        stop: Strings that end a reply.
        logprobs: Alternatives per token whose log-probability is wanted.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    logprobs: int | None = None

    def over(self, base: Decoding) -> Decoding:
        """``base`` with every key that is set here replaced."""
        given = {
            name: value
            for name, value in attrs.asdict(self, recurse=False).items()
            if value is not None
        }
        return attrs.evolve(base, **given) if given else base


@attrs.frozen(kw_only=True)
class Turn:
    """``[[turn]]``: one step of the conversation; all texts are templates.

    Attributes:
        system: System message; opens a conversation.
        user: User message.
        assistant: An assistant message that is put into the conversation as said, with no model asked.
        prefill: How the reply must begin; the model continues it.
        role: Who is asked.
        name: What the reply is called: ``{name}`` in later turns, and in scorers.
        kind: The kind of ask.
        options: For ``choose``: the options. ``{name}`` alone stands for all values of a list field.
        texts: For ``embed`` and ``hidden``: the texts, likewise.
        text: For ``loglik``: the text whose probability is wanted; ``user`` is then its context.
        layers: For ``hidden``.
        pooling: For ``hidden``.
        samples: How many replies to draw for this turn; they do not enter the conversation when
            more than one.
        fresh: Start a new conversation: earlier turns are not shown.
        only: For trials with these levels only.
        decoding: Overrides of ``[decoding]`` for this turn.
        constraint: The form the reply is held to.
    """

    system: str | None = None
    user: str | None = None
    assistant: str | None = None
    prefill: str | None = None
    role: str = "subject"
    name: str = "reply"
    kind: AskKind = "chat"
    options: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    text: str | None = None
    layers: tuple[int, ...] = (-1,)
    pooling: Literal["mean", "last", "none"] = "mean"
    samples: int = 1
    fresh: bool = False
    only: Only = attrs.field(factory=dict)
    decoding: DecodingKeys = DecodingKeys()
    constraint: TurnConstraint | None = None


@attrs.frozen(kw_only=True)
class Use:
    """A block that calls a plugin: its name, and an instance made from the other keys.

    Attributes:
        name: The plugin's name.
        plugin: The instance, its attributes set from the options.
        options: The options as written.
    """

    name: str
    plugin: Any
    options: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class ScoreKeys:
    """``[[score]]``: keys beside the scorer's own options.

    Attributes:
        use: The scorer's name.
        label: ``as``: what the score is called; the scorer's name unless given.
        only: For trials with these levels only.
    """

    use: str
    label: str | None = attrs.field(default=None, metadata={"key": "as"})
    only: Only = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class StatisticKeys:
    """``[[statistic]]``: keys beside the statistic's own options.

    Attributes:
        use: The statistic's name.
        of: The score, or scores, it is computed from.
        by: Columns whose combinations are estimated apart: factors, groups, ``item``, ``repeat``.
        where: Rows to keep: column → value or values.
        label: ``as``: what the estimates are called; the statistic's name unless given.
        correction: The correction for multiple testing over the family.
        family: Name of the family; blocks that name the same family are corrected together.
            A block without it is a family of its own.
    """

    use: str
    of: str | tuple[str, ...]
    by: tuple[str, ...] = ()
    where: Only = attrs.field(factory=dict)
    label: str | None = attrs.field(default=None, metadata={"key": "as"})
    correction: str | None = None
    family: str | None = None


@attrs.frozen(kw_only=True)
class StopKeys:
    """``[stop]``: when a run may end before its plan does. Either ``half_width`` or ``decision``.

    The statistic must be one that stays valid under continuous looking (``anytime``). Trials come in plan
    order, repeats outermost; what a statistic assumes of that order its own help says.

    Attributes:
        use: The statistic's name; its options stand beside.
        of: The score, one of trials.
        half_width: Stop when half the interval's width is at most this.
        decision: Stop when the interval does not hold this value.
        alpha: Probability of ever being wrong.
        every: Look after so many finished trials.
        min: Do not look before so many trials are finished.
        max: Stop when so many trials are finished.
    """

    use: str
    of: str
    half_width: float | None = None
    decision: float | None = None
    alpha: float = 0.05
    every: int = 50
    min: int = 0
    max: int | None = None


@attrs.frozen(kw_only=True)
class StopBlock:
    """A loaded ``[stop]``."""

    keys: StopKeys
    use: Use


@attrs.frozen(kw_only=True)
class ScoreBlock:
    """A loaded ``[[score]]``."""

    keys: ScoreKeys
    use: Use

    @property
    def label(self) -> str:
        """The name of the first score."""
        return self.keys.label or self.use.name


@attrs.frozen(kw_only=True)
class StatisticBlock:
    """A loaded ``[[statistic]]``. ``correction`` is an instance of the named correction."""

    keys: StatisticKeys
    use: Use
    correction: Any = None

    @property
    def label(self) -> str:
        """The name of the estimates."""
        return self.keys.label or self.use.name

    @property
    def of(self) -> tuple[str, ...]:
        """The scores it is computed from."""
        return (self.keys.of,) if isinstance(self.keys.of, str) else self.keys.of


@attrs.frozen(kw_only=True)
class Expectation:
    """``[expect]``: bounds on an estimate; the run exits with 1 when one is violated.

    Attributes:
        min: Least allowed value.
        max: Greatest allowed value.
    """

    min: float | None = None
    max: float | None = None


@attrs.frozen(kw_only=True)
class SpecKeys:
    """The keys of a spec.

    Attributes:
        measure: Its name; equals the file name.
        title: One line for tables.
        version: Bumped when a number could change.
        seed: The only seed; every draw derives from it by name.
        needs: Kinds of ask the subject must answer.
        about: What is measured and how, in a few sentences.
        cites: Papers, as ``arXiv:…`` or ``doi:…``.
        tags: Words to find it by.
        roles: What every role other than the subject is for.
        stimuli: The source and its options.
        design: Factors, repeats, draws.
        procedure: The procedure and its options; ``turns`` unless given.
        turn: The conversation.
        decoding: How replies are drawn.
        score: Scorers.
        statistic: Statistics.
        stop: The rule that may end a run early; none unless given.
        expect: ``STATISTIC.QUANTITY`` → bounds.
    """

    measure: str
    title: str
    version: int
    seed: int
    needs: tuple[AskKind, ...]
    stimuli: Mapping[str, Any]
    about: str = ""
    cites: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    roles: Mapping[str, str] = attrs.field(factory=dict)
    design: Design = Design()
    procedure: Mapping[str, Any] = attrs.field(factory=lambda: {"use": "turns"})
    turn: tuple[Turn, ...] = ()
    decoding: DecodingKeys = DecodingKeys()
    score: tuple[Mapping[str, Any], ...] = ()
    statistic: tuple[Mapping[str, Any], ...] = ()
    stop: Mapping[str, Any] = attrs.field(factory=dict)
    expect: Mapping[str, Expectation] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Spec:
    """A loaded, valid spec.

    Attributes:
        path: The file.
        text: Its text, as stored with every run.
        keys: What was written.
        source: The stimuli source.
        procedure: The procedure.
        scores: Scorers in order.
        statistics: Statistics in order.
        stop: The rule that may end a run early.
    """

    path: Path
    text: str
    keys: SpecKeys
    source: Use
    procedure: Use
    scores: tuple[ScoreBlock, ...]
    statistics: tuple[StatisticBlock, ...]
    stop: StopBlock | None = None

    @property
    def name(self) -> str:
        """The measure's name."""
        return self.keys.measure

    @property
    def folder(self) -> Path:
        """The only folder the spec's paths may lead to."""
        return self.path.parent
