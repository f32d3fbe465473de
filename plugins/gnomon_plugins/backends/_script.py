r"""Answer files of the scripted backend: ordered answers, or rules with a default.

One invariant: a file is read whole and checked before the first ask, and every fault is a sentence with
the file and the number of the rule.

TOML (JSON has the same keys)::

    default = "I would rather not say."     # or answers = ["first", "second"], given out in order

    [[rule]]                                # the first rule that fits answers
    match = "nurse"                         # part of the last user message
    reply = "woman"

    [[rule]]
    regex = "^(Yes|No)\\?"                  # or a regular expression, searched for in it
    probabilities = { yes = 0.8, no = 0.2 } # for 'choose'
    delay = 0.5                             # seconds

In a JSON-lines file each line is an answer (a JSON string) or a rule (an object).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from gnomon import ModelError, did_you_mean

_STATUSES = ("ok", "refused", "filtered", "truncated", "error")
_RULE_KEYS: Mapping[str, tuple[type, ...]] = {
    "match": (str,),
    "regex": (str,),
    "reply": (str,),
    "status": (str,),
    "probabilities": (dict,),
    "delay": (int, float),
    "fail": (str,),
    "retry": (bool,),
    "after": (int, float),
    "fatal": (bool,),
}
_TYPE_NAMES = {str: "a text", dict: "a table", int: "a number", bool: "true or false"}


@attrs.frozen(kw_only=True)
class Rule:
    """One rule: when it fits, and what it answers.

    Attributes:
        match: Text that must be part of the last user message.
        regex: Expression that must be found in the last user message.
        reply: The text answered.
        status: The status of the reply.
        probabilities: Option → probability, for ``choose``; scaled to sum to 1 over the options.
        delay: Seconds before the reply.
        fail: The call fails with this sentence instead.
        retry, after, fatal: What the failure says of itself.
    """

    match: str | None = None
    regex: re.Pattern[str] | None = None
    reply: str = ""
    status: Any = "ok"
    probabilities: Mapping[str, float] | None = None
    delay: float = 0.0
    fail: str | None = None
    retry: bool = False
    after: float | None = None
    fatal: bool = False

    def fits(self, text: str) -> bool:
        """Whether the rule answers to this user message."""
        if self.match is not None and self.match not in text:
            return False
        return self.regex is None or self.regex.search(text) is not None


@attrs.frozen(kw_only=True)
class Script:
    """A checked answer file.

    Attributes:
        answers: Texts given out in order.
        rules: Rules in order.
        default: What is answered when no rule fits; None when that is a failure.
        digest: SHA-256 of the file.
    """

    answers: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    default: str | None = None
    digest: str = ""


def read_script(file: str) -> Script:
    """The script in a ``.toml``, ``.json`` or ``.jsonl`` file.

    Raises:
        ModelError: There is no such file, or it is not in the form above.
    """
    path = Path(file)
    if path.suffix not in (".toml", ".json", ".jsonl"):
        raise ModelError(
            f"{file!r} is no answer file{did_you_mean(file, ('echo', 'fill'))}; scripted takes a file ending in .toml, .json or .jsonl, "
            "or one of: echo, fill"
        )
    if not path.is_file():
        raise ModelError(f"there is no answer file {file!r}")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    script = _structure(file, _parse(file, path.suffix, text))
    return attrs.evolve(script, digest=sha256(data).hexdigest())


def _parse(file: str, suffix: str, text: str) -> Mapping[str, Any]:
    if suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ModelError(f"{file}: not TOML: {error}") from None
    if suffix == ".json":
        value = _json(file, text)
        if isinstance(value, list):
            return {"answers": value}
        if not isinstance(value, dict):
            raise ModelError(
                f"{file}: expected an object or a list of answers, found {text[:40]!r}"
            )
        return value
    lines = [
        _json(f"{file}:{number}", line)
        # Not splitlines: a text of JSON may hold other line ends, such as U+2028, as they are.
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    rules = [line for line in lines if isinstance(line, dict)]
    if rules and len(rules) != len(lines):
        raise ModelError(f"{file}: has both answers and rules; all lines must be of one sort")
    return {"rule": rules} if rules else {"answers": lines}


def _json(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{place}: not JSON: {error}") from None


def _structure(file: str, data: Mapping[str, Any]) -> Script:
    unknown = sorted(set(data) - {"answers", "rule", "default"})
    if unknown:
        raise ModelError(
            f"{file}: unknown key {unknown[0]!r}"
            f"{did_you_mean(unknown[0], ('answers', 'default', 'rule'))}; "
            "an answer file has: answers, default, rule"
        )
    answers, rules, default = data.get("answers", []), data.get("rule", []), data.get("default")
    if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
        raise ModelError(f"{file}: 'answers' must be a list of texts")
    if not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
        raise ModelError(f"{file}: 'rule' must be a list of tables; write [[rule]]")
    if default is not None and not isinstance(default, str):
        raise ModelError(f"{file}: 'default' must be a text, found {default!r}")
    if answers and (rules or default is not None):
        raise ModelError(f"{file}: has both answers in order and rules; keep one of them")
    if not answers and not rules and default is None:
        raise ModelError(f"{file}: holds no answers; give answers, rules, or a default")
    return Script(
        answers=tuple(answers),
        rules=tuple(_rule(f"{file}: rule {n}", rule) for n, rule in enumerate(rules, 1)),
        default=default,
    )


def _rule(place: str, given: Mapping[str, Any]) -> Rule:
    for key, value in given.items():
        if key not in _RULE_KEYS:
            raise ModelError(
                f"{place}: unknown key {key!r}{did_you_mean(key, _RULE_KEYS)}; "
                f"a rule has: {', '.join(_RULE_KEYS)}"
            )
        types = _RULE_KEYS[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ModelError(f"{place}: {key!r} must be {_TYPE_NAMES[types[0]]}, found {value!r}")
    if given.get("status", "ok") not in _STATUSES:
        raise ModelError(
            f"{place}: 'status' must be one of {', '.join(_STATUSES)}, found {given['status']!r}"
        )
    if not {"reply", "probabilities", "fail", "status"} & set(given):
        raise ModelError(
            f"{place}: answers nothing; give 'reply', 'probabilities', 'status' or 'fail'"
        )
    fields = dict(given)
    if "regex" in given:
        try:
            fields["regex"] = re.compile(given["regex"])
        except (re.error, RecursionError, OverflowError) as error:
            raise ModelError(f"{place}: 'regex' is not a regular expression: {error}") from None
    if "probabilities" in given:
        _check_probabilities(place, given["probabilities"])
    if given.get("delay", 0) < 0:
        raise ModelError(f"{place}: 'delay' must be 0 or more seconds, found {given['delay']}")
    return Rule(**fields)


def _check_probabilities(place: str, shares: Mapping[str, Any]) -> None:
    numbers: Sequence[Any] = list(shares.values())
    fine = all(isinstance(p, (int, float)) and not isinstance(p, bool) and p >= 0 for p in numbers)
    if not fine or sum(numbers) <= 0:
        raise ModelError(f"{place}: 'probabilities' must be numbers of 0 or more, not all 0")
