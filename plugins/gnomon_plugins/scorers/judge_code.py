"""``judge-code``: another model reads a reply and answers with one of a few words.

One invariant: what the judge says becomes a number only when it is one of the words that have a number;
a judge that says anything else leaves the trial unparsed, and a word that stands for "there is nothing to
judge" leaves it missing under its own status.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar, Literal

import attrs

from gnomon import (
    Ask,
    Chat,
    Constraint,
    Decoding,
    Message,
    Planted,
    Reply,
    Score,
    ScoreStatus,
    SourceError,
    Trial,
    TrialRecord,
    Wanted,
    did_you_mean,
    listing,
    render,
)
from gnomon_plugins.scorers._codes import stated
from gnomon_plugins.scorers._fields import reply_of
from gnomon_plugins.scorers._pairs import excerpt, plain

Missing = Literal["refused", "unparsed", "filtered", "truncated", "error"]
_READABLE = ("ok", "truncated")
_DECIDED = re.compile("«([^«»]*)»")
"""How a planted answer marks the word that a planted judge is to find in its prompt."""


@attrs.frozen(kw_only=True)
class JudgeCode:
    """Asks the judge about one reply of the trial and turns its one-word answer into a number.

    All texts are templates that can name the trial's fields and its replies, the words of the judge
    included, so that the judge can be asked for a label that was drawn. The worked examples go
    before the prompt as a conversation. The detail holds the prompt's version and the judge's words.

    Example::

        [[score]]
        use = "judge-code"
        of = "reply"
        version = "1"
        prompt = "Does this text decline to answer? Say yes or no.\\n\\n{reply}"
        codes = { yes = 1.0, no = 0.0 }

    Attributes:
        of: The name of the reply that is judged. When it did not come, the judge is not asked and
            the score has that reply's status.
        role: The role that is asked.
        version: Version of the prompt; change it whenever the prompt, the examples or the codes change.
        system: System message for the judge; none unless given.
        prompt: What the judge is asked.
        examples: Worked examples, asked and answered in turn: question, answer, question, answer, …
        codes: The judge's word → its number.
        missing: The judge's word → the status of a score without a number, such as ``refused``
            for a reply that declined, or ``unparsed`` for one that does not say.
        max_tokens: Most tokens of the judge's answer.
        temperature: Of the judge; 0 is greedy.
        held: Hold the judge to the words by a constraint: in runs of the ``constrained`` format, or
            in all runs (``always``), or in none (``never``).
    """

    name: ClassVar[str] = "judge-code"
    # The reply that is judged may be fine although a later one failed.
    accepts: ClassVar[tuple[str, ...]] = ("ok", "truncated", "refused", "filtered", "error")
    parts: ClassVar[tuple[str, ...]] = ()

    of: str
    prompt: str
    version: str
    codes: Mapping[str, float]
    missing: Mapping[str, Missing] = attrs.field(factory=dict)
    role: str = "judge"
    system: str | None = None
    examples: tuple[str, ...] = ()
    max_tokens: int = 16
    temperature: float = 0.0
    held: Literal["constrained", "always", "never"] = "constrained"

    def __attrs_post_init__(self) -> None:
        if not self.codes:
            raise ValueError("'codes' is empty; give each word of the judge its number")
        if len(self.examples) % 2:
            raise ValueError(
                f"'examples' are pairs of question and answer, but there are {len(self.examples)} texts"
            )
        if self.max_tokens < 1:
            raise ValueError(f"'max_tokens' must be at least 1, not {self.max_tokens}")

    def check(self, keys: Any) -> Iterator[str]:
        """What is wrong with this block in a spec: it judges a reply that no turn brings."""
        names = [turn.name for turn in keys.turn if turn.assistant is None]
        if names and self.of not in names:
            yield (
                f"'of' names the reply {self.of!r}{did_you_mean(self.of, names)}, "
                f"which no turn brings; there are: {listing(names)}"
            )

    def score(self, record: TrialRecord) -> Generator[Ask, Reply, Score]:
        """Asks the judge, unless there is nothing to judge, and returns the score.

        Raises:
            SourceError: Two words of the judge come out the same.
            TemplateError: A template has a slot that is no field or reply of the trial.
        """
        judged = reply_of(record, self.of)
        if isinstance(judged, str):
            return Score(name=self.name, value=None, status=judged)
        said = {exchange.ask.name: exchange.reply.text for exchange in record.exchanges}
        fields = {**record.trial.fields, **said}
        words = self._words(fields)
        held = self.held == "always" or (
            self.held == "constrained" and record.trial.format == "constrained"
        )
        answer = yield Chat(
            role=self.role,
            name=f"{self.of}-code",
            messages=self._messages(fields),
            decoding=Decoding(temperature=self.temperature, max_tokens=self.max_tokens),
            constraint=Constraint(pattern=(tuple(words),)) if held else None,
        )
        return self._read(answer, judged, words)

    def hint(self, record: TrialRecord) -> str:
        """What would have been read of the judge."""
        said = {exchange.ask.name: exchange.reply.text for exchange in record.exchanges}
        words = list(self._words({**record.trial.fields, **said}))
        return f"one of {', '.join(words)} from the {self.role}, alone or as the last line"

    def plant(self, ask: Ask, trial: Trial, wanted: Wanted) -> Planted | None:
        """The answer that is judged, or the judge's reading of it.

        The answer decides for the word with the greatest number, or the one with the least, so that
        the mean number is their middle plus the effect. A planted judge reads what its prompt shows.

        Raises:
            UsageError: The effect is beyond half the distance of the two numbers.
        """
        if ask.role == self.role and ask.name == f"{self.of}-code" and isinstance(ask, Chat):
            return Planted(self._reading(ask, self._words(trial.fields), wanted))
        if ask.role != "subject" or ask.name != self.of or ask.kind != "chat":
            return None
        low_word, high_word = (find(self.codes, key=self.codes.__getitem__) for find in (min, max))
        low, high = self.codes[low_word], self.codes[high_word]
        reach = (high - low) / 2
        effect = wanted.within(-reach, reach, f"codes from {low:g} to {high:g}")
        low_word, high_word = (render(word, trial.fields) for word in (low_word, high_word))
        chance = 0.5 + (effect / (2 * reach) if reach else 0.0)
        chance += wanted.pull(high_word, low_word, ask)
        word = high_word if wanted.seed.uniform() < chance else low_word
        return Planted(f"I decide: «{word}».", low + reach + effect)

    def _reading(self, ask: Chat, words: Mapping[str, float | ScoreStatus], wanted: Wanted) -> str:
        decided = _DECIDED.findall(ask.messages[-1].content)
        word = decided[-1] if decided and decided[-1] in words else None
        if word is None:
            unsaid = [one for one, meaning in words.items() if meaning == "unparsed"]
            return unsaid[0] if unsaid else "I cannot tell from this text."
        coded = [one for one, meaning in words.items() if not isinstance(meaning, str)]
        others = [one for one in coded if one != word]
        return wanted.seed.pick(others) if wanted.misread and others else word

    def _words(self, fields: Mapping[str, Any]) -> dict[str, float | ScoreStatus]:
        """The judge's words for this trial with what each stands for."""
        out: dict[str, float | ScoreStatus] = {}
        for word, meaning in (*self.codes.items(), *self.missing.items()):
            filled = render(word, fields)
            if plain(filled) in map(plain, out):
                raise SourceError(f"the judge's word {filled!r} stands for two things at once")
            out[filled] = meaning
        return out

    def _messages(self, fields: Mapping[str, Any]) -> tuple[Message, ...]:
        messages = [] if self.system is None else [Message("system", render(self.system, fields))]
        for index, text in enumerate((*self.examples, self.prompt)):
            messages.append(Message("assistant" if index % 2 else "user", render(text, fields)))
        return tuple(messages)

    def _read(
        self, answer: Reply, judged: Reply, words: Mapping[str, float | ScoreStatus]
    ) -> Score:
        detail: dict[str, Any] = {"judge": excerpt(answer.text), "version": self.version}
        meanings = {plain(word): meaning for word, meaning in words.items()}
        word = stated(answer.text, meanings) if answer.status in _READABLE else None
        if answer.status != "ok":
            detail["judge_status"] = answer.status
        if word is None:
            # Also when the judge failed: it is not the subject that refused.
            return Score(name=self.name, value=None, status="unparsed", detail=detail)
        detail["code"] = word
        meaning = meanings[word]
        if isinstance(meaning, str):
            return Score(name=self.name, value=None, status=meaning, detail=detail)
        return Score(name=self.name, value=meaning, status=judged.status, detail=detail)
