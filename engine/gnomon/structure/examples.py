"""How a plugin's docstring opens, which lists show, and its example: what ``describe`` shows and the conformance
kit makes an instance of.

One invariant: there is one example a class, it stands in the docstring under ``Example::``, and it is
what a user would write: a block of a spec, or the part of a command line that names the plugin.
"""

from __future__ import annotations

import inspect
import shlex
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from gnomon.spec import ScoreKeys, StatisticKeys, StopKeys
from gnomon.structure.walker import key_names

_HEADING = "Example::"
_BLOCKS = {
    "sources": ("stimuli", ("use",)),
    "procedures": ("procedure", ("use",)),
    "scorers": ("score", key_names(ScoreKeys)),
    "statistics": ("statistic", key_names(StatisticKeys)),
}
_FLAGS = {"backends": "--model", "executors": "--on"}


def opening(cls: type) -> str:
    """What a docstring opens with, on one line: up to the first line that ends a sentence."""
    taken: list[str] = []
    for line in inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].splitlines():
        taken.append(line.strip())
        if line.rstrip().endswith((".", "?", "!")):
            break
    return " ".join(taken).replace("``", "`")


def example_of(cls: type) -> str:
    """The text of the example, its indentation taken away; empty when there is none."""
    lines = inspect.cleandoc(cls.__doc__ or "").splitlines()
    if _HEADING not in lines:
        return ""
    block = []
    for line in lines[lines.index(_HEADING) + 1 :]:
        if line.strip() and not line.startswith(" "):
            break
        block.append(line)
    return inspect.cleandoc("\n" + "\n".join(block)).strip()


def example_options(kind: str, name: str, example: str) -> Mapping[str, Any]:
    """The options that an example gives to the plugin of that kind and name.

    For a backend the only option is ``model``, with all that stands in the model string.

    Raises:
        ValueError: The example does not name the plugin where a plugin of that kind is named.
    """
    if kind in _FLAGS:
        return _on_a_command_line(kind, name, example)
    block = example_block(kind, name, example)
    if kind == "corrections":
        return {}
    own = key_names(StopKeys) if "half_width" in block or "decision" in block else _BLOCKS[kind][1]
    return {key: value for key, value in block.items() if key not in own}


def example_block(kind: str, name: str, example: str) -> Mapping[str, Any]:
    """The block of an example in TOML that calls the plugin of that kind and name.

    Raises:
        ValueError: There is none.
    """
    try:
        data = tomllib.loads(example)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the example is not TOML: {error}") from None
    if kind == "corrections":
        blocks = data.get("statistic", [])
        if not any(block.get("correction") == name for block in blocks):
            raise ValueError(f'the example has no [[statistic]] with correction = "{name}"')
        return next(block for block in blocks if block.get("correction") == name)
    table, _ = _BLOCKS[kind]
    if kind == "statistics" and "stop" in data:
        table = "stop"
    given = data.get(table, [])
    blocks = given if isinstance(given, list) else [given]
    for block in blocks:
        if block.get("use") == name:
            return dict(block)
    brackets = f"[[{table}]]" if kind in ("scorers", "statistics") else f"[{table}]"
    raise ValueError(f'the example has no {brackets} with use = "{name}"')


def _on_a_command_line(kind: str, name: str, example: str) -> Mapping[str, Any]:
    flag = _FLAGS[kind]
    words = shlex.split(example.replace("\\\n", " "), comments=True)
    for before, word in pairwise(words):
        if before == flag and kind == "executors" and word.partition("?")[0] == name:
            return {}
        model = word.partition("=")[2] if before == "--role" else word
        if before in (flag, "--role") and model.startswith(f"{name}:"):
            return {"model": model}
    raise ValueError(f"the example has no {flag} {name}{':…' if kind == 'backends' else ''}")
