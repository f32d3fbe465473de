"""The format of a spec, block by block, from the classes that are the format.

One invariant: nothing is said here of a key; what is shown stands in the docstring of the class that reads it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import attrs

from gnomon.spec import (
    DecodingKeys,
    Design,
    Draw,
    Expectation,
    ScoreKeys,
    SpecKeys,
    StatisticKeys,
    StopKeys,
    Turn,
    TurnConstraint,
)
from gnomon.structure import OptionDoc, describe_options


@attrs.frozen(kw_only=True)
class Block:
    """One table of a spec.

    Attributes:
        name: What ``describe spec`` calls it.
        heading: How it is written in TOML.
        cls: The class that reads it.
        takes: The kind of plugin whose options stand in it too.
    """

    name: str
    heading: str
    cls: type
    takes: str | None = None


BLOCKS: Mapping[str, Block] = {
    block.name: block
    for block in (
        Block(name="top", heading="the top of the file", cls=SpecKeys),
        Block(name="design", heading="[design]", cls=Design),
        Block(name="draw", heading="[[design.draw]]", cls=Draw),
        Block(name="turn", heading="[[turn]]", cls=Turn),
        Block(name="constraint", heading="[turn.constraint]", cls=TurnConstraint),
        Block(name="decoding", heading="[decoding] and [turn.decoding]", cls=DecodingKeys),
        Block(name="score", heading="[[score]]", cls=ScoreKeys, takes="scorer"),
        Block(name="statistic", heading="[[statistic]]", cls=StatisticKeys, takes="statistic"),
        Block(name="stop", heading="[stop]", cls=StopKeys, takes="statistic"),
        Block(name="expect", heading='[expect] "STATISTIC.QUANTITY"', cls=Expectation),
    )
}


CALLS: Mapping[str, str] = {"stimuli": "source", "procedure": "procedure"}
"""Block → the kind of plugin that ``use`` in it names; it has no keys of its own beside."""


def spec_text(name: str | None = None) -> str | None:
    """The block of that name for the terminal, as its heading has it or by its last word; all unless given."""
    if name is None:
        return "\n\n".join([*map(block_text, BLOCKS.values()), *map(_call_text, CALLS)])
    last = name.strip("[]").rpartition(".")[2]
    if last in CALLS:
        return _call_text(last)
    return block_text(BLOCKS[last]) if last in BLOCKS else None


def _call_text(name: str) -> str:
    kind = CALLS[name]
    return (
        f"[{name}]\n\n'use' names a {kind}, and all other keys are its options: gnomon list {kind}s, and "
        f"gnomon describe {kind} NAME."
    )


def about(cls: type) -> str:
    """A docstring without its table of attributes and without its example."""
    kept = inspect.cleandoc(cls.__doc__ or "")
    for heading in ("\nAttributes:", "\nExample::"):
        kept = kept.split(heading)[0]
    return kept.strip()


def block_text(block: Block) -> str:
    """A block for the terminal."""
    lines = [block.heading, "", about(block.cls), ""]
    for option in describe_options(block.cls):
        lines += option_lines(option)
    if block.takes is not None:
        lines += ["", f"The other keys are options of the {block.takes} that 'use' names."]
    return "\n".join(lines)


def option_lines(option: OptionDoc) -> list[str]:
    """One option for the terminal."""
    default = "required" if option.required else f"default {option.default_text}"
    if not option.required and not option.default_text:
        default = "optional"
    return [f"  {option.name} ({option.type_text}, {default})", f"      {option.help}"]


def option_table(options: Sequence[OptionDoc]) -> list[str]:
    """Options as a table in Markdown."""
    if not options:
        return ["It has no options."]
    lines = ["| key | holds | default | meaning |", "|---|---|---|---|"]
    for option in options:
        default = "required" if option.required else cell(f"`{option.default_text}`")
        if not option.required and not option.default_text:
            default = "–"
        lines.append(
            f"| `{option.name}` | {cell(option.type_text)} | {default} | {cell(option.help)} |"
        )
    return lines


def cell(text: str) -> str:
    """A text that cannot break a table: one line, no bars, double quotes of code made single."""
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def spec_page() -> str:
    """The page ``docs/spec.md``."""
    lines = [
        "# The spec",
        "",
        "A measure is one TOML file; these are all the keys it may hold. `gnomon describe spec` shows the same,",
        "`gnomon describe spec BLOCK` one block. A spec holds no code and names no model.",
        "",
        "An editor that reads JSON Schema (Even Better TOML, taplo) completes and checks a spec that begins with",
        "`#:schema PATH/spec.schema.json`. The schema beside this page knows the plugins that ship with gnomon;",
        "`gnomon describe schema > spec.schema.json` writes one that knows yours too.",
        "",
    ]
    for block in BLOCKS.values():
        lines += [f"## {block.heading}", "", _markdown(about(block.cls)), ""]
        lines += option_table(describe_options(block.cls))
        if block.takes is not None:
            lines += [
                "",
                f"All other keys are options of the {block.takes} that `use` names: see"
                " [plugins.md](plugins.md).",
            ]
        lines.append("")
    lines += [
        "## [stimuli] and [procedure]",
        "",
        "`use` names a source or a procedure; all other keys are its options: see [plugins.md](plugins.md).",
        "",
        "What is said of a spec that is wrong stands in [messages.md](messages.md).",
        "",
    ]
    return "\n".join(lines)


def _markdown(text: str) -> str:
    return text.replace("``", "`")
