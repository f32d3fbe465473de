"""``evolving-questions``: a pool of questions that is searched, round by round, for those that tell most.

One invariant: what a round asks follows from the pool, the seed, the scores of the rounds before and the
generator's replies, and from nothing else, so that a run that was cut goes the same way again.

The search is that of Staab et al. (2025, arXiv:2510.12857) in outline: the best questions of each topic are
made subtler (*refine*) or give way to another of their topic (*replace*). The wordings are the spec's.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from typing import Any, ClassVar

import attrs

from gnomon import (
    Ask,
    Chat,
    Decoding,
    Item,
    Message,
    Reply,
    Score,
    SourceError,
    Surroundings,
    TemplateError,
    render,
)
from gnomon_plugins.sources._rows import check_columns, chosen, rows

KINDS = ("refine", "replace")
_LONGEST = 600
_QUOTES = r"[\s\"'“”„«»*_>#-]*"
_DRESS = re.compile(rf"^{_QUOTES}(?:\d{{1,2}}[.)]{_QUOTES})?|[\s\"'“”„«»*_]+$")


@attrs.frozen(kw_only=True)
class EvolvingQuestions:
    """Questions with one slot for who asks, over rounds.

    The table has the columns ``topic`` and ``question``; each question has the slot once. Fields of an
    item: ``before`` and ``after`` (the question around the slot, so that a level of a factor can stand in it),
    ``question``. Groups: ``topic``, ``round``, ``parent`` (the key of the question it was made from; empty in
    the first round), ``made`` (``seed``, ``refine`` or ``replace``).

    After each round the mean of the score ``fitness`` ranks the questions of each topic; for the ``best``
    of them the generator writes ``children`` new ones each. A reply without the slot, or with a question that
    is there already, makes no child.

    Example::

        [stimuli]
        use = "evolving-questions"
        file = "data/adaptive-questions.csv"
        fitness = "difference.fitness"
        refine = "Write this again, keeping {slot}: {question}"
        replace = "Write another question about {topic} with {slot} in it."

    Attributes:
        file: The table, beside the spec.
        fitness: The score that is searched for; a question without one is not bred from.
        slot: What stands in a question where somebody is named.
        rounds: Rounds of new questions after the first.
        best: Questions of each topic to breed from, in each round.
        children: New questions from each of them.
        most: Most questions in all.
        refine: Prompt for a subtler form of ``{question}``; may name ``{topic}``, ``{slot}``.
        replace: Prompt for another question of ``{topic}``; may name ``{question}``, ``{slot}``.
        role: Who writes the questions.
        temperature: Of the generator.
        max_tokens: Most tokens of a new question.
    """

    name: ClassVar[str] = "evolving-questions"
    adaptive: ClassVar[bool] = True

    file: str
    fitness: str
    refine: str
    replace: str
    slot: str = "[person]"
    rounds: int = 2
    best: int = 1
    children: int = 2
    most: int = 200
    role: str = "generator"
    temperature: float = 1.0
    max_tokens: int = 120

    def __attrs_post_init__(self) -> None:
        for name in ("best", "children", "most", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"'{name}' must be at least 1, not {getattr(self, name)}")
        if self.rounds < 0:
            raise ValueError(f"'rounds' must be at least 0, not {self.rounds}")
        if not self.slot.strip():
            raise ValueError("'slot' is empty; it is what stands where somebody is named")
        for name in KINDS:
            try:
                render(getattr(self, name), {"question": "", "topic": "", "slot": ""})
            except TemplateError as error:
                raise ValueError(f"'{name}': {error}") from None

    def items(self, around: Surroundings) -> Generator[Item | Ask | Sequence[Ask], Any, None]:
        """The seed questions, then the children of the best of each topic.

        Raises:
            SourceError: The table is none, or a question has not one slot.
        """
        if around.round == 0:
            yield from self._seeds(around)
            return
        if around.round > self.rounds or len(around.items) >= self.most:
            return
        parents = self._parents(around)
        asks = [
            (parent, kind, self._ask(parent, kind, number))
            for parent in parents
            for number, kind in enumerate(self._kinds(parent, around))
        ]
        if not asks:
            return
        replies: Sequence[Reply] = yield [ask for _, _, ask in asks]
        yield from self._children(asks, replies, around)

    def _seeds(self, around: Surroundings) -> Iterable[Item]:
        text = around.folder.text(self.file)

        def seeds() -> Iterable[Item]:
            seen: dict[str, int] = {}
            for number, (line, row) in enumerate(rows(text, self.file), start=1):
                check_columns(row, ("topic", "question"), self.file)
                topic, question = (str(row[name]).strip() for name in ("topic", "question"))
                if not topic:
                    raise SourceError(f"{self.file!r} line {line}: 'topic' is empty")
                if question.count(self.slot) != 1:
                    raise SourceError(
                        f"{self.file!r} line {line}: the question has the slot {self.slot!r} "
                        f"{question.count(self.slot)} times; it needs it once"
                    )
                if question in seen:
                    raise SourceError(
                        f"{self.file!r} line {line}: the question is that of line {seen[question]}"
                    )
                seen[question] = line
                yield self._item(f"q{number}", question, topic, 0, "", "seed")

        return list(chosen(iter(seeds()), (), self.most, self.file))

    def _item(
        self, key: str, question: str, topic: str, round_: int, parent: str, made: str
    ) -> Item:
        before, _, after = question.partition(self.slot)
        return Item(
            key,
            fields={"before": before, "after": after, "question": question},
            groups={"topic": topic, "round": str(round_), "parent": parent, "made": made},
        )

    def _parents(self, around: Surroundings) -> list[Item]:
        """The best of each topic, topics in order of appearance, earlier questions first among equals."""
        topics: dict[str, list[tuple[float, int, Item]]] = {}
        for place, (key, item) in enumerate(around.items.items()):
            value = _mean(around.scores.get(key, {}).get(self.fitness, ()))
            if value is not None:
                topics.setdefault(item.groups["topic"], []).append((-value, place, item))
        return [
            item
            for ranked in topics.values()
            for _, _, item in sorted(ranked, key=lambda one: one[:2])[: self.best]
        ]

    def _kinds(self, parent: Item, around: Surroundings) -> list[str]:
        """What is done for each child: every second one the same, which first is drawn."""
        first = around.seed.child("mutation", around.round, parent.key).below(len(KINDS))
        return [KINDS[(first + number) % len(KINDS)] for number in range(self.children)]

    def _ask(self, parent: Item, kind: str, number: int) -> Chat:
        fields = {
            "question": str(parent.fields["question"]),
            "topic": parent.groups["topic"],
            "slot": self.slot,
        }
        return Chat(
            role=self.role,
            name=f"{kind}-{parent.key}",
            sample=number,
            messages=(Message("user", render(getattr(self, kind), fields)),),
            decoding=Decoding(temperature=self.temperature, max_tokens=self.max_tokens),
        )

    def _children(
        self,
        asks: Sequence[tuple[Item, str, Chat]],
        replies: Sequence[Reply],
        around: Surroundings,
    ) -> Iterable[Item]:
        known = {str(item.fields["question"]).casefold() for item in around.items.values()}
        count = len(around.items)
        for (parent, kind, _), reply in zip(asks, replies, strict=True):
            question = self._read(reply)
            if question is None or question.casefold() in known or count >= self.most:
                continue
            count += 1
            known.add(question.casefold())
            topic = parent.groups["topic"]
            yield self._item(f"q{count}", question, topic, around.round, parent.key, kind)

    def _read(self, reply: Reply) -> str | None:
        """The first line with one slot, without numbering and quotes; None when there is none.

        A question is text that is put into prompts and never a template: it has no names in braces
        that anything would fill.
        """
        if reply.status not in ("ok", "truncated"):
            return None
        for line in reply.text.splitlines():
            if line.count(self.slot) == 1 and len(line) <= _LONGEST:
                bare = _DRESS.sub("", line).strip()
                return bare if bare.count(self.slot) == 1 else None
        return None


def _mean(scores: Sequence[Score]) -> float | None:
    values = [score.value for score in scores if score.value is not None]
    return sum(values) / len(values) if values else None
