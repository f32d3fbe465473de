"""Every message that gnomon and its plugins can give, read off the sources.

One invariant: a message is found where it is raised or noted, so that none can be missing here; what is filled
in when it is said is shown as …
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gnomon import errors
from gnomon.errors import GnomonError
from gnomon.reference.specs import cell

_ERRORS = tuple(
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, GnomonError) and name != "SpecError"
)
_NOTED = ("fault", "Fault")
_GAP = "…"
_LEAST = 12
_WORDS = 2
_LOADER = ("loading", "structure", "templates.py", "turns.py")
"""Where a fault is put into words by one function and noted by another."""


def messages(root: Path) -> Iterator[tuple[str, str, str]]:
    """(kind, module, message) of every message of the Python files under a folder."""
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if inside.parts[0] in ("templates", "testing", "reference"):
            continue
        module = ".".join((root.name, *inside.with_suffix("").parts)).removesuffix(".__init__")
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from ((kind, module, text) for kind, text in _of_call(node))
            elif isinstance(node, ast.FunctionDef) and node.name == "check":
                # What a plugin's method 'check' says of the spec around it.
                yield from (("SpecError", module, text) for text in _yielded(node))
        if inside.parts[0] in _LOADER:
            yield from (("SpecError", module, text) for text in _sentences(tree))


def _sentences(tree: ast.Module) -> Iterator[str]:
    """Every text of a module that is long enough to be said, docstrings and parts of texts apart."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in skipped:
            text = _flat(node)
            if text.count(" ") >= _WORDS and re.search("[a-z]{3}", text):
                yield text


def _yielded(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Yield) and node.value is not None:
            yield from _texts(node.value)


def _of_call(node: ast.Call) -> Iterator[tuple[str, str]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _ERRORS or name == "ValueError":
        kind = "ValueError" if name == "ValueError" else name
    elif name in _NOTED:
        kind = "SpecError"
    else:
        return
    for argument in node.args:
        for text in _texts(argument):
            if len(text.replace(_GAP, "").strip()) >= _LEAST and " " in text.strip():
                yield kind, text


def _texts(node: ast.expr) -> Iterator[str]:
    """The text of an expression, its parts that are not known as …; both arms of a choice."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
        yield _flat(node)


def _flat(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _flat(part) if isinstance(part, ast.Constant) else _GAP for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _flat(node.left) + _flat(node.right)
    return _GAP


_WHEN = {
    "SpecError": "a spec that is wrong: `file:line:column key.path: message`, all of them at once",
    "ValueError": "an option that a plugin refuses; in a spec shown with its place, in a model string with the model",
}


def messages_page(*roots: Path) -> str:
    """The page ``docs/messages.md``."""
    found: dict[str, dict[str, str]] = {}
    for root in roots:
        for kind, module, text in messages(root):
            found.setdefault(kind, {}).setdefault(cell(text), module)
    lines = [
        "# Messages",
        "",
        "What gnomon says when something is wrong, by the kind of error, and the module that says it. … stands for",
        "what is filled in. They end a command with the exit code 2, `Incomplete` and `WriteError` with 3. Two kinds end",
        "nothing: `CallFailed` fails one call of a run, whose exit code is then 3, and `StatisticError` stands where an",
        "estimate would.",
    ]
    for kind in sorted(found, key=lambda one: (one == "ValueError", one)):
        doc = (getattr(errors, kind, None).__doc__ or "").split("\n")[0] if kind in _ERRORS else ""
        lines += ["", f"## {kind}", "", _WHEN.get(kind) or doc.rstrip("."), ""]
        lines += ["| message | said by |", "|---|---|"]
        lines += [f"| {text} | `{found[kind][text]}` |" for text in sorted(found[kind])]
    return "\n".join([*lines, ""])
