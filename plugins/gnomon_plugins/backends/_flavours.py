"""What kinds of OpenAI-compatible servers differ in: constraints, continuation, and what they return.

One invariant: a constraint that a server would ignore is never sent: it is not among the flavour's
``constraints``, so a measure that needs it is refused before the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from gnomon import CallFailed, Constraint
from gnomon_plugins.backends._gbnf import pattern_to_gbnf
from gnomon_plugins.backends._openai_shape import response_format
from gnomon_plugins.backends._regular import pattern_to_regex, to_gbnf

FlavourName = Literal["openai", "vllm", "sglang", "llama.cpp", "ollama"]
Body = dict[str, Any]


@attrs.frozen(kw_only=True)
class Flavour:
    """One kind of server.

    Attributes:
        constraints: Form of constraint → the keys of the body that hold a reply to it.
        logprobs: It returns log-probabilities.
        continues: Keys of the body that make it continue a last assistant message; None when it cannot.
        echoes: It gives the continued message back in front of the reply.
        loglik: It can echo a prompt with the log-probabilities of its tokens.
    """

    constraints: Mapping[str, Callable[[Constraint], Body]]
    logprobs: bool = True
    continues: Mapping[str, Any] | None = None
    echoes: bool = False
    loglik: bool = False

    def hold(self, constraint: Constraint, who: str) -> Body:
        """The keys that hold a reply to the constraint.

        Raises:
            CallFailed: The server cannot, or the expression cannot be turned into a grammar.
        """
        if constraint.form not in self.constraints:
            known = ", ".join(sorted(self.constraints)) or "none"
            raise CallFailed(
                f"{who} cannot hold a reply to a constraint of form {constraint.form!r}; "
                f"it knows: {known}",
                fatal=True,
            )
        try:
            return self.constraints[constraint.form](constraint)
        except ValueError as error:
            raise CallFailed(f"{who}: {error}", fatal=True) from None


def _regex_of(constraint: Constraint) -> str:
    assert constraint.pattern is not None
    return pattern_to_regex(constraint.pattern)


def _vllm_pattern(constraint: Constraint) -> Body:
    parts = constraint.pattern or ()
    if len(parts) == 1 and not isinstance(parts[0], str):
        return {"structured_outputs": {"choice": list(parts[0])}}
    return {"structured_outputs": {"regex": _regex_of(constraint)}}


def _schema(constraint: Constraint) -> Body:
    return {"response_format": response_format(constraint.json_schema or "{}")}


FLAVOURS: Mapping[FlavourName, Flavour] = {
    "openai": Flavour(constraints={"json_schema": _schema}),
    # vLLM 0.12 and later; before it these were called guided_*.
    "vllm": Flavour(
        constraints={
            "pattern": _vllm_pattern,
            "regex": lambda c: {"structured_outputs": {"regex": c.regex}},
            "grammar": lambda c: {"structured_outputs": {"grammar": c.grammar}},
            "json_schema": lambda c: {
                "structured_outputs": {"json": json.loads(c.json_schema or "{}")}
            },
        },
        continues={"continue_final_message": True, "add_generation_prompt": False},
        loglik=True,
    ),
    "sglang": Flavour(
        constraints={
            "pattern": lambda c: {"regex": _regex_of(c)},
            "regex": lambda c: {"regex": c.regex},
            "grammar": lambda c: {"ebnf": c.grammar},
            "json_schema": _schema,
        },
        continues={"continue_final_message": True},
    ),
    "llama.cpp": Flavour(
        constraints={
            "pattern": lambda c: {"grammar": pattern_to_gbnf(c.pattern or ())},
            "regex": lambda c: {"grammar": to_gbnf(c.regex or "")},
            "grammar": lambda c: {"grammar": c.grammar},
            "json_schema": _schema,
        },
        continues={},
        echoes=True,
    ),
    # Only its latest versions return log-probabilities; for those use the flavour openai.
    "ollama": Flavour(constraints={"json_schema": _schema}, logprobs=False),
}
