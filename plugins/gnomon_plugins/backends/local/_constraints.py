"""Constraints in the words of llama.cpp.

One invariant: a reply is never asked for under a constraint that llama.cpp would silently drop. Its
engine for regular expressions and JSON Schemas does so when it cannot read one, so each is tried once
behind a word that must come out.
"""

from __future__ import annotations

import json
import threading

from gnomon import CallFailed, Constraint
from gnomon_plugins.backends._gbnf import pattern_to_gbnf
from gnomon_plugins.backends.local._server import Server, captured_stderr

_HEAD = "%llguidance {}\n"
_WORD = "qzx"
_REMEMBERED = 4096


class Constraints:
    """Turns constraints into grammars, trying each new one once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tried: dict[Constraint, str] = {}

    def grammar(self, constraint: Constraint, server: Server) -> str:
        """The grammar text for a constraint.

        Raises:
            CallFailed: llama.cpp cannot hold a reply to it.
        """
        if constraint.pattern is not None:
            try:
                return pattern_to_gbnf(constraint.pattern)
            except ValueError as error:
                raise CallFailed(
                    f"the constraint cannot be written as a grammar: {error}"
                ) from error
        with self._lock:
            if constraint not in self._tried:
                while len(self._tried) >= _REMEMBERED:
                    del self._tried[next(iter(self._tried))]
                self._tried[constraint] = _tried(constraint, server)
            return self._tried[constraint]


def _tried(constraint: Constraint, server: Server) -> str:
    if constraint.grammar is not None:
        _try_gbnf(constraint.grammar, server)
        return constraint.grammar
    if not _has_engine():
        raise CallFailed(
            f"this build of xllamacpp cannot hold a reply to a {constraint.form}; "
            "use a pattern or a grammar, or install xllamacpp from its published wheels"
        )
    if constraint.regex is not None:
        body = _regex_body(constraint.regex)
        hint = "look-around, back-references and anchors are beyond it"
    else:
        body = _schema_body(constraint.json_schema or "")
        hint = "a keyword of it may be beyond llama.cpp, or misspelt"
    begun = _begins_with_word(f'{_HEAD}start: "{_WORD}" body\nbody: {body}', server)
    if not begun:
        raise CallFailed(
            f"llama.cpp cannot hold a reply to the {constraint.form.replace('_', ' ')} "
            f"{constraint.regex or constraint.json_schema!r}; {hint}"
        )
    return f"{_HEAD}start: {body}"


def _has_engine() -> bool:
    """Whether this build compiles schemas with llguidance; one without it would abort the process."""
    import xllamacpp

    return str(xllamacpp.json_schema_to_grammar('{"type":"string"}')).startswith("%llguidance")


def _regex_body(regex: str) -> str:
    out: list[str] = []
    escaped = False
    for character in regex:
        if character == "/" and not escaped:
            out.append("\\/")
        elif character == "\n":
            out.append("n" if escaped else "\\n")
        else:
            out.append(character)
        escaped = character == "\\" and not escaped
    return "/" + "".join(out) + "/"


def _schema_body(schema: str) -> str:
    try:
        value = json.loads(schema)
    except ValueError as error:
        raise CallFailed(f"the JSON Schema is not JSON: {error}") from error
    if isinstance(value, dict):
        # Free white space lets small models write blank lines for ever.
        value = {**value, "x-guidance": {"whitespace_flexible": False}}
    return "%json " + json.dumps(value)


def _begins_with_word(grammar: str, server: Server) -> bool:
    answer = server.complete(
        {"prompt": "a", "n_predict": 6, "temperature": 0.0, "grammar": grammar}
    )
    return str(answer["choices"][0]["text"]).startswith(_WORD)


def _try_gbnf(grammar: str, server: Server) -> None:
    if grammar.lstrip().startswith("%"):
        raise CallFailed(
            "the grammar begins with '%', which is not GBNF; a GBNF grammar has a line 'root ::= …'"
        )
    try:
        with captured_stderr() as lines:
            server.complete({"prompt": "a", "n_predict": 1, "temperature": 0.0, "grammar": grammar})
    except CallFailed as error:
        said = next((line for line in lines if line.startswith("parse:")), "").strip()
        raise CallFailed(
            f"llama.cpp cannot read the grammar ({said or error.message}); "
            "a GBNF grammar has a line 'root ::= …'"
        ) from error
